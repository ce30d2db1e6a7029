// SPDX-License-Identifier: GPL-3.0-or-later
// The QOM types of TLS credentials: abstract tls-creds, and tls-creds-x509, -psk and -anon (qmp-surface
// sections 8.2 and 9). The files are read at creation and by reload(); connections keep the context they were
// made with alive.
#pragma once

#include "crypto/tls_context.hpp"
#include "qom/user_type.hpp"

namespace minivisor::crypto {

enum class QCryptoTLSCredsEndpoint { client, server };
BOOST_DESCRIBE_ENUM(QCryptoTLSCredsEndpoint, client, server)

struct TlsCredsOptions {
    std::optional<std::string> dir;
    std::optional<QCryptoTLSCredsEndpoint> endpoint;
    std::optional<std::string> priority;
    std::optional<bool> verify_peer;
};
BOOST_DESCRIBE_STRUCT(TlsCredsOptions, (), (dir, endpoint, priority, verify_peer))
constexpr auto docs(TlsCredsOptions const*)
{
    return qapi::members({{"dir", "directory of the credentials' files"},
        {"endpoint", "which end it is for (default client)"}, {"priority", "GnuTLS priority string"},
        {"verify-peer", "check the peer's certificate, where there are certificates (default on)"}});
}

struct TlsCredsX509Options : TlsCredsOptions {
    std::optional<std::string> passwordid;
    std::optional<bool> sanity_check;
};
BOOST_DESCRIBE_STRUCT(TlsCredsX509Options, (TlsCredsOptions), (passwordid, sanity_check))
constexpr auto docs(TlsCredsX509Options const*)
{
    return qapi::members({{"passwordid", "id of the secret that opens the private key"},
        {"sanity-check", "check the certificates at creation (default on)"}});
}

struct TlsCredsPskOptions : TlsCredsOptions {
    std::optional<std::string> username;
};
BOOST_DESCRIBE_STRUCT(TlsCredsPskOptions, (TlsCredsOptions), (username))
constexpr auto docs(TlsCredsPskOptions const*)
{
    return qapi::members({{"username", "who the client is (default qemu); not for a server"}});
}

/// What users of credentials need, whatever their type.
class TlsCreds {
public:
    virtual ~TlsCreds() = default;
    virtual std::shared_ptr<TlsContext const> const& context() const = 0;
    /// Reads the files anew. What is wrong with them leaves the last good ones in force; connections that exist keep
    /// what they have.
    virtual Result<void> reload(qom::Tree& tree) = 0;
    /// How often the files were loaded, from 1.
    virtual std::int64_t generation() const = 0;
};

/// Credentials of one type; `create` is what differs.
template <typename OptionsType>
class TlsCredsOf final : public qom::OptionsObject<OptionsType>, public TlsCreds {
public:
    static Result<std::unique_ptr<TlsCredsOf>> create(qom::Type const& type, OptionsType options, qom::Tree& tree);

    TlsCredsOf(qom::Type const& type, OptionsType options, std::shared_ptr<TlsContext const> context)
        : qom::OptionsObject<OptionsType>(type, std::move(options))
        , m_context(std::move(context))
    {
    }
    std::shared_ptr<TlsContext const> const& context() const override { return m_context; }
    Result<void> reload(qom::Tree& tree) override;
    std::int64_t generation() const override { return m_generation; }

private:
    std::shared_ptr<TlsContext const> m_context;
    std::int64_t m_generation = 1;
};

/// The credentials of that id; QEMU's texts when there are none.
Result<TlsCreds*> find_tls_creds(qom::Tree& tree, std::string const& id);

/// The loaded credentials of that id, for that end; QEMU's texts when there are none.
Result<std::shared_ptr<TlsContext const>> find_tls_context(qom::Tree& tree, std::string const& id, Endpoint endpoint);

void register_tls_creds(qom::TypeRegistry& types);

} // namespace minivisor::crypto
