// SPDX-License-Identifier: GPL-3.0-or-later
#include "crypto/tls_session.hpp"

#include "crypto/tls_alert.hpp"
#include "util/text.hpp"

#include <openssl/async.h>
#include <openssl/sslerr.h>

#include <poll.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <climits>
#include <utility>

namespace minivisor::crypto {

namespace {

/// AES-GCM keys are good for 24 million records of 16 KiB; long before that they are replaced.
constexpr std::uint64_t default_rekey_interval = std::uint64_t(64) << 30;

/// Reasons that mean: this is not TLS, or not any more.
bool is_no_tls(int reason)
{
    switch (reason) {
    case SSL_R_WRONG_VERSION_NUMBER:
    case SSL_R_HTTP_REQUEST:
    case SSL_R_HTTPS_PROXY_REQUEST:
    case SSL_R_BAD_RECORD_TYPE:
    case SSL_R_PACKET_LENGTH_TOO_LONG:
    case SSL_R_ENCRYPTED_LENGTH_TOO_LONG:
    case SSL_R_RECORD_LENGTH_MISMATCH:
    case SSL_R_UNEXPECTED_MESSAGE:
    case SSL_R_UNEXPECTED_RECORD: return true;
    default: return false;
    }
}

using Guard = std::lock_guard<FairLock>;

} // namespace

TlsSession::TlsSession(std::shared_ptr<TlsContext const> context, int fd, std::string host_name, Authorize authorize)
    : m_context(std::move(context))
    , m_judge(m_context->endpoint(), std::move(host_name), std::move(authorize))
    , m_transport(fd)
    , m_rekey_interval(default_rekey_interval)
{
}

TlsSession::~TlsSession()
{
    if (!m_judge.awaits_decision())
        return;
    // A job that is paused would never be freed.
    m_judge.decide({});
    handshake_call();
    m_transport.send();
    clear_openssl_errors();
}

Result<std::unique_ptr<TlsSession>> TlsSession::create(
    std::shared_ptr<TlsContext const> context, int fd, std::string host_name, Authorize authorize)
{
    if (authorize && !context->verify_peer())
        return Error::generic(cat(
            "Authorization needs TLS credentials that verify the peer, and these ", context->why_nobody_is_known()));
    if (context->endpoint() == Endpoint::client && context->verify_peer() && host_name.empty())
        return Error::generic("No hostname for certificate validation");
    int type = 0;
    socklen_t size = sizeof type;
    if (::getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &size) != 0 || type != SOCK_STREAM)
        return Error::generic("TLS needs a stream socket");
    std::unique_ptr<TlsSession> session(new TlsSession(std::move(context), fd, host_name, std::move(authorize)));
    TRY(session->open(host_name));
    return session;
}

Result<void> TlsSession::open(std::string const& host_name)
{
    clear_openssl_errors();
    m_ssl.reset(SSL_new(m_context->native()));
    auto bio = m_transport.make_bio();
    if (!m_ssl || !bio)
        return Error::generic(cat("Failed to create TLS session: ", take_openssl_errors()));
    auto* const shared = bio.release();
    SSL_set_bio(m_ssl.get(), shared, shared);
    m_judge.attach(m_ssl.get());
    if (m_judge.asks()) {
        if (ASYNC_is_capable() != 1)
            return Error::generic("This OpenSSL cannot pause a handshake, which authorization needs");
        SSL_set_mode(m_ssl.get(), SSL_MODE_ASYNC);
    }
    if (m_context->endpoint() == Endpoint::server) {
        SSL_set_accept_state(m_ssl.get());
        m_certificate_wanted = true;
        return {};
    }
    SSL_set_connect_state(m_ssl.get());
    // Called when the server asks for our certificate, which later tells what its refusal means.
    SSL_set_cert_cb(
        m_ssl.get(),
        [](SSL* session, void* self) {
            auto& asked = *static_cast<TlsSession*>(self);
            asked.m_certificate_wanted = true;
            if (asked.m_context->identities().size() > 1)
                asked.m_context->choose_identity(session);
            return 1;
        },
        this);
    if (!host_name.empty() && !is_ip_literal(host_name)
        && SSL_set_tlsext_host_name(m_ssl.get(), host_name.c_str()) != 1)
        return Error::generic(cat("Cannot use the hostname ", host_name, ": ", take_openssl_errors()));
    return {};
}

