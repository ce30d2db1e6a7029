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

/// Standard streams that are closed become /dev/null, so that nothing else gets their numbers.
void fill_standard_descriptors();

/// SIGINT, SIGTERM and SIGHUP arrive at this descriptor from now on, in every thread made later.
Result<util::UniqueFd> open_signal_fd();
/// While it lives they end the process at once, as they would without that descriptor: for waits of the start-up, in
/// which nobody reads it. No thread may be made meanwhile.
class DeadlySignals {
public:
    DeadlySignals();
    ~DeadlySignals();
    DeadlySignals(DeadlySignals const&) = delete;
    DeadlySignals& operator=(DeadlySignals const&) = delete;
};
struct Signal {
    int number = 0; ///< 0: there was none
    std::string text; ///< "terminating on signal 15 from pid 12 (name)"
};
/// Takes one signal off it.
Signal read_signal(int signal_fd);

} // namespace minivisor::main
