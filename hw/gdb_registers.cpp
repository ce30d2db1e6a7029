// SPDX-License-Identifier: GPL-3.0-or-later
#include "hw/gdb_registers.hpp"

#include "util/text.hpp"

#include <cstring>
#include <string>
#include <utility>

namespace minivisor::hw {

namespace {

constexpr std::size_t first_stack = GdbRegisters::integer_count;
constexpr std::size_t first_fpu = first_stack + GdbRegisters::stack_count;
constexpr std::size_t first_vector = first_fpu + GdbRegisters::fpu_count;

std::size_t size_of(std::size_t number)
{
    if (number < GdbLayout::wide_count)
        return 8;
    if (number < first_stack)
        return 4;
    if (number < first_fpu)
        return 10;
    return number < first_vector || number + 1 == GdbLayout::count ? 4 : 16;
}

/// Calls `visit` with each register's memory, in order. Numbers are little-endian, as on this host.
template <typename Registers, typename Visit>
void for_each(Registers& registers, Visit visit)
{
    for (auto& value : registers.integer)
        visit(&value);
    for (auto& value : registers.stack)
        visit(value.data());
    for (auto& value : registers.fpu)
        visit(&value);
    for (auto& value : registers.vector)
        visit(value.data());
    visit(&registers.mxcsr);
}

std::string make_xml()
{
    std::string text = "<?xml version=\"1.0\"?><!DOCTYPE target SYSTEM \"gdb-target.dtd\"><target>"
                       "<architecture>i386:x86-64</architecture><feature name=\"org.gnu.gdb.i386.core\">"
                       "<flags id=\"eflags\" size=\"4\">";
    static constexpr std::pair<std::string_view, unsigned> flags[] = {{"CF", 0}, {"PF", 2}, {"AF", 4}, {"ZF", 6},
        {"SF", 7}, {"TF", 8}, {"IF", 9}, {"DF", 10}, {"OF", 11}, {"NT", 14}, {"RF", 16}, {"VM", 17}, {"AC", 18}};
    for (auto const& [name, bit] : flags)
        text += cat("<field name=\"", name, "\" start=\"", bit, "\" end=\"", bit, "\"/>");
    text += "</flags>";
    auto const add = [&text](std::string_view name, unsigned bits, std::string_view type) {
        text += cat("<reg name=\"", name, "\" bitsize=\"", bits, "\" type=\"", type, "\"/>");
    };
    for (auto const* name : {"rax", "rbx", "rcx", "rdx", "rsi", "rdi"})
        add(name, 64, "int64");
    add("rbp", 64, "data_ptr");
    add("rsp", 64, "data_ptr");
    for (unsigned i = 8; i < 16; ++i)
        add(cat("r", i), 64, "int64");
    add("rip", 64, "code_ptr");
    add("eflags", 32, "eflags");
    for (auto const* name : {"cs", "ss", "ds", "es", "fs", "gs"})
        add(name, 32, "int32");
    for (unsigned i = 0; i < GdbRegisters::stack_count; ++i)
        add(cat("st", i), 80, "i387_ext");
    for (auto const* name : {"fctrl", "fstat", "ftag", "fiseg", "fioff", "foseg", "fooff", "fop"})
        add(name, 32, "int");
    text += "</feature><feature name=\"org.gnu.gdb.i386.sse\">";
    for (unsigned i = 0; i < GdbRegisters::vector_count; ++i)
        add(cat("xmm", i), 128, "uint128");
    add("mxcsr", 32, "int");
    return text + "</feature></target>";
}

} // namespace

std::optional<GdbLayout::Place> GdbLayout::find(std::size_t number)
{
    if (number >= count)
        return std::nullopt;
    std::size_t offset = 0;
    for (std::size_t i = 0; i < number; ++i)
        offset += size_of(i);
    return Place{offset, size_of(number)};
}

GdbLayout::Bytes GdbLayout::pack(GdbRegisters const& registers)
{
    Bytes bytes{};
    std::size_t number = 0, offset = 0;
    for_each(registers, [&](void const* value) {
        std::memcpy(bytes.data() + offset, value, size_of(number));
        offset += size_of(number++);
    });
    return bytes;
}

GdbRegisters GdbLayout::unpack(Bytes const& bytes)
{
    GdbRegisters registers;
    std::size_t number = 0, offset = 0;
    for_each(registers, [&](void* value) {
        std::memcpy(value, bytes.data() + offset, size_of(number));
        offset += size_of(number++);
    });
    return registers;
}

std::string_view GdbLayout::xml()
{
    static std::string const text = make_xml();
    return text;
}

} // namespace minivisor::hw
