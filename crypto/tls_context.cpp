// SPDX-License-Identifier: GPL-3.0-or-later
#include "crypto/tls_context.hpp"

#include "crypto/tls_files.hpp"
#include "crypto/tls_priority.hpp"
#include "util/text.hpp"

#include <array>

namespace minivisor::crypto {

namespace {

constexpr std::size_t read_buffer_size = 64 * 1024;

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

void set_behaviour(SSL_CTX* context)
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
}

/// The same ciphers as `priority` has for TLS 1.2, with other key exchanges: "PSK-AES256-GCM-SHA384".
std::string with_key_exchanges(TlsPriority const& priority, std::initializer_list<std::string_view> exchanges)
{
    static constexpr std::array<std::pair<std::string_view, std::string_view>, 3> ciphers{
        {{"AES256-GCM", "AES256-GCM-SHA384"}, {"CHACHA20-POLY1305", "CHACHA20-POLY1305"},
            {"AES128-GCM", "AES128-GCM-SHA256"}}};
    std::string list;
    for (auto const exchange : exchanges) {
        for (auto const& [name, suffix] : ciphers) {
            if (priority.ciphers.find(name) != std::string::npos)
                list += cat(list.empty() ? "" : ":", exchange, '-', suffix);
        }
    }
    return list;
}

/// For SSL_CTX_set_cert_verify_callback.
int refuse_certificate(X509_STORE_CTX* chain, void*)
{
    X509_STORE_CTX_set_error(chain, X509_V_ERR_APPLICATION_VERIFICATION);
    return 0;
}

} // namespace

TlsContext::~TlsContext() = default;

Result<std::shared_ptr<TlsContext>> TlsContext::make(Endpoint endpoint, Result<TlsPriority> priority)
{
    keep_secrets_apart();
    std::shared_ptr<TlsContext> made(new TlsContext);
    made->m_endpoint = endpoint;
    clear_openssl_errors();
    made->m_context.reset(SSL_CTX_new(endpoint == Endpoint::server ? TLS_server_method() : TLS_client_method()));
    auto* const context = made->native();
    if (!context)
        return Error::generic(cat("Cannot allocate credentials: ", take_openssl_errors()));
    set_behaviour(context);
    TRY(use_priority(context, TRY(std::move(priority))));
    return made;
}

Result<std::shared_ptr<TlsContext const>> TlsContext::load_psk(PskOptions const& options)
{
    if (!options.dir)
        return Error::generic("Missing 'dir' property value");
    bool const server = options.endpoint == Endpoint::server;
    if (server && options.username)
        return Error::generic("username should not be set when endpoint=server");
    auto const dh = server ? TRY(locate(*options.dir, "dh-params.pem", false)) : std::string();
    auto const path = TRY(locate(*options.dir, "keys.psk", true));
    auto keys = TRY(PskKeys::read(path));
    auto const user = options.username.value_or("qemu");
    if (!server && !keys.find(user))
        return Error::generic(cat("Username ", user, " not found in PSK file ", path));

    auto priority = TRY(parse_priority(options.priority.value_or("")));
    // Of these OpenSSL passes over what it does not have (ECDHE-PSK with GCM).
    priority.ciphers = with_key_exchanges(priority, {"ECDHE-PSK", "DHE-PSK", "PSK"});
    auto const made = TRY(make(options.endpoint, std::move(priority)));
    keys.use(made->native(), options.endpoint, user);
    made->m_keys = std::make_unique<PskKeys>(std::move(keys));
    SSL_CTX_set_app_data(made->native(), made->m_keys.get());
    if (server) {
        TRY(use_dh(made->native(), dh));
    } else {
        // A server that passes over the key and shows a certificate instead has proved nothing to us.
        SSL_CTX_set_verify(made->native(), SSL_VERIFY_PEER, nullptr);
        SSL_CTX_set_cert_verify_callback(made->native(), refuse_certificate, nullptr);
    }
    return std::shared_ptr<TlsContext const>(made);
}

Result<std::shared_ptr<TlsContext const>> TlsContext::load_anon(AnonOptions const& options)
{
    bool const server = options.endpoint == Endpoint::server;
    auto const dh = server && options.dir ? TRY(locate(*options.dir, "dh-params.pem", false)) : std::string();
    auto priority = TRY(parse_priority(options.priority.value_or("")));
    if (priority.ciphers.empty())
        return Error::generic(
            cat("Cannot set default TLS session priority ", *options.priority, ": anonymous credentials need TLS 1.2"));
    // TLS 1.3 knows no anonymous key exchange, and OpenSSL offers one at security level 0 only.
    priority.ciphers = with_key_exchanges(priority, {"ADH"});
    priority.suites.clear();
    priority.highest_version = priority.lowest_version = TLS1_2_VERSION;
    priority.security_level = 0;
    auto const made = TRY(make(options.endpoint, std::move(priority)));
    if (server)
        TRY(use_dh(made->native(), dh));
    return std::shared_ptr<TlsContext const>(made);
}

std::string_view TlsContext::why_nobody_is_known() const
{
    return uses_keys() ? "are pre-shared keys" : has_certificate() ? "have verify-peer=off" : "are anonymous";
}

Result<void> TlsContext::require(Endpoint endpoint) const { return require(endpoint, m_endpoint); }

Result<void> TlsContext::require(Endpoint endpoint, Endpoint actual)
{
    if (actual == endpoint)
        return {};
    return Error::generic(
        cat("Expected TLS credentials for a ", endpoint == Endpoint::server ? "server" : "client", " endpoint"));
}

} // namespace minivisor::crypto
