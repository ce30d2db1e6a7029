// SPDX-License-Identifier: GPL-3.0-or-later
// Binds migrate, migrate-*, query-migrate* and the events of migration.
#pragma once

#include "migration/migration.hpp"
#include "qapi/registry.hpp"

namespace minivisor::migration {

/// Both must outlive the registry's use. Name look-ups run on `worker`.
void bind_commands(qapi::Registry& registry, Migration& migration, util::Worker& worker);

} // namespace minivisor::migration
