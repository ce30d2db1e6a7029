// SPDX-License-Identifier: GPL-3.0-or-later
// A terminal under a console, or under a character device: its settings, which come back whatever ends the process,
// and its size.
#pragma once

#include "util/fd.hpp"

#include <termios.h>

namespace minivisor::util {

/// Opens the terminal behind a descriptor anew, so that making it non-blocking is nobody else's business.
Result<util::UniqueFd> reopen_terminal(int fd, int flags);

/// Which keys still mean something to the terminal itself.
enum class TerminalKeys {
    /// Ctrl-C arrives as a byte; Ctrl-Z and Ctrl-\ keep their meaning. What a line editor needs.
    for_editor,
    /// Each key is a byte, ...
    all_bytes,
    /// ... but for those that send signals.
    with_signals,
};

/// Puts a terminal into another state, and back. One at a time in a process.
class RawMode {
public:
    static Result<RawMode> enter(int fd, TerminalKeys keys = TerminalKeys::for_editor);
    RawMode(RawMode&& other) noexcept
        : m_fd(std::exchange(other.m_fd, -1))
        , m_saved(other.m_saved)
        , m_keys(other.m_keys)
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
    RawMode(int fd, termios const& saved, TerminalKeys keys)
        : m_fd(fd)
        , m_saved(saved)
        , m_keys(keys)
    {
    }

    int m_fd;
    termios m_saved;
    TerminalKeys m_keys;
};

} // namespace minivisor::util
