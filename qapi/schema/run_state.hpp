// SPDX-License-Identifier: GPL-3.0-or-later
// Twin of QEMU's qapi/run-state.json.
#pragma once

#include "qapi/command.hpp"

namespace minivisor::qapi {

enum class RunState {
    debug,
    inmigrate,
    internal_error,
    io_error,
    paused,
    postmigrate,
    prelaunch,
    finish_migrate,
    restore_vm,
    running,
    save_vm,
    shutdown,
    suspended,
    watchdog,
    guest_panicked,
    colo
};
BOOST_DESCRIBE_ENUM(RunState, debug, inmigrate, internal_error, io_error, paused, postmigrate, prelaunch,
    finish_migrate, restore_vm, running, save_vm, shutdown, suspended, watchdog, guest_panicked, colo)
constexpr auto docs(RunState const*)
{
    return members({{"debug", "stopped by a debugger"}, {"inmigrate", "waits for a guest to come in, or takes it in"},
        {"internal-error", "stopped by an error that forbids going on"}, {"io-error", "stopped by an I/O error"},
        {"paused", "stopped by `stop`"}, {"postmigrate", "stopped after the guest has moved elsewhere"},
        {"prelaunch", "not started yet (`-S`)"}, {"finish-migrate", "stopped for the last part of a migration"},
        {"restore-vm", "loads a saved state"}, {"running", "the guest runs"}, {"save-vm", "saves its state"},
        {"shutdown", "the guest has shut down"}, {"suspended", "the guest sleeps"},
        {"watchdog", "stopped by a watchdog"}, {"guest-panicked", "the guest has panicked"},
        {"colo", "waits for its COLO peer"}});
}

struct StatusInfo {
    bool running = false;
    bool singlestep = false;
    RunState status = RunState::running;
};
BOOST_DESCRIBE_STRUCT(StatusInfo, (), (running, singlestep, status))
constexpr auto docs(StatusInfo const*)
{
    return members({{"running", "whether the guest's CPUs run"},
        {"singlestep", "always false: there is no single stepping"}, {"status", "the run state"}});
}
struct QueryStatus : Command<"query-status", Empty, StatusInfo> {
    static constexpr CommandInfo info{.summary = "The run state of the guest."};
};

struct SystemWakeup : Command<"system_wakeup"> {
    static constexpr CommandInfo info{.summary = "Wake the guest from its sleep; refused where it cannot sleep."};
};

enum class ShutdownCause {
    none,
    host_error,
    host_qmp_quit,
    host_qmp_system_reset,
    host_signal,
    host_ui,
    guest_shutdown,
    guest_reset,
    guest_panic,
    subsystem_reset,
    snapshot_load
};
BOOST_DESCRIBE_ENUM(ShutdownCause, none, host_error, host_qmp_quit, host_qmp_system_reset, host_signal, host_ui,
    guest_shutdown, guest_reset, guest_panic, subsystem_reset, snapshot_load)
constexpr auto docs(ShutdownCause const*)
{
    return members({{"none", "nothing asked for it"}, {"host-error", "an error on the host"},
        {"host-qmp-quit", "`quit`, on either monitor"}, {"host-qmp-system-reset", "`system_reset`, on either monitor"},
        {"host-signal", "SIGINT, SIGTERM or SIGHUP"}, {"host-ui", "a window was closed"},
        {"guest-shutdown", "the guest has shut down"}, {"guest-reset", "the guest has reset itself"},
        {"guest-panic", "the guest has panicked"}, {"subsystem-reset", "a part of the machine was reset"},
        {"snapshot-load", "a snapshot was loaded"}});
}

struct ShutdownData {
    bool guest = false;
    ShutdownCause reason = ShutdownCause::none;
};
BOOST_DESCRIBE_STRUCT(ShutdownData, (), (guest, reason))
constexpr auto docs(ShutdownData const*)
{
    return members({{"guest", "whether the guest asked for it"}, {"reason", "what led to it"}});
}

struct StopEvent : Event<"STOP"> {
    static constexpr std::string_view summary = "The guest's CPUs have stopped.";
};
struct ResumeEvent : Event<"RESUME"> {
    static constexpr std::string_view summary = "The guest's CPUs run again.";
};
struct ShutdownEvent : Event<"SHUTDOWN", ShutdownData> {
    static constexpr std::string_view summary = "The guest has shut down, or the program ends.";
};
struct ResetEvent : Event<"RESET", ShutdownData> {
    static constexpr std::string_view summary = "The guest was reset.";
};
struct PowerdownEvent : Event<"POWERDOWN"> {
    static constexpr std::string_view summary = "The guest was asked to power down.";
};

} // namespace minivisor::qapi
