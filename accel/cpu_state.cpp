// SPDX-License-Identifier: GPL-3.0-or-later
#include "accel/cpu_state.hpp"

namespace minivisor::accel {

namespace {

constexpr std::uint64_t cr0_protection = 1, cr0_extension_type = 0x10, cr0_paging = 0x80000000;
constexpr std::uint64_t cr4_pae = 1 << 5;
constexpr std::uint64_t efer_long = 1 << 8, efer_long_active = 1 << 10;
constexpr std::uint16_t code_segment = 0x9b, data_segment = 0x93; // present, accessed

void set_segment(
    CpuState& state, Segment name, std::uint16_t selector, std::uint64_t base, std::uint32_t limit, std::uint16_t flags)
{
    auto const i = static_cast<std::size_t>(name);
    state.segment_selector[i] = selector;
    state.segment_base[i] = base;
    state.segment_limit[i] = limit;
    state.segment_flags[i] = flags;
}

void set_flat_segments(CpuState& state, std::uint16_t code, std::uint16_t data, std::uint16_t code_size)
{
    constexpr auto grain = SegmentFlags::granularity;
    set_segment(state, Segment::cs, code, 0, 0xffffffff, static_cast<std::uint16_t>(code_segment | grain | code_size));
    for (auto const name : {Segment::ds, Segment::es, Segment::fs, Segment::gs, Segment::ss})
        set_segment(
            state, name, data, 0, 0xffffffff, static_cast<std::uint16_t>(data_segment | grain | SegmentFlags::big));
}

} // namespace

void CpuState::begin_at(CpuStart const& start)
{
    using Mode = CpuStart::Mode;
    auto& self = *this;
    if (start.mode == Mode::reset_vector)
        return;
    self[Register::rip] = start.ip;
    self[Register::rsp] = start.sp;
    self[Register::rax] = start.ax;
    self[Register::rbx] = start.bx;
    self[Register::rsi] = start.si;
    self[Register::rdx] = start.dx;
    if (start.gdt_base != 0) {
        gdt_base = start.gdt_base;
        gdt_limit = start.gdt_limit;
    }
    switch (start.mode) {
    case Mode::reset_vector: break;
    case Mode::real:
        for (auto const name : {Segment::cs, Segment::ds, Segment::es, Segment::fs, Segment::gs, Segment::ss})
            set_segment(self, name, start.segment, std::uint64_t{start.segment} * 16, 0xffff,
                name == Segment::cs ? code_segment : data_segment);
        break;
    case Mode::protected32:
        set_flat_segments(self, 0x08, 0x10, SegmentFlags::big);
        cr0 = cr0_protection | cr0_extension_type;
        break;
    case Mode::long64:
        set_flat_segments(self, 0x10, 0x18, SegmentFlags::long_mode);
        cr3 = start.page_tables;
        cr4 |= cr4_pae;
        efer |= efer_long | efer_long_active;
        cr0 = cr0_protection | cr0_extension_type | cr0_paging;
        break;
    }
}

machine::SavedState const CpuState::saved_state{
    .name = "cpu",
    .version = 1,
    .minimum_version = 1,
    .fields = {machine::saved<&CpuState::general>("regs"), machine::saved<&CpuState::segment_base>("segs.base"),
        machine::saved<&CpuState::segment_limit>("segs.limit"),
        machine::saved<&CpuState::segment_selector>("segs.selector"),
        machine::saved<&CpuState::segment_flags>("segs.flags"), machine::saved<&CpuState::gdt_base>("gdt.base"),
        machine::saved<&CpuState::gdt_limit>("gdt.limit"), machine::saved<&CpuState::idt_base>("idt.base"),
        machine::saved<&CpuState::idt_limit>("idt.limit"), machine::saved<&CpuState::cr0>("cr0"),
        machine::saved<&CpuState::cr2>("cr2"), machine::saved<&CpuState::cr3>("cr3"),
        machine::saved<&CpuState::cr4>("cr4"), machine::saved<&CpuState::cr8>("cr8"),
        machine::saved<&CpuState::efer>("efer"), machine::saved<&CpuState::apic_base>("apic_base"),
        machine::saved<&CpuState::pending_interrupts>("interrupt_bitmap"), machine::saved<&CpuState::xcr0>("xcr0"),
        machine::saved<&CpuState::debug_registers>("dr"), machine::saved<&CpuState::xsave>("xsave"),
        machine::saved<&CpuState::events>("events"), machine::saved<&CpuState::mp_state>("mp_state"),
        machine::saved<&CpuState::local_apic>("apic"), machine::saved<&CpuState::msr_known>("msr_known"),
        machine::saved<&CpuState::msr>("msr"), machine::saved<&CpuState::tsc_khz>("tsc_khz")},
    .before_save =
        [](void* device) {
            auto& state = *static_cast<CpuState*>(device);
            return state.io->read_state(state);
        },
    .after_load =
        [](void* device, std::uint32_t) {
            auto const& state = *static_cast<CpuState const*>(device);
            return state.io->write_state(state);
        },
};

} // namespace minivisor::accel
