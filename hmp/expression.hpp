// SPDX-License-Identifier: GPL-3.0-or-later
// Integer expressions as HMP's arguments i, l and M take them (qmp-surface, 13.2).
#pragma once

#include "util/result.hpp"

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <string_view>

namespace minivisor::hmp {

/// What the registers of the CPU that is looked at hold, by name.
using Registers = std::map<std::string, std::uint64_t, std::less<>>;

/// Reads one expression from the front of `text` and takes it off, with the blanks around it: + - below
/// & | ^ below * / %, each from the left; unary + - ~; ( ); decimal, 0x and leading-0 octal numbers; 'c'.
/// It wraps at 64 bits. $name is one of `registers`.
Result<std::int64_t> take_expression(std::string_view& text, Registers const& registers);

} // namespace minivisor::hmp
