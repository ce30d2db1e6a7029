// SPDX-License-Identifier: GPL-3.0-or-later
// Connecting to an address, TLS handshake included: blocking, for a worker thread or the time before the main loop.
#pragma once

#include "crypto/tls_context.hpp"
#include "io/address.hpp"
#include "io/connection.hpp"

#include <memory>
#include <mutex>

namespace minivisor::io {

class Dialer {
public:
    static Result<std::shared_ptr<Dialer>> create(Address address);

    /// One attempt. `tls`: a client's context, or null for a plain connection.
    Result<Connection> dial(std::shared_ptr<crypto::TlsContext const> const& tls);
    /// Ends this attempt and later ones, with an error. From any thread.
    void cancel();
    Address const& address() const { return m_address; }

private:
    Dialer(Address address, util::UniqueFd cancel_fd)
        : m_address(std::move(address))
        , m_cancel_fd(std::move(cancel_fd))
    {
    }
    /// Whether it may go on.
    bool set_handshaking(int socket);

    Address m_address;
    util::UniqueFd m_cancel_fd;
    std::mutex m_mutex; ///< guards what follows
    bool m_cancelled = false;
    int m_handshaking = -1;
};

} // namespace minivisor::io
