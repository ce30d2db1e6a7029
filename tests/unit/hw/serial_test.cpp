// SPDX-License-Identifier: GPL-3.0-or-later
#include "hw/serial.hpp"

#include <catch2/catch.hpp>

namespace minivisor::hw {
namespace {

constexpr std::uint16_t base = 0x3f8;

struct Board {
    Board() { bus.add(base, SerialPort::port_count, port); }
    void out(unsigned reg, std::uint32_t value) { bus.write(static_cast<std::uint16_t>(base + reg), 1, value); }
    std::uint32_t in(unsigned reg) { return bus.read(static_cast<std::uint16_t>(base + reg), 1); }
    void listen()
    {
        port.listen([this] { ++outputs; }, [this] { ++rooms; });
    }

    PortBus bus;
    bool irq = false;
    int outputs = 0, rooms = 0;
    SerialPort port{bus, [this](bool level) { irq = level; }};
};

TEST_CASE("serial: what is sent waits for the listener, who is told once")
{
    Board board;
    board.out(0, 'x'); // nobody listens
    board.listen();
    for (char const c : std::string_view("hello"))
        board.out(0, static_cast<std::uint8_t>(c));
    CHECK(board.outputs == 1);
    CHECK(board.port.take_output() == "hello");
    board.out(0, '!');
    CHECK(board.outputs == 2);
    board.port.unlisten();
    CHECK(board.port.take_output().empty());
}

TEST_CASE("serial: a transmitter that is full reads as busy, and tells when there is room")
{
    Board board;
    board.listen();
    board.out(4, 0x08); // the interrupt line is connected
    for (std::size_t i = 0; i < SerialPort::output_limit; ++i) {
        CHECK((board.in(5) & 0x60) == 0x60);
        board.out(0, 'a');
    }
    CHECK((board.in(5) & 0x60) == 0);
    board.out(0, 'b'); // it was told
    board.out(1, 0x02);
    CHECK_FALSE(board.irq);
    CHECK(board.port.take_output() == std::string(SerialPort::output_limit, 'a'));
    CHECK((board.in(5) & 0x60) == 0x60);
    CHECK(board.irq);
    CHECK((board.in(2) & 0x0f) == 2); // reading that is the answer
    CHECK_FALSE(board.irq);
}

TEST_CASE("serial: input waits in the FIFO, raises the interrupt, and the rest comes when there is room")
{
    Board board;
    board.listen();
    board.out(4, 0x08);
    board.out(2, 0x81); // FIFO on, trigger at 8
    board.out(1, 0x01);
    std::string const text = "0123456789abcdefXY";
    CHECK(board.port.give_input(text) == 16);
    CHECK(board.irq);
    CHECK((board.in(2) & 0x3f) == 4);
    CHECK(board.in(0) == '0');
    CHECK(board.rooms == 1);
    CHECK(board.port.give_input(std::string_view("XY")) == 1);
    for (char const c : std::string_view("123456789"))
        CHECK(board.in(0) == static_cast<std::uint8_t>(c));
    CHECK((board.in(2) & 0x3f) == 0x0c); // fewer than the trigger: they have waited long enough
    for (char const c : std::string_view("abcdefX"))
        CHECK(board.in(0) == static_cast<std::uint8_t>(c));
    CHECK((board.in(5) & 1) == 0);
    CHECK_FALSE(board.irq);
    CHECK((board.in(2) & 0x0f) == 1);
}

TEST_CASE("serial: without its FIFO one byte fits, and the divider has its own registers")
{
    Board board;
    board.listen();
    CHECK(board.port.give_input(std::string_view("ab")) == 1);
    CHECK(board.in(0) == 'a');
    board.out(3, 0x83);
    board.out(0, 0x34);
    board.out(1, 0x12);
    CHECK(board.in(0) == 0x34);
    CHECK(board.in(1) == 0x12);
    board.out(3, 0x03);
    CHECK(board.in(1) == 0);
    CHECK(board.outputs == 0);
    board.out(7, 0x5a);
    CHECK(board.in(7) == 0x5a);
}

TEST_CASE("serial: in the loop what is sent comes back, and nothing from outside")
{
    Board board;
    board.listen();
    board.out(4, 0x1b);
    board.out(0, 'q');
    CHECK(board.port.give_input(std::string_view("z")) == 0);
    CHECK(board.in(0) == 'q');
    CHECK(board.outputs == 0);
    CHECK(board.in(6) == 0xb0);
}

TEST_CASE("serial: what is saved comes back as it was; more in the FIFO than fits is refused")
{
    Board from, to;
    from.listen();
    from.out(4, 0x08);
    from.out(2, 0x01);
    from.out(1, 0x01);
    from.port.give_input(std::string_view("abc"));
    auto& saved = from.port.saved();
    REQUIRE(SerialPort::State::saved_state.before_save(&saved));
    auto* const own = to.port.saved().port;
    to.port.saved() = saved;
    to.port.saved().port = own;
    REQUIRE(SerialPort::State::saved_state.after_load(&to.port.saved(), 1));
    CHECK(to.irq);
    for (char const c : std::string_view("abc"))
        CHECK(to.in(0) == static_cast<std::uint8_t>(c));
    to.port.saved().input_count = 17;
    CHECK_FALSE(SerialPort::State::saved_state.after_load(&to.port.saved(), 1));
}

TEST_CASE("ports: what nobody answers reads as ones, and an access over the edge goes to both sides")
{
    Board board;
    CHECK(board.bus.read(0x1234, 4) == 0xffffffff);
    board.out(7, 0x77);
    CHECK(board.bus.read(base + 7, 2) == 0xff77);
    CHECK(board.bus.write(base + 7, 4, 0x11223344) == Then::go_on);
    CHECK(board.in(7) == 0x44);
}

} // namespace
} // namespace minivisor::hw
