// SPDX-License-Identifier: GPL-3.0-or-later
#include "hw/boot_plan.hpp"

#include "util/text.hpp"
#include "util/units.hpp"

#include <algorithm>
#include <array>

namespace minivisor::hw {

namespace {

/// Whether all of it is RAM that the guest may write.
bool is_ram(machine::Memory const& memory, std::uint64_t address, std::uint64_t size)
{
    while (size > 0) {
        auto const* region = memory.find_region(address);
        if (region == nullptr || region->read_only)
            return false;
        auto const here = std::min(size, region->end() - address);
        address += here;
        size -= here;
    }
    return true;
}

} // namespace

std::span<std::byte const> BootPlan::keep(Bytes bytes)
{
    m_images.push_back(std::move(bytes));
    return m_images.back();
}

void BootPlan::add(std::string what, std::uint64_t address, std::span<std::byte const> bytes)
{
    add(std::move(what), address, bytes, bytes.size());
}

void BootPlan::add(std::string what, std::uint64_t address, std::span<std::byte const> bytes, std::uint64_t size)
{
    if (size > 0)
        m_pieces.push_back({address, bytes, size, std::move(what)});
}

Result<void> BootPlan::check(machine::Memory const& memory) const
{
    std::vector<BootPiece const*> order;
    for (auto const& piece : m_pieces) {
        if (!is_ram(memory, piece.address, piece.size))
            return Error::generic(
                cat(piece.what, ": ", piece.size, " bytes do not fit into RAM at 0x", util::hex(piece.address)));
        order.push_back(&piece);
    }
    std::sort(order.begin(), order.end(), [](auto const* a, auto const* b) { return a->address < b->address; });
    for (std::size_t i = 1; i < order.size(); ++i) {
        if (order[i]->address - order[i - 1]->address < order[i - 1]->size)
            return Error::generic(
                cat(order[i - 1]->what, " and ", order[i]->what, " overlap at 0x", util::hex(order[i]->address)));
    }
    return {};
}

Result<void> BootPlan::load(machine::Memory& memory) const
{
    static constexpr std::array<std::byte, 64 * machine::page_size> zeros{};
    for (auto const& piece : m_pieces) {
        TRY(memory.write(piece.address, piece.bytes));
        for (auto done = std::uint64_t{piece.bytes.size()}; done < piece.size;) {
            auto const n = std::min<std::uint64_t>(zeros.size(), piece.size - done);
            TRY(memory.write(piece.address + done, std::span(zeros).first(static_cast<std::size_t>(n))));
            done += n;
        }
    }
    return {};
}

RamLayout RamLayout::of(machine::Memory const& memory)
{
    RamLayout layout;
    while (layout.below_4g < 4 * util::gib) {
        auto const* region = memory.find_region(layout.below_4g);
        if (region == nullptr)
            break;
        layout.below_4g = std::min(region->end(), 4 * util::gib);
    }
    auto end = 4 * util::gib;
    while (auto const* region = memory.find_region(end))
        end = region->end();
    layout.above_4g = end - 4 * util::gib;
    return layout;
}

Result<KernelKind> kind_of_kernel(std::span<std::byte const> kernel)
{
    auto const u16 = [&](std::size_t offset) { return little_endian<std::uint16_t>(kernel, offset); };
    auto const u32 = [&](std::size_t offset) { return little_endian<std::uint32_t>(kernel, offset); };
    constexpr std::uint32_t linux_magic = 0x53726448; // "HdrS"
    if (kernel.size() >= 0x208 && u32(0x202) == linux_magic)
        return KernelKind::linux_;
    constexpr std::uint32_t multiboot_magic = 0x1badb002;
    for (std::size_t i = 0; i + 12 <= std::min<std::size_t>(kernel.size(), 8192); i += 4) {
        if (u32(i) == multiboot_magic && static_cast<std::uint32_t>(u32(i) + u32(i + 4) + u32(i + 8)) == 0)
            return KernelKind::multiboot;
    }
    constexpr std::uint16_t boot_signature = 0xaa55;
    if (kernel.size() == 512 && u16(510) == boot_signature)
        return KernelKind::boot_sector;
    return Error::generic("invalid kernel header")
        .with_hint("It is no Linux kernel, no multiboot kernel and no boot sector of 512 bytes.");
}

Result<BootPlan> plan_boot_sector(Bytes sector)
{
    BootPlan plan;
    plan.add("boot sector", 0x7c00, plan.keep(std::move(sector)));
    plan.start.mode = accel::CpuStart::Mode::real;
    plan.start.ip = 0x7c00;
    plan.start.sp = 0x7c00;
    plan.start.dx = 0x80; // the first hard disk
    return plan;
}

} // namespace minivisor::hw
