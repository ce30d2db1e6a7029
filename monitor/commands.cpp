// SPDX-License-Identifier: GPL-3.0-or-later
#include "monitor/commands.hpp"

#include "qapi/schema/control.hpp"
#include "qapi/schema/misc.hpp"
#include "util/fd_sets.hpp"

namespace minivisor::monitor {

namespace {

Result<util::FdTable*> descriptors(qapi::CallContext& context)
{
    if (!context.descriptors)
        return Error::generic("No file descriptor supplied via SCM_RIGHTS");
    return context.descriptors;
}

} // namespace

void bind_commands(qapi::Registry& registry, std::function<void()> quit)
{
    registry.bind<qapi::Quit>([quit = std::move(quit)]() -> Result<void> { return quit(), Result<void>(); });
    registry.bind<qapi::Getfd>([](qapi::GetfdArguments arguments, qapi::CallContext& context) -> Result<void> {
        return TRY(descriptors(context))->name_received(arguments.fdname);
    });
    registry.bind<qapi::Closefd>([](qapi::GetfdArguments arguments, qapi::CallContext& context) -> Result<void> {
        return TRY(descriptors(context))->close(arguments.fdname);
    });
}

} // namespace minivisor::monitor
