// SPDX-License-Identifier: GPL-3.0-or-later
#include "crypto/expiry.hpp"

#include <catch2/catch.hpp>

using namespace minivisor::crypto;
using std::chrono::days;
using std::chrono::seconds;

namespace {

constexpr std::chrono::sys_seconds start{seconds(1'800'000'000)};

struct Announced {
    Expiry expiry;
    std::vector<Lasting> all{{"tls0", "aa", start + days(40)}};

    /// Those that are due so long after the start, by their fingerprints.
    std::string at(seconds later)
    {
        std::string text;
        for (auto const i : expiry.due(all, start + later))
            text += all[i].fingerprint;
        return text;
    }
};

} // namespace

TEST_CASE("the days of warning are 30, 7, 1 and none, to the second")
{
    auto const left = [](seconds s) { return days_of_warning(start + s, start).value_or(-1); };
    CHECK(left(days(30) + seconds(1)) == -1);
    CHECK(left(days(30)) == 30);
    CHECK(left(days(7) + seconds(1)) == 30);
    CHECK(left(days(7)) == 7);
    CHECK(left(days(1) + seconds(1)) == 7);
    CHECK(left(days(1)) == 1);
    CHECK(left(seconds(0)) == 1);
    CHECK(left(seconds(-1)) == 0);
    CHECK(left(days(-4000)) == 0);
    CHECK(days_of_warning(std::chrono::sys_seconds::min(), start) == 0);
}

TEST_CASE("each stage is announced once")
{
    Announced it;
    std::string seen;
    for (int hour = 0; hour < 50 * 24; ++hour)
        if (!it.at(std::chrono::hours(hour)).empty())
            seen += std::to_string(hour) + " ";
    CHECK(seen == "240 792 936 961 ");
}

TEST_CASE("of several stages that are passed at once only the latest is announced")
{
    Announced it;
    CHECK(it.at(days(35)) == "aa");
    CHECK(it.at(days(35)) == "");
    Announced late;
    CHECK(late.at(days(100)) == "aa");
    CHECK(late.at(days(200)) == "");
}

TEST_CASE("a clock that is set back lets stages come again, one that jumps ahead passes them")
{
    Announced it;
    CHECK(it.at(days(39)) == "aa");
    CHECK(it.at(days(0)) == "");
    CHECK(it.at(days(11)) == "aa");
    CHECK(it.at(days(41)) == "aa");
    CHECK(it.at(days(34)) == "");
    CHECK(it.at(days(41)) == "aa");
}

TEST_CASE("a certificate in another's place is judged by itself, and one that is gone is forgotten")
{
    Announced it;
    CHECK(it.at(days(35)) == "aa");
    it.all = {{"tls0", "bb", start + days(400)}};
    CHECK(it.at(days(36)) == "");
    it.all = {{"tls0", "aa", start + days(40)}, {"tls1", "aa", start + days(40)}};
    CHECK(it.at(days(36)) == "aaaa");
    it.all.push_back({"tls0", "aa", start + days(40)});
    CHECK(it.at(days(36)) == "");
}
