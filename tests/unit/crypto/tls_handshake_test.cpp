// SPDX-License-Identifier: GPL-3.0-or-later
#include "pki.hpp"
#include "tls_pair.hpp"
#include "util/log.hpp"

#include <catch2/catch.hpp>

#include <stdexcept>

using namespace minivisor;
using namespace minivisor::crypto;
using namespace minivisor::crypto::test;
using Stage = Failure::Stage;

namespace {

X509Options const only_12{.sanity_check = false, .priority = "NORMAL:-VERS-TLS1.3"};
X509Options const unverified{.verify_peer = false, .sanity_check = false};

/// What the client learns after its handshake: the peer's alert, or "".
std::string learned(TlsSession& session)
{
    if (auto const failure = session.failure())
        return failure->error.desc();
    std::array<std::byte, 16> buffer{};
    auto const transfer = session.try_read(buffer);
    if (transfer.step == Step::failed)
        return session.failure()->error.desc();
    return "";
}

std::string reason(TlsSession const& session)
{
    auto const failure = session.failure();
    return failure ? failure->error.desc() : "";
}

/// Both ends' sentences after a handshake that has to fail at the server.
struct Outcome {
    std::string server;
    std::string client;
    Failure detail;
};

Outcome refused_by_server(Directory const& server_files, TempDir const& client_files, X509Options const& options = {},
    Authorize authorize = {})
{
    Pair pair(load_context(client_files, Endpoint::client, options), load_context(server_files.dir, Endpoint::server),
        "localhost", std::move(authorize));
    pair.run();
    REQUIRE(pair.server_step == Step::failed);
    return {reason(*pair.server), learned(*pair.client), *pair.server->failure()};
}

Outcome refused_by_server(Directory const& files)
{
    return refused_by_server(files, files.dir, {.sanity_check = false});
}

/// The same for one that the client ends.
Outcome refused_by_client(Directory const& files, std::string const& host = "localhost")
{
    Pair pair(load_context(files.dir, Endpoint::client), load_context(files.dir, Endpoint::server), host);
    pair.run();
    REQUIRE(pair.client_step == Step::failed);
    REQUIRE(pair.server_step == Step::failed);
    return {reason(*pair.server), reason(*pair.client), *pair.client->failure()};
}

} // namespace

TEST_CASE("two ends of one authority shake hands and know each other")
{
    Directory const files;
    Pair pair(load_context(files.dir, Endpoint::client, {}), load_context(files.dir, Endpoint::server, {}));
    pair.run();
    REQUIRE(pair.both_done());
    CHECK(pair.server->peer_identity() == "CN=client.example");
    CHECK(pair.client->peer_identity() == "CN=localhost");
    CHECK(pair.client->protocol() == "TLSv1.3");
    CHECK(pair.client->cipher() == "TLS_AES_256_GCM_SHA384");
    CHECK(!pair.client->failure());
    CHECK(!pair.client->pending_alert());
    CHECK(learned(*pair.client).empty());
}

TEST_CASE("TLS 1.2 serves too, and all kinds of keys")
{
    for (auto const* const type : {"P-256", "P-384", "ED25519", "RSA2048"}) {
        Directory files;
        files.server = issue(server_spec(), &files.ca, type);
        files.client = issue(client_spec(), &files.ca, type);
        write_identity(files.dir, "server", files.server);
        write_identity(files.dir, "client", files.client);
        for (bool const old : {false, true}) {
            Pair pair(load_context(files.dir, Endpoint::client, old ? only_12 : X509Options{}),
                load_context(files.dir, Endpoint::server, {}));
            pair.run();
            INFO(type << " " << old);
            REQUIRE(pair.both_done());
            CHECK(pair.server->protocol() == (old ? "TLSv1.2" : "TLSv1.3"));
        }
    }
}

TEST_CASE("a chain in the own file is sent along")
{
    Directory files;
    auto const middle = issue(ca_spec("Middle"), &files.ca);
    auto const leaf = issue(server_spec(), &middle);
    files.dir.write("server-cert.pem", leaf.certificate_pem() + middle.certificate_pem());
    files.dir.write("server-key.pem", leaf.key_pem());
    Pair pair(load_context(files.dir, Endpoint::client, {}), load_context(files.dir, Endpoint::server, {}));
    pair.run();
    CHECK(pair.both_done());
}

