// SPDX-License-Identifier: GPL-3.0-or-later
#include "hw/pic.hpp"

#include <catch2/catch.hpp>

#include <vector>

namespace minivisor::hw {
namespace {

constexpr std::uint16_t first = 0x20, second = 0xa0, level_ports = 0x4d0;

struct PicBoard {
    PicBoard() { pics.add_to(bus); }
    void out(std::uint16_t port, std::uint32_t value) { bus.write(port, 1, value); }
    std::uint32_t in(std::uint16_t port) { return bus.read(port, 1); }
    /// As every operating system does: vectors from 0x20, `icw4` for both, nothing masked.
    void initialize(std::uint8_t icw4 = 0x01)
    {
        for (auto const& [port, vectors, wire] : {std::tuple{first, 0x20u, 4u}, std::tuple{second, 0x28u, 2u}}) {
            out(port, 0x11);
            out(port + 1, vectors);
            out(port + 1, wire);
            out(port + 1, icw4);
            out(port + 1, 0);
        }
    }
    void pulse(unsigned line)
    {
        pics.set_line(line, false);
        pics.set_line(line, true);
    }
    std::uint32_t requests(std::uint16_t port) { return out(port, 0x0a), in(port); }
    std::uint32_t in_service(std::uint16_t port) { return out(port, 0x0b), in(port); }

