// SPDX-License-Identifier: GPL-3.0-or-later
// Twin of QEMU's qapi/introspect.json. The entries are made from the registry by qmp/introspect.
#pragma once

#include "qapi/command.hpp"

namespace minivisor::qapi {

/// An array of SchemaInfo (QEMU's docs/devel/qapi-code-gen, "Client JSON Protocol introspection").
struct QueryQmpSchema : Command<"query-qmp-schema", Empty, Value> {
    static constexpr CommandInfo info{.summary = "The whole language: commands, events and their types."};
};

} // namespace minivisor::qapi
