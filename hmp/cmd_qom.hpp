// SPDX-License-Identifier: GPL-3.0-or-later
// HMP commands about objects: object_add, object_del, qom-list, qom-get, qom-set, info qom-tree.
#pragma once

#include "hmp/command.hpp"

namespace minivisor::hmp {

void add_qom_commands(CommandTable& table);

} // namespace minivisor::hmp
