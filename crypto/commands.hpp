// SPDX-License-Identifier: GPL-3.0-or-later
// Binds the commands about loaded TLS credentials.
#pragma once

#include "qapi/registry.hpp"
#include "qom/tree.hpp"

namespace minivisor::crypto {

void bind_commands(qapi::Registry& registry, qom::Tree& tree);

} // namespace minivisor::crypto
