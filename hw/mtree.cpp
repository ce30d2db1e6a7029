// SPDX-License-Identifier: GPL-3.0-or-later
#include "hw/mtree.hpp"

#include "qapi/schema/mtree.hpp"
#include "util/text.hpp"
#include "util/units.hpp"

#include <algorithm>

namespace minivisor::hw {

namespace {

constexpr std::uint64_t ports_end = 0xffff;

std::string digits(std::uint64_t number)
{
    auto const text = util::hex(number);
    return std::string(16 - std::min<std::size_t>(16, text.size()), '0') + text;
}

std::string line(unsigned depth, std::uint64_t first, std::uint64_t last, unsigned priority, std::string_view kind,
    std::string_view rest)
{
    return cat(std::string(std::size_t{2} * depth, ' '), digits(first), "-", digits(last), " (prio ", priority, ", ",
        kind, "): ", rest, "\n");
}

/// What stands at an address, with what it was before something covered parts of it.
struct Range {
    std::uint64_t address = 0;
    std::uint64_t end = 0;
    std::uint64_t offset = 0;
    machine::RamBlock const* block = nullptr; ///< null: a device
    bool read_only = false;
    std::string name{};
    unsigned priority = 0;

    /// The block itself; what lies over something else is an alias of it.
    bool whole() const { return block == nullptr || (priority == 0 && offset == 0 && end - address == block->size()); }
    std::string_view kind() const { return block == nullptr ? "i/o" : read_only ? "rom" : "ram"; }
};

void sort(std::vector<Range>& ranges)
{
    std::stable_sort(
        ranges.begin(), ranges.end(), [](Range const& a, Range const& b) { return a.address < b.address; });
}

std::vector<Range> seen(machine::Memory const& memory, std::vector<IoRange> const& devices)
{
    std::vector<Range> ranges;
    for (auto const& region : memory.regions())
        ranges.push_back(
            {region.guest_address, region.end(), region.offset, region.block, region.read_only, region.block->id()});
    for (auto const& device : devices)
        ranges.push_back({device.address, device.address + device.size, 0, nullptr, false, device.name});
    sort(ranges);
    return ranges;
}

/// The pieces that something has cut out of one region are one again.
std::vector<Range> joined(std::vector<Range> const& pieces)
{
    std::vector<Range> ranges;
    for (auto const& piece : pieces) {
        auto const same = std::find_if(ranges.begin(), ranges.end(), [&](Range const& range) {
            return piece.block != nullptr && range.block == piece.block && range.read_only == piece.read_only
                && piece.address - piece.offset == range.address - range.offset;
        });
        if (same == ranges.end())
            ranges.push_back(piece);
        else
            same->end = piece.end;
    }
    for (auto& range : ranges) {
        range.priority = range.read_only && std::any_of(ranges.begin(), ranges.end(), [&](Range const& other) {
            return &other != &range && other.address < range.end && range.address < other.end;
        });
        if (range.block != nullptr)
            range.name = range.read_only && range.end == util::mib ? "isa-bios"
                : range.address < 4 * util::gib                    ? "ram-below-4g"
                                                                   : "ram-above-4g";
    }
    return ranges;
}

std::string tree_line(Range const& range)
{
    auto const last = range.end - 1;
    if (range.block == nullptr)
        return line(2, range.address, last, range.priority, range.kind(), range.name);
    if (range.whole())
        return line(2, range.address, last, range.priority, range.kind(), range.block->id());
    return line(2, range.address, last, range.priority, range.kind(),
        cat("alias ", range.name, " @", range.block->id(), " ", digits(range.offset), "-",
            digits(range.offset + (last - range.address))));
}

} // namespace

std::string memory_tree(machine::Memory const& memory, AddressSpaces const& others)
{
    auto const ranges = joined(seen(memory, others.memory));
    std::string text;
    for (unsigned i = 0; i < others.cpus; ++i)
        text += cat("address-space: cpu-memory-", i, "\n");
    text += cat("address-space: memory\n", line(1, 0, ~std::uint64_t{0}, 0, "i/o", "system"));
    for (auto const& range : ranges)
        text += tree_line(range);
    text += cat("\naddress-space: I/O\n", line(1, 0, ports_end, 0, "i/o", "io"));
    for (auto const& range : seen(machine::Memory(), others.ports))
        text += tree_line(range);
    text += "\n";
    for (auto const& block : memory.blocks()) {
        auto const of_block = [&](Range const& range) { return range.block == block.get(); };
        auto const shown = std::find_if(
            ranges.begin(), ranges.end(), [&](Range const& range) { return of_block(range) && range.whole(); });
        bool const aliased = std::any_of(
            ranges.begin(), ranges.end(), [&](Range const& range) { return of_block(range) && !range.whole(); });
        if (!aliased)
            continue;
        auto const address = shown == ranges.end() ? 0 : shown->address;
        auto const kind = shown == ranges.end() ? "ram" : shown->kind();
        text += cat("memory-region: ", block->id(), "\n",
            line(1, address, address + block->size() - 1, 0, kind, block->id()), "\n");
    }
    return text;
}

std::string flat_memory(machine::Memory const& memory, AddressSpaces const& others)
{
    std::string text = "FlatView #0\n AS \"memory\", root: system\n";
    for (unsigned i = 0; i < others.cpus; ++i)
        text += cat(" AS \"cpu-memory-", i, "\", root: system\n");
    text += " Root memory region: system\n";
    auto const ranges = seen(memory, others.memory);
    for (auto const& range : ranges) {
        auto const offset = range.offset == 0 ? std::string() : cat(" @", digits(range.offset));
        text += line(1, range.address, range.end - 1, 0, range.kind(),
            cat(range.name, offset, range.block != nullptr && others.kvm ? " KVM" : ""));
    }
    text += cat(ranges.empty() ? "  No rendered FlatView\n" : "",
        "\nFlatView #1\n AS \"I/O\", root: io\n Root memory region: io\n");
    std::uint64_t next = 0;
    auto const rest_until = [&](std::uint64_t end) {
        if (next < end)
            text += line(1, next, end - 1, 0, "i/o", next == 0 ? "io" : cat("io @", digits(next)));
    };
    for (auto const& range : seen(machine::Memory(), others.ports)) {
        rest_until(range.address);
        text += line(1, range.address, range.end - 1, 0, "i/o", range.name);
        next = range.end;
    }
    rest_until(ports_end + 1);
    return text + "\n";
}

void bind_mtree(qapi::Registry& registry, machine::Memory const& memory, std::function<AddressSpaces()> others)
{
    registry.bind<qapi::QueryMtree>([&memory, others = std::move(others)](
                                        qapi::QueryMtreeArguments const& arguments) -> Result<qapi::HumanReadableText> {
        auto const spaces = others ? others() : AddressSpaces();
        return qapi::HumanReadableText{
            arguments.flat.value_or(false) ? flat_memory(memory, spaces) : memory_tree(memory, spaces)};
    });
}

} // namespace minivisor::hw
