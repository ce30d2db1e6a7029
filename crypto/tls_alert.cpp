// SPDX-License-Identifier: GPL-3.0-or-later
#include "crypto/tls_alert.hpp"

#include "util/text.hpp"

#include <openssl/ssl.h>

#include <string_view>

namespace minivisor::crypto {

namespace {

std::string sentence(int alert, AlertContext const& context)
{
    bool const judged = context.certificate_wanted || context.after_handshake;
    switch (alert) {
    case SSL_AD_HANDSHAKE_FAILURE:
        // A server that refuses an authenticated client has no better alert; before our certificate was
        // asked for it can only mean that the two have no parameters in common.
        if (context.is_client && judged)
            return context.certificate_sent ? "The peer refused our certificate: not authorized"
                                            : "The peer refused us: it wants a certificate and we have none";
        return "TLS handshake failed: the peer found no acceptable parameters";
    case SSL_AD_CERTIFICATE_REQUIRED:
    case SSL_AD_NO_CERTIFICATE: return "The peer refused us: it wants a certificate and we have none";
    case SSL_AD_UNKNOWN_CA: return "The peer refused our certificate: it does not know the issuer";
    case SSL_AD_CERTIFICATE_EXPIRED: return "The peer refused our certificate: it has expired or is not yet valid";
    case SSL_AD_CERTIFICATE_REVOKED: return "The peer refused our certificate: it has been revoked";
    case SSL_AD_UNSUPPORTED_CERTIFICATE: return "The peer refused our certificate: it is not for this use";
    case SSL_AD_BAD_CERTIFICATE:
        return context.is_client ? "The peer refused our certificate: it may not be valid yet"
                                 : "The peer refused our certificate: it may not match the host name";
    case SSL_AD_CERTIFICATE_UNKNOWN: return "The peer refused our certificate";
    case SSL_AD_ACCESS_DENIED: return "The peer refused our certificate: access denied";
    case SSL_AD_PROTOCOL_VERSION: return "TLS handshake failed: the peer accepts no TLS version that we offer";
    case SSL_AD_INSUFFICIENT_SECURITY: return "TLS handshake failed: the peer wants stronger parameters";
    case SSL_AD_UNRECOGNIZED_NAME: return "TLS handshake failed: the peer does not go by that host name";
    case SSL_AD_INTERNAL_ERROR: return "The peer has an internal error";
    default:
        return context.after_handshake ? "The peer ended the TLS connection" : "TLS handshake failed: the peer gave up";
    }
}

} // namespace

std::string alert_name(int alert)
{
    switch (alert) {
    case SSL_AD_CLOSE_NOTIFY: return "close_notify";
    case SSL_AD_UNEXPECTED_MESSAGE: return "unexpected_message";
    case SSL_AD_BAD_RECORD_MAC: return "bad_record_mac";
    case SSL_AD_RECORD_OVERFLOW: return "record_overflow";
    case SSL_AD_HANDSHAKE_FAILURE: return "handshake_failure";
    case SSL_AD_NO_CERTIFICATE: return "no_certificate";
    case SSL_AD_BAD_CERTIFICATE: return "bad_certificate";
    case SSL_AD_UNSUPPORTED_CERTIFICATE: return "unsupported_certificate";
    case SSL_AD_CERTIFICATE_REVOKED: return "certificate_revoked";
    case SSL_AD_CERTIFICATE_EXPIRED: return "certificate_expired";
    case SSL_AD_CERTIFICATE_UNKNOWN: return "certificate_unknown";
    case SSL_AD_ILLEGAL_PARAMETER: return "illegal_parameter";
    case SSL_AD_UNKNOWN_CA: return "unknown_ca";
    case SSL_AD_ACCESS_DENIED: return "access_denied";
    case SSL_AD_DECODE_ERROR: return "decode_error";
    case SSL_AD_DECRYPT_ERROR: return "decrypt_error";
    case SSL_AD_PROTOCOL_VERSION: return "protocol_version";
    case SSL_AD_INSUFFICIENT_SECURITY: return "insufficient_security";
    case SSL_AD_INTERNAL_ERROR: return "internal_error";
    case SSL_AD_USER_CANCELLED: return "user_canceled";
    case SSL_AD_NO_RENEGOTIATION: return "no_renegotiation";
    case SSL_AD_MISSING_EXTENSION: return "missing_extension";
    case SSL_AD_UNSUPPORTED_EXTENSION: return "unsupported_extension";
    case SSL_AD_UNRECOGNIZED_NAME: return "unrecognized_name";
    case SSL_AD_CERTIFICATE_REQUIRED: return "certificate_required";
    default: return cat("alert ", alert);
    }
}

std::string describe_alert(int alert, AlertContext const& context)
{
    return cat(sentence(alert, context), " (TLS alert ", alert_name(alert), ')');
}

} // namespace minivisor::crypto
