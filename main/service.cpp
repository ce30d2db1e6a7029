// SPDX-License-Identifier: GPL-3.0-or-later
#include "main/service.hpp"

#include "util/log.hpp"
#include "util/text.hpp"

#include <cerrno>
#include <cstddef>
#include <cstdlib>
#include <cstring>
#include <fcntl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

namespace minivisor::main {

namespace {

constexpr int first_descriptor = 3;
constexpr std::uint64_t most_descriptors = 1024;

/// The variable's value, which is gone from the environment afterwards.
std::optional<std::string> take_variable(char const* name)
{
    auto const* value = std::getenv(name);
    if (!value)
        return std::nullopt;
    std::string text = value;
    unsetenv(name);
    return text;
}

} // namespace

Result<HandedSockets> HandedSockets::take()
{
    HandedSockets handed;
    auto const pid = take_variable("LISTEN_PID");
    auto const count = take_variable("LISTEN_FDS");
    auto const names = take_variable("LISTEN_FDNAMES");
    if (!pid || !count || util::parse_uint64(*pid) != static_cast<std::uint64_t>(getpid()))
        return handed;
    auto const number = util::parse_uint64(*count);
    if (!number || *number > most_descriptors)
        return Error::generic(cat("LISTEN_FDS is '", *count, "', which is no number of sockets"));
    std::vector<std::string_view> words;
    if (names && !names->empty())
        words = util::split(*names, ':');
    if (!words.empty() && words.size() != *number)
        return Error::generic(cat("LISTEN_FDNAMES has ", words.size(), " names for ", *number, " sockets"));
    for (std::size_t i = 0; i < *number; ++i) {
        int const fd = first_descriptor + static_cast<int>(i);
        int const flags = fcntl(fd, F_GETFD);
        if (flags < 0 || fcntl(fd, F_SETFD, flags | FD_CLOEXEC) < 0)
            return Error::system(cat("descriptor ", fd, " of LISTEN_FDS cannot be used"), errno);
        handed.m_sockets.push_back({fd, words.empty() ? "unknown" : std::string(words[i])});
    }
    return handed;
}

Result<std::string> HandedSockets::resolve(std::string const& text)
{
    auto const number = util::parse_uint64(text);
    Socket* found = nullptr;
    for (auto& socket : m_sockets) {
        if (number ? *number != static_cast<std::uint64_t>(socket.fd) : socket.name != text)
            continue;
        if (found)
            return Error::generic(cat("Several sockets were handed over under the name '", text, "'"));
        found = &socket;
    }
    if (found)
        found->used = true;
    else if (!number && !m_sockets.empty())
        return Error::generic(cat("No socket was handed over under the name '", text, "'"));
    return found ? std::to_string(found->fd) : text;
}

std::vector<std::string> HandedSockets::unused() const
{
    std::vector<std::string> names;
    for (auto const& socket : m_sockets)
        if (!socket.used)
            names.push_back(cat("'", util::printable(socket.name), "' (", socket.fd, ")"));
    return names;
}

Result<Notifier> Notifier::open()
{
    Notifier notifier;
    auto const path = take_variable("NOTIFY_SOCKET");
    if (!path || path->empty())
        return notifier;
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    if ((path->front() != '/' && path->front() != '@') || path->size() >= sizeof address.sun_path)
        return Error::generic(cat("NOTIFY_SOCKET is '", *path, "', which is no address of a UNIX socket"));
    std::memcpy(address.sun_path, path->data(), path->size());
    auto length = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + path->size());
    if (path->front() == '@')
        address.sun_path[0] = '\0'; // the abstract namespace: the length says where the name ends
    else
        ++length;
    notifier.m_socket = util::UniqueFd(socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0));
    if (!notifier.m_socket
        || connect(notifier.m_socket.get(), reinterpret_cast<sockaddr const*>(&address), length) != 0)
        return Error::system(cat("cannot reach NOTIFY_SOCKET '", *path, "'"), errno);
    return notifier;
}

void Notifier::ready() { send(cat("READY=1\nMAINPID=", getpid(), "\nSTATUS=The monitors answer\n")); }

void Notifier::stopping() { send("STOPPING=1\n"); }

void Notifier::send(std::string_view state)
{
    if (!m_socket)
        return;
    ssize_t sent = 0;
    do {
        sent = ::send(m_socket.get(), state.data(), state.size(), MSG_NOSIGNAL);
    } while (sent < 0 && errno == EINTR);
    if (sent < 0)
        log::warn(Error::system("cannot tell the service manager how things stand", errno).desc());
}

} // namespace minivisor::main
