// SPDX-License-Identifier: GPL-3.0-or-later
// Integer expressions as HMP's arguments i, l and M take them (qmp-surface, 13.2). Used by hmp/grammar.
#pragma once

#include "util/result.hpp"

#include <cstdint>
#include <string_view>

namespace minivisor::hmp {

/// Reads one expression from the front of `text` and takes it off, with the blanks around it: + - below
/// & | ^ below * / %, each from the left; unary + - ~; ( ); decimal, 0x and leading-0 octal numbers; 'c'.
/// It wraps at 64 bits. A register ($name) needs a CPU and is always unknown here.
Result<std::int64_t> take_expression(std::string_view& text);

} // namespace minivisor::hmp
