// SPDX-License-Identifier: GPL-3.0-or-later
#include "hmp/session.hpp"

#include "util/text.hpp"

#include <cctype>

namespace minivisor::hmp {

namespace {

constexpr char ctrl_c = 3, ctrl_u = 0x15, escape = 0x1b;

} // namespace

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
    if (m_has_focus)
        show_prompt();
}

void Session::focus(bool here)
{
    bool const first = !std::exchange(m_shared, true);
    if (std::exchange(m_has_focus, here) == here || first)
        return;
    m_line.clear();
    m_line_too_long = false;
    if (here && !m_busy)
        return show_prompt();
    if (!here)
        m_output += "\r\n";
    send_output();
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
    if (m_in_sequence) { // of arrows and the like, which do nothing
        m_in_sequence = !(std::isalpha(static_cast<unsigned char>(c)) != 0 || c == '~');
        return;
    }
    if (c == '\n' || c == '\r') {
        take_line();
    } else if (c == '\b' || c == '\x7f') {
        erase(1);
    } else if (m_shared && (c == ctrl_c || c == ctrl_u)) {
        erase(m_line.size());
    } else if (m_shared && c == escape) {
        m_in_sequence = true;
    } else if (static_cast<unsigned char>(c) >= ' ' || c == '\t') {
        if (m_line.size() < max_line) {
            m_line += c;
            echo(c);
        } else {
            m_line_too_long = true;
        }
    }
    if (m_shared && !m_busy)
        flush();
}

void Session::echo(char c)
{
    if (m_shared)
        m_output += c == '\t' ? ' ' : c;
}

void Session::erase(std::size_t count)
{
    for (; count > 0 && !m_line.empty(); --count) {
        bool const continues = (static_cast<unsigned char>(m_line.back()) & 0xc0) == 0x80; // of a character in UTF-8
        m_line.pop_back();
        if (continues)
            ++count;
        else if (m_shared)
            m_output += "\b \b";
    }
}

void Session::take_line()
{
    auto line = std::exchange(m_line, {});
    print(m_shared ? std::string() : line);
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
    if (m_has_focus)
        send_output();
}

void Session::send_output()
{
    if (!m_output.empty())
        m_wire.send(m_output);
    m_output.clear();
}

} // namespace minivisor::hmp