Step TlsSession::handshake()
{
    Guard const guard(m_lock);
    return handshake_step();
}

Step TlsSession::handshake_step()
{
    if (m_failure)
        return Step::failed;
    if (m_judge.awaits_decision())
        return Step::want_decision;
    if (auto const sent = send_step(); sent != Step::done)
        return sent;
    if (m_handshaken)
        return Step::done;
    auto const result = handshake_call();
    if (result != 1) {
        auto const failed = fail_handshake(result);
        if (failed != Step::want_read)
            return failed;
        // What is unsent has to go before there can be an answer.
        auto const sent = send_step();
        return sent == Step::done ? failed : sent;
    }
    m_handshaken = true;
    SSL_clear_mode(m_ssl.get(), SSL_MODE_ASYNC); // reads and writes need no jobs
    return send_step();
}

/// SSL_do_handshake, with the authorization asked when it is paused for that.
int TlsSession::handshake_call()
{
    for (;;) {
        clear_openssl_errors();
        auto const result = SSL_do_handshake(m_ssl.get());
        if (result == 1 || SSL_get_error(m_ssl.get(), result) != SSL_ERROR_WANT_ASYNC || !m_judge.ask())
            return result;
    }
}

void TlsSession::decide(Decision decision)
{
    Guard const guard(m_lock);
    m_judge.decide(std::move(decision));
}

/// Sorts out why a handshake did not go on.
Step TlsSession::fail_handshake(int result)
{
    using Stage = Failure::Stage;
    auto const error = SSL_get_error(m_ssl.get(), result);
    if (error == SSL_ERROR_WANT_READ)
        return Step::want_read;
    if (error == SSL_ERROR_WANT_WRITE)
        return Step::want_write;
    if (error == SSL_ERROR_WANT_ASYNC)
        return Step::want_decision;
    auto const reason = first_openssl_reason();
    if (error == SSL_ERROR_ZERO_RETURN) {
        fail(Stage::handshake, Error::generic("TLS handshake failed: the peer closed the connection"));
    } else if (m_judge.failure()) {
        m_failure = m_judge.failure();
    } else if (note_alert(Stage::handshake)) {
        // Said.
    } else if (reason == SSL_R_PEER_DID_NOT_RETURN_A_CERTIFICATE) {
        fail(Stage::verify, Error::generic("Verify failed: No certificate was found."));
    } else if (m_transport.at_end()) {
        fail(Stage::handshake, Error::generic("TLS handshake failed: The TLS connection was non-properly terminated."));
    } else if (error == SSL_ERROR_SYSCALL && m_transport.last_error() != 0) {
        fail(Stage::handshake, Error::system("TLS handshake failed", m_transport.last_error()));
    } else if (is_no_tls(reason)) {
        fail(Stage::handshake, Error::generic("TLS handshake failed: An unexpected TLS packet was received."));
    } else {
        auto trouble = key_trouble(reason);
        fail(Stage::handshake,
            Error::generic(
                cat("TLS handshake failed: ", trouble.empty() ? take_openssl_errors() : std::move(trouble))));
    }
    clear_openssl_errors();
    m_read_failed = true;
    // The alert that tells the peer. If it does not go now it never will: the session is over.
    m_transport.send();
    return Step::failed;
}

/// What is wrong where both ends should have the same key, in other words than OpenSSL's, which then goes on to look
/// for a certificate. Empty where it is something else.
std::string TlsSession::key_trouble(int reason) const
{
    if (!m_context->uses_keys())
        return {};
    if (m_context->endpoint() == Endpoint::client)
        return reason == SSL_R_CERTIFICATE_VERIFY_FAILED ? "the peer shows a certificate in place of our key" : "";
    auto const& user = m_judge.user();
    if (user && !user->known)
        return cat("there is no key for the user '", util::printable(user->name), "'");
    switch (reason) {
    case SSL_R_BINDER_DOES_NOT_VERIFY:
    case SSL_R_DECRYPTION_FAILED_OR_BAD_RECORD_MAC:
        return user ? cat("the peer has another key for the user '", util::printable(user->name), "'") : std::string();
    case SSL_R_NO_SUITABLE_SIGNATURE_ALGORITHM:
    case SSL_R_NO_SHARED_CIPHER: return user ? "" : "the peer does not offer a key";
    default: return {};
    }
}

