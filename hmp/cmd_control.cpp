// SPDX-License-Identifier: GPL-3.0-or-later
#include "hmp/cmd_control.hpp"

#include "qapi/schema/control.hpp"
#include "qapi/schema/misc.hpp"
#include "util/text.hpp"

#include <algorithm>

namespace minivisor::hmp {

namespace {

using boost::asio::awaitable;

/// What `help` says to some words; words behind the command are of no interest (as in QEMU).
std::string help_for(CommandTable const& table, std::string_view text)
{
    std::vector<std::string_view> words;
    for (auto line = split_line(text); words.size() < 2 && !line.word.empty(); line = split_line(line.rest))
        words.push_back(line.word);
    if (words.empty()) {
        std::string all;
        for (auto const& command : table.commands())
            if (command.listed)
                all += help_text(command);
        return all;
    }
    auto const* command = table.find(words[0]);
    if (!command)
        return cat("unknown command: '", words[0], "'\n");
    if (!command->is_called(info_word))
        return help_text(*command);
    if (words.size() == 1)
        return topics_help(table);
    auto const* topic = table.find_topic(words[1]);
    return topic ? help_text(*topic, "info ") : cat("unknown command: '", words[0], " ", words[1], "'\n");
}

awaitable<void> help(CommandContext& context, qapi::Object args)
{
    context.print(help_for(context.table(), text_of(args, "name")));
    co_return;
}

/// Never reached: a line that begins with `info` leads to a topic, or lists them.
awaitable<void> info(CommandContext& context, qapi::Object)
{
    context.print(topics_help(context.table()));
    co_return;
}

awaitable<void> quit(CommandContext& context, qapi::Object args)
{
    context.screen().leave();
    auto quitting = pass_on<qapi::Quit>(context, std::move(args));
    co_await std::move(quitting);
}

template <typename C>
awaitable<void> with_descriptor(CommandContext& context, qapi::Object args)
{
    return run_with<C>(context, {text_of(args, "fdname")});
}

awaitable<void> info_version(CommandContext& context, qapi::Object)
{
    auto const version = co_await context.call<qapi::QueryVersion>();
    if (!version)
        context.error(version.error());
    else
        context.print(
            cat(version->qemu.major, ".", version->qemu.minor, ".", version->qemu.micro, version->package, "\n"));
}

awaitable<void> info_history(CommandContext& context, qapi::Object)
{
    std::string text;
    if (auto const* terminal = context.screen().terminal()) {
        std::size_t number = 0;
        for (auto const& line : terminal->history())
            text += cat(number++, ": '", line, "'\n");
    }
    context.print(text);
    co_return;
}

} // namespace

void add_control_commands(CommandTable& table)
{
    table.add({"help|?", {{"name", ArgKind::rest, true}}, "[cmd]", "tell about all commands, or about one", help,
        {Completion::command}});
    table.add({"info", {{"item", ArgKind::word, true}}, "[subcommand]",
        "show facts; without a subcommand, list what there is", info, {Completion::command}});
    table.add({"quit|q", {}, "", "end the program", quit});
    table.add({"getfd", {{"fdname"}}, "name", "give a name to the descriptor that was passed with this line",
        with_descriptor<qapi::Getfd>});
    table.add({"closefd", {{"fdname"}}, "name", "close a descriptor that has a name", with_descriptor<qapi::Closefd>});
    table.add_topic({"version", {}, "", "the version", info_version});
    table.add_topic({"history", {}, "", "the lines typed so far", info_history});
}

} // namespace minivisor::hmp
