// SPDX-License-Identifier: GPL-3.0-or-later
#include "monitor/tracing.hpp"

#include "qapi/schema/trace.hpp"
#include "util/log.hpp"
#include "util/trace.hpp"

namespace minivisor::monitor {

namespace {

/// The points that a name or a pattern means.
Result<std::vector<trace::Point>> find_points(std::string_view name, std::optional<std::int64_t> vcpu)
{
    if (vcpu)
        return Error::generic(cat("invalid vCPU index ", *vcpu));
    std::vector<trace::Point> found;
    auto const points = trace::points();
    for (std::size_t i = 0; i < points.size(); ++i)
        if (trace::is_pattern(name) ? trace::matches(name, points[i].name) : points[i].name == name)
            found.push_back(static_cast<trace::Point>(i));
    if (found.empty() && !trace::is_pattern(name))
        return Error::generic(cat("unknown event \"", name, "\""));
    return found;
}

Result<std::vector<qapi::TraceEventInfo>> states(qapi::TraceEventGetStateArguments const& arguments)
{
    std::vector<qapi::TraceEventInfo> infos;
    for (auto const point : TRY(find_points(arguments.name, arguments.vcpu)))
        infos.push_back({std::string(trace::points()[static_cast<std::size_t>(point)].name),
            trace::is_on(point) ? qapi::TraceEventState::enabled : qapi::TraceEventState::disabled, false});
    return infos;
}

Result<void> set_states(qapi::TraceEventSetStateArguments const& arguments)
{
    for (auto const point : TRY(find_points(arguments.name, arguments.vcpu)))
        trace::set(point, arguments.enable);
    return {};
}

} // namespace

Result<void> set_log_items(std::string_view items)
{
    constexpr std::string_view prefix = "trace:";
    auto const list = util::split(items, ',');
    for (auto const item : list)
        if (item != "none" && !item.starts_with(prefix))
            return Error::generic(cat("invalid log item '", item, "'"));
    for (auto const item : list) {
        if (item == "none") {
            for (std::size_t i = 0; i < trace::points().size(); ++i)
                trace::set(static_cast<trace::Point>(i), false);
        } else {
            trace::enable(item.substr(prefix.size()), {});
        }
    }
    return {};
}

void bind_trace_commands(qapi::Registry& registry)
{
    registry.bind<qapi::TraceEventGetState>(
        [](qapi::TraceEventGetStateArguments arguments) { return states(arguments); });
    registry.bind<qapi::TraceEventSetState>(
        [](qapi::TraceEventSetStateArguments arguments) { return set_states(arguments); });
    registry.bind<qapi::SetLog>([](qapi::SetLogArguments arguments) { return set_log_items(arguments.items); });
    registry.bind<qapi::SetLogFile>(
        [](qapi::SetLogFileArguments arguments) { return util::log::open_file(arguments.filename); });
}

} // namespace minivisor::monitor
