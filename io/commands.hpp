// SPDX-License-Identifier: GPL-3.0-or-later
// Answers beforehand what the door would say to a peer: the identity in a certificate, and whether it would come in.
// Also yank.
#pragma once

#include "io/yank.hpp"
#include "qapi/registry.hpp"
#include "qapi/schema/authz.hpp"
#include "qom/tree.hpp"

namespace minivisor::io {

/// The identity of the first certificate in a PEM file.
Result<std::string> identity_of_file(std::string const& path);

/// Asks the object as a connection would; nothing is counted or logged. Errors: there is nobody to ask about, or no
/// such object; a peer's certificate without a usable name.
Result<qapi::AuthzExplanation> explain(qom::Tree& tree, qapi::AuthzExplainArguments const& about);

/// Binds what asks about the door, and yank. Everything passed in outlives the registry's use.
void bind_commands(qapi::Registry& registry, qom::Tree& tree, Yank& yank);

} // namespace minivisor::io
