// SPDX-License-Identifier: GPL-3.0-or-later
// HMP commands about the machine: run control, memory, print; info status, name, uuid, kvm, memdev,
// memory_size_summary. Layouts are QEMU 7.2's (qmp-surface, 13.6).
#pragma once

#include "hmp/command.hpp"

namespace minivisor::hmp {

void add_machine_commands(CommandTable& table);

} // namespace minivisor::hmp
