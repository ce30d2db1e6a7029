// SPDX-License-Identifier: GPL-3.0-or-later
#include "monitor/commands.hpp"

#include "qapi/schema/control.hpp"
#include "qapi/schema/misc.hpp"

namespace minivisor::monitor {

namespace {

Result<util::FdTable*> descriptors(qapi::CallContext& context)
{
    if (!context.descriptors)
        return Error::generic("No file descriptor supplied via SCM_RIGHTS");
    return context.descriptors;
}

/// As QEMU lists them: the newest number first.
std::vector<qapi::FdsetInfo> list_sets(util::FdSets const& sets)
{
    std::vector<qapi::FdsetInfo> list;
    for (auto set = sets.sets().rbegin(); set != sets.sets().rend(); ++set) {
        auto& info = list.emplace_back(qapi::FdsetInfo{set->first, {}});
        for (auto const& entry : set->second)
            info.fds.push_back({entry.fd.get(), entry.opaque});
    }
    return list;
}

void bind_fd_sets(qapi::Registry& registry, util::FdSets& sets)
{
    registry.bind<qapi::AddFd>(
        [&sets](qapi::AddFdArguments arguments, qapi::CallContext& context) -> Result<qapi::AddfdInfo> {
            auto fd = TRY(TRY(descriptors(context))->take_received());
            auto const added = TRY(sets.add(std::move(fd), arguments.fdset_id, std::move(arguments.opaque)));
            return qapi::AddfdInfo{added.set, added.fd};
        });
    registry.bind<qapi::RemoveFd>(
        [&sets](qapi::RemoveFdArguments arguments) { return sets.remove(arguments.fdset_id, arguments.fd); });
    registry.bind<qapi::QueryFdsets>([&sets]() -> Result<std::vector<qapi::FdsetInfo>> { return list_sets(sets); });
}

} // namespace

void bind_commands(qapi::Registry& registry, util::FdSets& sets, std::function<void()> quit)
{
    bind_fd_sets(registry, sets);
    registry.bind<qapi::Quit>([quit = std::move(quit)]() -> Result<void> { return quit(), Result<void>(); });
    registry.bind<qapi::Getfd>([](qapi::GetfdArguments arguments, qapi::CallContext& context) -> Result<void> {
        return TRY(descriptors(context))->name_received(arguments.fdname);
    });
    registry.bind<qapi::Closefd>([](qapi::GetfdArguments arguments, qapi::CallContext& context) -> Result<void> {
        return TRY(descriptors(context))->close(arguments.fdname);
    });
}

} // namespace minivisor::monitor
