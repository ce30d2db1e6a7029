// SPDX-License-Identifier: GPL-3.0-or-later
// Any text as a priority string: what is taken, OpenSSL takes too.
#include "crypto/openssl.hpp"
#include "crypto/tls_priority.hpp"
#include "tests/fuzz/check.hpp"

using namespace minivisor;
using fuzz::require;

extern "C" int LLVMFuzzerTestOneInput(std::uint8_t const* data, std::size_t size)
{
    auto const text = fuzz::as_text(data, size);
    auto const priority = crypto::parse_priority(text);
    if (!priority) {
        require(!priority.error().desc().empty(), "an error says something");
        return 0;
    }
    std::string const given(text);
    require(priority->lowest_version <= priority->highest_version, "the versions are in order", given);
    require(priority->suites.empty() == (priority->highest_version == TLS1_2_VERSION), "suites go with TLS 1.3", given);
    require(
        priority->ciphers.empty() == (priority->lowest_version == TLS1_3_VERSION), "ciphers go with TLS 1.2", given);
    crypto::SslContextPtr const context(SSL_CTX_new(TLS_method()));
    require(priority->suites.empty() || SSL_CTX_set_ciphersuites(context.get(), priority->suites.c_str()) == 1,
        "OpenSSL takes the suites", given);
    require(priority->ciphers.empty() || SSL_CTX_set_cipher_list(context.get(), priority->ciphers.c_str()) == 1,
        "OpenSSL takes the ciphers", given);
    require(SSL_CTX_set1_groups_list(context.get(), priority->groups.c_str()) == 1, "OpenSSL takes the groups", given);
    return 0;
}
