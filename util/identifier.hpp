// SPDX-License-Identifier: GPL-3.0-or-later
// The ids that users give to objects, devices and monitors.
#pragma once

#include "util/result.hpp"
#include "util/text.hpp"

namespace minivisor::util {

/// "Parameter 'id' expects an identifier", where it is none.
inline Result<void> check_id(std::string_view id)
{
    if (is_identifier(id))
        return {};
    return Error::generic("Parameter 'id' expects an identifier")
        .with_hint("Identifiers consist of letters, digits, '-', '.', '_', starting with a letter.");
}

} // namespace minivisor::util
