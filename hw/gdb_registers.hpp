// SPDX-License-Identifier: GPL-3.0-or-later
// A CPU's registers as gdb numbers and sends them for "i386:x86-64", and the description of them that it asks for.
// Facts: GDB's manual, "Target Descriptions", "i386 Features".
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

namespace minivisor::hw {

struct GdbRegisters {
    static constexpr std::size_t integer_count = 24, stack_count = 8, fpu_count = 8, vector_count = 16;

    /// rax rbx rcx rdx rsi rdi rbp rsp r8 to r15 rip, 8 bytes each, then eflags cs ss ds es fs gs, 4 each.
    std::array<std::uint64_t, integer_count> integer{};
    std::array<std::array<std::uint8_t, 10>, stack_count> stack{}; ///< st0 to st7
    /// fctrl fstat ftag fiseg fioff foseg fooff fop
    std::array<std::uint32_t, fpu_count> fpu{};
    std::array<std::array<std::uint8_t, 16>, vector_count> vector{}; ///< xmm0 to xmm15
    std::uint32_t mxcsr = 0;

    bool operator==(GdbRegisters const&) const = default;
};

class GdbLayout {
public:
    static constexpr std::size_t wide_count = 17; ///< of the integer registers
    static constexpr std::size_t count = GdbRegisters::integer_count + GdbRegisters::stack_count
        + GdbRegisters::fpu_count + GdbRegisters::vector_count + 1;
    static constexpr std::size_t size = 17 * 8 + 7 * 4 + 8 * 10 + 8 * 4 + 16 * 16 + 4;
    using Bytes = std::array<std::uint8_t, size>;

    struct Place {
        std::size_t offset, size;
    };
    /// Where register `number` is; nothing where there is none.
    static std::optional<Place> find(std::size_t number);

    static Bytes pack(GdbRegisters const& registers);
    static GdbRegisters unpack(Bytes const& bytes);
    /// The target description.
    static std::string_view xml();
};

} // namespace minivisor::hw
