// SPDX-License-Identifier: GPL-3.0-or-later
// The table of HMP commands, each declared once as a value: names, arguments, help, completion and what
// it does; and running one line by it (qmp-surface, 13.1). Commands call the language through the same
// typed door as any client and print; what they print on is given to them.
#pragma once

#include "hmp/grammar.hpp"
#include "monitor/session.hpp"

#include <boost/asio/awaitable.hpp>

#include <functional>
#include <string>
#include <string_view>
#include <vector>

namespace minivisor::hmp {

class CommandTable;

/// What a person at a terminal has beyond text that scrolls by.
class Terminal {
public:
    virtual ~Terminal() = default;
    virtual unsigned columns() const = 0;
    virtual bool has_colors() const = 0;
    /// Puts `line` (shorter than the terminal is wide) in place of the one drawn before; print() ends it.
    virtual void draw(std::string_view line) = 0;
    /// The person has asked for the prompt back (Ctrl-C) since the command began.
    virtual bool interrupted() const = 0;
    /// The lines typed so far, oldest first.
    virtual std::vector<std::string> history() const = 0;
};

/// What a command prints on.
class Screen {
public:
    virtual ~Screen() = default;
    /// Text whose lines end in "\n".
    virtual void print(std::string_view text) = 0;
    /// Sends what was printed so far on its way, before something that takes long.
    virtual void flush() { }
    /// False where an answer must come at once (human-monitor-command).
    virtual bool may_block() const = 0;
    /// Null where there is none.
    virtual Terminal* terminal() { return nullptr; }
    /// The program ends: no further prompt.
    virtual void leave() { }
};

/// What a command may know and do. Valid while the command runs.
class CommandContext {
public:
    CommandContext(monitor::House& house, qapi::CallContext& caller, CommandTable const& table, Screen& screen,
        PrintFormat& format)
        : m_house(house)
        , m_caller(caller)
        , m_table(table)
        , m_screen(screen)
        , m_format(format)
    {
    }

    CommandTable const& table() const { return m_table; }
    Screen& screen() { return m_screen; }
    PrintFormat& format() { return m_format; }

    void print(std::string_view text) { m_screen.print(text); }
    /// "Error: TEXT", and the hint's lines as they are.
    void error(Error const& error);

    /// Runs a declared QMP command. Where it is not bound, the error says so.
    template <typename C>
    boost::asio::awaitable<Result<typename C::Returns>> call(typename C::Arguments const& arguments)
    {
        return m_house.call<C>(arguments, m_caller);
    }
    template <typename C>
    requires std::is_same_v<typename C::Arguments, qapi::Empty> boost::asio::awaitable<Result<typename C::Returns>>
    call()
    {
        return m_house.call<C>(qapi::Empty(), m_caller);
    }

private:
    monitor::House& m_house;
    qapi::CallContext& m_caller;
    CommandTable const& m_table;
    Screen& m_screen;
    PrintFormat& m_format;
};

/// What Tab offers for an argument.
enum class Completion {
    none,
    command, ///< a command's name, then a topic of info
    object_text, ///< TYPE,id=ID,KEY=VALUE,...
    object_id,
    chardev_backend, ///< of BACKEND,id=ID,...
    chardev_id,
    path, ///< an object in the tree
    property, ///< of the object that the argument before names
    parameter, ///< of migration
    parameter_value, ///< of the parameter that the argument before names
    capability,
    on_off,
    migration_state,
    trace_point,
    file,
};

struct Command {
    std::string names; ///< "quit|q"; the first is its name, the others are aliases
    std::vector<Arg> args;
    std::string params; ///< as help shows them
    std::string help; ///< one line; more lines begin with "\n"
    std::function<boost::asio::awaitable<void>(CommandContext&, qapi::Object)> run;
    std::vector<Completion> completions{}; ///< of the arguments that are no flags, in order
    bool listed = true; ///< in help and completion

    bool is_called(std::string_view word) const;
    /// Its name and aliases, one each.
    std::vector<std::string_view> words() const;
};

/// The commands, and the topics of `info`, by name.
class CommandTable {
public:
    void add(Command command);
    void add_topic(Command topic);

    std::vector<Command> const& commands() const { return m_commands; }
    std::vector<Command> const& topics() const { return m_topics; }
    Command const* find(std::string_view word) const;
    Command const* find_topic(std::string_view word) const;

private:
    std::vector<Command> m_commands;
    std::vector<Command> m_topics;
};

/// The word that leads to the topics.
inline constexpr std::string_view info_word = "info";

/// "NAME PARAMS -- HELP" and a line end; `prefix` goes before the name.
std::string help_text(Command const& command, std::string_view prefix = {});
/// The help of every listed topic.
std::string topics_help(CommandTable const& table);

/// Runs one line, without its line end: finds the command, reads its arguments, runs it. What is wrong is
/// printed. `context` must live until the end. Never throws when it is cancelled.
boost::asio::awaitable<void> run_line(CommandContext& context, std::string line);

/// A text argument; empty when it is absent.
std::string text_of(qapi::Object const& args, std::string_view name);
/// A number; 0 when it is absent.
std::int64_t number_of(qapi::Object const& args, std::string_view name);
/// Whether a flag was given.
bool has_flag(qapi::Object const& args, std::string_view name);

/// Runs a QMP command that returns nothing.
template <typename C>
boost::asio::awaitable<void> run_with(CommandContext& context, typename C::Arguments arguments)
{
    auto const done = co_await context.call<C>(std::move(arguments));
    if (!done)
        context.error(done.error());
}

/// The same for one that takes nothing, as a console command's `run`.
template <typename C>
boost::asio::awaitable<void> pass_on(CommandContext& context, qapi::Object)
{
    return run_with<C>(context, {});
}

} // namespace minivisor::hmp
