// SPDX-License-Identifier: GPL-3.0-or-later
// Commands of the console about the log and its trace points.
#pragma once

#include "hmp/command.hpp"

namespace minivisor::hmp {

void add_log_commands(CommandTable& table);

} // namespace minivisor::hmp
