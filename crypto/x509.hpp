// SPDX-License-Identifier: GPL-3.0-or-later
// Certificates in PEM files: reading them, the sanity checks that QEMU makes before it uses them, what a
// verification error means in words, and whether a certificate names a host.
#pragma once

#include "crypto/openssl.hpp"
#include "util/result.hpp"

#include <string>
#include <string_view>
#include <vector>

namespace minivisor::crypto {

/// Which end of a TLS connection.
enum class Endpoint { client, server };

/// All certificates of a PEM text, in order; at least one. Other PEM blocks are passed over.
Result<std::vector<X509Ptr>> parse_certificates(std::string_view pem);
/// All revocation lists of a PEM text; at least one.
Result<std::vector<X509CrlPtr>> parse_revocation_lists(std::string_view pem);

/// What an end was given: the trusted certificates, and its own with its issuers behind it (may be empty).
struct CertificateFiles {
    Endpoint endpoint = Endpoint::client;
    std::string ca_path;
    std::vector<X509Ptr> authorities;
    std::string own_path;
    std::vector<X509Ptr> own;
};

/// QEMU's sanity checks, in QEMU's order and words; the first failure is the answer. Every CA certificate is
/// checked. Unlike QEMU 7.2, and as in 10.2, the own file may hold the issuers of the own certificate.
Result<void> check_certificates(CertificateFiles const& files);

/// True when the own certificate may be used as `endpoint`: no extended key usage, one that is not critical
/// (QEMU's rule), or one that names the purpose or any purpose.
bool allows_endpoint(X509* certificate, Endpoint endpoint);
/// True when there is no key usage, or it holds digitalSignature, without which no TLS 1.3 end can prove itself.
bool allows_signing(X509* certificate);

/// GnuTLS' rule: an IP literal needs an equal address among the alternative names; a name needs an equal DNS name
/// there (or a wildcard for its first label, "*.example.com"), or, when there is no DNS name, address or URI at all
/// and the certificate may serve, an equal common name, if it has exactly one.
bool matches_host(X509* certificate, std::string_view host);
bool is_ip_literal(std::string_view host);

/// What X509_V_ERR_* `error` means at `depth` (0: the end's own certificate), in the words QEMU takes from GnuTLS.
std::string verification_reason(int error, int depth);

/// Sets how chains are judged, the same for our own certificate and for a peer's: any certificate among the trusted
/// ones is an anchor, as for GnuTLS, and purposes are judged by allows_endpoint() and allows_signing().
void set_verification_rules(X509_VERIFY_PARAM* parameters);

} // namespace minivisor::crypto
