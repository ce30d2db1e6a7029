// SPDX-License-Identifier: GPL-3.0-or-later
// Commands that answer questions about access control.
#pragma once

#include "hmp/command.hpp"

namespace minivisor::hmp {

/// Adds authz_explain and x509_identity.
void add_authz_commands(CommandTable& table);

} // namespace minivisor::hmp
