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

Result<void> PicState::read()
{
    auto const now = TRY(get_chip(*vm, chip));
    static_assert(sizeof now.chip.pic == sizeof registers);
    std::memcpy(registers.data(), &now.chip.pic, sizeof registers);
    return {};
}

Result<void> PicState::write() const
{
    kvm_irqchip wanted{};
    wanted.chip_id = chip;
    std::memcpy(&wanted.chip.pic, registers.data(), sizeof registers);
    return set_chip(*vm, wanted);
}

machine::SavedState const PicState::saved_state{
    .name = "i8259",
    .fields = {machine::saved<&PicState::registers>("registers")},
    .before_save = read_before_save<PicState>,
    .after_load = write_after_load<PicState>,
};

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

Result<void> PitState::read()
{
    kvm_pit_state2 now{};
    TRY(kvm_ioctl(vm->fd(), KVM_GET_PIT2, &now, "KVM_GET_PIT2"));
    for (std::size_t i = 0; i < channels; ++i) {
        auto const& channel = now.channels[i];
        count[i] = channel.count;
        latched_count[i] = channel.latched_count;
        count_latched[i] = channel.count_latched;
        status_latched[i] = channel.status_latched;
        status[i] = channel.status;
        read_state[i] = channel.read_state;
        write_state[i] = channel.write_state;
        write_latch[i] = channel.write_latch;
        rw_mode[i] = channel.rw_mode;
        mode[i] = channel.mode;
        bcd[i] = channel.bcd;
        gate[i] = channel.gate;
    }
    flags = now.flags;
    return {};
}

/// A channel that counts begins a new period here: when its last one began is a time of the other host.
Result<void> PitState::write() const
{
    kvm_pit_state2 wanted{};
    for (std::size_t i = 0; i < channels; ++i) {
        auto& channel = wanted.channels[i];
        channel.count = count[i];
        channel.latched_count = latched_count[i];
        channel.count_latched = count_latched[i];
        channel.status_latched = status_latched[i];
        channel.status = status[i];
        channel.read_state = read_state[i];
        channel.write_state = write_state[i];
        channel.write_latch = write_latch[i];
        channel.rw_mode = rw_mode[i];
        channel.mode = mode[i];
        channel.bcd = bcd[i];
        channel.gate = gate[i];
    }
    wanted.flags = flags;
    TRY(kvm_ioctl(vm->fd(), KVM_SET_PIT2, &wanted, "KVM_SET_PIT2"));
    return {};
}

machine::SavedState const PitState::saved_state{
    .name = "i8254",
    .fields = {machine::saved<&PitState::count>("count"), machine::saved<&PitState::latched_count>("latched_count"),
        machine::saved<&PitState::count_latched>("count_latched"),
        machine::saved<&PitState::status_latched>("status_latched"), machine::saved<&PitState::status>("status"),
        machine::saved<&PitState::read_state>("read_state"), machine::saved<&PitState::write_state>("write_state"),
        machine::saved<&PitState::write_latch>("write_latch"), machine::saved<&PitState::rw_mode>("rw_mode"),
        machine::saved<&PitState::mode>("mode"), machine::saved<&PitState::bcd>("bcd"),
        machine::saved<&PitState::gate>("gate"), machine::saved<&PitState::flags>("flags")},
    .before_save = read_before_save<PitState>,
    .after_load = write_after_load<PitState>,
};

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
