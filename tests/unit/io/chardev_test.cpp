// SPDX-License-Identifier: GPL-3.0-or-later
// Character devices with real sockets, terminals and files, on a main loop of the test's own.
#include "io/chardevs.hpp"
#include "io/local_chardev.hpp"
#include "io/sockets.hpp"
#include "qapi/codec.hpp"
#include "qapi/json.hpp"
#include "tests/unit/temp_dir.hpp"
#include "util/fd_sets.hpp"
#include "util/text.hpp"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <catch2/catch.hpp>

#include <array>

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/un.h>

namespace minivisor::io {
namespace {

using namespace std::chrono_literals;

struct ChardevHouse {
    ChardevHouse() { bind_chardev_commands(registry, chardevs); }
    ~ChardevHouse()
    {
        streams.clear();
        chardevs.close();
        boost::asio::co_spawn(io, chardevs.join(), boost::asio::detached);
        io.restart();
        io.run();
    }
    /// The text of chardev-add's reply or of its error.
    std::string add(std::string_view arguments)
    {
        std::optional<std::string> text;
        auto decoded = qapi::decode<qapi::ChardevAddArguments>(qapi::parse_json(arguments).value());
        if (!decoded)
            return decoded.error().desc();
        boost::asio::co_spawn(
            io,
            [](Chardevs& devices, qapi::ChardevAddArguments given,
                std::optional<std::string>& told) -> boost::asio::awaitable<void> {
                util::FdTable none;
                auto adding = devices.add(std::move(given), &none);
                auto const added = co_await std::move(adding);
                told = added ? qapi::to_json(qapi::encode(*added)) : added.error().desc();
            }(chardevs, *std::move(decoded), text),
            boost::asio::detached);
        REQUIRE(run_until([&] { return text.has_value(); }));
        return *text;
    }
    void use(std::string_view label)
    {
        auto* device = chardevs.find(label);
        REQUIRE(device);
        REQUIRE(device->claim());
        REQUIRE(device->open([this](std::unique_ptr<Stream> stream) { streams.push_back(std::move(stream)); }));
    }
    std::string filename(std::string_view label) { return chardevs.find(label)->filename(); }
    template <typename Condition>
    bool run_until(Condition done)
    {
        auto const limit = std::chrono::steady_clock::now() + 20s;
        while (!done() && std::chrono::steady_clock::now() < limit) {
            io.restart();
            io.run_one_for(100ms);
        }
        return done();
    }

    boost::asio::io_context io;
    qom::TypeRegistry types;
    qom::Tree tree{types};
    qapi::Registry registry;
    qapi::EventBus events{registry};
    Doorman doorman{io, tree, events};
    Yank yank;
    Chardevs chardevs{io, tree, doorman, events, yank};
    std::vector<std::unique_ptr<Stream>> streams;
};

std::string unix_socket(std::string const& path, std::string_view more)
{
    return cat(R"({"id": "c", "backend": {"type": "socket", "data": {"addr": {"type": "unix", "data": {"path": ")",
        path, R"("}}, )", more, "}}}");
}

sockaddr_un unix_address(std::string const& path)
{
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    path.copy(address.sun_path, sizeof address.sun_path - 1);
    return address;
}

} // namespace

TEST_CASE("chardevs: a device has one user, and is removed only when it has none")
{
    ChardevHouse house;
    CHECK(house.add(R"({"id": "n", "backend": {"type": "null", "data": {}}})") == "{}");
    CHECK(house.add(R"({"id": "n", "backend": {"type": "null", "data": {}}})") == "Chardev with id 'n' already exists");
    house.use("n");
    CHECK(house.chardevs.find("n")->claim().error().desc() == "Device 'n' is in use");
    CHECK(house.chardevs.remove("n").error().desc() == "Chardev 'n' is busy");
    CHECK(house.chardevs.remove("m").error().desc() == "Chardev 'm' not found");
    CHECK(house.add(R"({"id": "m", "backend": {"type": "null", "data": {}}})") == "{}");
    CHECK(house.chardevs.remove("m"));
    CHECK_FALSE(house.chardevs.find("m"));
}

TEST_CASE("chardevs: a client that reconnects comes back after a loss")
{
    ChardevHouse house;
    test::TempDir const dir;
    auto const path = dir.path() + "/s";
    CHECK(house.add(unix_socket(path, R"("server": false)"))
        == cat("Failed to connect to '", path, "': No such file or directory"));
    CHECK(house.add(unix_socket(path, R"("server": false, "reconnect": 1)")) == "{}");
    CHECK(house.filename("c") == cat("disconnected:unix:", path));
    house.use("c");
    auto const listening = ListeningSocket::create(UnixAddress{path}).value();
    REQUIRE(house.run_until([&] { return house.streams.size() == 1; }));
    CHECK(house.filename("c") == "unix:");
    util::UniqueFd const first(accept(listening.fd(), nullptr, nullptr));
    house.streams.clear(); // its user has seen the end
    CHECK(house.filename("c") == cat("disconnected:unix:", path));
    REQUIRE(house.run_until([&] { return house.streams.size() == 1; }));
}

