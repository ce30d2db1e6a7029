// SPDX-License-Identifier: GPL-3.0-or-later
#include "hmp/cmd_migration.hpp"

#include "hmp/console_pause.hpp"
#include "hmp/migration_text.hpp"
#include "hmp/progress.hpp"
#include "util/text.hpp"

#include <algorithm>

namespace minivisor::hmp {

namespace {

using boost::asio::awaitable;
using qapi::MigrationStatus;

/// How often a person is shown how it goes; the first looks come sooner, for what is over at once.
constexpr std::chrono::milliseconds first_pause{5};
constexpr std::chrono::milliseconds longest_pause{100};

enum class Phase { going, waiting_for_operator, over };

Phase phase_of(MigrationStatus status)
{
    switch (status) {
    case MigrationStatus::completed:
    case MigrationStatus::failed:
    case MigrationStatus::cancelled: return Phase::over;
    // The next step is a command: migrate_continue, or migrate -r.
    case MigrationStatus::pre_switchover:
    case MigrationStatus::postcopy_paused: return Phase::waiting_for_operator;
    default: return Phase::going;
    }
}

/// The last words to a person who waited at a terminal.
void tell_end(CommandContext& context, Terminal& terminal, qapi::MigrationInfo const& info)
{
    auto const status = info.status.value_or(MigrationStatus::none);
    if (status == MigrationStatus::completed && info.ram)
        terminal.draw(progress_line(info, terminal.columns(), terminal.has_colors()));
    context.print("");
    if (status == MigrationStatus::failed)
        context.error(Error::generic(info.error_desc.value_or("the migration has failed")));
    else if (status == MigrationStatus::cancelled)
        context.print("(the migration was cancelled)\n");
    else if (status != MigrationStatus::completed)
        context.print(cat("(the migration waits in state ", qapi::wire_name(status), ")\n"));
}

/// Holds the prompt until the migration is over, or waits for a command, or the person has enough of it.
/// Where there is no terminal nothing is printed, as in QEMU; `info migrate` tells how it ended.
awaitable<void> wait_for_end(CommandContext& context)
{
    auto* const terminal = context.screen().terminal();
    context.screen().flush();
    for (auto pause = first_pause;; pause = std::min(2 * pause, longest_pause)) {
        auto const info = co_await context.call<qapi::QueryMigrate>();
        if (!info) {
            context.error(info.error());
            co_return;
        }
        if (phase_of(info->status.value_or(MigrationStatus::none)) != Phase::going) {
            if (terminal)
                tell_end(context, *terminal, *info);
            co_return;
        }
        if (terminal && terminal->interrupted()) {
            context.print("");
            context.print("(migration goes on in the background; \"info migrate\" tells how it does)\n");
            co_return;
        }
        if (terminal)
            terminal->draw(progress_line(*info, terminal->columns(), terminal->has_colors()));
        auto pausing = pause_for(pause);
        if (!co_await std::move(pausing))
            co_return;
    }
}

awaitable<void> migrate(CommandContext& context, qapi::Object args)
{
    qapi::MigrateArguments arguments;
    arguments.uri = text_of(args, "uri");
    if (has_flag(args, "blk"))
        arguments.blk = true;
    if (has_flag(args, "inc"))
        arguments.inc = true;
    if (has_flag(args, "resume"))
        arguments.resume = true;
    auto const started = co_await context.call<qapi::Migrate>(std::move(arguments));
    if (!started) {
        context.error(started.error());
        co_return;
    }
    if (has_flag(args, "detach") || !context.screen().may_block())
        co_return;
    auto waiting = wait_for_end(context);
    co_await std::move(waiting);
}

awaitable<void> migrate_incoming(CommandContext& context, qapi::Object args)
{
    qapi::MigrateIncomingArguments arguments;
    arguments.uri = text_of(args, "uri");
    if (has_flag(args, "keep"))
        arguments.exit_on_error = false;
    auto const done = co_await context.call<qapi::MigrateIncoming>(std::move(arguments));
    if (!done)
        context.error(done.error());
}

awaitable<void> migrate_recover(CommandContext& context, qapi::Object args)
{
    return run_with<qapi::MigrateRecover>(context, {text_of(args, "uri")});
}

awaitable<void> migrate_continue(CommandContext& context, qapi::Object args)
{
    auto const state = read_enumerator<MigrationStatus>(text_of(args, "state"));
    if (!state) {
        context.error(state.error());
        co_return;
    }
    qapi::MigrateContinueArguments arguments{*state};
    auto const done = co_await context.call<qapi::MigrateContinue>(std::move(arguments));
    if (!done)
        context.error(done.error());
}

awaitable<void> set_parameter(CommandContext& context, qapi::Object args)
{
    auto parameters = read_parameter(text_of(args, "parameter"), text_of(args, "value"));
    if (!parameters) {
        context.error(parameters.error());
        co_return;
    }
    auto const done = co_await context.call<qapi::MigrateSetParameters>(*std::move(parameters));
    if (!done)
        context.error(done.error());
}

awaitable<void> set_capability(CommandContext& context, qapi::Object args)
{
    auto const capability = read_enumerator<qapi::MigrationCapability>(text_of(args, "capability"));
    if (!capability) {
        context.error(capability.error());
        co_return;
    }
    qapi::MigrateSetCapabilitiesArguments arguments;
    arguments.capabilities.push_back({*capability, has_flag(args, "state")});
    auto const done = co_await context.call<qapi::MigrateSetCapabilities>(std::move(arguments));
    if (!done)
        context.error(done.error());
}

awaitable<void> info_migrate(CommandContext& context, qapi::Object)
{
    auto const info = co_await context.call<qapi::QueryMigrate>();
    if (!info)
        context.error(info.error());
    else
        context.print(migration_text(*info));
}

awaitable<void> info_parameters(CommandContext& context, qapi::Object)
{
    auto const parameters = co_await context.call<qapi::QueryMigrateParameters>();
    if (!parameters)
        context.error(parameters.error());
    else
        context.print(parameters_text(*parameters));
}

awaitable<void> info_capabilities(CommandContext& context, qapi::Object)
{
    auto const capabilities = co_await context.call<qapi::QueryMigrateCapabilities>();
    if (!capabilities)
        context.error(capabilities.error());
    else
        context.print(capabilities_text(*capabilities));
}

void add_settings(CommandTable& table)
{
    Command set{"migrate_set_parameter", {{"parameter"}, {"value"}}, "parameter value", "set a parameter of migration",
        set_parameter, {Completion::parameter, Completion::parameter_value}};
    table.add(set);
    set.names = "migrate_set_str_parameter"; // the name before QEMU 2.8
    set.listed = false;
    table.add(set);
    table.add({"migrate_set_capability", {{"capability"}, {"state", ArgKind::boolean}}, "capability state",
        "switch a capability of migration on or off", set_capability, {Completion::capability, Completion::on_off}});
    table.add_topic({"migrate", {}, "", "how the migration goes, or went", info_migrate});
    table.add_topic({"migrate_parameters", {}, "", "the parameters of migration", info_parameters});
    table.add_topic({"migrate_capabilities", {}, "", "the capabilities of migration", info_capabilities});
}

} // namespace

void add_migration_commands(CommandTable& table)
{
    table.add({"migrate",
        {{"detach", ArgKind::flag, true, 'd'}, {"blk", ArgKind::flag, true, 'b'}, {"inc", ArgKind::flag, true, 'i'},
            {"resume", ArgKind::flag, true, 'r'}, {"uri"}},
        "[-d] [-b] [-i] [-r] uri",
        "move the guest to uri\n\t\t\t-d: do not wait for the end\n\t\t\t-b, -i: with disks, whole or increments "
        "(there are none)\n\t\t\t-r: resume a paused migration",
        migrate});
    table.add({"migrate_incoming", {{"keep", ArgKind::flag, true, 'k'}, {"uri"}}, "[-k] uri",
        "await the guest at uri, after -incoming defer\n\t\t\t-k: keep running when a load fails", migrate_incoming});
    table.add({"migrate_cancel", {}, "", "cancel the migration", pass_on<qapi::MigrateCancel>});
    table.add({"migrate_continue", {{"state"}}, "state", "go on from the given state, such as pre-switchover",
        migrate_continue, {Completion::migration_state}});
    table.add({"migrate_pause", {}, "", "pause a postcopy migration", pass_on<qapi::MigratePause>});
    table.add({"migrate_recover", {{"uri"}}, "uri", "await a paused postcopy migration anew at uri", migrate_recover});
    table.add({"migrate_start_postcopy", {}, "", "switch the running migration to postcopy",
        pass_on<qapi::MigrateStartPostcopy>});
    add_settings(table);
}

} // namespace minivisor::hmp
