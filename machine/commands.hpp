// SPDX-License-Identifier: GPL-3.0-or-later
// Binds the commands about the machine: run control, names, RAM.
#pragma once

#include "machine/dirty_rate.hpp"
#include "machine/machine.hpp"
#include "qapi/registry.hpp"
#include "util/worker.hpp"

namespace minivisor::machine {

/// Everything passed in must outlive the registry's use. Bulk copies run on `worker`.
void bind_commands(
    qapi::Registry& registry, Machine& machine, qom::Tree& tree, util::Worker& worker, DirtyRate& dirty_rate);

} // namespace minivisor::machine
