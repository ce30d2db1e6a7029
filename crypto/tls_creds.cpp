// SPDX-License-Identifier: GPL-3.0-or-later
#include "crypto/tls_creds.hpp"

#include "crypto/secret.hpp"
#include "qom/tree.hpp"
#include "util/text.hpp"

namespace minivisor::crypto {

namespace {

using Loaded = Result<std::shared_ptr<TlsContext const>>;

Loaded load(TlsCredsX509Options& options, Endpoint endpoint, qom::Tree& tree)
{
    options.sanity_check = options.sanity_check.value_or(true);
    X509Options x509{.endpoint = endpoint,
        .dir = options.dir,
        .verify_peer = *options.verify_peer,
        .sanity_check = *options.sanity_check,
        .priority = options.priority};
    if (options.passwordid)
        x509.password = [&] { return find_secret_text(tree, *options.passwordid); };
    return TlsContext::load_x509(x509);
}

Loaded load(TlsCredsPskOptions const& options, Endpoint endpoint, qom::Tree&)
{
    return TlsContext::load_psk({endpoint, options.dir, options.priority, options.username});
}

Loaded load(TlsCredsOptions const& options, Endpoint endpoint, qom::Tree&)
{
    return TlsContext::load_anon({endpoint, options.dir, options.priority});
}

template <typename Options>
void register_type(qom::TypeRegistry& types, std::string name)
{
    qom::UserType<TlsCredsOf<Options>>(std::move(name))
        .read_only("loaded", "bool", "whether the files are loaded: always",
            [](TlsCredsOf<Options> const&) { return qapi::Value(true); })
        .add_to(types, "tls-creds");
}

} // namespace

template <typename Options>
Result<std::unique_ptr<TlsCredsOf<Options>>> TlsCredsOf<Options>::create(
    qom::Type const& type, Options options, qom::Tree& tree)
{
    // An absent member means its default, and reads as such.
    options.endpoint = options.endpoint.value_or(QCryptoTLSCredsEndpoint::client);
    options.verify_peer = options.verify_peer.value_or(true);
    auto context = TRY(load(
        options, *options.endpoint == QCryptoTLSCredsEndpoint::server ? Endpoint::server : Endpoint::client, tree));
    return std::make_unique<TlsCredsOf>(type, std::move(options), std::move(context));
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
    register_type<TlsCredsX509Options>(types, "tls-creds-x509");
    register_type<TlsCredsPskOptions>(types, "tls-creds-psk");
    register_type<TlsCredsOptions>(types, "tls-creds-anon");
}

} // namespace minivisor::crypto
