// SPDX-License-Identifier: GPL-3.0-or-later
#include "crypto/x509.hpp"

#include "gnutls.hpp"
#include "pki.hpp"

#include <catch2/catch.hpp>

using namespace minivisor;
using namespace minivisor::crypto;
using namespace minivisor::crypto::test;

namespace {

/// The sanity checks' answer for a certificate of `ca`; "" when there is nothing to say.
std::string check(Endpoint endpoint, Spec const& spec, Spec const& ca, Issued const* other_issuer = nullptr)
{
    auto authority = issue(ca);
    auto own = issue(spec, other_issuer ? other_issuer : &authority);
    CertificateFiles files{.endpoint = endpoint, .ca_path = "CA", .own_path = "OWN"};
    files.authorities.push_back(std::move(authority.certificate));
    files.own.push_back(std::move(own.certificate));
    auto const result = check_certificates(files);
    return result ? "" : result.error().desc();
}

std::string check_server(Spec const& spec) { return check(Endpoint::server, spec, ca_spec()); }

std::string check_client(Spec const& spec) { return check(Endpoint::client, spec, ca_spec()); }

std::string check_ca(Spec const& ca) { return check(Endpoint::server, server_spec(), ca); }

template <typename Change>
Spec changed(Spec spec, Change change)
{
    change(spec);
    return spec;
}

bool names(char const* alternative_names, char const* subject, char const* usage, std::string const& host)
{
    Spec spec{.subject = {common_name(subject)}};
    if (alternative_names)
        spec.alternative_names = alternative_names;
    if (usage)
        spec.extended_usage = usage;
    auto const made = issue(spec);
    auto const ours = matches_host(made.certificate.get(), host);
    if (auto const* const gnutls = GnuTls::find()) {
        INFO("host " << host << ", alternative names " << (alternative_names ? alternative_names : "-"));
        CHECK(ours == gnutls->matches_host(made.certificate.get(), host));
    }
    return ours;
}

} // namespace

TEST_CASE("good certificates pass the sanity checks at their ends")
{
    CHECK(check_server(server_spec()).empty());
    CHECK(check_client(client_spec()).empty());
}

TEST_CASE("an own certificate out of its time is named with its role")
{
    CHECK(check_server(changed(server_spec(), [](Spec& s) { s.not_after = -60; }))
        == "The server certificate OWN has expired");
    CHECK(check_client(changed(client_spec(), [](Spec& s) { s.not_after = -60; }))
        == "The client certificate OWN has expired");
    CHECK(check_server(changed(server_spec(), [](Spec& s) { s.not_before = 3600; }))
        == "The server certificate OWN is not yet active");
    CHECK(check_client(changed(client_spec(), [](Spec& s) { s.not_before = 3600; }))
        == "The client certificate OWN is not yet active");
}

TEST_CASE("an own certificate must not be a CA, and need not say that it is none")
{
    auto const ca = [](Spec& s) { s.basic_constraints = "critical,CA:TRUE"; };
    auto const nothing = [](Spec& s) { s.basic_constraints.reset(); };
    CHECK(check_server(changed(server_spec(), ca))
        == "The certificate OWN basic constraints show a CA, but we need one for a server");
    CHECK(check_client(changed(client_spec(), ca))
        == "The certificate OWN basic constraints show a CA, but we need one for a client");
    CHECK(check_server(changed(server_spec(), nothing)).empty());
}

TEST_CASE("a critical key usage must hold digital signature, one that is not critical is not looked at")
{
    auto const usage = [](char const* text) { return [text](Spec& s) { s.key_usage = text; }; };
    auto const refusal = "Certificate OWN usage does not permit digital signature";
    CHECK(check_server(changed(server_spec(), usage("critical,keyCertSign"))) == refusal);
    CHECK(check_server(changed(server_spec(), usage("critical,keyEncipherment"))) == refusal);
    CHECK(check_server(changed(server_spec(), usage("keyEncipherment"))).empty());
    CHECK(check_server(changed(server_spec(), [](Spec& s) { s.key_usage.reset(); })).empty());
}

