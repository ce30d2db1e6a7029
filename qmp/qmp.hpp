// SPDX-License-Identifier: GPL-3.0-or-later
// The front for programs: makes sessions and binds the commands that are about QMP itself.
#pragma once

#include "qmp/session.hpp"

namespace minivisor::qmp {

monitor::SessionFactory session_factory(SessionOptions options);

/// Binds qmp_capabilities, query-version, query-commands and query-qmp-schema.
void bind_commands(qapi::Registry& registry);

} // namespace minivisor::qmp
