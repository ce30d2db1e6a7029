// SPDX-License-Identifier: GPL-3.0-or-later
// The QOM types of TLS credentials: abstract tls-creds, and tls-creds-x509 (qmp-surface sections 8.2
// and 9). The files are read once, at creation; connections made later keep the loaded context alive.
#pragma once

#include "crypto/tls_context.hpp"
#include "qom/user_type.hpp"

namespace minivisor::crypto {

enum class QCryptoTLSCredsEndpoint { client, server };
BOOST_DESCRIBE_ENUM(QCryptoTLSCredsEndpoint, client, server)

struct TlsCredsX509Options {
    std::optional<std::string> dir;
    std::optional<QCryptoTLSCredsEndpoint> endpoint;
    std::optional<std::string> passwordid;
    std::optional<std::string> priority;
    std::optional<bool> sanity_check;
    std::optional<bool> verify_peer;
};
BOOST_DESCRIBE_STRUCT(TlsCredsX509Options, (), (dir, endpoint, passwordid, priority, sanity_check, verify_peer))
constexpr auto docs(TlsCredsX509Options const*)
{
    return qapi::members({{"dir", "directory of the PEM files"}, {"endpoint", "which end it is for (default client)"},
        {"passwordid", "id of the secret that opens the private key"}, {"priority", "GnuTLS priority string"},
        {"sanity-check", "check the certificates at creation (default on)"},
        {"verify-peer", "check the peer's certificate (default on)"}});
}

/// What users of credentials need, whatever their type.
class TlsCreds {
public:
    virtual ~TlsCreds() = default;
    virtual std::shared_ptr<TlsContext const> const& context() const = 0;
};

class TlsCredsX509 final : public qom::OptionsObject<TlsCredsX509Options>, public TlsCreds {
public:
    static Result<std::unique_ptr<TlsCredsX509>> create(qom::Type const& type, TlsCredsX509Options options, qom::Tree&);

    TlsCredsX509(qom::Type const& type, TlsCredsX509Options options, std::shared_ptr<TlsContext const> context)
        : OptionsObject(type, std::move(options))
        , m_context(std::move(context))
    {
    }
    std::shared_ptr<TlsContext const> const& context() const override { return m_context; }

private:
    std::shared_ptr<TlsContext const> m_context;
};

/// The loaded credentials of that id, for that end; QEMU's texts when there are none.
Result<std::shared_ptr<TlsContext const>> find_tls_context(qom::Tree& tree, std::string const& id, Endpoint endpoint);

void register_tls_creds(qom::TypeRegistry& types);

} // namespace minivisor::crypto
