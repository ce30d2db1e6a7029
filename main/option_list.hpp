// SPDX-License-Identifier: GPL-3.0-or-later
// query-command-line-options, derived from the table of options.
#pragma once

#include "qapi/registry.hpp"

namespace minivisor::main {

void bind_option_list(qapi::Registry& registry);

} // namespace minivisor::main
