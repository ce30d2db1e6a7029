// SPDX-License-Identifier: GPL-3.0-or-later
#include "crypto/tls_report.hpp"

#include "crypto/identity.hpp"
#include "crypto/validity.hpp"

namespace minivisor::crypto {

namespace {

void for_each_trusted(TlsContext const& context, std::function<void(X509_OBJECT const*)> const& call)
{
    auto* const trusted = X509_STORE_get0_objects(SSL_CTX_get_cert_store(context.native()));
    for (int i = 0; i < sk_X509_OBJECT_num(trusted); ++i)
        call(sk_X509_OBJECT_value(trusted, i));
}

} // namespace

qapi::TlsCertificateInfo report(X509 const* certificate, qapi::TlsCertificateRole role, std::chrono::sys_seconds now)
{
    qapi::TlsCertificateInfo info;
    info.role = role;
    info.subject = identity_of(certificate).value_or("");
    info.not_before = utc_text(X509_get0_notBefore(certificate));
    info.not_after = utc_text(X509_get0_notAfter(certificate));
    if (auto const end = time_of(X509_get0_notAfter(certificate)))
        info.seconds_left = (*end - now).count();
    info.fingerprint = fingerprint(certificate);
    return info;
}

qapi::TlsRevocationListInfo report(X509_CRL const* list, std::chrono::sys_seconds now)
{
    qapi::TlsRevocationListInfo info;
    info.issuer = name_text(X509_CRL_get_issuer(list)).value_or("");
    info.last_update = utc_text(X509_CRL_get0_lastUpdate(list));
    if (auto const* const next = X509_CRL_get0_nextUpdate(list)) {
        info.next_update = utc_text(next);
        info.seconds_left = 0;
        if (auto const end = time_of(next))
            info.seconds_left = (*end - now).count();
    }
    info.revoked = sk_X509_REVOKED_num(X509_CRL_get_REVOKED(const_cast<X509_CRL*>(list)));
    if (info.revoked < 0) // OpenSSL's word for no list at all
        info.revoked = 0;
    info.fingerprint = fingerprint(list);
    return info;
}

void for_each_certificate(
    TlsContext const& context, std::function<void(X509 const*, qapi::TlsCertificateRole)> const& call)
{
    for (auto const& identity : context.identities())
        for (auto const& certificate : identity.chain)
            call(certificate.get(),
                certificate == identity.chain.front() ? qapi::TlsCertificateRole::own
                                                      : qapi::TlsCertificateRole::issuer);
    for_each_trusted(context, [&](X509_OBJECT const* object) {
        if (auto const* const certificate = X509_OBJECT_get0_X509(object))
            call(certificate, qapi::TlsCertificateRole::ca);
    });
}

void for_each_revocation_list(TlsContext const& context, std::function<void(X509_CRL const*)> const& call)
{
    for_each_trusted(context, [&](X509_OBJECT const* object) {
        // It only reads the object.
        if (auto const* const list = X509_OBJECT_get0_X509_CRL(const_cast<X509_OBJECT*>(object)))
            call(list);
    });
}

} // namespace minivisor::crypto
