// SPDX-License-Identifier: GPL-3.0-or-later
// File descriptors with an owner, and what they are needed for all over the house: pipes, descriptors
// passed over UNIX sockets, small files read whole. All descriptors made here are close-on-exec.
#pragma once

#include "util/result.hpp"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace minivisor::util {

/// Owns a descriptor and closes it; -1 is none.
class UniqueFd {
public:
    UniqueFd() = default;
    explicit UniqueFd(int fd)
        : m_fd(fd)
    {
    }
    UniqueFd(UniqueFd&& other) noexcept
        : m_fd(other.release())
    {
    }
    UniqueFd& operator=(UniqueFd&& other) noexcept
    {
        reset(other.release());
        return *this;
    }
    ~UniqueFd() { reset(); }

    int get() const { return m_fd; }
    explicit operator bool() const { return m_fd >= 0; }
    int release() { return std::exchange(m_fd, -1); }
    void reset(int fd = -1);
    /// Another descriptor of the same open file.
    Result<UniqueFd> duplicate() const;

private:
    int m_fd = -1;
};

struct Pipe {
    UniqueFd read_end;
    UniqueFd write_end;
};

/// A pipe; `flags` as pipe2(2) takes them, with O_CLOEXEC added.
Result<Pipe> make_pipe(int flags = 0);

Result<void> set_nonblocking(int fd, bool on = true);

/// The most descriptors that travel with one message.
inline constexpr std::size_t max_passed_fds = 16;

/// What came in one message: `size` bytes (0: end of the stream) and the descriptors beside them.
struct Received {
    std::size_t size = 0;
    std::vector<UniqueFd> fds;
    /// The sender passed more than max_passed_fds; the kernel closed the rest.
    bool fds_dropped = false;
};

/// Sends bytes, and `fds` (at most max_passed_fds) with the first of them, over a UNIX stream socket.
/// The number of bytes taken; nullopt when a non-blocking socket is full (nothing was passed then).
/// Descriptors need at least one byte to travel with.
Result<std::optional<std::size_t>> send_with_fds(
    int socket, std::span<std::uint8_t const> bytes, std::span<int const> fds);

/// Receives what is there, at most `buffer.size()` bytes; nullopt when a non-blocking socket has nothing.
Result<std::optional<Received>> recv_with_fds(int socket, std::span<std::uint8_t> buffer);

/// Writes all of `bytes`, waiting where a non-blocking descriptor is full.
Result<void> write_all(int fd, std::string_view bytes);

/// A whole file; refuses one longer than `max_bytes` (also a pipe or device that does not end in time).
/// Errors name the file: "Failed to open file 'PATH': REASON".
Result<std::string> read_file(std::string const& path, std::size_t max_bytes);

} // namespace minivisor::util
