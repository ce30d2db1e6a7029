// SPDX-License-Identifier: GPL-3.0-or-later
// A guest on its way in: waits behind the front door, or opens what the operator named, and loads on a
// thread of its own. Strangers never end the wait. Destroying it cancels it and waits for the thread.
#pragma once

#include "io/door.hpp"
#include "migration/receiver.hpp"

#include <boost/asio/io_context.hpp>

#include <thread>

namespace minivisor::migration {

class Incoming {
public:
    /// All are called on the main thread, none any more once the Incoming is gone.
    struct Hooks {
        /// Asked for each connection.
        std::function<Result<io::Admission>()> admission;
        /// At a socket it goes on waiting; else on_end() comes next, with the same reason.
        std::function<void(io::Refusal const&)> on_refusal;
        /// Asked when the load begins.
        std::function<ReceiverOptions()> options;
        /// A sender is in, and its stream has begun.
        std::function<void()> on_begin;
        std::function<void(LoadResult)> on_end;
    };

    Incoming(boost::asio::io_context& io, VmView vm, Hooks hooks);
    ~Incoming();

    /// Waits for a sender at a socket.
    void wait_at(io::ListeningSocket socket);
    /// Loads from a channel that the operator named: its first fault is a failed load.
    void load_from(std::unique_ptr<io::Channel> channel);
    /// The same for a socket he handed over, or a command's (whose process `child` is then), in TLS if
    /// the admission says so.
    void load_from_socket(util::UniqueFd fd, io::Admission admission, pid_t child = 0);

    /// Where it waits; null while it does not.
    io::Address const* listening_at() const;
    void cancel();
    /// Pulls the sender's connection as if the network had. Without one it does nothing.
    void pull();
    /// Cancels and returns when nothing of it runs on the main thread.
    boost::asio::awaitable<void> shut_down();

private:
    Result<std::unique_ptr<io::Channel>> open_socket(util::UniqueFd fd, io::Admission const& admission);
    crypto::Decision ask_on_main_thread(io::Authorize const& authorize, io::Applicant const& applicant);
    void start_load(std::function<Result<std::unique_ptr<io::Channel>>()> open, std::vector<std::byte> first);
    void run(std::function<Result<std::unique_ptr<io::Channel>>()> const& open, std::vector<std::byte> const& first,
        ReceiverOptions options);
    void post(std::function<void()> function);

    boost::asio::io_context& m_io;
    VmView m_vm;
    Hooks m_hooks;
    std::optional<io::Door> m_door;
    bool m_waiting = false;
    std::mutex m_mutex; ///< guards what follows: cancel() against the thread
    bool m_cancelled = false;
    int m_handshaking = -1;
    std::unique_ptr<io::Channel> m_channel;
    std::unique_ptr<Receiver> m_receiver;
    std::shared_ptr<bool> m_alive = std::make_shared<bool>(true); ///< the main thread's
    std::weak_ptr<bool> const m_is_alive = m_alive; ///< what any thread may copy
    std::thread m_thread;
};

} // namespace minivisor::migration
