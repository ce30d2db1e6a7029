// SPDX-License-Identifier: GPL-3.0-or-later
#include "hmp/cmd_dump.hpp"

#include "qapi/schema/dump.hpp"
#include "qapi/schema/mtree.hpp"
#include "util/text.hpp"

#include <array>
#include <cstdio>

namespace minivisor::hmp {

namespace {

using boost::asio::awaitable;
using qapi::DumpGuestMemoryFormat;

awaitable<void> dump_guest_memory(CommandContext& context, qapi::Object args)
{
    qapi::DumpGuestMemoryArguments arguments;
    arguments.paging = has_flag(args, "paging");
    arguments.detach = has_flag(args, "detach");
    arguments.format = DumpGuestMemoryFormat::elf;
    int formats = 0;
    for (auto const& [flag, format] :
        {std::pair("zlib", DumpGuestMemoryFormat::kdump_zlib), std::pair("lzo", DumpGuestMemoryFormat::kdump_lzo),
            std::pair("snappy", DumpGuestMemoryFormat::kdump_snappy),
            std::pair("windmp", DumpGuestMemoryFormat::win_dmp)}) {
        if (has_flag(args, flag)) {
            arguments.format = format;
            ++formats;
        }
    }
    if (formats > 1) {
        context.error(Error::generic("only one of '-z|-l|-s|-w' can be set"));
        co_return;
    }
    if (args.contains("begin"))
        arguments.begin = number_of(args, "begin");
    if (args.contains("length"))
        arguments.length = number_of(args, "length");
    arguments.protocol = cat("file:", text_of(args, "filename"));
    context.screen().flush();
    auto const done = co_await context.call<qapi::DumpGuestMemory>(std::move(arguments));
    if (!done)
        context.error(done.error());
}

awaitable<void> info_dump(CommandContext& context, qapi::Object)
{
    auto const info = co_await context.call<qapi::QueryDump>();
    if (!info) {
        context.error(info.error());
        co_return;
    }
    context.print(cat("Status: ", qapi::wire_name(info->status), "\n"));
    if (info->status == qapi::DumpStatus::active && info->total > 0) {
        std::array<char, 32> text{};
        auto const percent = 100.0 * static_cast<double>(info->completed) / static_cast<double>(info->total);
        std::snprintf(text.data(), text.size(), "Finished: %.2f %%\n", percent);
        context.print(text.data());
    }
}

awaitable<void> info_mtree(CommandContext& context, qapi::Object args)
{
    qapi::QueryMtreeArguments const arguments{has_flag(args, "flatview")};
    auto const text = co_await context.call<qapi::QueryMtree>(arguments);
    if (!text)
        context.error(text.error());
    else
        context.print(text->human_readable_text);
}

} // namespace

void add_dump_commands(CommandTable& table)
{
    table.add({"dump-guest-memory",
        {{"paging", ArgKind::flag, true, 'p'}, {"detach", ArgKind::flag, true, 'd'}, {"zlib", ArgKind::flag, true, 'z'},
            {"lzo", ArgKind::flag, true, 'l'}, {"snappy", ArgKind::flag, true, 's'},
            {"windmp", ArgKind::flag, true, 'w'}, {"filename", ArgKind::file}, {"begin", ArgKind::integer64, true},
            {"length", ArgKind::integer64, true}},
        "[-p] [-d] [-z|-l|-s|-w] filename [begin length]",
        "write guest memory and registers to a core file\n\t\t\t-p: as the first CPU sees it (its paging must be "
        "off)\n\t\t\t-d: do not wait for the end\n\t\t\t-z, -l, -s, -w: other formats (not supported)\n\t\t\tbegin, "
        "length: only so many bytes from this physical address",
        dump_guest_memory});
    table.add_topic({"dump", {}, "", "how the last dump stands", info_dump});
    table.add_topic({"mtree", {{"flatview", ArgKind::flag, true, 'f'}}, "[-f]",
        "which guest address belongs to what\n\t\t\t-f: as it is seen, range by range", info_mtree});
}

} // namespace minivisor::hmp
