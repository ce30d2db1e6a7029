// SPDX-License-Identifier: GPL-3.0-or-later
#include "io/tls_channel.hpp"

#include <linux/sockios.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

namespace minivisor::io {

TlsChannel::TlsChannel(util::UniqueFd socket, std::unique_ptr<crypto::TlsSession> session)
    : m_socket(std::move(socket))
    , m_session(std::move(session))
{
}

TlsChannel::~TlsChannel() = default;

Result<std::size_t> TlsChannel::read(std::span<std::byte> buffer) { return m_session->read(buffer); }

Result<void> TlsChannel::write(std::span<iovec const> pieces)
{
    for (std::size_t i = 0; i < pieces.size(); ++i) {
        std::span const bytes(static_cast<std::byte const*>(pieces[i].iov_base), pieces[i].iov_len);
        auto const flush = i + 1 == pieces.size() ? crypto::Flush::now : crypto::Flush::later;
        m_bytes_written += bytes.size(); // before: a write that fails may have brought any part of it over
        TRY(m_session->write(bytes, flush));
    }
    return {};
}

void TlsChannel::close_write()
{
    m_session->shutdown_write().ignore("the peer learns from the stream itself that it is complete");
}

void TlsChannel::cancel() noexcept
{
    m_cancelled.store(true, std::memory_order_release);
    ::shutdown(m_socket.get(), SHUT_RDWR);
}

bool TlsChannel::refused() const { return m_session->pending_alert().has_value(); }

std::uint64_t TlsChannel::bytes_in_flight() const
{
    int pending = 0;
    if (::ioctl(m_socket.get(), SIOCOUTQ, &pending) != 0 || pending < 0)
        return 0;
    return static_cast<std::uint64_t>(pending);
}

} // namespace minivisor::io
