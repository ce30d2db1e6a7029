// SPDX-License-Identifier: GPL-3.0-or-later
#include "hw/pit.hpp"

#include <catch2/catch.hpp>

#include <vector>

namespace minivisor::hw {
namespace {

using Time = Pit::Time;
using namespace std::chrono_literals;

constexpr std::uint16_t counter_0 = 0x40, counter_2 = 0x42, control = 0x43, speaker = 0x61;

/// The first nanosecond of a tick.
Time at_tick(std::uint64_t tick) { return Time((tick * 1'000'000'000 + Pit::frequency - 1) / Pit::frequency); }

struct PitBoard {
    PitBoard()
    {
        pit.add_to(bus);
        pit.set_running(true);
    }
    void out(std::uint16_t port, std::uint32_t value) { bus.write(port, 1, value); }
    std::uint32_t in(std::uint16_t port) { return bus.read(port, 1); }
    std::uint32_t in_both(std::uint16_t port)
    {
        auto const low = in(port);
        return low | in(port) << 8;
    }
    void program(unsigned counter, std::uint32_t mode, std::uint32_t count)
    {
        auto const port = static_cast<std::uint16_t>(counter_0 + counter);
        out(control, counter << 6 | 0x30 | mode);
        out(port, count & 0xff);
        out(port, count >> 8 & 0xff);
    }
    void go_to(std::uint64_t tick) { time = start + at_tick(tick); }
    std::uint32_t status(unsigned counter)
    {
        out(control, 0xe0 | 2u << counter);
        return in(static_cast<std::uint16_t>(counter_0 + counter));
    }
    std::uint32_t count(unsigned counter)
    {
        out(control, counter << 6);
        return in_both(static_cast<std::uint16_t>(counter_0 + counter));
    }
    bool output(unsigned counter) { return (status(counter) & 0x80) != 0; }
    /// Lets the time go on to `tick` as the thread does; how often it interrupted.
    int run_to(std::uint64_t tick)
    {
        auto const before = edges;
        auto const end = start + at_tick(tick);
        for (auto next = pit.next_tick(); next && *next <= end; next = pit.next_tick()) {
            CHECK(*next > time);
            time = *next;
            pit.tick();
        }
        time = end;
        return edges - before;
    }

    static constexpr Time start = 1000s;
    PortBus bus;
    Time time = start;
    bool irq = false;
    int edges = 0, changes = 0;
    Pit pit{{[this] { ++edges, irq = true; }, [this] { irq = false; }, [this] { return time; }, [this] { ++changes; }}};
};

TEST_CASE("pit: mode 2 interrupts at the end of each period, and shows how far it is")
{
    PitBoard board;
    CHECK_FALSE(board.pit.next_tick());
    board.program(0, 4, 1000);
    CHECK(board.pit.next_tick() == PitBoard::start + at_tick(1000));
    CHECK(board.changes == 2); // the start, and the count
    CHECK(board.count(0) == 1000);
    CHECK(board.changes == 2);
    board.go_to(1);
    CHECK(board.count(0) == 999);
    board.go_to(998);
    CHECK(board.count(0) == 2);
    CHECK(board.output(0));
    board.go_to(999);
    CHECK(board.count(0) == 1);
    CHECK_FALSE(board.output(0));
    CHECK(board.edges == 0);
    CHECK(board.run_to(1000) == 1);
    CHECK(board.output(0));
    CHECK(board.count(0) == 1000);
    CHECK(board.run_to(10'000) == 9);
    CHECK(board.run_to(10'999) == 0);
}

TEST_CASE("pit: a count of 0 is the largest")
{
    PitBoard board;
    board.program(0, 4, 0);
    CHECK(board.count(0) == 0);
    board.go_to(1);
    CHECK(board.count(0) == 0xffff);
    CHECK(board.run_to(65'535) == 0);
    CHECK(board.run_to(65'536) == 1);
    board.program(2, 5, 0); // decimal; its gate is low
    CHECK(board.count(2) == 0);
    board.out(speaker, 1);
    board.time += at_tick(2);
    CHECK(board.count(2) == 0x9998);
}

TEST_CASE("pit: mode 0 interrupts once, when a count that was written whole has run out")
{
    PitBoard board;
    board.out(control, 0x30);
    CHECK_FALSE(board.output(0));
    board.out(counter_0, 100);
    CHECK_FALSE(board.pit.next_tick());
    board.out(counter_0, 1);
    CHECK(board.run_to(355) == 0);
    CHECK_FALSE(board.output(0));
    CHECK(board.run_to(356) == 1);
    CHECK(board.output(0));
    CHECK(board.irq);
    CHECK_FALSE(board.pit.next_tick());
    board.go_to(358);
    CHECK(board.count(0) == 0xfffe); // it goes on
    board.out(counter_0, 200); // the next shot; half of it stops the counter
    CHECK_FALSE(board.irq);
    CHECK_FALSE(board.pit.next_tick());
    board.out(counter_0, 0);
    CHECK(board.run_to(557) == 0);
    CHECK(board.run_to(558) == 1);
}

TEST_CASE("pit: mode 3 is a square wave that counts by twos")
{
    PitBoard board;
    board.program(0, 6, 1000);
    board.go_to(499);
    CHECK(board.output(0));
    CHECK(board.count(0) == 2);
    board.go_to(500);
    CHECK_FALSE(board.output(0));
    CHECK(board.count(0) == 1000);
    board.go_to(999);
    CHECK_FALSE(board.output(0));
    CHECK(board.run_to(1000) == 1);
    CHECK(board.output(0));
    board.out(speaker, 1);
    auto const now = PitBoard::start + at_tick(1000);
    board.program(2, 6, 5);
    std::vector<std::pair<bool, std::uint32_t>> seen;
    for (unsigned i = 0; i < 5; ++i) {
        board.time = now + at_tick(i);
        seen.emplace_back(board.output(2), board.count(2));
    }
    CHECK(seen == decltype(seen){{true, 4}, {true, 2}, {true, 0}, {false, 4}, {false, 2}});
}

TEST_CASE("pit: a new count of a rate waits for the end of the period, and says so")
{
    PitBoard board;
    board.program(0, 4, 1000);
    CHECK((board.status(0) & 0x40) == 0);
    board.go_to(300);
    board.out(counter_0, 200);
    board.out(counter_0, 0);
    CHECK((board.status(0) & 0x40) != 0);
    CHECK(board.count(0) == 700);
    CHECK(board.run_to(999) == 0);
    CHECK(board.run_to(1199) == 1);
    CHECK((board.status(0) & 0x40) == 0);
    CHECK(board.run_to(2000) == 5);
}

TEST_CASE("pit: modes 1 and 5 begin with the gate's rise, and again with each")
{
    PitBoard board;
    board.program(2, 2, 100);
    CHECK(board.output(2));
    CHECK((board.status(2) & 0x40) != 0);
    board.out(speaker, 1);
    CHECK_FALSE(board.output(2));
    CHECK((board.in(speaker)&0x21) == 0x01);
    board.go_to(60);
    CHECK(board.count(2) == 40);
    board.out(speaker, 0); // its fall is nothing
    board.out(speaker, 1);
    CHECK(board.count(2) == 100);
    board.go_to(159);
    CHECK_FALSE(board.output(2));
    board.go_to(160);
    CHECK(board.output(2));
    board.program(2, 10, 100);
    board.out(speaker, 0);
    board.out(speaker, 1);
    board.go_to(259);
    CHECK(board.output(2));
    board.go_to(260);
    CHECK_FALSE(board.output(2));
    board.go_to(261);
    CHECK(board.output(2));
}

TEST_CASE("pit: a low gate stops modes 0 and 4, and modes 2 and 3 begin anew after it")
{
    PitBoard board;
    board.program(2, 0, 100);
    board.go_to(50);
    CHECK(board.count(2) == 100); // low since the start
    board.out(speaker, 1);
    board.go_to(80);
    CHECK(board.count(2) == 70);
    board.out(speaker, 0);
    board.go_to(500);
    CHECK(board.count(2) == 70);
    board.out(speaker, 1);
    board.go_to(569);
    CHECK_FALSE(board.output(2));
    board.go_to(570);
    CHECK(board.output(2));
    board.program(2, 4, 100);
    board.go_to(669);
    CHECK_FALSE(board.output(2));
    board.out(speaker, 0);
    CHECK(board.output(2)); // at once
    board.out(speaker, 1);
    CHECK(board.count(2) == 100);
    board.program(2, 8, 100);
    board.go_to(768);
    CHECK(board.output(2));
    board.go_to(769);
    CHECK_FALSE(board.output(2));
    board.go_to(770);
    CHECK(board.output(2));
}

TEST_CASE("pit: bytes are read and written one, or both in turn")
{
    PitBoard board;
    board.out(control, 0x14); // counter 0, low byte, mode 2
    board.out(counter_0, 50);
    board.go_to(10);
    CHECK(board.in(counter_0) == 40);
    CHECK(board.in(counter_0) == 40);
    board.out(control, 0x24); // high byte
    board.out(counter_0, 0x12);
    board.time = board.start + at_tick(10 + 0x210);
    CHECK(board.in(counter_0) == 0x0f);
    CHECK(board.in(counter_0) == 0x0f);
    board.program(0, 4, 0x1234);
    CHECK(board.in_both(counter_0) == 0x1234);
    CHECK(board.in_both(counter_0) == 0x1234);
    CHECK(board.in(control) == 0xff);
}

TEST_CASE("pit: a latched count stays until it is read, or the counter is programmed")
{
    PitBoard board;
    board.program(0, 4, 1000);
    board.go_to(100);
    board.out(control, 0x00);
    board.go_to(200);
    board.out(control, 0x00); // too late
    CHECK(board.in(counter_0) == (900 & 0xff));
    CHECK(board.in(counter_0) == 900 >> 8);
    CHECK(board.in_both(counter_0) == 800);
    board.out(control, 0x00);
    board.program(0, 4, 500);
    CHECK(board.in_both(counter_0) == 500);
}

TEST_CASE("pit: read-back latches counts and states, the state is read first")
{
    PitBoard board;
    board.program(0, 4, 1000);
    board.program(2, 7, 0x0500); // decimal, gate low
    board.go_to(100);
    board.out(control, 0xca); // both of counters 0 and 2
    board.go_to(150);
    CHECK(board.in(counter_0) == 0xb4);
    CHECK(board.in_both(counter_0) == 900);
    CHECK(board.in(counter_2) == 0xb7);
    CHECK(board.in_both(counter_2) == 0x0500);
    CHECK(board.in_both(counter_0) == 850);
    board.out(control, 0x10 | 2); // and counter 0 has no count yet
    CHECK((board.status(0) & 0x40) != 0);
    board.out(control, 0xfe); // neither
    CHECK(board.in(counter_0) == 0);
}

TEST_CASE("pit: port 0x61 shows gate, data, output and the refresh")
{
    PitBoard board;
    CHECK((board.in(speaker)&0xef) == 0x20);
    board.out(speaker, 0xff);
    CHECK((board.in(speaker)&0xef) == 0x23);
    board.program(2, 6, 1000);
    board.go_to(600);
    CHECK((board.in(speaker)&0xef) == 0x03);
    auto const refresh = board.in(speaker)&0x10;
    board.go_to(618);
    CHECK((board.in(speaker)&0x10) != refresh);
}

TEST_CASE("pit: the shortest period bounds the interrupts, whatever the guest wants")
{
    for (std::uint32_t const mode : {4u, 6u}) {
        PitBoard board;
        board.program(0, mode, 1);
        auto const often = board.run_to(Pit::frequency);
        CHECK(often > 9'000);
        CHECK(often <= 10'000);
    }
    PitBoard board;
    int shots = 0;
    while (board.time < PitBoard::start + 10ms) { // one shot after the other
        board.program(0, 0, 1);
        board.time += 1us;
        board.pit.tick();
        shots = board.edges;
    }
    CHECK(shots <= 100);
}

TEST_CASE("pit: ends that nobody dealt with in time are one interrupt")
{
    PitBoard board;
    board.program(0, 4, 1000);
    board.go_to(5500);
    board.pit.tick();
    CHECK(board.edges == 1);
    CHECK(board.pit.next_tick() == PitBoard::start + at_tick(6000));
    board.go_to(7300); // an access comes before the thread
    board.out(control, 0x00);
    CHECK(board.edges == 2);
    CHECK(board.pit.next_tick() == PitBoard::start + at_tick(8000));
}

TEST_CASE("pit: it stands still while the guest does")
{
    PitBoard board;
    board.program(0, 4, 1000);
    board.go_to(400);
    board.pit.set_running(false);
    CHECK_FALSE(board.pit.next_tick());
    board.time += 100s;
    board.pit.tick();
    CHECK(board.edges == 0);
    CHECK(board.count(0) == 600);
    board.changes = 0;
    board.pit.set_running(true);
    CHECK(board.changes == 1);
    CHECK(board.count(0) == 600);
    CHECK(board.pit.next_tick() == PitBoard::start + 100s + at_tick(1000));
}

TEST_CASE("pit: a reset stops it and takes its request back")
{
    PitBoard board;
    board.program(0, 4, 1000);
    CHECK(board.run_to(1000) == 1);
    board.out(speaker, 3);
    board.pit.reset();
    CHECK_FALSE(board.irq);
    CHECK_FALSE(board.pit.next_tick());
    CHECK((board.in(speaker)&0xef) == 0x20);
}

TEST_CASE("pit: what is saved goes on elsewhere, with a new period")
{
    PitBoard from, to;
    from.program(0, 4, 1000);
    from.program(1, 4, 18);
    from.out(control, 0xb7); // counter 2, decimal square wave, one byte of two
    from.out(counter_2, 0x21);
    from.out(speaker, 3);
    from.go_to(300);
    from.out(control, 0xc2); // state and count of counter 0
    from.in(counter_0);
    from.in(counter_0);
    accel::PitState state;
    from.pit.save(state);
    CHECK(state.flags == 2);
    to.pit.set_running(false);
    REQUIRE(to.pit.load(state));
    accel::PitState again;
    to.pit.save(again);
    CHECK(again.count == state.count);
    CHECK(again.mode == state.mode);
    CHECK(again.gate == state.gate);
    to.time += 5s;
    to.pit.set_running(true);
    CHECK(to.in(counter_0) == 700 >> 8); // the rest of what was latched
    CHECK(to.in_both(counter_0) == 1000);
    CHECK(to.pit.next_tick() == PitBoard::start + 5s + at_tick(1000));
    to.out(counter_2, 0x43);
    CHECK(to.count(2) == 0x4320);
    CHECK((to.in(speaker)&0x03) == 0x03);
}

TEST_CASE("pit: what no timer can hold is refused, and other noise is harmless")
{
    PitBoard board;
    auto const refused = [&board](auto member, auto value) {
        accel::PitState state;
        board.pit.save(state);
        (state.*member)[1] = value;
        return !board.pit.load(state);
    };
    using State = accel::PitState;
    CHECK(refused(&State::count, 0x10001u));
    CHECK(refused(&State::mode, std::uint8_t{6}));
    CHECK(refused(&State::count_latched, std::uint8_t{3}));
    CHECK(refused(&State::rw_mode, std::uint8_t{4}));
    CHECK(refused(&State::read_state, std::uint8_t{5}));
    CHECK(refused(&State::write_state, std::uint8_t{5}));
    std::uint32_t noise = 7;
    auto const next = [&noise] { return (noise = noise * 1664525 + 1013904223) >> 8; };
    for (int i = 0; i < 20'000; ++i) {
        auto const port = next() % 5;
        board.out(static_cast<std::uint16_t>(port < 4 ? counter_0 + port : speaker), next() & 0xff);
        board.in(static_cast<std::uint16_t>(counter_0 + next() % 4));
        board.time += Time(next() % 100'000);
        if (next() % 4 == 0)
            board.pit.tick();
        if (auto const tick = board.pit.next_tick())
            CHECK(*tick > board.time - 1s);
    }
}

} // namespace
} // namespace minivisor::hw
