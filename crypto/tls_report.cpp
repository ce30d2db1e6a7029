// SPDX-License-Identifier: GPL-3.0-or-later
#include "crypto/tls_report.hpp"

#include "crypto/identity.hpp"
#include "crypto/validity.hpp"

namespace minivisor::crypto {

qapi::TlsCertificateInfo report(X509 const* certificate, qapi::TlsCertificateRole role, std::chrono::sys_seconds now)
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
    if (auto const end = time_of(X509_get0_notAfter(certificate)))
        info.seconds_left = (*end - now).count();
    info.fingerprint = fingerprint(certificate);
    return info;
}

void for_each_certificate(
    TlsContext const& context, std::function<void(X509 const*, qapi::TlsCertificateRole)> const& call)
{
    for (auto const& identity : context.identities())
        call(identity.chain.front().get(), qapi::TlsCertificateRole::own);
    auto* const trusted = X509_STORE_get0_objects(SSL_CTX_get_cert_store(context.native()));
    for (int i = 0; i < sk_X509_OBJECT_num(trusted); ++i)
        if (auto const* certificate = X509_OBJECT_get0_X509(sk_X509_OBJECT_value(trusted, i)))
            call(certificate, qapi::TlsCertificateRole::ca);
}

} // namespace minivisor::crypto
