// SPDX-License-Identifier: GPL-3.0-or-later
#include "hmp/cmd_cpu.hpp"

#include "hmp/memory_dump.hpp"
#include "qapi/schema/cpu.hpp"
#include "util/text.hpp"

#include <algorithm>

namespace minivisor::hmp {

namespace {

using boost::asio::awaitable;

/// The CPUs, with the one that is looked at marked; an empty list where they cannot be asked for.
awaitable<std::vector<qapi::CpuInfoFast>> list_cpus(CommandContext& context)
{
    auto const list = co_await context.call<qapi::QueryCpusFast>();
    if (!list)
        context.error(list.error());
    co_return list ? *list : std::vector<qapi::CpuInfoFast>();
}

awaitable<void> info_cpus(CommandContext& context, qapi::Object)
{
    auto listing = list_cpus(context);
    auto const list = co_await std::move(listing);
    std::string text;
    for (auto const& cpu : list)
        text += cat(cpu.cpu_index == context.format().cpu ? "*" : " ", " CPU #", cpu.cpu_index,
            ": thread_id=", cpu.thread_id, "\n");
    context.print(text);
}

awaitable<void> choose_cpu(CommandContext& context, qapi::Object args)
{
    auto listing = list_cpus(context);
    auto const list = co_await std::move(listing);
    auto const index = number_of(args, "index");
    if (index < 0 || static_cast<std::size_t>(index) >= list.size())
        context.print("invalid CPU index\n");
    else
        context.format().cpu = index;
}

awaitable<void> info_registers(CommandContext& context, qapi::Object args)
{
    auto listing = list_cpus(context);
    auto const list = co_await std::move(listing);
    if (args.contains("vcpu") && static_cast<std::uint64_t>(number_of(args, "vcpu")) >= list.size()) {
        context.print(cat("CPU#", number_of(args, "vcpu"), " not available\n"));
        co_return;
    }
    if (list.empty()) {
        context.print("No CPU available\n");
        co_return;
    }
    qapi::QueryRegistersArguments wanted;
    if (!args.contains("cpustate_all"))
        wanted.cpu_index = args.contains("vcpu") ? number_of(args, "vcpu") : context.format().cpu;
    auto const text = co_await context.call<qapi::QueryRegisters>(wanted);
    if (!text)
        context.error(text.error());
    else
        context.print(text->human_readable_text);
}

/// The bytes from an address on, as many as are there.
using Read = awaitable<Result<qapi::PhysicalMemory>> (*)(CommandContext&, std::uint64_t address, std::uint32_t size);

awaitable<Result<qapi::PhysicalMemory>> read_physical(
    CommandContext& context, std::uint64_t address, std::uint32_t size)
{
    qapi::ReadPhysicalMemoryArguments wanted{address, size};
    auto read = co_await context.call<qapi::ReadPhysicalMemory>(wanted);
    co_return read;
}

awaitable<Result<qapi::PhysicalMemory>> read_virtual(CommandContext& context, std::uint64_t address, std::uint32_t size)
{
    qapi::ReadMemoryArguments wanted{address, size, context.format().cpu};
    auto read = co_await context.call<qapi::ReadMemory>(wanted);
    co_return read;
}

/// x/i and xp/i.
awaitable<void> show_instructions(CommandContext& context, qapi::Object args, bool physical)
{
    auto const cpus = co_await context.call<qapi::QueryCpusFast>();
    if (!cpus || cpus->empty()) {
        context.print("Can not dump without CPU\n");
        co_return;
    }
    qapi::DisassembleArguments wanted;
    wanted.address = static_cast<std::uint64_t>(number_of(args, "addr"));
    auto const count = number_of(args.at("fmt").as_object(), "count");
    wanted.count = static_cast<std::uint32_t>(std::clamp<std::int64_t>(count, 1, max_dump));
    wanted.cpu_index = context.format().cpu;
    wanted.physical = physical;
    auto const text = co_await context.call<qapi::Disassemble>(wanted);
    if (!text)
        context.error(text.error());
    else
        context.print(text->human_readable_text);
}

/// What x and xp do once they know how to read memory.
awaitable<void> dump(CommandContext& context, qapi::Object args, Read read)
{
    auto const& fmt = args.at("fmt").as_object();
    auto const format = text_of(fmt, "format").front();
    if (format == 'i') {
        auto showing = show_instructions(context, std::move(args), read == read_physical);
        co_await std::move(showing);
        co_return;
    }
    auto const size = static_cast<unsigned>(number_of(fmt, "size"));
    auto const length = static_cast<std::uint64_t>(number_of(fmt, "count")) * size;
    if (length > max_dump) {
        context.error(Error::generic(cat("At most ", max_dump, " bytes can be shown at once")));
        co_return;
    }
    auto const start = static_cast<std::uint64_t>(number_of(args, "addr"));
    auto reading = read(context, start, static_cast<std::uint32_t>(length));
    auto const memory = co_await std::move(reading);
    if (!memory) {
        context.error(memory.error());
        co_return;
    }
    auto const bytes = util::from_hex(memory->hex).value_or(std::vector<std::uint8_t>());
    MemoryDump const layout(format, size);
    std::string text;
    for (std::uint64_t at = 0; at < length; at += layout.line_size()) {
        auto const wanted_here = std::min<std::uint64_t>(layout.line_size(), length - at);
        if (at + wanted_here > bytes.size()) {
            text += MemoryDump::no_memory(start + at);
            break;
        }
        text += layout.line(start + at, std::span(bytes).subspan(at, wanted_here));
    }
    context.print(text);
}

awaitable<void> physical_dump(CommandContext& context, qapi::Object args)
{
    auto dumping = dump(context, std::move(args), read_physical);
    co_await std::move(dumping);
}

awaitable<void> virtual_dump(CommandContext& context, qapi::Object args)
{
    auto listing = list_cpus(context);
    auto const list = co_await std::move(listing);
    if (list.empty()) {
        context.print("Can not dump without CPU\n");
        co_return;
    }
    auto dumping = dump(context, std::move(args), read_virtual);
    co_await std::move(dumping);
}

awaitable<void> gdbserver(CommandContext& context, qapi::Object args)
{
    auto const device = args.contains("device") ? text_of(args, "device") : std::string("tcp::1234");
    qapi::GdbserverArguments arguments{device};
    auto const done = co_await context.call<qapi::Gdbserver>(std::move(arguments));
    if (!done) {
        context.error(done.error());
        context.print(cat("Could not open gdbserver on device '", device, "'\n"));
    } else if (device == "none") {
        context.print("Disabled gdbserver\n");
    } else {
        context.print(cat("Waiting for gdb connection on device '", device, "'\n"));
    }
}

awaitable<void> memsave(CommandContext& context, qapi::Object args)
{
    qapi::MemsaveArguments arguments{
        number_of(args, "val"), number_of(args, "size"), text_of(args, "filename"), context.format().cpu};
    auto const saved = co_await context.call<qapi::Memsave>(std::move(arguments));
    if (!saved)
        context.error(saved.error());
}

awaitable<void> pmemsave(CommandContext& context, qapi::Object args)
{
    qapi::PmemsaveArguments arguments{number_of(args, "val"), number_of(args, "size"), text_of(args, "filename")};
    auto const saved = co_await context.call<qapi::Pmemsave>(std::move(arguments));
    if (!saved)
        context.error(saved.error());
}

} // namespace

void add_cpu_commands(CommandTable& table)
{
    table.add({"cpu", {{"index", ArgKind::integer32}}, "index", "choose the CPU to look at", choose_cpu});
    table.add({"x", {{"fmt", ArgKind::format}, {"addr", ArgKind::integer64}}, "/fmt addr",
        "show memory from addr as the CPU sees it", virtual_dump});
    table.add({"xp", {{"fmt", ArgKind::format}, {"addr", ArgKind::integer64}}, "/fmt addr",
        "show guest-physical memory from addr; /fmt is a count, one of x d u o c i, and one of b h w g",
        physical_dump});
    table.add({"gdbserver", {{"device", ArgKind::word, true}}, "[device]",
        "let gdb in at a character device (default 'tcp::1234'), or no longer with 'none'", gdbserver});
    table.add({"memsave", {{"val", ArgKind::integer64}, {"size", ArgKind::integer32}, {"filename"}}, "addr size file",
        "write size bytes of memory from addr, as the CPU sees it, to a file", memsave,
        {Completion::none, Completion::none, Completion::file}});
    table.add({"pmemsave", {{"val", ArgKind::integer64}, {"size", ArgKind::integer32}, {"filename"}}, "addr size file",
        "write size bytes of guest-physical memory from addr to a file", pmemsave,
        {Completion::none, Completion::none, Completion::file}});
    table.add_topic({"cpus", {}, "", "the CPUs", info_cpus});
    table.add_topic({"registers", {{"cpustate_all", ArgKind::flag, false, 'a'}, {"vcpu", ArgKind::integer32, true}},
        "[-a|vcpu]", "the registers of the CPU that is looked at, or of another one\n-a: of all", info_registers});
}

} // namespace minivisor::hmp
