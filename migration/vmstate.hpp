// SPDX-License-Identifier: GPL-3.0-or-later
// Devices to sections and back, by their declarations (machine/saved_state), with QEMU's sentences for
// what does not fit. The devices that every machine here has, as QEMU's `-M none`, are declared below.
#pragma once

#include "machine/memory.hpp"
#include "machine/saved_state.hpp"
#include "migration/load_log.hpp"
#include "migration/stream_reader.hpp"
#include "migration/stream_writer.hpp"
#include "util/result.hpp"

#include <array>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

namespace minivisor::migration {

/// Writes one FULL section. The device stands still meanwhile.
Result<void> save_device(StreamWriter& writer, machine::SavedDevice const& device, std::uint32_t section_id);

/// Reads the data of a section whose header said `version`, up to its footer.
Result<void> load_device(StreamReader& reader, machine::SavedDevice const& device, std::uint32_t version, LoadLog& log);

/// The section id of the device at `index` in the list: 0, 1, 3, 4, ... (RAM has its own).
std::uint32_t device_section_id(std::size_t index);

/// The guest's clocks, as QEMU's "timer" section carries them. A machine that runs a guest sets them
/// when it stops and takes them when it starts; one that does not hands on what it was given.
struct TimerState {
    /// What to add to the host's cycle counter to get the guest's.
    std::int64_t cpu_ticks_offset = 0;
    /// The guest's virtual clock at the stop, in nanoseconds.
    std::int64_t cpu_clock_offset = 0;

    static machine::SavedState const saved_state;
};

/// The run state that the source's guest had before it was stopped for the move: decides whether the
/// destination lets it run.
struct GlobalState {
    std::uint32_t size = 0;
    std::array<std::uint8_t, 100> runstate{};

    static machine::SavedState const saved_state;

    /// `name` is QEMU's name of a run state, such as "running".
    void set(std::string_view name);
    /// The name that was set or loaded; empty when there was none.
    std::string name() const;
};

/// True for the names of QEMU's RunState.
bool is_run_state(std::string_view name);

/// What moves: a view on the machine, whose owner keeps it alive and as it is while a migration runs.
/// `devices` holds, among others, the two above; `global_state` is the one of them that is asked.
struct VmView {
    /// The canonical machine name, such as "none" or "pc-i440fx-7.2".
    std::string machine_name;
    machine::Memory* memory = nullptr;
    machine::SavedDevices* devices = nullptr;
    GlobalState* global_state = nullptr;
    std::function<void(int percent)> throttle; ///< none where nothing can be slowed down
    std::optional<Uuid> uuid;
    std::function<bool()> running; ///< whether the guest runs, asked on any thread; none where it always does
};

} // namespace minivisor::migration
