// SPDX-License-Identifier: GPL-3.0-or-later
// The loading of X.509 credentials.
#include "crypto/tls_context.hpp"

#include "crypto/tls_files.hpp"
#include "crypto/tls_priority.hpp"
#include "crypto/tls_verify.hpp"
#include "util/fd.hpp"
#include "util/log.hpp"
#include "util/text.hpp"

#include <openssl/pem.h>
#include <openssl/x509_vfy.h>

#include <sys/stat.h>

#include <algorithm>

namespace minivisor::crypto {

namespace {

/// The files' paths; "" for one that is optional and not there.
struct OwnPaths {
    std::string certificate;
    std::string key;
};
struct Paths {
    std::string ca;
    std::string crl;
    std::vector<OwnPaths> own;
    std::string dh;
};

/// server-cert-0.pem and so on, up to the first gap. Half a pair is a mistake, as it is for QEMU 10.2.
Result<void> locate_further(Paths& paths, std::string const& dir, std::string_view role)
{
    for (int i = 0; i < most_further_identities; ++i) {
        auto const certificate = cat(role, "-cert-", i, ".pem");
        auto const key = cat(role, "-key-", i, ".pem");
        OwnPaths own;
        own.certificate = TRY(locate(dir, certificate, false));
        own.key = TRY(locate(dir, key, false));
        if (own.certificate.empty() && own.key.empty())
            return {};
        if (own.key.empty())
            return Error::generic(cat("Cert '", own.certificate, "' without corresponding key '", dir, '/', key, '\''));
        if (own.certificate.empty())
            return Error::generic(cat("Key '", own.key, "' without corresponding cert '", dir, '/', certificate, '\''));
        paths.own.push_back(std::move(own));
    }
    return {};
}

Result<Paths> locate_all(std::string const& dir, bool server)
{
    Paths paths;
    paths.ca = TRY(locate(dir, "ca-cert.pem", true));
    paths.crl = TRY(locate(dir, "ca-crl.pem", false));
    std::string_view const role = server ? "server" : "client";
    OwnPaths own;
    own.certificate = TRY(locate(dir, cat(role, "-cert.pem"), server));
    own.key = TRY(locate(dir, cat(role, "-key.pem"), server));
    if (!own.certificate.empty())
        paths.own.push_back(std::move(own));
    if (server)
        paths.dh = TRY(locate(dir, "dh-params.pem", false));
    TRY(locate_further(paths, dir, role));
    return paths;
}

Result<std::vector<X509Ptr>> read_certificates(std::string const& path)
{
    auto const text = TRY(util::read_file(path, max_credentials_file));
    return parse_certificates(text);
}

Result<std::vector<X509Ptr>> read_own(std::string const& path, Endpoint endpoint)
{
    auto own = read_certificates(path);
    if (!own)
        return std::move(own).error().context(
            cat("Unable to import ", endpoint == Endpoint::server ? "server" : "client", " certificate ", path));
    return own;
}

/// Which sentence a failure gets depends on whether sanity checks are on, as in QEMU.
Result<std::vector<X509Ptr>> read_authorities(std::string const& path, bool sanity_check)
{
    auto text = util::read_file(path, max_credentials_file);
    if (!text)
        return std::move(text).error().context(
            sanity_check ? cat("Cannot load CA cert list ", path) : cat("Cannot load CA certificate '", path, '\''));
    auto authorities = parse_certificates(*text);
    if (!authorities && sanity_check)
        return Error::generic(cat("Unable to import CA certificate list ", path));
    if (!authorities)
        return std::move(authorities).error().context(cat("Cannot load CA certificate '", path, '\''));
    return authorities;
}

/// Reads and checks what sanity checks look at: our own certificates, one list for each path, and the authorities.
Result<std::vector<std::vector<X509Ptr>>> read_checked(Paths const& paths, CertificateFiles& files)
{
    std::vector<std::vector<X509Ptr>> all;
    for (auto const& own : paths.own)
        all.push_back(TRY(read_own(own.certificate, files.endpoint)));
    files.authorities = TRY(read_authorities(paths.ca, true));
    if (all.empty())
        TRY(check_certificates(files));
    for (std::size_t i = 0; i < all.size(); ++i) {
        files.own_path = paths.own[i].certificate;
        files.own = std::move(all[i]);
        TRY(check_certificates(files));
        all[i] = std::move(files.own);
    }
    return all;
}

/// The key, with GnuTLS' words for what people get wrong.
Result<KeyPtr> read_key(std::string const& path, SecretBytes const* password)
{
    auto text = TRY(util::read_file(path, max_credentials_file));
    struct Asked {
        SecretBytes const* password;
        bool encrypted = false;
    } asked{password};
    auto const bio = memory_bio(text);
    clear_openssl_errors();
    KeyPtr key(PEM_read_bio_PrivateKey(
        bio.get(), nullptr,
        [](char* buffer, int size, int, void* data) {
            auto& question = *static_cast<Asked*>(data);
            question.encrypted = true;
            if (!question.password || question.password->size() > static_cast<std::size_t>(size))
                return -1;
            std::ranges::copy(as_text(*question.password), buffer);
            return static_cast<int>(question.password->size());
        },
        &asked));
    wipe(text);
    if (key)
        return key;
    clear_openssl_errors();
    return Error::generic(asked.encrypted ? "Decryption has failed." : "The requested data were not available.");
}

void warn_of_open_key(std::string const& path)
{
    struct stat info { };
    if (::stat(path.c_str(), &info) == 0 && (info.st_mode & S_IROTH) != 0)
        log::warn(cat("The private key ", path, " can be read by everybody"));
}

CertificateList issuers_of(Identity const& identity)
{
    CertificateList list(sk_X509_new_null());
    for (std::size_t i = 1; list && i < identity.chain.size(); ++i)
        if (sk_X509_push(list.get(), identity.chain[i].get()) <= 0)
            return nullptr;
    return list;
}

Result<Identity> make_identity(std::vector<X509Ptr> own, std::string const& key_path, SecretBytes const* password)
{
    if (own.empty())
        return Error::generic("Base64 decoding error.");
    // Not in the braces below: a TRY that returns out of them would leak what stands before it.
    auto key = TRY(read_key(key_path, password));
    Identity made{std::move(own), std::move(key)};
    clear_openssl_errors();
    if (X509_check_private_key(made.chain.front().get(), made.key.get()) != 1) {
        clear_openssl_errors();
        return Error::generic("The certificate and the given key do not match.");
    }
    warn_of_open_key(key_path);
    return made;
}

Result<void> use_identity(SSL_CTX* context, Identity const& identity)
{
    auto const issuers = issuers_of(identity);
    clear_openssl_errors();
    if (!issuers
        || SSL_CTX_use_cert_and_key(context, identity.chain.front().get(), identity.key.get(), issuers.get(), 1) != 1)
        return Error::generic(take_openssl_errors());
    return {};
}

Result<void> use_authorities(SSL_CTX* context, std::vector<X509Ptr> const& authorities)
{
    auto* const store = SSL_CTX_get_cert_store(context);
    for (auto const& authority : authorities) {
        if (X509_STORE_add_cert(store, authority.get()) != 1)
            return Error::generic(take_openssl_errors());
    }
    return {};
}

Result<void> use_revocation_lists(SSL_CTX* context, std::string const& path)
{
    auto const text = TRY(util::read_file(path, max_credentials_file));
    auto const lists = TRY(parse_revocation_lists(text));
    auto* const store = SSL_CTX_get_cert_store(context);
    clear_openssl_errors();
    for (auto const& list : lists) {
        if (X509_STORE_add_crl(store, list.get()) != 1)
            return Error::generic(take_openssl_errors());
        auto const* const next = X509_CRL_get0_nextUpdate(list.get());
        if (next && X509_cmp_current_time(next) < 0)
            log::warn(cat("The revocation list ", path, " is past its time: it may miss revoked certificates"));
    }
    X509_STORE_set_flags(store, X509_V_FLAG_CRL_CHECK | X509_V_FLAG_CRL_CHECK_ALL);
    return {};
}

/// In TLS 1.2 a cipher is tied to a kind of key: whether the client and we have one for this key in common.
bool has_cipher_for(SSL* session, EVP_PKEY* key)
{
    if (!SSL_is_server(session) || SSL_version(session) != TLS1_2_VERSION)
        return true;
    auto const wanted = EVP_PKEY_is_a(key, "RSA") == 1 ? NID_auth_rsa : NID_auth_ecdsa;
    auto const* const offered = SSL_get_client_ciphers(session);
    for (int i = 0; i < sk_SSL_CIPHER_num(offered); ++i) {
        auto const* const cipher = sk_SSL_CIPHER_value(offered, i);
        if (SSL_CIPHER_get_auth_nid(cipher) == wanted && sk_SSL_CIPHER_find(SSL_get_ciphers(session), cipher) >= 0)
            return true;
    }
    return false;
}

/// Whether the peer knows this kind of key and a signature that can be made with it. How the authorities signed is for
/// its own verification to judge.
bool can_be_checked(SSL* session, Identity const& identity)
{
    auto const flags = SSL_check_chain(session, identity.chain.front().get(), identity.key.get(), nullptr);
    // Before TLS 1.3 EE_SIGNATURE is about the authority's signature.
    auto const signature
        = SSL_version(session) == TLS1_3_VERSION ? CERT_PKEY_EE_SIGNATURE : CERT_PKEY_EXPLICIT_SIGN | CERT_PKEY_SIGN;
    return (flags & signature) != 0 && (flags & CERT_PKEY_EE_PARAM) != 0 && has_cipher_for(session, identity.key.get());
}

template <typename T>
Result<T> in_context(Result<T> result, std::string const& prefix)
{
    return result ? std::move(result) : Result<T>(std::move(result).error().context(prefix));
}

} // namespace

Result<std::shared_ptr<TlsContext const>> TlsContext::load_x509(X509Options const& options)
{
    if (!options.dir)
        return Error::generic("Missing 'dir' property value");
    auto const paths = TRY(locate_all(*options.dir, options.endpoint == Endpoint::server));
    CertificateFiles files{.endpoint = options.endpoint, .ca_path = paths.ca};
    std::vector<std::vector<X509Ptr>> own(paths.own.size());
    if (options.sanity_check)
        own = TRY(read_checked(paths, files));
    else
        files.authorities = TRY(read_authorities(paths.ca, false));

    auto const made = TRY(make(options.endpoint, parse_priority(options.priority.value_or(""))));
    made->m_verify_peer = options.verify_peer;
    auto* const context = made->native();
    if (options.verify_peer)
        SSL_CTX_set_verify(context, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, nullptr);
    SSL_CTX_set_cert_verify_callback(context, PeerJudge::verify_callback, nullptr);
    TRY(in_context(use_authorities(context, files.authorities), cat("Cannot load CA certificate '", paths.ca, '\'')));
    std::optional<SecretBytes> password;
    for (std::size_t i = 0; i < own.size(); ++i) {
        auto const& path = paths.own[i];
        if (path.key.empty())
            continue;
        if (options.password && !password)
            password = TRY(options.password());
        auto const prefix = cat("Cannot load certificate '", path.certificate, "' & key '", path.key, '\'');
        if (!options.sanity_check)
            own[i] = TRY(in_context(read_certificates(path.certificate), prefix));
        made->m_identities.push_back(
            TRY(in_context(make_identity(std::move(own[i]), path.key, password ? &*password : nullptr), prefix)));
        if (made->m_identities.size() == 1)
            TRY(in_context(use_identity(context, made->m_identities.front()), prefix));
    }
    if (options.endpoint == Endpoint::server && made->m_identities.size() > 1)
        SSL_CTX_set_cert_cb(
            context,
            [](SSL* session, void* self) {
                static_cast<TlsContext const*>(self)->choose_identity(session);
                return 1;
            },
            made.get());
    if (!paths.crl.empty())
        TRY(in_context(use_revocation_lists(context, paths.crl), cat("Cannot load CRL '", paths.crl, '\'')));
    if (!paths.dh.empty())
        TRY(use_dh(context, paths.dh));
    return std::shared_ptr<TlsContext const>(made);
}

void TlsContext::choose_identity(SSL* session) const
{
    for (auto const& identity : m_identities) {
        if (!can_be_checked(session, identity))
            continue;
        auto const issuers = issuers_of(identity);
        // The context has the first one already; another one takes its place.
        if (&identity == &m_identities.front()
            || (issuers
                && SSL_use_cert_and_key(session, identity.chain.front().get(), identity.key.get(), issuers.get(), 1)
                    == 1))
            break;
    }
    clear_openssl_errors();
}

} // namespace minivisor::crypto
