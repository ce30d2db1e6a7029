// SPDX-License-Identifier: GPL-3.0-or-later
#include "migration/throttle.hpp"

#include <catch2/catch.hpp>

#include <vector>

namespace minivisor::migration {
namespace {

using namespace std::chrono_literals;

struct Slowed {
    explicit Slowed(ThrottleOptions options)
        : throttle(
            options, [this](int percent) { told.push_back(percent); }, start)
    {
    }
    /// A period in which `sent` bytes went, and `dirtied` became dirty.
    int after(std::uint64_t sent, std::uint64_t dirtied, Throttle::Clock::duration time = 1s)
    {
        now += time;
        all += sent;
        throttle.look(all, dirtied, now);
        return throttle.percent();
    }

    Throttle::Clock::time_point start{};
    Throttle::Clock::time_point now = start;
    std::uint64_t all = 0;
    std::vector<int> told;
    Throttle throttle;
};

TEST_CASE("throttle: twice too much in a row of periods is one step, up to the most")
{
    Slowed guest({.enabled = true, .initial = 20, .increment = 50, .maximum = 80});
    CHECK(guest.after(1000, 600) == 0);
    CHECK(guest.after(1000, 501) == 20);
    CHECK(guest.after(1000, 501) == 20);
    CHECK(guest.after(1000, 501) == 70);
    CHECK(guest.after(1000, 501) == 70);
    CHECK(guest.after(1000, 501) == 80);
    CHECK(guest.told == std::vector{20, 70, 80});
}

TEST_CASE("throttle: what may be dirty is a share of what was sent, and less than a second is no period")
{
    Slowed guest({.enabled = true, .trigger = 50});
    for (int i = 0; i < 4; ++i)
        CHECK(guest.after(1000, 500) == 0);
    for (int i = 0; i < 9; ++i)
        CHECK(guest.after(0, 1000, 100ms) == 0);
    CHECK(guest.after(0, 0, 100ms) == 0); // the first period too many
    CHECK(guest.after(0, 1) == 20);
}

TEST_CASE("throttle: with tailslow the last steps are no larger than needed")
{
    Slowed guest({.enabled = true, .initial = 20, .increment = 30, .tailslow = true});
    guest.after(1000, 1000);
    CHECK(guest.after(1000, 1000) == 20);
    guest.after(1000, 1000);
    CHECK(guest.after(1000, 600) == 34); // 80 % of the time make 600; 66 % would make 500
}

TEST_CASE("throttle: off it does nothing, and at its end the guest is let go")
{
    Slowed off({.enabled = false});
    for (int i = 0; i < 5; ++i)
        CHECK(off.after(10, 1000) == 0);
    std::vector<int> told;
    {
        Throttle throttle({.enabled = true}, [&](int percent) { told.push_back(percent); }, {});
        throttle.look(0, 10, Throttle::Clock::time_point(1s));
        throttle.look(0, 10, Throttle::Clock::time_point(2s));
    }
    CHECK(told == std::vector{20, 0});
}

} // namespace
} // namespace minivisor::migration
