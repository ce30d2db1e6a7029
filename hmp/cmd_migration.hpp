// SPDX-License-Identifier: GPL-3.0-or-later
// HMP commands about migration: migrate and its kin; info migrate, migrate_parameters,
// migrate_capabilities. `migrate` without -d holds the prompt until the migration is over.
#pragma once

#include "hmp/command.hpp"

namespace minivisor::hmp {

void add_migration_commands(CommandTable& table);

} // namespace minivisor::hmp
