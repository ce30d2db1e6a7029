// SPDX-License-Identifier: GPL-3.0-or-later
#include "io/sockets.hpp"

#include "util/text.hpp"

#include <cerrno>
#include <cstring>
#include <memory>
#include <netdb.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

namespace minivisor::io {

namespace {

using AddrInfo = std::unique_ptr<addrinfo, decltype(&freeaddrinfo)>;

Error system_error(std::string_view what) { return Error::system(what, errno); }

Result<AddrInfo> look_up(InetAddress const& address, int flags)
{
    addrinfo hints{};
    hints.ai_socktype = SOCK_STREAM;
    hints.ai_flags = flags;
    if (address.ipv6 == false || (address.ipv4 == true && address.ipv6 != true))
        hints.ai_family = AF_INET;
    if (address.ipv4 == false || (address.ipv6 == true && address.ipv4 != true))
        hints.ai_family = AF_INET6;
    addrinfo* found = nullptr;
    auto const* host = address.host.empty() ? nullptr : address.host.c_str();
    if (int const failed = getaddrinfo(host, address.port.c_str(), &hints, &found))
        return Error::generic(
            cat("address resolution failed for ", to_text(Address(address)), ": ", gai_strerror(failed)));
    return AddrInfo(found, freeaddrinfo);
}

Result<sockaddr_un> unix_name(UnixAddress const& address)
{
    sockaddr_un name{};
    name.sun_family = AF_UNIX;
    if (address.path.size() >= sizeof name.sun_path)
        return Error::generic(cat("UNIX socket path '", address.path, "' is too long"))
            .with_hint(cat("Path must be less than ", sizeof name.sun_path, " bytes"));
    std::memcpy(name.sun_path, address.path.data(), address.path.size());
    return name;
}

Result<util::UniqueFd> new_socket(int family)
{
    util::UniqueFd fd(socket(family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    if (fd.get() < 0)
        return system_error("Failed to create socket");
    return fd;
}

void set_port(sockaddr* name, std::uint16_t port)
{
    if (name->sa_family == AF_INET)
        reinterpret_cast<sockaddr_in*>(name)->sin_port = htons(port);
    else
        reinterpret_cast<sockaddr_in6*>(name)->sin6_port = htons(port);
}

std::uint16_t get_port(sockaddr const* name)
{
    return ntohs(name->sa_family == AF_INET ? reinterpret_cast<sockaddr_in const*>(name)->sin_port
                                            : reinterpret_cast<sockaddr_in6 const*>(name)->sin6_port);
}

std::string inet_text(sockaddr const* name, socklen_t length)
{
    char host[NI_MAXHOST]{};
    char port[NI_MAXSERV]{};
    if (getnameinfo(name, length, host, sizeof host, port, sizeof port, NI_NUMERICHOST | NI_NUMERICSERV) != 0)
        return "unknown";
    return to_text(Address(InetAddress{host, port, 0, {}, {}}));
}

Result<util::UniqueFd> listen_inet(InetAddress& address)
{
    auto const list = TRY(look_up(address, AI_PASSIVE));
    int last_error = EADDRINUSE;
    for (auto* info = list.get(); info; info = info->ai_next) {
        auto const first = get_port(info->ai_addr);
        for (unsigned port = first; port <= std::max<unsigned>(first, address.last_port); ++port) {
            auto fd = new_socket(info->ai_family);
            if (!fd) {
                last_error = errno;
                break;
            }
            int const on = 1;
            setsockopt(fd->get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
            if (info->ai_family == AF_INET6) {
                // Where IPv4 is not ruled out, one socket serves both.
                int const only = address.ipv4 == false || (address.ipv6 == true && address.ipv4 != true) ? 1 : 0;
                setsockopt(fd->get(), IPPROTO_IPV6, IPV6_V6ONLY, &only, sizeof only);
            }
            set_port(info->ai_addr, static_cast<std::uint16_t>(port));
            if (bind(fd->get(), info->ai_addr, info->ai_addrlen) != 0 || listen(fd->get(), 128) != 0) {
                last_error = errno;
                if (last_error == EADDRINUSE)
                    continue;
                break;
            }
            sockaddr_storage bound{};
            socklen_t length = sizeof bound;
            getsockname(fd->get(), reinterpret_cast<sockaddr*>(&bound), &length);
            address.port = std::to_string(get_port(reinterpret_cast<sockaddr*>(&bound)));
            return fd;
        }
    }
    return Error::system("Failed to find an available port", last_error);
}

Result<util::UniqueFd> listen_unix(UnixAddress const& address)
{
    auto const name = TRY(unix_name(address));
    auto fd = TRY(new_socket(AF_UNIX));
    // A socket's file left behind by another process is replaced, as QEMU does; anything else stays.
    struct stat status { };
    if (lstat(address.path.c_str(), &status) == 0 && S_ISSOCK(status.st_mode))
        unlink(address.path.c_str());
    if (bind(fd.get(), reinterpret_cast<sockaddr const*>(&name), sizeof name) != 0)
        return system_error(cat("Failed to bind socket to ", address.path));
    if (listen(fd.get(), 128) != 0)
        return system_error(cat("Failed to listen on socket ", address.path));
    return fd;
}

/// What stands at the path of a UNIX address.
std::optional<std::pair<dev_t, ino_t>> file_of(Address const& address)
{
    auto const* const local = std::get_if<UnixAddress>(&address);
    struct stat status { };
    if (!local || lstat(local->path.c_str(), &status) != 0)
        return std::nullopt;
    return std::pair(status.st_dev, status.st_ino);
}

/// Waits for a connect that is on its way; the result is its errno.
int finish_connect(int fd, int cancel_fd)
{
    pollfd waits[2]{{fd, POLLOUT, 0}, {cancel_fd, POLLIN, 0}};
    while (poll(waits, cancel_fd < 0 ? 1 : 2, -1) < 0)
        if (errno != EINTR)
            return errno;
    if (waits[1].revents != 0)
        return ECANCELED;
    int failed = 0;
    socklen_t length = sizeof failed;
    getsockopt(fd, SOL_SOCKET, SO_ERROR, &failed, &length);
    return failed;
}

Result<util::UniqueFd> connect_to(sockaddr const* name, socklen_t length, std::string const& text, int cancel_fd)
{
    auto fd = TRY(new_socket(name->sa_family));
    int failed = connect(fd.get(), name, length) == 0 ? 0 : errno;
    // A UNIX socket whose queue is full says so at once rather than let us wait.
    while (failed == EAGAIN && name->sa_family == AF_UNIX) {
        pollfd cancel{cancel_fd, POLLIN, 0};
        failed = poll(&cancel, 1, 20) != 0 ? ECANCELED : connect(fd.get(), name, length) == 0 ? 0 : errno;
    }
    if (failed == EINPROGRESS)
        failed = finish_connect(fd.get(), cancel_fd);
    if (failed != 0)
        return Error::system(cat("Failed to connect to '", text, "'"), failed);
    if (name->sa_family != AF_UNIX) {
        int const on = 1;
        setsockopt(fd.get(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    }
    return fd;
}

} // namespace

ListeningSocket::ListeningSocket(util::UniqueFd fd, Address address, bool owns_file)
    : m_fd(std::move(fd))
    , m_address(std::move(address))
{
    if (owns_file)
        m_file = file_of(m_address);
}

Result<ListeningSocket> ListeningSocket::create(Address const& address)
{
    if (auto const* path = std::get_if<UnixAddress>(&address)) {
        auto fd = TRY(listen_unix(*path));
        return ListeningSocket(std::move(fd), address, true);
    }
    auto inet = std::get<InetAddress>(address);
    auto fd = TRY(listen_inet(inet));
    return ListeningSocket(std::move(fd), inet, true);
}

Result<ListeningSocket> ListeningSocket::adopt(util::UniqueFd fd)
{
    if (listen(fd.get(), 128) != 0)
        return system_error("Failed to listen on fd socket");
    TRY(util::set_nonblocking(fd.get()));
    auto address = local_address(fd.get());
    return ListeningSocket(std::move(fd), std::move(address), false);
}

ListeningSocket::~ListeningSocket()
{
    if (m_fd && m_file && m_file == file_of(m_address))
        unlink(std::get<UnixAddress>(m_address).path.c_str());
}

Result<util::UniqueFd> connect_socket(Address const& address, int cancel_fd)
{
    if (auto const* path = std::get_if<UnixAddress>(&address)) {
        auto const name = TRY(unix_name(*path));
        return connect_to(reinterpret_cast<sockaddr const*>(&name), sizeof name, path->path, cancel_fd);
    }
    auto const& inet = std::get<InetAddress>(address);
    auto const list = TRY(look_up(inet, 0));
    std::optional<Error> last;
    for (auto* info = list.get(); info; info = info->ai_next) {
        auto fd = connect_to(info->ai_addr, info->ai_addrlen, to_text(address), cancel_fd);
        if (fd)
            return fd;
        last = std::move(fd).error();
    }
    return last ? *std::move(last) : Error::generic(cat("no address for ", to_text(address)));
}

Address local_address(int socket)
{
    sockaddr_storage name{};
    socklen_t length = sizeof name;
    if (getsockname(socket, reinterpret_cast<sockaddr*>(&name), &length) != 0)
        return UnixAddress{};
    if (name.ss_family == AF_INET || name.ss_family == AF_INET6) {
        auto const address = parse_inet(inet_text(reinterpret_cast<sockaddr*>(&name), length));
        return address ? Address(*address) : Address(InetAddress());
    }
    auto const* path = reinterpret_cast<sockaddr_un*>(&name)->sun_path;
    auto const size = length > offsetof(sockaddr_un, sun_path) ? length - offsetof(sockaddr_un, sun_path) : 0;
    return UnixAddress{std::string(path, strnlen(path, size))};
}

std::string chardev_text(Address const& address, bool server)
{
    bool const is_unix = std::holds_alternative<UnixAddress>(address);
    return cat(is_unix ? "unix:" : "tcp:", to_text(address), server ? ",server=on" : "");
}

std::string chardev_text(Address const& address, bool server, int socket)
{
    if (std::holds_alternative<UnixAddress>(address)) // of a client the own address, which has no name as a rule
        return chardev_text(server ? address : local_address(socket), server);
    sockaddr_storage own{};
    sockaddr_storage peer{};
    socklen_t own_length = sizeof own;
    socklen_t peer_length = sizeof peer;
    if (getsockname(socket, reinterpret_cast<sockaddr*>(&own), &own_length) != 0
        || getpeername(socket, reinterpret_cast<sockaddr*>(&peer), &peer_length) != 0)
        return cat("disconnected:", chardev_text(address, server));
    return cat("tcp:", inet_text(reinterpret_cast<sockaddr*>(&own), own_length), server ? ",server=on" : "", " <-> ",
        inet_text(reinterpret_cast<sockaddr*>(&peer), peer_length));
}

std::string peer_text(int socket)
{
    sockaddr_storage name{};
    socklen_t length = sizeof name;
    if (getpeername(socket, reinterpret_cast<sockaddr*>(&name), &length) != 0)
        return "unknown";
    if (name.ss_family != AF_UNIX)
        return inet_text(reinterpret_cast<sockaddr*>(&name), length);
    ucred peer{};
    length = sizeof peer;
    if (getsockopt(socket, SOL_SOCKET, SO_PEERCRED, &peer, &length) != 0)
        return "unix socket";
    return cat("unix socket, pid ", peer.pid, " uid ", peer.uid);
}

} // namespace minivisor::io
