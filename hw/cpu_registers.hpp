// SPDX-License-Identifier: GPL-3.0-or-later
// What a person who inspects a CPU wants to see of it; the accelerator fills it in while the CPU stands still.
#pragma once

#include <array>
#include <cstdint>

namespace minivisor::hw {

struct CpuSegment {
    std::uint32_t selector = 0;
    std::uint32_t limit = 0;
    /// The descriptor's second word as the CPU keeps it: type, S, DPL and P in bits 8 to 15, AVL, L, D and G in 20
    /// to 23.
    std::uint32_t flags = 0;
    std::uint64_t base = 0;
};

struct CpuRegisters {
    std::uint64_t rax = 0, rbx = 0, rcx = 0, rdx = 0, rsi = 0, rdi = 0, rsp = 0, rbp = 0;
    std::uint64_t r8 = 0, r9 = 0, r10 = 0, r11 = 0, r12 = 0, r13 = 0, r14 = 0, r15 = 0;
    std::uint64_t rip = 0, rflags = 0;
    CpuSegment cs, ds, es, fs, gs, ss, ldt, tr, gdt, idt;
    std::array<std::uint64_t, 5> cr{};
    std::uint64_t kernel_gs_base = 0;

    bool paging() const { return (cr[0] >> 31 & 1) != 0; }
};

} // namespace minivisor::hw
