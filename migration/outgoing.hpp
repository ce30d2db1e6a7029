// SPDX-License-Identifier: GPL-3.0-or-later
// One guest on its way out: opens the channel, shakes hands and sends, all on a thread of its own, and
// tells the main thread what happens. Destroying it cancels it and waits for the thread.
#pragma once

#include "crypto/tls_context.hpp"
#include "io/address.hpp"
#include "migration/sender.hpp"

#include <boost/asio/io_context.hpp>

#include <thread>

namespace minivisor::migration {

struct OutgoingOptions {
    io::Address address;
    util::UniqueFd fd; ///< where the address is fd:, or a file that is open already
    std::shared_ptr<crypto::TlsContext const> tls; ///< null: plain
    std::string tls_hostname;
    SenderOptions sender;
};

class Outgoing {
public:
    /// All are called on the main thread, none any more once the Outgoing is gone.
    struct Hooks {
        std::function<void(SendPhase)> on_phase;
        std::function<void(std::uint64_t pass)> on_pass;
        /// Stops the guest and gives back the name of the run state it had.
        std::function<std::string()> stop_guest;
        std::function<void(SendResult)> on_end;
    };

    /// Starts at once. `vm` and `limits` outlive it.
    Outgoing(boost::asio::io_context& io, VmView vm, SenderLimits& limits, OutgoingOptions options, Hooks hooks);
    ~Outgoing();

    void cancel();
    /// Pulls the connection as if the network had: the migration fails. Without a connection it does nothing.
    void pull();
    void continue_switchover();
    /// Null until the stream is open.
    Progress const* progress() const;

private:
    void run();
    Result<std::unique_ptr<io::Channel>> open_channel();
    Result<std::unique_ptr<io::Channel>> open_socket(util::UniqueFd fd);
    void post(std::function<void()> function);

    boost::asio::io_context& m_io;
    VmView m_vm;
    SenderLimits& m_limits;
    OutgoingOptions m_options;
    Hooks m_hooks;
    util::UniqueFd m_cancel_fd; ///< an eventfd that ends a connect
    mutable std::mutex m_mutex; ///< guards what follows: cancel() against the thread
    bool m_cancelled = false;
    int m_handshaking = -1; ///< the socket while the handshake runs
    std::unique_ptr<Sender> m_sender;
    std::unique_ptr<io::Channel> m_channel;
    std::shared_ptr<bool> m_alive = std::make_shared<bool>(true); ///< the main thread's
    std::weak_ptr<bool> const m_is_alive = m_alive; ///< what any thread may copy
    std::thread m_thread;
};

} // namespace minivisor::migration
