// SPDX-License-Identifier: GPL-3.0-or-later
#include "hmp/cmd_machine.hpp"

#include "hmp/memory_dump.hpp"
#include "qapi/schema/machine.hpp"
#include "qapi/schema/misc.hpp"
#include "qapi/schema/run_state.hpp"
#include "util/text.hpp"

#include <algorithm>

namespace minivisor::hmp {

namespace {

using boost::asio::awaitable;

std::string_view true_or_false(bool value) { return value ? "true" : "false"; }

awaitable<void> info_status(CommandContext& context, qapi::Object)
{
    auto const status = co_await context.call<qapi::QueryStatus>();
    if (!status) {
        context.error(status.error());
        co_return;
    }
    auto text = cat("VM status: ", status->running ? "running" : "paused");
    if (!status->running && status->status != qapi::RunState::paused)
        text += cat(" (", qapi::wire_name(status->status), ")");
    context.print(text + "\n");
}

awaitable<void> info_name(CommandContext& context, qapi::Object)
{
    auto const info = co_await context.call<qapi::QueryName>();
    if (!info)
        context.error(info.error());
    else if (info->name)
        context.print(cat(*info->name, "\n"));
}

awaitable<void> info_uuid(CommandContext& context, qapi::Object)
{
    auto const info = co_await context.call<qapi::QueryUuid>();
    if (!info)
        context.error(info.error());
    else
        context.print(cat(info->UUID, "\n"));
}

awaitable<void> info_vnc(CommandContext& context, qapi::Object)
{
    context.print("None\n"); // no machine here has a display
    co_return;
}

awaitable<void> info_kvm(CommandContext& context, qapi::Object)
{
    auto const info = co_await context.call<qapi::QueryKvm>();
    if (!info)
        context.error(info.error());
    else
        context.print(cat("kvm support: ",
            !info->present      ? "not compiled"
                : info->enabled ? "enabled"
                                : "disabled",
            "\n"));
}

awaitable<void> info_iothreads(CommandContext& context, qapi::Object)
{
    auto const list = co_await context.call<qapi::QueryIothreads>();
    if (!list) {
        context.error(list.error());
        co_return;
    }
    for (auto const& thread : *list)
        context.print(cat(thread.id, ":\n  thread_id=", thread.thread_id, "\n  poll-max-ns=", thread.poll_max_ns,
            "\n  poll-grow=", thread.poll_grow, "\n  poll-shrink=", thread.poll_shrink,
            "\n  aio-max-batch=", thread.aio_max_batch, "\n"));
}

awaitable<void> info_memory_size_summary(CommandContext& context, qapi::Object)
{
    auto const info = co_await context.call<qapi::QueryMemorySizeSummary>();
    if (!info) {
        context.error(info.error());
        co_return;
    }
    auto text = cat("base memory: ", info->base_memory.bytes, "\n");
    if (info->plugged_memory)
        text += cat("plugged memory: ", info->plugged_memory->bytes, "\n");
    context.print(text);
}

std::string memdev_text(qapi::Memdev const& memdev)
{
    std::vector<std::string> nodes;
    for (auto const node : memdev.host_nodes)
        nodes.push_back(std::to_string(node));
    auto text = cat("memory backend: ", memdev.id.value_or(""), "\n  size:  ", memdev.size.bytes,
        "\n  merge: ", true_or_false(memdev.merge), "\n  dump: ", true_or_false(memdev.dump),
        "\n  prealloc: ", true_or_false(memdev.prealloc), "\n  share: ", true_or_false(memdev.share), "\n");
    if (memdev.reserve)
        text += cat("  reserve: ", true_or_false(*memdev.reserve), "\n");
    return text + cat("  policy: ", qapi::wire_name(memdev.policy), "\n  host nodes: ", util::join(nodes, ","), "\n");
}

awaitable<void> info_memdev(CommandContext& context, qapi::Object)
{
    auto const memdevs = co_await context.call<qapi::QueryMemdev>();
    if (!memdevs) {
        context.error(memdevs.error());
        co_return;
    }
    std::string text;
    for (auto const& memdev : *memdevs)
        text += memdev_text(memdev);
    context.print(text + "\n");
}

awaitable<void> print_value(CommandContext& context, qapi::Object args)
{
    auto const format = text_of(args.at("fmt").as_object(), "format");
    context.print(print_number(format.front(), number_of(args, "val")) + "\n");
    co_return;
}

} // namespace

void add_machine_commands(CommandTable& table)
{
    table.add({"stop|s", {}, "", "stop the guest", pass_on<qapi::Stop>});
    table.add({"cont|c", {}, "", "let the guest run", pass_on<qapi::Cont>});
    table.add({"system_reset", {}, "", "reset the guest", pass_on<qapi::SystemReset>});
    table.add({"system_powerdown", {}, "", "ask the guest to power down", pass_on<qapi::SystemPowerdown>});
    table.add({"print|p", {{"fmt", ArgKind::format}, {"val", ArgKind::integer64}}, "/fmt expr",
        "show the value of an expression", print_value});
    table.add_topic({"status", {}, "", "whether the guest runs", info_status});
    table.add_topic({"name", {}, "", "the guest's name", info_name});
    table.add_topic({"uuid", {}, "", "the guest's UUID", info_uuid});
    table.add_topic({"kvm", {}, "", "whether KVM is used", info_kvm});
    table.add_topic({"iothreads", {}, "", "the I/O threads", info_iothreads});
    table.add_topic({"vnc", {}, "", "the VNC servers, of which there are none", info_vnc});
    table.add_topic({"memdev", {}, "", "the memory backends", info_memdev});
    table.add_topic(
        {"memory_size_summary", {}, "", "how much memory the guest has, in bytes", info_memory_size_summary});
}

} // namespace minivisor::hmp
