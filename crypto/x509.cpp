// SPDX-License-Identifier: GPL-3.0-or-later
#include "crypto/x509.hpp"

#include "util/text.hpp"

#include <openssl/pem.h>
#include <openssl/x509_vfy.h>

#include <arpa/inet.h>

#include <ctime>

namespace minivisor::crypto {

namespace {

/// A password is never asked for: OpenSSL's own callback would read the terminal.
int no_password(char*, int, int, void*) { return -1; }

template <typename Pointer, auto Read>
Result<std::vector<Pointer>> parse_all(std::string_view pem, char const* nothing_there)
{
    std::vector<Pointer> found;
    auto const bio = memory_bio(pem);
    clear_openssl_errors();
    while (auto* const item = Read(bio.get(), nullptr, no_password, nullptr))
        found.emplace_back(item);
    bool const at_end = first_openssl_reason() == PEM_R_NO_START_LINE;
    auto const errors = take_openssl_errors();
    if (!at_end)
        return Error::generic(errors);
    if (found.empty())
        return Error::generic(nothing_there);
    return found;
}

std::string_view role_name(Endpoint endpoint) { return endpoint == Endpoint::server ? "server" : "client"; }

/// An extension: where it is absent `value` is null and `present` false; a broken one has no value either.
template <typename Pointer>
struct Extension {
    Pointer value;
    bool present = false;
    bool critical = false;
};

template <typename Pointer>
Extension<Pointer> extension_of(X509* certificate, int nid)
{
    int critical = -1;
    clear_openssl_errors();
    auto* const value = static_cast<typename Pointer::pointer>(X509_get_ext_d2i(certificate, nid, &critical, nullptr));
    clear_openssl_errors();
    // -1: absent; -2: more than once, which no one can judge.
    return {Pointer(value), critical != -1, critical == 1};
}

bool has_bit(ASN1_BIT_STRING const* bits, int bit) { return ASN1_BIT_STRING_get_bit(bits, bit) == 1; }

constexpr int digital_signature_bit = 0;
constexpr int certificate_signing_bit = 5;

Result<void> check_times(X509* certificate, std::string_view what)
{
    if (X509_cmp_current_time(X509_get0_notAfter(certificate)) < 0)
        return Error::generic(cat("The ", what, " has expired"));
    if (X509_cmp_current_time(X509_get0_notBefore(certificate)) > 0)
        return Error::generic(cat("The ", what, " is not yet active"));
    return {};
}

Result<void> check_own(X509* certificate, Endpoint endpoint, std::string const& path)
{
    TRY(check_times(certificate, cat(role_name(endpoint), " certificate ", path)));
    auto const constraints = extension_of<BasicConstraintsPtr>(certificate, NID_basic_constraints);
    if (constraints.present && !constraints.value)
        return Error::generic(cat("Unable to query certificate ", path, " basic constraints: it cannot be decoded"));
    if (constraints.value && constraints.value->ca)
        return Error::generic(
            cat("The certificate ", path, " basic constraints show a CA, but we need one for a ", role_name(endpoint)));
    auto const usage = extension_of<BitStringPtr>(certificate, NID_key_usage);
    if (usage.present && !usage.value)
        return Error::generic(cat("Unable to query certificate ", path, " key usage: it cannot be decoded"));
    if (usage.critical && !has_bit(usage.value.get(), digital_signature_bit))
        return Error::generic(cat("Certificate ", path, " usage does not permit digital signature"));
    auto const purpose = extension_of<ExtendedUsagePtr>(certificate, NID_ext_key_usage);
    if (purpose.present && !purpose.value)
        return Error::generic(cat("Unable to query certificate ", path, " key purpose: it cannot be decoded"));
    if (!allows_endpoint(certificate, endpoint))
        return Error::generic(
            cat("Certificate ", path, " purpose does not allow use with a TLS ", role_name(endpoint)));
    return {};
}

Result<void> check_authority(X509* certificate, std::string const& path)
{
    TRY(check_times(certificate, cat("CA certificate ", path)));
    auto const constraints = extension_of<BasicConstraintsPtr>(certificate, NID_basic_constraints);
    if (!constraints.present)
        return Error::generic(cat("The certificate ", path, " is missing basic constraints for a CA"));
    if (!constraints.value)
        return Error::generic(cat("Unable to query certificate ", path, " basic constraints: it cannot be decoded"));
    if (!constraints.value->ca)
        return Error::generic(cat("The certificate ", path, " basic constraints do not show a CA"));
    auto const usage = extension_of<BitStringPtr>(certificate, NID_key_usage);
    if (usage.present && !usage.value)
        return Error::generic(cat("Unable to query certificate ", path, " key usage: it cannot be decoded"));
    if (usage.critical && !has_bit(usage.value.get(), certificate_signing_bit))
        return Error::generic(cat("Certificate ", path, " usage does not permit certificate signing"));
    return {};
}

Result<void> check_chain(CertificateFiles const& files)
{
    auto const unable = [&] {
        return Error::generic(cat("Unable to verify ", role_name(files.endpoint), " certificate ", files.own_path,
            " against CA certificate ", files.ca_path));
    };
    X509StorePtr const store(X509_STORE_new());
    X509StoreContextPtr const context(X509_STORE_CTX_new());
    CertificateList const issuers(sk_X509_new_null());
    if (!store || !context || !issuers)
        return unable();
    for (auto const& authority : files.authorities) {
        if (X509_STORE_add_cert(store.get(), authority.get()) != 1)
            return unable();
    }
    for (std::size_t i = 1; i < files.own.size(); ++i) {
        if (sk_X509_push(issuers.get(), files.own[i].get()) <= 0)
            return unable();
    }
    if (X509_STORE_CTX_init(context.get(), store.get(), files.own.front().get(), issuers.get()) != 1)
        return unable();
    set_verification_rules(X509_STORE_CTX_get0_param(context.get()));
    bool const good = X509_verify_cert(context.get()) == 1;
    clear_openssl_errors();
    if (good)
        return {};
    return Error::generic(cat("Our own certificate ", files.own_path, " failed validation against ", files.ca_path,
        ": ",
        verification_reason(X509_STORE_CTX_get_error(context.get()), X509_STORE_CTX_get_error_depth(context.get()))));
}

char lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }

bool equal_names(std::string_view a, std::string_view b)
{
    if (a.size() != b.size())
        return false;
    for (std::size_t i = 0; i < a.size(); ++i) {
        if (lower(a[i]) != lower(b[i]))
            return false;
    }
    return true;
}

bool name_matches(std::string_view pattern, std::string_view host)
{
    for (char const c : pattern) {
        if (c <= ' ' || c > '~')
            return false;
    }
    if (pattern.empty() || host.empty())
        return false;
    if (equal_names(pattern, host))
        return true;
    if (!pattern.starts_with("*."))
        return false;
    auto const parent = pattern.substr(1);
    // A wildcard for a whole top-level domain is nobody's certificate.
    if (parent.find('.', 1) == std::string_view::npos || parent.find('*') != std::string_view::npos)
        return false;
    auto const dot = host.find('.');
    return dot != std::string_view::npos && dot > 0 && equal_names(parent, host.substr(dot));
}

std::string_view text_of(ASN1_STRING const* value)
{
    return {reinterpret_cast<char const*>(ASN1_STRING_get0_data(value)),
        static_cast<std::size_t>(ASN1_STRING_length(value))};
}

/// The address in network order, 4 or 16 bytes; empty when `host` is no IP literal.
std::string address_bytes(std::string_view host)
{
    std::string const text(host);
    in_addr v4{};
    in6_addr v6{};
    if (text.find('\0') != std::string::npos)
        return {};
    if (inet_pton(AF_INET, text.c_str(), &v4) == 1)
        return {reinterpret_cast<char const*>(&v4), sizeof v4};
    if (inet_pton(AF_INET6, text.c_str(), &v6) == 1)
        return {reinterpret_cast<char const*>(&v6), sizeof v6};
    return {};
}

bool common_name_matches(X509* certificate, std::string_view host)
{
    auto* const subject = X509_get_subject_name(certificate);
    auto const index = X509_NAME_get_index_by_NID(subject, NID_commonName, -1);
    if (index < 0 || X509_NAME_get_index_by_NID(subject, NID_commonName, index) >= 0)
        return false;
    unsigned char* text = nullptr;
    auto const length = ASN1_STRING_to_UTF8(&text, X509_NAME_ENTRY_get_data(X509_NAME_get_entry(subject, index)));
    OpensslMemory const owner(text);
    return length > 0 && name_matches({reinterpret_cast<char const*>(text), static_cast<std::size_t>(length)}, host);
}

bool names_purpose(EXTENDED_KEY_USAGE const* purposes, Endpoint endpoint)
{
    int const wanted = endpoint == Endpoint::server ? NID_server_auth : NID_client_auth;
    for (int i = 0; i < sk_ASN1_OBJECT_num(purposes); ++i) {
        auto const nid = OBJ_obj2nid(sk_ASN1_OBJECT_value(purposes, i));
        if (nid == wanted || nid == NID_anyExtendedKeyUsage)
            return true;
    }
    return false;
}

} // namespace

