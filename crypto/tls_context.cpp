// SPDX-License-Identifier: GPL-3.0-or-later
#include "crypto/tls_context.hpp"

#include "crypto/tls_priority.hpp"
#include "crypto/tls_verify.hpp"
#include "util/fd.hpp"
#include "util/log.hpp"
#include "util/text.hpp"

#include <openssl/pem.h>
#include <openssl/x509_vfy.h>

#include <sys/stat.h>

#include <cerrno>

namespace minivisor::crypto {

namespace {

/// More than any bundle of certificates; a file comes from the operator, but may be the wrong one.
constexpr std::size_t max_file_size = 4 * 1024 * 1024;
constexpr std::size_t read_buffer_size = 64 * 1024;

/// The files' paths; "" for one that is optional and not there.
struct Paths {
    std::string ca;
    std::string crl;
    std::string certificate;
    std::string key;
    std::string dh;

    bool has_identity() const { return !certificate.empty() && !key.empty(); }
};

Result<std::string> locate(std::string const& dir, std::string_view name, bool required)
{
    auto path = cat(dir, '/', name);
    struct stat info { };
    if (::stat(path.c_str(), &info) == 0)
        return path;
    if (errno == ENOENT && !required)
        return std::string();
    return Error::system(cat("Unable to access credentials ", path), errno);
}

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
    auto const text = TRY(util::read_file(path, max_file_size));
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
    auto text = util::read_file(paths.ca, max_file_size);
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
Result<KeyPtr> read_key(std::string const& path)
{
    auto text = TRY(util::read_file(path, max_file_size));
    bool encrypted = false;
    auto const bio = memory_bio(text);
    clear_openssl_errors();
    KeyPtr key(PEM_read_bio_PrivateKey(
        bio.get(), nullptr,
        [](char*, int, int, void* asked) {
            *static_cast<bool*>(asked) = true;
            return -1;
        },
        &encrypted));
    OPENSSL_cleanse(text.data(), text.size());
    if (key)
        return key;
    clear_openssl_errors();
    return Error::generic(encrypted ? "Decryption has failed." : "The requested data were not available.");
}

void warn_of_open_key(std::string const& path)
{
    struct stat info { };
    if (::stat(path.c_str(), &info) == 0 && (info.st_mode & S_IROTH) != 0)
        log::warn(cat("The private key ", path, " can be read by everybody"));
}

Result<void> use_identity(SSL_CTX* context, std::vector<X509Ptr> const& own, std::string const& key_path)
{
    if (own.empty())
        return Error::generic("Base64 decoding error.");
    auto const key = TRY(read_key(key_path));
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
    auto const text = TRY(util::read_file(path, max_file_size));
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

Result<void> use_dh_parameters(SSL_CTX* context, std::string const& path)
{
    auto const text = TRY(util::read_file(path, max_file_size));
    auto const bio = memory_bio(text);
    clear_openssl_errors();
    KeyPtr parameters(PEM_read_bio_Parameters(bio.get(), nullptr));
    if (!parameters)
        return clear_openssl_errors(), Error::generic("Base64 unexpected header error.");
    if (EVP_PKEY_is_a(parameters.get(), "DH") != 1 && EVP_PKEY_is_a(parameters.get(), "DHX") != 1)
        return Error::generic("these are not DH parameters");
    if (SSL_CTX_set0_tmp_dh_pkey(context, parameters.get()) != 1)
        return Error::generic(take_openssl_errors());
    (void)parameters.release();
    return {};
}

Result<void> use_priority(SSL_CTX* context, TlsPriority const& priority)
{
    SSL_CTX_set_security_level(context, priority.security_level);
    clear_openssl_errors();
    // An empty list of ciphers is an error to OpenSSL even where the version that uses it is off.
    if (SSL_CTX_set_min_proto_version(context, priority.lowest_version) != 1
        || SSL_CTX_set_max_proto_version(context, priority.highest_version) != 1
        || (!priority.suites.empty() && SSL_CTX_set_ciphersuites(context, priority.suites.c_str()) != 1)
        || (!priority.ciphers.empty() && SSL_CTX_set_cipher_list(context, priority.ciphers.c_str()) != 1)
        || SSL_CTX_set1_groups_list(context, priority.groups.c_str()) != 1)
        return Error::generic(cat("Cannot set default TLS session priority: ", take_openssl_errors()));
    return {};
}

void set_behaviour(SSL_CTX* context, X509Options const& options)
{
    // No kernel TLS: it would write past the transport's buffer.
    SSL_CTX_set_options(
        context, SSL_OP_NO_COMPRESSION | SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_TICKET | SSL_OP_CIPHER_SERVER_PREFERENCE);
    // The chain that is sent is the one in the file, not one that is made up for each handshake.
    SSL_CTX_set_mode(
        context, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER | SSL_MODE_NO_AUTO_CHAIN);
    SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
    SSL_CTX_set_num_tickets(context, 0);
    SSL_CTX_set_read_ahead(context, 1);
    SSL_CTX_set_default_read_buffer_len(context, read_buffer_size);
    SSL_CTX_set_verify_depth(context, 16);
    SSL_CTX_set_verify(
        context, !options.verify_peer ? SSL_VERIFY_NONE : SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, nullptr);
    SSL_CTX_set_cert_verify_callback(context, PeerJudge::verify_callback, nullptr);
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
    bool const server = options.endpoint == Endpoint::server;
    auto const paths = TRY(locate_all(*options.dir, server));
    auto files = TRY(read_identity_and_authorities(paths, options));
    if (options.sanity_check)
        TRY(check_certificates(files));

    std::shared_ptr<TlsContext> const made(new TlsContext);
    made->m_endpoint = options.endpoint;
    made->m_verify_peer = options.verify_peer;
    clear_openssl_errors();
    made->m_context.reset(SSL_CTX_new(server ? TLS_server_method() : TLS_client_method()));
    auto* const context = made->m_context.get();
    if (!context)
        return Error::generic(cat("Cannot allocate credentials: ", take_openssl_errors()));
    set_behaviour(context, options);
    // First, since its security level decides which certificates are taken.
    auto const priority = TRY(parse_priority(options.priority.value_or("")));
    TRY(use_priority(context, priority));
    TRY(in_context(use_authorities(context, files.authorities), cat("Cannot load CA certificate '", paths.ca, '\'')));
    if (paths.has_identity()) {
        if (options.passwordid)
            return Error::generic(cat("No secret with id '", *options.passwordid, '\''));
        auto const prefix = cat("Cannot load certificate '", paths.certificate, "' & key '", paths.key, '\'');
        if (!options.sanity_check)
            files.own = TRY(in_context(read_certificates(paths.certificate), prefix));
        TRY(in_context(use_identity(context, files.own, paths.key), prefix));
        made->m_has_certificate = true;
    }
    if (!paths.crl.empty())
        TRY(in_context(use_revocation_lists(context, paths.crl), cat("Cannot load CRL '", paths.crl, '\'')));
    if (!paths.dh.empty())
        TRY(in_context(use_dh_parameters(context, paths.dh), cat("Unable to load DH parameters from ", paths.dh)));
    return std::shared_ptr<TlsContext const>(made);
}

Result<void> TlsContext::require(Endpoint endpoint) const
{
    if (m_endpoint == endpoint)
        return {};
    return Error::generic(
        cat("Expected TLS credentials for a ", endpoint == Endpoint::server ? "server" : "client", " endpoint"));
}

} // namespace minivisor::crypto
