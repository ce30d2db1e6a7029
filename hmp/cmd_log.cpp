// SPDX-License-Identifier: GPL-3.0-or-later
#include "hmp/cmd_log.hpp"

#include "qapi/schema/trace.hpp"
#include "util/text.hpp"

namespace minivisor::hmp {

namespace {

using boost::asio::awaitable;

constexpr std::string_view items_help = "Log items (comma separated):\n"
                                        "none            remove all logs\n"
                                        "trace:PATTERN   enable trace events\n"
                                        "\n"
                                        "Use \"log trace:help\" to get a list of trace events.\n"
                                        "\n";

/// As QEMU, whose trace-event and info trace-events say what is wrong without "Error: ".
void complain(CommandContext& context, Error const& error) { context.print(cat(error.desc(), "\n")); }

std::optional<std::int64_t> number_if_given(qapi::Object const& args, std::string_view name)
{
    auto const* found = args.if_contains(name);
    if (!found || !found->is_int64())
        return std::nullopt;
    return found->get_int64();
}

awaitable<void> trace_event(CommandContext& context, qapi::Object args)
{
    qapi::TraceEventSetStateArguments arguments;
    arguments.name = text_of(args, "name");
    arguments.enable = has_flag(args, "option");
    arguments.ignore_unavailable = true;
    arguments.vcpu = number_if_given(args, "vcpu");
    auto const done = co_await context.call<qapi::TraceEventSetState>(std::move(arguments));
    if (!done)
        complain(context, done.error());
}

awaitable<void> info_trace_events(CommandContext& context, qapi::Object args)
{
    auto const pattern = args.contains("name") ? text_of(args, "name") : std::string("*");
    qapi::TraceEventGetStateArguments arguments{pattern, number_if_given(args, "vcpu")};
    auto const points = co_await context.call<qapi::TraceEventGetState>(std::move(arguments));
    if (!points) {
        complain(context, points.error());
        co_return;
    }
    std::string text;
    for (auto const& point : *points)
        text += cat(point.name, " : state ", point.state == qapi::TraceEventState::enabled ? 1 : 0, "\n");
    context.print(text);
}

awaitable<void> list_trace_events(CommandContext& context)
{
    qapi::TraceEventGetStateArguments arguments{"*", std::nullopt};
    auto const points = co_await context.call<qapi::TraceEventGetState>(std::move(arguments));
    if (!points)
        co_return complain(context, points.error());
    std::string text;
    for (auto const& point : *points)
        text += cat(point.name, "\n");
    context.print(text);
}

awaitable<void> log(CommandContext& context, qapi::Object args)
{
    auto const items = text_of(args, "items");
    if (items == "trace:help") {
        auto listing = list_trace_events(context);
        co_return co_await std::move(listing);
    }
    qapi::SetLogArguments arguments{items};
    auto const done = co_await context.call<qapi::SetLog>(std::move(arguments));
    if (!done)
        context.print(items_help);
}

awaitable<void> logfile(CommandContext& context, qapi::Object args)
{
    qapi::SetLogFileArguments arguments{text_of(args, "filename")};
    auto const done = co_await context.call<qapi::SetLogFile>(std::move(arguments));
    if (!done)
        complain(context, done.error());
}

} // namespace

void add_log_commands(CommandTable& table)
{
    table.add({"log", {{"items"}}, "item1[,...]", "say what goes into the log: none, or trace:PATTERN", log});
    table.add({"logfile", {{"filename", ArgKind::file}}, "filename", "let the log go to a file", logfile,
        {Completion::file}});
    table.add({"trace-event", {{"name"}, {"option", ArgKind::boolean}, {"vcpu", ArgKind::integer32, true}},
        "name on|off [vcpu]", "switch trace points on or off; the name may be a pattern", trace_event,
        {Completion::trace_point, Completion::on_off}});
    table.add_topic({"trace-events", {{"name", ArgKind::word, true}, {"vcpu", ArgKind::integer32, true}},
        "[name] [vcpu]", "the trace points and whether they are on; the name may be a pattern", info_trace_events,
        {Completion::trace_point}});
}

} // namespace minivisor::hmp
