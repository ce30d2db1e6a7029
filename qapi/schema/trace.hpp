// SPDX-License-Identifier: GPL-3.0-or-later
// Twin of QEMU's qapi/trace.json, and the log of HMP's `log` and `logfile`, for which QEMU has no QMP command.
#pragma once

#include "qapi/command.hpp"

namespace minivisor::qapi {

enum class TraceEventState { unavailable, disabled, enabled };
BOOST_DESCRIBE_ENUM(TraceEventState, unavailable, disabled, enabled)

struct TraceEventInfo {
    std::string name;
    TraceEventState state = TraceEventState::disabled;
    bool vcpu = false;
};
BOOST_DESCRIBE_STRUCT(TraceEventInfo, (), (name, state, vcpu))
constexpr auto docs(TraceEventInfo const*)
{
    return members({{"name", "the trace point"}, {"state", "whether it leaves lines in the log"},
        {"vcpu", "whether each vCPU has a state of its own: false"}});
}

struct TraceEventGetStateArguments {
    std::string name;
    std::optional<std::int64_t> vcpu;
};
BOOST_DESCRIBE_STRUCT(TraceEventGetStateArguments, (), (name, vcpu))
constexpr auto docs(TraceEventGetStateArguments const*)
{
    return members({{"name", "a name, or a pattern with `*`"}, {"vcpu", "refused: there is no vCPU"}});
}
struct TraceEventGetState : Command<"trace-event-get-state", TraceEventGetStateArguments, std::vector<TraceEventInfo>> {
    static constexpr CommandInfo info{.summary = "Which trace points are on.",
        .details
        = "A trace point that is passed while it is on leaves a line with its name in the log. They are listed "
          "by `minivisor -trace help`.",
        .errors = "`unknown event \"NAME\"`, for a name that is no pattern."};
};

struct TraceEventSetStateArguments {
    std::string name;
    bool enable = false;
    std::optional<bool> ignore_unavailable;
    std::optional<std::int64_t> vcpu;
};
BOOST_DESCRIBE_STRUCT(TraceEventSetStateArguments, (), (name, enable, ignore_unavailable, vcpu))
constexpr auto docs(TraceEventSetStateArguments const*)
{
    return members({{"name", "a name, or a pattern with `*`"}, {"enable", "on or off"},
        {"ignore-unavailable", "no error for points that are not built in: all are (default false)"},
        {"vcpu", "refused: there is no vCPU"}});
}
struct TraceEventSetState : Command<"trace-event-set-state", TraceEventSetStateArguments> {
    static constexpr CommandInfo info{.summary = "Switch trace points on or off.",
        .errors = "`unknown event \"NAME\"`, for a name that is no pattern."};
};

struct SetLogArguments {
    std::string items;
};
BOOST_DESCRIBE_STRUCT(SetLogArguments, (), (items))
constexpr auto docs(SetLogArguments const*)
{
    return members({{"items", "`none`, or `trace:PATTERN` items with commas between them, as `-d` takes them"}});
}
struct SetLog : Command<"__org.minivisor_set-log", SetLogArguments> {
    static constexpr CommandInfo info{.summary = "Say what goes into the log.", .errors = "`invalid log item 'NAME'`."};
};

struct SetLogFileArguments {
    std::string filename;
};
BOOST_DESCRIBE_STRUCT(SetLogFileArguments, (), (filename))
constexpr auto docs(SetLogFileArguments const*) { return members({{"filename", "the file, made if it is not there"}}); }
struct SetLogFile : Command<"__org.minivisor_set-log-file", SetLogFileArguments> {
    static constexpr CommandInfo info{.summary = "Let the log go to a file, as `-D` does.",
        .errors = "`Error opening logfile FILE: REASON`; the log goes on as before."};
};

} // namespace minivisor::qapi
