// SPDX-License-Identifier: GPL-3.0-or-later
// Creating and deleting objects on a user's behalf: object-add, object_add and -object end here.
// Creation is whole or not at all (qmp-surface section 3.4).
#pragma once

#include "qom/tree.hpp"

namespace minivisor::qom {

/// An object that may be created: its type, id and options are in order.
struct PreparedObject {
    Type const* type;
    std::string id;
    std::shared_ptr<void> options; ///< a value of type->options
};

/// Looks at the arguments: members qom-type and id and those of the type, flat, or nested under "props"
/// (the form before QEMU 6.0) or "parameters". `spelling` says how scalars are written.
Result<PreparedObject> prepare_user_object(TypeRegistry const& types, qapi::Object arguments, qapi::Spelling spelling);
/// Creates it and attaches it under /objects.
Result<void> create_user_object(Tree& tree, PreparedObject prepared);
/// The two together.
Result<void> add_user_object(Tree& tree, qapi::Object arguments, qapi::Spelling spelling);

Result<void> delete_user_object(Tree& tree, std::string const& id);

/// The lines of "object_add help" and "-object help", without line ends.
std::vector<std::string> creatable_types_help(TypeRegistry const& types);
/// The lines of "object_add TYPE,help".
Result<std::vector<std::string>> type_help(TypeRegistry const& types, std::string_view name);

} // namespace minivisor::qom
