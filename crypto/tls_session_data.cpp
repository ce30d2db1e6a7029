// SPDX-License-Identifier: GPL-3.0-or-later
// The bytes of a session: reading, writing, and alerts that come among them.
#include "crypto/tls_session.hpp"

#include "util/text.hpp"

#include <algorithm>

namespace minivisor::crypto {

namespace {

/// Plaintext for one call of OpenSSL; the other thread waits no longer than this takes.
constexpr std::size_t write_chunk = 128 * 1024;

using Guard = std::lock_guard<FairLock>;

} // namespace

Result<std::size_t> TlsSession::read(std::span<std::byte> buffer)
{
    for (;;) {
        std::size_t got = 0;
        Step step;
        bool unsent;
        {
            Guard const guard(m_lock);
            step = read_step(buffer, got);
            if (step == Step::failed)
                return error_now();
            unsent = m_transport.unsent() > 0;
        }
        if (step == Step::done)
            return got;
        // Answers of OpenSSL's own (key updates) have to leave even when nobody writes.
        wait(step, unsent, -1);
    }
}

Transfer TlsSession::try_read(std::span<std::byte> buffer)
{
    Guard const guard(m_lock);
    Transfer result;
    result.step = read_step(buffer, result.bytes);
    return result;
}

Step TlsSession::read_step(std::span<std::byte> buffer, std::size_t& got)
{
    got = 0;
    if (buffer.empty())
        return Step::done;
    if (m_end != StreamEnd::open)
        return Step::done;
    if (m_read_failed)
        return Step::failed;
    Step step = Step::done;
    do {
        std::size_t count = 0;
        clear_openssl_errors();
        auto const result = SSL_read_ex(
            m_ssl.get(), buffer.data() + got, std::min<std::size_t>(buffer.size() - got, write_chunk), &count);
        got += count;
        if (result != 1)
            step = after_read(result, false);
    } while (step == Step::done && m_end == StreamEnd::open && got < buffer.size() && got < write_chunk
        && SSL_has_pending(m_ssl.get()));
    if (m_transport.unsent() > 0)
        m_transport.send();
    // What came before an end or a failure is still good; the next call tells of that.
    return got > 0 ? Step::done : step;
}

/// Sorts out why OpenSSL had nothing to read; `done` is the end of the stream.
Step TlsSession::after_read(int result, bool peeking)
{
    using Stage = Failure::Stage;
    switch (SSL_get_error(m_ssl.get(), result)) {
    case SSL_ERROR_WANT_READ: return Step::want_read;
    case SSL_ERROR_WANT_WRITE: return Step::want_write;
    case SSL_ERROR_ZERO_RETURN: m_end = StreamEnd::clean; return Step::done;
    default: break;
    }
    if (note_alert(Stage::data))
        return Step::failed;
    if (m_transport.at_end()) {
        m_end = StreamEnd::cut;
        clear_openssl_errors();
        return Step::done;
    }
    auto const system_error = m_transport.last_error();
    // One who only looks for an alert leaves the connection's own end to those who use it.
    if (peeking && system_error != 0)
        return Step::want_read;
    m_read_failed = true;
    fail(Stage::data,
        system_error != 0 ? Error::system("Cannot read from TLS channel", system_error)
                          : Error::generic(cat("Cannot read from TLS channel: ", take_openssl_errors())));
    clear_openssl_errors();
    return Step::failed;
}

Result<std::size_t> TlsSession::write(std::span<std::byte const> bytes, Flush flush)
{
    auto rest = bytes;
    for (;;) {
        Step step;
        {
            Guard const guard(m_lock);
            step = write_step(rest, flush);
            if (step == Step::failed)
                return error_now();
        }
        if (step == Step::want_write)
            wait(step, false, -1);
        else if (rest.empty())
            return bytes.size();
    }
}

Result<void> TlsSession::flush_with(std::span<std::byte const> bytes)
{
    auto written = write(bytes, Flush::now);
    if (!written)
        return std::move(written).error();
    return {};
}

Transfer TlsSession::try_write(std::span<std::byte const> bytes)
{
    Transfer result;
    auto rest = bytes;
    do {
        Guard const guard(m_lock);
        result.step = write_step(rest, Flush::now);
    } while (result.step == Step::done && !rest.empty());
    result.bytes = bytes.size() - rest.size();
    return result;
}

/// One chunk of `rest`, taken off its front. `done` when that is sent, or may stay; `rest` may not be empty then.
Step TlsSession::write_step(std::span<std::byte const>& rest, Flush flush)
{
    if (m_failure)
        return Step::failed;
    if (m_transport.unsent() >= TlsTransport::comfortable) {
        if (auto const sent = send_step(); sent != Step::done)
            return sent;
    }
    if (!rest.empty()) {
        if (m_since_rekey >= m_rekey_interval && SSL_version(m_ssl.get()) == TLS1_3_VERSION) {
            SSL_key_update(m_ssl.get(), SSL_KEY_UPDATE_NOT_REQUESTED);
            m_since_rekey = 0;
        }
        std::size_t count = 0;
        clear_openssl_errors();
        auto const result
            = SSL_write_ex(m_ssl.get(), rest.data(), std::min<std::size_t>(rest.size(), write_chunk), &count);
        if (result != 1) {
            auto const error = SSL_get_error(m_ssl.get(), result);
            if (error == SSL_ERROR_WANT_WRITE)
                return send_step() == Step::failed ? Step::failed : Step::want_write;
            if (!note_alert(Failure::Stage::data))
                fail(Failure::Stage::data,
                    Error::generic(m_end == StreamEnd::cut
                            ? "Cannot write to TLS channel: The TLS connection was non-properly terminated."
                            : cat("Cannot write to TLS channel: ", take_openssl_errors())));
            return Step::failed;
        }
        rest = rest.subspan(count);
        m_since_rekey += count;
    }
    if (m_transport.unsent() >= TlsTransport::comfortable || (rest.empty() && flush == Flush::now))
        return send_step();
    return Step::done;
}

Step TlsSession::send_step()
{
    switch (m_transport.send()) {
    case TlsTransport::Sent::all: return Step::done;
    case TlsTransport::Sent::some: return Step::want_write;
    case TlsTransport::Sent::error: break;
    }
    auto const error = m_transport.last_error();
    // The peer may have said why it left; that is the better answer.
    look_for_alert();
    if (!m_failure)
        fail(m_handshaken ? Failure::Stage::data : Failure::Stage::handshake,
            Error::system(m_handshaken ? "Cannot write to TLS channel" : "TLS handshake failed", error));
    return Step::failed;
}

void TlsSession::look_for_alert()
{
    if (m_read_failed || m_end != StreamEnd::open)
        return;
    if (!m_handshaken) {
        clear_openssl_errors();
        if (auto const result = SSL_do_handshake(m_ssl.get()); result != 1)
            m_judge.failure() ? void(m_failure = m_judge.failure()) : void(note_alert(Failure::Stage::handshake));
        clear_openssl_errors();
        return;
    }
    std::byte one;
    std::size_t count = 0;
    clear_openssl_errors();
    auto const result = SSL_peek_ex(m_ssl.get(), &one, 1, &count);
    if (result != 1)
        after_read(result, true);
    clear_openssl_errors();
}

std::optional<Error> TlsSession::pending_alert()
{
    Guard const guard(m_lock);
    if (m_handshaken)
        look_for_alert();
    if (m_failure && m_failure->alert)
        return m_failure->error;
    return std::nullopt;
}

Result<void> TlsSession::shutdown_write()
{
    TRY(flush());
    {
        Guard const guard(m_lock);
        clear_openssl_errors();
        // 0: sent, and the peer's has not come; only the sending is wanted here.
        if (SSL_shutdown(m_ssl.get()) < 0)
            clear_openssl_errors();
    }
    return flush();
}

} // namespace minivisor::crypto