TEST_CASE("a critical extended key usage must name the end's purpose, one that is not critical is not looked at")
{
    auto const usage = [](char const* text) { return [text](Spec& s) { s.extended_usage = text; }; };
    CHECK(check_server(changed(server_spec(), usage("critical,clientAuth")))
        == "Certificate OWN purpose does not allow use with a TLS server");
    CHECK(check_client(changed(client_spec(), usage("critical,serverAuth")))
        == "Certificate OWN purpose does not allow use with a TLS client");
    CHECK(check_server(changed(server_spec(), usage("critical,anyExtendedKeyUsage"))).empty());
    CHECK(check_server(changed(server_spec(), usage("critical,serverAuth,clientAuth"))).empty());
    CHECK(check_server(changed(server_spec(), usage("clientAuth"))).empty());
    CHECK(check_server(changed(server_spec(), usage("codeSigning"))).empty());
    CHECK(check_server(changed(server_spec(), [](Spec& s) { s.extended_usage.reset(); })).empty());
}

TEST_CASE("an authority out of its time, or that is none, is refused")
{
    CHECK(check_ca(changed(ca_spec(), [](Spec& s) { s.not_after = -60; })) == "The CA certificate CA has expired");
    CHECK(check_ca(changed(ca_spec(), [](Spec& s) { s.not_before = 3600; }))
        == "The CA certificate CA is not yet active");
    CHECK(check_ca(changed(ca_spec(), [](Spec& s) { s.basic_constraints = "critical,CA:FALSE"; }))
        == "The certificate CA basic constraints do not show a CA");
    CHECK(check_ca(changed(ca_spec(), [](Spec& s) { s.basic_constraints.reset(); }))
        == "The certificate CA is missing basic constraints for a CA");
    CHECK(check_ca(changed(ca_spec(), [](Spec& s) { s.key_usage = "critical,digitalSignature"; }))
        == "Certificate CA usage does not permit certificate signing");
    CHECK(check_ca(changed(ca_spec(), [](Spec& s) { s.key_usage = "digitalSignature"; }))
        == "Our own certificate OWN failed validation against CA: The certificate is not trusted");
    CHECK(check_ca(changed(ca_spec(), [](Spec& s) { s.key_usage.reset(); })).empty());
}

TEST_CASE("the own certificate is checked before the authorities")
{
    auto const expired = [](Spec& s) { s.not_after = -60; };
    CHECK(check(Endpoint::server, changed(server_spec(), expired), changed(ca_spec(), expired))
        == "The server certificate OWN has expired");
}

TEST_CASE("a certificate of another authority is refused, also when that has the same name")
{
    auto const refusal
        = "Our own certificate OWN failed validation against CA: The certificate hasn't got a known issuer";
    auto const other = issue(ca_spec("Other CA"));
    auto const twin = issue(ca_spec());
    CHECK(check(Endpoint::server, server_spec(), ca_spec(), &other) == refusal);
    CHECK(check(Endpoint::client, client_spec(), ca_spec(), &twin) == refusal);
}

TEST_CASE("issuers may stand behind the own certificate or among the authorities")
{
    auto const root = issue(ca_spec("Root"));
    auto const middle = issue(ca_spec("Middle"), &root);
    auto const leaf = issue(server_spec(), &middle);
    auto const run = [&](std::vector<Issued const*> authorities, std::vector<Issued const*> own) {
        CertificateFiles files{.endpoint = Endpoint::server, .ca_path = "CA", .own_path = "OWN"};
        for (auto const* each : authorities)
            files.authorities.emplace_back(X509_dup(each->certificate.get()));
        for (auto const* each : own)
            files.own.emplace_back(X509_dup(each->certificate.get()));
        auto const result = check_certificates(files);
        return result ? "" : result.error().desc();
    };
    CHECK(run({&root}, {&leaf, &middle}).empty());
    CHECK(run({&root, &middle}, {&leaf}).empty());
    CHECK(run({&middle}, {&leaf}).empty());
    CHECK(run({&root}, {&leaf})
        == "Our own certificate OWN failed validation against CA: The certificate hasn't got a known issuer");
    CHECK(run({&root}, {&leaf, &leaf}) == "The certificate OWN basic constraints do not show a CA");
}

