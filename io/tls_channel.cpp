// SPDX-License-Identifier: GPL-3.0-or-later
#include "io/tls_channel.hpp"

#include "io/connection.hpp"

#include <linux/sockios.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include <algorithm>
#include <cstring>
#include <utility>

namespace minivisor::io {

namespace {

/// Some full records (RFC 8446, section 5.1): a page's header must not cost a record of its own.
constexpr std::size_t gather_size = std::size_t{8} << 14;

} // namespace

TlsChannel::TlsChannel(util::UniqueFd socket, std::unique_ptr<crypto::TlsSession> session)
    : m_socket(std::move(socket))
    , m_session(std::move(session))
    , m_gather(std::make_unique_for_overwrite<std::byte[]>(gather_size))
{
}

TlsChannel::~TlsChannel() = default;

Result<std::size_t> TlsChannel::read(std::span<std::byte> buffer) { return m_session->read(buffer); }

Result<void> TlsChannel::write(std::span<iovec const> pieces)
{
    for (auto const& piece : pieces) {
        std::span rest(static_cast<std::byte const*>(piece.iov_base), piece.iov_len);
        m_bytes_written += rest.size(); // before: a write that fails may have brought any part of it over
        while (!rest.empty()) {
            if (m_gathered == 0 && rest.size() >= gather_size) {
                TRY(m_session->write(rest, crypto::Flush::later));
                break;
            }
            auto const taken = std::min(rest.size(), gather_size - m_gathered);
            std::memcpy(m_gather.get() + m_gathered, rest.data(), taken);
            m_gathered += taken;
            rest = rest.subspan(taken);
            if (m_gathered == gather_size)
                TRY(write_gathered(crypto::Flush::later));
        }
    }
    return write_gathered(crypto::Flush::now);
}

Result<void> TlsChannel::write_gathered(crypto::Flush flush)
{
    std::span<std::byte const> const bytes(m_gather.get(), std::exchange(m_gathered, 0));
    TRY(m_session->write(bytes, flush));
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

Result<std::unique_ptr<Channel>> make_channel(Connection connection)
{
    if (connection.tls)
        return std::unique_ptr<Channel>(
            std::make_unique<TlsChannel>(std::move(connection.socket), std::move(connection.tls)));
    auto channel = TRY(FdChannel::create(std::move(connection.socket), FdChannel::Kind::socket));
    return std::unique_ptr<Channel>(std::move(channel));
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
