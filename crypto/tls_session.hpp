// SPDX-License-Identifier: GPL-3.0-or-later
// One TLS connection over a stream socket: handshake with verification and authorization inside it, then bytes.
//
// Threads. The handshake belongs to one thread, and so does the end of a session that waits for a decision. After it
// one thread may read while another one writes: every step in OpenSSL is made under a fair lock, no step waits for the
// network, and the lock is never held while one waits. A thread that waits in read(), write() or complete_handshake()
// is set free by shutdown(2) of the socket from any thread; close the descriptor only when none is in here.
//
// SIGPIPE is never raised here, and the descriptor's O_NONBLOCK neither matters nor is changed: see TlsTransport.
#pragma once

#include "crypto/fair_lock.hpp"
#include "crypto/tls_context.hpp"
#include "crypto/tls_transport.hpp"
#include "crypto/tls_verify.hpp"
#include "util/result.hpp"

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>

namespace minivisor::crypto {

/// What a step that does not wait has come to.
enum class Step {
    done,
    /// Again when the socket can be read, or written.
    want_read,
    want_write,
    /// Again after decide(): the authorization has not answered yet.
    want_decision,
    /// See failure().
    failed,
};

/// The result of a transfer that does not wait.
struct Transfer {
    Step step = Step::done;
    std::size_t bytes = 0;
};

/// How the peer's bytes ended.
enum class StreamEnd {
    open,
    /// The peer said that it is finished (close_notify).
    clean,
    /// The connection ended without a word, which anybody on the way could have done.
    cut,
};

/// Whether written bytes may stay behind until more come.
enum class Flush { now, later };

class TlsSession {
public:
    /// A session of the context's endpoint over `fd`, a connected stream socket that stays the caller's.
    /// `host_name` is what the client wants to reach: its certificate has to match, and it goes out as SNI if it is a
    /// name. A server passes "". Errors: no host name while the client verifies; `authorize` with credentials that do
    /// not verify the peer (there would be nobody to authorize); no stream socket.
    static Result<std::unique_ptr<TlsSession>> create(
        std::shared_ptr<TlsContext const> context, int fd, std::string host_name, Authorize authorize);
    ~TlsSession();
    TlsSession(TlsSession const&) = delete;
    TlsSession& operator=(TlsSession const&) = delete;

    /// One step of the handshake; never waits. `done` means that everything has been sent as well.
    /// In TLS 1.3 a client is done before the server has judged it: pending_alert() and read() tell later.
    Step handshake();
    /// The answer that Step::want_decision waits for. Without effect when nothing waits.
    void decide(Decision decision);
    /// The whole handshake, waiting; "TLS handshake failed: Connection timed out" after `limit`. The authorization has
    /// to answer when it is asked, and may take its time; where it has no answer, it is a no.
    Result<void> complete_handshake(std::optional<std::chrono::milliseconds> limit);

    /// Waits until there is something and takes what is there, at most `buffer`; 0 at the end: see stream_end().
    Result<std::size_t> read(std::span<std::byte> buffer);
    /// Waits until all of `bytes` is on its way and returns their number. With Flush::later up to
    /// TlsTransport::comfortable bytes may stay here until the next write, flush() or shutdown_write().
    Result<std::size_t> write(std::span<std::byte const> bytes, Flush flush = Flush::now);
    Result<void> flush() { return flush_with({}); }
    /// Sends all, then close_notify; reading goes on.
    Result<void> shutdown_write();

    /// The same without waiting. try_read: done with 0 bytes is the end. try_write: `bytes` were taken and must not
    /// be given again, also when it says want_write; then call it again, with the rest or with nothing, until done.
    Transfer try_read(std::span<std::byte> buffer);
    Transfer try_write(std::span<std::byte const> bytes);

    /// Bytes that are decrypted and can be read without the socket.
    std::size_t pending() const;
    StreamEnd stream_end() const;
    /// Looks, without waiting, whether the peer has sent an alert: before a failed write, or success, is reported.
    /// Its sentence is the connection's failure from then on. Bytes in front of an alert hide it; a refusal has none.
    std::optional<Error> pending_alert();

    /// What ended the session; empty while nothing has. After a failed write the peer's last words can still be read.
    std::optional<Failure> failure() const;

    /// The verified peer's identity; "" where peers are not verified. Like the two below: after the handshake.
    std::string const& peer_identity() const { return m_judge.identity(); }
    /// "TLS_AES_256_GCM_SHA384".
    std::string cipher() const;
    /// "TLSv1.3".
    std::string protocol() const;

    /// The sending key is replaced after so many bytes (TLS 1.3; RFC 8446, section 5.5). Tests lower it.
    void set_rekey_interval(std::uint64_t bytes);

private:
    TlsSession(std::shared_ptr<TlsContext const> context, int fd, std::string host_name, Authorize authorize);
    Result<void> open(std::string const& host_name);

    // These are called with the lock held; none waits.
    Step handshake_step();
    int handshake_call();
    Step fail_handshake(int result);
    std::string key_trouble(int reason) const;
    Step read_step(std::span<std::byte> buffer, std::size_t& got);
    Step after_read(int result, bool peeking);
    Step write_step(std::span<std::byte const>& rest, Flush flush);
    Step send_step();
    void look_for_alert();
    bool note_alert(Failure::Stage stage);
    void fail(Failure::Stage stage, Error error);
    Error error_now() const;
    Result<void> flush_with(std::span<std::byte const> bytes);
    /// Called without the lock.
    bool wait(Step step, bool also_write, int timeout_ms) const;

    std::shared_ptr<TlsContext const> m_context;
    PeerJudge m_judge;
    TlsTransport m_transport;
    SslPtr m_ssl;
    mutable FairLock m_lock;
    std::optional<Failure> m_failure;
    /// Nothing more can be read. A failed write alone leaves what the peer had sent before readable.
    bool m_read_failed = false;
    StreamEnd m_end = StreamEnd::open;
    bool m_handshaken = false;
    bool m_certificate_wanted = false;
    std::uint64_t m_rekey_interval;
    std::uint64_t m_since_rekey = 0;
};

} // namespace minivisor::crypto
