// SPDX-License-Identifier: GPL-3.0-or-later
// The interrupt controllers and the timer of a machine in which KVM plays neither: the chips at their ports, a thread
// that calls the timer when its time has come, and the sections in which KVM's chips are saved too. They interrupt
// one CPU; there is no APIC.
#pragma once

#include "accel/kvm_cpu.hpp"
#include "hw/pic.hpp"
#include "hw/pit.hpp"

#include <condition_variable>
#include <thread>

namespace minivisor::hw {

class PcChips final : public accel::InterruptController, public accel::ChipIo {
public:
    /// Before any CPU runs: they get their ports on `bus`, which outlives them, as `cpu` outlives their thread.
    PcChips(PortBus& bus, accel::KvmCpu& cpu);
    ~PcChips() override;
    PcChips(PcChips const&) = delete;
    PcChips& operator=(PcChips const&) = delete;

    /// Ends the thread: the CPU is not called any more. Main thread, as all but acknowledge() and set_line().
    void end();
    /// The guest runs, or stands still, and its timer with it.
    void set_running(bool running);
    void reset();
    Result<void> add_to(machine::SavedDevices& devices);
    void remove_from(machine::SavedDevices& devices);

    /// A device drives its interrupt line; with the bus's lock held.
    void set_line(unsigned line, bool level) { m_pics.set_line(line, level); }

    std::optional<std::uint8_t> acknowledge() override;

    Result<void> read_pic(accel::PicState& state) override;
    Result<void> write_pic(accel::PicState const& state) override;
    Result<void> read_pit(accel::PitState& state) override;
    Result<void> write_pit(accel::PitState const& state) override;

private:
    void main();

    PortBus& m_bus;
    PicPair m_pics;
    Pit m_pit;
    accel::PicState m_saved_pics[2];
    accel::PitState m_saved_pit;
    std::condition_variable m_changed; ///< with the bus's lock
    bool m_end = false;
    std::thread m_thread;
};

} // namespace minivisor::hw
