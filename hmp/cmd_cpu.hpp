// SPDX-License-Identifier: GPL-3.0-or-later
// CPUs, their registers, and memory as they see it or as it is: cpu, x, xp, memsave, pmemsave, info cpus, info
// registers.
#pragma once

#include "hmp/command.hpp"

namespace minivisor::hmp {

void add_cpu_commands(CommandTable& table);

} // namespace minivisor::hmp
