// SPDX-License-Identifier: GPL-3.0-or-later
#include "accel/chip_state.hpp"

namespace minivisor::accel {

machine::SavedState const PicState::saved_state{
    .name = "i8259",
    .fields = {machine::saved<&PicState::registers>("registers")},
    .before_save =
        [](void* device) {
            auto& state = *static_cast<PicState*>(device);
            return state.io->read_pic(state);
        },
    .after_load =
        [](void* device, std::uint32_t) {
            auto const& state = *static_cast<PicState const*>(device);
            return state.io->write_pic(state);
        },
};

machine::SavedState const PitState::saved_state{
    .name = "i8254",
    .fields = {machine::saved<&PitState::count>("count"), machine::saved<&PitState::latched_count>("latched_count"),
        machine::saved<&PitState::count_latched>("count_latched"),
        machine::saved<&PitState::status_latched>("status_latched"), machine::saved<&PitState::status>("status"),
        machine::saved<&PitState::read_state>("read_state"), machine::saved<&PitState::write_state>("write_state"),
        machine::saved<&PitState::write_latch>("write_latch"), machine::saved<&PitState::rw_mode>("rw_mode"),
        machine::saved<&PitState::mode>("mode"), machine::saved<&PitState::bcd>("bcd"),
        machine::saved<&PitState::gate>("gate"), machine::saved<&PitState::flags>("flags")},
    .before_save =
        [](void* device) {
            auto& state = *static_cast<PitState*>(device);
            return state.io->read_pit(state);
        },
    .after_load =
        [](void* device, std::uint32_t) {
            auto const& state = *static_cast<PitState const*>(device);
            return state.io->write_pit(state);
        },
};

} // namespace minivisor::accel
