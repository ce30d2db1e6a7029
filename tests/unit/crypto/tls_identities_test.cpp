// SPDX-License-Identifier: GPL-3.0-or-later
// Several identities in one folder of credentials, as QEMU 10.2 has them.
#include "pki.hpp"
#include "tls_pair.hpp"

#include <catch2/catch.hpp>

#include <array>

using namespace minivisor;
using namespace minivisor::crypto;
using namespace minivisor::crypto::test;

namespace {

/// A server with "first" (P-256), "second" (RSA) and "third" (Ed25519) side by side.
struct Many : Directory {
    Many()
    {
        add("server-cert", "server-key", "first", "P-256");
        add("server-cert-0", "server-key-0", "second", "RSA2048");
        add("server-cert-1", "server-key-1", "third", "ED25519");
    }
    void add(std::string const& cert, std::string const& key, std::string const& name, std::string const& type)
    {
        auto spec = server_spec();
        spec.subject = {common_name(name)};
        auto const made = issue(spec, &ca, type);
        dir.write(cert + ".pem", made.certificate_pem());
        dir.write(key + ".pem", made.key_pem());
    }
    std::string complaint() const
    {
        auto const loaded = TlsContext::load_x509({.endpoint = Endpoint::server, .dir = dir.path()});
        return loaded ? "" : loaded.error().desc();
    }
};

/// Whose certificate a client sees that can check only these signatures.
std::string seen_by(Many const& files, char const* signatures, char const* priority)
{
    auto const client
        = load_context(files.dir, Endpoint::client, {.sanity_check = false, .priority = std::string(priority)});
    must(SSL_CTX_set1_sigalgs_list(client->native(), signatures) == 1);
    Pair pair(client, load_context(files.dir, Endpoint::server, {.verify_peer = false}));
    pair.run();
    return pair.both_done() ? pair.client->peer_identity() : "failed";
}

} // namespace

TEST_CASE("of several identities the first one is shown that the peer can check")
{
    Many const files;
    for (auto const* const priority : {"NORMAL", "NORMAL:-VERS-TLS1.3"}) {
        INFO(priority);
        CHECK(seen_by(files, "ECDSA+SHA256:RSA-PSS+SHA256:RSA+SHA256:ed25519", priority) == "CN=first");
        CHECK(seen_by(files, "RSA-PSS+SHA256:RSA+SHA256:ed25519:ECDSA+SHA256", priority) == "CN=first");
        // The authority's own signature is ECDSA; what counts is what the peer can do with the server's.
        CHECK(seen_by(files, "RSA-PSS+SHA256:RSA+SHA256:ed25519", priority) == "CN=second");
        CHECK(seen_by(files, "ed25519:RSA-PSS+SHA384", priority) == "CN=second");
        CHECK(seen_by(files, "ed25519", priority) == "CN=third");
        CHECK(seen_by(files, "ECDSA+SHA512:ed448", priority) != "CN=second");
    }
    CHECK(seen_by(files, "ECDSA+SHA256:RSA-PSS+SHA256", "NORMAL:-VERS-TLS1.3:-ECDHE-ECDSA") == "CN=second");
}

TEST_CASE("a client with several identities shows one that the server can check")
{
    Directory files;
    auto const second = issue(client_spec("second"), &files.ca, "RSA2048");
    files.dir.write("client-cert-0.pem", second.certificate_pem());
    files.dir.write("client-key-0.pem", second.key_pem());
    for (auto const& [signatures, wanted] : {std::pair{"ECDSA+SHA256:RSA-PSS+SHA256", "CN=client.example"},
             std::pair{"RSA-PSS+SHA256:RSA+SHA256", "CN=second"}}) {
        auto const server = load_context(files.dir, Endpoint::server);
        must(SSL_CTX_set1_client_sigalgs_list(server->native(), signatures) == 1);
        Pair pair(load_context(files.dir, Endpoint::client), server);
        pair.run();
        REQUIRE(pair.both_done());
        CHECK(pair.server->peer_identity() == wanted);
    }
}

TEST_CASE("numbered identities end at the first gap, and half of one is an error")
{
    Many files;
    auto const loaded = [&] { return load_context(files.dir, Endpoint::server)->identities().size(); };
    CHECK(loaded() == 3);
    files.add("server-cert-3", "server-key-3", "far", "P-256");
    CHECK(loaded() == 3);
    files.add("server-cert-2", "server-key-2", "near", "P-384");
    CHECK(loaded() == 5);
    files.add("server-cert-4", "server-key-4", "beyond", "P-256");
    CHECK(loaded() == 5);
    files.remove("server-key-1.pem");
    CHECK(files.complaint()
        == "Cert '" + files.dir.file("server-cert-1.pem") + "' without corresponding key '"
            + files.dir.file("server-key-1.pem") + "'");
    files.remove("server-cert-1.pem");
    CHECK(loaded() == 2);
    files.remove("server-cert-0.pem");
    CHECK(files.complaint()
        == "Key '" + files.dir.file("server-key-0.pem") + "' without corresponding cert '"
            + files.dir.file("server-cert-0.pem") + "'");
}

TEST_CASE("each of several identities is checked and belongs to its own key")
{
    Many files;
    auto spec = server_spec();
    spec.not_after = -3600;
    files.dir.write("server-cert-0.pem", issue(spec, &files.ca, "RSA2048").certificate_pem());
    CHECK(files.complaint() == "The server certificate " + files.dir.file("server-cert-0.pem") + " has expired");
    files.dir.write("server-cert-0.pem", issue(server_spec(), &files.ca, "RSA2048").certificate_pem());
    CHECK(files.complaint()
        == "Cannot load certificate '" + files.dir.file("server-cert-0.pem") + "' & key '"
            + files.dir.file("server-key-0.pem") + "': The certificate and the given key do not match.");
    files.dir.write("server-cert-0.pem", "rubbish");
    CHECK(files.complaint().starts_with("Unable to import server certificate " + files.dir.file("server-cert-0.pem")));
}
