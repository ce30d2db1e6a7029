// SPDX-License-Identifier: GPL-3.0-or-later
#include "util/time.hpp"

#include "util/text.hpp"

#include <array>
#include <cstdio>
#include <ctime>

namespace minivisor::util {

std::string utc_text(std::chrono::system_clock::time_point time)
{
    using namespace std::chrono;
    auto const whole = floor<seconds>(time);
    std::time_t const unix_time = system_clock::to_time_t(whole);
    std::tm parts{};
    gmtime_r(&unix_time, &parts);
    std::array<char, 32> date;
    auto const length = std::strftime(date.data(), date.size(), "%Y-%m-%dT%H:%M:%S", &parts);
    std::array<char, 32> micros;
    std::snprintf(
        micros.data(), micros.size(), ".%06ldZ", static_cast<long>(duration_cast<microseconds>(time - whole).count()));
    return cat(std::string_view(date.data(), length), micros.data());
}

} // namespace minivisor::util
