// SPDX-License-Identifier: GPL-3.0-or-later
#include "util/fd.hpp"

#include "util/text.hpp"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>
#include <vector>

namespace minivisor::util {

void UniqueFd::reset(int fd)
{
    int const old = std::exchange(m_fd, fd);
    if (old >= 0 && old != fd)
        ::close(old);
}

Result<UniqueFd> UniqueFd::duplicate() const
{
    int const fd = ::fcntl(m_fd, F_DUPFD_CLOEXEC, 0);
    if (fd < 0)
        return Error::system("Failed to duplicate file descriptor", errno);
    return UniqueFd(fd);
}

Result<Pipe> make_pipe(int flags)
{
    int ends[2];
    if (::pipe2(ends, flags | O_CLOEXEC) != 0)
        return Error::system("Failed to create pipe", errno);
    return Pipe{UniqueFd(ends[0]), UniqueFd(ends[1])};
}

Result<void> set_nonblocking(int fd, bool on)
{
    int const flags = ::fcntl(fd, F_GETFL);
    if (flags < 0 || ::fcntl(fd, F_SETFL, on ? flags | O_NONBLOCK : flags & ~O_NONBLOCK) < 0)
        return Error::system("Failed to set the blocking mode of a file descriptor", errno);
    return {};
}

Result<std::optional<std::size_t>> send_with_fds(
    int socket, std::span<std::uint8_t const> bytes, std::span<int const> fds)
{
    if (fds.size() > max_passed_fds)
        return Error::generic(cat("Cannot pass more than ", max_passed_fds, " file descriptors at once"));
    if (!fds.empty() && bytes.empty())
        return Error::generic("File descriptors cannot be passed without data");

    iovec part{const_cast<std::uint8_t*>(bytes.data()), bytes.size()};
    alignas(cmsghdr) std::uint8_t control[CMSG_SPACE(sizeof(int) * max_passed_fds)] = {};
    msghdr message{};
    message.msg_iov = &part;
    message.msg_iovlen = 1;
    if (!fds.empty()) {
        message.msg_control = control;
        message.msg_controllen = CMSG_SPACE(fds.size_bytes());
        cmsghdr* const header = CMSG_FIRSTHDR(&message);
        header->cmsg_level = SOL_SOCKET;
        header->cmsg_type = SCM_RIGHTS;
        header->cmsg_len = CMSG_LEN(fds.size_bytes());
        std::memcpy(CMSG_DATA(header), fds.data(), fds.size_bytes());
    }
    for (;;) {
        auto const sent = ::sendmsg(socket, &message, MSG_NOSIGNAL);
        if (sent >= 0)
            return static_cast<std::size_t>(sent);
        if (errno == EAGAIN || errno == EWOULDBLOCK)
            return std::optional<std::size_t>();
        if (errno != EINTR)
            return Error::system("Unable to write to socket", errno);
    }
}

Result<std::optional<Received>> recv_with_fds(int socket, std::span<std::uint8_t> buffer)
{
    iovec part{buffer.data(), buffer.size()};
    alignas(cmsghdr) std::uint8_t control[CMSG_SPACE(sizeof(int) * max_passed_fds)];
    msghdr message{};
    message.msg_iov = &part;
    message.msg_iovlen = 1;
    message.msg_control = control;
    message.msg_controllen = sizeof control;
    ssize_t size = 0;
    while ((size = ::recvmsg(socket, &message, MSG_CMSG_CLOEXEC)) < 0) {
        if (errno == EAGAIN || errno == EWOULDBLOCK)
            return std::optional<Received>();
        if (errno != EINTR)
            return Error::system("Unable to read from socket", errno);
    }

    std::optional<Received> received(std::in_place);
    received->size = static_cast<std::size_t>(size);
    received->fds_dropped = (message.msg_flags & MSG_CTRUNC) != 0;
    for (cmsghdr* header = CMSG_FIRSTHDR(&message); header != nullptr; header = CMSG_NXTHDR(&message, header)) {
        if (header->cmsg_level != SOL_SOCKET || header->cmsg_type != SCM_RIGHTS)
            continue;
        std::size_t const count = (header->cmsg_len - CMSG_LEN(0)) / sizeof(int);
        for (std::size_t i = 0; i < count; ++i) {
            int fd = -1;
            std::memcpy(&fd, CMSG_DATA(header) + i * sizeof(int), sizeof(int));
            received->fds.emplace_back(fd);
        }
    }
    return received;
}

Result<void> write_all(int fd, std::string_view bytes)
{
    while (!bytes.empty()) {
        auto const written = ::write(fd, bytes.data(), bytes.size());
        if (written >= 0) {
            bytes.remove_prefix(static_cast<std::size_t>(written));
        } else if (errno == EAGAIN || errno == EWOULDBLOCK) {
            pollfd wait{fd, POLLOUT, 0};
            if (::poll(&wait, 1, -1) < 0 && errno != EINTR)
                return Error::system("Failed to wait for a file descriptor", errno);
        } else if (errno != EINTR) {
            return Error::system("Failed to write", errno);
        }
    }
    return {};
}

Result<std::string> read_file(std::string const& path, std::size_t max_bytes)
{
    if (path.find('\0') != std::string::npos)
        return Error::generic(cat("Failed to open file '", path.c_str(), "': the name holds a NUL byte"));
    // Non-blocking, so that opening a FIFO without a writer does not hang; it reads as empty.
    UniqueFd const file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY));
    if (!file)
        return Error::system(cat("Failed to open file '", path, "'"), errno);

    std::string text;
    struct stat status = {};
    // A large file goes into memory that it fits into, rather than into ever larger pieces of it.
    if (::fstat(file.get(), &status) == 0 && S_ISREG(status.st_mode) && status.st_size > 0)
        text.reserve(std::min(static_cast<std::size_t>(status.st_size), max_bytes));
    std::vector<char> buffer(text.capacity() < 65536 ? 16384 : 262144);
    for (;;) {
        // One byte more than is allowed shows that there is more.
        auto const wanted = std::min(buffer.size(), max_bytes - text.size() + 1);
        auto const size = ::read(file.get(), buffer.data(), wanted);
        if (size < 0 && errno == EINTR)
            continue;
        if (size < 0)
            return Error::system(cat("Failed to read from file '", path, "'"), errno);
        if (size == 0)
            return text;
        text.append(buffer.data(), static_cast<std::size_t>(size));
        if (text.size() > max_bytes)
            return Error::generic(cat("File '", path, "' is longer than ", max_bytes, " bytes"));
    }
}

} // namespace minivisor::util
