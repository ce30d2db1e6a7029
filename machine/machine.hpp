// SPDX-License-Identifier: GPL-3.0-or-later
// The VM itself: its RAM, its saved devices, its run state, its names. Machine "none" has what its
// options give it and no CPU; "mini" is the machine that runs guests. An object at /machine.
#pragma once

#include "machine/memory.hpp"
#include "machine/migration_blockers.hpp"
#include "machine/run_state.hpp"
#include "machine/saved_state.hpp"
#include "qom/tree.hpp"

#include <array>
#include <span>

namespace minivisor::machine {

using Uuid = std::array<std::uint8_t, 16>;

/// "550e8400-e29b-41d4-a716-446655440000", in either case; QEMU's text when it is none.
Result<Uuid> parse_uuid(std::string_view text);
std::string to_text(Uuid const& uuid);

/// The id of the RAM that -m makes.
inline constexpr std::string_view default_ram_id = "ram";

/// The most CPUs that a machine of this kind has; 255 is what an APIC can number.
constexpr unsigned max_cpus(std::string_view kind) { return kind == "mini" ? 255 : 1; }

/// The names that -machine takes.
std::span<std::string_view const> machine_kinds();

struct MachineOptions {
    std::string kind = "none"; ///< "none" or "mini"
    std::optional<std::uint64_t> ram_size; ///< -m, in bytes
    std::optional<std::string> memory_backend; ///< -machine memory-backend=
    std::optional<bool> dump_guest_core, mem_merge; ///< -machine: what the backend says too, with its defaults
    std::optional<std::string> name; ///< -name
    std::optional<Uuid> uuid;
    bool autostart = true; ///< no -S
    bool incoming = false; ///< -incoming was given
};

class Machine {
public:
    /// Builds the machine and attaches /machine to the tree. Claims the memory backend, or makes one with
    /// the id "ram" of `ram_size`.
    static Result<std::unique_ptr<Machine>> create(MachineOptions options, qom::Tree& tree, qapi::EventBus& events);

    /// As the migration stream names it.
    std::string const& kind() const { return m_options.kind; }
    std::optional<std::string> const& name() const { return m_options.name; }
    std::optional<Uuid> const& uuid() const { return m_options.uuid; }
    Memory& memory() { return m_memory; }
    SavedDevices& devices() { return m_devices; }
    RunControl& run() { return m_run; }
    MigrationBlockers& migration_blockers() { return m_migration_blockers; }

    /// What slows the guest's CPUs down by so many percent, from any thread; none where no CPU runs.
    void set_throttle(std::function<void(int percent)> throttle) { m_throttle = std::move(throttle); }
    std::function<void(int percent)> const& throttle() const { return m_throttle; }

    /// All options are in: a guest that is not awaited and not held back by -S runs.
    void start();

private:
    Machine(MachineOptions options, qapi::EventBus& events);
    Result<void> add_ram(qom::Tree& tree);

    MachineOptions m_options;
    Memory m_memory;
    SavedDevices m_devices;
    RunControl m_run;
    MigrationBlockers m_migration_blockers;
    std::function<void(int)> m_throttle;
};

/// The machine whose tree it is; null before it is made.
Machine* find_machine(qom::Tree& tree);

void register_machines(qom::TypeRegistry& types);

} // namespace minivisor::machine
