// SPDX-License-Identifier: GPL-3.0-or-later
// Character devices over sockets: one that listens, whose clients come through the front door and may be many at a
// time, and one that connects, again and again if it is told to.
#pragma once

#include "io/chardev.hpp"
#include "io/dialer.hpp"
#include "io/door.hpp"
#include "util/task_group.hpp"
#include "util/worker.hpp"

#include <chrono>

namespace minivisor::io {

/// A connection of such a device, as long as its stream is there.
struct SocketPeer {
    std::string name;
    int socket = -1; ///< the stream's
    /// Ends it by force, for both ends.
    void pull() const;
};

/// While nobody uses it, those who connect stay in the socket's queue.
class SocketServer final : public Chardev {
public:
    struct Hooks {
        std::function<Result<Admission>()> admission; ///< asked for each connection
        std::function<void(Refusal const&)> on_refusal;
    };

    /// `wait`: the device is settled when somebody has connected.
    SocketServer(boost::asio::io_context& io, std::string label, ListeningSocket socket, bool wait, Hooks hooks);

    std::string filename() const override;
    Result<void> settle_now() override;
    boost::asio::awaitable<Result<void>> settle() override;
    void enter(Yank& yank) override;
    Result<void> open(OnStream on_stream) override;
    bool is_about_to_open() const override { return m_door && m_door->has_newcomer(); }
    void close() override;
    boost::asio::awaitable<void> join() override;

private:
    void let_in(Visitor visitor);

    boost::asio::io_context& m_io;
    Address m_address;
    std::optional<ListeningSocket> m_socket; ///< until there is a door
    bool m_wait;
    Hooks m_hooks;
    OnStream m_on_stream;
    std::optional<Door> m_door;
    std::vector<std::weak_ptr<SocketPeer>> m_clients; ///< by age
    Yank::Registration m_yankable;
};

class SocketClient final : public Chardev {
public:
    struct Options {
        std::chrono::seconds reconnect{0}; ///< 0: once
        /// The TLS context for one attempt; an error fails it. Empty: plain.
        std::function<Result<std::shared_ptr<crypto::TlsContext const>>()> tls;
    };

    static Result<std::unique_ptr<SocketClient>> create(
        boost::asio::io_context& io, std::string label, Address address, Options options);
    /// Of a socket that is connected already.
    static Result<std::unique_ptr<SocketClient>> adopt(
        boost::asio::io_context& io, std::string label, util::UniqueFd socket);
    ~SocketClient() override;

    std::string filename() const override;
    Result<void> settle_now() override;
    boost::asio::awaitable<Result<void>> settle() override;
    void start() override;
    void enter(Yank& yank) override;
    Result<void> open(OnStream on_stream) override;
    void close() override;
    boost::asio::awaitable<void> join() override { return m_tasks.join(); }

private:
    SocketClient(boost::asio::io_context& io, std::string label, std::shared_ptr<Dialer> dialer, Options options);
    Result<std::shared_ptr<crypto::TlsContext const>> tls_context() const;
    Result<void> present(Result<Connection> connection);
    boost::asio::awaitable<Result<Connection>> dial();
    boost::asio::awaitable<void> connect_once();
    boost::asio::awaitable<void> stay_connected();
    boost::asio::awaitable<void> watch_unused();
    boost::asio::awaitable<void> pause(std::chrono::steady_clock::duration time);

    boost::asio::io_context& m_io;
    std::shared_ptr<Dialer> m_dialer; ///< null for an adopted socket
    Options m_options;
    OnStream m_on_stream;
    std::unique_ptr<Stream> m_unused; ///< open, and nobody has it
    std::weak_ptr<SocketPeer> m_peer; ///< while it is there
    Yank::Registration m_yankable;
    std::optional<Result<void>> m_settled; ///< what came of the first attempt, where it is awaited
    bool m_closed = false;
    std::shared_ptr<bool> m_alive = std::make_shared<bool>(true); ///< streams may end when we are gone
    boost::asio::steady_timer m_changed;
    util::TaskGroup m_tasks;
    util::Worker m_worker{1}; ///< its own: an address that does not answer holds up nobody else
};

} // namespace minivisor::io
