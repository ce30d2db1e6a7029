// SPDX-License-Identifier: GPL-3.0-or-later
// Binds the commands about loaded TLS credentials, and declares the keeper's events.
#pragma once

#include "crypto/tls_keeper.hpp"
#include "qapi/registry.hpp"
#include "qom/tree.hpp"

namespace minivisor::crypto {

void bind_commands(qapi::Registry& registry, qom::Tree& tree, TlsKeeper& keeper);

} // namespace minivisor::crypto
