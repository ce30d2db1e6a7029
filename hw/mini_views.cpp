// SPDX-License-Identifier: GPL-3.0-or-later
// What others show of "mini": its CPUs' registers in a core file, its devices among the addresses.
#include "hw/mini.hpp"

#include "util/log.hpp"

namespace minivisor::hw {

namespace {

CpuSegment segment(accel::CpuState const& state, accel::Segment name)
{
    auto const i = static_cast<std::size_t>(name);
    std::uint32_t const flags = state.segment_flags[i] & ~accel::SegmentFlags::unusable;
    return {state.segment_selector[i], state.segment_limit[i], flags << 8, state.segment_base[i]};
}

CpuRegisters registers(accel::CpuState const& state)
{
    using accel::Register;
    using accel::Segment;
    CpuRegisters r;
    r.rax = state[Register::rax];
    r.rbx = state[Register::rbx];
    r.rcx = state[Register::rcx];
    r.rdx = state[Register::rdx];
    r.rsi = state[Register::rsi];
    r.rdi = state[Register::rdi];
    r.rsp = state[Register::rsp];
    r.rbp = state[Register::rbp];
    r.r8 = state[Register::r8];
    r.r9 = state[Register::r9];
    r.r10 = state[Register::r10];
    r.r11 = state[Register::r11];
    r.r12 = state[Register::r12];
    r.r13 = state[Register::r13];
    r.r14 = state[Register::r14];
    r.r15 = state[Register::r15];
    r.rip = state[Register::rip];
    r.rflags = state[Register::rflags];
    r.cs = segment(state, Segment::cs);
    r.ds = segment(state, Segment::ds);
    r.es = segment(state, Segment::es);
    r.fs = segment(state, Segment::fs);
    r.gs = segment(state, Segment::gs);
    r.ss = segment(state, Segment::ss);
    r.ldt = segment(state, Segment::ldt);
    r.tr = segment(state, Segment::tr);
    r.gdt = {0, state.gdt_limit, 0, state.gdt_base};
    r.idt = {0, state.idt_limit, 0, state.idt_base};
    r.cr = {state.cr0, 0, state.cr2, state.cr3, state.cr4};
    for (std::size_t i = 0; i < accel::saved_msrs.size(); ++i)
        if (accel::saved_msrs[i] == accel::msr_kernel_gs_base)
            r.kernel_gs_base = state.msr[i];
    return r;
}

} // namespace

std::vector<CpuRegisters> Mini::cpu_registers()
{
    std::vector<CpuRegisters> list;
    auto const states = cpu_states();
    if (!states)
        util::log::error(states.error());
    else
        for (auto const& state : *states)
            list.push_back(registers(state));
    return list;
}

/// Of all that is soldered on, with QEMU's names.
std::vector<IoRange> Mini::board_ports() const
{
    std::vector<IoRange> ports{{"keyboard", 0x64, 1}, {"rtc", RealTimeClock::first, RealTimeClock::port_count},
        {"serial", com1, SerialPort::port_count}, {"acpi", PowerPorts::first, PowerPorts::port_count},
        {"reset-control", 0xcf9, 1}};
    if (!m_kvm)
        return ports;
    std::string const who = m_chips ? "" : "kvm-";
    for (auto const port : {PicPair::first_port, PicPair::second_port})
        ports.push_back({who + "pic", port, Pic::port_count});
    for (unsigned chip = 0; chip < 2; ++chip)
        ports.push_back({who + "elcr", PicPair::level_port + chip, 1});
    ports.push_back({who + "pit", Pit::first_port, Pit::port_count});
    ports.push_back({"pcspk", Pit::speaker_port, 1});
    return ports;
}

AddressSpaces Mini::address_spaces() const
{
    AddressSpaces spaces;
    spaces.cpus = m_kvm ? static_cast<unsigned>(m_kvm->cpus().size()) : 0;
    spaces.kvm = m_kvm != nullptr;
    spaces.ports = board_ports();
    if (auto const& debug_exit = m_options.debug_exit)
        spaces.ports.push_back({"isa-debug-exit", debug_exit->iobase, debug_exit->iosize});
    return spaces;
}

} // namespace minivisor::hw
