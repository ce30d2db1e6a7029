// SPDX-License-Identifier: GPL-3.0-or-later
#include "io/socket_chardev.hpp"

#include "util/log.hpp"
#include "util/quietly.hpp"
#include "util/text.hpp"

#include <algorithm>
#include <cerrno>
#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

namespace minivisor::io {

namespace asio = boost::asio;

void SocketPeer::pull() const { ::shutdown(socket, SHUT_RDWR); }

namespace {

qapi::YankInstance instance_of(std::string const& label)
{
    return {qapi::YankInstanceType::chardev, std::nullopt, label};
}

} // namespace

SocketServer::SocketServer(asio::io_context& io, std::string label, ListeningSocket socket, bool wait, Hooks hooks)
    : Chardev(std::move(label))
    , m_io(io)
    , m_address(socket.address())
    , m_socket(std::move(socket))
    , m_wait(wait)
    , m_hooks(std::move(hooks))
{
}

std::string SocketServer::filename() const
{
    for (auto const& client : m_clients)
        if (auto const peer = client.lock())
            return peer->name;
    return cat("disconnected:", chardev_text(m_address, true));
}

Result<void> SocketServer::settle_now()
{
    if (!m_wait)
        return {};
    util::log::info(cat("QEMU waiting for connection on: ", filename()));
    pollfd wait{m_socket->fd(), POLLIN, 0};
    while (poll(&wait, 1, -1) < 0)
        if (errno != EINTR)
            return Error::system("Failed to wait for a client", errno);
    return {};
}

asio::awaitable<Result<void>> SocketServer::settle()
{
    if (!m_wait)
        co_return Result<void>();
    util::log::info(cat("QEMU waiting for connection on: ", filename()));
    util::UniqueFd fd(fcntl(m_socket->fd(), F_DUPFD_CLOEXEC, 0));
    if (!fd)
        co_return Error::system("Failed to wait for a client", errno);
    asio::posix::stream_descriptor ready(m_io, fd.release());
    auto const [error] = co_await ready.async_wait(asio::posix::descriptor_base::wait_read, quietly);
    if (error)
        co_return Error::generic(cat("Failed to wait for a client: ", error.message()));
    co_return Result<void>();
}

void SocketServer::enter(Yank& yank)
{
    m_yankable = yank.add(instance_of(label()), [this] {
        for (auto const& client : m_clients)
            if (auto const peer = client.lock())
                peer->pull();
    });
}

Result<void> SocketServer::open(OnStream on_stream)
{
    m_on_stream = std::move(on_stream);
    DoorOptions options;
    options.admission = m_hooks.admission;
    m_door.emplace(
        m_io, *std::move(m_socket), std::move(options), [this](Visitor visitor) { let_in(std::move(visitor)); },
        m_hooks.on_refusal);
    m_socket.reset();
    return {};
}

void SocketServer::let_in(Visitor visitor)
{
    auto const socket = visitor.connection.socket.get();
    auto const peer = std::make_shared<SocketPeer>(SocketPeer{chardev_text(m_address, true, socket), socket});
    auto stream = make_stream(m_io, std::move(visitor.connection));
    if (!stream) {
        util::log::warn(cat(label(), ": ", stream.error().desc()));
        return;
    }
    (*stream)->keep(peer);
    m_clients.erase(
        std::remove_if(m_clients.begin(), m_clients.end(), [](auto const& c) { return c.expired(); }), m_clients.end());
    m_clients.push_back(peer);
    m_on_stream(*std::move(stream));
}

void SocketServer::close()
{
    m_yankable = {};
    m_socket.reset();
    if (m_door)
        m_door->close();
}

asio::awaitable<void> SocketServer::join()
{
    if (m_door)
        co_await m_door->join();
}

SocketClient::SocketClient(asio::io_context& io, std::string label, std::shared_ptr<Dialer> dialer, Options options)
    : Chardev(std::move(label))
    , m_io(io)
    , m_dialer(std::move(dialer))
    , m_options(std::move(options))
    , m_changed(io)
    , m_tasks(io.get_executor())
{
}

SocketClient::~SocketClient()
{
    m_alive.reset();
    if (m_dialer)
        m_dialer->cancel();
}

Result<std::unique_ptr<SocketClient>> SocketClient::create(
    asio::io_context& io, std::string label, Address address, Options options)
{
    auto dialer = TRY(Dialer::create(std::move(address)));
    return std::unique_ptr<SocketClient>(new SocketClient(io, std::move(label), std::move(dialer), std::move(options)));
}

Result<std::unique_ptr<SocketClient>> SocketClient::adopt(
    asio::io_context& io, std::string label, util::UniqueFd socket)
{
    std::unique_ptr<SocketClient> device(new SocketClient(io, std::move(label), nullptr, {}));
    TRY(device->present(Connection{std::move(socket), nullptr}));
    return device;
}

std::string SocketClient::filename() const
{
    if (auto const peer = m_peer.lock())
        return peer->name;
    return m_dialer ? cat("disconnected:", chardev_text(m_dialer->address(), false)) : "disconnected:unix:";
}

Result<std::shared_ptr<crypto::TlsContext const>> SocketClient::tls_context() const
{
    if (m_options.tls)
        return m_options.tls();
    return std::shared_ptr<crypto::TlsContext const>();
}

/// The connection becomes the device's stream.
Result<void> SocketClient::present(Result<Connection> connection)
{
    if (!connection)
        return std::move(connection).error();
    auto const address = m_dialer ? m_dialer->address() : local_address(connection->socket.get());
    auto const socket = connection->socket.get();
    auto name = chardev_text(address, false, socket);
    auto stream = TRY(make_stream(m_io, *std::move(connection)));
    std::shared_ptr<SocketPeer> const token(
        new SocketPeer{std::move(name), socket}, [this, alive = std::weak_ptr(m_alive)](SocketPeer* gone) {
            delete gone;
            if (alive.lock())
                m_changed.cancel();
        });
    m_peer = token;
    stream->keep(token);
    if (m_on_stream)
        m_on_stream(std::move(stream));
    else
        m_unused = std::move(stream);
    return {};
}

Result<void> SocketClient::settle_now()
{
    if (!m_dialer || m_options.reconnect.count() > 0)
        return {};
    return present(m_dialer->dial(TRY(tls_context())));
}

asio::awaitable<Result<void>> SocketClient::settle()
{
    if (!m_dialer || m_options.reconnect.count() > 0)
        co_return Result<void>();
    // A task of our own: if whoever waits here leaves, join() still waits for the thread that dials.
    m_tasks.spawn([this] { return connect_once(); });
    while (!m_settled)
        co_await pause(asio::steady_timer::duration::max());
    co_return *m_settled;
}

asio::awaitable<void> SocketClient::connect_once()
{
    auto dialing = dial();
    auto connection = co_await std::move(dialing);
    m_settled = m_closed ? Result<void>(Error::generic("cancelled")) : present(std::move(connection));
    m_changed.cancel();
}

asio::awaitable<Result<Connection>> SocketClient::dial()
{
    CO_TRY(auto tls, tls_context());
    // What runs there may outlast us: it has its own hold on all it needs.
    std::function<Result<Connection>()> job = [dialer = m_dialer, tls] { return dialer->dial(tls); };
    auto running = m_worker.run(std::move(job));
    auto connection = co_await std::move(running);
    co_return connection;
}

void SocketClient::start()
{
    m_tasks.spawn([this] { return stay_connected(); });
}

asio::awaitable<void> SocketClient::stay_connected()
{
    bool told = false;
    bool first = true;
    while (!m_closed) {
        if (m_unused) {
            co_await watch_unused();
            continue;
        }
        if (!m_peer.expired()) {
            co_await pause(asio::steady_timer::duration::max());
            continue;
        }
        if (m_options.reconnect.count() == 0)
            co_return;
        if (!std::exchange(first, false))
            co_await pause(m_options.reconnect);
        if (m_closed)
            co_return;
        auto dialing = dial();
        auto connection = co_await std::move(dialing);
        if (m_closed)
            co_return;
        auto const presented = present(std::move(connection));
        if (!presented && !std::exchange(told, true))
            util::log::warn(cat("Unable to connect character device ", label(), ": ", presented.error().desc()));
        told = told && !presented;
    }
}

/// While nobody has the stream, only its end is looked for. What has come in waits in the socket.
asio::awaitable<void> SocketClient::watch_unused()
{
    auto const error = co_await m_unused->wait_input();
    if (!m_unused || m_closed)
        co_return;
    if (!error && m_unused->peer_is_gone())
        m_unused.reset();
    else
        co_await pause(std::chrono::seconds(1)); // it is readable, and stays so
}

asio::awaitable<void> SocketClient::pause(std::chrono::steady_clock::duration time)
{
    m_changed.expires_after(time);
    co_await m_changed.async_wait(quietly);
}

void SocketClient::enter(Yank& yank)
{
    m_yankable = yank.add(instance_of(label()), [this] {
        if (auto const peer = m_peer.lock())
            peer->pull();
    });
}

Result<void> SocketClient::open(OnStream on_stream)
{
    m_on_stream = std::move(on_stream);
    if (m_unused) {
        m_unused->cancel_input();
        m_on_stream(std::move(m_unused));
    }
    return {};
}

void SocketClient::close()
{
    m_yankable = {};
    m_closed = true;
    if (m_dialer)
        m_dialer->cancel();
    if (m_unused)
        m_unused->cancel_input();
    m_changed.cancel();
}

} // namespace minivisor::io
