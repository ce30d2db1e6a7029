// SPDX-License-Identifier: GPL-3.0-or-later
// Where the process says what goes on: messages (-msg), the log (-D, -d) and the trace points in it (-trace).
#pragma once

#include "main/options.hpp"

namespace minivisor::main {

/// Puts the options into force. Before it messages have no time, and trace points are off.
Result<void> open_diagnostics(Options const& options);

} // namespace minivisor::main
