// SPDX-License-Identifier: GPL-3.0-or-later
// HMP commands that look at the guest as a whole: dump-guest-memory, info dump, info mtree.
#pragma once

#include "hmp/command.hpp"

namespace minivisor::hmp {

void add_dump_commands(CommandTable& table);

} // namespace minivisor::hmp
