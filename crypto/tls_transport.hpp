// SPDX-License-Identifier: GPL-3.0-or-later
// The socket under a TLS session, as OpenSSL sees it: a BIO that never waits and never fails to write.
// What OpenSSL writes is gathered here and sent in few, large calls; nobody but the session uses it.
//
// Why not OpenSSL's own socket BIO: it raises SIGPIPE, sends each record with its own system call, and a write
// that cannot finish leaves the session in a state in which no other thread may read. All system calls here have
// MSG_DONTWAIT and MSG_NOSIGNAL, so the descriptor's own mode (O_NONBLOCK) neither matters nor changes.
#pragma once

#include "crypto/openssl.hpp"

#include <cstddef>
#include <vector>

namespace minivisor::crypto {

class TlsTransport {
public:
    /// Unsent bytes above which a sender should send before it makes more.
    static constexpr std::size_t comfortable = 128 * 1024;
    /// Unsent bytes at which even OpenSSL's own messages have to wait; a peer cannot make us hold more.
    static constexpr std::size_t limit = 512 * 1024;

    /// `fd` is a stream socket that outlives this.
    explicit TlsTransport(int fd);
    TlsTransport(TlsTransport const&) = delete;
    TlsTransport& operator=(TlsTransport const&) = delete;

    /// A BIO over this, which must outlive it; null when memory is short.
    BioPtr make_bio();

    enum class Sent { all, some, error };
    /// Sends what it can at once. `error`: see last_error().
    Sent send();

    std::size_t unsent() const { return m_unsent.size() - m_sent; }
    /// errno of the last receive or send that failed; 0 for none.
    int last_error() const { return m_last_error; }
    /// The peer will send nothing more.
    bool at_end() const { return m_at_end; }
    int fd() const { return m_fd; }

private:
    friend struct TransportBio;

    int m_fd;
    int m_last_error = 0;
    bool m_at_end = false;
    std::vector<std::byte> m_unsent;
    std::size_t m_sent = 0;
};

} // namespace minivisor::crypto
