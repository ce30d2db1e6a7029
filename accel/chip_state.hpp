// SPDX-License-Identifier: GPL-3.0-or-later
// The state of the chips that interrupt a PC, in plain numbers: the 8259 pair and the 8254 timer. One declaration of
// their sections, whether KVM plays the chips (accel/kvm_chips) or this program does; the sections have QEMU's names,
// their fields those of KVM's structures.
#pragma once

#include "machine/saved_state.hpp"

#include <array>

namespace minivisor::accel {

class ChipIo;

/// One of the pair; `chip` is 0 or 1.
struct PicState {
    std::array<std::uint8_t, 16> registers{}; ///< struct kvm_pic_state
    std::uint32_t chip = 0;
    ChipIo* io = nullptr; ///< where before_save reads from and after_load writes to

    static machine::SavedState const saved_state;
};

struct PitState {
    static constexpr std::size_t channels = 3;
    std::array<std::uint32_t, channels> count{};
    std::array<std::uint16_t, channels> latched_count{};
    std::array<std::uint8_t, channels> count_latched{}, status_latched{}, status{}, read_state{}, write_state{},
        write_latch{}, rw_mode{}, mode{}, bcd{}, gate{};
    std::uint32_t flags = 0;
    ChipIo* io = nullptr;

    static machine::SavedState const saved_state;
};

/// Whoever plays the chips. While the CPUs stand still.
class ChipIo {
public:
    virtual ~ChipIo() = default;
    /// `state` says which chip.
    virtual Result<void> read_pic(PicState& state) = 0;
    virtual Result<void> write_pic(PicState const& state) = 0;
    virtual Result<void> read_pit(PitState& state) = 0;
    /// A channel that counts begins a new period: when its last one began is a time of another host.
    virtual Result<void> write_pit(PitState const& state) = 0;
};

} // namespace minivisor::accel
