// SPDX-License-Identifier: GPL-3.0-or-later
#include "hw/ports.hpp"

#include <catch2/catch.hpp>

#include <ctime>
#include <vector>

namespace minivisor::hw {
namespace {

using What = GuestWish::What;

struct Wishes {
    OnWish take()
    {
        return [this](GuestWish wish) { all.push_back(wish); };
    }
    std::vector<GuestWish> all;
};

TEST_CASE("reset: the keyboard controller's pulse and the control register, and nothing else")
{
    Wishes wishes;
    ResetPort keyboard(ResetPort::Kind::keyboard, wishes.take());
    ResetPort control(ResetPort::Kind::control, wishes.take());
    CHECK(keyboard.write(0, 0xd1) == Then::go_on);
    CHECK(control.write(0, 0x02) == Then::go_on);
    CHECK(wishes.all.empty());
    CHECK(keyboard.write(0, 0xfe) == Then::rest);
    CHECK(control.write(0, 0x06) == Then::rest);
    REQUIRE(wishes.all.size() == 2);
    CHECK(wishes.all[0].what == What::reset);
    CHECK(wishes.all[1].what == What::reset);
}

TEST_CASE("power: the button raises its interrupt where the guest wants it, and SLP_EN turns off")
{
    Wishes wishes;
    PortBus bus;
    bool irq = false;
    PowerPorts power(
        bus, [&](bool level) { irq = level; }, wishes.take());
    bus.add(PowerPorts::first, PowerPorts::port_count, power);
    power.press_button();
    CHECK_FALSE(irq);
    CHECK(bus.read(0x600, 2) == 0x100);
    bus.write(0x602, 2, 0x100);
    CHECK(irq);
    bus.write(0x600, 2, 0x100); // a one clears
    CHECK_FALSE(irq);
    CHECK(bus.read(0x600, 2) == 0);
    power.press_button();
    CHECK(irq);
    CHECK(bus.write(0x604, 2, 0x0400) == Then::go_on);
    CHECK(bus.write(0x604, 2, 0x2400) == Then::rest);
    REQUIRE(wishes.all.size() == 1);
    CHECK(wishes.all[0].what == What::power_off);
    CHECK(bus.read(0x604, 2) == 0x0400);
    power.reset();
    CHECK_FALSE(irq);
}

TEST_CASE("debug exit: the whole value, whatever its width")
{
    Wishes wishes;
    DebugExitPort exit(wishes.take());
    CHECK(exit.write(0, 3) == Then::rest);
    CHECK(exit.write_wide(0, 4, 0x100) == Then::rest);
    CHECK(wishes.all.at(0).status == 7);
    CHECK(wishes.all.at(1).status == 0x201);
}

struct Clock {
    Clock() { bus.add(RealTimeClock::first, RealTimeClock::port_count, rtc); }
    unsigned read(std::uint8_t reg)
    {
        bus.write(0x70, 1, reg);
        return bus.read(0x71, 1);
    }
    void write(std::uint8_t reg, std::uint8_t value)
    {
        bus.write(0x70, 1, reg);
        bus.write(0x71, 1, value);
    }

    PortBus bus;
    RealTimeClock rtc{std::uint64_t{3} << 30, std::uint64_t{5} << 30, 4};
};

TEST_CASE("clock: it tells the date that it was set to, in BCD and in binary")
{
    Clock clock;
    for (auto const& [reg, value] : std::vector<std::pair<std::uint8_t, std::uint8_t>>{
             {0x32, 0x20}, {9, 0x31}, {8, 0x01}, {7, 0x30}, {4, 0x23}, {2, 0x15}, {0, 0x00}})
        clock.write(reg, value);
    CHECK(clock.read(0x32) == 0x20);
    CHECK(clock.read(9) == 0x31);
    CHECK(clock.read(8) == 0x01);
    CHECK(clock.read(7) == 0x30);
    CHECK(clock.read(6) == 0x05); // a Thursday
    CHECK(clock.read(4) == 0x23);
    clock.write(0x0b, 0x06); // binary, 24 hours
    CHECK(clock.read(9) == 31);
    CHECK(clock.read(4) == 23);
    clock.write(0x0b, 0x04); // 12 hours
    CHECK(clock.read(4) == (11 | 0x80));
    CHECK((clock.read(0x0a) & 0x80) == 0);
    CHECK(clock.read(0x0d) == 0x80);
}

TEST_CASE("clock: a time from elsewhere that it cannot show is refused")
{
    Clock clock;
    auto const load = RealTimeClock::saved_state.after_load;
    clock.rtc.offset_seconds = 86'400;
    CHECK(load(&clock.rtc, 1));
    for (auto const offset : {INT64_MAX, INT64_MIN}) {
        clock.rtc.offset_seconds = offset;
        CHECK_FALSE(load(&clock.rtc, 1));
    }
}

TEST_CASE("clock: its memory tells how much RAM there is and how many CPUs, and keeps what is written")
{
    Clock clock;
    CHECK(clock.read(0x15) + clock.read(0x16) * 256 == 640);
    CHECK(clock.read(0x34) + clock.read(0x35) * 256 == ((std::uint64_t{3} << 30) - (16 << 20)) / 65536);
    CHECK(clock.read(0x5b) + clock.read(0x5c) * 256 + clock.read(0x5d) * 65536 == (std::uint64_t{5} << 30) / 65536);
    CHECK(clock.read(0x5f) == 3);
    clock.write(0x40, 0xa5);
    CHECK(clock.read(0x40) == 0xa5);
    CHECK(clock.bus.read(0x70, 1) == 0xff);
}

} // namespace
} // namespace minivisor::hw
