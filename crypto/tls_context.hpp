// SPDX-License-Identifier: GPL-3.0-or-later
// Loaded TLS credentials: what QEMU's tls-creds-* types read from their directory, checked and put into an OpenSSL
// context. Immutable, shared by all sessions made from it, safe from any thread. It opens no connection.
#pragma once

#include "crypto/openssl.hpp"
#include "crypto/psk.hpp"
#include "crypto/secret_bytes.hpp"
#include "crypto/tls_priority.hpp"
#include "crypto/x509.hpp"
#include "util/result.hpp"

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace minivisor::crypto {

/// A certificate of our own, its issuers behind it, and its key.
struct Identity {
    std::vector<X509Ptr> chain;
    KeyPtr key;
};

/// What tls-creds-x509 takes, with QEMU's defaults.
struct X509Options {
    Endpoint endpoint = Endpoint::client;
    /// Not set is an error; "" is the root directory, as in QEMU.
    std::optional<std::string> dir;
    bool verify_peer = true;
    bool sanity_check = true;
    /// A GnuTLS priority string; see parse_priority().
    std::optional<std::string> priority;
    /// Gets the key's password; asked where there is a key. Empty: the key needs none.
    std::function<Result<SecretBytes>()> password;
};

/// What tls-creds-psk takes.
struct PskOptions {
    Endpoint endpoint = Endpoint::client;
    std::optional<std::string> dir;
    std::optional<std::string> priority;
    /// Who a client is; "qemu" if not set.
    std::optional<std::string> username;
};

/// What tls-creds-anon takes.
struct AnonOptions {
    Endpoint endpoint = Endpoint::client;
    std::optional<std::string> dir;
    std::optional<std::string> priority;
};

class TlsContext {
public:
    /// Reads ca-cert.pem, ca-crl.pem (optional), the own certificate and key (server-*.pem: required; client-*.pem:
    /// used when both are there), further ones (server-cert-0.pem, server-key-0.pem and so on to 3, up to the first
    /// gap, as from QEMU 10.2) and, for a server, dh-params.pem (optional; none are ever generated). Errors are QEMU's
    /// sentences, in QEMU's order; a library's reason at the end may differ. A private key that everybody can read, and
    /// a revocation list past its time, are warnings in the log. Unlike QEMU 7.2 a client heeds ca-crl.pem too, and a
    /// CA file without certificates is never taken.
    static Result<std::shared_ptr<TlsContext const>> load_x509(X509Options const& options);

    /// Reads keys.psk and, for a server, dh-params.pem (optional). Nobody's certificate is looked at: who has a key of
    /// the file comes in.
    static Result<std::shared_ptr<TlsContext const>> load_psk(PskOptions const& options);
    /// Encrypts, and knows nobody: who sits on the way can be either end. TLS 1.2 only, as in GnuTLS.
    static Result<std::shared_ptr<TlsContext const>> load_anon(AnonOptions const& options);
    ~TlsContext();

    Endpoint endpoint() const { return m_endpoint; }
    /// The peer has to show a certificate, and it is judged.
    bool verify_peer() const { return m_verify_peer; }
    /// Where it is not: what the credentials are or have that nobody's identity is known by them, as a part of a
    /// sentence.
    std::string_view why_nobody_is_known() const;
    /// It has an own certificate to show.
    bool has_certificate() const { return !m_identities.empty(); }
    /// In the order of the files' numbers; empty where there is no own certificate.
    std::vector<Identity> const& identities() const { return m_identities; }
    /// Lets a session show the first identity whose kind of key and signature the peer can check. To be called when
    /// it is known what the peer can do, from SSL_set_cert_cb; a server's sessions do so by themselves.
    void choose_identity(SSL* session) const;
    /// Both ends have a key beforehand, and no certificates.
    bool uses_keys() const { return m_keys != nullptr; }
    /// QEMU's refusal of credentials for the other end.
    Result<void> require(Endpoint endpoint) const;
    static Result<void> require(Endpoint endpoint, Endpoint actual);
    /// For new sessions; OpenSSL counts their references.
    SSL_CTX* native() const { return m_context.get(); }

private:
    TlsContext() = default;
    static Result<std::shared_ptr<TlsContext>> make(Endpoint endpoint, Result<TlsPriority> priority);

    SslContextPtr m_context;
    Endpoint m_endpoint = Endpoint::client;
    bool m_verify_peer = false;
    std::vector<Identity> m_identities;
    std::unique_ptr<PskKeys> m_keys;
};

} // namespace minivisor::crypto
