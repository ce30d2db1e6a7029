// SPDX-License-Identifier: GPL-3.0-or-later
#include "crypto/tls_context.hpp"

#include "pki.hpp"
#include "util/log.hpp"
#include "util/text.hpp"

#include <catch2/catch.hpp>

using namespace minivisor;
using namespace minivisor::crypto;
using namespace minivisor::crypto::test;

namespace {

/// The refusal with the directory's name as DIR; "" when the credentials load.
std::string load(Directory const& directory, X509Options options)
{
    options.dir = directory.dir.path();
    auto const result = TlsContext::load_x509(options);
    if (result)
        return "";
    auto text = result.error().desc();
    auto const path = directory.dir.path();
    for (auto at = text.find(path); at != std::string::npos; at = text.find(path))
        text.replace(at, path.size(), "DIR");
    return text;
}

X509Options const server_options{.endpoint = Endpoint::server};
X509Options const client_options{.endpoint = Endpoint::client};
X509Options const unchecked_server{.endpoint = Endpoint::server, .sanity_check = false};
X509Options const unchecked_client{.endpoint = Endpoint::client, .sanity_check = false};

constexpr char const* junk = "nonsense\n";

} // namespace

TEST_CASE("both ends load from one directory")
{
    Directory const files;
    CHECK(load(files, server_options).empty());
    CHECK(load(files, client_options).empty());
}

TEST_CASE("a directory has to be given, and an empty one is the root")
{
    CHECK(TlsContext::load_x509({}).error().desc() == "Missing 'dir' property value");
    CHECK(TlsContext::load_x509({.dir = ""}).error().desc()
        == "Unable to access credentials /ca-cert.pem: No such file or directory");
}

TEST_CASE("a server needs three files, a client one")
{
    for (auto const* const name : {"ca-cert.pem", "server-cert.pem", "server-key.pem"}) {
        Directory const files;
        files.remove(name);
        auto const refusal = cat("Unable to access credentials DIR/", name, ": No such file or directory");
        CHECK(load(files, server_options) == refusal);
        CHECK(load(files, unchecked_server) == refusal);
    }
    Directory const files;
    files.remove("client-key.pem");
    CHECK(load(files, client_options).empty());
    files.remove("client-cert.pem");
    CHECK(load(files, client_options).empty());
    files.remove("ca-cert.pem");
    CHECK(load(files, client_options) == "Unable to access credentials DIR/ca-cert.pem: No such file or directory");
}

TEST_CASE("an optional file that cannot be looked at is an error")
{
    Directory const files;
    std::filesystem::create_symlink("ca-crl.pem", files.dir.file("ca-crl.pem"));
    CHECK(load(files, server_options)
        == "Unable to access credentials DIR/ca-crl.pem: Too many levels of symbolic links");
}

TEST_CASE("sanity checks can be left out")
{
    Directory files;
    auto spec = server_spec();
    spec.not_after = -60;
    files.set_server(spec);
    CHECK(load(files, server_options) == "The server certificate DIR/server-cert.pem has expired");
    CHECK(load(files, unchecked_server).empty());
}

TEST_CASE("files that hold nothing useful are named")
{
    auto const with = [](char const* name, std::string const& text, X509Options const& options) {
        Directory const files;
        files.dir.write(name, text);
        return load(files, options);
    };
    for (auto const* const text : {junk, ""}) {
        CHECK(with("ca-cert.pem", text, server_options) == "Unable to import CA certificate list DIR/ca-cert.pem");
        CHECK(with("ca-cert.pem", text, unchecked_client)
            == "Cannot load CA certificate 'DIR/ca-cert.pem': Base64 unexpected header error.");
        CHECK(with("server-cert.pem", text, server_options)
            == "Unable to import server certificate DIR/server-cert.pem: Base64 unexpected header error.");
        CHECK(with("client-cert.pem", text, client_options)
            == "Unable to import client certificate DIR/client-cert.pem: Base64 unexpected header error.");
        CHECK(with("server-cert.pem", text, unchecked_server)
            == "Cannot load certificate 'DIR/server-cert.pem' & key 'DIR/server-key.pem': Base64 unexpected header "
               "error.");
        CHECK(with("server-key.pem", text, server_options)
            == "Cannot load certificate 'DIR/server-cert.pem' & key 'DIR/server-key.pem': The requested data were not "
               "available.");
        CHECK(with("ca-crl.pem", text, server_options) == "Cannot load CRL 'DIR/ca-crl.pem': Base64 decoding error.");
        CHECK(with("dh-params.pem", text, server_options)
            == "Unable to load DH parameters from DIR/dh-params.pem: Base64 unexpected header error.");
    }
    CHECK(with("server-cert.pem", junk, client_options).empty());
    CHECK(with("dh-params.pem", junk, client_options).empty());
}

TEST_CASE("a key of another certificate is refused")
{
    Directory const files;
    files.dir.write("server-key.pem", files.client.key_pem());
    CHECK(load(files, server_options)
        == "Cannot load certificate 'DIR/server-cert.pem' & key 'DIR/server-key.pem': The certificate and the given "
           "key "
           "do not match.");
}

