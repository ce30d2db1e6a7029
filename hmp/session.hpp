// SPDX-License-Identifier: GPL-3.0-or-later
// HMP where there is no terminal (sockets, pipes): a whole line is taken, echoed and answered, one after
// the other, with QEMU's banner and prompt; the line editor that QEMU runs even there is left out. On a terminal that
// is shared with others each key is echoed, and nothing is printed while the keys go elsewhere. No I/O.
#pragma once

#include "hmp/command.hpp"
#include "monitor/session.hpp"

#include <string>

namespace minivisor::hmp {

inline constexpr std::string_view prompt = "(qemu) ";
/// With its line end; the version is that of the language spoken.
inline constexpr std::string_view banner = "QEMU 7.2.0 monitor - type 'help' for more information\n";
/// Longer lines are not run (QEMU runs the front part of them).
inline constexpr std::size_t max_line = 4095;

/// `text` with "\r\n" for each "\n".
std::string with_crlf(std::string_view text);

class Session final : public monitor::Session, private Screen {
public:
    Session(monitor::House& house, monitor::Wire& wire, CommandTable const& table);

    void start() override;
    void feed(std::string_view bytes) override;
    bool wants_input() const override { return !m_busy && !m_left; }
    void focus(bool here) override;
    void deliver(qapi::EventRecord const&) override { } // people are not told of events

private:
    void work();
    void take(char c);
    void erase(std::size_t count);
    void echo(char c);
    void take_line();
    boost::asio::awaitable<void> run(std::string line);
    void show_prompt();

    void print(std::string_view text) override { m_output += with_crlf(text); }
    void flush() override;
    void send_output();
    bool may_block() const override { return true; }
    void leave() override { m_left = true; }

    monitor::Wire& m_wire;
    qapi::CallContext m_caller;
    PrintFormat m_format;
    CommandContext m_context;
    std::string m_input; ///< bytes that were fed and wait for the command before them
    std::size_t m_taken = 0; ///< how many of them are in m_line
    std::string m_line;
    bool m_line_too_long = false;
    bool m_after_cr = false; ///< a line feed now belongs to the line end before it
    std::string m_output;
    bool m_busy = false; ///< a command is on its way
    bool m_working = false;
    bool m_left = false;
    bool m_shared = false; ///< the terminal is not always ours
    bool m_has_focus = true;
    bool m_in_sequence = false; ///< of an escape that a key sends
};

} // namespace minivisor::hmp
