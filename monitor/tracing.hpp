// SPDX-License-Identifier: GPL-3.0-or-later
// Binds the commands of the log and its trace points.
#pragma once

#include "qapi/registry.hpp"

namespace minivisor::monitor {

/// The items of -d and of HMP's `log`: "none", or "trace:PATTERN,...".
Result<void> set_log_items(std::string_view items);

void bind_trace_commands(qapi::Registry& registry);

} // namespace minivisor::monitor
