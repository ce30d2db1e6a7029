// SPDX-License-Identifier: GPL-3.0-or-later
// The run state of the guest and who may change it how (qmp-surface section 3.2). Emits STOP, RESUME,
// RESET, POWERDOWN and SHUTDOWN. Main thread only.
#pragma once

#include "qapi/event_bus.hpp"
#include "qapi/schema/run_state.hpp"

#include <functional>
#include <memory>
#include <string>
#include <vector>

namespace minivisor::machine {

class RunControl {
public:
    /// Whoever writes to the guest's memory stands still afterwards.
    ~RunControl() { switch_cpus(false); }
    RunControl(RunControl const&) = delete;
    RunControl& operator=(RunControl const&) = delete;
    /// `initial` is prelaunch, or inmigrate for a destination.
    RunControl(qapi::EventBus& events, qapi::RunState initial, bool autostart);

    qapi::RunState state() const { return m_state; }
    bool running() const { return m_state == qapi::RunState::running; }
    /// Whether the guest is to run once it is there: no -S, or cont while it was awaited.
    bool autostart() const { return m_autostart; }

    /// Called with true before the guest's CPUs are to run and with false when they have to stand still.
    /// As long as the result is kept.
    using CpuSwitch = std::shared_ptr<std::function<void(bool run)>>;
    [[nodiscard]] CpuSwitch add_cpu_switch(std::function<void(bool run)> cpu_switch);
    /// Called when the guest is reset.
    void set_reset(std::function<void()> reset) { m_reset = std::move(reset); }
    /// Called when the power button is pressed.
    void set_powerdown(std::function<void()> powerdown) { m_powerdown = std::move(powerdown); }

    /// The monitor's stop: the guest pauses; while a guest is awaited it will not start by itself.
    void stop();
    /// The monitor's cont. Fails where the guest cannot run; while a guest is awaited, it will start.
    Result<void> cont();
    void reset(qapi::ShutdownCause cause);
    void powerdown();
    /// Tells that the program ends.
    void announce_shutdown(qapi::ShutdownCause cause);

    /// Stops the CPUs, if they run, and enters `state` (migration's finish-migrate).
    void halt(qapi::RunState state);
    /// Enters a state in which the CPUs do not run; they must stand still already.
    void enter(qapi::RunState state);
    /// Lets the CPUs run.
    void resume();

    /// Until release(), the monitor's stop and cont are refused with this sentence: somebody needs the guest as it is.
    void hold(std::string why) { m_hold = std::move(why); }
    void release() { m_hold.clear(); }
    /// What the monitor's stop asks first; cont() asks by itself.
    Result<void> check_not_held() const;

private:
    void set_state(qapi::RunState state);
    void switch_cpus(bool run);
    qapi::EventBus& m_events;
    qapi::RunState m_state;
    bool m_autostart;
    std::string m_hold; ///< empty: not held
    std::vector<std::weak_ptr<std::function<void(bool)>>> m_cpu_switches;
    std::function<void()> m_reset, m_powerdown;
};

} // namespace minivisor::machine
