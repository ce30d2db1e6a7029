// SPDX-License-Identifier: GPL-3.0-or-later
// HMP commands about core files of the guest: dump-guest-memory, info dump.
#pragma once

#include "hmp/command.hpp"

namespace minivisor::hmp {

void add_dump_commands(CommandTable& table);

} // namespace minivisor::hmp
