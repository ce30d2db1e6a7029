// SPDX-License-Identifier: GPL-3.0-or-later
#include "main/service.hpp"

#include "util/log.hpp"
#include "util/text.hpp"

#include <cerrno>
#include <cstddef>
#include <cstdlib>
#include <cstring>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

namespace minivisor::main {

namespace {

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
