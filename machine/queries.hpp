// SPDX-License-Identifier: GPL-3.0-or-later
// Binds what management software asks about the machine before and while it uses it: machines, CPUs,
// devices, disks. Much of it has a short answer here, and a client must get it all the same.
#pragma once

#include "machine/machine.hpp"
#include "qapi/registry.hpp"

namespace minivisor::machine {

/// Everything passed in must outlive the registry's use.
void bind_queries(qapi::Registry& registry, Machine& machine, qom::Tree const& tree);

} // namespace minivisor::machine
