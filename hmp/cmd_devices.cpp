// SPDX-License-Identifier: GPL-3.0-or-later
#include "hmp/cmd_devices.hpp"

#include "qapi/schema/block.hpp"
#include "qapi/schema/dirty_rate.hpp"
#include "qapi/schema/machine.hpp"
#include "qapi/schema/migration.hpp"
#include "qapi/schema/net.hpp"
#include "qapi/schema/qom.hpp"
#include "qapi/schema/run_state.hpp"
#include "util/text.hpp"

namespace minivisor::hmp {

namespace {

using boost::asio::awaitable;

awaitable<void> info_qdm(CommandContext& context, qapi::Object)
{
    qapi::QomListTypesArguments wanted{"device", {}};
    auto const list = co_await context.call<qapi::QomListTypes>(std::move(wanted));
    if (!list) {
        context.error(list.error());
        co_return;
    }
    std::string text = "Misc devices:\n";
    for (auto const& type : *list)
        text += cat("name \"", type.name, "\"\n");
    context.print(text);
}

awaitable<void> info_ramblock(CommandContext& context, qapi::Object)
{
    auto const table = co_await context.call<qapi::QueryRamblock>();
    if (!table)
        context.error(table.error());
    else
        context.print(table->human_readable_text);
}

awaitable<void> info_block(CommandContext& context, qapi::Object args)
{
    auto const list = co_await context.call<qapi::QueryBlock>();
    if (!list) {
        context.error(list.error());
        co_return;
    }
    for (auto const& drive : *list)
        if (!args.contains("device") || drive.device == text_of(args, "device"))
            context.print(cat(drive.device, "\n"));
}

awaitable<void> info_block_jobs(CommandContext& context, qapi::Object)
{
    auto const list = co_await context.call<qapi::QueryBlockJobs>();
    if (!list) {
        context.error(list.error());
        co_return;
    }
    if (list->empty())
        context.print("No active jobs\n");
    for (auto const& job : *list)
        context.print(
            cat("Type ", job.type, ", device ", job.device, ": Completed ", job.offset, " of ", job.len, " bytes\n"));
}

/// With the timing that the migration parameters announce-* give.
awaitable<void> announce_self(CommandContext& context, qapi::Object args)
{
    auto const parameters = co_await context.call<qapi::QueryMigrateParameters>();
    if (!parameters) {
        context.error(parameters.error());
        co_return;
    }
    auto const number = [](std::optional<qapi::Size> const& parameter) {
        return static_cast<std::int64_t>(parameter.value_or(qapi::Size()).bytes);
    };
    qapi::AnnounceParameters wanted;
    wanted.initial = number(parameters->announce_initial);
    wanted.max = number(parameters->announce_max);
    wanted.rounds = number(parameters->announce_rounds);
    wanted.step = number(parameters->announce_step);
    if (args.contains("interfaces")) {
        wanted.interfaces.emplace();
        auto const interfaces = text_of(args, "interfaces");
        for (auto const name : util::split(interfaces, ','))
            wanted.interfaces->emplace_back(name);
    }
    if (args.contains("id"))
        wanted.id = text_of(args, "id");
    auto const done = co_await context.call<qapi::AnnounceSelf>(std::move(wanted));
    if (!done)
        context.error(done.error());
}

awaitable<void> calc_dirty_rate(CommandContext& context, qapi::Object args)
{
    auto const second = number_of(args, "second");
    bool const ring = has_flag(args, "dirty_ring");
    bool const bitmap = has_flag(args, "dirty_bitmap");
    if (second == 0) {
        context.print("Incorrect period length specified!\n");
        co_return;
    }
    if (ring && bitmap) {
        context.print("Either dirty ring or dirty bitmap can be specified!\n");
        co_return;
    }
    qapi::CalcDirtyRateArguments wanted{second, {}, {}};
    if (args.contains("sample_pages_per_GB") && number_of(args, "sample_pages_per_GB") != -1) // QEMU's "none"
        wanted.sample_pages = number_of(args, "sample_pages_per_GB");
    if (ring || bitmap)
        wanted.mode = ring ? qapi::DirtyRateMeasureMode::dirty_ring : qapi::DirtyRateMeasureMode::dirty_bitmap;
    auto const begun = co_await context.call<qapi::CalcDirtyRate>(std::move(wanted));
    if (!begun)
        context.error(begun.error());
    else
        context.print(cat("Starting dirty rate measurement with period ", second,
            " seconds\n[Please use 'info dirty_rate' to check results]\n"));
}

awaitable<void> info_dirty_rate(CommandContext& context, qapi::Object)
{
    auto const info = co_await context.call<qapi::QueryDirtyRate>();
    if (!info) {
        context.error(info.error());
        co_return;
    }
    // The unit of the start is QEMU's mistake: it is seconds in both.
    context.print(cat("Status: ", qapi::wire_name(info->status), "\nStart Time: ", info->start_time,
        " (ms)\nSample Pages: ", info->sample_pages, " (per GB)\nPeriod: ", info->calc_time,
        " (sec)\nMode: ", qapi::wire_name(info->mode),
        "\nDirty rate: ", info->dirty_rate ? cat(*info->dirty_rate, " (MB/s)") : std::string("(not ready)"), "\n"));
    for (auto const& cpu : info->vcpu_dirty_rate.value_or(std::vector<qapi::DirtyRateVcpu>{}))
        context.print(cat("vcpu[", cpu.id, "], Dirty rate: ", cpu.dirty_rate, " (MB/s)\n"));
}

} // namespace

void add_device_commands(CommandTable& table)
{
    table.add({"system_wakeup", {}, "", "wake the guest from its sleep", pass_on<qapi::SystemWakeup>});
    table.add({"nmi", {}, "", "send a non-maskable interrupt", pass_on<qapi::InjectNmi>});
    table.add({"announce_self", {{"interfaces", ArgKind::word, true}, {"id", ArgKind::word, true}}, "[interfaces] [id]",
        "make switches learn where the guest is", announce_self});
    table.add({"calc_dirty_rate",
        {{"dirty_ring", ArgKind::flag, false, 'r'}, {"dirty_bitmap", ArgKind::flag, false, 'b'},
            {"second", ArgKind::integer64}, {"sample_pages_per_GB", ArgKind::integer64, true}},
        "[-r] [-b] second [sample_pages_per_GB]",
        "measure how fast the guest writes to its memory\n-r, -b: by the accelerator's dirty ring or bitmap",
        calc_dirty_rate});
    table.add_topic({"dirty_rate", {}, "", "what calc_dirty_rate has found", info_dirty_rate});
    table.add_topic({"qdm", {}, "", "the types of devices", info_qdm});
    table.add_topic({"ramblock", {}, "", "the blocks of RAM", info_ramblock});
    table.add_topic({"block",
        {{"nodes", ArgKind::flag, false, 'n'}, {"verbose", ArgKind::flag, false, 'v'}, {"device", ArgKind::word, true}},
        "[-n] [-v] [device]", "the block devices, or one of them\n-n, -v: nodes rather than devices, with more of each",
        info_block});
    table.add_topic({"block-jobs", {}, "", "the jobs on block devices", info_block_jobs});
}

} // namespace minivisor::hmp
