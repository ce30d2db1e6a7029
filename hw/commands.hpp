// SPDX-License-Identifier: GPL-3.0-or-later
// Binds the commands about CPUs and what they see. Where the machine has none, they say so.
#pragma once

#include "hw/mini.hpp"
#include "qapi/registry.hpp"

namespace minivisor::hw {

/// `mini` may be null. Everything passed in must outlive the registry's use.
void bind_commands(qapi::Registry& registry, machine::Machine& machine, Mini* mini);

} // namespace minivisor::hw
