// SPDX-License-Identifier: GPL-3.0-or-later
// Twin of QEMU's qapi/sockets.json, as far as addresses are reported.
#pragma once

#include "qapi/describe.hpp"

namespace minivisor::qapi {

enum class SocketAddressType { inet, unix_, vsock, fd };
BOOST_DESCRIBE_ENUM(SocketAddressType, inet, unix_, vsock, fd)

/// A socket's address: host and port for inet, path for unix, str for fd.
struct SocketAddress {
    SocketAddressType type = SocketAddressType::inet;
    std::optional<std::string> host, port;
    std::optional<bool> ipv4, ipv6;
    std::optional<std::string> path, str;
};
BOOST_DESCRIBE_STRUCT(SocketAddress, (), (type, host, port, ipv4, ipv6, path, str))
constexpr auto docs(SocketAddress const*)
{
    return members({{"type", "the kind of socket"}, {"host", "inet: host name or address"}, {"port", "inet: port"},
        {"ipv4", "inet: IPv4 was asked for"}, {"ipv6", "inet: IPv6 was asked for"}, {"path", "unix: file name"},
        {"str", "fd: the descriptor's name"}});
}

} // namespace minivisor::qapi
