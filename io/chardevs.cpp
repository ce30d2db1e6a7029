// SPDX-License-Identifier: GPL-3.0-or-later
#include "io/chardevs.hpp"

#include "crypto/tls_creds.hpp"
#include "io/local_chardev.hpp"
#include "io/mux_chardev.hpp"
#include "io/pty_chardev.hpp"
#include "io/socket_chardev.hpp"
#include "util/fd_sets.hpp"
#include "util/log.hpp"
#include "util/text.hpp"

#include <algorithm>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

namespace minivisor::io {

using qapi::ChardevBackendKind;
using qapi::SocketAddressLegacyKind;

namespace {

Address to_address(qapi::SocketAddressLegacy const& legacy)
{
    if (legacy.type == SocketAddressLegacyKind::unix_)
        return UnixAddress{std::get<qapi::UnixSocketAddress>(legacy.data).path};
    auto const& inet = std::get<qapi::InetSocketAddress>(legacy.data);
    return InetAddress{inet.host, inet.port, inet.to.value_or(0), inet.ipv4, inet.ipv6};
}

/// A socket that was handed over: by the name that getfd gave it, on the command line by its number.
Result<util::UniqueFd> take_socket(std::string const& name, util::FdTable* descriptors)
{
    auto const is_socket = [](int fd) {
        struct stat status { };
        return fstat(fd, &status) == 0 && S_ISSOCK(status.st_mode);
    };
    auto const no_socket = Error::generic(cat("File descriptor '", name, "' is not a socket"));
    if (descriptors) {
        auto fd = TRY(descriptors->take(name));
        if (!is_socket(fd.get()))
            return no_socket;
        return fd;
    }
    auto const number = util::parse_uint64(name);
    if (!number || *number > INT_MAX)
        return Error::generic(cat("Unable to parse FD number ", name));
    auto const fd = static_cast<int>(*number);
    if (!is_socket(fd))
        return no_socket; // and not ours to close
    fcntl(fd, F_SETFD, FD_CLOEXEC);
    return util::UniqueFd(fd);
}

qapi::ChardevReturn told_of(Chardev const& device)
{
    qapi::ChardevReturn told;
    if (auto const* pty = dynamic_cast<PtyChardev const*>(&device))
        told.pty = pty->path();
    return told;
}

/// What is wrong with a socket's options, in QEMU's order and words.
Result<void> check_options(qapi::ChardevSocket const& socket)
{
    bool const server = socket.server.value_or(true);
    if (socket.telnet.value_or(false))
        return Error::generic("'telnet' is not supported");
    if (!socket.nodelay.value_or(true) && socket.addr.type != SocketAddressLegacyKind::unix_)
        return Error::generic("'nodelay' cannot be off: a monitor's answers do not wait for an acknowledgement");
    if (server && socket.reconnect)
        return Error::generic("'reconnect' option is incompatible with socket in server listen mode");
    if (!server && socket.wait)
        return Error::generic("'wait' option is incompatible with socket in client connect mode");
    if (socket.addr.type == SocketAddressLegacyKind::fd && socket.reconnect.value_or(0) > 0)
        return Error::generic("'reconnect' option is incompatible with 'fd' address type");
    if (socket.tls_creds && socket.addr.type == SocketAddressLegacyKind::unix_)
        return Error::generic("'tls_creds' option is incompatible with 'unix' address type");
    if (socket.tls_authz && !socket.tls_creds)
        return Error::generic("'tls_authz' option requires 'tls_creds' option");
    if (socket.tls_creds && socket.addr.type == SocketAddressLegacyKind::fd && !server)
        return Error::generic("'tls_creds' option is not supported with an 'fd' that is connected");
    if (socket.tls_authz && !server)
        return Error::generic("'tls_authz' option is incompatible with socket in client connect mode");
    constexpr std::int64_t longest = 24 * 60 * 60;
    if (socket.reconnect && (*socket.reconnect < 0 || *socket.reconnect > longest))
        return Error::generic(cat("'reconnect' must be between 0 and ", longest, " seconds"));
    return {};
}

} // namespace

Chardevs::Chardevs(boost::asio::io_context& io, qom::Tree& tree, Doorman& doorman, qapi::EventBus& events, Yank& yank)
    : m_io(io)
    , m_tree(tree)
    , m_doorman(doorman)
    , m_events(events)
    , m_yank(yank)
    , m_escape(MuxKeys::default_escape)
    , m_tasks(io.get_executor())
{
}

Chardevs::~Chardevs() = default;

Chardev* Chardevs::find(std::string_view label)
{
    for (auto const& device : m_devices)
        if (device->label() == label)
            return device.get();
    return nullptr;
}

Result<void> Chardevs::add_now(qapi::ChardevAddArguments const& arguments)
{
    if (find(arguments.id))
        return Error::generic(cat("Duplicate ID '", arguments.id, "' for chardev"));
    auto device = TRY(make(arguments.id, arguments.backend, nullptr));
    TRY(device->settle_now());
    insert(std::move(device));
    return {};
}

/// A device on its way into the list: what does not get there is closed in order.
struct Chardevs::Unfinished {
    Unfinished(Chardevs& chardevs, std::unique_ptr<Chardev> made)
        : owner(chardevs)
        , device(std::move(made))
    {
    }
    ~Unfinished()
    {
        if (device)
            owner.retire(std::move(device));
    }
    Chardevs& owner;
    std::unique_ptr<Chardev> device;
};

boost::asio::awaitable<Result<qapi::ChardevReturn>> Chardevs::add(
    qapi::ChardevAddArguments arguments, util::FdTable* descriptors)
{
    auto const exists = [&] { return Error::generic(cat("Chardev with id '", arguments.id, "' already exists")); };
    if (find(arguments.id))
        co_return exists();
    util::FdTable none;
    CO_TRY(auto made, make(arguments.id, arguments.backend, descriptors ? descriptors : &none));
    Unfinished unfinished(*this, std::move(made)); // this coroutine may end early
    auto settling = unfinished.device->settle();
    CO_CHECK(co_await std::move(settling));
    if (find(arguments.id)) // meanwhile
        co_return exists();
    auto const result = told_of(*unfinished.device);
    insert(std::move(unfinished.device));
    co_return result;
}

Result<Chardev*> Chardevs::find_changeable(qapi::ChardevAddArguments const& arguments)
{
    auto* const device = find(arguments.id);
    if (!device)
        return Error::generic(cat("Chardev '", arguments.id, "' does not exist"));
    TRY(device->check_change());
    auto const kind = arguments.backend.type;
    if (kind == ChardevBackendKind::mux && std::get<qapi::ChardevMux>(arguments.backend.data).chardev == arguments.id)
        return Error::generic(cat("mux: base chardev ", arguments.id, " not found"));
    if (device->used() && (kind == ChardevBackendKind::ringbuf || kind == ChardevBackendKind::memory))
        return Error::generic(cat("Chardev '", arguments.id, "' would be a ringbuf, which cannot be talked over"));
    return device;
}

boost::asio::awaitable<Result<qapi::ChardevReturn>> Chardevs::change(
    qapi::ChardevAddArguments arguments, util::FdTable* descriptors)
{
    CO_CHECK(find_changeable(arguments));
    util::FdTable none;
    CO_TRY(auto made, make(arguments.id, arguments.backend, descriptors ? descriptors : &none));
    Unfinished unfinished(*this, std::move(made));
    auto settling = unfinished.device->settle();
    CO_CHECK(co_await std::move(settling));
    CO_TRY(auto* const old, find_changeable(arguments)); // it may be gone meanwhile
    auto& fresh = *unfinished.device;
    fresh.enter(m_yank);
    fresh.start();
    CO_CHECK(old->give_way_to(fresh));
    auto const at = std::find_if(m_devices.begin(), m_devices.end(), [&](auto const& d) { return d.get() == old; });
    at->swap(unfinished.device);
    co_return told_of(fresh);
}

void Chardevs::insert(std::unique_ptr<Chardev> device)
{
    m_devices.push_back(std::move(device));
    m_devices.back()->enter(m_yank);
    m_devices.back()->start();
}

Result<void> Chardevs::remove(std::string const& label)
{
    auto const at
        = std::find_if(m_devices.begin(), m_devices.end(), [&](auto const& d) { return d->label() == label; });
    if (at == m_devices.end())
        return Error::generic(cat("Chardev '", label, "' not found"));
    if ((*at)->used())
        return Error::generic(cat("Chardev '", label, "' is busy"));
    auto device = std::move(*at);
    m_devices.erase(at);
    auto const* const mux = dynamic_cast<MuxChardev const*>(device.get());
    auto* const base = mux ? &mux->base() : nullptr;
    retire(std::move(device));
    if (base) // it has no other user
        retire(take(*base));
    return {};
}

void Chardevs::discard(std::string const& label)
{
    if (auto* const device = find(label))
        retire(take(*device));
}

std::unique_ptr<Chardev> Chardevs::take(Chardev& device)
{
    auto const at = std::find_if(m_devices.begin(), m_devices.end(), [&](auto const& d) { return d.get() == &device; });
    auto taken = std::move(*at);
    m_devices.erase(at);
    return taken;
}

void Chardevs::retire(std::unique_ptr<Chardev> device)
{
    if (device.get() == m_stdio)
        m_stdio = nullptr;
    device->close();
    auto const leaving = m_leaving.insert(m_leaving.end(), std::move(device));
    m_tasks.spawn([this, leaving]() -> boost::asio::awaitable<void> {
        co_await (*leaving)->join();
        m_leaving.erase(leaving);
    });
}

void Chardevs::close()
{
    while (!m_devices.empty()) {
        auto device = std::move(m_devices.front());
        m_devices.pop_front();
        retire(std::move(device));
    }
}

Result<std::unique_ptr<Chardev>> Chardevs::make(
    std::string const& label, qapi::ChardevBackend const& backend, util::FdTable* descriptors)
{
    switch (backend.type) {
    case ChardevBackendKind::null: return std::unique_ptr<Chardev>(std::make_unique<NullChardev>(label));
    case ChardevBackendKind::file: return make_file(label, std::get<qapi::ChardevFile>(backend.data));
    case ChardevBackendKind::stdio: return make_stdio(label, std::get<qapi::ChardevStdio>(backend.data));
    case ChardevBackendKind::socket:
        return make_socket(label, std::get<qapi::ChardevSocket>(backend.data), descriptors);
    case ChardevBackendKind::pty: return std::unique_ptr<Chardev>(TRY(PtyChardev::create(m_io, label)));
    case ChardevBackendKind::mux: return make_mux(label, std::get<qapi::ChardevMux>(backend.data));
    case ChardevBackendKind::ringbuf:
    case ChardevBackendKind::memory: break;
    }
    auto const& ringbuf
        = backend.type == ChardevBackendKind::memory ? std::get<6>(backend.data) : std::get<5>(backend.data);
    return std::unique_ptr<Chardev>(
        TRY(RingbufChardev::create(label, ringbuf.size.value_or(RingbufChardev::default_size))));
}

Result<std::unique_ptr<Chardev>> Chardevs::make_file(std::string const& label, qapi::ChardevFile const& file)
{
    auto const open_file = [](std::string const& path, int flags) -> Result<util::UniqueFd> {
        constexpr mode_t mode = 0666;
        util::UniqueFd fd(::open(path.c_str(), flags | O_CLOEXEC | O_NONBLOCK, mode));
        if (!fd)
            return Error::system(cat("Could not open '", path, "'"), errno);
        return fd;
    };
    int const what_is_there = file.append.value_or(false) ? O_APPEND : O_TRUNC;
    auto output = TRY(open_file(file.out, O_WRONLY | O_CREAT | what_is_there));
    util::UniqueFd input;
    if (file.in)
        input = TRY(open_file(*file.in, O_RDONLY));
    return std::unique_ptr<Chardev>(
        std::make_unique<DescriptorChardev>(m_io, label, "file", std::move(input), std::move(output)));
}

Result<std::unique_ptr<Chardev>> Chardevs::make_stdio(std::string const& label, qapi::ChardevStdio const& stdio)
{
    if (m_stdio_forbidden)
        return Error::generic("cannot use stdio with -daemonize");
    if (m_stdio)
        return Error::generic("cannot use stdio by multiple character devices");
    auto device = TRY(StdioChardev::create(m_io, label, stdio.signal.value_or(true)));
    m_stdio = device.get();
    return std::unique_ptr<Chardev>(std::move(device));
}

Result<std::unique_ptr<Chardev>> Chardevs::make_mux(std::string const& label, qapi::ChardevMux const& mux)
{
    auto* const base = find(mux.chardev);
    if (!base)
        return Error::generic(cat("mux: base chardev ", mux.chardev, " not found"));
    if (dynamic_cast<RingbufChardev const*>(base))
        return Error::generic(cat("Chardev '", mux.chardev, "' is a ringbuf, which cannot be talked over"));
    return std::unique_ptr<Chardev>(TRY(MuxChardev::create(m_io, label, *base, m_escape, m_on_terminate)));
}

Result<std::unique_ptr<Chardev>> Chardevs::make_socket(
    std::string const& label, qapi::ChardevSocket const& socket, util::FdTable* descriptors)
{
    TRY(check_options(socket));
    return socket.server.value_or(true) ? make_server(label, socket, descriptors)
                                        : make_client(label, socket, descriptors);
}

Result<std::unique_ptr<Chardev>> Chardevs::make_server(
    std::string const& label, qapi::ChardevSocket const& socket, util::FdTable* descriptors)
{
    SocketServer::Hooks hooks;
    hooks.admission = []() -> Result<Admission> { return Admission(); };
    if (socket.tls_creds) {
        auto const context = TRY(crypto::find_tls_context(m_tree, *socket.tls_creds, crypto::Endpoint::server));
        if (socket.tls_authz && !context->verify_peer())
            return Error::generic(cat("'tls_authz' option is set, but the TLS credentials ",
                context->why_nobody_is_known(), ": nobody's identity would be known"));
        hooks.admission
            = [this, creds = *socket.tls_creds, authz = socket.tls_authz] { return m_doorman.admission(creds, authz); };
    }
    hooks.on_refusal = [this, label](Refusal const& refusal) {
        qapi::ChardevRefusal wire;
        static_cast<qapi::PeerRefusal&>(wire) = to_wire(refusal);
        wire.label = label;
        util::log::error(refusal.reason);
        util::log::info(cat("chardev ", label, ": ", refusal_text(wire)));
        m_events.emit<qapi::ChardevRefusedEvent>(wire);
    };
    std::optional<ListeningSocket> listening;
    if (socket.addr.type == SocketAddressLegacyKind::fd) {
        auto fd = TRY(take_socket(std::get<qapi::String>(socket.addr.data).str, descriptors));
        listening.emplace(TRY(ListeningSocket::adopt(std::move(fd))));
    } else {
        listening.emplace(TRY(ListeningSocket::create(to_address(socket.addr))));
    }
    return std::unique_ptr<Chardev>(std::make_unique<SocketServer>(
        m_io, label, *std::move(listening), socket.wait.value_or(false), std::move(hooks)));
}

Result<std::unique_ptr<Chardev>> Chardevs::make_client(
    std::string const& label, qapi::ChardevSocket const& socket, util::FdTable* descriptors)
{
    if (socket.addr.type == SocketAddressLegacyKind::fd) {
        auto fd = TRY(take_socket(std::get<qapi::String>(socket.addr.data).str, descriptors));
        return std::unique_ptr<Chardev>(TRY(SocketClient::adopt(m_io, label, std::move(fd))));
    }
    SocketClient::Options options;
    options.reconnect = std::chrono::seconds(socket.reconnect.value_or(0));
    if (socket.tls_creds) {
        options.tls = [this, creds = *socket.tls_creds] {
            return crypto::find_tls_context(m_tree, creds, crypto::Endpoint::client);
        };
        TRY(options.tls());
    }
    return std::unique_ptr<Chardev>(
        TRY(SocketClient::create(m_io, label, to_address(socket.addr), std::move(options))));
}

} // namespace minivisor::io
