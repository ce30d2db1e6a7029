// SPDX-License-Identifier: GPL-3.0-or-later
#include "io/open_channel.hpp"

#include "util/text.hpp"

#include <cerrno>
#include <csignal>
#include <fcntl.h>
#include <spawn.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

namespace minivisor::io {

namespace {

Result<std::unique_ptr<Channel>> open_file(FileAddress const& address, int flags, util::UniqueFd fd)
{
    bool const was_open = static_cast<bool>(fd);
    if (!was_open)
        fd.reset(open(address.path.c_str(), flags | O_CLOEXEC, 0600));
    if (!fd)
        return Error::system(cat("Unable to open ", address.path), errno);
    // One that was handed over may stand anywhere; a pipe cannot be turned back.
    bool const seekable = lseek(fd.get(), 0, SEEK_CUR) >= 0;
    if ((address.offset != 0 || (was_open && seekable))
        && lseek(fd.get(), static_cast<off_t>(address.offset), SEEK_SET) < 0)
        return Error::system(cat("Unable to seek to offset ", address.offset, " in ", address.path), errno);
    auto channel = TRY(FdChannel::create(std::move(fd), FdChannel::Kind::file));
    return std::unique_ptr<Channel>(std::move(channel));
}

/// The channel of a child process in a process group of its own.
class CommandChannel final : public Channel {
public:
    CommandChannel(std::unique_ptr<Channel> inner, pid_t child, bool two_way)
        : m_inner(std::move(inner))
        , m_child(child)
        , m_two_way(two_way)
    {
    }
    ~CommandChannel() override
    {
        cancel();
        finish().ignore("whoever cares for the status has asked before");
    }

    Result<std::size_t> read(std::span<std::byte> buffer) override { return m_inner->read(buffer); }
    Result<std::size_t> read_pieces(std::span<iovec const> pieces) override { return m_inner->read_pieces(pieces); }
    Result<void> write(std::span<iovec const> pieces) override { return m_inner->write(pieces); }
    void close_write() override { m_inner->close_write(); }
    void cancel() noexcept override
    {
        m_inner->cancel();
        if (auto const child = m_child.load(); child > 0)
            kill(-child, SIGKILL);
    }
    bool cancelled() const noexcept override { return m_inner->cancelled(); }
    bool two_way() const override { return m_two_way; }
    bool refused() const override { return m_inner->refused(); }
    std::uint64_t bytes_written() const override { return m_inner->bytes_written(); }
    std::uint64_t bytes_in_flight() const override { return m_inner->bytes_in_flight(); }

    Result<void> finish() override
    {
        auto const child = m_child.load();
        if (child <= 0)
            return {};
        m_inner->close_write();
        int status = 0;
        while (waitpid(child, &status, 0) < 0)
            if (errno != EINTR)
                return Error::system("Unable to wait for the command", errno);
        m_child = 0;
        if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
            return {};
        return Error::generic(WIFEXITED(status) ? cat("The command ended with status ", WEXITSTATUS(status))
                                                : cat("The command was ended by signal ", WTERMSIG(status)));
    }

private:
    std::unique_ptr<Channel> m_inner;
    std::atomic<pid_t> m_child;
    bool m_two_way;
};

} // namespace

int flags_for_writing(FileAddress const& address) { return O_WRONLY | O_CREAT | (address.offset == 0 ? O_TRUNC : 0); }

Result<std::unique_ptr<Channel>> open_file_for_writing(FileAddress const& address, util::UniqueFd opened)
{
    return open_file(address, flags_for_writing(address), std::move(opened));
}

Result<std::unique_ptr<Channel>> open_file_for_reading(FileAddress const& address, util::UniqueFd opened)
{
    return open_file(address, O_RDONLY, std::move(opened));
}

std::unique_ptr<Channel> make_command_channel(std::unique_ptr<Channel> inner, pid_t child, bool two_way)
{
    return std::make_unique<CommandChannel>(std::move(inner), child, two_way);
}

void end_command(pid_t child)
{
    kill(-child, SIGKILL);
    while (waitpid(child, nullptr, 0) < 0 && errno == EINTR) { }
}

Result<RunningCommand> start_command(ExecAddress const& address)
{
    int ends[2];
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) != 0)
        return Error::system("Unable to make a socket pair", errno);
    RunningCommand running;
    running.socket = util::UniqueFd(ends[0]);
    util::UniqueFd const theirs(ends[1]);

    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, theirs.get(), STDIN_FILENO);
    posix_spawn_file_actions_adddup2(&actions, theirs.get(), STDOUT_FILENO);
    posix_spawnattr_t attributes;
    posix_spawnattr_init(&attributes);
    sigset_t defaults;
    sigemptyset(&defaults);
    sigaddset(&defaults, SIGPIPE);
    sigset_t none;
    sigemptyset(&none);
    posix_spawnattr_setsigdefault(&attributes, &defaults);
    posix_spawnattr_setsigmask(&attributes, &none);
    posix_spawnattr_setpgroup(&attributes, 0);
    posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETPGROUP);

    std::string shell = "sh";
    std::string option = "-c";
    std::string command = address.command;
    char* const argv[]{shell.data(), option.data(), command.data(), nullptr};
    int const failed = posix_spawn(&running.child, "/bin/sh", &actions, &attributes, argv, environ);
    posix_spawnattr_destroy(&attributes);
    posix_spawn_file_actions_destroy(&actions);
    if (failed != 0)
        return Error::system("Unable to run /bin/sh", failed);
    return running;
}

} // namespace minivisor::io
