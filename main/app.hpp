// SPDX-License-Identifier: GPL-3.0-or-later
// Builds the house from the options, opens it, and closes it in the reverse order.
#pragma once

#include "main/options.hpp"

namespace minivisor::main {

/// Runs to the end; the result is the exit status. An error is one of the start.
Result<int> run(Options options);

} // namespace minivisor::main
