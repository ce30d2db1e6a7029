// SPDX-License-Identifier: GPL-3.0-or-later
// The short way through ordinary commands: a whole object in one piece, of plain strings, numbers and
// words. It knows no errors; whatever is out of the ordinary goes the long way, through JsonStream.
#pragma once

#include "qapi/value.hpp"

#include <cstddef>
#include <string_view>

namespace minivisor::qapi {

/// How much of a text is looked at, in bytes and levels; so no other limit can be met here.
inline constexpr std::size_t max_plain_bytes = 16384;
inline constexpr int max_plain_nesting = 16;

/// Reads an object from the front of `text` into `out`. The number of bytes it took; 0 means that the long
/// way must decide, and `out` is of no use.
std::size_t read_plain_object(std::string_view text, Value& out);

/// Where the run of plain string text (ASCII, no control, no backslash, not `quote`) from `at` ends.
char const* skip_plain(char const* at, char const* stop, char quote);

} // namespace minivisor::qapi
