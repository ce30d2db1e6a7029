// SPDX-License-Identifier: GPL-3.0-or-later
// The terminal under the console: its settings, which come back whatever ends the process, its size, and
// its bytes out and in, none of which ever blocks the main thread.
#pragma once

#include "util/fd.hpp"

#include <termios.h>

namespace minivisor::hmp {

/// Opens the terminal behind a descriptor anew, so that making it non-blocking is nobody else's business.
Result<util::UniqueFd> reopen_terminal(int fd, int flags);

/// Puts a terminal into the state that a line editor needs, and back. Ctrl-C arrives as a byte; Ctrl-Z and
/// Ctrl-\ keep their meaning. One at a time in a process.
class RawMode {
public:
    static Result<RawMode> enter(int fd);
    RawMode(RawMode&& other) noexcept
        : m_fd(std::exchange(other.m_fd, -1))
        , m_saved(other.m_saved)
    {
    }
    RawMode& operator=(RawMode&&) = delete;
    ~RawMode() { leave(); }

    /// Back to what it was, as long as it is ours (not when we are in the background).
    void leave();
    void enter_again();
    /// Whether the terminal listens to this process now.
    bool in_foreground() const;
    /// The width in characters; 80 where it is not known.
    unsigned columns() const;

private:
    RawMode(int fd, termios const& saved)
        : m_fd(fd)
        , m_saved(saved)
    {
    }

    int m_fd;
    termios m_saved;
};

} // namespace minivisor::hmp
