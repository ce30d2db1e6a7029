// SPDX-License-Identifier: GPL-3.0-or-later
#include "crypto/tls_verify.hpp"

#include "crypto/identity.hpp"
#include "crypto/validity.hpp"
#include "util/text.hpp"

#include <openssl/async.h>
#include <openssl/bn.h>
#include <openssl/x509_vfy.h>

#include <exception>
#include <memory>
#include <utility>

namespace minivisor::crypto {

namespace {

/// As GnuTLS does it: a revocation list says who is revoked; an issuer without one, or with an old one, has revoked
/// nobody else.
int tolerate_missing_lists(int good, X509_STORE_CTX* chain)
{
    if (good)
        return 1;
    auto const error = X509_STORE_CTX_get_error(chain);
    if (error != X509_V_ERR_UNABLE_TO_GET_CRL && error != X509_V_ERR_CRL_HAS_EXPIRED)
        return 0;
    X509_STORE_CTX_set_error(chain, X509_V_OK);
    return 1;
}

std::string serial_of(X509 const* certificate)
{
    std::unique_ptr<BIGNUM, decltype(&BN_free)> const number(
        ASN1_INTEGER_to_BN(X509_get0_serialNumber(certificate), nullptr), BN_free);
    auto* const text = number ? BN_bn2hex(number.get()) : nullptr;
    std::string serial = text ? text : "";
    OPENSSL_free(text);
    return serial;
}

/// The one that is being agreed upon: in TLS 1.2 it is not in force yet.
std::string cipher_of(SSL const* session)
{
    auto const* pending = SSL_get_pending_cipher(session);
    auto const* const cipher = pending ? pending : SSL_get_current_cipher(session);
    return cipher ? SSL_CIPHER_get_name(cipher) : "";
}

SSL* session_of(X509_STORE_CTX* chain)
{
    return static_cast<SSL*>(X509_STORE_CTX_get_ex_data(chain, SSL_get_ex_data_X509_STORE_CTX_idx()));
}

} // namespace

/// For the functions that stay on the stack of OpenSSL's job while it is paused: ASan's search for uses after a return
/// keeps their variables elsewhere, and takes the pause for a return.
#define MINIVISOR_PAUSES __attribute__((no_sanitize_address))

PeerJudge::PeerJudge(Endpoint own_endpoint, std::string host, Authorize authorize)
    : m_own_endpoint(own_endpoint)
    , m_host(std::move(host))
    , m_authorize(std::move(authorize))
{
}

void PeerJudge::attach(SSL* session) { SSL_set_app_data(session, this); }

MINIVISOR_PAUSES int PeerJudge::verify_callback(X509_STORE_CTX* chain, void*)
{
    auto* const session = session_of(chain);
    auto* const judge = session ? static_cast<PeerJudge*>(SSL_get_app_data(session)) : nullptr;
    if (!judge) {
        X509_STORE_CTX_set_error(chain, X509_V_ERR_APPLICATION_VERIFICATION);
        return 0;
    }
    try {
        return judge->judge(chain) ? 1 : 0;
    } catch (...) {
        // No memory: OpenSSL's frames must not see an exception.
        X509_STORE_CTX_set_error(chain, X509_V_ERR_OUT_OF_MEM);
        return 0;
    }
}

void PeerJudge::note_user(SSL* session, std::string name, bool known)
{
    if (auto* const judge = static_cast<PeerJudge*>(SSL_get_app_data(session)))
        judge->m_user = NamedUser{std::move(name), known};
}

bool PeerJudge::refuse(X509_STORE_CTX* chain, int error, Failure::Stage stage, std::string sentence)
{
    // OpenSSL chooses the alert by this number.
    X509_STORE_CTX_set_error(chain, error);
    m_failure = Failure{stage, Error::generic(std::move(sentence)), m_claimed_identity, std::nullopt, m_circumstances};
    return false;
}

MINIVISOR_PAUSES bool PeerJudge::judge(X509_STORE_CTX* chain)
{
    auto* const certificate = X509_STORE_CTX_get0_cert(chain);
    auto identity = identity_of(certificate);
    m_claimed_identity = identity ? *identity : std::string();
    m_circumstances.not_before = utc_text(X509_get0_notBefore(certificate));
    m_circumstances.not_after = utc_text(X509_get0_notAfter(certificate));

    set_verification_rules(X509_STORE_CTX_get0_param(chain));
    X509_STORE_CTX_set_verify_cb(chain, tolerate_missing_lists);
    if (X509_verify_cert(chain) != 1) {
        auto const error = X509_STORE_CTX_get_error(chain);
        auto const depth = X509_STORE_CTX_get_error_depth(chain);
        return refuse(chain, error == X509_V_OK ? X509_V_ERR_UNSPECIFIED : error, Failure::Stage::verify,
            verification_reason(error, depth));
    }
    if (!judge_usage(chain, certificate))
        return false;
    if (!identity)
        return refuse(chain, X509_V_ERR_APPLICATION_VERIFICATION, Failure::Stage::authorize,
            cat("Cannot get ", m_own_endpoint == Endpoint::server ? "client" : "server",
                " distinguished name: ", identity.error().desc()));
    if (!judge_identity(chain, certificate))
        return false;
    m_identity = m_claimed_identity;
    return true;
}

bool PeerJudge::judge_usage(X509_STORE_CTX* chain, X509* certificate)
{
    if (!allows_signing(certificate))
        return refuse(chain, X509_V_ERR_INVALID_PURPOSE, Failure::Stage::verify,
            "Key usage violation in certificate has been detected.");
    auto const peer_endpoint = m_own_endpoint == Endpoint::server ? Endpoint::client : Endpoint::server;
    if (!allows_endpoint(certificate, peer_endpoint))
        return refuse(chain, X509_V_ERR_INVALID_PURPOSE, Failure::Stage::verify,
            cat("The certificate's purpose does not allow use with a TLS ",
                peer_endpoint == Endpoint::server ? "server" : "client"));
    return true;
}

MINIVISOR_PAUSES bool PeerJudge::judge_identity(X509_STORE_CTX* chain, X509* certificate)
{
    if (m_authorize && !judge_authorization(chain, certificate))
        return false;
    if (m_own_endpoint == Endpoint::client && !matches_host(certificate, m_host))
        return refuse(chain, X509_V_ERR_HOSTNAME_MISMATCH, Failure::Stage::verify,
            cat("Certificate does not match the hostname ", m_host));
    return true;
}

/// Runs on the small stack of OpenSSL's job: whoever decides is asked while the job is paused, on the caller's.
MINIVISOR_PAUSES bool PeerJudge::judge_authorization(X509_STORE_CTX* chain, X509 const* certificate)
{
    auto const* const session = session_of(chain);
    m_question = Question{m_claimed_identity, serial_of(certificate), cipher_of(session)};
    clear_openssl_errors(); // what is left of lesser matters would hide the pause
    if (ASYNC_get_current_job() == nullptr || ASYNC_pause_job() != 1)
        m_decision = Decision{false, "The handshake cannot be paused for the authorization"};
    if (m_decision && m_decision->allowed)
        return true;
    auto reason = m_decision && !m_decision->reason.empty()
        ? m_decision->reason
        : cat("TLS x509 authz check for ", m_claimed_identity, " is denied");
    if (m_decision)
        m_circumstances.decision = m_decision->detail;
    return refuse(chain, X509_V_ERR_APPLICATION_VERIFICATION, Failure::Stage::authorize, std::move(reason));
}

bool PeerJudge::ask()
{
    if (!awaits_decision())
        return false;
    try {
        m_decision = m_authorize(*m_question);
    } catch (std::exception const& failed) {
        m_decision
            = Decision{false, cat("TLS x509 authz check for ", m_question->identity, " failed: ", failed.what())};
    } catch (...) {
        m_decision = Decision{false, cat("TLS x509 authz check for ", m_question->identity, " failed")};
    }
    return m_decision.has_value();
}

void PeerJudge::decide(Decision decision)
{
    if (awaits_decision())
        m_decision = std::move(decision);
}

} // namespace minivisor::crypto
