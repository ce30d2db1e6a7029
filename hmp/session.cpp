// SPDX-License-Identifier: GPL-3.0-or-later
#include "hmp/session.hpp"

#include "util/text.hpp"

namespace minivisor::hmp {

std::string with_crlf(std::string_view text)
{
    std::string out;
    out.reserve(text.size() + 64);
    for (char const c : text) {
        if (c == '\n')
            out += '\r';
        out += c;
    }
    return out;
}

Session::Session(monitor::House& house, monitor::Wire& wire, CommandTable const& table)
    : m_wire(wire)
    , m_context(house, m_caller, table, *this, m_format)
{
    m_caller.descriptors = &wire.descriptors();
}

void Session::start()
{
    print(banner);
    show_prompt();
}

void Session::feed(std::string_view bytes)
{
    m_input += bytes;
    work();
}

void Session::work()
{
    // A command that ends at once comes back here from inside the loop.
    if (std::exchange(m_working, true))
        return;
    while (wants_input() && m_taken < m_input.size())
        take(m_input[m_taken++]);
    m_working = false;
    if (m_taken == m_input.size()) {
        m_input.clear();
        m_taken = 0;
    }
}

void Session::take(char c)
{
    bool const second_half = c == '\n' && m_after_cr;
    m_after_cr = c == '\r';
    if (second_half)
        return;
    if (c == '\n' || c == '\r') {
        take_line();
    } else if (c == '\b' || c == '\x7f') {
        if (!m_line.empty())
            m_line.pop_back();
    } else if (static_cast<unsigned char>(c) >= ' ' || c == '\t') {
        if (m_line.size() < max_line)
            m_line += c;
        else
            m_line_too_long = true;
    }
}

void Session::take_line()
{
    auto line = std::exchange(m_line, {});
    print(line);
    print("\n");
    if (std::exchange(m_line_too_long, false)) {
        print(cat("The line is longer than ", max_line, " characters and was not run\n"));
        show_prompt();
        return;
    }
    m_busy = true;
    m_wire.spawn([this, line = std::move(line)] { return run(line); });
}

boost::asio::awaitable<void> Session::run(std::string line)
{
    co_await boost::asio::this_coro::throw_if_cancelled(false);
    auto running = run_line(m_context, std::move(line));
    co_await std::move(running);
    auto const state = co_await boost::asio::this_coro::cancellation_state;
    if (state.cancelled() != boost::asio::cancellation_type::none)
        co_return; // the client is gone, and with it what it had typed ahead
    m_busy = false;
    if (m_left)
        flush();
    else
        show_prompt();
    work();
    m_wire.resume_input();
}

void Session::show_prompt()
{
    m_output += prompt;
    flush();
}

void Session::flush()
{
    if (!m_output.empty())
        m_wire.send(m_output);
    m_output.clear();
}

} // namespace minivisor::hmp
