// SPDX-License-Identifier: GPL-3.0-or-later
// The files in the directory of TLS credentials, by the names that QEMU gives them (qmp-surface section 9.1).
#pragma once

#include "crypto/openssl.hpp"
#include "crypto/x509.hpp"
#include "util/result.hpp"

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace minivisor::crypto {

/// More than any bundle of certificates; a file comes from the operator, but may be the wrong one.
inline constexpr std::size_t max_credentials_file = 4 * 1024 * 1024;

/// How many identities an end may have beside the first: server-cert-0.pem to server-cert-3.pem.
inline constexpr int most_further_identities = 4;

/// All names that credentials are read from, whether they are there or not.
std::vector<std::string> x509_files(Endpoint endpoint);
std::vector<std::string> psk_files();

/// The file's path; "" for one that is neither required nor there.
Result<std::string> locate(std::string const& dir, std::string_view name, bool required);

/// Diffie-Hellman parameters of a server: those of the file `path`; where that is "", standard groups that suit the
/// cipher. None are ever generated.
Result<void> use_dh(SSL_CTX* context, std::string const& path);

} // namespace minivisor::crypto
