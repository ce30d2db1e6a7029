// SPDX-License-Identifier: GPL-3.0-or-later
#include "qmp/qmp.hpp"

#include "qapi/schema/introspect.hpp"
#include "qmp/introspect.hpp"

namespace minivisor::qmp {

monitor::SessionFactory session_factory(SessionOptions options)
{
    return [options](
               monitor::House& house, monitor::Wire& wire) { return std::make_unique<Session>(house, wire, options); };
}

void bind_commands(qapi::Registry& registry)
{
    // A session answers the first one itself; here is what every later one hears.
    registry.bind<qapi::QmpCapabilities>([](qapi::QmpCapabilitiesArguments) -> Result<void> {
        return Error::command_not_found("Capabilities negotiation is already complete, command ignored");
    });
    registry.bind<qapi::QueryVersion>([] { return Result<qapi::VersionInfo>(version_info()); });
    registry.bind<qapi::QueryCommands>([&registry]() -> Result<std::vector<qapi::NamedCommand>> {
        std::vector<qapi::NamedCommand> list;
        for (auto const& [name, command] : registry.commands())
            list.push_back({name});
        return list;
    });
    registry.bind<qapi::QueryQmpSchema>(
        [schema = std::optional<qapi::Value>(), &registry]() mutable -> Result<qapi::Value> {
            if (!schema)
                schema = schema_of(registry);
            return *schema;
        });
    registry.bind<qapi::QueryCommandSchema>([&registry](qapi::QueryCommandSchemaArguments const& arguments) {
        return schema_of(registry, arguments.name);
    });
}

} // namespace minivisor::qmp
