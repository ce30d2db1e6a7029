// SPDX-License-Identifier: GPL-3.0-or-later
// The line that shows a person how a migration goes on: bar, share, amount, rates, time left.
#pragma once

#include "qapi/schema/migration.hpp"

#include <string>

namespace minivisor::hmp {

/// At most `columns` - 1 characters to be seen, so that the line never wraps. With `colors`, escape
/// sequences that take no room are added.
std::string progress_line(qapi::MigrationInfo const& info, unsigned columns, bool colors);

} // namespace minivisor::hmp
