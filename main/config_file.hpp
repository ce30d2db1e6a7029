// SPDX-License-Identifier: GPL-3.0-or-later
// -readconfig: options in a file, in QEMU's form: a line `[group]` or `[group "ID"]`, and lines `key = "value"` in it.
#pragma once

#include "main/option_row.hpp"

namespace minivisor::main {

/// Reads the file that the option names and applies its groups as if their options had been given. An error names the
/// file and its line.
Result<void> read_config_file(Options& options, OptionUse const& use);

/// The same with the text of a file called `name`.
Result<void> read_config(Options& options, std::string_view text, std::string_view name);

} // namespace minivisor::main
