// SPDX-License-Identifier: GPL-3.0-or-later
// Twin of QEMU's qapi/misc.json: name, uuid, descriptors of a session.
#pragma once

#include "qapi/command.hpp"

namespace minivisor::qapi {

struct NameInfo {
    std::optional<std::string> name;
};
BOOST_DESCRIBE_STRUCT(NameInfo, (), (name))
constexpr auto docs(NameInfo const*) { return members({{"name", "what -name gave"}}); }
struct QueryName : Command<"query-name", Empty, NameInfo> {
    static constexpr CommandInfo info{.summary = "The guest's name."};
};

struct UuidInfo {
    std::string UUID;
};
BOOST_DESCRIBE_STRUCT(UuidInfo, (), (UUID))
constexpr auto docs(UuidInfo const*) { return members({{"UUID", "what -uuid gave, or zeros"}}); }
struct QueryUuid : Command<"query-uuid", Empty, UuidInfo> {
    static constexpr CommandInfo info{.summary = "The guest's UUID."};
};

struct IOThreadInfo {
    std::string id;
    std::int64_t thread_id = 0;
    std::int64_t poll_max_ns = 0;
    std::int64_t poll_grow = 0;
    std::int64_t poll_shrink = 0;
    std::int64_t aio_max_batch = 0;
};
BOOST_DESCRIBE_STRUCT(IOThreadInfo, (), (id, thread_id, poll_max_ns, poll_grow, poll_shrink, aio_max_batch))
constexpr auto docs(IOThreadInfo const*)
{
    return members({{"id", "the thread's id"}, {"thread-id", "the kernel's number of it"},
        {"poll-max-ns", "how long it polls at most, in nanoseconds"}, {"poll-grow", "how fast that time grows"},
        {"poll-shrink", "how fast it shrinks"}, {"aio-max-batch", "how many requests it submits at once"}});
}
struct QueryIothreads : Command<"query-iothreads", Empty, std::vector<IOThreadInfo>> {
    static constexpr CommandInfo info{.summary = "List the I/O threads."};
};

struct GetfdArguments {
    std::string fdname;
};
BOOST_DESCRIBE_STRUCT(GetfdArguments, (), (fdname))
constexpr auto docs(GetfdArguments const*) { return members({{"fdname", "the descriptor's name"}}); }
struct Getfd : Command<"getfd", GetfdArguments> {
    static constexpr CommandInfo info{.summary = "Name the descriptor that came with this request.",
        .details = "The descriptor is passed with the request over a UNIX socket (`SCM_RIGHTS`), and belongs to the "
                   "session. A name that is taken gives its place to the new one.",
        .errors = "`No file descriptor supplied via SCM_RIGHTS`; a name that begins with a digit."};
};
struct Closefd : Command<"closefd", GetfdArguments> {
    static constexpr CommandInfo info{
        .summary = "Close a descriptor that was named.", .errors = "`File descriptor named 'NAME' not found`."};
};

enum class CommandLineParameterType { string, boolean, number, size };
BOOST_DESCRIBE_ENUM(CommandLineParameterType, string, boolean, number, size)

struct CommandLineParameterInfo {
    std::string name;
    CommandLineParameterType type = CommandLineParameterType::string;
    std::optional<std::string> help;
};
BOOST_DESCRIBE_STRUCT(CommandLineParameterInfo, (), (name, type, help))
constexpr auto docs(CommandLineParameterInfo const*)
{
    return members({{"name", "the key"}, {"type", "what its value looks like"}, {"help", "what it is for"}});
}
struct CommandLineOptionInfo {
    std::string option;
    std::vector<CommandLineParameterInfo> parameters;
};
BOOST_DESCRIBE_STRUCT(CommandLineOptionInfo, (), (option, parameters))
constexpr auto docs(CommandLineOptionInfo const*)
{
    return members({{"option", "its name, for `-m` \"memory\""},
        {"parameters", "its keys; empty where they depend on what else it says"}});
}
struct QueryCommandLineOptionsArguments {
    std::optional<std::string> option;
};
BOOST_DESCRIBE_STRUCT(QueryCommandLineOptionsArguments, (), (option))
constexpr auto docs(QueryCommandLineOptionsArguments const*) { return members({{"option", "only this one"}}); }
struct QueryCommandLineOptions
    : Command<"query-command-line-options", QueryCommandLineOptionsArguments, std::vector<CommandLineOptionInfo>> {
    static constexpr CommandInfo info{.summary = "List the options of the command line whose argument has keys."};
};

struct AddFdArguments {
    std::optional<std::int64_t> fdset_id;
    std::optional<std::string> opaque;
};
BOOST_DESCRIBE_STRUCT(AddFdArguments, (), (fdset_id, opaque))
constexpr auto docs(AddFdArguments const*)
{
    return members({{"fdset-id", "the set; without it a new one"}, {"opaque", "a text to remember with it"}});
}
struct AddfdInfo {
    std::int64_t fdset_id = 0;
    std::int64_t fd = 0;
};
BOOST_DESCRIBE_STRUCT(AddfdInfo, (), (fdset_id, fd))
constexpr auto docs(AddfdInfo const*)
{
    return members({{"fdset-id", "the set"}, {"fd", "the descriptor's number in this program"}});
}
struct AddFd : Command<"add-fd", AddFdArguments, AddfdInfo> {
    static constexpr CommandInfo info{.summary = "Put the descriptor that came with this request into a set."};
};

struct RemoveFdArguments {
    std::int64_t fdset_id = 0;
    std::optional<std::int64_t> fd;
};
BOOST_DESCRIBE_STRUCT(RemoveFdArguments, (), (fdset_id, fd))
constexpr auto docs(RemoveFdArguments const*)
{
    return members({{"fdset-id", "the set"}, {"fd", "the descriptor's number in this program; without it all"}});
}
struct RemoveFd : Command<"remove-fd", RemoveFdArguments> {
    static constexpr CommandInfo info{.summary = "Close descriptors of a set."};
};

struct FdsetFdInfo {
    std::int64_t fd = 0;
    std::optional<std::string> opaque;
};
BOOST_DESCRIBE_STRUCT(FdsetFdInfo, (), (fd, opaque))
constexpr auto docs(FdsetFdInfo const*)
{
    return members({{"fd", "the descriptor's number in this program"}, {"opaque", "the text that was given with it"}});
}
struct FdsetInfo {
    std::int64_t fdset_id = 0;
    std::vector<FdsetFdInfo> fds;
};
BOOST_DESCRIBE_STRUCT(FdsetInfo, (), (fdset_id, fds))
constexpr auto docs(FdsetInfo const*)
{
    return members({{"fdset-id", "its number: opened as /dev/fdset/NUMBER"}, {"fds", "its descriptors"}});
}
struct QueryFdsets : Command<"query-fdsets", Empty, std::vector<FdsetInfo>> {
    static constexpr CommandInfo info{.summary = "List the sets of descriptors."};
};

} // namespace minivisor::qapi
