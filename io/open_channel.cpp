// SPDX-License-Identifier: GPL-3.0-or-later
#include "io/open_channel.hpp"

#include "util/text.hpp"

#include <cerrno>
#include <csignal>
#include <fcntl.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

namespace minivisor::io {

namespace {

Result<std::unique_ptr<Channel>> open_file(FileAddress const& address, int flags)
{
    util::UniqueFd fd(open(address.path.c_str(), flags | O_CLOEXEC, 0600));
    if (!fd)
        return Error::system(cat("Unable to open ", address.path), errno);
    if (address.offset != 0 && lseek(fd.get(), static_cast<off_t>(address.offset), SEEK_SET) < 0)
        return Error::system(cat("Unable to seek to offset ", address.offset, " in ", address.path), errno);
    auto channel = TRY(FdChannel::create(std::move(fd), FdChannel::Kind::file));
    return std::unique_ptr<Channel>(std::move(channel));
}

/// A pipe to or from a child process in a process group of its own.
class CommandChannel final : public Channel {
public:
    CommandChannel(std::unique_ptr<FdChannel> pipe, pid_t child)
        : m_pipe(std::move(pipe))
        , m_child(child)
    {
    }
    ~CommandChannel() override
    {
        cancel();
        finish().ignore("whoever cares for the status has asked before");
    }

    Result<std::size_t> read(std::span<std::byte> buffer) override { return m_pipe->read(buffer); }
    Result<std::size_t> read_pieces(std::span<iovec const> pieces) override { return m_pipe->read_pieces(pieces); }
    Result<void> write(std::span<iovec const> pieces) override { return m_pipe->write(pieces); }
    void close_write() override { m_pipe->close_write(); }
    void cancel() noexcept override
    {
        m_pipe->cancel();
        if (auto const child = m_child.load(); child > 0)
            kill(-child, SIGKILL);
    }
    bool cancelled() const noexcept override { return m_pipe->cancelled(); }
    bool two_way() const override { return false; }
    std::uint64_t bytes_written() const override { return m_pipe->bytes_written(); }

    Result<void> finish() override
    {
        auto const child = m_child.load();
        if (child <= 0)
            return {};
        m_pipe->close_write();
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
    std::unique_ptr<FdChannel> m_pipe;
    std::atomic<pid_t> m_child;
};

} // namespace

Result<std::unique_ptr<Channel>> open_file_for_writing(FileAddress const& address)
{
    return open_file(address, O_WRONLY | O_CREAT | (address.offset == 0 ? O_TRUNC : 0));
}

Result<std::unique_ptr<Channel>> open_file_for_reading(FileAddress const& address)
{
    return open_file(address, O_RDONLY);
}

Result<std::unique_ptr<Channel>> open_command(ExecAddress const& address, Direction direction)
{
    auto pipe = TRY(util::make_pipe());
    bool const reading = direction == Direction::read;
    auto& ours = reading ? pipe.read_end : pipe.write_end;
    auto& theirs = reading ? pipe.write_end : pipe.read_end;

    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, theirs.get(), reading ? STDOUT_FILENO : STDIN_FILENO);
    // The command must not have our console as its input, nor write to it.
    posix_spawn_file_actions_addopen(
        &actions, reading ? STDIN_FILENO : STDOUT_FILENO, "/dev/null", reading ? O_RDONLY : O_WRONLY, 0);
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
    char* const argv[] {shell.data(), option.data(), command.data(), nullptr};
    pid_t child = 0;
    int const failed = posix_spawn(&child, "/bin/sh", &actions, &attributes, argv, environ);
    posix_spawnattr_destroy(&attributes);
    posix_spawn_file_actions_destroy(&actions);
    if (failed != 0)
        return Error::system("Unable to run /bin/sh", failed);
    auto channel = reading ? FdChannel::create(std::move(ours), util::UniqueFd(), FdChannel::Kind::command)
                           : FdChannel::create(util::UniqueFd(), std::move(ours), FdChannel::Kind::command);
    if (!channel) {
        kill(-child, SIGKILL);
        waitpid(child, nullptr, 0);
        return std::move(channel).error();
    }
    return std::unique_ptr<Channel>(std::make_unique<CommandChannel>(*std::move(channel), child));
}

} // namespace minivisor::io
