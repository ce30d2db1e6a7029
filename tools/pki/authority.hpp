// SPDX-License-Identifier: GPL-3.0-or-later
// A certificate authority kept in a folder: ca-key.pem, ca-cert.pem, ca-crl.pem, and issued/SERIAL.pem for each
// certificate that it gave out, so that it can be found and revoked later.
#pragma once

#include "crypto/openssl.hpp"
#include "crypto/x509.hpp"
#include "tools/pki/name.hpp"
#include "util/fd.hpp"
#include "util/result.hpp"

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace minivisor::tools {

/// "p256", "p384", "rsa" (3072 bits) or "ed25519".
Result<crypto::KeyPtr> make_key(std::string_view kind);

/// What a certificate is to say.
struct Request {
    crypto::Endpoint endpoint = crypto::Endpoint::client;
    NamePtr subject;
    std::vector<std::string> hosts{}; ///< names and addresses of a server
    std::string key_kind = "p256";
    int days = 0;
};

struct Issued {
    crypto::X509Ptr certificate;
    crypto::KeyPtr key;
};

class Authority {
public:
    /// Makes the folder and its files.
    static Result<void> create(
        std::string const& folder, NamePtr name, std::string_view key_kind, int days, bool overwrite);
    /// Reads one. It is this process' alone until the object is gone: others wait.
    static Result<Authority> open(std::string folder);
    static bool is_one(std::string const& folder);

    X509* certificate() const { return m_certificate.get(); }
    std::string certificate_pem() const;
    std::string revocation_list_pem() const;

    /// Makes a key and a certificate, not longer valid than the authority's own, and keeps a copy of the latter.
    Result<Issued> issue(Request const& request);
    /// Everything it has given out.
    Result<std::vector<crypto::X509Ptr>> issued() const;
    bool made(X509* certificate) const;
    bool has_revoked(X509* certificate) const;
    /// Signs and writes a list with these certificates added.
    Result<void> revoke(std::span<X509* const> certificates);

private:
    Authority(std::string folder, util::UniqueFd lock)
        : m_folder(std::move(folder))
        , m_lock(std::move(lock))
    {
    }
    std::string m_folder;
    util::UniqueFd m_lock;
    crypto::X509Ptr m_certificate;
    crypto::KeyPtr m_key;
    crypto::X509CrlPtr m_revoked;
};

std::string pem_of(X509* certificate);
/// The caller wipes it.
std::string pem_of(EVP_PKEY* key);
/// In lower-case hexadecimal.
std::string serial_of(X509 const* certificate);

} // namespace minivisor::tools
