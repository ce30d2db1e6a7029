// SPDX-License-Identifier: GPL-3.0-or-later
// Credentials without certificates. Facts: qmp-surface section 8.2.
#include "tests/unit/crypto/tls_pair.hpp"

#include <catch2/catch.hpp>

namespace minivisor::crypto::test {
namespace {

constexpr auto two_users = "alice:00112233445566778899aabbccddeeff\n\nqemu:FFEEDDCCBBAA99887766554433221100\n";

std::shared_ptr<TlsContext const> psk(
    TempDir const& dir, Endpoint endpoint, char const* user = nullptr, char const* priority = nullptr)
{
    PskOptions options{.endpoint = endpoint, .dir = dir.path()};
    if (user)
        options.username = user;
    if (priority)
        options.priority = priority;
    return TlsContext::load_psk(options).value();
}

std::string complaint(std::string_view text)
{
    auto const keys = PskKeys::parse(text, "F");
    return keys ? "" : keys.error().desc();
}

TEST_CASE("psk: who has a key of the file comes in, with TLS 1.2 and 1.3")
{
    TempDir const dir;
    dir.write("keys.psk", two_users);
    for (auto const* const user : {"alice", "qemu"}) {
        for (auto const* const priority : {"NORMAL", "NORMAL:-VERS-TLS1.3", "NORMAL:-VERS-TLS1.2"}) {
            Pair pair(psk(dir, Endpoint::client, user, priority), psk(dir, Endpoint::server));
            pair.run();
            REQUIRE(pair.both_done());
            CHECK(pair.server->peer_identity().empty());
        }
    }
}

TEST_CASE("psk: a client without a name is qemu")
{
    TempDir const dir;
    dir.write("keys.psk", two_users);
    TempDir const other;
    other.write("keys.psk", "qemu:ffeeddccbbaa99887766554433221100\n");
    Pair pair(psk(other, Endpoint::client), psk(dir, Endpoint::server));
    pair.run();
    CHECK(pair.both_done());
}

TEST_CASE("psk: another key, or a user that the server does not know, does not come in")
{
    TempDir const dir;
    dir.write("keys.psk", two_users);
    for (auto const* const keys : {"alice:00\n", "bob:00112233445566778899aabbccddeeff\n"}) {
        for (auto const* const priority : {"NORMAL:-VERS-TLS1.3", "NORMAL"}) {
            TempDir const other;
            other.write("keys.psk", keys);
            Pair pair(
                psk(other, Endpoint::client, keys[0] == 'a' ? "alice" : "bob", priority), psk(dir, Endpoint::server));
            pair.run();
            CHECK(pair.server_step == Step::failed);
            CHECK(pair.server->failure()->stage == Failure::Stage::handshake);
            CHECK(pair.server->failure()->error.desc()
                == (keys[0] == 'a' ? "TLS handshake failed: the peer has another key for the user 'alice'"
                                   : "TLS handshake failed: there is no key for the user 'bob'"));
        }
    }
}

TEST_CASE("psk: a server that shows a certificate instead of knowing the key is refused")
{
    TempDir const dir;
    dir.write("keys.psk", two_users);
    Directory const files;
    for (auto const* const priority : {"NORMAL", "NORMAL:-VERS-TLS1.3"}) {
        X509Options const open{.verify_peer = false, .sanity_check = false};
        Pair pair(psk(dir, Endpoint::client, "alice", priority), load_context(files.dir, Endpoint::server, open));
        pair.run();
        CHECK(pair.client_step == Step::failed);
    }
}

TEST_CASE("psk: a client without a key is told apart from one with the wrong key")
{
    TempDir const dir;
    dir.write("keys.psk", two_users);
    Directory const files;
    for (auto const* const priority : {"NORMAL", "NORMAL:-VERS-TLS1.3"}) {
        Pair pair(load_context(files.dir, Endpoint::client), psk(dir, Endpoint::server, nullptr, priority));
        pair.run();
        CHECK(pair.server->failure()->error.desc() == "TLS handshake failed: the peer does not offer a key");
    }
}

TEST_CASE("psk: where there is authorization to be asked there must be a certificate")
{
    TempDir const dir;
    dir.write("keys.psk", two_users);
    auto const sockets = unix_sockets();
    auto const session = TlsSession::create(psk(dir, Endpoint::server), sockets.server.get(), "", [](Question const&) {
        return Decision{true, {}};
    });
    REQUIRE_FALSE(session);
    CHECK(session.error().desc()
        == "Authorization needs TLS credentials that verify the peer, and these are pre-shared keys");
}

TEST_CASE("psk: the file is checked whole, and a complaint never shows a key")
{
    CHECK(complaint("") == "");
    CHECK(complaint("a:00\r\nb:0f") == "");
    CHECK(complaint("a:00\nalice") == "PSK file F, line 2: it should be a user name, ':' and a key");
    CHECK(complaint(":00") == "PSK file F, line 1: it should be a user name, ':' and a key");
    for (auto const* const bad : {"a:", "a:0", "a:0g", "a:00 ", "a:00:11"})
        CHECK(complaint(bad) == "PSK file F, line 1: the key should be of 1 to 256 bytes in hexadecimal digits");
    CHECK(complaint("a:" + std::string(512, '0')) == "");
    CHECK(complaint("a:" + std::string(514, '0')) != "");
    CHECK(complaint(std::string(300, 'u') + ":00")
        == "PSK file F, line 1: the user name is too long, or holds a NUL byte");
    CHECK(PskKeys::parse("a:01\na:02", "F")->find("a")->front() == std::byte{1});
}

TEST_CASE("anon: both ends are encrypted and nobody is known")
{
    auto const anon = [](Endpoint endpoint) { return TlsContext::load_anon({.endpoint = endpoint}).value(); };
    Pair pair(anon(Endpoint::client), anon(Endpoint::server));
    pair.run();
    REQUIRE(pair.both_done());
    CHECK(pair.client->protocol() == "TLSv1.2");
    CHECK(pair.client->cipher() == "ADH-AES256-GCM-SHA384");
    CHECK(TlsContext::load_anon({.priority = "NORMAL:-VERS-TLS1.2"}).error().desc()
        == "Cannot set default TLS session priority NORMAL:-VERS-TLS1.2: anonymous credentials need TLS 1.2");
}

TEST_CASE("anon: a client of certificates does not take an anonymous server")
{
    Directory const files;
    Pair pair(load_context(files.dir, Endpoint::client), TlsContext::load_anon({.endpoint = Endpoint::server}).value());
    pair.run();
    CHECK_FALSE(pair.both_done());
}

} // namespace
} // namespace minivisor::crypto::test
