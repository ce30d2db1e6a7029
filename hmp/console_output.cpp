// SPDX-License-Identifier: GPL-3.0-or-later
// The console's way out: text, the line drawn in place, log lines; never waits for the terminal.
#include "hmp/console.hpp"

#include "util/quietly.hpp"

#include <cerrno>
#include <unistd.h>

namespace minivisor::hmp {

namespace asio = boost::asio;

/// While so much waits for the terminal, what can be left out is.
constexpr std::size_t output_high_water = 1 << 20;

void Console::print(std::string_view text)
{
    end_drawing();
    write(text);
}

void Console::draw(std::string_view line)
{
    // A terminal that does not keep up need not see every step.
    if (!m_out.empty())
        return;
    write(m_drawn ? "\r" : "");
    write(line);
    write("\x1b[K");
    m_drawn = true;
    flush_output();
}

void Console::end_drawing()
{
    if (std::exchange(m_drawn, false))
        write("\n");
}

void Console::write(std::string_view bytes) { m_out += bytes; }

void Console::flush_output()
{
    if (m_writing || !m_output.is_open())
        return;
    std::size_t written = 0;
    while (written < m_out.size()) {
        auto const count = ::write(m_output.native_handle(), m_out.data() + written, m_out.size() - written);
        if (count < 0 && errno == EINTR)
            continue;
        if (count < 0 && errno != EAGAIN)
            written = m_out.size(); // the terminal is gone
        if (count < 0)
            break;
        written += static_cast<std::size_t>(count);
    }
    m_out.erase(0, written);
    if (!m_out.empty() && !m_left) {
        m_writing = true;
        m_tasks.spawn([this] { return write_later(); });
    }
}

asio::awaitable<void> Console::write_later()
{
    auto const [error] = co_await m_output.async_wait(asio::posix::descriptor_base::wait_write, quietly);
    m_writing = false;
    if (!error)
        flush_output();
}

void Console::show_log_line(std::string_view line)
{
    if (m_out.size() > output_high_water)
        return;
    if (m_editing)
        line_editor::hide();
    write(std::exchange(m_drawn, false) ? "\r\x1b[K" : "");
    write(line);
    write("\n");
    if (m_editing)
        line_editor::show_again();
    flush_output();
}

void Console::show_queued_log_lines()
{
    std::vector<std::string> lines;
    {
        std::lock_guard const lock(m_log_queue->mutex);
        lines.swap(m_log_queue->lines);
    }
    for (auto const& line : lines)
        show_log_line(line);
}

} // namespace minivisor::hmp
