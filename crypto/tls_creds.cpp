// SPDX-License-Identifier: GPL-3.0-or-later
#include "crypto/tls_creds.hpp"

#include "crypto/secret.hpp"
#include "crypto/tls_files.hpp"
#include "qom/tree.hpp"
#include "util/text.hpp"
#include "util/trace.hpp"

namespace minivisor::crypto {

namespace {

using Loaded = Result<std::shared_ptr<TlsContext const>>;

Endpoint endpoint_of(TlsCredsOptions const& options)
{
    return options.endpoint == QCryptoTLSCredsEndpoint::server ? Endpoint::server : Endpoint::client;
}

/// An absent member means its default, and reads as such.
void fill_in(TlsCredsOptions& options)
{
    options.endpoint = options.endpoint.value_or(QCryptoTLSCredsEndpoint::client);
    options.verify_peer = options.verify_peer.value_or(true);
}

void fill_in(TlsCredsX509Options& options)
{
    fill_in(static_cast<TlsCredsOptions&>(options));
    options.sanity_check = options.sanity_check.value_or(true);
    options.refresh = options.refresh.value_or(false);
}

void fill_in(TlsCredsPskOptions& options)
{
    fill_in(static_cast<TlsCredsOptions&>(options));
    options.refresh = options.refresh.value_or(false);
}

using Watch = std::unique_ptr<CredsWatch>;

Result<Watch> start_watch(TlsCredsX509Options const& options)
{
    return *options.refresh && options.dir ? CredsWatch::start(*options.dir, x509_files(endpoint_of(options)))
                                           : Result<Watch>(Watch());
}

Result<Watch> start_watch(TlsCredsPskOptions const& options)
{
    return *options.refresh && options.dir ? CredsWatch::start(*options.dir, psk_files()) : Result<Watch>(Watch());
}

Result<Watch> start_watch(TlsCredsOptions const&) { return Watch(); }

Loaded load(TlsCredsX509Options const& options, qom::Tree& tree)
{
    trace::pass(trace::Point::qcrypto_tls_creds_x509_load, "TLS creds x509 load dir=", options.dir.value_or(""));
    X509Options x509{.endpoint = endpoint_of(options),
        .dir = options.dir,
        .verify_peer = *options.verify_peer,
        .sanity_check = *options.sanity_check,
        .priority = options.priority};
    if (options.passwordid)
        x509.password = [&] { return find_secret_text(tree, *options.passwordid); };
    return TlsContext::load_x509(x509);
}

Loaded load(TlsCredsPskOptions const& options, qom::Tree&)
{
    return TlsContext::load_psk({endpoint_of(options), options.dir, options.priority, options.username});
}

Loaded load(TlsCredsOptions const& options, qom::Tree&)
{
    return TlsContext::load_anon({endpoint_of(options), options.dir, options.priority});
}

template <typename Options>
void register_type(qom::TypeRegistry& types, std::string name, std::string summary)
{
    qom::UserType<TlsCredsOf<Options>>(std::move(name), std::move(summary))
        .read_only("loaded", "bool", "whether the files are loaded: always",
            [](TlsCredsOf<Options> const&) { return qapi::Value(true); })
        .add_to(types, "tls-creds");
}

} // namespace

template <typename Options>
Result<std::unique_ptr<TlsCredsOf<Options>>> TlsCredsOf<Options>::create(
    qom::Type const& type, Options options, qom::Tree& tree)
{
    fill_in(options);
    // Watched before they are read: a change in between is seen.
    auto watch = TRY(start_watch(options));
    auto context = TRY(load(options, tree));
    return std::make_unique<TlsCredsOf>(type, std::move(options), std::move(context), std::move(watch));
}

template <typename Options>
Result<void> TlsCredsOf<Options>::reload(qom::Tree& tree)
{
    auto loaded = load(this->m_options, tree);
    m_complaint = loaded ? std::string() : loaded.error().desc();
    m_context = TRY(std::move(loaded));
    ++m_generation;
    return {};
}

Result<std::unique_ptr<TlsCipherSuites>> TlsCipherSuites::create(
    qom::Type const& type, TlsCredsOptions options, qom::Tree&)
{
    if (!options.priority)
        return Error::generic("'priority' property is not set");
    TRY(parse_priority(*options.priority));
    fill_in(options);
    return std::make_unique<TlsCipherSuites>(type, std::move(options));
}

Result<TlsCreds*> find_tls_creds(qom::Tree& tree, std::string const& id)
{
    auto* object = tree.find_user_object(id);
    if (!object)
        return Error::generic(cat("No TLS credentials with id '", id, "'"));
    auto* creds = dynamic_cast<TlsCreds*>(object);
    if (!creds)
        return Error::generic(cat("Object with id '", id, "' is not TLS credentials"));
    return creds;
}

Result<std::shared_ptr<TlsContext const>> find_tls_context(qom::Tree& tree, std::string const& id, Endpoint endpoint)
{
    if (auto const* suites = dynamic_cast<TlsCipherSuites const*>(tree.find_user_object(id))) {
        TRY(TlsContext::require(endpoint, endpoint_of(suites->options())));
        return Error::generic(cat("Unsupported TLS credentials type ", suites->type().name));
    }
    auto const* creds = TRY(find_tls_creds(tree, id));
    TRY(creds->context()->require(endpoint));
    return creds->context();
}

void register_tls_creds(qom::TypeRegistry& types)
{
    qom::Type base;
    base.name = "tls-creds";
    base.abstract = true;
    types.add(std::move(base));
    register_type<TlsCredsX509Options>(types, "tls-creds-x509",
        "TLS with certificates: `ca-cert.pem`, `server-cert.pem` and `server-key.pem` or `client-cert.pem` and "
        "`client-key.pem`, and a `ca-crl.pem` if there is one, in `dir`.");
    register_type<TlsCredsPskOptions>(
        types, "tls-creds-psk", "TLS with keys that both ends have: the file `keys.psk` in `dir`.");
    register_type<TlsCredsOptions>(
        types, "tls-creds-anon", "TLS without any proof of who the peer is: it protects from listeners only.");
    qom::UserType<TlsCipherSuites>(
        "tls-cipher-suites", "The cipher suites that a guest's firmware may use, by `priority`; no credentials.")
        .add_to(types, "tls-creds");
}

} // namespace minivisor::crypto
