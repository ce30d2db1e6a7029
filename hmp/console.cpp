// SPDX-License-Identifier: GPL-3.0-or-later
#include "hmp/console.hpp"

#include "hmp/hmp.hpp"
#include "hmp/session.hpp"
#include "util/quietly.hpp"

#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <cerrno>
#include <cstdlib>
#include <sys/signalfd.h>
#include <unistd.h>

namespace minivisor::hmp {

namespace asio = boost::asio;

namespace {

constexpr char ctrl_c = 3;
constexpr char ctrl_d = 4;
/// What may be typed ahead of a command that runs.
constexpr std::size_t max_keys = 1 << 20;

sigset_t terminal_signals()
{
    sigset_t set;
    sigemptyset(&set);
    for (int const signal : {SIGTSTP, SIGCONT, SIGWINCH})
        sigaddset(&set, signal);
    return set;
}

bool wants_colors()
{
    auto const* no_color = std::getenv("NO_COLOR");
    auto const* terminal = std::getenv("TERM");
    return !(no_color && *no_color) && terminal && std::string_view(terminal) != "dumb";
}

} // namespace

Result<std::unique_ptr<Console>> Console::open(asio::io_context& io, monitor::House& house)
{
    auto input = TRY(util::reopen_terminal(STDIN_FILENO, O_RDONLY));
    auto output = TRY(util::reopen_terminal(STDOUT_FILENO, O_WRONLY));
    auto raw = TRY(util::RawMode::enter(input.get()));
    std::unique_ptr<Console> console(new Console(io, house, std::move(raw)));
    TRY(console->start(std::move(input), std::move(output)));
    return console;
}

Console::Console(asio::io_context& io, monitor::House& house, util::RawMode raw)
    : m_io(io)
    , m_house(house)
    , m_raw(std::move(raw))
    , m_input(io)
    , m_output(io)
    , m_signals(io)
    , m_context(house, m_caller, command_table(), *this, m_format)
    , m_history(HistoryFile::default_path())
    , m_colors(wants_colors())
    , m_thread(std::this_thread::get_id())
    , m_log_queue(std::make_shared<LogQueue>())
    , m_tasks(io.get_executor())
{
    m_caller.descriptors = &m_descriptors;
    m_log_queue->console = this;
    auto const blocked = terminal_signals();
    pthread_sigmask(SIG_BLOCK, &blocked, &m_signals_before);
}

Console::~Console()
{
    m_log_sink.reset();
    show_queued_log_lines();
    m_log_queue->console = nullptr;
    if (m_has_editor)
        line_editor::stop();
    flush_output();
    m_raw.leave();
    pthread_sigmask(SIG_SETMASK, &m_signals_before, nullptr);
}

Result<void> Console::start(util::UniqueFd input, util::UniqueFd output)
{
    auto const watched = terminal_signals();
    util::UniqueFd signals(signalfd(-1, &watched, SFD_NONBLOCK | SFD_CLOEXEC));
    if (!signals)
        return Error::system("Cannot watch the terminal's signals", errno);
    m_input.assign(input.release());
    m_output.assign(output.release());
    m_signals.assign(signals.release());
    if (!line_editor::start(*this, m_input.native_handle()))
        return Error::generic("There is a console already");
    m_has_editor = true;
    line_editor::remember_all(m_history.load());
    if (isatty(STDERR_FILENO) != 0)
        m_log_sink.emplace([this, queue = m_log_queue, &io = m_io, thread = m_thread](std::string_view line) {
            if (std::this_thread::get_id() == thread && !m_working)
                return show_log_line(line);
            std::lock_guard const lock(queue->mutex);
            queue->lines.emplace_back(line);
            asio::post(io, [queue] {
                if (queue->console)
                    queue->console->show_queued_log_lines();
            });
        });
    write(banner);
    show_prompt();
    m_tasks.spawn([this] { return read_keys(); });
    m_tasks.spawn([this] { return watch_signals(); });
    return {};
}

asio::awaitable<void> Console::shut_down()
{
    m_left = true;
    if (std::exchange(m_editing, false)) {
        line_editor::remove_prompt();
        write("\n");
    }
    m_tasks.cancel();
    co_await m_tasks.join();
    end_drawing();
    flush_output();
}

/// False when it is being cancelled.
asio::awaitable<bool> Console::wait_for_foreground()
{
    for (asio::steady_timer timer(m_io); !m_raw.in_foreground();) {
        timer.expires_after(std::chrono::milliseconds(500));
        auto const [error] = co_await timer.async_wait(quietly);
        if (error)
            co_return false;
    }
    co_return true;
}

asio::awaitable<void> Console::read_keys()
{
    co_await asio::this_coro::throw_if_cancelled(false);
    char buffer[4096];
    for (;;) {
        auto const [error] = co_await m_input.async_wait(asio::posix::descriptor_base::wait_read, quietly);
        if (error)
            co_return;
        // To read in the background would stop the whole process.
        auto waiting = wait_for_foreground();
        if (!co_await std::move(waiting))
            co_return;
        auto const count = read(m_input.native_handle(), buffer, sizeof buffer);
        if (count > 0)
            take_bytes({buffer, static_cast<std::size_t>(count)});
        else if (count == 0 || (errno != EAGAIN && errno != EINTR))
            co_return; // the terminal is gone, and SIGHUP with it
    }
}

asio::awaitable<void> Console::watch_signals()
{
    for (;;) {
        auto const [error] = co_await m_signals.async_wait(asio::posix::descriptor_base::wait_read, quietly);
        if (error)
            co_return;
        signalfd_siginfo info{};
        if (read(m_signals.native_handle(), &info, sizeof info) == sizeof info)
            take_signal(static_cast<int>(info.ssi_signo));
    }
}

void Console::take_signal(int signal)
{
    if (signal == SIGTSTP)
        suspend();
    else if (signal == SIGCONT)
        come_back();
    else if (m_editing)
        line_editor::resize();
}

/// Stops the process as an unwatched Ctrl-Z would, with the terminal in order meanwhile.
void Console::suspend()
{
    end_drawing();
    write("\n");
    flush_output();
    m_raw.leave();
    sigset_t stop;
    sigemptyset(&stop);
    sigaddset(&stop, SIGTSTP);
    raise(SIGTSTP);
    pthread_sigmask(SIG_UNBLOCK, &stop, nullptr); // here it stops
    pthread_sigmask(SIG_BLOCK, &stop, nullptr);
    signalfd_siginfo news{};
    while (read(m_signals.native_handle(), &news, sizeof news) == sizeof news) {
        // That it goes on again, and perhaps another size: what comes now takes care of both.
    }
    come_back();
}

void Console::come_back()
{
    if (!m_raw.in_foreground()) {
        if (!std::exchange(m_away, true))
            m_tasks.spawn([this] { return stay_away(); });
        return;
    }
    m_raw.enter_again();
    if (m_editing) {
        line_editor::resize();
        write("\r\x1b[J"); // whatever the shell has left there
        line_editor::show_again();
    }
}

/// A shell that fetches a running job from the background sends no signal.
asio::awaitable<void> Console::stay_away()
{
    co_await asio::this_coro::throw_if_cancelled(false);
    auto waiting = wait_for_foreground();
    bool const in_foreground = co_await std::move(waiting);
    m_away = false;
    if (in_foreground)
        come_back();
}

void Console::take_bytes(std::string_view bytes)
{
    for (char const key : bytes) {
        if (m_busy && key == ctrl_c) {
            m_interrupted = true;
            m_keys.clear();
        } else if (m_keys.size() < max_keys) {
            m_keys.push_back(key);
        }
    }
    work_keys();
}

void Console::work_keys()
{
    if (std::exchange(m_working, true))
        return;
    while (m_editing && !m_keys.empty()) {
        auto const key = m_keys.front();
        if (key == ctrl_c) {
            m_keys.pop_front();
            line_editor::discard(prompt);
        } else if (key == ctrl_d && line_editor::line_is_empty() && line_editor::wants_plain_key()) {
            m_keys.pop_front(); // QEMU does nothing then
        } else {
            line_editor::take_keys();
        }
    }
    m_working = false;
    flush_output();
}

bool Console::has_key() const
{
    // These are for us to see first, so readline must not look ahead to them.
    return !m_keys.empty() && std::string_view("\x03\x04\r\n").find(m_keys.front()) == std::string_view::npos;
}

std::optional<char> Console::next_key()
{
    if (m_keys.empty())
        return std::nullopt;
    auto const key = m_keys.front();
    m_keys.pop_front();
    return key;
}

void Console::line_is_done(std::string line)
{
    m_editing = false;
    m_busy = true;
    m_interrupted = false;
    auto const blank = line.find_first_not_of(" \t") == line.npos;
    if (!blank && !HistoryFile::is_secret(line)) {
        line_editor::remember(line);
        m_history.append(line);
    }
    m_tasks.spawn([this, line = std::move(line)] { return run(line); });
}

asio::awaitable<void> Console::run(std::string line)
{
    co_await asio::this_coro::throw_if_cancelled(false);
    co_await asio::post(m_io, asio::use_awaitable); // readline is still in the midst of it
    if (line.size() > max_line) {
        print("The line is too long and was not run\n");
    } else {
        auto running = run_line(m_context, std::move(line));
        co_await std::move(running);
    }
    end_drawing();
    m_busy = false;
    auto const state = co_await asio::this_coro::cancellation_state;
    if (state.cancelled() == asio::cancellation_type::none && !m_left)
        show_prompt();
    flush_output();
    work_keys();
}

Candidates Console::complete(std::string_view before, std::string_view word)
{
    return hmp::complete(m_house, command_table(), before, word);
}

void Console::show_prompt()
{
    line_editor::show_prompt(prompt);
    m_editing = true;
    flush_output();
}

std::vector<std::string> Console::history() const { return line_editor::history(); }

} // namespace minivisor::hmp
