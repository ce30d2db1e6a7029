// SPDX-License-Identifier: GPL-3.0-or-later
// What a command and an event are. Each is declared once, in qapi/schema/<area>.hpp, as a type that
// names its wire name, its arguments and its result; it is bound where the work is done.
#pragma once

#include "qapi/describe.hpp"

#include <string_view>

namespace minivisor::util {
class FdTable;
}

namespace minivisor::qapi {

/// A string that can be a template argument.
template <std::size_t N>
struct Name {
    char text[N]{};
    constexpr Name(char const (&literal)[N]) // NOLINT(google-explicit-constructor): a literal is a name
    {
        for (std::size_t i = 0; i < N; ++i)
            text[i] = literal[i];
    }
    constexpr operator std::string_view() const { return {text, N - 1}; } // NOLINT(google-explicit-constructor)
};

struct CommandInfo {
    std::string_view summary;
    bool allow_oob = false; ///< may be executed out of band (QMP specification, 2.3.1)
    std::string_view details = {}; ///< more for the manual, in paragraphs with an empty line between them
    std::string_view errors = {}; ///< for the manual: what it refuses, beside arguments of a wrong form
};

/// Base of a command's declaration: struct Stop : Command<"stop"> { static constexpr CommandInfo info{...}; };
template <Name wire_name, typename ArgumentsType = Empty, typename ResultType = Empty>
struct Command {
    static constexpr std::string_view name = wire_name;
    using Arguments = ArgumentsType;
    using Returns = ResultType;
};

/// How often clients are told of an event that repeats.
struct EventRate {
    unsigned milliseconds = 0; ///< at most once in so many; 0: always
    std::string_view keys{}; ///< members that hold kinds of it apart, with commas between them
};

/// Base of an event's declaration: struct StopEvent : Event<"STOP"> { static constexpr std::string_view summary... };
template <Name wire_name, typename DataType = Empty>
struct Event {
    static constexpr std::string_view name = wire_name;
    static constexpr EventRate rate{};
    using Data = DataType;
};

/// What a handler may know of the client that calls it. Valid for the length of the call.
struct CallContext {
    util::FdTable* descriptors = nullptr; ///< the session's named descriptors; null where a client has none
};

} // namespace minivisor::qapi
