// SPDX-License-Identifier: GPL-3.0-or-later
#include "crypto/tls_session.hpp"

#include "pki.hpp"
#include "tls_pair.hpp"

#include <catch2/catch.hpp>

#include <atomic>
#include <thread>
#include <vector>

using namespace minivisor;
using namespace minivisor::crypto;
using namespace minivisor::crypto::test;

namespace {

Pair connected(Sockets sockets = unix_sockets(), std::optional<std::string> priority = {})
{
    static Directory const files;
    X509Options const options{.sanity_check = false, .priority = std::move(priority)};
    Pair pair(load_context(files.dir, Endpoint::client, options), load_context(files.dir, Endpoint::server),
        "localhost", {}, std::move(sockets));
    pair.run();
    REQUIRE(pair.both_done());
    return pair;
}

/// Bytes that depend on their place, so that a lost, doubled or moved one shows.
std::vector<std::byte> pattern(std::size_t size, std::size_t salt)
{
    std::vector<std::byte> bytes(size);
    for (std::size_t i = 0; i < size; ++i)
        bytes[i] = static_cast<std::byte>((i * 31 + (i >> 8) * 7 + salt) & 0xff);
    return bytes;
}

/// Reads to the end; "" or what went wrong.
std::string read_all(TlsSession& session, std::vector<std::byte>& into)
{
    std::vector<std::byte> buffer(100000);
    for (;;) {
        auto const got = session.read(buffer);
        if (!got)
            return got.error().desc();
        if (*got == 0)
            return "";
        into.insert(into.end(), buffer.begin(), buffer.begin() + static_cast<std::ptrdiff_t>(*got));
    }
}

std::string read_text(TlsSession& session)
{
    std::array<std::byte, 100> buffer{};
    auto const got = session.read(buffer);
    return got ? std::string(reinterpret_cast<char const*>(buffer.data()), *got) : "error: " + got.error().desc();
}

/// Two threads at each end: each end sends and receives at the same time.
void run_both_directions(Pair& pair, std::size_t size, std::size_t chunk)
{
    auto const send = [&](TlsSession& session, std::vector<std::byte> const& bytes, std::string& error) {
        for (std::size_t at = 0; at < bytes.size(); at += chunk) {
            auto const part = std::span(bytes).subspan(at, std::min(chunk, bytes.size() - at));
            if (auto const written = session.write(part, Flush::later); !written) {
                error = written.error().desc();
                return;
            }
        }
        if (auto const finished = session.shutdown_write(); !finished)
            error = finished.error().desc();
    };
    auto const up = pattern(size, 1);
    auto const down = pattern(size, 2);
    std::vector<std::byte> got_up, got_down;
    std::string errors[4];
    {
        std::jthread const a([&] { send(*pair.client, up, errors[0]); });
        std::jthread const b([&] { send(*pair.server, down, errors[1]); });
        std::jthread const c([&] { errors[2] = read_all(*pair.client, got_down); });
        std::jthread const d([&] { errors[3] = read_all(*pair.server, got_up); });
    }
    for (auto const& error : errors)
        CHECK(error.empty());
    CHECK((got_up == up));
    CHECK((got_down == down));
    CHECK(pair.client->stream_end() == StreamEnd::clean);
    CHECK(pair.server->stream_end() == StreamEnd::clean);
}

} // namespace

TEST_CASE("what is written at one end is read at the other")
{
    auto const pair = connected();
    CHECK(pair.client->write(as_bytes("hello")).value() == 5);
    CHECK(read_text(*pair.server) == "hello");
    CHECK(pair.server->write(as_bytes("back")).value() == 4);
    CHECK(read_text(*pair.client) == "back");
    CHECK(pair.client->write({}).value() == 0);
    CHECK(pair.server->read({}).value() == 0);
    CHECK(pair.server->stream_end() == StreamEnd::open);
}

TEST_CASE("what may stay behind goes with the next flush")
{
    auto const pair = connected();
    CHECK(pair.client->write(as_bytes("he"), Flush::later).value() == 2);
    std::array<std::byte, 8> buffer{};
    CHECK(pair.server->try_read(buffer).step == Step::want_read);
    CHECK(pair.client->write(as_bytes("y"), Flush::later).value() == 1);
    CHECK(pair.client->flush());
    std::string text;
    while (text.size() < 3)
        text += read_text(*pair.server);
    CHECK(text == "hey");
}

