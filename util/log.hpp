// SPDX-License-Identifier: GPL-3.0-or-later
// What the program says on standard error, in QEMU's form: "PROGNAME: message", with "warning: " or
// "info: " before the message where it is one. One write(2) a line; safe from any thread. Control
// characters in a message are escaped, so a peer's text cannot forge a line or steer a terminal.
#pragma once

#include "util/result.hpp"

#include <functional>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

namespace minivisor::util::log {

/// Sets the name before each message from argv[0]: its last path component. Without it there is none.
void set_program(std::string_view argv0);
/// Time before each line (-msg timestamp=on): ISO 8601 in UTC with microseconds.
void set_timestamps(bool on);
/// A text between time and name (-msg guest-name=on); empty for none.
void set_guest_name(std::string_view name);

void error(std::string_view message);
/// The error's sentence as error(), its hint (line by line) as plain().
void error(Error const& error);
/// `origin`: what it is about, in front of "warning: ", such as "-name x,y".
void warn(std::string_view message, std::string_view origin = {});
void info(std::string_view message);
/// A line without time, name and level: hints below an error.
void plain(std::string_view line);

/// A line of a trace point: "NAME TEXT", with timestamps "THREAD@SECONDS.MICROSECONDS:NAME TEXT". It goes to the log
/// file if there is one.
void trace(std::string_view name, std::string_view text);
/// Opens the log file (-D), in place of the one before; what is in it is kept by a later opening only.
Result<void> open_file(std::string const& path);
/// Its descriptor, for the standard error of a daemon; -1 without one.
int file_descriptor();

/// Takes each line without its line end, while it is the sink; calls never overlap.
using Sink = std::function<void(std::string_view line)>;

/// Sends all lines to `sink` instead of standard error until it is destroyed. They nest as scopes do.
class ScopedSink {
public:
    explicit ScopedSink(Sink sink);
    ~ScopedSink();
    ScopedSink(ScopedSink const&) = delete;
    ScopedSink& operator=(ScopedSink const&) = delete;

private:
    Sink m_outer;
};

/// Collects the lines, for tests.
class Capture {
public:
    Capture();
    std::vector<std::string> lines() const;

private:
    mutable std::mutex m_mutex;
    std::vector<std::string> m_lines;
    ScopedSink m_sink;
};

} // namespace minivisor::util::log

namespace minivisor {
namespace log = util::log;
}
