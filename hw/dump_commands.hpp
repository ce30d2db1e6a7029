// SPDX-License-Identifier: GPL-3.0-or-later
// Binds dump-guest-memory and what asks about it.
#pragma once

#include "hw/dump.hpp"
#include "qapi/registry.hpp"

namespace minivisor::hw {

/// Everything passed in must outlive the registry's use.
void bind_dump_commands(qapi::Registry& registry, Dump& dump);

} // namespace minivisor::hw
