// SPDX-License-Identifier: GPL-3.0-or-later
#include "hmp/progress.hpp"

#include "util/text.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>
#include <vector>

namespace minivisor::hmp {

namespace {

constexpr double bytes_per_mib = 1 << 20;
constexpr std::size_t widest_bar = 40;
constexpr std::size_t narrowest_bar = 8;

std::string with_one_digit(double number)
{
    std::array<char, 64> text{};
    std::snprintf(text.data(), text.size(), "%.1f", number);
    return text.data();
}

std::string mebibytes(double bytes) { return with_one_digit(bytes / bytes_per_mib); }

std::string seconds(double time)
{
    if (time < 100)
        return with_one_digit(time) + " s";
    auto const whole = static_cast<std::uint64_t>(time);
    return cat(whole / 60, " min ", whole % 60, " s");
}

/// What is told beside the bar, the most important first.
std::vector<std::string> facts(qapi::MigrationInfo const& info, qapi::MigrationStats const& ram)
{
    auto const done = static_cast<double>(ram.total - ram.remaining);
    auto const rate = ram.mbps * 1e6 / 8;
    auto const dirty = static_cast<double>(ram.dirty_pages_rate) * static_cast<double>(ram.page_size);
    std::vector<std::string> list{
        cat(mebibytes(done), "/", mebibytes(static_cast<double>(ram.total)), " MiB"), cat(mebibytes(rate), " MiB/s")};
    if (info.status == qapi::MigrationStatus::completed) {
        list.push_back(cat("in ", seconds(static_cast<double>(info.total_time.value_or(0)) / 1000)));
        if (info.downtime)
            list.push_back(cat("downtime ", *info.downtime, " ms"));
        return list;
    }
    // What the guest dirties has to be sent again.
    auto const left = static_cast<double>(ram.remaining) / (rate - dirty);
    list.push_back(rate > dirty && left < 1e7 ? seconds(left) + " left" : "? left");
    list.push_back(cat("dirty ", mebibytes(dirty), " MiB/s"));
    if (info.status != qapi::MigrationStatus::active)
        list.push_back(qapi::wire_name(*info.status));
    return list;
}

} // namespace

std::string progress_line(qapi::MigrationInfo const& info, unsigned columns, bool colors)
{
    std::size_t const room = columns > 1 ? columns - 1 : 0;
    if (!info.ram || !info.status || info.ram->total <= 0) {
        std::string const text = info.status ? qapi::wire_name(*info.status) : "waiting";
        return cat("migrate: ", text).substr(0, room);
    }
    auto const share = std::clamp(
        static_cast<double>(info.ram->total - info.ram->remaining) / static_cast<double>(info.ram->total), 0.0, 1.0);
    // 100 % is only what has arrived.
    bool const over = info.status == qapi::MigrationStatus::completed;
    auto const percent = over ? 100 : std::min(99, static_cast<int>(share * 100));
    auto const number = std::to_string(percent);
    auto text = cat(std::string(3 - number.size(), ' '), number, "%");
    for (auto const& fact : facts(info, *info.ram)) {
        if (text.size() + 2 + fact.size() > room)
            break;
        text += cat("  ", fact);
    }
    if (text.size() + narrowest_bar + 3 > room)
        return text.substr(0, room);
    auto const width = std::min(widest_bar, room - text.size() - 3);
    auto const filled = over ? width : std::min(width, static_cast<std::size_t>(share * static_cast<double>(width)));
    return cat("[", colors ? "\x1b[32m" : "", std::string(filled, '#'), colors ? "\x1b[0m" : "",
        std::string(width - filled, '-'), "] ", text);
}

} // namespace minivisor::hmp
