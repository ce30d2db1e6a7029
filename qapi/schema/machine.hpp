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

struct InjectNmi : Command<"inject-nmi"> {
    static constexpr CommandInfo info{.summary = "Send a non-maskable interrupt; refused where no CPU could take it."};
};

/// All that a QEMU of that level can be built for.
enum class SysEmuTarget {
    aarch64,
    alpha,
    arm,
    avr,
    cris,
    hppa,
    i386,
    loongarch64,
    m68k,
    microblaze,
    microblazeel,
    mips,
    mips64,
    mips64el,
    mipsel,
    nios2,
    or1k,
    ppc,
    ppc64,
    riscv32,
    riscv64,
    rx,
    s390x,
    sh4,
    sh4eb,
    sparc,
    sparc64,
    tricore,
    x86_64,
    xtensa,
    xtensaeb
};
BOOST_DESCRIBE_ENUM(SysEmuTarget, aarch64, alpha, arm, avr, cris, hppa, i386, loongarch64, m68k, microblaze,
    microblazeel, mips, mips64, mips64el, mipsel, nios2, or1k, ppc, ppc64, riscv32, riscv64, rx, s390x, sh4, sh4eb,
    sparc, sparc64, tricore, x86_64, xtensa, xtensaeb)
constexpr auto docs(SysEmuTarget const*)
{
    return members({{"aarch64", "64-bit ARM"}, {"alpha", "DEC Alpha"}, {"arm", "32-bit ARM"}, {"avr", "Atmel AVR"},
        {"cris", "Axis ETRAX"}, {"hppa", "HP PA-RISC"}, {"i386", "32-bit x86"}, {"loongarch64", "64-bit LoongArch"},
        {"m68k", "Motorola 68000"}, {"microblaze", "MicroBlaze, big-endian"},
        {"microblazeel", "MicroBlaze, little-endian"}, {"mips", "32-bit MIPS, big-endian"},
        {"mips64", "64-bit MIPS, big-endian"}, {"mips64el", "64-bit MIPS, little-endian"},
        {"mipsel", "32-bit MIPS, little-endian"}, {"nios2", "Altera Nios II"}, {"or1k", "OpenRISC 1000"},
        {"ppc", "32-bit PowerPC"}, {"ppc64", "64-bit PowerPC"}, {"riscv32", "32-bit RISC-V"},
        {"riscv64", "64-bit RISC-V"}, {"rx", "Renesas RX"}, {"s390x", "IBM Z"}, {"sh4", "SuperH, little-endian"},
        {"sh4eb", "SuperH, big-endian"}, {"sparc", "32-bit SPARC"}, {"sparc64", "64-bit SPARC"},
        {"tricore", "Infineon TriCore"}, {"x86_64", "64-bit x86, the one that there is here"},
        {"xtensa", "Xtensa, little-endian"}, {"xtensaeb", "Xtensa, big-endian"}});
}

struct TargetInfo {
    SysEmuTarget arch = SysEmuTarget::x86_64;
};
BOOST_DESCRIBE_STRUCT(TargetInfo, (), (arch))
constexpr auto docs(TargetInfo const*) { return members({{"arch", "the guest's architecture"}}); }
struct QueryTarget : Command<"query-target", Empty, TargetInfo> {
    static constexpr CommandInfo info{.summary = "Which architecture the guest has."};
};

struct MachineInfo {
    std::string name;
    std::optional<bool> is_default;
    std::int64_t cpu_max = 0;
    bool hotpluggable_cpus = false, numa_mem_supported = false, deprecated = false;
    std::optional<std::string> default_ram_id;
};
BOOST_DESCRIBE_STRUCT(
    MachineInfo, (), (name, is_default, cpu_max, hotpluggable_cpus, numa_mem_supported, deprecated, default_ram_id))
constexpr auto docs(MachineInfo const*)
{
    return members({{"name", "what -machine takes"}, {"is-default", "used where -machine is not given"},
        {"cpu-max", "the most CPUs it may have"}, {"hotpluggable-cpus", "whether CPUs can be added later"},
        {"numa-mem-supported", "whether NUMA nodes take plain sizes"}, {"deprecated", "whether it will go"},
        {"default-ram-id", "the id of the RAM that -m makes"}});
}
struct QueryMachines : Command<"query-machines", Empty, std::vector<MachineInfo>> {
    static constexpr CommandInfo info{.summary = "List the machines."};
};

struct CurrentMachineParams {
    bool wakeup_suspend_support = false;
};
BOOST_DESCRIBE_STRUCT(CurrentMachineParams, (), (wakeup_suspend_support))
constexpr auto docs(CurrentMachineParams const*)
{
    return members({{"wakeup-suspend-support", "whether system_wakeup can do something"}});
}
struct QueryCurrentMachine : Command<"query-current-machine", Empty, CurrentMachineParams> {
    static constexpr CommandInfo info{.summary = "What the running machine can do."};
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

struct HumanReadableText {
    std::string human_readable_text;
};
BOOST_DESCRIBE_STRUCT(HumanReadableText, (), (human_readable_text))
constexpr auto docs(HumanReadableText const*)
{
    return members({{"human-readable-text", "a table for people; its layout may change"}});
}
struct QueryRamblock : Command<"x-query-ramblock", Empty, HumanReadableText> {
    static constexpr CommandInfo info{.summary = "The blocks of RAM, as text (unstable)."};
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
