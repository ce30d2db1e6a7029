// SPDX-License-Identifier: GPL-3.0-or-later
#include "crypto/commands.hpp"

#include "crypto/identity.hpp"
#include "crypto/tls_creds.hpp"
#include "qapi/schema/crypto.hpp"
#include "util/text.hpp"

#include <array>
#include <cstdio>
#include <ctime>

namespace minivisor::crypto {

namespace {

std::string utc(ASN1_TIME const* time)
{
    std::tm parts{};
    if (ASN1_TIME_to_tm(time, &parts) != 1)
        return "unknown";
    std::array<char, 64> text;
    std::strftime(text.data(), text.size(), "%Y-%m-%dT%H:%M:%SZ", &parts);
    return text.data();
}

std::int64_t seconds_until(ASN1_TIME const* time)
{
    int days = 0;
    int seconds = 0;
    return ASN1_TIME_diff(&days, &seconds, nullptr, time) == 1 ? std::int64_t{days} * 86400 + seconds : 0;
}

qapi::TlsCertificateInfo describe(X509 const* certificate, qapi::TlsCertificateRole role)
{
    qapi::TlsCertificateInfo info;
    info.role = role;
    info.subject = identity_of(certificate).value_or("");
    info.not_before = utc(X509_get0_notBefore(certificate));
    info.not_after = utc(X509_get0_notAfter(certificate));
    info.seconds_left = seconds_until(X509_get0_notAfter(certificate));
    std::array<unsigned char, EVP_MAX_MD_SIZE> digest;
    unsigned size = 0;
    if (X509_digest(certificate, EVP_sha256(), digest.data(), &size) == 1)
        for (unsigned i = 0; i < size; ++i) {
            std::array<char, 3> byte;
            std::snprintf(byte.data(), byte.size(), "%02x", unsigned{digest[i]});
            info.fingerprint += byte.data();
        }
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
