// SPDX-License-Identifier: GPL-3.0-or-later
#include "machine/run_state.hpp"

#include "util/trace.hpp"

#include <cassert>

namespace minivisor::machine {

using qapi::RunState;

RunControl::RunControl(qapi::EventBus& events, RunState initial, bool autostart)
    : m_events(events)
    , m_state(initial)
    , m_autostart(autostart)
{
}

void RunControl::set_state(RunState state)
{
    trace::pass(trace::Point::runstate_set, "current_run_state ", static_cast<int>(m_state), " (",
        qapi::wire_name(m_state), ") new_state ", static_cast<int>(state), " (", qapi::wire_name(state), ")");
    m_state = state;
}

RunControl::CpuSwitch RunControl::add_cpu_switch(std::function<void(bool)> cpu_switch)
{
    auto added = std::make_shared<std::function<void(bool)>>(std::move(cpu_switch));
    std::erase_if(m_cpu_switches, [](auto const& known) { return known.expired(); });
    m_cpu_switches.emplace_back(added);
    return added;
}

void RunControl::switch_cpus(bool run)
{
    for (auto const& known : m_cpu_switches)
        if (auto const cpu_switch = known.lock())
            (*cpu_switch)(run);
}

void RunControl::stop()
{
    if (m_state == RunState::inmigrate)
        m_autostart = false;
    else if (running())
        halt(RunState::paused);
}

Result<void> RunControl::check_not_held() const
{
    if (!m_hold.empty())
        return Error::generic(m_hold);
    return {};
}

Result<void> RunControl::cont()
{
    TRY(check_not_held());
    switch (m_state) {
    case RunState::running: return {};
    case RunState::inmigrate: m_autostart = true; return {};
    case RunState::shutdown:
    case RunState::internal_error: return Error::generic("Resetting the Virtual Machine is required");
    case RunState::finish_migrate: return Error::generic("Migration is not finalized yet");
    default: break;
    }
    resume();
    return {};
}

void RunControl::reset(qapi::ShutdownCause cause)
{
    bool const was_running = running();
    if (was_running)
        switch_cpus(false);
    if (m_reset)
        m_reset();
    m_events.emit<qapi::ResetEvent>({cause == qapi::ShutdownCause::guest_reset, cause});
    if (!was_running && m_state != RunState::inmigrate && m_state != RunState::finish_migrate)
        set_state(RunState::prelaunch);
    if (was_running)
        switch_cpus(true);
}

void RunControl::powerdown()
{
    trace::pass(trace::Point::qemu_system_powerdown_request);
    m_events.emit<qapi::PowerdownEvent>();
    if (m_powerdown)
        m_powerdown();
}

void RunControl::announce_shutdown(qapi::ShutdownCause cause)
{
    bool const by_guest = cause == qapi::ShutdownCause::guest_shutdown || cause == qapi::ShutdownCause::guest_reset
        || cause == qapi::ShutdownCause::guest_panic;
    trace::pass(trace::Point::qemu_system_shutdown_request, "reason=", static_cast<int>(cause));
    m_events.emit<qapi::ShutdownEvent>({by_guest, cause});
}

void RunControl::halt(RunState state)
{
    if (!running()) {
        set_state(state);
        return;
    }
    switch_cpus(false);
    set_state(state);
    m_events.emit<qapi::StopEvent>();
}

void RunControl::enter(RunState state)
{
    assert(!running() && state != RunState::running);
    set_state(state);
}

void RunControl::resume()
{
    if (running())
        return;
    m_events.emit<qapi::ResumeEvent>();
    set_state(RunState::running);
    switch_cpus(true);
}

} // namespace minivisor::machine
