// SPDX-License-Identifier: GPL-3.0-or-later
#include "hw/mtree.hpp"
#include "util/units.hpp"

#include <catch2/catch.hpp>

using namespace minivisor;
using namespace minivisor::hw;

namespace {

using util::gib;
using util::mib;

/// RAM with a hole and firmware of 64 KiB, as the board has them.
struct Board {
    Board()
    {
        auto add = [&](char const* id, std::uint64_t size) {
            auto host = machine::HostMemory::anonymous(id, size).value();
            return memory.add(machine::RamBlock::create(id, host).value()).value();
        };
        auto* const ram = add("ram", 4 * mib);
        auto* const rom = add("pc.bios", 65536);
        REQUIRE(memory.map({0, 3 * mib, ram}));
        REQUIRE(memory.map({4 * gib, mib, ram, 3 * mib}));
        REQUIRE(memory.map({4 * gib - 65536, 65536, rom, 0, true}));
        REQUIRE(memory.cover({mib - 65536, 65536, rom, 0, true}));
    }
    machine::Memory memory;
    AddressSpaces others{1, true, {{"ioapic", 0xfec00000, 0x1000}}, {{"serial", 0x3f8, 8}, {"pic", 0x20, 2}}};
};

} // namespace

TEST_CASE("the tree of a plain machine reads as QEMU's")
{
    machine::Memory memory;
    memory.add_anonymous("ram", 0, 64 * mib).value();
    CHECK(memory_tree(memory, {}) == R"(address-space: memory
  0000000000000000-ffffffffffffffff (prio 0, i/o): system
    0000000000000000-0000000003ffffff (prio 0, ram): ram

address-space: I/O
  0000000000000000-000000000000ffff (prio 0, i/o): io

)");
}

TEST_CASE("the tree shows RAM around its hole, and firmware that covers it")
{
    Board const board;
    CHECK(memory_tree(board.memory, board.others) == R"(address-space: cpu-memory-0
address-space: memory
  0000000000000000-ffffffffffffffff (prio 0, i/o): system
    0000000000000000-00000000002fffff (prio 0, ram): alias ram-below-4g @ram 0000000000000000-00000000002fffff
    00000000000f0000-00000000000fffff (prio 1, rom): alias isa-bios @pc.bios 0000000000000000-000000000000ffff
    00000000fec00000-00000000fec00fff (prio 0, i/o): ioapic
    00000000ffff0000-00000000ffffffff (prio 0, rom): pc.bios
    0000000100000000-00000001000fffff (prio 0, ram): alias ram-above-4g @ram 0000000000300000-00000000003fffff

address-space: I/O
  0000000000000000-000000000000ffff (prio 0, i/o): io
    0000000000000020-0000000000000021 (prio 0, i/o): pic
    00000000000003f8-00000000000003ff (prio 0, i/o): serial

memory-region: ram
  0000000000000000-00000000003fffff (prio 0, ram): ram

memory-region: pc.bios
  00000000ffff0000-00000000ffffffff (prio 0, rom): pc.bios

)");
}

TEST_CASE("the flat view shows what is seen where")
{
    Board const board;
    CHECK(flat_memory(board.memory, board.others) == R"(FlatView #0
 AS "memory", root: system
 AS "cpu-memory-0", root: system
 Root memory region: system
  0000000000000000-00000000000effff (prio 0, ram): ram KVM
  00000000000f0000-00000000000fffff (prio 0, rom): pc.bios KVM
  0000000000100000-00000000002fffff (prio 0, ram): ram @0000000000100000 KVM
  00000000fec00000-00000000fec00fff (prio 0, i/o): ioapic
  00000000ffff0000-00000000ffffffff (prio 0, rom): pc.bios KVM
  0000000100000000-00000001000fffff (prio 0, ram): ram @0000000000300000 KVM

FlatView #1
 AS "I/O", root: io
 Root memory region: io
  0000000000000000-000000000000001f (prio 0, i/o): io
  0000000000000020-0000000000000021 (prio 0, i/o): pic
  0000000000000022-00000000000003f7 (prio 0, i/o): io @0000000000000022
  00000000000003f8-00000000000003ff (prio 0, i/o): serial
  0000000000000400-000000000000ffff (prio 0, i/o): io @0000000000000400

)");
}