TEST_CASE("an encrypted key is not read without its password, and nobody is asked for it")
{
    Directory const files;
    files.dir.write("server-key.pem", files.server.key_pem("letmein"));
    CHECK(load(files, server_options)
        == "Cannot load certificate 'DIR/server-cert.pem' & key 'DIR/server-key.pem': Decryption has failed.");
}

TEST_CASE("an encrypted key is opened by its password and by no other")
{
    Directory const files;
    files.dir.write("server-key.pem", files.server.key_pem("letmein"));
    X509Options options{.endpoint = Endpoint::server};
    options.password = [] { return Result<SecretBytes>(to_secret("letmein")); };
    CHECK(load(files, options).empty());
    for (auto const* const wrong : {"", "letmein ", "nope"}) {
        options.password = [&] { return Result<SecretBytes>(to_secret(wrong)); };
        CHECK(load(files, options)
            == "Cannot load certificate 'DIR/server-cert.pem' & key 'DIR/server-key.pem': Decryption has failed.");
    }
}

TEST_CASE("a password that is named must exist where there is a key")
{
    Directory const files;
    X509Options options{.password = []() -> Result<SecretBytes> { return Error::generic("No secret with id 'nope'"); }};
    CHECK(load(files, options) == "No secret with id 'nope'");
    files.remove("client-key.pem");
    CHECK(load(files, options).empty());
}

TEST_CASE("a revocation list is read when it is there, and an old one is warned of")
{
    Directory const files;
    files.dir.write("ca-crl.pem", revocation_list(files.ca, {files.client.certificate.get()}));
    log::Capture const log;
    CHECK(load(files, server_options).empty());
    CHECK(log.lines().empty());
    files.dir.write("ca-crl.pem", revocation_list(files.ca, {}, -3600));
    CHECK(load(files, server_options).empty());
    REQUIRE(log.lines().size() == 1);
    CHECK(log.lines().front().ends_with("is past its time: it may miss revoked certificates"));
}

TEST_CASE("Diffie-Hellman parameters are read when they are there")
{
    Directory const files;
    KeyPtr parameters;
    {
        std::unique_ptr<EVP_PKEY_CTX, OpensslFree<EVP_PKEY_CTX_free>> const context(
            EVP_PKEY_CTX_new_from_name(nullptr, "DH", nullptr));
        must(EVP_PKEY_paramgen_init(context.get()) == 1);
        must(EVP_PKEY_CTX_set_group_name(context.get(), "ffdhe2048") == 1);
        EVP_PKEY* made = nullptr;
        must(EVP_PKEY_paramgen(context.get(), &made) == 1);
        parameters.reset(made);
    }
    BioPtr const bio(BIO_new(BIO_s_mem()));
    must(PEM_write_bio_Parameters(bio.get(), parameters.get()) == 1);
    files.dir.write("dh-params.pem", Issued::text(bio.get()));
    CHECK(load(files, server_options).empty());
    BioPtr const curve(BIO_new(BIO_s_mem()));
    must(PEM_write_bio_Parameters(curve.get(), files.ca.key.get()) == 1);
    files.dir.write("dh-params.pem", Issued::text(curve.get()));
    CHECK(load(files, server_options)
        == "Unable to load DH parameters from DIR/dh-params.pem: these are not DH parameters");
}

TEST_CASE("RSA, ECDSA and Ed25519 keys are all good")
{
    for (auto const* const type : {"RSA2048", "P-256", "P-384", "ED25519"}) {
        Directory files;
        files.server = issue(server_spec(), &files.ca, type);
        write_identity(files.dir, "server", files.server);
        INFO(type);
        CHECK(load(files, server_options).empty());
    }
}

TEST_CASE("a priority that is not understood is refused when the credentials are made")
{
    Directory const files;
    CHECK(load(files, {.priority = "SECURE192:-VERS-ALL:+VERS-TLS1.3"}).empty());
    CHECK(load(files, {.priority = "NORMAL:-VERS-ALL:+VERS-TLS1.3"}).empty());
    CHECK(load(files, {.priority = "NORMAL:+BOGUS"})
        == "Cannot set default TLS session priority NORMAL:+BOGUS: '+BOGUS' is not supported");
}

TEST_CASE("a private key that everybody can read is warned of")
{
    Directory const files;
    log::Capture const log;
    ::chmod(files.dir.file("server-key.pem").c_str(), 0644);
    CHECK(load(files, server_options).empty());
    REQUIRE(log.lines().size() == 1);
    CHECK(log.lines().front().ends_with("server-key.pem can be read by everybody"));
}

TEST_CASE("credentials know their end")
{
    Directory const files;
    auto const client = TlsContext::load_x509({.dir = files.dir.path()}).value();
    CHECK(client->require(Endpoint::client));
    CHECK(client->require(Endpoint::server).error().desc() == "Expected TLS credentials for a server endpoint");
    auto const server = TlsContext::load_x509({.endpoint = Endpoint::server, .dir = files.dir.path()}).value();
    CHECK(server->require(Endpoint::client).error().desc() == "Expected TLS credentials for a client endpoint");
    CHECK(client->has_certificate());
    files.remove("client-key.pem");
    CHECK(!TlsContext::load_x509({.dir = files.dir.path()}).value()->has_certificate());
}
