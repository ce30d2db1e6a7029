// SPDX-License-Identifier: GPL-3.0-or-later
// The QOM types of TLS credentials: abstract tls-creds, and tls-creds-x509, -psk and -anon (qmp-surface
// sections 8.2 and 9); and tls-cipher-suites, which only looks like one. The files are read at creation and by
// reload(); connections keep the context they were made with alive.
#pragma once

#include "crypto/creds_watch.hpp"
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
    std::optional<bool> refresh;
};
BOOST_DESCRIBE_STRUCT(TlsCredsX509Options, (TlsCredsOptions), (passwordid, sanity_check, refresh))
constexpr auto docs(TlsCredsX509Options const*)
{
    return qapi::members({{"passwordid", "id of the secret that opens the private key"},
        {"sanity-check", "check the certificates at creation (default on)"},
        {"__org.minivisor_refresh", "load the files anew whenever they change (default off)"}});
}

struct TlsCredsPskOptions : TlsCredsOptions {
    std::optional<std::string> username;
    std::optional<bool> refresh;
};
BOOST_DESCRIBE_STRUCT(TlsCredsPskOptions, (TlsCredsOptions), (username, refresh))
constexpr auto docs(TlsCredsPskOptions const*)
{
    return qapi::members({{"username", "who the client is (default qemu); not for a server"},
        {"__org.minivisor_refresh", "load the files anew whenever they change (default off)"}});
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
    /// Why the last reload() failed; "" if it did not.
    virtual std::string const& complaint() const = 0;
    /// Notices changes of the files; null where that was not asked for.
    virtual CredsWatch* watch() const = 0;
};

/// Credentials of one type; `create` is what differs.
template <typename OptionsType>
class TlsCredsOf final : public qom::OptionsObject<OptionsType>, public TlsCreds {
public:
    static Result<std::unique_ptr<TlsCredsOf>> create(qom::Type const& type, OptionsType options, qom::Tree& tree);

    TlsCredsOf(qom::Type const& type, OptionsType options, std::shared_ptr<TlsContext const> context,
        std::unique_ptr<CredsWatch> watch)
        : qom::OptionsObject<OptionsType>(type, std::move(options))
        , m_context(std::move(context))
        , m_watch(std::move(watch))
    {
    }
    std::shared_ptr<TlsContext const> const& context() const override { return m_context; }
    Result<void> reload(qom::Tree& tree) override;
    std::int64_t generation() const override { return m_generation; }
    std::string const& complaint() const override { return m_complaint; }
    CredsWatch* watch() const override { return m_watch.get(); }

private:
    std::shared_ptr<TlsContext const> m_context;
    std::int64_t m_generation = 1;
    std::string m_complaint;
    std::unique_ptr<CredsWatch> m_watch;
};

/// Which cipher suites a guest's firmware may use, as a priority string. Like in QEMU it has the members of
/// credentials, and cannot be used as any; unlike there a string that cannot be given is refused at once.
class TlsCipherSuites final : public qom::OptionsObject<TlsCredsOptions> {
public:
    using OptionsObject::OptionsObject;
    static Result<std::unique_ptr<TlsCipherSuites>> create(qom::Type const& type, TlsCredsOptions options, qom::Tree&);
};

/// The credentials of that id; QEMU's texts when there are none.
Result<TlsCreds*> find_tls_creds(qom::Tree& tree, std::string const& id);

/// The loaded credentials of that id, for that end; QEMU's texts when there are none.
Result<std::shared_ptr<TlsContext const>> find_tls_context(qom::Tree& tree, std::string const& id, Endpoint endpoint);

void register_tls_creds(qom::TypeRegistry& types);

} // namespace minivisor::crypto
