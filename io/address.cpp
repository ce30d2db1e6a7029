// SPDX-License-Identifier: GPL-3.0-or-later
#include "io/address.hpp"

#include "util/text.hpp"

namespace minivisor::io {

namespace {

/// Splits off HOST:PORT at the first comma; the texts are those of QEMU's inet_parse.
Result<std::string_view> parse_host_and_port(std::string_view text, InetAddress& address)
{
    auto const comma = text.find(',');
    auto const head = text.substr(0, comma);
    auto const rest = comma == text.npos ? std::string_view{} : text.substr(comma);
    if (head.starts_with('[')) {
        auto const bracket = head.find("]:");
        if (bracket == head.npos || bracket + 2 == head.size())
            return Error::generic(cat("error parsing IPv6 address '", text, "'"));
        address.host = head.substr(1, bracket - 1);
        address.port = head.substr(bracket + 2);
    } else {
        auto const colon = head.find(':');
        if (colon == head.npos || colon + 1 == head.size())
            return Error::generic(cat("error parsing address '", text, "'"));
        address.host = head.substr(0, colon);
        address.port = head.substr(colon + 1);
    }
    return rest;
}

Result<bool> parse_flag(std::string_view name, std::string_view value)
{
    if (value.empty() || value == "=on")
        return true;
    if (value == "=off")
        return false;
    return Error::generic(cat("error parsing '", name, "' flag '", value, "'"));
}

Result<void> check_port(std::string_view port)
{
    auto const number = util::parse_uint64(port);
    if (number && *number > 65535)
        return Error::generic(cat("port '", port, "' is above 65535"));
    return {};
}

Result<FileAddress> parse_file(std::string_view text)
{
    FileAddress address;
    constexpr std::string_view key = ",offset=";
    auto const at = text.rfind(key);
    address.path = text.substr(0, at);
    if (at != text.npos) {
        auto const offset = util::parse_size(text.substr(at + key.size()));
        if (!offset)
            return Error::generic(cat("file URI has bad offset ", text.substr(at + key.size())));
        address.offset = *offset;
    }
    return address;
}

} // namespace

Result<InetAddress> parse_inet(std::string_view text)
{
    InetAddress address;
    auto options = TRY(parse_host_and_port(text, address));
    TRY(check_port(address.port));
    while (!options.empty()) {
        options.remove_prefix(1); // the comma
        auto const option = options.substr(0, options.find(','));
        options.remove_prefix(option.size());
        auto const equals = option.find('=');
        auto const name = option.substr(0, equals);
        auto const value = equals == option.npos ? std::string_view{} : option.substr(equals);
        if (name == "to") {
            auto const last = util::parse_uint64(value.empty() ? value : value.substr(1));
            if (!last || *last > 65535)
                return Error::generic("error parsing to= argument");
            address.last_port = static_cast<std::uint16_t>(*last);
        } else if (name == "ipv4") {
            address.ipv4 = TRY(parse_flag(name, value));
        } else if (name == "ipv6") {
            address.ipv6 = TRY(parse_flag(name, value));
        } else {
            return Error::generic(cat("Invalid parameter '", name, "'"));
        }
    }
    return address;
}

Result<std::optional<Address>> parse_uri(std::string_view uri)
{
    auto const after = [uri](std::string_view scheme) { return uri.substr(scheme.size()); };
    if (uri.starts_with("tcp:"))
        return std::optional<Address>(TRY(parse_inet(after("tcp:"))));
    if (uri == "unix:")
        return Error::generic("invalid Unix socket address");
    if (uri.starts_with("unix:"))
        return std::optional<Address>(UnixAddress{std::string(after("unix:"))});
    if (uri.starts_with("fd:"))
        return std::optional<Address>(FdAddress{std::string(after("fd:"))});
    if (uri.starts_with("exec:"))
        return std::optional<Address>(ExecAddress{std::string(after("exec:"))});
    if (uri.starts_with("file:"))
        return std::optional<Address>(TRY(parse_file(after("file:"))));
    return std::optional<Address>();
}

namespace {

struct ToWire {
    qapi::SocketAddress operator()(InetAddress const& address) const
    {
        qapi::SocketAddress wire;
        wire.type = qapi::SocketAddressType::inet;
        wire.host = address.host;
        wire.port = address.port;
        wire.ipv4 = address.ipv4;
        wire.ipv6 = address.ipv6;
        return wire;
    }
    qapi::SocketAddress operator()(UnixAddress const& address) const
    {
        qapi::SocketAddress wire;
        wire.type = qapi::SocketAddressType::unix_;
        wire.path = address.path;
        return wire;
    }
    template <typename Other>
    qapi::SocketAddress operator()(Other const& address) const
    {
        qapi::SocketAddress wire;
        wire.type = qapi::SocketAddressType::fd;
        wire.str = to_text(Address(address));
        return wire;
    }
};

struct ToText {
    std::string operator()(InetAddress const& address) const
    {
        bool const bracket = address.host.find(':') != std::string::npos;
        return bracket ? cat("[", address.host, "]:", address.port) : cat(address.host, ":", address.port);
    }
    std::string operator()(UnixAddress const& address) const { return address.path; }
    std::string operator()(FdAddress const& address) const { return address.name; }
    std::string operator()(ExecAddress const& address) const { return address.command; }
    std::string operator()(FileAddress const& address) const { return address.path; }
};

} // namespace

qapi::SocketAddress to_wire(Address const& address) { return std::visit(ToWire{}, address); }

std::string to_text(Address const& address) { return std::visit(ToText{}, address); }

std::string host_of(Address const& address)
{
    auto const* inet = std::get_if<InetAddress>(&address);
    return inet ? inet->host : std::string();
}

} // namespace minivisor::io
