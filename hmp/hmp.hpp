// SPDX-License-Identifier: GPL-3.0-or-later
// The front for people: the whole table of commands, sessions in line mode, and human-monitor-command.
// The console on a terminal is hmp/console.
#pragma once

#include "hmp/command.hpp"
#include "monitor/session.hpp"

namespace minivisor::hmp {

/// Every command there is.
CommandTable const& command_table();

/// Makes sessions for sockets and pipes.
monitor::SessionFactory session_factory();

/// Binds human-monitor-command. Its lines are run through `house`, which must outlive the registry's use.
void bind_commands(qapi::Registry& registry, monitor::House& house);

} // namespace minivisor::hmp
