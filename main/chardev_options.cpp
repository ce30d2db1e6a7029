// SPDX-License-Identifier: GPL-3.0-or-later
#include "main/chardev_options.hpp"

#include "qapi/codec.hpp"
#include "qapi/keyval.hpp"
#include "util/text.hpp"

namespace minivisor::main {

/// Members of a socket chardev that are understood.
struct SocketOptions {
    std::optional<std::string> path, host, port;
    std::optional<bool> server, wait, ipv4, ipv6;
    std::optional<std::uint16_t> to;
};
BOOST_DESCRIBE_STRUCT(SocketOptions, (), (path, host, port, server, wait, ipv4, ipv6, to))
constexpr auto docs(SocketOptions const*)
{
    return qapi::members({{"path", "file of a UNIX socket"}, {"host", "host name or address"}, {"port", "TCP port"},
        {"server", "listen rather than connect"}, {"wait", "listen: wait for the first client before going on"},
        {"ipv4", "IPv4"}, {"ipv6", "IPv6"}, {"to", "listen: last port to try"}});
}

namespace {

Result<Chardev> make_socket(qapi::Object const& text_options)
{
    auto const options = TRY(qapi::decode<SocketOptions>(text_options, qapi::Spelling::qemu_opts));
    Chardev chardev;
    chardev.kind = Chardev::Kind::socket;
    chardev.server = options.server.value_or(false);
    chardev.wait = options.wait.value_or(true);
    if (options.wait && !chardev.server)
        return Error::generic("'wait' option is incompatible with socket in client connect mode");
    if (options.path && (options.host || options.port || options.to || options.ipv4 || options.ipv6))
        return Error::generic("None or one of 'path', 'host' or 'fd' option required.");
    if (options.path) {
        chardev.address = io::UnixAddress{*options.path};
    } else if (options.port) {
        chardev.address = io::InetAddress{
            options.host.value_or(""), *options.port, options.to.value_or(0), options.ipv4, options.ipv6};
    } else if (options.host) {
        return Error::generic("chardev: socket: no port given");
    } else {
        return Error::generic("chardev: socket: no address given: path, or host and port");
    }
    return chardev;
}

/// The options by name; of those given twice the last counts.
qapi::Object parse_pairs(std::string_view text, std::string_view implied_key)
{
    qapi::Object object;
    for (auto const& item : qapi::parse_qemu_opts(text, implied_key).items)
        object[item.name] = item.value;
    return object;
}

Result<std::string> take(qapi::Object& object, std::string_view key, std::string_view otherwise)
{
    auto const found = object.find(key);
    if (found == object.end())
        return Error::generic(std::string(otherwise));
    auto text = qapi::str(found->value().as_string());
    object.erase(found);
    return text;
}

} // namespace

Result<Chardev> parse_chardev(std::string_view text)
{
    auto options = parse_pairs(text, "backend");
    auto const id = TRY(take(options, "id", "chardev: no id specified"));
    if (!util::is_identifier(id))
        return Error::generic("Parameter 'id' expects an identifier")
            .with_hint("Identifiers consist of letters, digits, '-', '.', '_', starting with a letter.");
    auto const backend = TRY(take(options, "backend", cat("chardev: \"", id, "\" missing backend")));
    Chardev chardev;
    if (backend == "socket")
        chardev = TRY(make_socket(options));
    else if (backend == "stdio" || backend == "null")
        chardev.kind = backend == "null" ? Chardev::Kind::null : Chardev::Kind::stdio;
    else
        return Error::generic(cat("'", backend, "' is not a valid char driver name"));
    if (chardev.kind != Chardev::Kind::socket && !options.empty())
        return Error::generic(cat("Invalid parameter '", std::string_view(options.begin()->key()), "'"));
    chardev.id = id;
    return chardev;
}

Result<Chardev> parse_short_chardev(std::string_view text)
{
    Chardev chardev;
    if (text == "stdio") {
        chardev.kind = Chardev::Kind::stdio;
        return chardev;
    }
    if (text == "none" || text == "null")
        return chardev;
    if (text.starts_with("unix:"))
        return make_socket(parse_pairs(text.substr(5), "path"));
    if (text.starts_with("tcp:")) {
        auto const rest = text.substr(4);
        auto const comma = rest.find(',');
        auto const where = io::parse_inet(rest.substr(0, comma));
        if (!where)
            return Error::generic(cat("parse error: ", text));
        qapi::Object options;
        if (comma != rest.npos)
            options = parse_pairs(rest.substr(comma + 1), {});
        options["host"] = where->host;
        options["port"] = where->port;
        return make_socket(options);
    }
    return Error::generic(cat("'", text, "' is not a valid char driver")).with_hint(cat("parse error: ", text));
}

} // namespace minivisor::main
