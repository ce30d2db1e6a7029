// SPDX-License-Identifier: GPL-3.0-or-later
// Why a rule that looks right does not match: the mistakes that people make with distinguished names.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace minivisor::authz {

/// What keeps `rule`, compared byte for byte, from matching `identity`, if it is only one or more of these: upper and
/// lower case, blanks around ',' and '=', the order of the parts turned round (as other tools print them), a pattern
/// that would match were the rule one. "upper and lower case, blanks". Absent where it matches, or differs in more.
std::optional<std::string> near_miss(std::string_view rule, std::string_view identity);

} // namespace minivisor::authz
