// SPDX-License-Identifier: GPL-3.0-or-later
// What -object says, ready to be made.
#pragma once

#include "qom/user_object.hpp"

#include <string>

namespace minivisor::main {

/// The text of one -object, in either form.
Result<qom::PreparedObject> prepare_object(qom::TypeRegistry const& types, std::string const& text);

} // namespace minivisor::main
