// SPDX-License-Identifier: GPL-3.0-or-later
// The CPUs of the guest and what they see: the CPU parts of QEMU's machine.json, and what HMP prints of registers.
#pragma once

#include "qapi/command.hpp"
#include "qapi/schema/machine.hpp"

namespace minivisor::qapi {

struct CpuInstanceProperties {
    std::optional<std::int64_t> node_id, socket_id, die_id, cluster_id, core_id, thread_id;
};
BOOST_DESCRIBE_STRUCT(CpuInstanceProperties, (), (node_id, socket_id, die_id, cluster_id, core_id, thread_id))
constexpr auto docs(CpuInstanceProperties const*)
{
    return members({{"node-id", "NUMA node"}, {"socket-id", "socket"}, {"die-id", "die in the socket"},
        {"cluster-id", "cluster in the die"}, {"core-id", "core in the cluster"}, {"thread-id", "thread in the core"}});
}

struct CpuInfoFast {
    std::int64_t cpu_index = 0;
    std::string qom_path;
    std::int64_t thread_id = 0;
    std::optional<CpuInstanceProperties> props;
    SysEmuTarget target = SysEmuTarget::x86_64;
};
BOOST_DESCRIBE_STRUCT(CpuInfoFast, (), (cpu_index, qom_path, thread_id, props, target))
constexpr auto docs(CpuInfoFast const*)
{
    return members({{"cpu-index", "number of the CPU"}, {"qom-path", "where it is in the tree"},
        {"thread-id", "the kernel's number of its thread"}, {"props", "its place in the topology"},
        {"target", "its architecture"}});
}
struct QueryCpusFast : Command<"query-cpus-fast", Empty, std::vector<CpuInfoFast>> {
    static constexpr CommandInfo info{.summary = "List the CPUs."};
};

struct MemsaveArguments {
    std::int64_t val = 0;
    std::int64_t size = 0;
    std::string filename;
    std::optional<std::int64_t> cpu_index;
};
BOOST_DESCRIBE_STRUCT(MemsaveArguments, (), (val, size, filename, cpu_index))
constexpr auto docs(MemsaveArguments const*)
{
    return members({{"val", "virtual address"}, {"size", "bytes"}, {"filename", "file to write"},
        {"cpu-index", "the CPU whose view it is; default 0"}});
}
struct Memsave : Command<"memsave", MemsaveArguments> {
    static constexpr CommandInfo info{.summary = "Write memory, as a CPU sees it, to a file."};
};

struct ReadMemoryArguments {
    std::uint64_t address = 0;
    std::uint32_t size = 0;
    std::int64_t cpu_index = 0;
};
BOOST_DESCRIBE_STRUCT(ReadMemoryArguments, (), (address, size, cpu_index))
constexpr auto docs(ReadMemoryArguments const*)
{
    return members(
        {{"address", "virtual address"}, {"size", "bytes, at most 1 MiB"}, {"cpu-index", "the CPU whose view it is"}});
}
struct ReadMemory : Command<"__org.minivisor_read-memory", ReadMemoryArguments, PhysicalMemory> {
    static constexpr CommandInfo info{.summary = "Read memory as a CPU sees it (what HMP's x prints)."};
};

struct DisassembleArguments {
    std::uint64_t address = 0;
    std::uint32_t count = 0;
    std::int64_t cpu_index = 0;
    std::optional<bool> physical;
};
BOOST_DESCRIBE_STRUCT(DisassembleArguments, (), (address, count, cpu_index, physical))
constexpr auto docs(DisassembleArguments const*)
{
    return members({{"address", "of the first instruction: virtual, or guest-physical"},
        {"count", "how many instructions, at most 4096"},
        {"cpu-index", "the CPU whose view it is, and whose mode says how wide they are"},
        {"physical", "the address is guest-physical; default false"}});
}
struct Disassemble : Command<"__org.minivisor_disassemble", DisassembleArguments, HumanReadableText> {
    static constexpr CommandInfo info{.summary = "Instructions in memory, as HMP's x/i and xp/i print them."};
};

struct QueryRegistersArguments {
    std::optional<std::int64_t> cpu_index;
};
BOOST_DESCRIBE_STRUCT(QueryRegistersArguments, (), (cpu_index))
constexpr auto docs(QueryRegistersArguments const*) { return members({{"cpu-index", "one CPU; without it, all"}}); }
struct QueryRegisters : Command<"__org.minivisor_query-registers", QueryRegistersArguments, HumanReadableText> {
    static constexpr CommandInfo info{.summary = "The CPUs' registers, as HMP's info registers prints them."};
};

struct QueryRegisterValuesArguments {
    std::int64_t cpu_index = 0;
};
BOOST_DESCRIBE_STRUCT(QueryRegisterValuesArguments, (), (cpu_index))
constexpr auto docs(QueryRegisterValuesArguments const*) { return members({{"cpu-index", "the CPU"}}); }
struct RegisterValue {
    std::string name;
    std::uint64_t value = 0;
};
BOOST_DESCRIBE_STRUCT(RegisterValue, (), (name, value))
constexpr auto docs(RegisterValue const*)
{
    return members({{"name", "as HMP's expressions have it behind a '$'"}, {"value", "what it holds"}});
}
struct QueryRegisterValues
    : Command<"__org.minivisor_query-register-values", QueryRegisterValuesArguments, std::vector<RegisterValue>> {
    static constexpr CommandInfo info{.summary = "What the registers of a CPU hold, by name."};
};

struct GdbserverArguments {
    std::optional<std::string> device;
};
BOOST_DESCRIBE_STRUCT(GdbserverArguments, (), (device))
constexpr auto docs(GdbserverArguments const*)
{
    return members({{"device", "as -gdb takes it (default tcp::1234); none closes the server"}});
}
struct Gdbserver : Command<"__org.minivisor_gdbserver", GdbserverArguments> {
    static constexpr CommandInfo info{.summary = "Let gdb in, elsewhere than before, or no longer (HMP's gdbserver)."};
};

} // namespace minivisor::qapi
