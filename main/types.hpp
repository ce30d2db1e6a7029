// SPDX-License-Identifier: GPL-3.0-or-later
// Every QOM type of the program, one line each.
#pragma once

#include "qom/type.hpp"

namespace minivisor::main {

void register_types(qom::TypeRegistry& types);

} // namespace minivisor::main
