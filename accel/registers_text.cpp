// SPDX-License-Identifier: GPL-3.0-or-later
// The text of "info registers", as QEMU lays it out.
#include "accel/cpu_state.hpp"

#include "util/text.hpp"

#include <cstdio>
#include <cstring>

namespace minivisor::accel {

namespace {

template <typename... Args>
void add(std::string& text, char const* format, Args... args)
{
    std::array<char, 160> line{};
    auto const n = std::snprintf(line.data(), line.size(), format, args...);
    text.append(line.data(), static_cast<std::size_t>(n));
}

using Wide = unsigned long long;

/// What the access byte of a descriptor says, in a word.
std::string segment_words(CpuState const& state, std::size_t i)
{
    auto const flags = state.segment_flags[i];
    auto const type = flags & 0xf;
    std::string text;
    bool const protected_mode = (state.cr0 & 1) != 0;
    if (!protected_mode || (flags & SegmentFlags::unusable) != 0 || (flags & SegmentFlags::present) == 0)
        return text;
    auto const dpl = flags >> 5 & 3;
    if ((flags & 1 << 4) != 0) {
        bool const code = (type & 8) != 0;
        char const* size = (flags & SegmentFlags::long_mode) != 0 && code ? "CS64"
            : code ? ((flags & SegmentFlags::big) != 0 ? "CS32" : "CS16")
                   : ((flags & SegmentFlags::big) != 0 ? "DS  " : "DS16");
        char const second = code ? ((type & 4) != 0 ? 'C' : '-') : ((type & 4) != 0 ? 'E' : '-');
        char const third = code ? ((type & 2) != 0 ? 'R' : '-') : ((type & 2) != 0 ? 'W' : '-');
        add(text, " DPL=%d %s [%c%c%c]", dpl, size, second, third, (type & 1) != 0 ? 'A' : '-');
        return text;
    }
    static constexpr char const* names[16]
        = {"Reserved", "TSS16-avl", "LDT", "TSS16-busy", "CallGate16", "TaskGate", "IntGate16", "TrapGate16",
            "Reserved", "TSS32-avl", "Reserved", "TSS32-busy", "CallGate32", "Reserved", "IntGate32", "TrapGate32"};
    static constexpr char const* long_names[16]
        = {"<hiword>", "Reserved", "LDT", "Reserved", "Reserved", "Reserved", "Reserved", "Reserved", "Reserved",
            "TSS64-avl", "Reserved", "TSS64-busy", "CallGate64", "Reserved", "IntGate64", "TrapGate64"};
    bool const long_mode = (state.efer & 1 << 10) != 0;
    add(text, " DPL=%d %s", dpl, (long_mode ? long_names : names)[type]);
    return text;
}

void add_flags(std::string& text, std::uint64_t flags)
{
    auto const bit = [flags](unsigned n, char name) { return (flags >> n & 1) != 0 ? name : '-'; };
    add(text, "[%c%c%c%c%c%c%c]", bit(10, 'D'), bit(11, 'O'), bit(7, 'S'), bit(6, 'Z'), bit(4, 'A'), bit(2, 'P'),
        bit(0, 'C'));
}

void add_general(std::string& text, CpuState const& s, bool wide)
{
    auto const r = [&s](std::size_t i) { return static_cast<Wide>(s.general[i]); };
    auto const cpl = s.segment_flags[static_cast<std::size_t>(Segment::ss)] >> 5 & 3;
    // halted: KVM_MP_STATE_HALTED is 3.
    int const halted = s.mp_state == 3 ? 1 : 0;
    if (wide) {
        static constexpr char const* names[16] = {"RAX", "RBX", "RCX", "RDX", "RSI", "RDI", "RBP", "RSP", "R8 ", "R9 ",
            "R10", "R11", "R12", "R13", "R14", "R15"};
        static constexpr std::size_t order[16] = {0, 1, 2, 3, 4, 5, 7, 6, 8, 9, 10, 11, 12, 13, 14, 15};
        for (std::size_t i = 0; i < 16; ++i)
            add(text, "%s=%016llx%c", names[i], r(order[i]), i % 4 == 3 ? '\n' : ' ');
        add(text, "RIP=%016llx RFL=%08x ", r(16), static_cast<unsigned>(s.general[17]));
    } else {
        static constexpr char const* names[8] = {"EAX", "EBX", "ECX", "EDX", "ESI", "EDI", "EBP", "ESP"};
        static constexpr std::size_t order[8] = {0, 1, 2, 3, 4, 5, 7, 6};
        for (std::size_t i = 0; i < 8; ++i)
            add(text, "%s=%08x%c", names[i], static_cast<unsigned>(r(order[i])), i % 4 == 3 ? '\n' : ' ');
        add(text, "EIP=%08x EFL=%08x ", static_cast<unsigned>(r(16)), static_cast<unsigned>(s.general[17]));
    }
    add_flags(text, s.general[17]);
    add(text, " CPL=%d II=0 A20=1 SMM=0 HLT=%d\n", cpl, halted);
}

void add_segments(std::string& text, CpuState const& s, bool wide)
{
    static constexpr char const* names[segment_count] = {"ES", "CS", "SS", "DS", "FS", "GS", "LDT", "TR"};
    static constexpr Segment order[segment_count]
        = {Segment::es, Segment::cs, Segment::ss, Segment::ds, Segment::fs, Segment::gs, Segment::ldt, Segment::tr};
    for (std::size_t n = 0; n < segment_count; ++n) {
        auto const i = static_cast<std::size_t>(order[n]);
        unsigned const flags = static_cast<unsigned>(s.segment_flags[i] & ~SegmentFlags::unusable) << 8;
        if (wide)
            add(text, "%-3s=%04x %016llx %08x %08x", names[n], s.segment_selector[i],
                static_cast<Wide>(s.segment_base[i]), s.segment_limit[i], flags);
        else
            add(text, "%-3s=%04x %08x %08x %08x", names[n], s.segment_selector[i],
                static_cast<unsigned>(s.segment_base[i]), s.segment_limit[i], flags);
        text += segment_words(s, i) + "\n";
    }
}

void add_control(std::string& text, CpuState const& s, bool wide)
{
    auto const& dr = s.debug_registers;
    if (wide) {
        add(text, "GDT=     %016llx %08x\nIDT=     %016llx %08x\n", static_cast<Wide>(s.gdt_base), s.gdt_limit,
            static_cast<Wide>(s.idt_base), s.idt_limit);
        add(text, "CR0=%08x CR2=%016llx CR3=%016llx CR4=%08x\n", static_cast<unsigned>(s.cr0), static_cast<Wide>(s.cr2),
            static_cast<Wide>(s.cr3), static_cast<unsigned>(s.cr4));
    } else {
        add(text, "GDT=     %08x %08x\nIDT=     %08x %08x\n", static_cast<unsigned>(s.gdt_base), s.gdt_limit,
            static_cast<unsigned>(s.idt_base), s.idt_limit);
        add(text, "CR0=%08x CR2=%08x CR3=%08x CR4=%08x\n", static_cast<unsigned>(s.cr0), static_cast<unsigned>(s.cr2),
            static_cast<unsigned>(s.cr3), static_cast<unsigned>(s.cr4));
    }
    add(text, "DR0=%016llx DR1=%016llx DR2=%016llx DR3=%016llx \n", static_cast<Wide>(dr[0]), static_cast<Wide>(dr[1]),
        static_cast<Wide>(dr[2]), static_cast<Wide>(dr[3]));
    add(text, "DR6=%016llx DR7=%016llx\n", static_cast<Wide>(dr[4]), static_cast<Wide>(dr[5]));
    add(text, "EFER=%016llx\n", static_cast<Wide>(s.efer));
}

template <typename T>
T at(CpuState const& s, std::size_t offset)
{
    T value{};
    std::memcpy(&value, s.xsave.data() + offset, sizeof value);
    return value;
}

/// The legacy region of an XSAVE area.
void add_fpu(std::string& text, CpuState const& s)
{
    auto const control = at<std::uint16_t>(s, 0), status = at<std::uint16_t>(s, 2);
    add(text, "FCW=%04x FSW=%04x [ST=%d] FTW=%02x MXCSR=%08x\n", control, status, status >> 11 & 7,
        at<std::uint8_t>(s, 4), at<std::uint32_t>(s, 24));
    for (std::size_t i = 0; i < 8; ++i)
        add(text, "FPR%zu=%016llx %04x%c", i, static_cast<Wide>(at<std::uint64_t>(s, 32 + 16 * i)),
            at<std::uint16_t>(s, 40 + 16 * i), i % 2 == 1 ? '\n' : ' ');
    std::size_t const count = (s.efer & 1 << 10) != 0 ? 16 : 8;
    for (std::size_t i = 0; i < count; ++i)
        add(text, "XMM%02zu=%016llx %016llx%c", i, static_cast<Wide>(at<std::uint64_t>(s, 168 + 16 * i)),
            static_cast<Wide>(at<std::uint64_t>(s, 160 + 16 * i)), i % 2 == 1 ? '\n' : ' ');
}

} // namespace

std::string CpuState::to_text() const
{
    constexpr std::uint64_t long_mode_active = 1 << 10;
    bool const wide = (efer & long_mode_active) != 0;
    std::string text;
    add_general(text, *this, wide);
    add_segments(text, *this, wide);
    add_control(text, *this, wide);
    add_fpu(text, *this);
    return text;
}

std::map<std::string, std::uint64_t, std::less<>> CpuState::named() const
{
    auto const& s = *this;
    std::map<std::string, std::uint64_t, std::less<>> all{{"eax", s[Register::rax]}, {"ebx", s[Register::rbx]},
        {"ecx", s[Register::rcx]}, {"edx", s[Register::rdx]}, {"esi", s[Register::rsi]}, {"edi", s[Register::rdi]},
        {"esp", s[Register::rsp]}, {"sp", s[Register::rsp]}, {"ebp", s[Register::rbp]}, {"fp", s[Register::rbp]},
        {"eip", s[Register::rip]}, {"eflags", s[Register::rflags]}};
    for (unsigned i = 8; i < 16; ++i)
        all.emplace(cat("r", i), general[static_cast<std::size_t>(Register::r8) + i - 8]);
    constexpr std::array<std::pair<std::string_view, Segment>, 6> segments{{{"cs", Segment::cs}, {"ds", Segment::ds},
        {"es", Segment::es}, {"fs", Segment::fs}, {"gs", Segment::gs}, {"ss", Segment::ss}}};
    for (auto const& [name, segment] : segments) {
        auto const i = static_cast<std::size_t>(segment);
        all.emplace(name, segment_selector[i]);
        all.emplace(cat(name, ".base"), segment_base[i]);
        all.emplace(cat(name, ".limit"), static_cast<std::uint64_t>(static_cast<std::int32_t>(segment_limit[i])));
    }
    all.emplace("pc", all["cs.base"] + all["eip"]);
    return all;
}

} // namespace minivisor::accel
