// SPDX-License-Identifier: GPL-3.0-or-later
// Loaded TLS credentials: what QEMU's tls-creds-x509 reads from its directory, checked and put into an OpenSSL
// context. Immutable, shared by all sessions made from it, safe from any thread. It opens no connection.
#pragma once

#include "crypto/openssl.hpp"
#include "crypto/x509.hpp"
#include "util/result.hpp"

#include <memory>
#include <optional>
#include <string>

namespace minivisor::crypto {

/// What tls-creds-x509 takes, with QEMU's defaults.
struct X509Options {
    Endpoint endpoint = Endpoint::client;
    /// Not set is an error; "" is the root directory, as in QEMU.
    std::optional<std::string> dir;
    bool verify_peer = true;
    bool sanity_check = true;
    /// A GnuTLS priority string; see parse_priority().
    std::optional<std::string> priority;
    /// The id of a secret with the key's password.
    std::optional<std::string> passwordid;
};

class TlsContext {
public:
    /// Reads ca-cert.pem, ca-crl.pem (optional), the own certificate and key (server-*.pem: required; client-*.pem:
    /// used when both are there) and, for a server, dh-params.pem (optional; none are ever generated).
    /// Errors are QEMU's sentences, in QEMU's order; a library's reason at the end may differ. A private key that
    /// everybody can read, and a revocation list past its time, are warnings in the log.
    /// Unlike QEMU 7.2 a client heeds ca-crl.pem too, and a CA file without certificates is never taken.
    static Result<std::shared_ptr<TlsContext const>> load_x509(X509Options const& options);

    Endpoint endpoint() const { return m_endpoint; }
    bool verify_peer() const { return m_verify_peer; }
    /// It has an own certificate to show.
    bool has_certificate() const { return m_has_certificate; }
    /// QEMU's refusal of credentials for the other end.
    Result<void> require(Endpoint endpoint) const;
    /// For new sessions; OpenSSL counts their references.
    SSL_CTX* native() const { return m_context.get(); }

private:
    TlsContext() = default;

    SslContextPtr m_context;
    Endpoint m_endpoint = Endpoint::client;
    bool m_verify_peer = true;
    bool m_has_certificate = false;
};

} // namespace minivisor::crypto
