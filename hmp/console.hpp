// SPDX-License-Identifier: GPL-3.0-or-later
// The console on a terminal: readline with history and completion, run by the main thread's events. Keys
// are bytes here, Ctrl-C too: it discards the line, or takes the prompt back from a command that holds
// it. Log lines appear above the line that is being typed. Nothing here blocks.
#pragma once

#include "hmp/command.hpp"
#include "hmp/console_history.hpp"
#include "hmp/console_readline.hpp"
#include "util/fd_sets.hpp"
#include "util/log.hpp"
#include "util/task_group.hpp"
#include "util/terminal.hpp"

#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>

#include <csignal>
#include <deque>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

namespace minivisor::hmp {

class Console final : private Screen, private Terminal, private line_editor::Client {
public:
    /// Opens the console on standard input and output, which must be a terminal. There can be one. Call it
    /// while there is just the main thread: it blocks the signals about terminals. `io` and `house` must
    /// outlive it.
    static Result<std::unique_ptr<Console>> open(boost::asio::io_context& io, monitor::House& house);
    /// The terminal is as it was before. shut_down() must have been awaited if `io` ran.
    ~Console() override;

    /// Takes the prompt away, ends the command that runs, and returns when all is still.
    boost::asio::awaitable<void> shut_down();

private:
    /// Log lines of other threads on their way to the console.
    struct LogQueue {
        std::mutex mutex;
        std::vector<std::string> lines;
        Console* console = nullptr; ///< null once it is gone; the main thread's
    };

    Console(boost::asio::io_context& io, monitor::House& house, util::RawMode raw);

    Result<void> start(util::UniqueFd input, util::UniqueFd output);
    boost::asio::awaitable<bool> wait_for_foreground();
    boost::asio::awaitable<void> stay_away();
    boost::asio::awaitable<void> read_keys();
    boost::asio::awaitable<void> watch_signals();
    void take_signal(int signal);
    void suspend();
    void come_back();

    void take_bytes(std::string_view bytes);
    void work_keys();
    void discard_line();
    boost::asio::awaitable<void> run(std::string line);
    void show_prompt();
    void end_drawing();

    void write(std::string_view bytes);
    void flush_output();
    boost::asio::awaitable<void> write_later();
    void show_log_line(std::string_view line);
    void show_queued_log_lines();

    void print(std::string_view text) override;
    void flush() override { flush_output(); }
    bool may_block() const override { return true; }
    Terminal* terminal() override { return this; }
    void leave() override { m_left = true; }

    unsigned columns() const override { return m_raw.columns(); }
    bool has_colors() const override { return m_colors; }
    void draw(std::string_view line) override;
    bool interrupted() const override { return m_interrupted; }
    std::vector<std::string> history() const override;

    std::optional<char> next_key() override;
    bool has_key() const override;
    void write_output(std::string_view bytes) override { write(bytes); }
    void line_is_done(std::string line) override;
    Candidates complete(std::string_view before, std::string_view word) override;

    boost::asio::io_context& m_io;
    monitor::House& m_house;
    util::RawMode m_raw;
    sigset_t m_signals_before{};
    boost::asio::posix::stream_descriptor m_input;
    boost::asio::posix::stream_descriptor m_output;
    boost::asio::posix::stream_descriptor m_signals;
    util::FdTable m_descriptors;
    qapi::CallContext m_caller;
    PrintFormat m_format;
    CommandContext m_context;
    HistoryFile m_history;
    std::deque<char> m_keys; ///< read and not yet taken by readline
    std::string m_out; ///< written and not yet taken by the terminal
    bool m_writing = false;
    bool m_has_editor = false;
    bool m_editing = false; ///< readline has the line
    bool m_busy = false; ///< a command has it
    bool m_working = false;
    bool m_away = false; ///< stay_away() runs
    bool m_drawn = false; ///< a drawn line waits to be replaced or ended
    bool m_interrupted = false;
    bool m_left = false;
    bool m_colors;
    std::thread::id m_thread;
    std::shared_ptr<LogQueue> m_log_queue;
    std::optional<util::log::ScopedSink> m_log_sink;
    util::TaskGroup m_tasks;
};

} // namespace minivisor::hmp