TEST_CASE("the server refuses a client of an unknown authority")
{
    Directory const files;
    Directory const strangers;
    files.dir.write("ca-cert.pem", files.ca.certificate_pem() + strangers.ca.certificate_pem());
    TempDir const client;
    auto const other = issue(ca_spec("Other CA"));
    client.write("ca-cert.pem", files.ca.certificate_pem());
    write_identity(client, "client", issue(client_spec("stranger"), &other));
    auto const outcome = refused_by_server(files, client, {.sanity_check = false});
    CHECK(outcome.server == "The certificate hasn't got a known issuer");
    CHECK(outcome.client == "The peer refused our certificate: it does not know the issuer (TLS alert unknown_ca)");
    CHECK(outcome.detail.stage == Stage::verify);
    CHECK(outcome.detail.peer_identity == "CN=stranger");
}

TEST_CASE("the server refuses an expired client, and one before its time")
{
    Directory files;
    auto spec = client_spec();
    spec.not_after = -60;
    files.set_client(spec);
    auto outcome = refused_by_server(files);
    CHECK(outcome.server == "The certificate has expired");
    CHECK(outcome.client
        == "The peer refused our certificate: it has expired or is not yet valid (TLS alert certificate_expired)");
    spec = client_spec();
    spec.not_before = 3600;
    files.set_client(spec);
    outcome = refused_by_server(files);
    CHECK(outcome.server == "The certificate is not yet activated");
    CHECK(outcome.client == "The peer refused our certificate: it may not be valid yet (TLS alert bad_certificate)");
}

TEST_CASE("the server refuses a client that is on the revocation list, and only that one")
{
    Directory files;
    auto const revoked = revocation_list(files.ca, {files.client.certificate.get()});
    files.dir.write("ca-crl.pem", revoked);
    auto const outcome = refused_by_server(files);
    CHECK(outcome.server == "The certificate has been revoked");
    CHECK(outcome.client == "The peer refused our certificate: it has been revoked (TLS alert certificate_revoked)");
    files.set_client(client_spec());
    Pair pair(load_context(files.dir, Endpoint::client), load_context(files.dir, Endpoint::server));
    pair.run();
    CHECK(pair.both_done());
}

TEST_CASE("an old revocation list still revokes whom it names, and nobody else")
{
    Directory files;
    log::Capture const log;
    files.dir.write("ca-crl.pem", revocation_list(files.ca, {files.client.certificate.get()}, -3600));
    CHECK(refused_by_server(files).server == "The certificate has been revoked");
    files.set_client(client_spec());
    Pair pair(load_context(files.dir, Endpoint::client), load_context(files.dir, Endpoint::server));
    pair.run();
    CHECK(pair.both_done());
}

TEST_CASE("a revocation list that somebody else has signed is not believed")
{
    Directory const files;
    auto const twin = issue(ca_spec());
    files.dir.write("ca-crl.pem", revocation_list(twin, {}));
    Pair pair(load_context(files.dir, Endpoint::client), load_context(files.dir, Endpoint::server));
    pair.run();
    CHECK(!pair.both_done());
}

TEST_CASE("the client heeds the revocation list as well")
{
    Directory const files;
    files.dir.write("ca-crl.pem", revocation_list(files.ca, {files.server.certificate.get()}));
    auto const outcome = refused_by_client(files);
    CHECK(outcome.client == "The certificate has been revoked");
    CHECK(outcome.server == "The peer refused our certificate: it has been revoked (TLS alert certificate_revoked)");
}

TEST_CASE("the server refuses a client without a certificate")
{
    Directory const files;
    files.remove("client-key.pem");
    auto const outcome = refused_by_server(files);
    CHECK(outcome.server == "Verify failed: No certificate was found.");
    CHECK(outcome.client
        == "The peer refused us: it wants a certificate and we have none (TLS alert certificate_required)");
    CHECK(outcome.detail.stage == Stage::verify);
    auto const older = refused_by_server(files, files.dir, only_12);
    CHECK(older.server == "Verify failed: No certificate was found.");
    CHECK(older.client == "The peer refused us: it wants a certificate and we have none (TLS alert handshake_failure)");
}

