// SPDX-License-Identifier: GPL-3.0-or-later
#include "io/dialer.hpp"

#include "io/sockets.hpp"

#include <sys/eventfd.h>
#include <sys/socket.h>

namespace minivisor::io {

Result<std::shared_ptr<Dialer>> Dialer::create(Address address)
{
    util::UniqueFd cancel_fd(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
    if (!cancel_fd)
        return Error::system("Unable to create an event descriptor", errno);
    return std::shared_ptr<Dialer>(new Dialer(std::move(address), std::move(cancel_fd)));
}

Result<Connection> Dialer::dial(std::shared_ptr<crypto::TlsContext const> const& tls)
{
    Connection connection;
    connection.socket = TRY(connect_socket(m_address, m_cancel_fd.get()));
    if (!tls)
        return connection;
    connection.tls = TRY(crypto::TlsSession::create(tls, connection.socket.get(), host_of(m_address), {}));
    if (!set_handshaking(connection.socket.get()))
        return Error::generic("cancelled");
    constexpr std::chrono::seconds patience(10);
    auto const shaken = connection.tls->complete_handshake(patience);
    set_handshaking(-1);
    if (!shaken)
        return shaken.error();
    return connection;
}

bool Dialer::set_handshaking(int socket)
{
    std::lock_guard const lock(m_mutex);
    m_handshaking = socket;
    return !m_cancelled;
}

void Dialer::cancel()
{
    std::lock_guard const lock(m_mutex);
    m_cancelled = true;
    eventfd_write(m_cancel_fd.get(), 1);
    if (m_handshaking >= 0)
        ::shutdown(m_handshaking, SHUT_RDWR);
}

} // namespace minivisor::io
