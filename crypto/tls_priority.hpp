// SPDX-License-Identifier: GPL-3.0-or-later
// GnuTLS priority strings ("SECURE192:-VERS-ALL:+VERS-TLS1.3"), as QEMU's `priority` property takes them,
// in OpenSSL's terms. What is not understood, or cannot be given, is refused; nothing is passed over.
#pragma once

#include "util/result.hpp"

#include <string>
#include <string_view>

namespace minivisor::crypto {

/// What a session may use, best first, as OpenSSL's setters take it.
struct TlsPriority {
    /// TLS1_2_VERSION or TLS1_3_VERSION.
    int lowest_version = 0;
    int highest_version = 0;
    /// For SSL_CTX_set_ciphersuites (TLS 1.3); empty when 1.3 is off.
    std::string suites;
    /// For SSL_CTX_set_cipher_list (TLS 1.2); empty when 1.2 is off.
    std::string ciphers;
    /// For SSL_CTX_set1_groups_list.
    std::string groups;
    /// For SSL_CTX_set_security_level.
    int security_level = 2;
};

/// "" and "NORMAL" are the default: TLS 1.2 and 1.3 with AES-GCM and ChaCha20-Poly1305. Taken are the words NORMAL,
/// PFS, SECURE128, SECURE192, SECURE256 and NONE, then +, - or ! with protocol versions, ciphers, key exchanges and
/// groups, and the flags that only ask for what is so anyway (%SERVER_PRECEDENCE, %SAFE_RENEGOTIATION, %NO_TICKETS).
Result<TlsPriority> parse_priority(std::string_view priority);

} // namespace minivisor::crypto
