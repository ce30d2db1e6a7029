// SPDX-License-Identifier: GPL-3.0-or-later
#include "main/process.hpp"

#include "util/log.hpp"
#include "util/text.hpp"

#include <cerrno>
#include <climits>
#include <csignal>
#include <cstdlib>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

namespace minivisor::main {

Result<Daemon> Daemon::start()
{
    util::UniqueFd null(open("/dev/null", O_RDWR | O_CLOEXEC)); // there may be none below another root directory
    if (!null)
        return Error::system("cannot open /dev/null", errno);
    auto pipe = TRY(util::make_pipe());
    auto const child = fork();
    if (child < 0)
        return Error::system("cannot fork", errno);
    if (child > 0) {
        pipe.write_end.reset();
        char byte = 0;
        ssize_t count = 0;
        do {
            count = read(pipe.read_end.get(), &byte, 1);
        } while (count < 0 && errno == EINTR);
        _exit(count == 1 ? 0 : 1); // without a word from the child it has failed, and said so itself
    }
    setsid();
    return Daemon(std::move(null), std::move(pipe.write_end));
}

Result<void> Daemon::ready()
{
    if (chdir("/") != 0)
        return Error::system("not able to chdir to /", errno);
    auto const log_file = util::log::file_descriptor();
    for (int const fd : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO})
        if (dup2(fd == STDERR_FILENO && log_file >= 0 ? log_file : m_null.get(), fd) < 0)
            return Error::system("cannot leave the terminal", errno);
    TRY(util::write_all(m_tell.get(), "!"));
    m_tell.reset();
    return {};
}

Result<PidFile> PidFile::create(std::string const& path)
{
    auto const failed = [&path](std::string_view what) {
        return Error::system(cat("cannot create PID file: Could not ", what, " '", path, "'"), errno);
    };
    util::UniqueFd fd(open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600));
    if (!fd)
        return failed("create");
    if (flock(fd.get(), LOCK_EX | LOCK_NB) != 0)
        return failed("lock");
    if (ftruncate(fd.get(), 0) != 0)
        return failed("truncate");
    TRY(util::write_all(fd.get(), cat(getpid(), "\n")));
    // Kept by its absolute name: -daemonize changes the directory.
    char absolute[PATH_MAX];
    return PidFile(std::move(fd), realpath(path.c_str(), absolute) ? absolute : path);
}

PidFile::~PidFile()
{
    if (m_fd)
        unlink(m_path.c_str());
}

void fill_standard_descriptors()
{
    for (int const fd : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO})
        if (fcntl(fd, F_GETFD) < 0 && errno == EBADF && open("/dev/null", O_RDWR) != fd) // the lowest free one
            _exit(1); // and there is nowhere to say so
}

namespace {
sigset_t ending_signals()
{
    sigset_t set;
    sigemptyset(&set);
    for (int const number : {SIGINT, SIGTERM, SIGHUP})
        sigaddset(&set, number);
    return set;
}
} // namespace

DeadlySignals::DeadlySignals()
{
    auto const set = ending_signals();
    sigprocmask(SIG_UNBLOCK, &set, nullptr);
}

DeadlySignals::~DeadlySignals()
{
    auto const set = ending_signals();
    sigprocmask(SIG_BLOCK, &set, nullptr);
}

Result<util::UniqueFd> open_signal_fd()
{
    auto const set = ending_signals();
    if (sigprocmask(SIG_BLOCK, &set, nullptr) != 0)
        return Error::system("cannot block signals", errno);
    util::UniqueFd fd(signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK));
    if (!fd)
        return Error::system("cannot open a signalfd", errno);
    return fd;
}

Signal read_signal(int signal_fd)
{
    signalfd_siginfo info{};
    if (read(signal_fd, &info, sizeof info) != static_cast<ssize_t>(sizeof info))
        return {};
    auto const number = static_cast<int>(info.ssi_signo);
    if (info.ssi_pid == 0)
        return {number, cat("terminating on signal ", number)};
    auto name = util::read_file(cat("/proc/", info.ssi_pid, "/cmdline"), 4096);
    auto text = name ? *name : std::string();
    text.resize(std::min(text.find('\0'), text.size()));
    return {number,
        cat("terminating on signal ", number, " from pid ", info.ssi_pid, " (",
            text.empty() ? "<unknown process>" : util::printable(text), ")")};
}

} // namespace minivisor::main
