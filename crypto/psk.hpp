// SPDX-License-Identifier: GPL-3.0-or-later
// Keys that both ends have beforehand: the file keys.psk of tls-creds-psk, lines of "user:hexkey" as psktool of GnuTLS
// writes them.
#pragma once

#include "crypto/openssl.hpp"
#include "crypto/secret_bytes.hpp"
#include "crypto/x509.hpp"
#include "util/result.hpp"

#include <functional>
#include <map>
#include <string>

namespace minivisor::crypto {

class PskKeys {
public:
    /// Reads all of the file; the error says which line is wrong, and never what is on it.
    static Result<PskKeys> read(std::string const& path);
    static Result<PskKeys> parse(std::string_view text, std::string const& path);

    /// Null where there is no such user.
    SecretBytes const* find(std::string_view user) const;
    /// Makes new sessions of `context` use the keys, a client as `user`. The keys are found by the context's app data,
    /// which the caller sets.
    void use(SSL_CTX* context, Endpoint endpoint, std::string const& user);

private:
    static unsigned answer_server(SSL* session, char const*, char* name, unsigned name_size, unsigned char*, unsigned);
    static unsigned answer_client(SSL* session, char const* name, unsigned char* key, unsigned key_size);

    std::map<std::string, SecretBytes, std::less<>> m_keys;
    std::string m_user;
};

} // namespace minivisor::crypto
