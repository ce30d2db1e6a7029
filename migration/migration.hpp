// SPDX-License-Identifier: GPL-3.0-or-later
// The VM on the move: one migration at a time, its state machine with QEMU's states and events
// (qmp-surface section 7), and exactly one end. Main thread only; the bytes move on other threads.
#pragma once

#include "io/doorman.hpp"
#include "io/yank.hpp"
#include "machine/machine.hpp"
#include "migration/incoming.hpp"
#include "migration/outgoing.hpp"
#include "migration/settings.hpp"
#include "qapi/schema/migration.hpp"
#include "util/fd_sets.hpp"
#include "util/worker.hpp"

namespace minivisor::migration {

class Migration {
public:
    /// Everything passed in outlives it. `exit` ends the program with a status.
    Migration(boost::asio::io_context& io, machine::Machine& machine, qom::Tree& tree, qapi::EventBus& events,
        io::Doorman& doorman, util::FdSets const& fd_sets, io::Yank& yank, std::function<void(int)> exit);
    ~Migration();

    Settings const& settings() const { return m_settings; }
    /// From now on an authorization that cannot be asked for, since senders have no identity, lets everybody in, as in
    /// QEMU: without TLS, or with credentials that do not verify the peer.
    void fail_open();
    Result<void> change_parameters(qapi::MigrationParameters const& changes);
    Result<void> change_capabilities(std::vector<qapi::MigrationCapabilityStatus> const& changes);

    Result<void> migrate(qapi::MigrateArguments const& arguments, util::FdTable* descriptors);
    void cancel();
    Result<void> go_on(qapi::MigrationStatus expected);

    /// -incoming was "defer" or fails; the rest of the checks before a socket is opened.
    Result<io::Address> check_incoming(std::string_view uri) const;
    /// Opens the address and waits there. A socket was opened by the caller already, perhaps on a worker.
    Result<void> start_incoming(io::Address const& address, std::optional<io::ListeningSocket> socket,
        bool exit_on_error, util::FdTable* descriptors);
    /// The three together, for the command line; "defer" waits for migrate-incoming.
    Result<void> await_incoming(std::string const& uri, bool exit_on_error, util::FdTable* descriptors = nullptr);

    qapi::MigrationInfo query() const;
    boost::asio::awaitable<void> shut_down();

private:
    VmView vm();
    bool in_progress() const;
    void set_status(qapi::MigrationStatus status);
    Result<void> check_migrate(qapi::MigrateArguments const& arguments) const;
    ThrottleOptions throttle_options() const;
    void on_phase(SendPhase phase);
    std::string stop_guest();
    void on_sent(SendResult result);
    void return_guest();

    Result<io::Admission> admission();
    /// tls-authz, unless it is ignored here.
    std::optional<std::string> authz_in_force() const;
    Result<void> check_authorization_possible() const;
    void on_refusal(io::Refusal const& refusal);
    void on_loaded(LoadResult result);
    void on_load_failed(LoadResult const& result);

    qapi::MigrationStats ram_stats(Progress const& progress) const;

    boost::asio::io_context& m_io;
    machine::Machine& m_machine;
    qom::Tree& m_tree;
    qapi::EventBus& m_events;
    io::Doorman& m_doorman;
    util::FdSets const& m_fd_sets;
    io::Yank& m_yank;
    std::function<void(int)> m_exit;
    Settings m_settings;
    bool m_fails_open = false;
    SenderLimits m_limits;
    std::atomic<bool> m_guest_runs{false};
    machine::RunControl::CpuSwitch m_cpu_switch;
    TimerState m_timer;
    GlobalState m_global_state;

    qapi::MigrationStatus m_status = qapi::MigrationStatus::none;
    std::optional<std::string> m_error;
    std::unique_ptr<Outgoing> m_outgoing;
    std::optional<qapi::RunState> m_state_before_stop; ///< set while the guest is halted for the move

    io::Yank::Registration m_yankable; ///< while something moves, or is awaited

    std::unique_ptr<Incoming> m_incoming;
    bool m_incoming_done = false; ///< a guest came in: nothing more is awaited
    bool m_exit_on_error = true;
    bool m_creds_expected = false; ///< tls-creds was set when the wait began
    std::uint64_t m_refusals = 0;
    std::optional<qapi::PeerRefusal> m_last_refusal;
};

} // namespace minivisor::migration