TEST_CASE("a key that is too short is an insecure algorithm")
{
    auto const ca = issue(ca_spec(), nullptr, "RSA1024");
    CertificateFiles files{.endpoint = Endpoint::server, .ca_path = "CA", .own_path = "OWN"};
    files.own.emplace_back(issue(server_spec(), &ca).certificate);
    files.authorities.emplace_back(X509_dup(ca.certificate.get()));
    auto const result = check_certificates(files);
    REQUIRE(!result);
    CHECK(result.error().desc()
        == "Our own certificate OWN failed validation against CA: The certificate uses an insecure algorithm");
}

TEST_CASE("text without certificates has none")
{
    CHECK(parse_certificates("").error().desc() == "Base64 unexpected header error.");
    CHECK(parse_certificates("nonsense\n").error().desc() == "Base64 unexpected header error.");
    CHECK(!parse_certificates("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"));
    auto const good = issue(ca_spec()).certificate_pem();
    CHECK(parse_certificates(good + good).value().size() == 2);
    // A broken one behind a good one is not passed over.
    CHECK(!parse_certificates(good + "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"));
    CHECK(!parse_certificates(good.substr(0, good.size() / 2)));
}

TEST_CASE("a host matches an alternative DNS name, whatever the case")
{
    CHECK(names("DNS:Host.Example.com", "z", nullptr, "host.example.COM"));
    CHECK(!names("DNS:host.example.com", "z", nullptr, "xhost.example.com"));
    CHECK(!names("DNS:host.example.com", "z", nullptr, "example.com"));
    CHECK(!names("DNS:host", "z", nullptr, ""));
}

TEST_CASE("a wildcard stands for exactly one first label")
{
    CHECK(names("DNS:*.example.com", "z", nullptr, "a.example.com"));
    CHECK(!names("DNS:*.example.com", "z", nullptr, "a.b.example.com"));
    CHECK(!names("DNS:*.example.com", "z", nullptr, "example.com"));
    CHECK(!names("DNS:*.com", "z", nullptr, "x.com"));
    CHECK(!names("DNS:f*.example.org", "z", nullptr, "foo.example.org"));
    CHECK(!names("DNS:a.*.example.org", "z", nullptr, "a.b.example.org"));
    CHECK(!names("DNS:*", "z", nullptr, "localhost"));
    CHECK(names(nullptr, "*.example.com", nullptr, "a.example.com"));
}

TEST_CASE("an address matches an alternative address only")
{
    CHECK(names("IP:10.0.0.1", "z", nullptr, "10.0.0.1"));
    CHECK(!names("IP:10.0.0.1", "z", nullptr, "10.0.0.2"));
    CHECK(names("IP:::1", "z", nullptr, "0:0:0:0:0:0:0:1"));
    CHECK(!names("DNS:127.0.0.1", "127.0.0.1", nullptr, "127.0.0.1"));
    CHECK(!names(nullptr, "127.0.0.1", nullptr, "127.0.0.1"));
}

TEST_CASE(
    "the common name counts where no alternative name is a host's, there is exactly one, and the certificate may serve")
{
    CHECK(names(nullptr, "host", nullptr, "host"));
    CHECK(names("email:a@b.example", "host", nullptr, "host"));
    CHECK(names(nullptr, "host", "serverAuth", "host"));
    CHECK(!names("IP:10.0.0.1", "host", nullptr, "host"));
    CHECK(!names("URI:spiffe://host", "host", nullptr, "host"));
    CHECK(!names("DNS:other", "host", nullptr, "host"));
    CHECK(!names(nullptr, "host", "clientAuth", "host"));
    auto const two = issue({.subject = {common_name("host"), common_name("host2")}});
    CHECK(!matches_host(two.certificate.get(), "host"));
    auto const with_nul = issue({.subject = {common_name(std::string("host\0.evil", 10))}});
    CHECK(!matches_host(with_nul.certificate.get(), "host"));
}
