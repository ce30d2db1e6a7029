// SPDX-License-Identifier: GPL-3.0-or-later
// Where and how the first CPU begins after a reset: at the PC's reset vector, or as a boot protocol wants it.
#pragma once

#include <cstdint>

namespace minivisor::accel {

/// The general registers that a boot protocol sets are given; all others are 0.
struct CpuStart {
    enum class Mode {
        /// f000:fff0, with the code segment's base at 0xffff0000, as after power-on.
        reset_vector,
        /// Real mode; all segments are `segment`, their base 16 times that.
        real,
        /// 32-bit protected mode, paging off, flat segments of 4 GiB (code 0x08, data 0x10), interrupts off.
        protected32,
        /// 64-bit mode, paging on with the tables at `page_tables`, flat segments (code 0x10, data 0x18), interrupts
        /// off.
        long64,
    };
    Mode mode = Mode::reset_vector;
    std::uint16_t segment = 0;
    std::uint64_t ip = 0;
    std::uint64_t sp = 0;
    std::uint64_t ax = 0, bx = 0, si = 0, dx = 0;
    /// Guest-physical addresses of what the loader has put into RAM.
    std::uint64_t page_tables = 0;
    std::uint64_t gdt_base = 0;
    std::uint16_t gdt_limit = 0;
};

} // namespace minivisor::accel