Result<std::vector<X509Ptr>> parse_certificates(std::string_view pem)
{
    return parse_all<X509Ptr, PEM_read_bio_X509>(pem, "Base64 unexpected header error.");
}

Result<std::vector<X509CrlPtr>> parse_revocation_lists(std::string_view pem)
{
    return parse_all<X509CrlPtr, PEM_read_bio_X509_CRL>(pem, "Base64 decoding error.");
}

Result<void> check_certificates(CertificateFiles const& files)
{
    if (!files.own.empty())
        TRY(check_own(files.own.front().get(), files.endpoint, files.own_path));
    for (std::size_t i = 1; i < files.own.size(); ++i)
        TRY(check_authority(files.own[i].get(), files.own_path));
    for (auto const& authority : files.authorities)
        TRY(check_authority(authority.get(), files.ca_path));
    if (!files.own.empty())
        TRY(check_chain(files));
    return {};
}

bool allows_endpoint(X509* certificate, Endpoint endpoint)
{
    auto const purpose = extension_of<ExtendedUsagePtr>(certificate, NID_ext_key_usage);
    if (purpose.present && !purpose.value)
        return false;
    return !purpose.critical || names_purpose(purpose.value.get(), endpoint);
}

bool allows_signing(X509* certificate)
{
    auto const usage = extension_of<BitStringPtr>(certificate, NID_key_usage);
    return !usage.present || (usage.value && has_bit(usage.value.get(), digital_signature_bit));
}

