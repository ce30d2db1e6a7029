// SPDX-License-Identifier: GPL-3.0-or-later
// Sizes that people type, with an error in the words that QEMU has for a parameter. What is no parameter's takes
// parse_size of util/text.
#pragma once

#include "util/result.hpp"

#include <cstdint>
#include <string_view>

namespace minivisor::util {

/// The size that `text` names, as parse_size reads it; `name` is that of the parameter, for the error.
Result<std::uint64_t> read_size(std::string_view name, std::string_view text, std::uint64_t default_unit = 1);

} // namespace minivisor::util
