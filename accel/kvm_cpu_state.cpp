// SPDX-License-Identifier: GPL-3.0-or-later
// KVM's structures to CpuState and back.
#include "accel/kvm_cpu.hpp"

#include "util/log.hpp"
#include "util/text.hpp"

#include <cerrno>
#include <cstring>
#include <linux/kvm.h>
#include <sys/ioctl.h>

namespace minivisor::accel {

namespace {

constexpr std::array general_fields{&kvm_regs::rax, &kvm_regs::rbx, &kvm_regs::rcx, &kvm_regs::rdx, &kvm_regs::rsi,
    &kvm_regs::rdi, &kvm_regs::rsp, &kvm_regs::rbp, &kvm_regs::r8, &kvm_regs::r9, &kvm_regs::r10, &kvm_regs::r11,
    &kvm_regs::r12, &kvm_regs::r13, &kvm_regs::r14, &kvm_regs::r15, &kvm_regs::rip, &kvm_regs::rflags};
static_assert(general_fields.size() == register_count);

constexpr std::array segment_fields{&kvm_sregs::cs, &kvm_sregs::ds, &kvm_sregs::es, &kvm_sregs::fs, &kvm_sregs::gs,
    &kvm_sregs::ss, &kvm_sregs::tr, &kvm_sregs::ldt};
static_assert(segment_fields.size() == segment_count);

std::uint16_t pack_flags(kvm_segment const& segment)
{
    return static_cast<std::uint16_t>(segment.type | segment.s << 4 | segment.dpl << 5 | segment.present << 7
        | segment.unusable << 8 | segment.avl << 12 | segment.l << 13 | segment.db << 14 | segment.g << 15);
}

kvm_segment unpack_segment(CpuState const& state, std::size_t i)
{
    auto const flags = state.segment_flags[i];
    auto const bit = [flags](unsigned n) { return static_cast<std::uint8_t>(flags >> n & 1); };
    kvm_segment segment{};
    segment.base = state.segment_base[i];
    segment.limit = state.segment_limit[i];
    segment.selector = state.segment_selector[i];
    segment.type = flags & 0xf;
    segment.s = bit(4);
    segment.dpl = flags >> 5 & 3;
    segment.present = bit(7);
    segment.unusable = bit(8);
    segment.avl = bit(12);
    segment.l = bit(13);
    segment.db = bit(14);
    segment.g = bit(15);
    return segment;
}

constexpr std::uint64_t rflags_interrupts = 1 << 9;

// What CPUID tells of a local APIC, and KVM's own features that are interrupts of one or need it.
constexpr std::uint32_t apic_edx = 1 << 9; // of leaves 1 and, on AMD, 0x80000001
constexpr std::uint32_t x2apic_ecx = 1 << 21, deadline_timer_ecx = 1 << 24; // of leaf 1
constexpr std::uint32_t extended_apic_ecx = 1 << 3; // of 0x80000001
constexpr std::uint32_t kvm_features_leaf = 0x40000001;
constexpr std::uint32_t kvm_features_of_apic = 1 << 4 // page faults told later
    | 1 << 6 // end of interrupt
    | 1 << 7 // kicks of halted CPUs
    | 1 << 10 | 1 << 11 | 1 << 13 | 1 << 14 // page faults again, IPIs, yields to who shall take one
    | 1 << 15; // more bits of a destination

bool has_apic(CpuState const& state)
{
    constexpr std::size_t version_register = 0x30; // of none it is zero
    return state.local_apic[version_register] != 0;
}

/// One of KVM's lists: a count, and the entries 8 bytes from the start. Linux's own declarations put them elsewhere
/// when they are compiled as C++ (an empty struct has a size there), and with it the numbers of the ioctls are wrong.
template <typename Entry, std::size_t n>
struct List {
    std::uint32_t count = 0;
    std::uint32_t more = 0; // padding or flags
    std::array<Entry, n> entries{};
};

constexpr std::size_t list_head = 8;
constexpr unsigned long get_supported_cpuid = _IOC(_IOC_READ | _IOC_WRITE, KVMIO, 0x05, list_head);
constexpr unsigned long set_cpuid2 = _IOC(_IOC_WRITE, KVMIO, 0x90, list_head);
constexpr unsigned long get_msrs = _IOC(_IOC_READ | _IOC_WRITE, KVMIO, 0x88, list_head);
constexpr unsigned long set_msrs = _IOC(_IOC_WRITE, KVMIO, 0x89, list_head);
constexpr unsigned long get_xsave = _IOC(_IOC_READ, KVMIO, 0xa4, 4096);
constexpr unsigned long set_xsave = _IOC(_IOC_WRITE, KVMIO, 0xa5, 4096);

using OneMsr = List<kvm_msr_entry, 1>;
static_assert(offsetof(OneMsr, entries) == list_head);

} // namespace

Result<void> KvmCpu::set_cpuid(unsigned count)
{
    // KVM says that a list is too short, but some refuse one that is longer than they can ever need.
    constexpr std::size_t most = 256;
    List<kvm_cpuid_entry2, most> cpuid;
    int got = -1;
    for (std::uint32_t room = 64; got < 0 && room <= most; room *= 2) {
        cpuid.count = room;
        got = ioctl(m_vm.device(), get_supported_cpuid, &cpuid);
        if (got < 0 && errno != E2BIG)
            break;
    }
    if (got < 0)
        return Error::system("KVM_GET_SUPPORTED_CPUID failed", errno);
    for (auto& entry : std::span(cpuid.entries).first(cpuid.count)) {
        if (entry.function == 1) {
            entry.ebx = (entry.ebx & 0xffff) | m_index << 24 | (count & 0xff) << 16;
            entry.edx = (entry.edx & ~(1u << 28)) | (count > 1 ? 1u << 28 : 0); // several in one package
            entry.ecx |= 1u << 31; // there is a hypervisor
            if (!m_vm.has_irqchip()) {
                entry.edx &= ~apic_edx;
                entry.ecx &= ~(x2apic_ecx | deadline_timer_ecx);
            }
        } else if (entry.function == 0xb) {
            entry.edx = m_index;
        } else if (entry.function == 0x80000008) {
            entry.ecx = (entry.ecx & ~0xffu) | (count - 1);
        } else if (entry.function == 0x80000001 && !m_vm.has_irqchip()) {
            entry.edx &= ~apic_edx;
            entry.ecx &= ~extended_apic_ecx;
        } else if (entry.function == kvm_features_leaf && !m_vm.has_irqchip()) {
            entry.eax &= ~kvm_features_of_apic;
        }
    }
    TRY(kvm_ioctl(m_fd.get(), set_cpuid2, &cpuid, "KVM_SET_CPUID2"));
    return {};
}

Result<void> KvmCpu::read_state(CpuState& into)
{
    auto const fd = m_fd.get();
    kvm_regs regs{};
    TRY(kvm_ioctl(fd, KVM_GET_REGS, &regs, "KVM_GET_REGS"));
    for (std::size_t i = 0; i < register_count; ++i)
        into.general[i] = regs.*general_fields[i];
    kvm_sregs special{};
    TRY(kvm_ioctl(fd, KVM_GET_SREGS, &special, "KVM_GET_SREGS"));
    for (std::size_t i = 0; i < segment_count; ++i) {
        auto const& segment = special.*segment_fields[i];
        into.segment_base[i] = segment.base;
        into.segment_limit[i] = segment.limit;
        into.segment_selector[i] = segment.selector;
        into.segment_flags[i] = pack_flags(segment);
    }
    into.gdt_base = special.gdt.base;
    into.gdt_limit = special.gdt.limit;
    into.idt_base = special.idt.base;
    into.idt_limit = special.idt.limit;
    into.cr0 = special.cr0;
    into.cr2 = special.cr2;
    into.cr3 = special.cr3;
    into.cr4 = special.cr4;
    into.cr8 = special.cr8;
    into.efer = special.efer;
    into.apic_base = special.apic_base;
    std::copy_n(special.interrupt_bitmap, into.pending_interrupts.size(), into.pending_interrupts.begin());
    TRY(kvm_ioctl(fd, get_xsave, into.xsave.data(), "KVM_GET_XSAVE"));
    if (m_vm.extension(KVM_CAP_XCRS) > 0) {
        kvm_xcrs xcrs{};
        TRY(kvm_ioctl(fd, KVM_GET_XCRS, &xcrs, "KVM_GET_XCRS"));
        into.xcr0 = xcrs.nr_xcrs > 0 ? xcrs.xcrs[0].value : 0;
    }
    kvm_debugregs debug{};
    TRY(kvm_ioctl(fd, KVM_GET_DEBUGREGS, &debug, "KVM_GET_DEBUGREGS"));
    std::copy_n(debug.db, 4, into.debug_registers.begin());
    into.debug_registers[4] = debug.dr6;
    into.debug_registers[5] = debug.dr7;
    kvm_vcpu_events events{};
    static_assert(sizeof events == sizeof into.events);
    TRY(kvm_ioctl(fd, KVM_GET_VCPU_EVENTS, &events, "KVM_GET_VCPU_EVENTS"));
    std::memcpy(into.events.data(), &events, sizeof events);
    if (m_vm.has_irqchip()) {
        kvm_mp_state mp{};
        TRY(kvm_ioctl(fd, KVM_GET_MP_STATE, &mp, "KVM_GET_MP_STATE"));
        into.mp_state = mp.mp_state;
        kvm_lapic_state apic{};
        static_assert(sizeof apic == sizeof into.local_apic);
        TRY(kvm_ioctl(fd, KVM_GET_LAPIC, &apic, "KVM_GET_LAPIC"));
        std::memcpy(into.local_apic.data(), &apic, sizeof apic);
    } else {
        into.mp_state = m_halted ? KVM_MP_STATE_HALTED : KVM_MP_STATE_RUNNABLE;
    }
    for (std::size_t i = 0; i < saved_msrs.size(); ++i) {
        OneMsr one;
        one.count = 1;
        one.entries[0].index = saved_msrs[i];
        into.msr_known[i] = ioctl(fd, get_msrs, &one) == 1;
        into.msr[i] = into.msr_known[i] ? one.entries[0].data : 0;
    }
    auto const khz = ioctl(fd, KVM_GET_TSC_KHZ, 0);
    into.tsc_khz = khz > 0 ? static_cast<std::uint32_t>(khz) : 0;
    return {};
}

Result<void> KvmCpu::write_state(CpuState const& from)
{
    if (has_apic(from) != m_vm.has_irqchip())
        return Error::generic(m_vm.has_irqchip()
                ? "the guest's CPU has no local APIC, and there is one here (kernel-irqchip=on)"
                : "the guest's CPU has a local APIC, and there is none here (kernel-irqchip=off)");
    auto const fd = m_fd.get();
    kvm_sregs special{};
    for (std::size_t i = 0; i < segment_count; ++i)
        special.*segment_fields[i] = unpack_segment(from, i);
    special.gdt.base = from.gdt_base;
    special.gdt.limit = from.gdt_limit;
    special.idt.base = from.idt_base;
    special.idt.limit = from.idt_limit;
    special.cr0 = from.cr0;
    special.cr2 = from.cr2;
    special.cr3 = from.cr3;
    special.cr4 = from.cr4;
    special.cr8 = from.cr8;
    special.efer = from.efer;
    special.apic_base = from.apic_base;
    std::copy(from.pending_interrupts.begin(), from.pending_interrupts.end(), special.interrupt_bitmap);
    kvm_regs regs{};
    for (std::size_t i = 0; i < register_count; ++i)
        regs.*general_fields[i] = from.general[i];
    // The order matters: what kind of CPU state XSAVE may hold, then the registers, and what is under way last.
    if (m_vm.extension(KVM_CAP_XCRS) > 0 && from.xcr0 != 0) {
        kvm_xcrs xcrs{};
        xcrs.nr_xcrs = 1;
        xcrs.xcrs[0].value = from.xcr0;
        TRY(kvm_ioctl(fd, KVM_SET_XCRS, &xcrs, "KVM_SET_XCRS"));
    }
    auto xsave = from.xsave;
    TRY(kvm_ioctl(fd, set_xsave, xsave.data(), "KVM_SET_XSAVE"));
    TRY(kvm_ioctl(fd, KVM_SET_SREGS, &special, "KVM_SET_SREGS"));
    TRY(kvm_ioctl(fd, KVM_SET_REGS, &regs, "KVM_SET_REGS"));
    if (from.tsc_khz != 0 && from.tsc_khz != m_power_on.tsc_khz && m_power_on.tsc_khz != 0
        && ioctl(fd, KVM_SET_TSC_KHZ, from.tsc_khz) != 0)
        util::log::warn(cat("TSC frequency mismatch between VM (", from.tsc_khz, " kHz) and host (", m_power_on.tsc_khz,
            " kHz), and TSC scaling unavailable"));
    for (std::size_t i = 0; i < saved_msrs.size(); ++i) {
        if (!from.msr_known[i])
            continue;
        OneMsr one;
        one.count = 1;
        one.entries[0].index = saved_msrs[i];
        one.entries[0].data = from.msr[i];
        if (ioctl(fd, set_msrs, &one) != 1 && from.msr[i] != m_power_on.msr[i])
            return Error::generic(
                cat("error: failed to set MSR 0x", util::hex(saved_msrs[i]), " to 0x", util::hex(from.msr[i])));
    }
    kvm_debugregs debug{};
    std::copy_n(from.debug_registers.begin(), 4, debug.db);
    debug.dr6 = from.debug_registers[4];
    debug.dr7 = from.debug_registers[5];
    TRY(kvm_ioctl(fd, KVM_SET_DEBUGREGS, &debug, "KVM_SET_DEBUGREGS"));
    if (m_vm.has_irqchip()) {
        kvm_lapic_state apic{};
        std::memcpy(&apic, from.local_apic.data(), sizeof apic);
        TRY(kvm_ioctl(fd, KVM_SET_LAPIC, &apic, "KVM_SET_LAPIC"));
        kvm_mp_state mp{};
        mp.mp_state = from.mp_state;
        TRY(kvm_ioctl(fd, KVM_SET_MP_STATE, &mp, "KVM_SET_MP_STATE"));
    } else {
        // KVM takes CR8 from here, and leaves it to us to know whether a halted CPU wakes.
        m_halted = from.mp_state == KVM_MP_STATE_HALTED;
        m_run->cr8 = from.cr8;
        m_run->if_flag = (regs.rflags & rflags_interrupts) != 0;
        m_run->ready_for_interrupt_injection = 0;
    }
    kvm_vcpu_events events{};
    std::memcpy(&events, from.events.data(), sizeof events);
    TRY(kvm_ioctl(fd, KVM_SET_VCPU_EVENTS, &events, "KVM_SET_VCPU_EVENTS"));
    return {};
}

} // namespace minivisor::accel