TEST_CASE("chardevs: a client that nobody uses is connected, and its loss is seen")
{
    ChardevHouse house;
    test::TempDir const dir;
    auto const path = dir.path() + "/s";
    auto const listening = ListeningSocket::create(UnixAddress{path}).value();
    CHECK(house.add(unix_socket(path, R"("server": false)")) == "{}");
    util::UniqueFd peer(accept(listening.fd(), nullptr, nullptr));
    REQUIRE(peer);
    CHECK(house.filename("c") == "unix:");
    peer.reset();
    CHECK(house.run_until([&] { return house.filename("c").starts_with("disconnected:"); }));
}

TEST_CASE("chardevs: a pty gives a stream to whoever opens its other end, each time")
{
    ChardevHouse house;
    auto const told = house.add(R"({"id": "p", "backend": {"type": "pty", "data": {}}})");
    REQUIRE(told.starts_with(R"({"pty": "/dev/pts/)"));
    auto const path = house.filename("p").substr(4);
    house.use("p");
    for (int round = 0; round < 2; ++round) {
        util::UniqueFd other(open(path.c_str(), O_RDWR | O_NOCTTY));
        REQUIRE(other);
        REQUIRE(house.run_until([&] { return house.streams.size() == 1; }));
        CHECK(house.streams[0]->write("a\n").size == 2);
        char buffer[10];
        CHECK(read(other.get(), buffer, sizeof buffer) == 2); // no \r was added
        other.reset();
        std::vector<util::UniqueFd> passed;
        CHECK(house.streams[0]->read(buffer, passed).progress == Stream::Progress::end);
        house.streams.clear();
    }
}

TEST_CASE("chardevs: those over sockets can be yanked, which ends their connections and not the devices")
{
    test::TempDir const dir;
    ChardevHouse house;
    auto const path = dir.file("s");
    house.add(R"({"id": "n", "backend": {"type": "null", "data": {}}})");
    REQUIRE(house.add(unix_socket(path, R"("server": true)")) == "{}");
    auto const yank = [&] { return house.yank.pull({{qapi::YankInstanceType::chardev, {}, "c"}}); };
    REQUIRE(house.yank.instances().size() == 1);
    CHECK(house.yank.instances().front().id == "c");
    CHECK(yank()); // nobody is there
    house.use("c");
    std::array<util::UniqueFd, 3> clients;
    for (auto& client : clients) {
        client.reset(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
        auto const address = unix_address(path);
        REQUIRE(connect(client.get(), reinterpret_cast<sockaddr const*>(&address), sizeof address) == 0);
    }
    REQUIRE(house.run_until([&] { return house.streams.size() == clients.size(); }));
    house.streams.pop_back(); // one that has left is passed over
    CHECK(yank());
    for (auto& client : clients) {
        char byte = 0;
        CHECK(recv(client.get(), &byte, 1, 0) == 0);
    }
    for (auto& stream : house.streams)
        CHECK(stream->peer_is_gone());
    CHECK(house.yank.instances().size() == 1);
    house.chardevs.close();
    CHECK(house.yank.instances().empty());
}

TEST_CASE("chardevs: a client that is yanked connects again if it is told to")
{
    test::TempDir const dir;
    ChardevHouse house;
    auto const path = dir.file("s");
    util::UniqueFd const door(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
    auto const address = unix_address(path);
    REQUIRE(bind(door.get(), reinterpret_cast<sockaddr const*>(&address), sizeof address) == 0);
    REQUIRE(listen(door.get(), 4) == 0);
    REQUIRE(house.add(unix_socket(path, R"("server": false, "reconnect": 1)")) == "{}");
    REQUIRE(house.run_until([&] { return house.filename("c") == "unix:"; }));
    util::UniqueFd const first(accept(door.get(), nullptr, nullptr));
    REQUIRE(house.yank.pull({{qapi::YankInstanceType::chardev, {}, "c"}}));
    char byte = 0;
    CHECK(recv(first.get(), &byte, 1, 0) == 0);
    REQUIRE(house.run_until([&] { return house.filename("c") != "unix:"; }));
    REQUIRE(house.run_until([&] { return house.filename("c") == "unix:"; }));
    REQUIRE(house.chardevs.remove("c"));
    CHECK(house.yank.instances().empty());
}

TEST_CASE("chardevs: a server that is closed takes its socket's file along")
{
    ChardevHouse house;
    test::TempDir const dir;
    auto const path = dir.path() + "/s";
    CHECK(house.add(unix_socket(path, R"("server": true)")) == "{}");
    CHECK(house.filename("c") == cat("disconnected:unix:", path, ",server=on"));
    CHECK(house.chardevs.remove("c"));
    CHECK(access(path.c_str(), F_OK) != 0);
}

TEST_CASE("ringbuf: keeps the last bytes")
{
    auto const ring = RingbufChardev::create("r", 8).value();
    ring->write("hello");
    CHECK(ring->read(2) == "he");
    ring->write("world");
    CHECK(ring->read(100) == "lloworld");
    CHECK(ring->read(100).empty());
    ring->write("0123456789abc");
    ring->write("d");
    CHECK(ring->read(100) == "6789abcd");
    CHECK(RingbufChardev::create("r", 12).error().desc() == "size of ringbuf chardev must be power of two");
    CHECK(RingbufChardev::create("r", -1).error().desc() == "size of ringbuf chardev must be power of two");
    CHECK(RingbufChardev::create("r", std::int64_t{1} << 40).error().desc().find("at most") != std::string::npos);
}

} // namespace minivisor::io
