// SPDX-License-Identifier: GPL-3.0-or-later
#include "hw/dump_commands.hpp"

namespace minivisor::hw {

void bind_dump_commands(qapi::Registry& registry, Dump& dump)
{
    registry.bind<qapi::DumpGuestMemory>([&dump](qapi::DumpGuestMemoryArguments arguments, qapi::CallContext& context) {
        return dump.dump(std::move(arguments), context.descriptors);
    });
    registry.bind<qapi::QueryDump>([&dump]() -> Result<qapi::DumpQueryResult> { return dump.info(); });
    registry.bind<qapi::QueryDumpGuestMemoryCapability>([]() -> Result<qapi::DumpGuestMemoryCapability> {
        qapi::DumpGuestMemoryCapability capability;
        capability.formats = {qapi::DumpGuestMemoryFormat::elf};
        return capability;
    });
    registry.declare_event<qapi::DumpCompletedEvent>();
}

} // namespace minivisor::hw
