// SPDX-License-Identifier: GPL-3.0-or-later
// Commands about access control: what would be decided, and which credentials are in force.
#pragma once

#include "hmp/command.hpp"

namespace minivisor::hmp {

/// Adds authz_explain, x509_identity, tls_creds_reload, info authz and info tls.
void add_authz_commands(CommandTable& table);

} // namespace minivisor::hmp
