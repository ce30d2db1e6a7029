// SPDX-License-Identifier: GPL-3.0-or-later
// The byte channel of a migration: blocking calls on a thread of its own, ended at once from any other
// thread by cancel(). One thread may read while another writes (the return path); neither waits for
// the other. Asynchronous streams of monitors are elsewhere.
#pragma once

#include "util/fd.hpp"
#include "util/result.hpp"

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string_view>

#include <sys/uio.h>

namespace minivisor::io {

class Channel {
public:
    Channel() = default;
    virtual ~Channel() = default;
    Channel(Channel const&) = delete;
    Channel& operator=(Channel const&) = delete;

    /// Waits for bytes and takes what is there, at least one; 0 is the end of the stream.
    virtual Result<std::size_t> read(std::span<std::byte> buffer) = 0;
    /// The same into several pieces, filled in order. `pieces` is not empty, nor is its first.
    virtual Result<std::size_t> read_pieces(std::span<iovec const> pieces);
    /// Writes all of it, waiting as long as it takes. After an error nothing more may be written.
    virtual Result<void> write(std::span<iovec const> pieces) = 0;
    /// Says to the peer that no more will come; reading goes on. Writing thread only.
    virtual void close_write() = 0;
    /// Ends blocked and later calls of every thread at once, with an error. Never blocks.
    virtual void cancel() noexcept = 0;
    virtual bool cancelled() const noexcept = 0;
    /// The peer can answer here.
    virtual bool two_way() const = 0;
    /// The peer has said in so many words that it takes nothing of us (a TLS alert): whatever was
    /// written, it did not use it. Asked after an error.
    virtual bool refused() const { return false; }
    /// Bytes handed to the transport so far: what the peer may have seen is never more. Writing thread.
    virtual std::uint64_t bytes_written() const = 0;
    /// All reading and writing is over: what is there to say about how the other end took it. A command
    /// that ended with another status than 0 is an error.
    virtual Result<void> finish() { return {}; }
    /// Bytes handed over that the peer has certainly not taken yet, as far as the transport can tell.
    virtual std::uint64_t bytes_in_flight() const { return 0; }
};

/// A socket, pipe or file. Makes its descriptors non-blocking.
class FdChannel : public Channel {
public:
    /// What the descriptors are, in QEMU's words: "Unable to write to socket: Broken pipe".
    enum class Kind { socket, file, command };

    /// One descriptor for both directions.
    static Result<std::unique_ptr<FdChannel>> create(util::UniqueFd fd, Kind kind);
    /// One for each; either may be missing (-1).
    static Result<std::unique_ptr<FdChannel>> create(util::UniqueFd read_fd, util::UniqueFd write_fd, Kind kind);
    /// Tells sockets from other descriptors.
    static Kind kind_of(int fd);

    Result<std::size_t> read(std::span<std::byte> buffer) override;
    Result<std::size_t> read_pieces(std::span<iovec const> pieces) override;
    Result<void> write(std::span<iovec const> pieces) override;
    void close_write() override;
    void cancel() noexcept override;
    bool cancelled() const noexcept override { return m_cancelled.load(std::memory_order_acquire); }
    bool two_way() const override { return m_two_way; }
    std::uint64_t bytes_written() const override { return m_bytes_written; }
    std::uint64_t bytes_in_flight() const override;

private:
    FdChannel(util::UniqueFd read_fd, util::UniqueFd write_fd, util::UniqueFd cancel_fd, Kind kind, bool two_way);
    int write_fd() const { return m_write_fd ? m_write_fd.get() : m_one_for_both ? m_read_fd.get() : -1; }
    Error failure(std::string_view verb, int errno_value) const;
    /// Waits until `fd` is ready for `events`, or cancelled.
    Result<void> wait(int fd, short events, std::string_view verb) const;

    util::UniqueFd m_read_fd;
    util::UniqueFd m_write_fd;
    util::UniqueFd m_cancel_fd;
    Kind m_kind;
    bool m_two_way;
    bool m_one_for_both = false;
    bool m_write_closed = false;
    std::atomic<bool> m_cancelled{false};
    std::uint64_t m_bytes_written = 0;
};

} // namespace minivisor::io
