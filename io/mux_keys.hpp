// SPDX-License-Identifier: GPL-3.0-or-later
// The keys of a multiplexer: what follows its escape character is for itself. No I/O. Keys and texts are QEMU's.
#pragma once

#include <string>
#include <string_view>

namespace minivisor::io {

class MuxKeys {
public:
    static constexpr unsigned char default_escape = 1; ///< Ctrl-A

    enum class Meaning { nothing, data, help, terminate, save_disks, toggle_times, line_break, next_user };

    explicit MuxKeys(unsigned char escape = default_escape)
        : m_escape(escape)
    {
    }

    /// What a byte of the input stands for; `data` is for the user who has the focus.
    Meaning take(unsigned char byte);
    /// The list of the keys.
    std::string help() const;

private:
    std::string escape_name() const;

    unsigned char m_escape;
    bool m_escaped = false; ///< the escape character has just come
};

/// Puts the time since they were turned on before each line.
class LineTimes {
public:
    void toggle();
    bool on() const { return m_on; }
    /// `text` with times, at `now` milliseconds of any clock.
    std::string stamp(std::string_view text, long now);

private:
    bool m_on = false;
    bool m_at_start = false; ///< of a line
    long m_first = -1;
};

} // namespace minivisor::io
