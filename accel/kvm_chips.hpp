// SPDX-License-Identifier: GPL-3.0-or-later
// The chips that KVM plays beside the CPUs: two 8259 interrupt controllers, an I/O APIC, the 8254 timer and the
// guest's clock. Read, put back, reset and saved with a migration; the sections have QEMU's names, their fields are
// ours.
#pragma once

#include "accel/chip_state.hpp"
#include "accel/kvm_vm.hpp"

namespace minivisor::accel {

struct IoApicState {
    std::uint64_t base_address = 0;
    std::uint32_t select = 0, id = 0, irr = 0;
    std::array<std::uint64_t, 24> redirections{};
    KvmVm* vm = nullptr;

    Result<void> read();
    Result<void> write() const;
    static machine::SavedState const saved_state;
};

/// The interrupt controllers and the timer of a machine that has them in KVM.
class KvmChips final : public ChipIo {
public:
    explicit KvmChips(KvmVm& vm);

    /// Once they are there: what reset() puts back.
    Result<void> remember_power_on();
    Result<void> reset();
    Result<void> add_to(machine::SavedDevices& devices);
    void remove_from(machine::SavedDevices& devices);

    Result<void> read_pic(PicState& state) override;
    Result<void> write_pic(PicState const& state) override;
    Result<void> read_pit(PitState& state) override;
    Result<void> write_pit(PitState const& state) override;

private:
    struct States {
        PicState pics[2];
        IoApicState io_apic;
        PitState pit;
    };
    KvmVm& m_vm;
    States m_saved, m_power_on;
};

/// The clock that a guest of KVM can read without leaving; it stands still while the guest does.
struct ClockState {
    std::uint64_t nanoseconds = 0;
    KvmVm* vm = nullptr;

    Result<void> read();
    Result<void> write() const;
    static machine::SavedState const saved_state;
};

} // namespace minivisor::accel
