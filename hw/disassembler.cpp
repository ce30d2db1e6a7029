// SPDX-License-Identifier: GPL-3.0-or-later
#include "hw/disassembler.hpp"

#include "util/text.hpp"

#include <capstone/capstone.h>
#include <dlfcn.h>

#include <algorithm>

namespace minivisor::hw {

namespace {

/// The library's functions, found by name; it stays loaded.
struct Capstone {
    decltype(&cs_open) open = nullptr;
    decltype(&cs_close) close = nullptr;
    decltype(&cs_option) option = nullptr;
    decltype(&cs_malloc) make_instruction = nullptr;
    decltype(&cs_free) free_instruction = nullptr;
    decltype(&cs_disasm_iter) next = nullptr;
};

template <typename Function>
bool find(void* library, char const* name, Function& function)
{
    function = reinterpret_cast<Function>(dlsym(library, name));
    return function != nullptr;
}

Result<Capstone> load()
{
    auto const name = cat("libcapstone.so.", CS_API_MAJOR);
    auto* const library = dlopen(name.c_str(), RTLD_NOW | RTLD_LOCAL);
    Capstone capstone;
    if (!library || !find(library, "cs_open", capstone.open) || !find(library, "cs_close", capstone.close)
        || !find(library, "cs_option", capstone.option) || !find(library, "cs_malloc", capstone.make_instruction)
        || !find(library, "cs_free", capstone.free_instruction) || !find(library, "cs_disasm_iter", capstone.next))
        return Error::generic(cat("Instructions cannot be shown without ", name, " (Debian's package libcapstone",
            CS_API_MAJOR, "): ", library ? "it is not what it should be" : dlerror()));
    return capstone;
}

cs_mode mode_of(CodeSize size)
{
    switch (size) {
    case CodeSize::bits16: return CS_MODE_16;
    case CodeSize::bits32: return CS_MODE_32;
    case CodeSize::bits64: break;
    }
    return CS_MODE_64;
}

/// One use of the library.
struct Session {
    explicit Session(Capstone const& library)
        : capstone(library)
    {
    }
    ~Session()
    {
        if (instruction)
            capstone.free_instruction(instruction, 1);
        if (handle != 0)
            capstone.close(&handle);
    }
    Session(Session const&) = delete;
    Session& operator=(Session const&) = delete;

    Result<void> open(CodeSize size)
    {
        if (capstone.open(CS_ARCH_X86, mode_of(size), &handle) != CS_ERR_OK)
            return Error::generic("libcapstone cannot be used for x86");
        capstone.option(handle, CS_OPT_SYNTAX, CS_OPT_SYNTAX_ATT);
        capstone.option(handle, CS_OPT_SKIPDATA, CS_OPT_ON);
        instruction = capstone.make_instruction(handle);
        return instruction ? Result<void>() : Error::generic("no memory for an instruction");
    }

    Capstone const& capstone;
    csh handle = 0;
    cs_insn* instruction = nullptr;
};

std::string padded_hex(std::uint64_t number, std::size_t digits)
{
    auto const text = util::hex(number);
    return std::string(digits - std::min(digits, text.size()), '0') + text;
}

std::string hex_bytes(std::span<std::uint8_t const> bytes)
{
    std::string text;
    for (auto const byte : bytes)
        text += cat(" ", padded_hex(byte, 2));
    return text;
}

std::string line(cs_insn const& instruction)
{
    constexpr std::size_t in_a_line = 8;
    constexpr std::size_t width = 3 * in_a_line;
    constexpr std::size_t mnemonic_width = 8;
    std::string text;
    for (std::size_t at = 0; at < instruction.size; at += in_a_line) {
        auto const count = std::min<std::size_t>(in_a_line, instruction.size - at);
        auto const bytes = hex_bytes({instruction.bytes + at, count});
        text += cat("0x", padded_hex(instruction.address + at, 8), ": ", bytes);
        if (at == 0) {
            std::string mnemonic = instruction.mnemonic;
            mnemonic.resize(std::max(mnemonic.size(), mnemonic_width), ' ');
            text += cat(std::string(width - bytes.size(), ' '), "  ", mnemonic, " ", instruction.op_str);
        }
        text += "\n";
    }
    return text;
}

} // namespace

Result<std::string> disassemble(
    std::uint64_t address, std::span<std::byte const> code, std::size_t count, CodeSize size)
{
    auto const capstone = TRY(load());
    Session session(capstone);
    TRY(session.open(size));
    auto const* next = reinterpret_cast<std::uint8_t const*>(code.data());
    auto left = code.size();
    std::string text;
    for (std::size_t i = 0; i < count; ++i) {
        if (!capstone.next(session.handle, &next, &left, &address, session.instruction))
            return text + cat("0x", padded_hex(address, 8), ": unable to read memory\n");
        text += line(*session.instruction);
    }
    return text;
}

} // namespace minivisor::hw
