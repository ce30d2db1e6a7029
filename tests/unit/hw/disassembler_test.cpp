// SPDX-License-Identifier: GPL-3.0-or-later
// The expected lines were printed by QEMU 7.2 for the same bytes.
#include "hw/disassembler.hpp"

#include <catch2/catch.hpp>

#include <vector>

namespace minivisor::hw {
namespace {

std::string text_of(std::uint64_t address, std::vector<unsigned> const& bytes, std::size_t count, CodeSize size)
{
    std::vector<std::byte> code;
    for (auto const byte : bytes)
        code.push_back(static_cast<std::byte>(byte));
    auto text = disassemble(address, code, count, size);
    REQUIRE(text);
    return *text;
}

TEST_CASE("disassembler: the CPU's mode says how wide an operand is")
{
    CHECK(text_of(0x7c00, {0xb8, 0x78, 0x56, 0x34, 0x12}, 1, CodeSize::bits16)
        == "0x00007c00:  b8 78 56                 movw     $0x5678, %ax\n");
    CHECK(text_of(0x7c00, {0xb8, 0x78, 0x56, 0x34, 0x12}, 1, CodeSize::bits32)
        == "0x00007c00:  b8 78 56 34 12           movl     $0x12345678, %eax\n");
    CHECK(text_of(0xffffffff81000000, {0x48, 0x89, 0xe5, 0xc3}, 2, CodeSize::bits64)
        == "0xffffffff81000000:  48 89 e5                 movq     %rsp, %rbp\n"
           "0xffffffff81000003:  c3                       retq     \n");
}

TEST_CASE("disassembler: a long instruction takes a second line")
{
    CHECK(
        text_of(0xf0100, {0x66, 0x67, 0xc7, 0x05, 0x78, 0x56, 0x34, 0x12, 0xf0, 0xde, 0xbc, 0x9a}, 1, CodeSize::bits16)
        == "0x000f0100:  66 67 c7 05 78 56 34 12  movl     $0x9abcdef0, 0x12345678\n"
           "0x000f0108:  f0 de bc 9a\n");
}

TEST_CASE("disassembler: what is no instruction is a byte, and where memory ends a line says so")
{
    CHECK(text_of(0xf010c, {0x0f, 0x04, 0x90}, 3, CodeSize::bits16)
        == "0x000f010c:  0f                       .byte    0x0f\n"
           "0x000f010d:  04 90                    addb     $0x90, %al\n"
           "0x000f010f: unable to read memory\n");
    CHECK(text_of(0x50000000, {}, 7, CodeSize::bits32) == "0x50000000: unable to read memory\n");
    CHECK(text_of(0, {0x90}, 0, CodeSize::bits32).empty());
}

} // namespace
} // namespace minivisor::hw
