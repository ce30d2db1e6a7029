// SPDX-License-Identifier: GPL-3.0-or-later
// A serial port, the line to a listening socket, and real peers; the guest is who writes to the port's registers.
#include "hw/serial_line.hpp"
#include "io/mux_chardev.hpp"
#include "io/socket_chardev.hpp"

#include <boost/asio/detached.hpp>
#include <catch2/catch.hpp>

#include <sys/socket.h>

namespace minivisor::hw {
namespace {

using namespace std::chrono_literals;

struct Wire {
    Wire() { bus.add(base, SerialPort::port_count, port); }
    ~Wire()
    {
        device->close();
        boost::asio::co_spawn(loop, line.shut_down(), boost::asio::detached);
        boost::asio::co_spawn(loop, device->join(), boost::asio::detached);
        loop.restart();
        loop.run();
    }

    void guest_says(std::string_view text)
    {
        for (char const c : text)
            bus.write(base, 1, static_cast<std::uint8_t>(c));
    }
    util::UniqueFd connect() const { return io::connect_socket(address).value(); }
    /// What has come when the main loop has nothing left to do, or has the whole of `text`.
    std::string heard(util::UniqueFd const& peer, std::string_view text)
    {
        std::string all;
        auto const limit = std::chrono::steady_clock::now() + 20s;
        while (all.size() < text.size() && std::chrono::steady_clock::now() < limit) {
            loop.restart();
            loop.run_one_for(20ms);
            char buffer[256];
            auto const count = recv(peer.get(), buffer, sizeof buffer, MSG_DONTWAIT);
            if (count == 0)
                break;
            if (count > 0)
                all.append(buffer, static_cast<std::size_t>(count));
        }
        return all;
    }
    void run_all_that_waits()
    {
        loop.restart();
        loop.poll();
    }

    static constexpr std::uint16_t base = 0x3f8;
    boost::asio::io_context loop;
    PortBus bus;
    SerialPort port{bus, [](bool) {}};
    io::ListeningSocket socket = io::ListeningSocket::create(io::parse_inet("127.0.0.1:0").value()).value();
    io::Address address = socket.address();
    std::unique_ptr<io::SocketServer> device = std::make_unique<io::SocketServer>(loop, "s", std::move(socket), false,
        io::SocketServer::Hooks{[]() -> Result<io::Admission> { return io::Admission{}; }, [](io::Refusal const&) {}});
    SerialLine line{loop.get_executor(), port};
};

TEST_CASE("serial line: who has connected before the guest speaks hears its first word")
{
    Wire wire;
    REQUIRE(wire.line.connect(*wire.device));
    auto const peer = wire.connect();
    wire.guest_says("READY"); // the main loop has not looked at the socket yet
    CHECK(wire.heard(peer, "READY") == "READY");
}

TEST_CASE("serial line: what the guest says while nobody is there is lost, and does not stop it")
{
    Wire wire;
    REQUIRE(wire.line.connect(*wire.device));
    for (int i = 0; i < 3; ++i) {
        wire.guest_says(std::string(SerialPort::output_limit, 'a'));
        CHECK((wire.bus.read(Wire::base + 5, 1) & 0x20) == 0); // the transmitter is full
        wire.run_all_that_waits();
        CHECK((wire.bus.read(Wire::base + 5, 1) & 0x20) != 0);
    }
    auto const peer = wire.connect();
    wire.guest_says("now");
    CHECK(wire.heard(peer, "now") == "now");
}

TEST_CASE("serial line: a peer that takes nothing and leaves holds up nobody afterwards")
{
    Wire wire;
    REQUIRE(wire.line.connect(*wire.device));
    auto slow = wire.connect();
    auto const reader = wire.connect();
    wire.run_all_that_waits();
    wire.guest_says("both");
    CHECK(wire.heard(slow, "both") == "both");
    CHECK(wire.heard(reader, "both") == "both");
    std::string const piece(4096, 'x');
    while ((wire.bus.read(Wire::base + 5, 1) & 0x20) != 0) { // until the slow one's socket has no room
        wire.guest_says(piece);
        wire.run_all_that_waits();
        char buffer[65536];
        while (recv(reader.get(), buffer, sizeof buffer, MSG_DONTWAIT) > 0) { }
    }
    linger const at_once{1, 0};
    setsockopt(slow.get(), SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
    slow.reset();
    std::string all;
    while (all.find("end") == std::string::npos) {
        if ((wire.bus.read(Wire::base + 5, 1) & 0x20) != 0)
            wire.guest_says("end");
        auto const more = wire.heard(reader, "x");
        REQUIRE(!more.empty());
        all += more;
    }
}

} // namespace
} // namespace minivisor::hw
