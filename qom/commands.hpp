// SPDX-License-Identifier: GPL-3.0-or-later
// Binds qom-list, qom-get, qom-set, qom-list-types, qom-list-properties, object-add and object-del.
#pragma once

#include "qapi/registry.hpp"
#include "qom/tree.hpp"

namespace minivisor::qom {

/// `tree` must outlive the registry's use.
void bind_commands(qapi::Registry& registry, Tree& tree);

} // namespace minivisor::qom
