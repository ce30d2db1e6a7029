// SPDX-License-Identifier: GPL-3.0-or-later
// An ELF core file of 64 bits, as gdb and crash read it: the CPUs' registers as notes, guest memory by its physical
// addresses. It is put together in memory but for the guest's memory itself, which is written from where it lies.
#pragma once

#include "hw/cpu_registers.hpp"
#include "machine/memory.hpp"
#include "util/result.hpp"

#include <atomic>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace minivisor::hw {

/// Guest memory from `begin` on, `length` bytes.
struct CoreFilter {
    std::uint64_t begin = 0;
    std::uint64_t length = 0;
};

class CoreFile {
public:
    /// The memory outlives it.
    CoreFile(machine::Memory const& memory, std::optional<CoreFilter> filter, std::vector<CpuRegisters> const& cpus);

    /// Bytes of guest memory in it.
    std::uint64_t memory_size() const { return m_memory_size; }
    /// Writes all of it; any thread, while the guest stands still. `done` counts bytes of guest memory; once `stop` is
    /// set it ends with an error within moments, even where nobody reads what is written.
    Result<void> write(int fd, std::atomic<std::uint64_t>& done, std::atomic<bool> const& stop) const;

private:
    struct Load {
        std::uint64_t address = 0;
        std::span<std::byte const> bytes;
    };
    std::string headers() const;

    std::vector<Load> m_loads;
    std::string m_notes;
    std::uint64_t m_memory_size = 0;
};

} // namespace minivisor::hw
