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

struct GetfdArguments {
    std::string fdname;
};
BOOST_DESCRIBE_STRUCT(GetfdArguments, (), (fdname))
constexpr auto docs(GetfdArguments const*) { return members({{"fdname", "the descriptor's name"}}); }
struct Getfd : Command<"getfd", GetfdArguments> {
    static constexpr CommandInfo info{.summary = "Name the descriptor that came with this request."};
};
struct Closefd : Command<"closefd", GetfdArguments> {
    static constexpr CommandInfo info{.summary = "Close a descriptor that was named."};
};

} // namespace minivisor::qapi
