// SPDX-License-Identifier: GPL-3.0-or-later
// Facts: qmp-surface section 3.2.
#include "machine/run_state.hpp"
#include "qapi/json.hpp"

#include <catch2/catch.hpp>

using namespace minivisor;
using namespace minivisor::machine;
using qapi::RunState;

namespace {

/// A run control whose events, CPU switches and resets are noted in one line.
struct Noted {
    explicit Noted(RunState initial, bool autostart = true)
        : run((declare(), bus), initial, autostart)
    {
        cpus = run.add_cpu_switch([this](bool on) { notes += on ? "on " : "off "; });
        run.set_reset([this] { notes += "reset "; });
    }
    void declare()
    {
        registry.declare_event<qapi::StopEvent>();
        registry.declare_event<qapi::ResumeEvent>();
        registry.declare_event<qapi::ShutdownEvent>();
        registry.declare_event<qapi::ResetEvent>();
        registry.declare_event<qapi::PowerdownEvent>();
        kept = bus.subscribe([this](qapi::EventRecord const& record) {
            notes += record.name + (record.data.as_object().empty() ? "" : qapi::to_json(record.data)) + " ";
        });
    }
    std::string take() { return std::exchange(notes, {}); }
    std::string cont()
    {
        auto const done = run.cont();
        return done ? "" : done.error().desc();
    }

    qapi::Registry registry;
    qapi::EventBus bus{registry};
    qapi::EventBus::Subscription kept;
    std::string notes;
    RunControl run;
    RunControl::CpuSwitch cpus;
};

} // namespace

TEST_CASE("run control: cont and stop switch the CPUs and tell it, each once")
{
    Noted guest(RunState::prelaunch);
    CHECK(guest.cont() == "");
    CHECK(guest.run.running());
    CHECK(guest.take() == "RESUME on ");
    CHECK(guest.cont() == "");
    CHECK(guest.take() == "");
    guest.run.stop();
    CHECK(guest.run.state() == RunState::paused);
    CHECK(guest.take() == "off STOP ");
    guest.run.stop();
    CHECK(guest.take() == "");
}

TEST_CASE("run control: stop before the start leaves the guest where it is")
{
    Noted guest(RunState::prelaunch);
    guest.run.stop();
    CHECK(guest.run.state() == RunState::prelaunch);
    CHECK(guest.take() == "");
}

TEST_CASE("run control: while a guest is awaited, cont and stop only say what is to happen then")
{
    Noted guest(RunState::inmigrate, false);
    CHECK_FALSE(guest.run.autostart());
    CHECK(guest.cont() == "");
    CHECK(guest.run.autostart());
    CHECK(guest.run.state() == RunState::inmigrate);
    guest.run.stop();
    CHECK_FALSE(guest.run.autostart());
    CHECK(guest.run.state() == RunState::inmigrate);
    CHECK(guest.take() == "");
}

TEST_CASE("run control: cont is refused where the guest cannot run")
{
    for (auto const state : {RunState::shutdown, RunState::internal_error}) {
        Noted guest(state);
        CHECK(guest.cont() == "Resetting the Virtual Machine is required");
        CHECK(guest.run.state() == state);
        CHECK(guest.take() == "");
    }
    Noted guest(RunState::finish_migrate);
    CHECK(guest.cont() == "Migration is not finalized yet");
    CHECK(guest.take() == "");
    Noted moved(RunState::postmigrate);
    CHECK(moved.cont() == "");
    CHECK(moved.run.running());
}

TEST_CASE("run control: a reset stops the CPUs meanwhile and tells its cause")
{
    Noted guest(RunState::prelaunch);
    guest.run.resume();
    guest.take();
    guest.run.reset(qapi::ShutdownCause::host_qmp_system_reset);
    CHECK(guest.take() == R"(off reset RESET{"guest": false, "reason": "host-qmp-system-reset"} on )");
    CHECK(guest.run.running());
    guest.run.stop();
    guest.take();
    guest.run.reset(qapi::ShutdownCause::guest_reset);
    CHECK(guest.take() == R"(reset RESET{"guest": true, "reason": "guest-reset"} )");
    CHECK(guest.run.state() == RunState::prelaunch);
}

TEST_CASE("run control: a reset makes a guest that stands still one that has not started, whatever stopped it")
{
    for (auto const state : {RunState::shutdown, RunState::internal_error, RunState::paused, RunState::postmigrate}) {
        Noted guest(state);
        guest.run.reset(qapi::ShutdownCause::host_qmp_system_reset);
        CHECK(guest.run.state() == RunState::prelaunch);
        CHECK(guest.cont() == "");
    }
    for (auto const state : {RunState::inmigrate, RunState::finish_migrate}) {
        Noted guest(state);
        guest.run.reset(qapi::ShutdownCause::host_qmp_system_reset);
        CHECK(guest.run.state() == state);
    }
}

TEST_CASE("run control: halt stops a running guest with a STOP, and moves a standing one silently")
{
    Noted guest(RunState::prelaunch);
    guest.run.resume();
    guest.take();
    guest.run.halt(RunState::finish_migrate);
    CHECK(guest.take() == "off STOP ");
    guest.run.halt(RunState::postmigrate);
    CHECK(guest.take() == "");
    CHECK(guest.run.state() == RunState::postmigrate);
    guest.run.enter(RunState::paused);
    CHECK(guest.run.state() == RunState::paused);
    CHECK(guest.take() == "");
}

TEST_CASE("run control: powerdown and the end of the program are told, with who wanted it")
{
    Noted guest(RunState::prelaunch);
    guest.run.powerdown();
    guest.run.announce_shutdown(qapi::ShutdownCause::host_qmp_quit);
    guest.run.announce_shutdown(qapi::ShutdownCause::guest_panic);
    CHECK(guest.take()
        == R"(POWERDOWN SHUTDOWN{"guest": false, "reason": "host-qmp-quit"} SHUTDOWN{"guest": true, "reason": "guest-panic"} )");
}
