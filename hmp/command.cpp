// SPDX-License-Identifier: GPL-3.0-or-later
#include "hmp/command.hpp"

#include "qapi/schema/cpu.hpp"
#include "util/trace.hpp"

#include <algorithm>

namespace minivisor::hmp {

namespace {

/// A line that was taken apart as far as its command.
struct Found {
    Command const* command = nullptr; ///< null for `info` alone
    std::string_view typed; ///< the words that led to it, as typed
    std::string_view rest;
};

/// Whether a register may be meant somewhere; the guest is held up to look at them.
bool names_register(Command const& command, std::string_view rest)
{
    auto const is_integer = [](Arg const& arg) {
        return arg.kind == ArgKind::integer32 || arg.kind == ArgKind::integer64 || arg.kind == ArgKind::mebibytes;
    };
    return rest.find('$') != rest.npos && std::any_of(command.args.begin(), command.args.end(), is_integer);
}

void insert_sorted(std::vector<Command>& list, Command command)
{
    auto const at = std::upper_bound(
        list.begin(), list.end(), command, [](Command const& a, Command const& b) { return a.names < b.names; });
    list.insert(at, std::move(command));
}

Command const* find_in(std::vector<Command> const& list, std::string_view word)
{
    auto const found = std::find_if(list.begin(), list.end(), [&](Command const& c) { return c.is_called(word); });
    return found == list.end() ? nullptr : &*found;
}

/// From the first character of `first` to the last of `last`, two pieces of one text.
std::string_view span_of(std::string_view first, std::string_view last)
{
    return {first.data(), static_cast<std::size_t>(last.data() + last.size() - first.data())};
}

Result<Found> find_command(CommandTable const& table, std::string_view text)
{
    auto const line = split_line(text);
    auto const* command = table.find(line.word);
    if (!command)
        return Error::generic(cat("unknown command: '", line.word, "'"));
    if (!command->is_called(info_word))
        return Found{command, line.word, line.rest};
    if (line.rest.empty())
        return Found{nullptr, line.word, {}};
    auto const topic = split_line(line.rest);
    auto const typed = span_of(line.word, topic.word);
    auto const* found = table.find_topic(topic.word);
    // QEMU names `info/x` by its first word alone.
    if (!found)
        return Error::generic(cat("unknown command: '", topic.word.empty() ? line.word : typed, "'"));
    return Found{found, typed, topic.rest};
}

} // namespace

void CommandContext::error(Error const& error)
{
    auto text = cat("Error: ", error.desc(), "\n");
    if (!error.hint().empty())
        text += cat(error.hint(), "\n");
    print(text);
}

bool Command::is_called(std::string_view word) const
{
    auto const all = words();
    return !word.empty() && std::find(all.begin(), all.end(), word) != all.end();
}

std::vector<std::string_view> Command::words() const { return util::split(names, '|'); }

void CommandTable::add(Command command) { insert_sorted(m_commands, std::move(command)); }

void CommandTable::add_topic(Command topic) { insert_sorted(m_topics, std::move(topic)); }

Command const* CommandTable::find(std::string_view word) const { return find_in(m_commands, word); }

Command const* CommandTable::find_topic(std::string_view word) const { return find_in(m_topics, word); }

std::string help_text(Command const& command, std::string_view prefix)
{
    return cat(prefix, command.names, " ", command.params, " -- ", command.help, "\n");
}

std::string topics_help(CommandTable const& table)
{
    std::string text;
    for (auto const& topic : table.topics())
        if (topic.listed)
            text += help_text(topic, "info ");
    return text;
}

boost::asio::awaitable<void> run_line(CommandContext& context, std::string line)
{
    co_await boost::asio::this_coro::throw_if_cancelled(false);
    if (split_line(line).word.empty() && split_line(line).rest.empty())
        co_return;
    bool const secret = line.find("data") != line.npos;
    trace::pass(trace::Point::handle_hmp_command, "cmdline: ", secret ? split_line(line).word : std::string_view(line));
    auto const found = find_command(context.table(), line);
    if (!found) {
        context.print(cat(found.error().desc(), "\n"));
        co_return;
    }
    if (!found->command) {
        context.print(topics_help(context.table()));
        co_return;
    }
    if (names_register(*found->command, found->rest)) {
        qapi::QueryRegisterValuesArguments const whose{context.format().cpu};
        auto const values = co_await context.call<qapi::QueryRegisterValues>(whose);
        context.format().registers.clear(); // without a CPU there are none
        if (values)
            for (auto const& [name, value] : *values)
                context.format().registers.emplace(name, value);
    }
    auto args = parse_args({found->command->names, found->typed}, found->command->args, found->rest, &context.format());
    if (!args) {
        context.print(cat(args.error().desc(), "\n", args.error().hint(), "\n"));
        co_return;
    }
    auto running = found->command->run(context, *std::move(args));
    co_await std::move(running);
}

std::string text_of(qapi::Object const& args, std::string_view name)
{
    auto const* found = args.if_contains(name);
    return found && found->is_string() ? qapi::str(found->get_string()) : std::string();
}

std::int64_t number_of(qapi::Object const& args, std::string_view name)
{
    auto const* found = args.if_contains(name);
    return found && found->is_int64() ? found->get_int64() : 0;
}

bool has_flag(qapi::Object const& args, std::string_view name)
{
    auto const* found = args.if_contains(name);
    return found && found->is_bool() && found->get_bool();
}

} // namespace minivisor::hmp