TEST_CASE("steps that do not wait say what they are waiting for")
{
    auto const pair = connected();
    std::array<std::byte, 8> buffer{};
    auto const nothing = pair.server->try_read(buffer);
    CHECK(nothing.step == Step::want_read);
    CHECK(nothing.bytes == 0);
    // A socket that nobody reads fills up, and no byte is taken twice.
    auto const bytes = pattern(8 << 20, 3);
    std::size_t taken = 0;
    Transfer last;
    do {
        last = pair.client->try_write(std::span(bytes).subspan(taken));
        taken += last.bytes;
    } while (last.step == Step::done && taken < bytes.size());
    REQUIRE(last.step == Step::want_write);
    REQUIRE(taken < bytes.size());
    std::vector<std::byte> got;
    std::vector<std::byte> room(65536);
    while (got.size() < bytes.size()) {
        auto const step = pair.server->try_read(room);
        REQUIRE(step.step != Step::failed);
        got.insert(got.end(), room.begin(), room.begin() + static_cast<std::ptrdiff_t>(step.bytes));
        last = pair.client->try_write(std::span(bytes).subspan(taken));
        REQUIRE(last.step != Step::failed);
        taken += last.bytes;
    }
    CHECK((got == bytes));
}

TEST_CASE("a clean end and a cut one are told apart")
{
    auto pair = connected();
    CHECK(pair.client->write(as_bytes("bye")));
    CHECK(pair.client->shutdown_write());
    CHECK(read_text(*pair.server) == "bye");
    CHECK(read_text(*pair.server).empty());
    CHECK(read_text(*pair.server).empty());
    CHECK(pair.server->stream_end() == StreamEnd::clean);
    // The other direction goes on.
    CHECK(pair.server->write(as_bytes("still here")));
    CHECK(read_text(*pair.client) == "still here");
    pair.sockets.server.reset();
    CHECK(read_text(*pair.client).empty());
    CHECK(pair.client->stream_end() == StreamEnd::cut);
}

TEST_CASE("bytes that came before a cut can be read")
{
    auto pair = connected();
    CHECK(pair.client->write(as_bytes("last words")));
    pair.client.reset();
    pair.sockets.client.reset();
    CHECK(read_text(*pair.server) == "last words");
    CHECK(read_text(*pair.server).empty());
    CHECK(pair.server->stream_end() == StreamEnd::cut);
}

TEST_CASE("after a failed write the peer's last words can still be read")
{
    auto pair = connected();
    CHECK(pair.server->write(as_bytes("why")));
    pair.sockets.server.reset();
    auto const bytes = pattern(1 << 20, 1);
    auto const written = pair.client->write(bytes);
    REQUIRE(!written);
    CHECK(written.error().desc() == "Cannot write to TLS channel: Broken pipe");
    CHECK(read_text(*pair.client) == "why");
}

TEST_CASE("a write to a peer that has refused us reports the refusal, not the broken pipe")
{
    static Directory const files;
    Pair pair(load_context(files.dir, Endpoint::client), load_context(files.dir, Endpoint::server), "localhost",
        [](Question const&) { return Decision{}; });
    // The client is done before the server has judged it.
    CHECK(pair.client->handshake() == Step::want_read);
    CHECK(pair.server->handshake() == Step::want_read);
    CHECK(pair.client->handshake() == Step::done);
    CHECK(!pair.client->pending_alert());
    CHECK(pair.server->handshake() == Step::failed);
    pair.server.reset();
    pair.sockets.server.reset();
    auto const sentence = "The peer refused our certificate: not authorized (TLS alert handshake_failure)";
    SECTION("by the write that fails")
    {
        auto const written = pair.client->write(as_bytes("data"));
        REQUIRE(!written);
        CHECK(written.error().desc() == sentence);
    }
    SECTION("by looking")
    {
        auto const alert = pair.client->pending_alert();
        REQUIRE(alert);
        CHECK(alert->desc() == sentence);
    }
    SECTION("by reading") { CHECK(read_text(*pair.client) == std::string("error: ") + sentence); }
    auto const failure = pair.client->failure();
    REQUIRE(failure);
    CHECK(failure->alert == SSL_AD_HANDSHAKE_FAILURE);
    CHECK(!pair.client->write(as_bytes("more")));
    CHECK(read_text(*pair.client) == std::string("error: ") + sentence);
}

