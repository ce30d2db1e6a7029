// SPDX-License-Identifier: GPL-3.0-or-later
#include "crypto/tls_creds.hpp"

#include "qom/tree.hpp"
#include "util/text.hpp"

namespace minivisor::crypto {

Result<std::unique_ptr<TlsCredsX509>> TlsCredsX509::create(
    qom::Type const& type, TlsCredsX509Options options, qom::Tree&)
{
    // An absent member means its default, and reads as such.
    options.endpoint = options.endpoint.value_or(QCryptoTLSCredsEndpoint::client);
    options.sanity_check = options.sanity_check.value_or(true);
    options.verify_peer = options.verify_peer.value_or(true);
    X509Options x509;
    x509.endpoint = options.endpoint == QCryptoTLSCredsEndpoint::server ? Endpoint::server : Endpoint::client;
    x509.dir = options.dir;
    x509.verify_peer = *options.verify_peer;
    x509.sanity_check = *options.sanity_check;
    x509.priority = options.priority;
    x509.passwordid = options.passwordid;
    auto context = TRY(TlsContext::load_x509(x509));
    return std::make_unique<TlsCredsX509>(type, std::move(options), std::move(context));
}

Result<std::shared_ptr<TlsContext const>> find_tls_context(qom::Tree& tree, std::string const& id, Endpoint endpoint)
{
    auto const* object = tree.find_user_object(id);
    if (!object)
        return Error::generic(cat("No TLS credentials with id '", id, "'"));
    auto const* creds = dynamic_cast<TlsCreds const*>(object);
    if (!creds)
        return Error::generic(cat("Object with id '", id, "' is not TLS credentials"));
    TRY(creds->context()->require(endpoint));
    return creds->context();
}

void register_tls_creds(qom::TypeRegistry& types)
{
    qom::Type base;
    base.name = "tls-creds";
    base.abstract = true;
    types.add(std::move(base));
    qom::UserType<TlsCredsX509>("tls-creds-x509")
        .read_only("loaded", "bool", "whether the files are loaded: always",
            [](TlsCredsX509 const&) { return qapi::Value(true); })
        .add_to(types, "tls-creds");
}

} // namespace minivisor::crypto
