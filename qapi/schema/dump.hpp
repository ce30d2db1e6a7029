// SPDX-License-Identifier: GPL-3.0-or-later
// Twin of QEMU's qapi/dump.json.
#pragma once

#include "qapi/command.hpp"

namespace minivisor::qapi {

enum class DumpGuestMemoryFormat { elf, kdump_zlib, kdump_lzo, kdump_snappy, win_dmp };
BOOST_DESCRIBE_ENUM(DumpGuestMemoryFormat, elf, kdump_zlib, kdump_lzo, kdump_snappy, win_dmp)
constexpr auto docs(DumpGuestMemoryFormat const*)
{
    return members({{"elf", "an ELF core file"}, {"kdump-zlib", "not supported"}, {"kdump-lzo", "not supported"},
        {"kdump-snappy", "not supported"}, {"win-dmp", "not supported"}});
}

struct DumpGuestMemoryArguments {
    bool paging = false;
    std::string protocol;
    std::optional<bool> detach;
    std::optional<std::int64_t> begin, length;
    std::optional<DumpGuestMemoryFormat> format;
};
BOOST_DESCRIBE_STRUCT(DumpGuestMemoryArguments, (), (paging, protocol, detach, begin, length, format))
constexpr auto docs(DumpGuestMemoryArguments const*)
{
    return members({{"paging", "lay memory out as the first CPU sees it; only while its paging is off"},
        {"protocol", "where to: `file:PATH`, or `fd:NAME` for a descriptor that getfd has named"},
        {"detach", "return at once; DUMP_COMPLETED tells the end (default false)"},
        {"begin", "the first guest-physical address; goes with `length`"},
        {"length", "how many bytes from there; all memory without"}, {"format", "the file's format (default elf)"}});
}
struct DumpGuestMemory : Command<"dump-guest-memory", DumpGuestMemoryArguments> {
    static constexpr CommandInfo info{
        .summary = "Write guest memory and the CPUs' registers to a core file, while the guest stands still."};
};

enum class DumpStatus { none, active, completed, failed };
BOOST_DESCRIBE_ENUM(DumpStatus, none, active, completed, failed)
constexpr auto docs(DumpStatus const*)
{
    return members({{"none", "there was none yet"}, {"active", "one is being written"},
        {"completed", "the last one is whole"}, {"failed", "the last one failed"}});
}

struct DumpQueryResult {
    DumpStatus status = DumpStatus::none;
    std::int64_t completed = 0;
    std::int64_t total = 0;
};
BOOST_DESCRIBE_STRUCT(DumpQueryResult, (), (status, completed, total))
constexpr auto docs(DumpQueryResult const*)
{
    return members({{"status", "how it stands"}, {"completed", "bytes of guest memory that are written"},
        {"total", "bytes of guest memory in all"}});
}
struct QueryDump : Command<"query-dump", Empty, DumpQueryResult> {
    static constexpr CommandInfo info{.summary = "How the last dump-guest-memory stands."};
};

struct DumpGuestMemoryCapability {
    std::vector<DumpGuestMemoryFormat> formats;
};
BOOST_DESCRIBE_STRUCT(DumpGuestMemoryCapability, (), (formats))
constexpr auto docs(DumpGuestMemoryCapability const*)
{
    return members({{"formats", "those that dump-guest-memory writes"}});
}
struct QueryDumpGuestMemoryCapability
    : Command<"query-dump-guest-memory-capability", Empty, DumpGuestMemoryCapability> {
    static constexpr CommandInfo info{.summary = "Which formats dump-guest-memory knows."};
};

struct DumpCompletedData {
    DumpQueryResult result;
    std::optional<std::string> error;
};
BOOST_DESCRIBE_STRUCT(DumpCompletedData, (), (result, error))
constexpr auto docs(DumpCompletedData const*)
{
    return members({{"result", "as query-dump says"}, {"error", "why it failed"}});
}
struct DumpCompletedEvent : Event<"DUMP_COMPLETED", DumpCompletedData> {
    static constexpr std::string_view summary = "A dump-guest-memory has ended.";
};

} // namespace minivisor::qapi
