// SPDX-License-Identifier: GPL-3.0-or-later
#include "accel/kvm_chips.hpp"

#include <cstring>
#include <linux/kvm.h>

namespace minivisor::accel {

namespace {

Result<kvm_irqchip> get_chip(KvmVm const& vm, std::uint32_t id)
{
    kvm_irqchip chip{};
    chip.chip_id = id;
    TRY(kvm_ioctl(vm.fd(), KVM_GET_IRQCHIP, &chip, "KVM_GET_IRQCHIP"));
    return chip;
}

Result<void> set_chip(KvmVm const& vm, kvm_irqchip chip)
{
    TRY(kvm_ioctl(vm.fd(), KVM_SET_IRQCHIP, &chip, "KVM_SET_IRQCHIP"));
    return {};
}

template <typename State>
Result<void> read_before_save(void* device)
{
    return static_cast<State*>(device)->read();
}

template <typename State>
Result<void> write_after_load(void* device, std::uint32_t)
{
    return static_cast<State const*>(device)->write();
}

} // namespace

Result<void> IoApicState::read()
{
    auto const now = TRY(get_chip(*vm, KVM_IRQCHIP_IOAPIC));
    auto const& chip = now.chip.ioapic;
    base_address = chip.base_address;
    select = chip.ioregsel;
    id = chip.id;
    irr = chip.irr;
    for (std::size_t i = 0; i < redirections.size(); ++i)
        redirections[i] = chip.redirtbl[i].bits;
    return {};
}

Result<void> IoApicState::write() const
{
    kvm_irqchip wanted{};
    wanted.chip_id = KVM_IRQCHIP_IOAPIC;
    auto& chip = wanted.chip.ioapic;
    chip.base_address = base_address;
    chip.ioregsel = select;
    chip.id = id;
    chip.irr = irr;
    for (std::size_t i = 0; i < redirections.size(); ++i)
        chip.redirtbl[i].bits = redirections[i];
    return set_chip(*vm, wanted);
}

machine::SavedState const IoApicState::saved_state{
    .name = "ioapic",
    .fields = {machine::saved<&IoApicState::base_address>("base_address"),
        machine::saved<&IoApicState::select>("ioregsel"), machine::saved<&IoApicState::id>("id"),
        machine::saved<&IoApicState::irr>("irr"), machine::saved<&IoApicState::redirections>("ioredtbl")},
    .before_save = read_before_save<IoApicState>,
    .after_load = write_after_load<IoApicState>,
};

KvmChips::KvmChips(KvmVm& vm)
    : m_vm(vm)
{
    for (auto* const states : {&m_saved, &m_power_on}) {
        for (std::uint32_t i = 0; i < 2; ++i) {
            states->pics[i].chip = i;
            states->pics[i].io = this;
        }
        states->io_apic.vm = &vm;
        states->pit.io = this;
    }
}

Result<void> KvmChips::remember_power_on()
{
    for (auto& pic : m_power_on.pics)
        TRY(read_pic(pic));
    TRY(m_power_on.io_apic.read());
    return read_pit(m_power_on.pit);
}

Result<void> KvmChips::reset()
{
    for (auto const& pic : m_power_on.pics)
        TRY(write_pic(pic));
    TRY(m_power_on.io_apic.write());
    return write_pit(m_power_on.pit);
}

Result<void> KvmChips::add_to(machine::SavedDevices& devices)
{
    for (auto& pic : m_saved.pics)
        TRY(devices.add({"i8259", pic.chip, &PicState::saved_state, &pic}));
    TRY(devices.add({"ioapic", 0, &IoApicState::saved_state, &m_saved.io_apic}));
    return devices.add({"i8254", 0, &PitState::saved_state, &m_saved.pit});
}

void KvmChips::remove_from(machine::SavedDevices& devices)
{
    for (void const* chip : {static_cast<void const*>(&m_saved.pics[0]), static_cast<void const*>(&m_saved.pics[1]),
             static_cast<void const*>(&m_saved.io_apic), static_cast<void const*>(&m_saved.pit)})
        devices.remove(chip);
}

Result<void> KvmChips::read_pic(PicState& state)
{
    auto const now = TRY(get_chip(m_vm, state.chip));
    static_assert(sizeof now.chip.pic == sizeof state.registers);
    std::memcpy(state.registers.data(), &now.chip.pic, sizeof state.registers);
    return {};
}

Result<void> KvmChips::write_pic(PicState const& state)
{
    kvm_irqchip wanted{};
    wanted.chip_id = state.chip;
    std::memcpy(&wanted.chip.pic, state.registers.data(), sizeof state.registers);
    return set_chip(m_vm, wanted);
}

Result<void> KvmChips::read_pit(PitState& state)
{
    kvm_pit_state2 now{};
    TRY(kvm_ioctl(m_vm.fd(), KVM_GET_PIT2, &now, "KVM_GET_PIT2"));
    for (std::size_t i = 0; i < PitState::channels; ++i) {
        auto const& channel = now.channels[i];
        state.count[i] = channel.count;
        state.latched_count[i] = channel.latched_count;
        state.count_latched[i] = channel.count_latched;
        state.status_latched[i] = channel.status_latched;
        state.status[i] = channel.status;
        state.read_state[i] = channel.read_state;
        state.write_state[i] = channel.write_state;
        state.write_latch[i] = channel.write_latch;
        state.rw_mode[i] = channel.rw_mode;
        state.mode[i] = channel.mode;
        state.bcd[i] = channel.bcd;
        state.gate[i] = channel.gate;
    }
    state.flags = now.flags;
    return {};
}

Result<void> KvmChips::write_pit(PitState const& state)
{
    kvm_pit_state2 wanted{};
    for (std::size_t i = 0; i < PitState::channels; ++i) {
        auto& channel = wanted.channels[i];
        channel.count = state.count[i];
        channel.latched_count = state.latched_count[i];
        channel.count_latched = state.count_latched[i];
        channel.status_latched = state.status_latched[i];
        channel.status = state.status[i];
        channel.read_state = state.read_state[i];
        channel.write_state = state.write_state[i];
        channel.write_latch = state.write_latch[i];
        channel.rw_mode = state.rw_mode[i];
        channel.mode = state.mode[i];
        channel.bcd = state.bcd[i];
        channel.gate = state.gate[i];
    }
    wanted.flags = state.flags;
    TRY(kvm_ioctl(m_vm.fd(), KVM_SET_PIT2, &wanted, "KVM_SET_PIT2"));
    return {};
}

Result<void> ClockState::read()
{
    kvm_clock_data now{};
    TRY(kvm_ioctl(vm->fd(), KVM_GET_CLOCK, &now, "KVM_GET_CLOCK"));
    nanoseconds = now.clock;
    return {};
}

Result<void> ClockState::write() const
{
    kvm_clock_data wanted{};
    wanted.clock = nanoseconds;
    TRY(kvm_ioctl(vm->fd(), KVM_SET_CLOCK, &wanted, "KVM_SET_CLOCK"));
    return {};
}

machine::SavedState const ClockState::saved_state{
    .name = "kvmclock",
    .fields = {machine::saved<&ClockState::nanoseconds>("clock")},
};

} // namespace minivisor::accel