TEST_CASE("the server refuses a client whose usage is critical and another")
{
    Directory files;
    auto spec = client_spec();
    spec.extended_usage = "critical,serverAuth";
    files.set_client(spec);
    auto const outcome = refused_by_server(files);
    CHECK(outcome.server == "The certificate's purpose does not allow use with a TLS client");
    CHECK(outcome.client
        == "The peer refused our certificate: it is not for this use (TLS alert unsupported_certificate)");
    spec = client_spec();
    spec.key_usage = "keyEncipherment";
    files.set_client(spec);
    CHECK(refused_by_server(files).server == "Key usage violation in certificate has been detected.");
    spec = client_spec();
    spec.extended_usage = "serverAuth";
    files.set_client(spec);
    Pair pair(load_context(files.dir, Endpoint::client), load_context(files.dir, Endpoint::server));
    pair.run();
    CHECK(pair.both_done());
}

TEST_CASE("authorization is asked with the identity, once, and its refusal reaches the client")
{
    Directory const files;
    for (auto const* const priority : {"NORMAL", "NORMAL:-VERS-TLS1.3"}) {
        std::vector<std::string> asked;
        auto const outcome = refused_by_server(files, files.dir, {.priority = priority}, [&](Question const& question) {
            asked.push_back(question.identity);
            return Decision{};
        });
        CHECK(asked == std::vector<std::string>{"CN=client.example"});
        CHECK(outcome.server == "TLS x509 authz check for CN=client.example is denied");
        CHECK(outcome.client == "The peer refused our certificate: not authorized (TLS alert handshake_failure)");
        CHECK(outcome.detail.stage == Stage::authorize);
        CHECK(outcome.detail.peer_identity == "CN=client.example");
        CHECK(!outcome.detail.alert);
    }
}

TEST_CASE("authorization lets in whom it allows")
{
    Directory const files;
    Pair pair(load_context(files.dir, Endpoint::client, {}), load_context(files.dir, Endpoint::server, {}), "localhost",
        [](Question const& question) {
            return Decision{question.identity == "CN=client.example", ""};
        });
    pair.run();
    CHECK(pair.both_done());
}

TEST_CASE("an authorization that fails or throws is a refusal with its reason")
{
    Directory const files;
    auto const named = refused_by_server(files, files.dir, {}, [](Question const&) {
        return Decision{false, "Cannot find QAuthZ object ID nope"};
    });
    CHECK(named.server == "Cannot find QAuthZ object ID nope");
    auto const thrown = refused_by_server(
        files, files.dir, {}, [](Question const&) -> Decision { throw std::runtime_error("no memory"); });
    CHECK(thrown.server == "TLS x509 authz check for CN=client.example failed: no memory");
    CHECK(thrown.client == "The peer refused our certificate: not authorized (TLS alert handshake_failure)");
}

TEST_CASE("a handshake pauses for an authorization that takes its time, and both answers arrive")
{
    Directory const files;
    for (auto const* const priority : {"NORMAL", "NORMAL:-VERS-TLS1.3"})
        for (bool const allowed : {true, false}) {
            std::vector<Question> asked;
            Pair pair(load_context(files.dir, Endpoint::client, {.priority = priority}),
                load_context(files.dir, Endpoint::server), "localhost", [&](Question const& question) {
                    asked.push_back(question);
                    return std::nullopt;
                });
            pair.run();
            CHECK(pair.server_step == Step::want_decision);
            CHECK(!pair.server->failure());
            REQUIRE(asked.size() == 1);
            CHECK(asked[0].identity == "CN=client.example");
            CHECK(!asked[0].serial.empty());
            pair.server->decide({allowed, ""});
            pair.run();
            CHECK(asked.size() == 1);
            CHECK(asked[0].cipher == (allowed ? pair.server->cipher() : asked[0].cipher));
            CHECK(!asked[0].cipher.empty());
            CHECK(pair.server_step == (allowed ? Step::done : Step::failed));
            CHECK(learned(*pair.client)
                == (allowed ? "" : "The peer refused our certificate: not authorized (TLS alert handshake_failure)"));
        }
}

