// SPDX-License-Identifier: GPL-3.0-or-later
// Tells people which guest address belongs to what (`info mtree`), in QEMU's layout.
#pragma once

#include "machine/memory.hpp"
#include "qapi/registry.hpp"

#include <functional>

namespace minivisor::hw {

/// A device's registers, in memory or among the ports.
struct IoRange {
    std::string name;
    std::uint64_t address = 0;
    std::uint64_t size = 0;
};

/// What is in the address spaces beside RAM.
struct AddressSpaces {
    unsigned cpus = 0;
    bool kvm = false;
    std::vector<IoRange> memory, ports;
};

std::string memory_tree(machine::Memory const& memory, AddressSpaces const& others);
/// With each range as it is seen.
std::string flat_memory(machine::Memory const& memory, AddressSpaces const& others);

/// `others` is asked at each call. Everything passed in must outlive the registry's use.
void bind_mtree(qapi::Registry& registry, machine::Memory const& memory, std::function<AddressSpaces()> others);

} // namespace minivisor::hw
