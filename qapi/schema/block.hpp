// SPDX-License-Identifier: GPL-3.0-or-later
// Twin of QEMU's qapi/block-core.json and qapi/job.json, as far as a program without disks has something to
// say: management software asks whether there are any.
#pragma once

#include "qapi/command.hpp"

namespace minivisor::qapi {

struct BlockInfo {
    std::string device;
    std::string type;
    bool removable = false, locked = false;
};
BOOST_DESCRIBE_STRUCT(BlockInfo, (), (device, type, removable, locked))
constexpr auto docs(BlockInfo const*)
{
    return members({{"device", "the drive's name"}, {"type", "always \"unknown\""},
        {"removable", "whether it takes media"}, {"locked", "whether the guest holds its medium"}});
}
struct QueryBlock : Command<"query-block", Empty, std::vector<BlockInfo>> {
    static constexpr CommandInfo info{.summary = "List the block devices: there are none."};
};

struct QueryBlockstatsArguments {
    std::optional<bool> query_nodes;
};
BOOST_DESCRIBE_STRUCT(QueryBlockstatsArguments, (), (query_nodes))
constexpr auto docs(QueryBlockstatsArguments const*)
{
    return members({{"query-nodes", "list the nodes rather than the devices"}});
}
struct BlockStats {
    std::optional<std::string> device, node_name;
};
BOOST_DESCRIBE_STRUCT(BlockStats, (), (device, node_name))
constexpr auto docs(BlockStats const*)
{
    return members({{"device", "the drive's name"}, {"node-name", "the node's name"}});
}
struct QueryBlockstats : Command<"query-blockstats", QueryBlockstatsArguments, std::vector<BlockStats>> {
    static constexpr CommandInfo info{.summary = "What the block devices have done: there are none."};
};

struct QueryNamedBlockNodesArguments {
    std::optional<bool> flat;
};
BOOST_DESCRIBE_STRUCT(QueryNamedBlockNodesArguments, (), (flat))
constexpr auto docs(QueryNamedBlockNodesArguments const*)
{
    return members({{"flat", "leave out the nodes below each node"}});
}
struct BlockDeviceInfo {
    std::string file;
    std::optional<std::string> node_name;
    bool ro = false;
    std::string drv;
};
BOOST_DESCRIBE_STRUCT(BlockDeviceInfo, (), (file, node_name, ro, drv))
constexpr auto docs(BlockDeviceInfo const*)
{
    return members({{"file", "the image"}, {"node-name", "the node's name"}, {"ro", "whether it is read-only"},
        {"drv", "the format"}});
}
struct QueryNamedBlockNodes
    : Command<"query-named-block-nodes", QueryNamedBlockNodesArguments, std::vector<BlockDeviceInfo>> {
    static constexpr CommandInfo info{.summary = "List the nodes of block devices: there are none."};
};

struct BlockJobInfo {
    std::string type;
    std::string device;
    std::int64_t len = 0, offset = 0;
};
BOOST_DESCRIBE_STRUCT(BlockJobInfo, (), (type, device, len, offset))
constexpr auto docs(BlockJobInfo const*)
{
    return members({{"type", "what it does"}, {"device", "its id"}, {"len", "how much there is to do"},
        {"offset", "how much is done"}});
}
struct QueryBlockJobs : Command<"query-block-jobs", Empty, std::vector<BlockJobInfo>> {
    static constexpr CommandInfo info{.summary = "List the jobs on block devices: there are none."};
};

struct JobInfo {
    std::string id;
    std::string type;
    std::int64_t current_progress = 0, total_progress = 0;
};
BOOST_DESCRIBE_STRUCT(JobInfo, (), (id, type, current_progress, total_progress))
constexpr auto docs(JobInfo const*)
{
    return members({{"id", "the job's id"}, {"type", "what it does"}, {"current-progress", "how much is done"},
        {"total-progress", "how much there is to do"}});
}
struct QueryJobs : Command<"query-jobs", Empty, std::vector<JobInfo>> {
    static constexpr CommandInfo info{.summary = "List the jobs in the background: there are none."};
};

} // namespace minivisor::qapi
