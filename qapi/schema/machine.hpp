// SPDX-License-Identifier: GPL-3.0-or-later
// Twin of QEMU's qapi/machine.json, with stop, cont and the resets of qapi/misc.json beside it.
#pragma once

#include "qapi/command.hpp"

namespace minivisor::qapi {

struct Stop : Command<"stop"> {
    static constexpr CommandInfo info{.summary = "Stop the guest's CPUs."};
};
struct Cont : Command<"cont"> {
    static constexpr CommandInfo info{.summary = "Let the guest's CPUs run."};
};
struct SystemReset : Command<"system_reset"> {
    static constexpr CommandInfo info{.summary = "Reset the guest, as its reset button would."};
};
struct SystemPowerdown : Command<"system_powerdown"> {
    static constexpr CommandInfo info{.summary = "Ask the guest to power down."};
};

struct KvmInfo {
    bool enabled = false;
    bool present = false;
};
BOOST_DESCRIBE_STRUCT(KvmInfo, (), (enabled, present))
constexpr auto docs(KvmInfo const*)
{
    return members({{"enabled", "whether the guest runs under KVM"}, {"present", "whether KVM is built in"}});
}
struct QueryKvm : Command<"query-kvm", Empty, KvmInfo> {
    static constexpr CommandInfo info{.summary = "Whether KVM is used."};
};

struct MemoryInfo {
    Size base_memory;
    std::optional<Size> plugged_memory;
};
BOOST_DESCRIBE_STRUCT(MemoryInfo, (), (base_memory, plugged_memory))
constexpr auto docs(MemoryInfo const*)
{
    return members({{"base-memory", "bytes of RAM at the start"}, {"plugged-memory", "bytes of RAM plugged in later"}});
}
struct QueryMemorySizeSummary : Command<"query-memory-size-summary", Empty, MemoryInfo> {
    static constexpr CommandInfo info{.summary = "How much RAM the guest has."};
};

enum class HostMemPolicy { default_, preferred, bind, interleave };
BOOST_DESCRIBE_ENUM(HostMemPolicy, default_, preferred, bind, interleave)

struct Memdev {
    std::optional<std::string> id;
    Size size;
    bool merge = false, dump = false, prealloc = false, share = false;
    std::optional<bool> reserve;
    std::vector<std::uint16_t> host_nodes;
    HostMemPolicy policy = HostMemPolicy::default_;
};
BOOST_DESCRIBE_STRUCT(Memdev, (), (id, size, merge, dump, prealloc, share, reserve, host_nodes, policy))
constexpr auto docs(Memdev const*)
{
    return members({{"id", "the backend's id"}, {"size", "bytes"}, {"merge", "whether equal pages may be merged"},
        {"dump", "whether it goes into core dumps of this program"},
        {"prealloc", "whether it was allocated at the start"}, {"share", "whether others may map it"},
        {"reserve", "whether swap space is reserved"}, {"host-nodes", "NUMA nodes of the host"},
        {"policy", "NUMA policy of the host"}});
}
struct QueryMemdev : Command<"query-memdev", Empty, std::vector<Memdev>> {
    static constexpr CommandInfo info{.summary = "List the memory backends."};
};

struct PmemsaveArguments {
    std::int64_t val = 0;
    std::int64_t size = 0;
    std::string filename;
};
BOOST_DESCRIBE_STRUCT(PmemsaveArguments, (), (val, size, filename))
constexpr auto docs(PmemsaveArguments const*)
{
    return members({{"val", "guest-physical address"}, {"size", "bytes"}, {"filename", "file to write"}});
}
struct Pmemsave : Command<"pmemsave", PmemsaveArguments> {
    static constexpr CommandInfo info{.summary = "Write guest-physical memory to a file."};
};

struct ReadPhysicalMemoryArguments {
    std::uint64_t address = 0;
    std::uint32_t size = 0;
};
BOOST_DESCRIBE_STRUCT(ReadPhysicalMemoryArguments, (), (address, size))
constexpr auto docs(ReadPhysicalMemoryArguments const*)
{
    return members({{"address", "guest-physical address"}, {"size", "bytes, at most 1 MiB"}});
}
struct PhysicalMemory {
    std::string hex;
};
BOOST_DESCRIBE_STRUCT(PhysicalMemory, (), (hex))
constexpr auto docs(PhysicalMemory const*)
{
    return members({{"hex", "the bytes, two digits each; shorter than asked where memory ends"}});
}
struct ReadPhysicalMemory
    : Command<"__org.minivisor_read-physical-memory", ReadPhysicalMemoryArguments, PhysicalMemory> {
    static constexpr CommandInfo info{.summary = "Read guest-physical memory (what HMP's xp prints)."};
};

} // namespace minivisor::qapi