TEST_CASE("many handshakes pause at a time, and are answered in any order")
{
    Directory const files;
    auto const client = load_context(files.dir, Endpoint::client);
    auto const server = load_context(files.dir, Endpoint::server);
    std::vector<std::unique_ptr<Pair>> pairs;
    for (int i = 0; i < 20; ++i) {
        pairs.push_back(
            std::make_unique<Pair>(client, server, "localhost", [](Question const&) { return std::nullopt; }));
        pairs.back()->run();
    }
    for (std::size_t i = pairs.size(); i-- > 0;) {
        CHECK(pairs[i]->server_step == Step::want_decision);
        pairs[i]->server->decide({i % 2 == 0, ""});
        pairs[i]->run();
        CHECK(pairs[i]->server_step == (i % 2 == 0 ? Step::done : Step::failed));
    }
}

TEST_CASE("a session that goes while it waits for a decision refuses the peer")
{
    Directory const files;
    Pair pair(load_context(files.dir, Endpoint::client), load_context(files.dir, Endpoint::server), "localhost",
        [](Question const&) { return std::nullopt; });
    pair.run();
    REQUIRE(pair.server_step == Step::want_decision);
    pair.server.reset();
    CHECK(learned(*pair.client) == "The peer refused our certificate: not authorized (TLS alert handshake_failure)");
}

TEST_CASE("whoever waits for the whole handshake gets a no where the authorization has no answer")
{
    Directory const files;
    Pair pair(load_context(files.dir, Endpoint::client), load_context(files.dir, Endpoint::server), "localhost",
        [](Question const&) { return std::nullopt; });
    pair.run();
    REQUIRE(pair.server_step == Step::want_decision);
    auto const shaken = pair.server->complete_handshake(std::nullopt);
    REQUIRE(!shaken);
    CHECK(shaken.error().desc() == "There was no answer from the authorization");
}

TEST_CASE("nobody who fails the verification is asked about")
{
    Directory files;
    auto spec = client_spec();
    spec.not_after = -60;
    files.set_client(spec);
    bool asked = false;
    refused_by_server(files, files.dir, {.sanity_check = false}, [&](Question const&) {
        asked = true;
        return Decision{true, ""};
    });
    CHECK(!asked);
}

TEST_CASE("a subject that cannot be an identity is refused")
{
    Directory files;
    auto spec = client_spec();
    spec.subject = {common_name("a\nCN=root")};
    files.set_client(spec);
    CHECK(refused_by_server(files).server
        == "Cannot get client distinguished name: it contains a NUL, CR or LF character");
    spec.subject.clear();
    files.set_client(spec);
    CHECK(refused_by_server(files).server
        == "Cannot get client distinguished name: the certificate has an empty subject");
}

TEST_CASE("the client refuses a server that it does not trust")
{
    Directory files;
    auto const other = issue(ca_spec("Other CA"));
    write_identity(files.dir, "server", issue(server_spec(), &other));
    auto outcome = refused_by_client(files);
    CHECK(outcome.client == "The certificate hasn't got a known issuer");
    CHECK(outcome.server == "The peer refused our certificate: it does not know the issuer (TLS alert unknown_ca)");
    CHECK(outcome.detail.stage == Stage::verify);
    auto spec = server_spec();
    spec.not_after = -60;
    files.set_server(spec);
    outcome = refused_by_client(files);
    CHECK(outcome.client == "The certificate has expired");
}

TEST_CASE("the client refuses a server of another name")
{
    Directory const files;
    auto const outcome = refused_by_client(files, "wrong.example");
    CHECK(outcome.client == "Certificate does not match the hostname wrong.example");
    CHECK(outcome.server
        == "The peer refused our certificate: it may not match the host name (TLS alert bad_certificate)");
    CHECK(refused_by_client(files, "127.0.0.2").client == "Certificate does not match the hostname 127.0.0.2");
    Pair pair(load_context(files.dir, Endpoint::client), load_context(files.dir, Endpoint::server), "127.0.0.1");
    pair.run();
    CHECK(pair.both_done());
}

TEST_CASE("an end that does not verify takes anybody, and knows nobody")
{
    Directory files;
    auto const other = issue(ca_spec("Other CA"));
    write_identity(files.dir, "server", issue(server_spec(), &other));
    files.remove("client-key.pem");
    Pair pair(load_context(files.dir, Endpoint::client, unverified),
        load_context(files.dir, Endpoint::server, unverified), "");
    pair.run();
    REQUIRE(pair.both_done());
    CHECK(pair.server->peer_identity().empty());
    CHECK(pair.client->peer_identity().empty());
}

