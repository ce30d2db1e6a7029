// SPDX-License-Identifier: GPL-3.0-or-later
// The command that tells what the authorization objects have answered.
#pragma once

#include "qapi/registry.hpp"
#include "qom/tree.hpp"

namespace minivisor::authz {

void bind_commands(qapi::Registry& registry, qom::Tree& tree);

} // namespace minivisor::authz
