// SPDX-License-Identifier: GPL-3.0-or-later
// A small certificate authority for tests: keys, certificates and revocation lists made in memory through
// OpenSSL and written as the files that TLS credentials are read from. Nothing is checked in.
#pragma once

#include "crypto/openssl.hpp"
#include "tests/unit/temp_dir.hpp"

#include <openssl/pem.h>

#include <sys/stat.h>

#include <cstdlib>
#include <optional>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

namespace minivisor::crypto::test {

inline void must(bool good)
{
    if (!good)
        throw std::runtime_error("OpenSSL: " + take_openssl_errors());
}

using minivisor::test::TempDir;

/// One attribute of a name: dotted OID, string type (V_ASN1_*), bytes; `joined` puts it in the set before it.
struct Attribute {
    std::string oid;
    std::string value;
    int type = V_ASN1_UTF8STRING;
    bool joined = false;
};

inline Attribute common_name(std::string value) { return {"2.5.4.3", std::move(value)}; }

/// What a certificate says; an extension that is not set is left out.
struct Spec {
    std::vector<Attribute> subject{};
    std::optional<std::string> basic_constraints = "critical,CA:FALSE";
    std::optional<std::string> key_usage = "critical,digitalSignature";
    std::optional<std::string> extended_usage{};
    std::optional<std::string> alternative_names{};
    /// From now, in seconds.
    long not_before = -86400;
    long not_after = 86400;
};

inline Spec server_spec()
{
    return {.subject = {common_name("localhost")},
        .extended_usage = "serverAuth",
        .alternative_names = "DNS:localhost,IP:127.0.0.1"};
}

inline Spec client_spec(std::string name = "client.example")
{
    return {.subject = {common_name(std::move(name))}, .extended_usage = "clientAuth"};
}

inline Spec ca_spec(std::string name = "Test CA")
{
    return {.subject = {common_name(std::move(name))},
        .basic_constraints = "critical,CA:TRUE",
        .key_usage = "critical,keyCertSign,cRLSign"};
}

struct Issued {
    X509Ptr certificate;
    KeyPtr key;