bool matches_host(X509* certificate, std::string_view host)
{
    auto const address = address_bytes(host);
    GeneralNamesPtr const names(
        static_cast<GENERAL_NAMES*>(X509_get_ext_d2i(certificate, NID_subject_alt_name, nullptr, nullptr)));
    bool names_hosts = false;
    for (int i = 0; i < sk_GENERAL_NAME_num(names.get()); ++i) {
        auto const* const name = sk_GENERAL_NAME_value(names.get(), i);
        if (name->type == GEN_IPADD && !address.empty() && text_of(name->d.iPAddress) == address)
            return true;
        if (name->type == GEN_DNS && address.empty() && name_matches(text_of(name->d.dNSName), host))
            return true;
        names_hosts = names_hosts || name->type == GEN_DNS || name->type == GEN_IPADD || name->type == GEN_URI;
    }
    if (!address.empty() || names_hosts)
        return false;
    auto const purpose = extension_of<ExtendedUsagePtr>(certificate, NID_ext_key_usage);
    if (purpose.present && (!purpose.value || !names_purpose(purpose.value.get(), Endpoint::server)))
        return false;
    return common_name_matches(certificate, host);
}

bool is_ip_literal(std::string_view host) { return !address_bytes(host).empty(); }

std::string verification_reason(int error, int depth)
{
    switch (error) {
    case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT:
    case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY:
    case X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE:
    case X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT:
    case X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN:
    case X509_V_ERR_CERT_UNTRUSTED:
    // A namesake of the right issuer with another key.
    case X509_V_ERR_CERT_SIGNATURE_FAILURE: return "The certificate hasn't got a known issuer";
    case X509_V_ERR_CERT_HAS_EXPIRED:
        return depth == 0 ? "The certificate has expired" : "The certificate is not trusted: its issuer's has expired";
    case X509_V_ERR_CERT_NOT_YET_VALID:
        return depth == 0 ? "The certificate is not yet activated"
                          : "The certificate is not trusted: its issuer's is not yet activated";
    case X509_V_ERR_CERT_REVOKED:
        return depth == 0 ? "The certificate has been revoked"
                          : "The certificate is not trusted: its issuer's has been revoked";
    case X509_V_ERR_INVALID_CA:
    case X509_V_ERR_KEYUSAGE_NO_CERTSIGN: return "The certificate is not trusted";
    case X509_V_ERR_EE_KEY_TOO_SMALL:
    case X509_V_ERR_CA_KEY_TOO_SMALL:
    case X509_V_ERR_CA_MD_TOO_WEAK: return "The certificate uses an insecure algorithm";
    default: return cat("The certificate is not trusted: ", X509_verify_cert_error_string(error));
    }
}

void set_verification_rules(X509_VERIFY_PARAM* parameters)
{
    X509_VERIFY_PARAM_set_flags(parameters, X509_V_FLAG_PARTIAL_CHAIN);
    X509_VERIFY_PARAM_set_purpose(parameters, X509_PURPOSE_ANY);
    X509_VERIFY_PARAM_set_trust(parameters, X509_TRUST_COMPAT);
    // 112 bits: RSA from 2048, elliptic curves from 224, no SHA-1.
    X509_VERIFY_PARAM_set_auth_level(parameters, 2);
    X509_VERIFY_PARAM_set_depth(parameters, 16);
}

} // namespace minivisor::crypto
