// SPDX-License-Identifier: GPL-3.0-or-later
#include "io/sockets.hpp"
#include "tests/unit/crypto/pki.hpp"

#include <catch2/catch.hpp>

#include <thread>

#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

namespace minivisor::io {
namespace {

Address tcp(std::string_view text) { return parse_inet(text).value(); }

/// "" when it listens.
std::string listen_error(Address const& address)
{
    auto const socket = ListeningSocket::create(address);
    return socket ? "" : socket.error().desc();
}

TEST_CASE("sockets: with port 0 the port that was found is told, and leads there")
{
    auto const listening = ListeningSocket::create(tcp("127.0.0.1:0")).value();
    auto const port = std::get<InetAddress>(listening.address()).port;
    CHECK(port != "0");
    CHECK(to_text(listening.address()) == "127.0.0.1:" + port);
    auto const client = connect_socket(listening.address());
    REQUIRE(client);
    util::UniqueFd const accepted(accept(listening.fd(), nullptr, nullptr));
    REQUIRE(accepted);
    CHECK(peer_text(client->get()) == "127.0.0.1:" + port);
    CHECK(peer_text(accepted.get()).starts_with("127.0.0.1:"));
}

TEST_CASE("sockets: a port in use is an error, or the next one up to to= is taken")
{
    auto const first = ListeningSocket::create(tcp("127.0.0.1:0")).value();
    auto const port = std::stoi(std::get<InetAddress>(first.address()).port);
    auto const text = "127.0.0.1:" + std::to_string(port);
    CHECK(listen_error(tcp(text)) == "Failed to find an available port: Address already in use");
    auto const next = ListeningSocket::create(tcp(text + ",to=65535"));
    REQUIRE(next);
    CHECK(std::stoi(std::get<InetAddress>(next->address()).port) > port);
}

TEST_CASE("sockets: a connection that takes its time is waited for, or cancelled")
{
    // A listener whose queue is full lets the kernel's first SYN fall, as a slow network would.
    util::UniqueFd const listener(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    sockaddr_in name{};
    name.sin_family = AF_INET;
    name.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t length = sizeof name;
    auto* const generic = reinterpret_cast<sockaddr*>(&name);
    REQUIRE((::bind(listener.get(), generic, length) == 0 && ::listen(listener.get(), 0) == 0));
    REQUIRE(::getsockname(listener.get(), generic, &length) == 0);
    auto const address = tcp("127.0.0.1:" + std::to_string(ntohs(name.sin_port)));
    auto const first = connect_socket(address);
    REQUIRE(first);
    auto stop = util::make_pipe().value();
    Result<util::UniqueFd> second = Error::generic("not tried");
    std::thread waiting([&] { second = connect_socket(address, stop.read_end.get()); });
    SECTION("waited for")
    {
        util::UniqueFd const one(::accept(listener.get(), nullptr, nullptr));
        util::UniqueFd const two(::accept(listener.get(), nullptr, nullptr));
        waiting.join();
        CHECK(second);
    }
    SECTION("cancelled")
    {
        stop.write_end.reset();
        waiting.join();
        // The queue may have had room for it.
        if (!second)
            CHECK(second.error().desc().ends_with(": Operation canceled"));
    }
}

TEST_CASE("sockets: nobody listens, nobody is connected")
{
    std::string gone;
    {
        auto const listening = ListeningSocket::create(tcp("127.0.0.1:0")).value();
        gone = to_text(listening.address());
    }
    auto const client = connect_socket(tcp(gone));
    REQUIRE_FALSE(client);
    CHECK(client.error().desc() == "Failed to connect to '" + gone + "': Connection refused");
    auto const nowhere = connect_socket(UnixAddress{"/nowhere/socket"});
    REQUIRE_FALSE(nowhere);
    CHECK(nowhere.error().desc() == "Failed to connect to '/nowhere/socket': No such file or directory");
}

TEST_CASE("sockets: a name that cannot be resolved is named")
{
    auto const client = connect_socket(InetAddress{"127.0.0.1", "no-such-service", 0, {}, {}});
    REQUIRE_FALSE(client);
    CHECK(client.error().desc().starts_with("address resolution failed for 127.0.0.1:no-such-service: "));
    CHECK(listen_error(InetAddress{"::1", "0", 0, true, false}).starts_with("address resolution failed for [::1]:0: "));
}

TEST_CASE("sockets: a UNIX socket's file comes and goes with the socket")
{
    crypto::test::TempDir const dir;
    auto const path = dir.file("s");
    {
        auto listening = ListeningSocket::create(UnixAddress{path}).value();
        auto const moved = std::move(listening);
        CHECK(std::filesystem::is_socket(path));
        auto const client = connect_socket(UnixAddress{path});
        REQUIRE(client);
        CHECK(peer_text(client->get()).starts_with("unix socket, pid " + std::to_string(getpid()) + " uid "));
    }
    CHECK_FALSE(std::filesystem::exists(path));
}

TEST_CASE("sockets: a stale socket's file is replaced, any other file stays")
{
    crypto::test::TempDir const dir;
    auto const path = dir.file("s");
    {
        util::UniqueFd const stale(socket(AF_UNIX, SOCK_STREAM, 0));
        sockaddr_un name{};
        name.sun_family = AF_UNIX;
        path.copy(name.sun_path, sizeof name.sun_path - 1);
        REQUIRE(bind(stale.get(), reinterpret_cast<sockaddr*>(&name), sizeof name) == 0);
    }
    CHECK(
        connect_socket(UnixAddress{path}).error().desc() == "Failed to connect to '" + path + "': Connection refused");
    CHECK(listen_error(UnixAddress{path}) == "");

    dir.write("file", "precious");
    CHECK(listen_error(UnixAddress{dir.file("file")})
        == "Failed to bind socket to " + dir.file("file") + ": Address already in use");
    CHECK(util::read_file(dir.file("file"), 100).value() == "precious");
    std::filesystem::create_symlink(dir.file("file"), dir.file("link"));
    CHECK(listen_error(UnixAddress{dir.file("link")}) != "");
    CHECK(std::filesystem::is_symlink(dir.file("link")));
}

TEST_CASE("sockets: a path that no socket can have is refused, not cut")
{
    auto const path = "/tmp/" + std::string(120, 'x');
    auto const listening = ListeningSocket::create(UnixAddress{path});
    REQUIRE_FALSE(listening);
    CHECK(listening.error().desc() == "UNIX socket path '" + path + "' is too long");
    CHECK(listening.error().hint() == "Path must be less than 108 bytes");
    CHECK(connect_socket(UnixAddress{path}).error().desc() == "UNIX socket path '" + path + "' is too long");
}

} // namespace
} // namespace minivisor::io
