// SPDX-License-Identifier: GPL-3.0-or-later
// Listening and connecting with plain system calls and QEMU's texts. Both may look up names and so
// may block: call them before the main loop runs, from a worker, or from a migration's own thread.
#pragma once

#include "io/address.hpp"
#include "util/fd.hpp"

#include <optional>
#include <sys/types.h>
#include <utility>

namespace minivisor::io {

/// A listening socket, non-blocking. A UNIX socket's file is removed with it.
class ListeningSocket {
public:
    static Result<ListeningSocket> create(Address const& address);
    /// Listens on a bound socket that somebody handed over; its file, if it has one, stays theirs.
    static Result<ListeningSocket> adopt(util::UniqueFd fd);
    ListeningSocket(ListeningSocket&&) = default;
    ~ListeningSocket();

    int fd() const { return m_fd.get(); }
    /// The address in use: with port 0 asked for, the port that was found.
    Address const& address() const { return m_address; }

private:
    ListeningSocket(util::UniqueFd fd, Address address, bool owns_file);

    util::UniqueFd m_fd;
    Address m_address;
    /// That of a UNIX socket, until another takes its place under the same name.
    std::optional<std::pair<dev_t, ino_t>> m_file;
};

/// Connects to a tcp or unix address. `cancel_fd` becoming readable ends the attempt (-1: never).
Result<util::UniqueFd> connect_socket(Address const& address, int cancel_fd = -1);

/// Where a socket of ours is bound: an inet or unix address.
Address local_address(int socket);

/// A chardev's name for a socket, as query-chardev has it: "unix:/x", "tcp:127.0.0.1:4444,server=on".
std::string chardev_text(Address const& address, bool server);
/// The same for one that is connected; of TCP with both ends: "tcp:127.0.0.1:4444,server=on <-> 127.0.0.1:50312".
std::string chardev_text(Address const& address, bool server, int socket);

/// Who is at the other end, for messages: "127.0.0.1:4711", "pid 12 uid 0 of a UNIX socket".
std::string peer_text(int socket);

} // namespace minivisor::io