TEST_CASE("a session that could not keep its promise is not made")
{
    Directory const files;
    auto const sockets = unix_sockets();
    auto const allow = [](Question const&) { return Decision{true, ""}; };
    auto const open_server = load_context(files.dir, Endpoint::server, unverified);
    CHECK(TlsSession::create(open_server, sockets.server.get(), "", allow).error().desc()
        == "Authorization needs TLS credentials that verify the peer, and these have verify-peer=off");
    auto const client = load_context(files.dir, Endpoint::client);
    CHECK(TlsSession::create(client, sockets.client.get(), "", {}).error().desc()
        == "No hostname for certificate validation");
    auto const pipe = util::make_pipe().value();
    CHECK(
        TlsSession::create(client, pipe.read_end.get(), "localhost", {}).error().desc() == "TLS needs a stream socket");
}

TEST_CASE("ends without a common version or cipher say so")
{
    Directory const files;
    Pair versions(load_context(files.dir, Endpoint::client, only_12),
        load_context(files.dir, Endpoint::server, {.priority = "NORMAL:-VERS-TLS1.2"}));
    versions.run();
    CHECK(reason(*versions.server) == "TLS handshake failed: unsupported protocol");
    CHECK(reason(*versions.client)
        == "TLS handshake failed: the peer accepts no TLS version that we offer (TLS alert protocol_version)");
    Pair ciphers(load_context(files.dir, Endpoint::client, {.priority = "NORMAL:-CIPHER-ALL:+AES-128-GCM"}),
        load_context(files.dir, Endpoint::server, {.priority = "NORMAL:-AES-128-GCM"}));
    ciphers.run();
    CHECK(reason(*ciphers.server) == "TLS handshake failed: no shared cipher");
    CHECK(reason(*ciphers.client)
        == "TLS handshake failed: the peer found no acceptable parameters (TLS alert handshake_failure)");
}

TEST_CASE("garbage instead of TLS is named at either end")
{
    Directory const files;
    for (std::string_view const garbage :
        {std::string_view("QEVM\0\0\0\3 and so on", 19), std::string_view("GET / HTTP/1.0\r\n\r\n"),
            std::string_view("\x16\x03\x01\xff\xff garbage", 13), std::string_view("\0\0\0\0\0\0\0\0\0\0\0\0", 12)}) {
        for (auto const endpoint : {Endpoint::server, Endpoint::client}) {
            auto const sockets = unix_sockets();
            auto const session
                = TlsSession::create(load_context(files.dir, endpoint), sockets.server.get(), "localhost", {}).value();
            must(::send(sockets.client.get(), garbage.data(), garbage.size(), MSG_NOSIGNAL) > 0);
            auto step = session->handshake();
            for (int i = 0; i < 3 && step != Step::failed; ++i)
                step = session->handshake();
            REQUIRE(step == Step::failed);
            CHECK(reason(*session) == "TLS handshake failed: An unexpected TLS packet was received.");
            CHECK(session->failure()->stage == Stage::handshake);
        }
    }
}

TEST_CASE("a peer that goes away in the handshake is named, wherever it stops")
{
    Directory const files;
    auto const client_context = load_context(files.dir, Endpoint::client);
    auto const server_context = load_context(files.dir, Endpoint::server);
    for (int steps = 0; steps < 2; ++steps) {
        Pair pair(client_context, server_context);
        for (int i = 0; i < steps; ++i) {
            CHECK(pair.client->handshake() == Step::want_read);
            CHECK(pair.server->handshake() == Step::want_read);
        }
        ::shutdown(pair.sockets.client.get(), SHUT_RDWR);
        auto const result = pair.server->complete_handshake(std::nullopt);
        REQUIRE(!result);
        CHECK(result.error().desc() == "TLS handshake failed: The TLS connection was non-properly terminated.");
    }
}

TEST_CASE("a handshake ends at its time limit")
{
    Directory const files;
    auto const sockets = unix_sockets();
    auto const session
        = TlsSession::create(load_context(files.dir, Endpoint::server), sockets.server.get(), "", {}).value();
    auto const result = session->complete_handshake(std::chrono::milliseconds(10));
    REQUIRE(!result);
    CHECK(result.error().desc() == "TLS handshake failed: Connection timed out");
    CHECK(session->handshake() == Step::failed);
}