    PortBus bus;
    bool intr = false;
    int changes = 0;
    PicPair pics{[this](bool level) { intr = level, ++changes; }};
};

TEST_CASE("pic: after the four words of initialization a request has its vector")
{
    PicBoard board;
    board.initialize();
    board.pics.set_line(4, true);
    CHECK(board.intr);
    CHECK(board.requests(first) == 0x10);
    CHECK(board.pics.acknowledge() == 0x24);
    CHECK_FALSE(board.intr);
    CHECK(board.requests(first) == 0);
    CHECK(board.in_service(first) == 0x10);
    board.out(first, 0x20);
    CHECK(board.in_service(first) == 0);
    CHECK_FALSE(board.intr);
}

TEST_CASE("pic: initialization takes three words without ICW4, and two for a single chip")
{
    PicBoard board;
    board.out(first, 0x10);
    board.out(first + 1, 0x47); // only the upper five bits
    board.out(first + 1, 0x04);
    board.out(first + 1, 0xfe); // the mask already
    CHECK(board.in(first + 1) == 0xfe);
    board.pulse(0);
    CHECK(board.pics.acknowledge() == 0x40);
    board.out(first, 0x12);
    board.out(first + 1, 0x50);
    board.out(first + 1, 0xfd);
    CHECK(board.in(first + 1) == 0xfd);
    board.pulse(1);
    CHECK(board.pics.acknowledge() == 0x51);
}

TEST_CASE("pic: initialization forgets masks, service and edges, and a line has to rise anew")
{
    PicBoard board;
    board.initialize();
    board.pulse(1);
    board.pics.acknowledge();
    board.pulse(3);
    board.out(first + 1, 0x55);
    board.out(first, 0x11);
    CHECK(board.in(first + 1) == 0);
    CHECK(board.in(first) == 0); // and reads show requests
    CHECK(board.in_service(first) == 0);
    CHECK_FALSE(board.intr);
    board.pulse(3);
    CHECK(board.intr);
}

TEST_CASE("pic: the lower input goes first, and interrupts the service of a higher one")
{
    PicBoard board;
    board.initialize();
    board.pulse(5);
    board.pulse(3);
    CHECK(board.pics.acknowledge() == 0x23);
    CHECK_FALSE(board.intr); // 5 waits
    board.pulse(1);
    CHECK(board.pics.acknowledge() == 0x21);
    CHECK(board.in_service(first) == 0x0a);
    board.out(first, 0x20); // the end of 1
    CHECK(board.in_service(first) == 0x08);
    CHECK_FALSE(board.intr);
    board.out(first, 0x20); // of 3
    CHECK(board.pics.acknowledge() == 0x25);
}

TEST_CASE("pic: a request that is masked waits until it is not")
{
    PicBoard board;
    board.initialize();
    board.out(first + 1, 0x10);
    board.pulse(4);
    CHECK_FALSE(board.intr);
    CHECK(board.requests(first) == 0x10);
    board.out(first + 1, 0);
    CHECK(board.intr);
    board.out(first + 1, 0x10);
    CHECK_FALSE(board.intr);
}

TEST_CASE("pic: the end of an interrupt, specific and not, with and without rotation")
{
    PicBoard board;
    board.initialize();
    for (auto const line : {6u, 4u, 1u}) { // each interrupts the one before
        board.pulse(line);
        board.pics.acknowledge();
    }
    CHECK(board.in_service(first) == 0x52);
    board.out(first, 0x64); // of 4
    CHECK(board.in_service(first) == 0x42);
    board.out(first, 0xa0); // of 1, which has the lowest priority then
    CHECK(board.in_service(first) == 0x40);
    board.out(first, 0xe6); // of 6, likewise
    CHECK(board.in_service(first) == 0);
    board.pulse(6);
    board.pulse(1);
    board.pulse(7);
    CHECK(board.pics.acknowledge() == 0x27);
    board.out(first, 0x20);
    CHECK(board.pics.acknowledge() == 0x21);
    board.out(first, 0x20);
    CHECK(board.pics.acknowledge() == 0x26);
    board.out(first, 0x20);
    board.out(first, 0x20); // of nothing
    board.out(first, 0xc3); // 3 is the lowest
    board.pulse(3);
    board.pulse(4);
    CHECK(board.pics.acknowledge() == 0x24);
}

TEST_CASE("pic: an automatic end leaves nothing in service, and rotates if it is to")
{
    PicBoard board;
    board.initialize(0x03);
    board.pulse(2 + 1);
    CHECK(board.pics.acknowledge() == 0x23);
    CHECK(board.in_service(first) == 0);
    board.pulse(5); // lower, and nothing is in its way
    CHECK(board.pics.acknowledge() == 0x25);
    board.out(first, 0x80);
    board.pulse(3);
    CHECK(board.pics.acknowledge() == 0x23);
    board.pulse(3);
    board.pulse(5);
    CHECK(board.pics.acknowledge() == 0x25);
    CHECK(board.pics.acknowledge() == 0x23);
    board.out(first, 0x00);
    board.pulse(4);
    CHECK(board.pics.acknowledge() == 0x24);
    board.pulse(3);
    board.pulse(4);
    CHECK(board.pics.acknowledge() == 0x24); // 3 has been the lowest since
}

TEST_CASE("pic: in special mask mode what is served and masked is in nobody's way")
{
    PicBoard board;
    board.initialize();
    board.pulse(1);
    board.pics.acknowledge();
    board.pulse(6);
    CHECK_FALSE(board.intr);
    board.out(first + 1, 0x02);
    CHECK_FALSE(board.intr);
    board.out(first, 0x68);
    CHECK(board.intr);
    CHECK(board.pics.acknowledge() == 0x26);
    board.out(first, 0x20);
    CHECK(board.in_service(first) == 0x02); // it ends only by its name
    board.out(first, 0x20);
    CHECK(board.in_service(first) == 0x02);
    board.out(first, 0x48);
    board.out(first, 0x20);
    CHECK(board.in_service(first) == 0);
}

TEST_CASE("pic: an edge counts once, a level as long as it lasts")
{
    PicBoard board;
    board.initialize();
    board.pulse(5);
    board.pics.acknowledge();
    board.out(first, 0x20);
    CHECK_FALSE(board.intr); // still high
    board.out(level_ports, 0xff);
    board.out(level_ports + 1, 0xff);
    CHECK(board.in(level_ports) == 0xf8); // what is on the board is edge triggered
    CHECK(board.in(level_ports + 1) == 0xde);
    CHECK(board.intr);
    CHECK(board.pics.acknowledge() == 0x25);
    CHECK(board.requests(first) == 0x20);
    CHECK_FALSE(board.intr);
    board.out(first, 0x20);
    CHECK(board.intr); // nobody has looked after the device
    board.pics.set_line(5, false);
    CHECK_FALSE(board.intr);
    board.initialize();
    CHECK(board.in(level_ports) == 0xf8);
    board.pics.set_line(5, true);
    board.out(first, 0x11);
    CHECK(board.requests(first) == 0x20);
}

TEST_CASE("pic: edges that come before the acknowledgement are one, and the CPU is not called again")
{
    PicBoard board;
    board.initialize();
    board.changes = 0;
    for (int i = 0; i < 3; ++i)
        board.pics.pulse_line(0);
    CHECK(board.changes == 1);
    CHECK(board.pics.acknowledge() == 0x20);
    board.pics.pulse_line(0);
    board.out(first, 0x20);
    CHECK(board.pics.acknowledge() == 0x20);
    board.out(first, 0x20);
    CHECK_FALSE(board.intr);
    board.pics.pulse_line(8);
    CHECK(board.pics.acknowledge() == 0x28);
}

TEST_CASE("pic: who takes his request back is not served; a chip that is asked for nothing says 7")
{
    PicBoard board;
    board.initialize();
    board.pics.set_line(3, true);
    board.pics.set_line(3, false);
    CHECK_FALSE(board.intr);
    CHECK(board.pics.acknowledge() == 0x27);
    CHECK(board.in_service(first) == 0);
}

TEST_CASE("pic: the second chip interrupts through the first")
{
    PicBoard board;
    board.initialize();
    board.pulse(12);
    CHECK(board.requests(first) == 0x04);
    CHECK(board.pics.acknowledge() == 0x2c);
    CHECK(board.in_service(first) == 0x04);
    CHECK(board.in_service(second) == 0x10);
    board.pulse(9); // higher on its chip, but the first serves its input already
    CHECK_FALSE(board.intr);
    board.pulse(14);
    board.pulse(1);
    CHECK(board.pics.acknowledge() == 0x21);
    board.out(first, 0x20);
    board.out(first, 0x20);
    CHECK(board.pics.acknowledge() == 0x29);
    board.out(second, 0x20);
    board.out(first, 0x20);
    CHECK_FALSE(board.intr); // 14 is lower than 12
    board.out(second, 0x20);
    CHECK(board.pics.acknowledge() == 0x2e);
    board.out(second, 0x20);
    board.out(first, 0x20);
    CHECK(board.requests(first) == 0);
    CHECK(board.requests(second) == 0);
    CHECK_FALSE(board.intr);
}

TEST_CASE("pic: with automatic ends the second chip's next request is an edge for the first")
{
    PicBoard board;
    board.initialize(0x03);
    board.pulse(9);
    board.pulse(13);
    CHECK(board.pics.acknowledge() == 0x29);
    CHECK(board.intr);
    CHECK(board.pics.acknowledge() == 0x2d);
    CHECK_FALSE(board.intr);
}

TEST_CASE("pic: specially nested, the second chip's higher request comes through")
{
    PicBoard board;
    board.initialize(0x11);
    board.pulse(12);
    CHECK(board.pics.acknowledge() == 0x2c);
    board.pulse(9);
    CHECK(board.intr);
    CHECK(board.pics.acknowledge() == 0x29);
    board.pulse(15);
    CHECK_FALSE(board.intr);
}

TEST_CASE("pic: a poll takes the place of an acknowledgement")
{
    PicBoard board;
    board.initialize();
    board.out(first, 0x0c);
    CHECK(board.in(first) == 0);
    board.pulse(10);
    board.out(first, 0x0c);
    CHECK(board.in(first) == 0x82);
    CHECK_FALSE(board.intr);
    board.out(second, 0x0c);
    CHECK(board.in(second + 1) == 0x82); // at either port
    CHECK(board.in(second + 1) == 0); // the mask again
    CHECK(board.in_service(first) == 0x04);
    CHECK(board.in_service(second) == 0x04);
}

TEST_CASE("pic: a reset forgets everything but how the lines stand")
{
    PicBoard board;
    board.initialize();
    board.out(level_ports, 0x20);
    board.pulse(5);
    board.pulse(11);
    board.pics.reset();
    CHECK_FALSE(board.intr);
    CHECK(board.in(first) == 0);
    CHECK(board.in(second) == 0);
    CHECK(board.in(level_ports) == 0);
    board.initialize();
    CHECK_FALSE(board.intr);
    board.pics.set_line(11, false);
    board.pics.set_line(11, true);
    CHECK(board.pics.acknowledge() == 0x2b);
}

TEST_CASE("pic: what is saved comes back as it was, in the middle of everything")
{
    PicBoard from, to;
    from.initialize(0x11);
    from.out(level_ports, 0x40);
    from.pulse(6);
    from.pulse(12);
    from.pics.acknowledge();
    from.pulse(13);
    from.out(second + 1, 0x80);
    from.out(first, 0x11);
    from.out(first + 1, 0x60); // two words are to come
    accel::PicState states[2];
    for (unsigned i = 0; i < 2; ++i) {
        from.pics.chip(i).save(states[i]);
        REQUIRE(to.pics.chip(i).load(states[i]));
        accel::PicState again;
        to.pics.chip(i).save(again);
        CHECK(again.registers == states[i].registers);
    }
    CHECK(to.intr == from.intr);
    to.out(first + 1, 4);
    to.out(first + 1, 1);
    CHECK(to.in(second + 1) == 0x80);
    CHECK(to.intr);
    CHECK(to.pics.acknowledge() == 0x66);
    to.out(second, 0x20);
    to.pics.set_line(6, false);
    to.out(first, 0x20);
    CHECK(to.pics.acknowledge() == 0x2d);
}

TEST_CASE("pic: what no chip can hold is refused")
{
    PicBoard board;
    auto const refused = [&board](std::size_t at, std::uint8_t value) {
        accel::PicState state;
        board.pics.chip(0).save(state);
        state.registers[at] = value;
        return !board.pics.chip(0).load(state);
    };
    CHECK(refused(4, 8));
    CHECK(refused(5, 0x21));
    CHECK(refused(9, 4));
    CHECK_FALSE(refused(14, 0xff));
    CHECK(board.in(level_ports) == 0xf8);
    // Any other bytes are harmless.
    std::uint32_t noise = 1;
    for (int i = 0; i < 2000; ++i) {
        accel::PicState state;
        for (auto& byte : state.registers)
            byte = static_cast<std::uint8_t>((noise = noise * 1664525 + 1013904223) >> 24);
        board.pics.chip(noise >> 31).load(state).ignore("noise");
        board.pics.set_line(noise >> 8 & 15, (noise & 1) != 0);
        board.out(static_cast<std::uint16_t>((noise & 2) != 0 ? first : second), noise >> 16 & 0xff);
        board.pics.acknowledge();
    }
}

} // namespace
} // namespace minivisor::hw
