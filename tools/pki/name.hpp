// SPDX-License-Identifier: GPL-3.0-or-later
// Names and hosts as people write them, for the certificates that are to carry them.
#pragma once

#include "crypto/openssl.hpp"
#include "util/result.hpp"

#include <memory>
#include <span>
#include <string>
#include <string_view>

namespace minivisor::tools {

using NamePtr = std::unique_ptr<X509_NAME, crypto::OpensslFree<X509_NAME_free>>;

/// A subject, written as identities are: "C=GB,O=Example Org,CN=host" in this order, '+' inside a multi-valued part, a
/// backslash before , + " \ < > ; =. A text without '=' is a common name alone.
Result<NamePtr> parse_name(std::string_view text);

/// The alternative names of a server, in OpenSSL's configuration syntax: "DNS:host.example.com,IP:192.0.2.1".
Result<std::string> alternative_names(std::span<std::string const> hosts);

} // namespace minivisor::tools
