// SPDX-License-Identifier: GPL-3.0-or-later
// Linux's x86 boot protocol (2.02 and later): a bzImage is entered in 64-bit mode where it says that it can be, else in
// 32-bit mode, with the zero page in rsi.
#include "hw/boot_plan.hpp"

#include "util/text.hpp"
#include "util/units.hpp"

#include <algorithm>

namespace minivisor::hw {

namespace {

// Where things are put below 640 KiB, which the kernel leaves alone until it has read them.
constexpr std::uint64_t gdt_address = 0x8000;
constexpr std::uint64_t zero_page_address = 0x10000;
constexpr std::uint64_t page_tables_address = 0x11000;
constexpr std::uint64_t command_line_address = 0x20000;
constexpr std::uint64_t command_line_room = 0x10000;
constexpr std::uint64_t low_ram_end = 0x9fc00;

struct LinuxHeader {
    std::uint16_t version = 0;
    std::uint64_t setup_size = 0;
    std::uint64_t load_address = 0;
    std::uint64_t initrd_max = 0x37ffffff;
    std::uint64_t command_line_max = 255;
    bool has_64_bit_entry = false;
    /// What the kernel takes while it starts, from where it has moved itself.
    std::uint64_t run_address = 0, run_size = 0;
};

constexpr std::uint64_t round_up(std::uint64_t value, std::uint64_t unit) { return (value + unit - 1) / unit * unit; }

Result<LinuxHeader> read_header(std::span<std::byte const> kernel)
{
    constexpr std::size_t header_end = 0x290;
    if (kernel.size() < header_end)
        return Error::generic("invalid kernel header").with_hint("The file is too short.");
    auto const u16 = [&](std::size_t offset) { return little_endian<std::uint16_t>(kernel, offset); };
    auto const u32 = [&](std::size_t offset) { return little_endian<std::uint32_t>(kernel, offset); };
    LinuxHeader header;
    header.version = u16(0x206);
    if (header.version < 0x202)
        return Error::generic(cat("the Linux kernel's boot protocol ", header.version >> 8, ".", header.version & 0xff,
            " is too old: 2.2 is needed"));
    constexpr unsigned loaded_high = 1;
    if ((static_cast<unsigned>(kernel[0x211]) & loaded_high) == 0)
        return Error::generic("the Linux kernel is a zImage, which is not supported");
    auto const sectors = static_cast<std::uint64_t>(kernel[0x1f1]);
    header.setup_size = ((sectors == 0 ? 4 : sectors) + 1) * 512;
    if (header.setup_size >= kernel.size())
        return Error::generic("invalid kernel header").with_hint("The file ends before its 32-bit part.");
    header.load_address = u32(0x214) == 0 ? util::mib : u32(0x214);
    header.run_address = header.load_address;
    header.run_size = kernel.size() - header.setup_size;
    if (header.version >= 0x203)
        header.initrd_max = u32(0x22c);
    if (header.version >= 0x206)
        header.command_line_max = std::min<std::uint64_t>(u32(0x238), command_line_room - 1);
    if (header.version >= 0x20a) {
        auto const alignment = std::max<std::uint64_t>(u32(0x230), 1);
        auto const preferred = little_endian<std::uint64_t>(kernel, 0x258);
        header.run_address = std::max(round_up(header.load_address, alignment), preferred);
        header.run_size = u32(0x260);
    }
    if (header.version >= 0x20c) {
        auto const flags = u16(0x236);
        header.has_64_bit_entry = (flags & 1) != 0;
        if ((flags & 2) != 0) // it can be above 4 GiB; here it never is
            header.initrd_max = 4 * util::gib - 1;
    }
    return header;
}

/// The first address after all that the kernel uses before it knows of the initial RAM disk.
Result<std::uint64_t> end_of_kernel(LinuxHeader const& header, std::uint64_t size, RamLayout ram)
{
    auto const room = [&](std::uint64_t address, std::uint64_t needed) {
        return address <= ram.below_4g && needed <= ram.below_4g - address;
    };
    if (header.load_address < util::mib)
        return Error::generic("invalid kernel header").with_hint("It is to be loaded below 1 MiB.");
    if (!room(header.load_address, size) || !room(header.run_address, header.run_size))
        return Error::generic(cat("the Linux kernel does not fit into RAM: it needs ", std::max(size, header.run_size),
            " bytes at 0x", util::hex(header.run_address)));
    return std::max(header.load_address + size, header.run_address + header.run_size);
}

void put_memory_map(std::span<std::byte> zero_page, RamLayout ram)
{
    constexpr std::uint32_t usable = 1;
    constexpr std::uint32_t reserved = 2;
    std::uint8_t count = 0;
    auto const put = [&](std::uint64_t address, std::uint64_t size, std::uint32_t type) {
        auto const at = 0x2d0 + std::size_t{20} * count;
        put_little_endian(zero_page, at, address);
        put_little_endian(zero_page, at + 8, size);
        put_little_endian(zero_page, at + 16, type);
        ++count;
    };
    put(0, low_ram_end, usable);
    put(low_ram_end, 0xa0000 - low_ram_end, reserved);
    put(0xf0000, util::mib - 0xf0000, reserved);
    put(util::mib, ram.below_4g - util::mib, usable);
    if (ram.above_4g > 0)
        put(4 * util::gib, ram.above_4g, usable);
    zero_page[0x1e8] = std::byte{count};
}

Bytes make_zero_page(std::span<std::byte const> kernel, RamLayout ram)
{
    Bytes page(4096);
    // The set-up header ends where its first instruction jumps to.
    auto const end = std::min<std::size_t>(0x202 + static_cast<std::size_t>(kernel[0x201]), 0x290);
    std::copy(kernel.begin() + 0x1f1, kernel.begin() + static_cast<std::ptrdiff_t>(end), page.begin() + 0x1f1);
    auto const above_1m = (ram.below_4g - util::mib) / 1024;
    put_little_endian(page, 0x02, static_cast<std::uint16_t>(std::min<std::uint64_t>(above_1m, 0xfc00)));
    put_little_endian(page, 0x1e0, static_cast<std::uint32_t>(above_1m));
    put_little_endian(page, 0x1fa, std::uint16_t{0xffff}); // the normal video mode
    page[0x210] = std::byte{0xff}; // a loader without a number
    put_little_endian(page, 0x228, static_cast<std::uint32_t>(command_line_address));
    put_memory_map(page, ram);
    return page;
}

/// The first 4 GiB as themselves, in pages of 2 MiB: one table of the top, one below, four of directories.
Bytes make_page_tables()
{
    constexpr std::uint64_t present_writable = 3;
    constexpr std::uint64_t large = 0x80;
    Bytes tables(std::size_t{6} * 4096);
    put_little_endian(tables, 0, page_tables_address + 4096 + present_writable);
    for (std::size_t i = 0; i < 4; ++i)
        put_little_endian(tables, 4096 + i * 8, page_tables_address + (2 + i) * 4096 + present_writable);
    for (std::size_t i = 0; i < std::size_t{4} * 512; ++i)
        put_little_endian(tables, 8192 + i * 8, i * 2 * util::mib + large + present_writable);
    return tables;
}

Bytes make_gdt(std::uint64_t code)
{
    Bytes gdt(32);
    put_little_endian(gdt, 8, flat_code32);
    put_little_endian(gdt, 16, code);
    put_little_endian(gdt, 24, flat_data);
    return gdt;
}

void set_start(BootPlan& plan, LinuxHeader const& header)
{
    auto& start = plan.start;
    auto const gdt = plan.keep(make_gdt(header.has_64_bit_entry ? flat_code64 : flat_code32));
    plan.add("descriptor table", gdt_address, gdt);
    start.gdt_base = gdt_address;
    start.gdt_limit = static_cast<std::uint16_t>(gdt.size() - 1);
    start.si = zero_page_address;
    start.ip = header.load_address;
    start.mode = accel::CpuStart::Mode::protected32;
    if (header.has_64_bit_entry) {
        start.mode = accel::CpuStart::Mode::long64;
        start.ip += 0x200;
        start.page_tables = page_tables_address;
        plan.add("page tables", page_tables_address, plan.keep(make_page_tables()));
    }
}

} // namespace

Result<BootPlan> plan_linux(Bytes kernel, KernelWords const& words, std::vector<BootModule> modules, RamLayout ram)
{
    auto const header = TRY(read_header(kernel));
    auto const kernel_size = kernel.size() - header.setup_size;
    auto const kernel_end = TRY(end_of_kernel(header, kernel_size, ram));
    if (words.append.size() > header.command_line_max)
        return Error::generic(cat(
            "the command line has ", words.append.size(), " bytes, the Linux kernel takes ", header.command_line_max));
    BootPlan plan;
    auto zero_page = make_zero_page(kernel, ram);
    if (!modules.empty() && !modules.front().bytes.empty()) {
        auto& bytes = modules.front().bytes;
        auto const end = std::min(header.initrd_max, ram.below_4g - 1) + 1;
        auto const address = bytes.size() > end ? 0 : (end - bytes.size()) & ~std::uint64_t{4095};
        if (address < kernel_end)
            return Error::generic(cat("initrd is too large, cannot support.(max: ",
                end > kernel_end ? end - kernel_end : 0, ", need ", bytes.size(), ")"));
        put_little_endian(zero_page, 0x218, static_cast<std::uint32_t>(address));
        put_little_endian(zero_page, 0x21c, static_cast<std::uint32_t>(bytes.size()));
        plan.add("initrd", address, plan.keep(std::move(bytes)));
    }
    auto const* const text = reinterpret_cast<std::byte const*>(words.append.c_str());
    plan.add("command line", command_line_address, plan.keep(Bytes(text, text + words.append.size() + 1)));
    plan.add("Linux kernel", header.load_address, plan.keep(std::move(kernel)).subspan(header.setup_size));
    plan.add("zero page", zero_page_address, plan.keep(std::move(zero_page)));
    set_start(plan, header);
    return plan;
}

} // namespace minivisor::hw
