// SPDX-License-Identifier: GPL-3.0-or-later
#include "util/time.hpp"

#include <catch2/catch.hpp>

namespace minivisor::util {

TEST_CASE("a point in time is written in UTC with microseconds")
{
    using namespace std::chrono;
    auto const begin = system_clock::time_point();
    CHECK(utc_text(begin) == "1970-01-01T00:00:00.000000Z");
    CHECK(utc_text(begin + seconds(1'795'338'316) + microseconds(42)) == "2026-11-22T09:05:16.000042Z");
    CHECK(utc_text(begin - microseconds(1)) == "1969-12-31T23:59:59.999999Z");
}

} // namespace minivisor::util
