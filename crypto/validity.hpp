// SPDX-License-Identifier: GPL-3.0-or-later
// What people look at in a certificate or a revocation list: until when it is good, and its fingerprint.
#pragma once

#include "crypto/openssl.hpp"

#include <chrono>
#include <optional>
#include <string>

namespace minivisor::crypto {

/// nullopt for a time that cannot be read.
std::optional<std::chrono::sys_seconds> time_of(ASN1_TIME const* time);
/// In UTC as RFC 3339 has it: "2027-01-01T00:00:00Z".
std::string utc_text(std::chrono::sys_seconds time);
/// "unknown" for a time that cannot be read.
std::string utc_text(ASN1_TIME const* time);
/// The certificate's last second; the beginning of time where it cannot be read: then it is not good any more.
std::chrono::sys_seconds end_of(X509 const* certificate);
/// The last second of a revocation list, likewise; nullopt where it names none, and so never ends.
std::optional<std::chrono::sys_seconds> end_of(X509_CRL const* list);
/// SHA-256 of the certificate or the list in hexadecimal.
std::string fingerprint(X509 const* certificate);
std::string fingerprint(X509_CRL const* list);

} // namespace minivisor::crypto
