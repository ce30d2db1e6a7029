// SPDX-License-Identifier: GPL-3.0-or-later
// All that makes one x86 CPU what it is at the moment, in plain numbers: read from KVM while the CPU stands still,
// put back into it, shown to people, and saved as the section "cpu" of a migration stream.
#pragma once

#include "accel/cpu_start.hpp"
#include "machine/saved_state.hpp"
#include "util/result.hpp"

#include <array>
#include <cstdint>
#include <functional>
#include <map>
#include <string>

namespace minivisor::accel {

/// The order of CpuState::general.
enum class Register { rax, rbx, rcx, rdx, rsi, rdi, rsp, rbp, r8, r9, r10, r11, r12, r13, r14, r15, rip, rflags };
inline constexpr std::size_t register_count = 18;

/// The order of the arrays of segments.
enum class Segment { cs, ds, es, fs, gs, ss, tr, ldt };
inline constexpr std::size_t segment_count = 8;

/// The bits of CpuState::segment_flags: as in a descriptor's second word, shifted down by 8.
struct SegmentFlags {
    static constexpr std::uint16_t present = 1 << 7, available = 1 << 12, long_mode = 1 << 13, big = 1 << 14,
                                   granularity = 1 << 15;
    static constexpr std::uint16_t unusable = 1 << 8; ///< where a descriptor has a bit of its limit
};

inline constexpr std::uint32_t msr_kernel_gs_base = 0xc0000102;

/// The model specific registers that move with a guest; what KVM does not know is left out.
inline constexpr std::array<std::uint32_t, 49> saved_msrs{
    0x10, // time stamp counter
    0x3b, // its adjustment
    0x6e0, // its deadline
    0x1a0, // miscellaneous features
    0x174, 0x175, 0x176, // SYSENTER: code segment, stack, entry
    0xc0000081, 0xc0000082, 0xc0000083, 0xc0000084, // SYSCALL: segments, entries, flags
    msr_kernel_gs_base,
    0xc0000103, // what RDTSCP tells
    0x277, // page attributes
    0x48, // speculation control
    0x122, // transactional memory control
    0xda0, // supervisor state of XSAVE
    0x179, 0x17a, 0x17b, // machine check
    0x2ff, 0x250, 0x258, 0x259, 0x268, 0x269, 0x26a, 0x26b, 0x26c, 0x26d, 0x26e, 0x26f, // types of memory, fixed
    0x200, 0x201, 0x202, 0x203, 0x204, 0x205, 0x206, 0x207, 0x208, 0x209, // and variable
    0x4b564d00, 0x4b564d01, 0x4b564d02, 0x4b564d03, 0x4b564d04, 0x4b564d05, 0x4b564d06, // KVM's clock and notices
};

class CpuIo;

struct CpuState {
    std::array<std::uint64_t, register_count> general{};
    std::array<std::uint64_t, segment_count> segment_base{};
    std::array<std::uint32_t, segment_count> segment_limit{};
    std::array<std::uint16_t, segment_count> segment_selector{};
    std::array<std::uint16_t, segment_count> segment_flags{};
    std::uint64_t gdt_base = 0, idt_base = 0;
    std::uint16_t gdt_limit = 0, idt_limit = 0;
    std::uint64_t cr0 = 0, cr2 = 0, cr3 = 0, cr4 = 0, cr8 = 0, efer = 0, apic_base = 0;
    std::array<std::uint64_t, 4> pending_interrupts{};
    std::uint64_t xcr0 = 0;
    std::array<std::uint64_t, 6> debug_registers{}; ///< dr0 to dr3, dr6, dr7
    alignas(
        8) std::array<std::uint8_t, 4096> xsave{}; ///< FPU, SSE, AVX and later, as the XSAVE instruction lays them out
    /// What is on its way into the CPU: KVM's struct kvm_vcpu_events, flags and all.
    std::array<std::uint8_t, 64> events{};
    std::uint32_t mp_state = 0; ///< KVM_MP_STATE_*
    std::array<std::uint8_t, 1024> local_apic{}; ///< its page of registers; zero without an interrupt controller of KVM
    std::array<std::uint8_t, saved_msrs.size()> msr_known{};
    std::array<std::uint64_t, saved_msrs.size()> msr{};
    std::uint32_t tsc_khz = 0;

    /// Where before_save reads from and after_load writes to; not part of the state.
    CpuIo* io = nullptr;

    std::uint64_t& operator[](Register name) { return general[static_cast<std::size_t>(name)]; }
    std::uint64_t operator[](Register name) const { return general[static_cast<std::size_t>(name)]; }

    /// Gives the registers what a boot protocol wants; for a CPU that has just been reset.
    void begin_at(CpuStart const& start);
    /// QEMU's "info registers".
    std::string to_text() const;
    /// The registers by the names that QEMU's monitor takes behind a '$' for a 32-bit PC: "eax", "cs.base", "pc". A
    /// limit of a segment has its sign extended, as there.
    std::map<std::string, std::uint64_t, std::less<>> named() const;

    static machine::SavedState const saved_state;
};

/// A CPU whose state can be read and written while it stands still.
class CpuIo {
public:
    virtual ~CpuIo() = default;
    virtual Result<void> read_state(CpuState& into) = 0;
    virtual Result<void> write_state(CpuState const& from) = 0;
};

} // namespace minivisor::accel
