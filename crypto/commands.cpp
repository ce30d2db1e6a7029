// SPDX-License-Identifier: GPL-3.0-or-later
#include "crypto/commands.hpp"

#include "crypto/tls_creds.hpp"
#include "crypto/tls_report.hpp"

namespace minivisor::crypto {

namespace {

std::vector<qapi::TlsCredsInfo> query(qom::Tree& tree, std::chrono::sys_seconds now)
{
    std::vector<qapi::TlsCredsInfo> list;
    for (auto const& object : tree.objects().children()) {
        auto const* creds = dynamic_cast<TlsCreds const*>(object.get());
        if (!creds)
            continue;
        auto const& context = *creds->context();
        qapi::TlsCredsInfo info;
        info.id = object->name();
        info.type = object->type().name;
        info.endpoint = context.endpoint() == Endpoint::server ? "server" : "client";
        info.generation = creds->generation();
        info.refresh = creds->watch() != nullptr;
        if (!creds->complaint().empty())
            info.error = creds->complaint();
        for_each_certificate(context, [&](X509 const* certificate, qapi::TlsCertificateRole role) {
            info.certificates.push_back(report(certificate, role, now));
        });
        for_each_revocation_list(
            context, [&](X509_CRL const* crl) { info.revocation_lists.push_back(report(crl, now)); });
        list.push_back(std::move(info));
    }
    return list;
}

} // namespace

void bind_commands(qapi::Registry& registry, qom::Tree& tree, TlsKeeper& keeper)
{
    registry.declare_event<qapi::TlsCredsReloadEvent>();
    registry.declare_event<qapi::TlsCertificateExpiryEvent>();
    registry.declare_event<qapi::TlsRevocationListExpiryEvent>();
    registry.bind<qapi::QueryTlsCreds>(
        [&]() -> Result<std::vector<qapi::TlsCredsInfo>> { return query(tree, keeper.now()); });
    registry.bind<qapi::TlsCredsReload>(
        [&](qapi::TlsCredsReloadArguments const& arguments) { return keeper.reload(arguments.id); });
}

} // namespace minivisor::crypto
