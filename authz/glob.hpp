// SPDX-License-Identifier: GPL-3.0-or-later
// GLib's simple patterns, which the rules of QEMU's access lists use (qmp-surface section 11).
#pragma once

#include <string_view>

namespace minivisor::authz {

/// Whether all of `text` matches `pattern`: '*' is any run of characters, also none; '?' is one character of UTF-8;
/// everything else, brackets and backslashes too, is itself. Takes time in the order of the product of both lengths
/// at most. Text that is no UTF-8 is taken byte by byte.
bool glob_match(std::string_view pattern, std::string_view text);

} // namespace minivisor::authz
