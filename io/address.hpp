// SPDX-License-Identifier: GPL-3.0-or-later
// Where a stream comes from or goes to, as a value: tcp:, unix:, fd:, exec: and file: of migration
// URIs, and the socket addresses of monitors. Only text is looked at here; nothing is opened.
#pragma once

#include "qapi/schema/sockets.hpp"
#include "util/result.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>

namespace minivisor::io {

struct InetAddress {
    std::string host; ///< empty: any address; without the brackets of IPv6
    std::string port; ///< a number or a service name
    std::uint16_t last_port = 0; ///< listening: try up to this port (to=); 0 means just the one
    std::optional<bool> ipv4, ipv6;
};
struct UnixAddress {
    std::string path;
};
struct FdAddress {
    std::string name;
};
struct ExecAddress {
    std::string command; ///< for /bin/sh -c
};
struct FileAddress {
    std::string path;
    std::uint64_t offset = 0;
};

using Address = std::variant<InetAddress, UnixAddress, FdAddress, ExecAddress, FileAddress>;

/// HOST:PORT[,to=N][,ipv4[=on|off]][,ipv6[=on|off]], with QEMU's texts for what is malformed.
Result<InetAddress> parse_inet(std::string_view text);

/// A migration URI; nullopt when its scheme is none that is known (the two callers have their own
/// words for that).
Result<std::optional<Address>> parse_uri(std::string_view uri);

/// As query-migrate reports it.
qapi::SocketAddress to_wire(Address const& address);
/// "127.0.0.1:4444", "[::1]:4444", a path, a name: for messages.
std::string to_text(Address const& address);
/// The host that a certificate is checked against; empty where the address has none.
std::string host_of(Address const& address);

} // namespace minivisor::io
