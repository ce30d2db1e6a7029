// SPDX-License-Identifier: GPL-3.0-or-later
// Twin of QEMU's qapi/control.json: negotiation, version, commands, quit, the way to HMP.
#pragma once

#include "qapi/command.hpp"

namespace minivisor::qapi {

enum class QMPCapability { oob };
BOOST_DESCRIBE_ENUM(QMPCapability, oob)

struct QmpCapabilitiesArguments {
    std::optional<std::vector<QMPCapability>> enable;
};
BOOST_DESCRIBE_STRUCT(QmpCapabilitiesArguments, (), (enable))
constexpr auto docs(QmpCapabilitiesArguments const*)
{
    return members({{"enable", "capabilities to switch on for this session"}});
}
struct QmpCapabilities : Command<"qmp_capabilities", QmpCapabilitiesArguments> {
    static constexpr CommandInfo info{.summary = "End the negotiation and switch on capabilities.",
        .details = "The first command of a session; others are refused before it.",
        .errors = "`CommandNotFound` when the negotiation is complete already."};
};

struct VersionTriple {
    std::int64_t major = 0, minor = 0, micro = 0;
};
BOOST_DESCRIBE_STRUCT(VersionTriple, (), (major, minor, micro))
constexpr auto docs(VersionTriple const*)
{
    return members({{"major", "first number"}, {"minor", "second number"}, {"micro", "third number"}});
}
struct VersionInfo {
    VersionTriple qemu;
    std::string package;
};
BOOST_DESCRIBE_STRUCT(VersionInfo, (), (qemu, package))
constexpr auto docs(VersionInfo const*)
{
    return members(
        {{"qemu", "the level of QEMU's language that is spoken"}, {"package", "this program and its own version"}});
}
struct QueryVersion : Command<"query-version", Empty, VersionInfo> {
    static constexpr CommandInfo info{.summary = "Which version this is."};
};

struct NamedCommand {
    std::string name;
};
BOOST_DESCRIBE_STRUCT(NamedCommand, (), (name))
constexpr auto docs(NamedCommand const*) { return members({{"name", "the command's name"}}); }
struct QueryCommands : Command<"query-commands", Empty, std::vector<NamedCommand>> {
    static constexpr CommandInfo info{.summary = "List the commands that exist."};
};

struct Quit : Command<"quit"> {
    static constexpr CommandInfo info{.summary = "End the program; the guest is not asked."};
};

struct HumanMonitorCommandArguments {
    std::string command_line;
    std::optional<std::int64_t> cpu_index;
};
BOOST_DESCRIBE_STRUCT(HumanMonitorCommandArguments, (), (command_line, cpu_index))
constexpr auto docs(HumanMonitorCommandArguments const*)
{
    return members({{"command-line", "a line as typed at the human monitor"}, {"cpu-index", "the CPU it looks at"}});
}
struct HumanMonitorCommand : Command<"human-monitor-command", HumanMonitorCommandArguments, std::string> {
    static constexpr CommandInfo info{.summary = "Run a line of the human monitor and return what it prints."};
};

} // namespace minivisor::qapi
