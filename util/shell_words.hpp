// SPDX-License-Identifier: GPL-3.0-or-later
// A command line as words, the way a shell splits it and nothing more: quotes and backslashes, no variables, no
// patterns, no comments. For arguments that people type; nothing here is ever given to a shell.
#pragma once

#include "util/result.hpp"

#include <string>
#include <string_view>
#include <vector>

namespace minivisor::util {

/// One word at least; the errors are those that QEMU passes on from GLib.
Result<std::vector<std::string>> split_shell_words(std::string_view text);

} // namespace minivisor::util
