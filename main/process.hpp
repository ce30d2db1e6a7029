// SPDX-License-Identifier: GPL-3.0-or-later
// What the process does beside its work: going to the background, the pid file, the signals that end it.
#pragma once

#include "util/fd.hpp"

#include <string>

namespace minivisor::main {

/// -daemonize: the parent leaves with status 0 when the child calls ready(), with 1 when it dies first.
class Daemon {
public:
    /// Forks; returns in the child only. Call it before there is any thread.
    static Result<Daemon> start();
    /// Lets go of the terminal (standard error becomes the log file, if there is one) and tells the parent.
    Result<void> ready();

private:
    Daemon(util::UniqueFd null, util::UniqueFd tell)
        : m_null(std::move(null))
        , m_tell(std::move(tell))
    {
    }
    util::UniqueFd m_null;
    util::UniqueFd m_tell;
};

/// A pid file, locked and with this process's id; removed in the end.
class PidFile {
public:
    static Result<PidFile> create(std::string const& path);
    PidFile(PidFile&&) = default;
    ~PidFile();

private:
    PidFile(util::UniqueFd fd, std::string path)
        : m_fd(std::move(fd))
        , m_path(std::move(path))
    {
    }
    util::UniqueFd m_fd;
    std::string m_path;
};

/// SIGINT, SIGTERM and SIGHUP arrive at this descriptor from now on, in every thread made later.
Result<util::UniqueFd> open_signal_fd();
/// Takes one signal off it: "terminating on signal 15 from pid 12 (name)". Empty when there is none.
std::string read_signal(int signal_fd);

} // namespace minivisor::main
