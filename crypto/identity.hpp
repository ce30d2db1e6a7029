// SPDX-License-Identifier: GPL-3.0-or-later
// The identity of a peer: the subject name of its certificate, written byte for byte as GnuTLS writes
// it for QEMU (gnutls_x509_crt_get_dn), so that access lists carry over. It decides nothing.
#pragma once

#include "crypto/openssl.hpp"
#include "util/result.hpp"

#include <optional>
#include <string>
#include <string_view>

namespace minivisor::crypto {

/// The subject of `certificate`: "C=GB,O=Example Org,CN=host" in the certificate's own order, without
/// blanks, '+' inside a multi-valued part, values escaped with a backslash. The bytes are UTF-8 but may
/// hold control characters other than NUL, CR and LF: escape them where people read them.
/// Errors: an empty subject, a value that cannot be written, and a value with NUL, CR or LF, which no
/// honest certificate has and which would forge lines in logs and in lists of one name a line.
Result<std::string> identity_of(X509 const* certificate);
/// Any other name, written likewise.
Result<std::string> name_text(X509_NAME const* name);

/// The dotted OID of an attribute by the name that identities give it, in either case: "CN", "EMAIL".
std::optional<std::string> attribute_oid(std::string_view name);

} // namespace minivisor::crypto
