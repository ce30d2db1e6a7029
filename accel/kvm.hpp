// SPDX-License-Identifier: GPL-3.0-or-later
// The accelerator "kvm": a KVM machine with its CPUs and chips as one thing that runs, stands still, is reset and
// saved. Main thread only, but for what its CPUs call.
#pragma once

#include "accel/cpu_throttle.hpp"
#include "accel/kvm_chips.hpp"
#include "accel/kvm_cpu.hpp"

#include <memory>
#include <span>
#include <vector>

namespace minivisor::accel {

struct KvmOptions {
    unsigned cpus = 1;
    bool kernel_irqchip = true;
    std::uint32_t dirty_ring_size = 0; ///< pages in each CPU's ring, a power of two; 0 is a bitmap
};

class Kvm {
public:
    /// All of `memory` is mapped already. What is passed in outlives it.
    static Result<std::unique_ptr<Kvm>> create(
        KvmOptions options, machine::Memory& memory, PortSpace& ports, KvmCpu::OnStop on_stop);
    ~Kvm();

    KvmVm& vm() { return *m_vm; }
    std::span<std::unique_ptr<KvmCpu> const> cpus() const { return m_cpus; }
    /// Null where KVM plays none.
    KvmChips* chips() const { return m_chips.get(); }

    /// Where the first CPU starts from the next reset on.
    void start_at(CpuStart start) { m_start = start; }
    void run();
    /// Returns when all CPUs stand still: soon, whatever the guest does.
    void rest();
    /// CPUs and chips as after power-on; they stand still.
    Result<void> reset();
    /// Slows the guest down; see CpuThrottle::set.
    void throttle(int percent) { m_throttle->set(percent); }

    /// The sections of CPUs, chips and clock.
    Result<void> add_to(machine::SavedDevices& devices);
    void remove_from(machine::SavedDevices& devices);

private:
    Kvm(machine::Memory& memory)
        : m_memory(memory)
    {
    }
    machine::Memory& m_memory;
    std::unique_ptr<KvmVm> m_vm;
    std::vector<std::unique_ptr<KvmCpu>> m_cpus;
    std::unique_ptr<CpuThrottle> m_throttle;
    std::unique_ptr<KvmChips> m_chips; ///< null where KVM plays none
    ClockState m_clock;
    CpuStart m_start;
    bool m_running = false;
};

} // namespace minivisor::accel
