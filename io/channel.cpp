// SPDX-License-Identifier: GPL-3.0-or-later
#include "io/channel.hpp"

#include "util/text.hpp"

#include <algorithm>
#include <array>
#include <cassert>
#include <cerrno>
#include <climits>
#include <csignal>
#include <ctime>
#include <vector>

#include <linux/sockios.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

namespace minivisor::io {

namespace {

// Writing to a pipe that nobody reads raises SIGPIPE, and pipes have no flag against it. The signal
// is blocked for the call and, if it came, taken out of the queue before it is unblocked.
class NoSigpipe {
public:
    NoSigpipe()
    {
        sigset_t pending;
        sigemptyset(&m_set);
        sigaddset(&m_set, SIGPIPE);
        sigpending(&pending);
        m_was_pending = sigismember(&pending, SIGPIPE) != 0;
        pthread_sigmask(SIG_BLOCK, &m_set, &m_old);
    }
    ~NoSigpipe()
    {
        if (!m_was_pending) {
            timespec const now{};
            auto const saved = errno;
            while (sigtimedwait(&m_set, nullptr, &now) < 0 && errno == EINTR) { }
            errno = saved;
        }
        pthread_sigmask(SIG_SETMASK, &m_old, nullptr);
    }
    NoSigpipe(NoSigpipe const&) = delete;
    NoSigpipe& operator=(NoSigpipe const&) = delete;

private:
    sigset_t m_set;
    sigset_t m_old;
    bool m_was_pending;
};

bool would_block(int errno_value) { return errno_value == EAGAIN || errno_value == EWOULDBLOCK; }

} // namespace

Result<std::size_t> Channel::read_pieces(std::span<iovec const> pieces)
{
    assert(!pieces.empty());
    return read({static_cast<std::byte*>(pieces[0].iov_base), pieces[0].iov_len});
}

FdChannel::Kind FdChannel::kind_of(int fd)
{
    struct stat status = {};
    return ::fstat(fd, &status) == 0 && S_ISSOCK(status.st_mode) ? Kind::socket : Kind::file;
}

FdChannel::FdChannel(util::UniqueFd read_fd, util::UniqueFd write_fd, util::UniqueFd cancel_fd, Kind kind, bool two_way)
    : m_read_fd(std::move(read_fd))
    , m_write_fd(std::move(write_fd))
    , m_cancel_fd(std::move(cancel_fd))
    , m_kind(kind)
    , m_two_way(two_way)
{
}

Result<std::unique_ptr<FdChannel>> FdChannel::create(util::UniqueFd fd, Kind kind)
{
    // The last words of a migration are small and awaited: they must not wait for an acknowledgement.
    // Sockets other than TCP refuse the option, and do not need it.
    int const one = 1;
    if (kind == Kind::socket)
        ::setsockopt(fd.get(), IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    auto channel = TRY(create(std::move(fd), {}, kind));
    channel->m_one_for_both = true;
    channel->m_two_way = kind == Kind::socket;
    return channel;
}

Result<std::unique_ptr<FdChannel>> FdChannel::create(util::UniqueFd read_fd, util::UniqueFd write_fd, Kind kind)
{
    if (read_fd)
        TRY(util::set_nonblocking(read_fd.get()));
    if (write_fd)
        TRY(util::set_nonblocking(write_fd.get()));
    util::UniqueFd cancel_fd(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
    if (!cancel_fd)
        return Error::system("Unable to create an event descriptor", errno);
    auto const two_way = read_fd && write_fd;
    return std::unique_ptr<FdChannel>(
        new FdChannel(std::move(read_fd), std::move(write_fd), std::move(cancel_fd), kind, two_way));
}

Error FdChannel::failure(std::string_view verb, int errno_value) const
{
    auto const* what = m_kind == Kind::socket ? "socket" : m_kind == Kind::file ? "file" : "command";
    return Error::system(cat("Unable to ", verb, " ", what), errno_value);
}

Result<void> FdChannel::wait(int fd, short events, std::string_view verb) const
{
    std::array<pollfd, 2> fds{{{fd, events, 0}, {m_cancel_fd.get(), POLLIN, 0}}};
    while (!cancelled()) {
        if (::poll(fds.data(), fds.size(), -1) < 0 && errno != EINTR)
            return failure(verb, errno);
        if (fds[0].revents != 0)
            return {};
    }
    return failure(verb, ECANCELED);
}

Result<std::size_t> FdChannel::read(std::span<std::byte> buffer)
{
    iovec const piece{buffer.data(), buffer.size()};
    return read_pieces({&piece, 1});
}

Result<std::size_t> FdChannel::read_pieces(std::span<iovec const> pieces)
{
    auto const count = static_cast<int>(std::min<std::size_t>(pieces.size(), IOV_MAX));
    while (true) {
        if (cancelled())
            return failure("read from", ECANCELED);
        auto const n = ::readv(m_read_fd.get(), pieces.data(), count);
        if (n >= 0)
            return static_cast<std::size_t>(n);
        if (would_block(errno))
            TRY(wait(m_read_fd.get(), POLLIN, "read from"));
        else if (errno != EINTR)
            return failure("read from", errno);
    }
}

Result<void> FdChannel::write(std::span<iovec const> pieces)
{
    std::vector<iovec> rest(pieces.begin(), pieces.end());
    std::size_t at = 0;
    if (m_write_closed)
        return failure("write to", EPIPE);
    while (at < rest.size()) {
        if (cancelled())
            return failure("write to", ECANCELED);
        auto const count = std::min<std::size_t>(rest.size() - at, IOV_MAX);
        ssize_t n = 0;
        if (m_kind == Kind::socket) {
            msghdr message{};
            message.msg_iov = &rest[at];
            message.msg_iovlen = count;
            n = ::sendmsg(write_fd(), &message, MSG_NOSIGNAL);
        } else {
            NoSigpipe guard;
            n = ::writev(write_fd(), &rest[at], static_cast<int>(count));
        }
        if (n < 0) {
            if (would_block(errno))
                TRY(wait(write_fd(), POLLOUT, "write to"));
            else if (errno != EINTR)
                return failure("write to", errno);
            continue;
        }
        m_bytes_written += static_cast<std::uint64_t>(n);
        auto taken = static_cast<std::size_t>(n);
        while (at < rest.size() && taken >= rest[at].iov_len)
            taken -= rest[at++].iov_len;
        if (at < rest.size()) {
            rest[at].iov_base = static_cast<std::byte*>(rest[at].iov_base) + taken;
            rest[at].iov_len -= taken;
        }
    }
    return {};
}

void FdChannel::close_write()
{
    m_write_closed = true;
    if (m_kind == Kind::socket && write_fd() >= 0)
        ::shutdown(write_fd(), SHUT_WR);
    m_write_fd.reset();
}

void FdChannel::cancel() noexcept
{
    m_cancelled.store(true, std::memory_order_release);
    // The value stays in the descriptor, so that whoever waits later is woken as well.
    std::uint64_t const one = 1;
    [[maybe_unused]] auto const written = ::write(m_cancel_fd.get(), &one, sizeof one);
}

std::uint64_t FdChannel::bytes_in_flight() const
{
    int pending = 0;
    if (m_kind != Kind::socket || write_fd() < 0 || ::ioctl(write_fd(), SIOCOUTQ, &pending) != 0 || pending < 0)
        return 0;
    return static_cast<std::uint64_t>(pending);
}

} // namespace minivisor::io