TEST_CASE("bytes that were changed on the way are an error")
{
    auto pair = connected();
    std::string record = "\x17\x03\x03";
    record.push_back('\0');
    record.push_back(20);
    record += std::string(20, 'x');
    must(::send(pair.sockets.client.get(), record.data(), record.size(), 0) > 0);
    CHECK(read_text(*pair.server) == "error: Cannot read from TLS channel: decryption failed or bad record mac");
    CHECK(pair.server->failure()->stage == Failure::Stage::data);
    CHECK(read_text(*pair.client).starts_with("error: The peer ended the TLS connection (TLS alert bad_record_mac)"));
}

TEST_CASE("both directions run at once, each with its own thread, over UNIX and TCP sockets")
{
    for (auto const* const priority : {"NORMAL", "NORMAL:-VERS-TLS1.3"}) {
        auto over_unix = connected(unix_sockets(), priority);
        run_both_directions(over_unix, 4 << 20, 60000);
        auto over_tcp = connected(tcp_sockets(), priority);
        run_both_directions(over_tcp, 4 << 20, 1 << 20);
    }
}

TEST_CASE("both directions run at once with small pieces while keys are replaced")
{
    auto pair = connected(tcp_sockets());
    pair.client->set_rekey_interval(100000);
    pair.server->set_rekey_interval(30000);
    run_both_directions(pair, 1 << 20, 1000);
}

TEST_CASE("sockets that do not block work the same")
{
    auto sockets = tcp_sockets();
    CHECK(util::set_nonblocking(sockets.client.get()));
    CHECK(util::set_nonblocking(sockets.server.get()));
    auto pair = connected(std::move(sockets));
    run_both_directions(pair, 2 << 20, 100000);
}

TEST_CASE("a reader that waits is set free by a shutdown of its socket")
{
    for (bool const tcp : {false, true}) {
        auto pair = connected(tcp ? tcp_sockets() : unix_sockets());
        std::string got = "nothing";
        {
            std::jthread const reader([&] { got = read_text(*pair.server); });
            ::shutdown(pair.sockets.server.get(), SHUT_RDWR);
        }
        CHECK(got.empty());
        CHECK(pair.server->stream_end() == StreamEnd::cut);
    }
}

TEST_CASE("a writer that waits for a peer that does not read is set free by a shutdown of its socket")
{
    auto pair = connected(tcp_sockets());
    std::atomic<bool> filled = false;
    std::string error;
    {
        std::jthread const writer([&] {
            auto const bytes = pattern(1 << 20, 1);
            // Until the socket is full, and then in write(), which waits.
            while (pair.client->try_write(bytes).step == Step::done) { }
            filled = true;
            auto const written = pair.client->write(bytes);
            error = written ? "" : written.error().desc();
        });
        while (!filled)
            std::this_thread::yield();
        ::shutdown(pair.sockets.client.get(), SHUT_RDWR);
    }
    CHECK(error == "Cannot write to TLS channel: Broken pipe");
}

TEST_CASE("a reader is served while the other thread writes without a pause")
{
    auto pair = connected(tcp_sockets());
    std::atomic<bool> stop = false;
    std::string answer;
    {
        std::jthread const writer([&] {
            auto const bytes = pattern(1 << 20, 1);
            while (!stop && pair.client->write(bytes)) { }
            static_cast<void>(pair.client->shutdown_write());
        });
        std::jthread const sink([&] {
            std::vector<std::byte> buffer(1 << 20);
            std::size_t total = 0;
            for (;;) {
                auto const got = pair.server->read(buffer);
                if (!got || *got == 0)
                    return;
                // The answer comes from the midst of the stream.
                if (total < (8 << 20) && total + *got >= (8 << 20))
                    static_cast<void>(pair.server->write(as_bytes("enough")));
                total += *got;
            }
        });
        std::jthread const reader([&] {
            answer = read_text(*pair.client);
            stop = true;
        });
    }
    CHECK(answer == "enough");
}
