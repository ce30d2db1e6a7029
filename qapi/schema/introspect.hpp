// SPDX-License-Identifier: GPL-3.0-or-later
// Twin of QEMU's qapi/introspect.json. The entries are made from the registry by qmp/introspect.
#pragma once

#include "qapi/command.hpp"

namespace minivisor::qapi {

/// An array of SchemaInfo (QEMU's docs/devel/qapi-code-gen, "Client JSON Protocol introspection").
struct QueryQmpSchema : Command<"query-qmp-schema", Empty, Value> {
    static constexpr CommandInfo info{.summary = "The whole language: commands, events and their types."};
};

struct QueryCommandSchemaArguments {
    std::string name;
};
BOOST_DESCRIBE_STRUCT(QueryCommandSchemaArguments, (), (name))
constexpr auto docs(QueryCommandSchemaArguments const*) { return members({{"name", "a command or an event"}}); }
struct QueryCommandSchema : Command<"__org.minivisor_query-command-schema", QueryCommandSchemaArguments, Value> {
    static constexpr CommandInfo info{
        .summary = "The part of query-qmp-schema that describes one command or event, and the types it uses."};
};

} // namespace minivisor::qapi
