// SPDX-License-Identifier: GPL-3.0-or-later
#include "util/log.hpp"

#include "util/fd.hpp"
#include "util/text.hpp"

#include <cerrno>
#include <cstdio>
#include <ctime>
#include <fcntl.h>
#include <unistd.h>
#include <utility>

namespace minivisor::util::log {

namespace {

struct State {
    std::mutex mutex;
    std::string program;
    std::string guest_name;
    bool timestamps = false;
    UniqueFd file; ///< where trace lines go, if not to standard error
    bool file_was_opened = false;
    Sink sink;
};

State& state()
{
    // Never destroyed: threads may still log while the program ends.
    static State& the_state = *new State;
    return the_state;
}

std::string timestamp()
{
    std::timespec now{};
    std::timespec_get(&now, TIME_UTC);
    std::tm parts{};
    gmtime_r(&now.tv_sec, &parts);
    char date[32];
    std::size_t const length = std::strftime(date, sizeof date, "%Y-%m-%dT%H:%M:%S", &parts);
    char micros[32];
    std::snprintf(micros, sizeof micros, ".%06ldZ ", now.tv_nsec / 1000);
    return cat(std::string_view(date, length), micros);
}

void emit(State& s, std::string line, int to = STDERR_FILENO)
{
    if (s.sink) {
        s.sink(line);
        return;
    }
    line += '\n';
    std::string_view rest = line;
    while (!rest.empty()) {
        auto const written = ::write(to, rest.data(), rest.size());
        if (written < 0 && errno == EINTR)
            continue;
        if (written <= 0)
            return; // Nowhere is left to complain.
        rest.remove_prefix(static_cast<std::size_t>(written));
    }
}

void message(std::string_view level, std::string_view text)
{
    auto& s = state();
    std::scoped_lock const lock(s.mutex);
    std::string line;
    if (s.timestamps)
        line += timestamp();
    if (!s.guest_name.empty())
        line += cat(printable(s.guest_name), " ");
    if (!s.program.empty())
        line += cat(s.program, ": ");
    emit(s, cat(line, level, printable(text)));
}

} // namespace

void set_program(std::string_view argv0)
{
    auto& s = state();
    std::scoped_lock const lock(s.mutex);
    s.program = printable(argv0.substr(argv0.rfind('/') + 1));
}

void set_timestamps(bool on)
{
    auto& s = state();
    std::scoped_lock const lock(s.mutex);
    s.timestamps = on;
}

void set_guest_name(std::string_view name)
{
    auto& s = state();
    std::scoped_lock const lock(s.mutex);
    s.guest_name = name;
}

void error(std::string_view message_text) { message("", message_text); }
void warn(std::string_view message_text, std::string_view origin)
{
    message(origin.empty() ? "" : cat(printable(origin), ": "), cat("warning: ", message_text));
}
void info(std::string_view message_text) { message("info: ", message_text); }

void error(Error const& error)
{
    message("", error.desc());
    if (error.hint().empty())
        return;
    std::string_view hint = error.hint();
    if (hint.ends_with('\n'))
        hint.remove_suffix(1);
    for (auto const line : split(hint, '\n'))
        plain(line);
}

void plain(std::string_view line)
{
    auto& s = state();
    std::scoped_lock const lock(s.mutex);
    emit(s, printable(line));
}

void trace(std::string_view name, std::string_view text)
{
    auto& s = state();
    std::scoped_lock const lock(s.mutex);
    std::string when;
    if (s.timestamps) {
        std::timespec now{};
        std::timespec_get(&now, TIME_UTC);
        char micros[32];
        std::snprintf(micros, sizeof micros, ".%06ld:", now.tv_nsec / 1000);
        when = cat(gettid(), "@", now.tv_sec, micros);
    }
    emit(s, cat(when, name, " ", printable(text)), s.file ? s.file.get() : STDERR_FILENO);
}

Result<void> open_file(std::string const& path)
{
    auto& s = state();
    std::scoped_lock const lock(s.mutex);
    // As QEMU: the first one begins empty, a later one is added to.
    int const mode = s.file_was_opened ? O_APPEND : O_TRUNC;
    UniqueFd file(open(path.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC | mode, 0666));
    if (!file)
        return Error::system(cat("Error opening logfile ", path), errno);
    s.file = std::move(file);
    s.file_was_opened = true;
    return {};
}

int file_descriptor()
{
    auto& s = state();
    std::scoped_lock const lock(s.mutex);
    return s.file ? s.file.get() : -1;
}

ScopedSink::ScopedSink(Sink sink)
{
    auto& s = state();
    std::scoped_lock const lock(s.mutex);
    m_outer = std::exchange(s.sink, std::move(sink));
}

ScopedSink::~ScopedSink()
{
    auto& s = state();
    std::scoped_lock const lock(s.mutex);
    s.sink = std::move(m_outer);
}

Capture::Capture()
    : m_sink([this](std::string_view line) {
        std::scoped_lock const lock(m_mutex);
        m_lines.emplace_back(line);
    })
{
}

std::vector<std::string> Capture::lines() const
{
    std::scoped_lock const lock(m_mutex);
    return m_lines;
}

} // namespace minivisor::util::log