Result<void> TlsSession::complete_handshake(std::optional<std::chrono::milliseconds> limit)
{
    using Clock = std::chrono::steady_clock;
    auto const deadline = Clock::now() + limit.value_or(std::chrono::milliseconds(0));
    for (;;) {
        auto const step = handshake();
        if (step == Step::done)
            return {};
        if (step == Step::failed)
            break;
        if (step == Step::want_decision) {
            decide({false, "There was no answer from the authorization"});
            continue;
        }
        int timeout = -1;
        if (limit) {
            auto const left = std::chrono::ceil<std::chrono::milliseconds>(deadline - Clock::now()).count();
            timeout = static_cast<int>(std::clamp<std::int64_t>(left, 0, INT_MAX));
        }
        if (!wait(step, false, timeout)) {
            Guard const guard(m_lock);
            m_read_failed = true;
            fail(Failure::Stage::handshake, Error::system("TLS handshake failed", ETIMEDOUT));
            break;
        }
    }
    Guard const guard(m_lock);
    return error_now();
}

/// Records the peer's alert if that is what OpenSSL's queue begins with.
bool TlsSession::note_alert(Failure::Stage stage)
{
    auto const alert = first_openssl_reason() - SSL_AD_REASON_OFFSET;
    if (alert <= 0 || alert > 255)
        return false;
    clear_openssl_errors();
    AlertContext const context{.is_client = m_context->endpoint() == Endpoint::client,
        .certificate_wanted = m_certificate_wanted,
        .certificate_sent = m_certificate_wanted && m_context->has_certificate(),
        .after_handshake = m_handshaken};
    m_read_failed = true;
    // Better than what was seen before: the broken connection is only the consequence.
    if (!m_failure || !m_failure->alert)
        m_failure = Failure{stage, Error::generic(describe_alert(alert, context)), m_judge.identity(), alert};
    return true;
}

void TlsSession::fail(Failure::Stage stage, Error error)
{
    if (!m_failure)
        m_failure = Failure{stage, std::move(error), m_judge.identity(), std::nullopt};
}

Error TlsSession::error_now() const
{
    return m_failure ? m_failure->error : Error::generic("The TLS session has ended");
}

bool TlsSession::wait(Step step, bool also_write, int timeout_ms) const
{
    auto events = static_cast<short>(step == Step::want_read ? POLLIN : POLLOUT);
    if (also_write)
        events = static_cast<short>(events | POLLOUT);
    pollfd entry{m_transport.fd(), events, 0};
    for (;;) {
        auto const ready = ::poll(&entry, 1, timeout_ms);
        if (ready >= 0)
            return ready > 0;
        if (errno != EINTR)
            return true;
    }
}

std::size_t TlsSession::pending() const
{
    Guard const guard(m_lock);
    return static_cast<std::size_t>(std::max(0, SSL_pending(m_ssl.get())));
}

StreamEnd TlsSession::stream_end() const
{
    Guard const guard(m_lock);
    return m_end;
}

std::optional<Failure> TlsSession::failure() const
{
    Guard const guard(m_lock);
    return m_failure;
}

std::string TlsSession::cipher() const
{
    Guard const guard(m_lock);
    auto const* const current = SSL_get_current_cipher(m_ssl.get());
    return current ? SSL_CIPHER_get_name(current) : "";
}

std::string TlsSession::protocol() const
{
    Guard const guard(m_lock);
    return SSL_get_version(m_ssl.get());
}

void TlsSession::set_rekey_interval(std::uint64_t bytes)
{
    Guard const guard(m_lock);
    m_rekey_interval = bytes;
}

} // namespace minivisor::crypto
