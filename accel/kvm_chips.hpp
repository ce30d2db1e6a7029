// SPDX-License-Identifier: GPL-3.0-or-later
// The state of what KVM plays beside the CPUs: two 8259 interrupt controllers, an I/O APIC, the 8254 timer and the
// guest's clock. Read, put back, reset and saved with a migration; the sections have QEMU's names, their fields are
// ours.
#pragma once

#include "accel/kvm_vm.hpp"
#include "machine/saved_state.hpp"

#include <array>

namespace minivisor::accel {

/// One of the pair; `chip` is 0 or 1.
struct PicState {
    std::array<std::uint8_t, 16> registers{}; ///< struct kvm_pic_state
    KvmVm* vm = nullptr;
    std::uint32_t chip = 0;

    Result<void> read();
    Result<void> write() const;
    static machine::SavedState const saved_state;
};

struct IoApicState {
    std::uint64_t base_address = 0;
    std::uint32_t select = 0, id = 0, irr = 0;
    std::array<std::uint64_t, 24> redirections{};
    KvmVm* vm = nullptr;

    Result<void> read();
    Result<void> write() const;
    static machine::SavedState const saved_state;
};

struct PitState {
    static constexpr std::size_t channels = 3;
    std::array<std::uint32_t, channels> count{};
    std::array<std::uint16_t, channels> latched_count{};
    std::array<std::uint8_t, channels> count_latched{}, status_latched{}, status{}, read_state{}, write_state{},
        write_latch{}, rw_mode{}, mode{}, bcd{}, gate{};
    std::uint32_t flags = 0;
    KvmVm* vm = nullptr;

    Result<void> read();
    Result<void> write() const;
    static machine::SavedState const saved_state;
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