    std::string certificate_pem() const
    {
        BioPtr const bio(BIO_new(BIO_s_mem()));
        must(PEM_write_bio_X509(bio.get(), certificate.get()) == 1);
        return text(bio.get());
    }
    std::string key_pem(char const* password = nullptr) const
    {
        BioPtr const bio(BIO_new(BIO_s_mem()));
        must(PEM_write_bio_PKCS8PrivateKey(bio.get(), key.get(), password ? EVP_aes_256_cbc() : nullptr, password,
                 password ? static_cast<int>(std::string_view(password).size()) : 0, nullptr, nullptr)
            == 1);
        return text(bio.get());
    }
    static std::string text(BIO* bio)
    {
        char* data = nullptr;
        auto const size = BIO_get_mem_data(bio, &data);
        return {data, static_cast<std::size_t>(size)};
    }
};

/// False when OpenSSL cannot hold such a name; then no certificate with it can ever be parsed either.
inline bool set_subject(X509* certificate, std::vector<Attribute> const& attributes)
{
    struct NameFree {
        void operator()(X509_NAME* name) const { X509_NAME_free(name); }
    };
    std::unique_ptr<X509_NAME, NameFree> const name(X509_NAME_new());
    for (auto const& attribute : attributes) {
        ASN1_OBJECT* const oid = OBJ_txt2obj(attribute.oid.c_str(), 1);
        // Made with a harmless value, and then given the bytes that OpenSSL would refuse or convert.
        unsigned char const x = 'x';
        X509_NAME_ENTRY* const entry = X509_NAME_ENTRY_create_by_OBJ(nullptr, oid, V_ASN1_UTF8STRING, &x, 1);
        auto* const value = X509_NAME_ENTRY_get_data(entry);
        must(ASN1_STRING_set(value, attribute.value.data(), static_cast<int>(attribute.value.size())) == 1);
        value->type = attribute.type;
        must(X509_NAME_add_entry(name.get(), entry, -1, attribute.joined ? -1 : 0) == 1);
        X509_NAME_ENTRY_free(entry);
        ASN1_OBJECT_free(oid);
    }
    return X509_set_subject_name(certificate, name.get()) == 1;
}

inline void add_extension(X509* certificate, X509* issuer, int nid, std::optional<std::string> const& value)
{
    if (!value)
        return;
    X509V3_CTX context;
    X509V3_set_ctx(&context, issuer, certificate, nullptr, nullptr, 0);
    X509_EXTENSION* const extension = X509V3_EXT_conf_nid(nullptr, &context, nid, value->c_str());
    must(extension != nullptr);
    must(X509_add_ext(certificate, extension, -1) == 1);
    X509_EXTENSION_free(extension);
}

inline long next_serial()
{
    static long serial = 1000;
    return ++serial;
}

/// Without an issuer the certificate is signed by itself. `key_type`: "P-256" and so on, "ED25519", "RSA2048".
inline Issued issue(Spec const& spec, Issued const* issuer = nullptr, std::string const& key_type = "P-256")
{
    Issued made{X509Ptr(X509_new()),
        KeyPtr(key_type == "ED25519"          ? EVP_PKEY_Q_keygen(nullptr, nullptr, "ED25519")
                : key_type.starts_with("RSA") ? EVP_RSA_gen(static_cast<unsigned>(std::stoi(key_type.substr(3))))
                                              : EVP_EC_gen(key_type.c_str()))};
    auto* const certificate = made.certificate.get();
    auto const* const signer = issuer ? issuer : &made;
    must(made.key != nullptr && X509_set_version(certificate, X509_VERSION_3) == 1);
    ASN1_INTEGER_set(X509_get_serialNumber(certificate), next_serial());
    X509_gmtime_adj(X509_getm_notBefore(certificate), spec.not_before);
    X509_gmtime_adj(X509_getm_notAfter(certificate), spec.not_after);
    must(set_subject(certificate, spec.subject));
    must(X509_set_issuer_name(certificate, X509_get_subject_name(signer->certificate.get())) == 1);
    must(X509_set_pubkey(certificate, made.key.get()) == 1);
    auto* const issuer_certificate = signer->certificate.get();
    add_extension(certificate, issuer_certificate, NID_subject_key_identifier, "hash");
    if (issuer)
        add_extension(certificate, issuer_certificate, NID_authority_key_identifier, "keyid");
    add_extension(certificate, issuer_certificate, NID_basic_constraints, spec.basic_constraints);
    add_extension(certificate, issuer_certificate, NID_key_usage, spec.key_usage);
    add_extension(certificate, issuer_certificate, NID_ext_key_usage, spec.extended_usage);
    add_extension(certificate, issuer_certificate, NID_subject_alt_name, spec.alternative_names);
    bool const own_digest = EVP_PKEY_is_a(signer->key.get(), "ED25519") == 1;
    must(X509_sign(certificate, signer->key.get(), own_digest ? nullptr : EVP_sha256()) > 0);
    return made;
}

/// A revocation list of `ca`, as PEM; `next_update` in seconds from now, or none.
inline std::string revocation_list(
    Issued const& ca, std::vector<X509*> const& revoked, std::optional<long> next_update = 86400)
{
    X509CrlPtr const list(X509_CRL_new());
    must(X509_CRL_set_version(list.get(), X509_CRL_VERSION_2) == 1);
    must(X509_CRL_set_issuer_name(list.get(), X509_get_subject_name(ca.certificate.get())) == 1);
    ASN1_TIME* const time = ASN1_TIME_new();
    X509_gmtime_adj(time, -172800);
    must(X509_CRL_set1_lastUpdate(list.get(), time) == 1);
    if (next_update) {
        X509_gmtime_adj(time, *next_update);
        must(X509_CRL_set1_nextUpdate(list.get(), time) == 1);
    }
    X509_gmtime_adj(time, -86400);
    for (auto* const certificate : revoked) {
        X509_REVOKED* const entry = X509_REVOKED_new();
        must(X509_REVOKED_set_serialNumber(entry, X509_get_serialNumber(certificate)) == 1);
        must(X509_REVOKED_set_revocationDate(entry, time) == 1);
        must(X509_CRL_add0_revoked(list.get(), entry) == 1);
    }
    ASN1_TIME_free(time);
    must(X509_CRL_sort(list.get()) == 1 && X509_CRL_sign(list.get(), ca.key.get(), EVP_sha256()) > 0);
    BioPtr const bio(BIO_new(BIO_s_mem()));
    must(PEM_write_bio_X509_CRL(bio.get(), list.get()) == 1);
    return Issued::text(bio.get());
}

/// Writes ROLE-cert.pem and ROLE-key.pem.
inline void write_identity(TempDir const& dir, std::string const& role, Issued const& identity)
{
    dir.write(role + "-cert.pem", identity.certificate_pem());
    dir.write(role + "-key.pem", identity.key_pem());
}

/// A directory with a CA, a server and a client of it.
struct Directory {
    TempDir dir;
    Issued ca = issue(ca_spec());
    Issued server = issue(server_spec(), &ca);
    Issued client = issue(client_spec(), &ca);

    Directory()
    {
        dir.write("ca-cert.pem", ca.certificate_pem());
        write_identity(dir, "server", server);
        write_identity(dir, "client", client);
    }
    void set_server(Spec const& spec)
    {
        server = issue(spec, &ca);
        write_identity(dir, "server", server);
    }
    void set_client(Spec const& spec)
    {
        client = issue(spec, &ca);
        write_identity(dir, "client", client);
    }
    void remove(std::string const& name) const { std::filesystem::remove(dir.file(name)); }
};

} // namespace minivisor::crypto::test
