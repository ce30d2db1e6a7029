// SPDX-License-Identifier: GPL-3.0-or-later
#include "util/terminal.hpp"

#include "util/text.hpp"

#include <atomic>
#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <fcntl.h>
#include <sys/ioctl.h>
#include <unistd.h>

namespace minivisor::util {

namespace {

// What a crash needs to know; a signal handler can reach nothing else.
std::atomic<int> raw_fd{-1};
termios saved_settings;

/// True also where the terminal knows no jobs.
bool listens_to_us(int fd)
{
    auto const group = tcgetpgrp(fd);
    return group <= 0 || group == getpgrp();
}

void restore_settings()
{
    int const fd = raw_fd.exchange(-1);
    if (fd >= 0 && listens_to_us(fd))
        tcsetattr(fd, TCSANOW, &saved_settings);
}

void restore_and_die(int signal)
{
    restore_settings();
    raise(signal); // its default action is in place again
}

/// Has the settings put back on all ends that leave no time for destructors.
void guard_once()
{
    static bool const guarded = [] {
        std::atexit(restore_settings);
        for (int const signal : {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT, SIGQUIT, SIGSYS}) {
            struct sigaction present { };
            // Somebody else's handler (a sanitizer's) is left alone.
            if (sigaction(signal, nullptr, &present) != 0 || present.sa_handler != SIG_DFL)
                continue;
            struct sigaction ours { };
            ours.sa_handler = restore_and_die;
            ours.sa_flags = static_cast<int>(SA_RESETHAND | SA_NODEFER);
            sigaction(signal, &ours, nullptr);
        }
        return true;
    }();
    static_cast<void>(guarded);
}

termios editor_settings(termios settings)
{
    settings.c_lflag &= static_cast<tcflag_t>(~(ICANON | ECHO | ECHOE | ECHOK | ECHONL));
    settings.c_iflag &= static_cast<tcflag_t>(~(ICRNL | INLCR | IGNCR | ISTRIP));
    settings.c_cc[VMIN] = 1;
    settings.c_cc[VTIME] = 0;
    settings.c_cc[VINTR] = _POSIX_VDISABLE;
    settings.c_cc[VLNEXT] = _POSIX_VDISABLE;
    return settings;
}

/// Output keeps its line ends: what a guest sends is seldom meant for a terminal without them.
termios byte_settings(termios settings, bool signals)
{
    settings.c_iflag &= static_cast<tcflag_t>(~(IGNBRK | BRKINT | PARMRK | ISTRIP | INLCR | IGNCR | ICRNL | IXON));
    settings.c_lflag &= static_cast<tcflag_t>(~(ECHO | ECHONL | ICANON | IEXTEN));
    if (!signals)
        settings.c_lflag &= static_cast<tcflag_t>(~ISIG);
    settings.c_cflag = (settings.c_cflag & static_cast<tcflag_t>(~(CSIZE | PARENB))) | CS8;
    settings.c_cc[VMIN] = 1;
    settings.c_cc[VTIME] = 0;
    return settings;
}

} // namespace

Result<util::UniqueFd> reopen_terminal(int fd, int flags)
{
    flags |= O_CLOEXEC | O_NOCTTY | O_NONBLOCK;
    util::UniqueFd opened(open(cat("/proc/self/fd/", fd).c_str(), flags));
    char name[256];
    if (!opened && ttyname_r(fd, name, sizeof name) == 0)
        opened.reset(open(name, flags));
    if (!opened)
        return Error::system("Cannot open the terminal", errno);
    return opened;
}

Result<RawMode> RawMode::enter(int fd, TerminalKeys keys)
{
    termios settings{};
    if (tcgetattr(fd, &settings) != 0)
        return Error::system("Cannot read the terminal's settings", errno);
    RawMode mode(fd, settings, keys);
    guard_once();
    mode.enter_again();
    return mode;
}

void RawMode::enter_again()
{
    saved_settings = m_saved;
    raw_fd = m_fd;
    auto const settings = m_keys == TerminalKeys::for_editor
        ? editor_settings(m_saved)
        : byte_settings(m_saved, m_keys == TerminalKeys::with_signals);
    // TCSANOW: what was typed ahead is kept, and a terminal that is held up holds up nobody.
    tcsetattr(m_fd, TCSANOW, &settings);
}

void RawMode::leave()
{
    if (m_fd >= 0)
        restore_settings();
}

bool RawMode::in_foreground() const { return listens_to_us(m_fd); }

unsigned RawMode::columns() const
{
    winsize size{};
    return ioctl(m_fd, TIOCGWINSZ, &size) == 0 && size.ws_col > 0 ? size.ws_col : 80;
}

} // namespace minivisor::util
