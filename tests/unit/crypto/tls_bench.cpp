// SPDX-License-Identifier: GPL-3.0-or-later
// How fast a session is beside bare OpenSSL in the same run, and what credentials cost. Hidden: run it with
// `unit-crypto "[bench]"`.
#include "pki.hpp"
#include "tls_pair.hpp"

#include <catch2/catch.hpp>

#include <chrono>
#include <iostream>
#include <thread>
#include <vector>

using namespace minivisor;
using namespace minivisor::crypto;
using namespace minivisor::crypto::test;

namespace {

constexpr std::size_t total = std::size_t(1) << 30;
constexpr std::size_t piece = 1 << 20;

template <typename Send, typename Receive>
double gigabytes_per_second(Send send, Receive receive)
{
    auto const start = std::chrono::steady_clock::now();
    {
        std::jthread const sender(send);
        receive();
    }
    std::chrono::duration<double> const took = std::chrono::steady_clock::now() - start;
    return static_cast<double>(total) / took.count() / 1e9;
}

double session_speed(Directory const& files, std::size_t write_size, Flush flush)
{
    Pair pair(load_context(files.dir, Endpoint::client), load_context(files.dir, Endpoint::server), "localhost", {},
        tcp_sockets());
    pair.run();
    REQUIRE(pair.both_done());
    std::vector<std::byte> const data(write_size, std::byte{7});
    std::vector<std::byte> buffer(piece);
    return gigabytes_per_second(
        [&] {
            for (std::size_t sent = 0; sent < total; sent += write_size)
                pair.client->write(data, flush).value();
            static_cast<void>(pair.client->flush());
        },
        [&] {
            for (std::size_t got = 0; got < total;)
                got += pair.server->read(buffer).value();
        });
}

/// OpenSSL's defaults over blocking sockets.
double bare_speed(Directory const& files)
{
    auto const sockets = tcp_sockets();
    SslContextPtr const client_context(SSL_CTX_new(TLS_client_method()));
    SslContextPtr const server_context(SSL_CTX_new(TLS_server_method()));
    must(SSL_CTX_use_certificate(server_context.get(), files.server.certificate.get()) == 1);
    must(SSL_CTX_use_PrivateKey(server_context.get(), files.server.key.get()) == 1);
    SslPtr const client(SSL_new(client_context.get()));
    SslPtr const server(SSL_new(server_context.get()));
    SSL_set_fd(client.get(), sockets.client.get());
    SSL_set_fd(server.get(), sockets.server.get());
    {
        std::jthread const other([&] { SSL_accept(server.get()); });
        SSL_connect(client.get());
    }
    std::vector<std::byte> const data(piece, std::byte{7});
    std::vector<std::byte> buffer(piece);
    return gigabytes_per_second(
        [&] {
            for (std::size_t sent = 0; sent < total; sent += piece)
                must(SSL_write(client.get(), data.data(), static_cast<int>(piece)) == static_cast<int>(piece));
        },
        [&] {
            for (std::size_t got = 0; got < total;) {
                auto const count = SSL_read(server.get(), buffer.data(), static_cast<int>(piece));
                must(count > 0);
                got += static_cast<std::size_t>(count);
            }
        });
}

} // namespace

TEST_CASE("a session is no slower than bare OpenSSL", "[.][bench]")
{
    Directory const files;
    double bare = 0;
    double session = 0;
    for (int round = 0; round < 3; ++round) {
        bare = std::max(bare, bare_speed(files));
        session = std::max(session, session_speed(files, piece, Flush::now));
    }
    std::cout << "bare OpenSSL, 1 MiB writes: " << bare << " GB/s\n"
              << "session, 1 MiB writes:      " << session << " GB/s\n"
              << "session, 4 KiB writes:      " << session_speed(files, 4096, Flush::later) << " GB/s\n";
    CHECK(session >= bare);
}

TEST_CASE("server credentials are loaded in less than 5 ms", "[.][bench]")
{
    Directory const files;
    // The best of several: the machine has other things to do.
    auto best = std::chrono::steady_clock::duration::max();
    for (int i = 0; i < 20; ++i) {
        auto const start = std::chrono::steady_clock::now();
        load_context(files.dir, Endpoint::server, {});
        best = std::min(best, std::chrono::steady_clock::now() - start);
    }
    std::cout << "server credentials: " << std::chrono::duration<double, std::milli>(best).count() << " ms\n";
    CHECK(best < std::chrono::milliseconds(5));
}
