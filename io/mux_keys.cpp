// SPDX-License-Identifier: GPL-3.0-or-later
#include "io/mux_keys.hpp"

#include "util/text.hpp"

#include <cstdio>
#include <utility>

namespace minivisor::io {

MuxKeys::Meaning MuxKeys::take(unsigned char byte)
{
    if (!std::exchange(m_escaped, false)) {
        m_escaped = byte == m_escape;
        return m_escaped ? Meaning::nothing : Meaning::data;
    }
    if (byte == m_escape)
        return Meaning::data;
    switch (byte) {
    case '?':
    case 'h': return Meaning::help;
    case 'x': return Meaning::terminate;
    case 's': return Meaning::save_disks;
    case 't': return Meaning::toggle_times;
    case 'b': return Meaning::line_break;
    case 'c': return Meaning::next_user;
    default: return Meaning::nothing;
    }
}

std::string MuxKeys::escape_name() const
{
    constexpr unsigned char letters = 26;
    if (m_escape > 0 && m_escape <= letters)
        return std::string("C-") + static_cast<char>('a' + m_escape - 1);
    char text[8];
    std::snprintf(text, sizeof text, "<0x%02x>", m_escape);
    return text;
}

std::string MuxKeys::help() const
{
    static constexpr std::pair<std::string_view, std::string_view> keys[]
        = {{"h   ", "print this help"}, {"x   ", "exit emulator"},
            {"s   ", "save disk data back to file (if -snapshot)"}, {"t   ", "toggle console timestamps"},
            {"b   ", "send break (magic sysrq)"}, {"c   ", "switch between console and monitor"}};
    auto const escape = escape_name();
    std::string text = "\n\r";
    for (auto const& [key, what] : keys)
        text += cat(escape, " ", key, " ", what, "\n\r");
    return cat(text, escape, " ", escape, "  sends ", escape, "\n\r");
}

void LineTimes::toggle()
{
    m_on = !m_on;
    m_at_start = false;
    m_first = -1;
}

std::string LineTimes::stamp(std::string_view text, long now)
{
    std::string out;
    for (char const c : text) {
        if (std::exchange(m_at_start, c == '\n')) {
            if (m_first < 0)
                m_first = now;
            long const milliseconds = now - m_first;
            constexpr long second = 1000, minute = 60, hour = 3600;
            long const seconds = milliseconds / second;
            char time[64];
            std::snprintf(time, sizeof time, "[%02ld:%02ld:%02ld.%03ld] ", seconds / hour, seconds / minute % minute,
                seconds % minute, milliseconds % second);
            out += time;
        }
        out += c;
    }
    return out;
}

} // namespace minivisor::io
