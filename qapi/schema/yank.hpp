// SPDX-License-Identifier: GPL-3.0-or-later
// Twin of QEMU's qapi/yank.json.
#pragma once

#include "qapi/command.hpp"

namespace minivisor::qapi {

enum class YankInstanceType { block_node, chardev, migration };
BOOST_DESCRIBE_ENUM(YankInstanceType, block_node, chardev, migration)

struct YankInstance {
    YankInstanceType type = YankInstanceType::migration;
    std::optional<std::string> node_name, id;
    friend bool operator==(YankInstance const&, YankInstance const&) = default;
};
BOOST_DESCRIBE_STRUCT(YankInstance, (), (type, node_name, id))
constexpr auto docs(YankInstance const*)
{
    return members({{"type", "what has the connection"}, {"node-name", "the block node (type block-node)"},
        {"id", "the character device (type chardev)"}});
}
struct YankArguments {
    std::vector<YankInstance> instances;
};
BOOST_DESCRIBE_STRUCT(YankArguments, (), (instances))
constexpr auto docs(YankArguments const*) { return members({{"instances", "whose connections to end"}}); }
struct YankCommand : Command<"yank", YankArguments> {
    static constexpr CommandInfo info{
        .summary = "End connections by force when a peer does not answer any more.", .allow_oob = true};
};
struct QueryYank : Command<"query-yank", Empty, std::vector<YankInstance>> {
    static constexpr CommandInfo info{.summary = "List what yank can end.", .allow_oob = true};
};

} // namespace minivisor::qapi
