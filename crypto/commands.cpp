// SPDX-License-Identifier: GPL-3.0-or-later
#include "crypto/commands.hpp"

#include "crypto/identity.hpp"
#include "crypto/tls_creds.hpp"
#include "crypto/validity.hpp"
#include "qapi/schema/crypto.hpp"

#include <chrono>

namespace minivisor::crypto {

namespace {

qapi::TlsCertificateInfo describe(X509 const* certificate, qapi::TlsCertificateRole role)
{
    auto const moment = [](ASN1_TIME const* time) {
        auto const known = time_of(time);
        return known ? utc_text(*known) : std::string("unknown");
    };
    qapi::TlsCertificateInfo info;
    info.role = role;
    info.subject = identity_of(certificate).value_or("");
    info.not_before = moment(X509_get0_notBefore(certificate));
    info.not_after = moment(X509_get0_notAfter(certificate));
    auto const now = std::chrono::floor<std::chrono::seconds>(std::chrono::system_clock::now());
    if (auto const end = time_of(X509_get0_notAfter(certificate)))
        info.seconds_left = (*end - now).count();
    info.fingerprint = fingerprint(certificate);
    return info;
}

std::vector<qapi::TlsCertificateInfo> certificates_of(TlsContext const& context)
{
    std::vector<qapi::TlsCertificateInfo> list;
    if (auto const* own = SSL_CTX_get0_certificate(context.native()))
        list.push_back(describe(own, qapi::TlsCertificateRole::own));
    auto* const trusted = X509_STORE_get0_objects(SSL_CTX_get_cert_store(context.native()));
    for (int i = 0; i < sk_X509_OBJECT_num(trusted); ++i)
        if (auto const* certificate = X509_OBJECT_get0_X509(sk_X509_OBJECT_value(trusted, i)))
            list.push_back(describe(certificate, qapi::TlsCertificateRole::ca));
    return list;
}

std::vector<qapi::TlsCredsInfo> query(qom::Tree& tree)
{
    std::vector<qapi::TlsCredsInfo> list;
    for (auto const& object : tree.objects().children()) {
        auto const* creds = dynamic_cast<TlsCreds const*>(object.get());
        if (!creds)
            continue;
        auto const& context = *creds->context();
        list.push_back(
            {object->name(), object->type().name, context.endpoint() == Endpoint::server ? "server" : "client",
                creds->generation(), certificates_of(context)});
    }
    return list;
}

} // namespace

void bind_commands(qapi::Registry& registry, qom::Tree& tree)
{
    registry.bind<qapi::QueryTlsCreds>([&tree]() -> Result<std::vector<qapi::TlsCredsInfo>> { return query(tree); });
    registry.bind<qapi::TlsCredsReload>([&tree](qapi::TlsCredsReloadArguments const& arguments) -> Result<void> {
        auto* creds = TRY(find_tls_creds(tree, arguments.id));
        return creds->reload(tree);
    });
}

} // namespace minivisor::crypto
