// SPDX-License-Identifier: GPL-3.0-or-later
// A migration's channel inside TLS: what FdChannel is for a plain socket.
#pragma once

#include "crypto/tls_session.hpp"
#include "io/channel.hpp"

namespace minivisor::io {

class TlsChannel final : public Channel {
public:
    /// `session` runs over `socket` and has finished its handshake.
    TlsChannel(util::UniqueFd socket, std::unique_ptr<crypto::TlsSession> session);
    ~TlsChannel() override;

    Result<std::size_t> read(std::span<std::byte> buffer) override;
    Result<void> write(std::span<iovec const> pieces) override;
    void close_write() override;
    void cancel() noexcept override;
    bool cancelled() const noexcept override { return m_cancelled.load(std::memory_order_acquire); }
    bool two_way() const override { return true; }
    bool refused() const override;
    std::uint64_t bytes_written() const override { return m_bytes_written; }
    std::uint64_t bytes_in_flight() const override;

private:
    Result<void> write_gathered(crypto::Flush flush);

    util::UniqueFd m_socket;
    std::unique_ptr<crypto::TlsSession> m_session;
    /// Pieces on their way into full records; empty between calls of write().
    std::unique_ptr<std::byte[]> m_gather;
    std::size_t m_gathered = 0;
    std::atomic<bool> m_cancelled{false};
    std::uint64_t m_bytes_written = 0;
};

} // namespace minivisor::io
