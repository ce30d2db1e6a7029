// SPDX-License-Identifier: GPL-3.0-or-later
#include "io/journal.hpp"

#include "util/text.hpp"

#include <cerrno>
#include <cstring>

#include <sys/socket.h>
#include <sys/un.h>

namespace minivisor::io {

namespace {

/// The kernel grants less where its own limit is lower.
constexpr int largest_entry = 4 << 20;

/// Name, line end, length as 64 bits in little endian, value, line end: the form that takes any value.
std::string to_datagram(std::vector<JournalField> const& fields)
{
    std::string text;
    for (auto const& field : fields) {
        text += cat(field.name, '\n');
        for (unsigned shift = 0; shift < 64; shift += 8)
            text += static_cast<char>((field.value.size() >> shift) & 0xff);
        text += cat(field.value, '\n');
    }
    return text;
}

} // namespace

Result<Journal> Journal::open(std::string path)
{
    Journal journal;
    journal.m_path = std::move(path);
    TRY(journal.reopen());
    return journal;
}

Result<void> Journal::reopen()
{
    m_socket.reset();
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    if (m_path.empty() || m_path.front() != '/' || m_path.size() >= sizeof address.sun_path)
        return Error::generic("it is no absolute path of a UNIX socket");
    std::memcpy(address.sun_path, m_path.data(), m_path.size());
    util::UniqueFd fd(socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0));
    if (!fd || connect(fd.get(), reinterpret_cast<sockaddr const*>(&address), sizeof address) != 0)
        return Error::system("it cannot be reached", errno);
    setsockopt(fd.get(), SOL_SOCKET, SO_SNDBUF, &largest_entry, sizeof largest_entry);
    m_socket = std::move(fd);
    return {};
}

Result<void> Journal::send(std::vector<JournalField> const& fields)
{
    auto const datagram = to_datagram(fields);
    auto const try_once = [&] {
        ssize_t sent = 0;
        do {
            sent = ::send(m_socket.get(), datagram.data(), datagram.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
        } while (sent < 0 && errno == EINTR);
        return sent < 0 ? errno : 0;
    };
    auto failure = m_socket ? try_once() : ENOTCONN;
    if (failure == ENOTCONN || failure == ECONNREFUSED || failure == ECONNRESET) { // it was started anew
        TRY(reopen());
        failure = try_once();
    }
    return failure == 0 ? Result<void>() : Result<void>(Error::system("it takes nothing", failure));
}

} // namespace minivisor::io
