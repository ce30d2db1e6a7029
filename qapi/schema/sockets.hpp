// SPDX-License-Identifier: GPL-3.0-or-later
// Twin of QEMU's qapi/sockets.json, as far as addresses are reported, and taken by character devices.
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

struct InetSocketAddress {
    std::string host;
    std::string port;
    std::optional<std::uint16_t> to;
    std::optional<bool> ipv4, ipv6;
};
BOOST_DESCRIBE_STRUCT(InetSocketAddress, (), (host, port, to, ipv4, ipv6))
constexpr auto docs(InetSocketAddress const*)
{
    return members({{"host", "host name or address"}, {"port", "a number or the name of a service"},
        {"to", "listening: last port to try"}, {"ipv4", "IPv4"}, {"ipv6", "IPv6"}});
}

struct UnixSocketAddress {
    std::string path;
};
BOOST_DESCRIBE_STRUCT(UnixSocketAddress, (), (path))
constexpr auto docs(UnixSocketAddress const*) { return members({{"path", "file name"}}); }

struct String {
    std::string str;
};
BOOST_DESCRIBE_STRUCT(String, (), (str))
constexpr auto docs(String const*)
{
    return members({{"str", "a descriptor that getfd has named; on the command line its number"}});
}

enum class SocketAddressLegacyKind { inet, unix_, fd };
BOOST_DESCRIBE_ENUM(SocketAddressLegacyKind, inet, unix_, fd)

/// A socket's address as character devices take it.
struct SocketAddressLegacy {
    SocketAddressLegacyKind type = SocketAddressLegacyKind::inet;
    std::variant<InetSocketAddress, UnixSocketAddress, String> data;
};
BOOST_DESCRIBE_STRUCT(SocketAddressLegacy, (), (type, data))
constexpr auto docs(SocketAddressLegacy const*)
{
    return members({{"type", "the kind of socket"}, {"data", "the address"}});
}

} // namespace minivisor::qapi
