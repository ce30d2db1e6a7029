// SPDX-License-Identifier: GPL-3.0-or-later
// Commands about CPUs, devices, disks and networks: what there is of them, in QEMU's layout. And how fast
// the guest writes to its memory.
#pragma once

#include "hmp/command.hpp"

namespace minivisor::hmp {

void add_device_commands(CommandTable& table);

} // namespace minivisor::hmp
