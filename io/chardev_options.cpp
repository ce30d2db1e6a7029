// SPDX-License-Identifier: GPL-3.0-or-later
#include "io/chardev_options.hpp"

#include "io/address.hpp"
#include "qapi/codec.hpp"
#include "qapi/keyval.hpp"
#include "util/identifier.hpp"
#include "util/size.hpp"
#include "util/text.hpp"

namespace minivisor::io {

using qapi::ChardevBackend;
using qapi::ChardevBackendKind;

/// Members of a socket chardev that are understood.
struct SocketOptions {
    std::optional<std::string> path, host, port, fd, tls_creds, tls_authz;
    std::optional<bool> server, wait, ipv4, ipv6, nodelay, delay, telnet;
    std::optional<std::uint16_t> to;
    std::optional<std::int64_t> reconnect;
};
BOOST_DESCRIBE_STRUCT(SocketOptions, (),
    (path, host, port, fd, tls_creds, tls_authz, server, wait, ipv4, ipv6, nodelay, delay, telnet, to, reconnect))
constexpr auto docs(SocketOptions const*)
{
    return qapi::members({{"path", "file of a UNIX socket"}, {"host", "host name or address"}, {"port", "TCP port"},
        {"fd", "a socket that was handed over"}, {"tls-creds", "id of TLS credentials"},
        {"tls-authz", "id of the object that says which clients may come in"}, {"server", "listen rather than connect"},
        {"wait", "listen: wait for the first client before going on"}, {"ipv4", "IPv4"}, {"ipv6", "IPv6"},
        {"nodelay", "TCP_NODELAY"}, {"delay", "the opposite"}, {"telnet", "must be off"},
        {"to", "listen: last port to try"}, {"reconnect", "connect: try again after so many seconds"}});
}

struct FileOptions {
    std::optional<std::string> path, input_path;
    std::optional<bool> append;
};
BOOST_DESCRIBE_STRUCT(FileOptions, (), (path, input_path, append))
constexpr auto docs(FileOptions const*)
{
    return qapi::members(
        {{"path", "file to write to"}, {"input-path", "file to read from"}, {"append", "keep what is in it"}});
}

struct MuxOption {
    std::optional<bool> mux;
};
BOOST_DESCRIBE_STRUCT(MuxOption, (), (mux))
constexpr auto docs(MuxOption const*) { return qapi::members({{"mux", "several users share the device"}}); }

struct MuxOptions {
    std::optional<std::string> chardev;
};
BOOST_DESCRIBE_STRUCT(MuxOptions, (), (chardev))
constexpr auto docs(MuxOptions const*) { return qapi::members({{"chardev", "the device that is shared"}}); }

struct StdioOptions {
    std::optional<bool> signal;
};
BOOST_DESCRIBE_STRUCT(StdioOptions, (), (signal))
constexpr auto docs(StdioOptions const*) { return qapi::members({{"signal", "keys such as Ctrl-C send signals"}}); }

struct RingbufOptions {
    std::optional<qapi::Size> size;
};
BOOST_DESCRIBE_STRUCT(RingbufOptions, (), (size))
constexpr auto docs(RingbufOptions const*) { return qapi::members({{"size", "bytes that it holds"}}); }

namespace {

Result<qapi::ChardevSocket> make_socket(qapi::Object const& text_options)
{
    for (auto const* key : {"reconnect", "to"})
        if (auto const* text = text_options.if_contains(key))
            if (auto const word = qapi::view(text->as_string()); !util::parse_int64(word) && !util::parse_uint64(word))
                return Error::generic(cat("Parameter '", key, "' expects a number"));
    auto const options = TRY(qapi::decode<SocketOptions>(text_options, qapi::Spelling::qemu_opts));
    qapi::ChardevSocket socket;
    if ((options.path ? 1 : 0) + (options.fd ? 1 : 0) + (options.host ? 1 : 0) > 1)
        return Error::generic("None or one of 'path', 'fd' or 'host' option required.");
    if (options.path) {
        socket.addr.type = qapi::SocketAddressLegacyKind::unix_;
        socket.addr.data = qapi::UnixSocketAddress{*options.path};
    } else if (options.host || options.port) {
        if (!options.port)
            return Error::generic("chardev: socket: no port given");
        socket.addr.data
            = qapi::InetSocketAddress{options.host.value_or(""), *options.port, options.to, options.ipv4, options.ipv6};
    } else if (options.fd) {
        socket.addr.type = qapi::SocketAddressLegacyKind::fd;
        socket.addr.data = qapi::String{*options.fd};
    } else {
        return Error::generic("chardev: socket: no address given: path, fd, or host and port");
    }
    socket.server = options.server.value_or(false);
    socket.wait = options.wait;
    if (*socket.server && !options.wait)
        socket.wait = true;
    socket.nodelay = options.nodelay;
    if (options.delay)
        socket.nodelay = !*options.delay;
    socket.telnet = options.telnet;
    socket.reconnect = options.reconnect;
    socket.tls_creds = options.tls_creds;
    socket.tls_authz = options.tls_authz;
    return socket;
}

Result<qapi::ChardevFile> make_file(qapi::Object const& text_options)
{
    auto const options = TRY(qapi::decode<FileOptions>(text_options, qapi::Spelling::qemu_opts));
    if (!options.path)
        return Error::generic("chardev: file: no filename given");
    return qapi::ChardevFile{options.input_path, *options.path, options.append};
}

Result<qapi::ChardevRingbuf> make_ringbuf(qapi::Object const& text_options)
{
    if (auto const* size = text_options.if_contains("size"))
        TRY(util::read_size("size", qapi::view(size->as_string())));
    auto const size = TRY(qapi::decode<RingbufOptions>(text_options, qapi::Spelling::qemu_opts)).size;
    qapi::ChardevRingbuf ringbuf;
    if (size)
        ringbuf.size = static_cast<std::int64_t>(size->bytes); // what does not fit is no power of two either
    return ringbuf;
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

Result<ChardevBackend> make_backend(std::string const& name, qapi::Object const& options)
{
    auto const& names = qapi::type_of<ChardevBackendKind>().values;
    auto const kind = std::find(names.begin(), names.end(), name);
    if (kind == names.end())
        return Error::generic(cat("'", name, "' is not a valid char driver name"));
    ChardevBackend backend;
    backend.type = static_cast<ChardevBackendKind>(kind - names.begin());
    switch (backend.type) {
    case ChardevBackendKind::socket: backend.data = TRY(make_socket(options)); return backend;
    case ChardevBackendKind::file: backend.data.emplace<0>(TRY(make_file(options))); return backend;
    case ChardevBackendKind::ringbuf: backend.data.emplace<5>(TRY(make_ringbuf(options))); return backend;
    case ChardevBackendKind::memory: backend.data.emplace<6>(TRY(make_ringbuf(options))); return backend;
    case ChardevBackendKind::null: backend.data.emplace<1>(); break;
    case ChardevBackendKind::pty: backend.data.emplace<2>(); break;
    case ChardevBackendKind::stdio: {
        auto const stdio = TRY(qapi::decode<StdioOptions>(options, qapi::Spelling::qemu_opts));
        backend.data = qapi::ChardevStdio{stdio.signal};
        return backend;
    }
    case ChardevBackendKind::mux: {
        auto const mux = TRY(qapi::decode<MuxOptions>(options, qapi::Spelling::qemu_opts));
        if (!mux.chardev)
            return Error::generic("chardev: mux: no chardev given");
        backend.data = qapi::ChardevMux{*mux.chardev};
        return backend;
    }
    }
    TRY(qapi::decode<qapi::Empty>(options, qapi::Spelling::qemu_opts));
    return backend;
}

/// The device, or it under the name of a base and the multiplexer over it.
std::vector<qapi::ChardevAddArguments> devices(std::string const& id, ChardevBackend backend, bool shared)
{
    std::vector<qapi::ChardevAddArguments> made;
    if (shared) {
        auto const base = cat(id, "-base");
        made.push_back({base, std::move(backend)});
        backend = {ChardevBackendKind::mux, qapi::ChardevMux{base}};
    }
    made.push_back({id, std::move(backend)});
    return made;
}

} // namespace

Result<std::vector<qapi::ChardevAddArguments>> parse_chardev(std::string_view text)
{
    auto options = parse_pairs(text, "backend");
    auto const id = TRY(take(options, "id", "chardev: no id specified"));
    TRY(util::check_id(id));
    auto const backend = TRY(take(options, "backend", cat("chardev: \"", id, "\" missing backend")));
    qapi::Object mux_option;
    if (auto const mux = options.find("mux"); mux != options.end()) {
        mux_option["mux"] = mux->value();
        options.erase(mux);
    }
    bool const shared = TRY(qapi::decode<MuxOption>(mux_option, qapi::Spelling::qemu_opts)).mux.value_or(false);
    return devices(id, TRY(make_backend(backend, options)), shared);
}

Result<ChardevBackend> parse_chardev_backend(std::string_view text, std::string const& id)
{
    auto options = parse_pairs(text, "backend");
    auto const backend = TRY(take(options, "backend", cat("chardev: \"", id, "\" missing backend")));
    return make_backend(backend, options);
}

Result<std::vector<qapi::ChardevAddArguments>> parse_short_chardev(std::string_view text, std::string const& id)
{
    bool const shared = is_shared_with_monitor(text);
    auto backend = TRY(parse_short_chardev(shared ? text.substr(4) : text));
    if (auto* const stdio = std::get_if<qapi::ChardevStdio>(&backend.data); stdio && shared)
        stdio->signal = false; // Ctrl-C is for the guest
    return devices(id, std::move(backend), shared);
}

Result<ChardevBackend> parse_short_chardev(std::string_view text)
{
    for (auto const* word : {"stdio", "null", "pty"})
        if (text == word)
            return make_backend(std::string(text), {});
    if (text.starts_with("file:"))
        return make_backend("file", {{"path", text.substr(5)}});
    if (text.starts_with("unix:"))
        return make_backend("socket", parse_pairs(text.substr(5), "path"));
    if (text.starts_with("tcp:")) {
        auto const rest = text.substr(4);
        auto const comma = rest.find(',');
        auto const where = parse_inet(rest.substr(0, comma));
        if (!where)
            return Error::generic(cat("parse error: ", text));
        qapi::Object options;
        if (comma != rest.npos)
            options = parse_pairs(rest.substr(comma + 1), {});
        options["host"] = where->host;
        options["port"] = where->port;
        return make_backend("socket", options);
    }
    return Error::generic(cat("'", text, "' is not a valid char driver"));
}

std::string chardev_help()
{
    std::string text = "Available chardev backend types: \n";
    for (auto const& name : qapi::type_of<ChardevBackendKind>().values)
        text += cat("  ", name, "\n");
    return text;
}

} // namespace minivisor::io
