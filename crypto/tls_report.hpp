// SPDX-License-Identifier: GPL-3.0-or-later
// What is told about loaded credentials, to whoever asks and in events.
#pragma once

#include "crypto/tls_context.hpp"
#include "qapi/schema/crypto.hpp"

#include <chrono>
#include <functional>

namespace minivisor::crypto {

qapi::TlsCertificateInfo report(X509 const* certificate, qapi::TlsCertificateRole role, std::chrono::sys_seconds now);

qapi::TlsRevocationListInfo report(X509_CRL const* list, std::chrono::sys_seconds now);

/// Calls for each certificate in force: our own ones, each with its issuers behind it, and those that peers are trusted
/// by.
void for_each_certificate(
    TlsContext const& context, std::function<void(X509 const*, qapi::TlsCertificateRole)> const& call);
/// Calls for each revocation list in force.
void for_each_revocation_list(TlsContext const& context, std::function<void(X509_CRL const*)> const& call);

} // namespace minivisor::crypto
