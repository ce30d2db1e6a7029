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
struct Paths {
    std::string ca;
    std::string crl;
    std::string certificate;
    std::string key;
    std::string dh;

    bool has_identity() const { return !certificate.empty() && !key.empty(); }
};

Result<Paths> locate_all(std::string const& dir, bool server)
{
    Paths paths;
    paths.ca = TRY(locate(dir, "ca-cert.pem", true));
    paths.crl = TRY(locate(dir, "ca-crl.pem", false));
    paths.certificate = TRY(locate(dir, server ? "server-cert.pem" : "client-cert.pem", server));
    paths.key = TRY(locate(dir, server ? "server-key.pem" : "client-key.pem", server));
    if (server)
        paths.dh = TRY(locate(dir, "dh-params.pem", false));
    return paths;
}

Result<std::vector<X509Ptr>> read_certificates(std::string const& path)
{
    auto const text = TRY(util::read_file(path, max_credentials_file));
    return parse_certificates(text);
}

/// Reads the certificates; which sentence a failure gets depends on whether sanity checks are on, as in QEMU.
Result<CertificateFiles> read_identity_and_authorities(Paths const& paths, X509Options const& options)
{
    CertificateFiles files{.endpoint = options.endpoint, .ca_path = paths.ca, .own_path = paths.certificate};
    bool const server = options.endpoint == Endpoint::server;
    if (!paths.certificate.empty() && options.sanity_check) {
        auto own = read_certificates(paths.certificate);
        if (!own)
            return std::move(own).error().context(
                cat("Unable to import ", server ? "server" : "client", " certificate ", paths.certificate));
        files.own = std::move(*own);
    }
    auto text = util::read_file(paths.ca, max_credentials_file);
    if (!text)
        return std::move(text).error().context(options.sanity_check
                ? cat("Cannot load CA cert list ", paths.ca)
                : cat("Cannot load CA certificate '", paths.ca, '\''));
    auto authorities = parse_certificates(*text);
    if (!authorities && options.sanity_check)
        return Error::generic(cat("Unable to import CA certificate list ", paths.ca));
    if (!authorities)
        return std::move(authorities).error().context(cat("Cannot load CA certificate '", paths.ca, '\''));
    files.authorities = std::move(*authorities);
    return files;
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

Result<void> use_identity(
    SSL_CTX* context, std::vector<X509Ptr> const& own, std::string const& key_path, SecretBytes const* password)
{
    if (own.empty())
        return Error::generic("Base64 decoding error.");
    auto const key = TRY(read_key(key_path, password));
    clear_openssl_errors();
    if (X509_check_private_key(own.front().get(), key.get()) != 1) {
        clear_openssl_errors();
        return Error::generic("The certificate and the given key do not match.");
    }
    if (SSL_CTX_use_certificate(context, own.front().get()) != 1 || SSL_CTX_use_PrivateKey(context, key.get()) != 1)
        return Error::generic(take_openssl_errors());
    for (std::size_t i = 1; i < own.size(); ++i) {
        if (SSL_CTX_add1_chain_cert(context, own[i].get()) != 1)
            return Error::generic(take_openssl_errors());
    }
    warn_of_open_key(key_path);
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
    auto files = TRY(read_identity_and_authorities(paths, options));
    if (options.sanity_check)
        TRY(check_certificates(files));

    auto const made = TRY(make(options.endpoint, parse_priority(options.priority.value_or(""))));
    made->m_verify_peer = options.verify_peer;
    auto* const context = made->native();
    if (options.verify_peer)
        SSL_CTX_set_verify(context, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, nullptr);
    SSL_CTX_set_cert_verify_callback(context, PeerJudge::verify_callback, nullptr);
    TRY(in_context(use_authorities(context, files.authorities), cat("Cannot load CA certificate '", paths.ca, '\'')));
    if (paths.has_identity()) {
        std::optional<SecretBytes> password;
        if (options.password)
            password = TRY(options.password());
        auto const prefix = cat("Cannot load certificate '", paths.certificate, "' & key '", paths.key, '\'');
        if (!options.sanity_check)
            files.own = TRY(in_context(read_certificates(paths.certificate), prefix));
        TRY(in_context(use_identity(context, files.own, paths.key, password ? &*password : nullptr), prefix));
        made->m_has_certificate = true;
    }
    if (!paths.crl.empty())
        TRY(in_context(use_revocation_lists(context, paths.crl), cat("Cannot load CRL '", paths.crl, '\'')));
    if (!paths.dh.empty())
        TRY(use_dh(context, paths.dh));
    return std::shared_ptr<TlsContext const>(made);
}

} // namespace minivisor::crypto
