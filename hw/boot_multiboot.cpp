// SPDX-License-Identifier: GPL-3.0-or-later
// Multiboot 1: an ELF kernel of 32 bits, or any file whose header says where it goes; modules; the information
// structure in ebx. The error texts are QEMU's.
#include "hw/boot_plan.hpp"

#include "util/text.hpp"
#include "util/units.hpp"

#include <algorithm>
#include <optional>

namespace minivisor::hw {

namespace {

constexpr std::uint64_t info_address = 0x9000;
constexpr std::uint64_t info_end = 0x90000;
constexpr std::string_view loader_name = "minivisor";

constexpr std::uint32_t wants_video_mode = 0x4;
constexpr std::uint32_t has_addresses = 0x10000;

struct MultibootHeader {
    std::size_t at = 0;
    std::uint32_t flags = 0;
};

/// kind_of_kernel has found one.
MultibootHeader find_header(std::span<std::byte const> kernel)
{
    auto const u32 = [&](std::size_t offset) { return little_endian<std::uint32_t>(kernel, offset); };
    std::size_t at = 0;
    while (at + 16 <= kernel.size()
        && (u32(at) != 0x1badb002 || static_cast<std::uint32_t>(u32(at) + u32(at + 4) + u32(at + 8)) != 0))
        at += 4;
    return {at, at + 8 <= kernel.size() ? u32(at + 4) : 0};
}

/// Adds the kernel's one piece as its header describes it; returns the entry.
Result<std::uint32_t> add_plain(BootPlan& plan, std::span<std::byte const> kernel, MultibootHeader header)
{
    if (kernel.size() < header.at + 32)
        return Error::generic("invalid kernel header").with_hint("The file ends within its multiboot header.");
    auto const field
        = [&](std::size_t i) -> std::uint64_t { return little_endian<std::uint32_t>(kernel, header.at + 12 + i * 4); };
    auto const header_address = field(0);
    auto const load = field(1);
    auto const load_end = field(2);
    auto const bss_end = field(3);
    if (header_address < load)
        return Error::generic("invalid load_addr address");
    if (header_address - load > header.at)
        return Error::generic("invalid header_addr address");
    auto const offset = header.at - (header_address - load);
    auto size = kernel.size() - offset;
    if (load_end != 0) {
        if (load_end < load)
            return Error::generic("invalid load_end_addr address");
        if (load_end - load > size)
            return Error::generic("fread() failed").with_hint("The kernel is shorter than its multiboot header says.");
        size = load_end - load;
    }
    if (size > 4 * util::gib - 1 - load)
        return Error::generic("kernel does not fit in address space");
    if (bss_end != 0 && bss_end < load + size)
        return Error::generic("invalid bss_end_addr address");
    plan.add("kernel", load, kernel.subspan(offset, size), bss_end == 0 ? size : bss_end - load);
    return static_cast<std::uint32_t>(field(4));
}

struct Segment {
    std::uint64_t offset, virtual_address, address, file_size, memory_size, flags;
};

std::optional<Segment> read_segment(std::span<std::byte const> kernel, std::size_t at)
{
    auto const field = [&](std::size_t i) -> std::uint64_t { return little_endian<std::uint32_t>(kernel, at + i * 4); };
    constexpr std::uint64_t load = 1;
    if (field(0) != load)
        return std::nullopt;
    return Segment{field(1), field(2), field(3), field(4), field(5), field(6)};
}

/// Adds the segments of an ELF file of 32 bits; returns the entry.
Result<std::uint32_t> add_elf(BootPlan& plan, std::span<std::byte const> kernel)
{
    auto const bad = [](char const* why) { return Error::generic("Error while loading elf kernel").with_hint(why); };
    auto const u16 = [&](std::size_t offset) { return little_endian<std::uint16_t>(kernel, offset); };
    auto const u32 = [&](std::size_t offset) { return little_endian<std::uint32_t>(kernel, offset); };
    constexpr std::uint32_t elf_magic = 0x464c457f;
    if (kernel.size() < 52 || u32(0) != elf_magic)
        return bad("It is no ELF file.");
    constexpr std::uint16_t machine_x86_64 = 62;
    if (u16(18) == machine_x86_64)
        return Error::generic("Cannot load x86-64 image, give a 32bit one.");
    constexpr std::uint16_t class_32_little_endian = 0x0101;
    constexpr std::uint16_t executable = 2;
    constexpr std::uint16_t machine_386 = 3;
    if (u16(4) != class_32_little_endian || u16(16) != executable || u16(18) != machine_386)
        return bad("It is no 32-bit program for x86.");
    auto const count = std::size_t{u16(44)};
    auto const table = std::size_t{u32(28)};
    constexpr std::size_t entry_size = 32;
    if (u16(42) != entry_size || table > kernel.size() || count > (kernel.size() - table) / entry_size)
        return bad("Its program headers are not in the file.");
    auto const entry = u32(24);
    auto physical_entry = entry;
    for (std::size_t i = 0; i < count; ++i) {
        auto const segment = read_segment(kernel, table + i * entry_size);
        if (!segment)
            continue;
        if (segment->offset > kernel.size() || segment->file_size > kernel.size() - segment->offset)
            return bad("A segment is not in the file.");
        if (segment->memory_size < segment->file_size || segment->memory_size > 4 * util::gib - segment->address)
            return bad("A segment has an impossible size.");
        auto const bytes
            = kernel.subspan(static_cast<std::size_t>(segment->offset), static_cast<std::size_t>(segment->file_size));
        plan.add("kernel", segment->address, bytes, segment->memory_size);
        constexpr std::uint64_t is_code = 1;
        if ((segment->flags & is_code) != 0 && entry >= segment->virtual_address
            && entry - segment->virtual_address < segment->file_size)
            physical_entry = static_cast<std::uint32_t>(entry - segment->virtual_address + segment->address);
    }
    if (plan.pieces().empty())
        return bad("Nothing in it is to be loaded.");
    return physical_entry;
}

/// The information structure and what it points to, which all follow it.
class Info {
public:
    Info()
        : m_bytes(fixed_size)
    {
    }
    std::uint32_t put(std::span<std::byte const> bytes)
    {
        m_bytes.resize((m_bytes.size() + 7) / 8 * 8);
        auto const at = m_bytes.size();
        m_bytes.insert(m_bytes.end(), bytes.begin(), bytes.end());
        return static_cast<std::uint32_t>(info_address + at);
    }
    std::uint32_t put_text(std::string const& text)
    {
        return put({reinterpret_cast<std::byte const*>(text.c_str()), text.size() + 1});
    }
    void set(std::size_t offset, std::uint32_t value) { put_little_endian(std::span(m_bytes), offset, value); }
    std::size_t size() const { return m_bytes.size(); }
    Bytes take() { return std::move(m_bytes); }

private:
    static constexpr std::size_t fixed_size = 120;
    Bytes m_bytes;
};

Bytes make_memory_map(RamLayout ram)
{
    Bytes map;
    auto const put = [&](std::uint64_t address, std::uint64_t size, std::uint32_t type) {
        auto const at = map.size();
        map.resize(at + 24);
        put_little_endian(map, at, std::uint32_t{20});
        put_little_endian(map, at + 4, address);
        put_little_endian(map, at + 12, size);
        put_little_endian(map, at + 20, type);
    };
    constexpr std::uint64_t low_end = 0xa0000;
    put(0, std::min(ram.below_4g, low_end), 1);
    put(0xf0000, util::mib - 0xf0000, 2);
    if (ram.below_4g > util::mib)
        put(util::mib, ram.below_4g - util::mib, 1);
    if (ram.above_4g > 0)
        put(4 * util::gib, ram.above_4g, 1);
    return map;
}

/// Puts the modules behind the kernel, each at the begin of a page; returns the table of them for the structure.
Result<Bytes> add_modules(BootPlan& plan, std::vector<BootModule> modules, RamLayout ram, Info& info)
{
    auto address = util::mib;
    for (auto const& piece : plan.pieces())
        address = std::max(address, piece.address + piece.size);
    Bytes table(modules.size() * 16);
    for (std::size_t i = 0; i < modules.size(); ++i) {
        auto& module = modules[i];
        address = (address + 4095) & ~std::uint64_t{4095};
        auto const room = address < ram.below_4g ? ram.below_4g - address : 0;
        if (module.bytes.size() > room)
            return Error::generic(cat("module '", module.words, "' does not fit into RAM: ", module.bytes.size(),
                " bytes, and there is room for ", room));
        auto const end = address + module.bytes.size();
        put_little_endian(table, i * 16, static_cast<std::uint32_t>(address));
        put_little_endian(table, i * 16 + 4, static_cast<std::uint32_t>(end));
        put_little_endian(table, i * 16 + 8, info.put_text(module.words));
        plan.add(cat("module '", module.words, "'"), address, plan.keep(std::move(module.bytes)));
        address = end;
    }
    return table;
}

void set_start(BootPlan& plan, Info& info, std::uint32_t entry)
{
    Bytes gdt(24);
    put_little_endian(gdt, 8, flat_code32);
    put_little_endian(gdt, 16, flat_data);
    plan.start.gdt_base = info.put(gdt);
    plan.start.gdt_limit = static_cast<std::uint16_t>(gdt.size() - 1);
    plan.start.mode = accel::CpuStart::Mode::protected32;
    plan.start.ip = entry;
    plan.start.ax = 0x2badb002;
    plan.start.bx = info_address;
}

} // namespace

Result<BootPlan> plan_multiboot(Bytes kernel, KernelWords const& words, std::vector<BootModule> modules, RamLayout ram)
{
    BootPlan plan;
    auto const image = plan.keep(std::move(kernel));
    auto const header = find_header(image);
    constexpr std::uint32_t must_be_known = 0xfff8;
    if ((header.flags & must_be_known) != 0)
        return Error::generic(
            cat("the kernel wants multiboot features that are not supported (flags 0x", util::hex(header.flags), ")"));
    if ((header.flags & wants_video_mode) != 0)
        plan.warnings.emplace_back("multiboot knows VBE. we don't");
    auto const entry
        = (header.flags & has_addresses) != 0 ? TRY(add_plain(plan, image, header)) : TRY(add_elf(plan, image));
    Info info;
    constexpr std::uint32_t memory = 1, device = 2, command_line = 4, has_modules = 8, map = 0x40, name = 0x200;
    auto flags = memory | device | command_line | map | name;
    info.set(4, static_cast<std::uint32_t>(std::min<std::uint64_t>(ram.below_4g / 1024, 640)));
    info.set(8, static_cast<std::uint32_t>(ram.below_4g > util::mib ? (ram.below_4g - util::mib) / 1024 : 0));
    info.set(12, 0x8000ffff); // the first disk, no partition
    info.set(16, info.put_text(words.append.empty() ? words.path : cat(words.path, " ", words.append)));
    auto const count = modules.size();
    if (count > 0) {
        flags |= has_modules;
        auto const table = TRY(add_modules(plan, std::move(modules), ram, info));
        info.set(20, static_cast<std::uint32_t>(count));
        info.set(24, info.put(table));
    }
    auto const memory_map = make_memory_map(ram);
    info.set(44, static_cast<std::uint32_t>(memory_map.size()));
    info.set(48, info.put(memory_map));
    info.set(64, info.put_text(std::string(loader_name)));
    info.set(0, flags);
    set_start(plan, info, entry);
    if (info.size() > info_end - info_address)
        return Error::generic("the command line and the words of the modules are too long");
    plan.add("multiboot information", info_address, plan.keep(info.take()));
    return plan;
}

} // namespace minivisor::hw
