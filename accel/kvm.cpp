// SPDX-License-Identifier: GPL-3.0-or-later
#include "accel/kvm.hpp"

#include "util/log.hpp"
#include "util/text.hpp"

#include <linux/kvm.h>

namespace minivisor::accel {

Result<void> Kvm::Chips::read()
{
    for (auto& pic : pics)
        TRY(pic.read());
    TRY(io_apic.read());
    return pit.read();
}

Result<void> Kvm::Chips::write() const
{
    for (auto const& pic : pics)
        TRY(pic.write());
    TRY(io_apic.write());
    return pit.write();
}

Result<std::unique_ptr<Kvm>> Kvm::create(
    KvmOptions options, machine::Memory& memory, PortSpace& ports, KvmCpu::OnStop on_stop)
{
    std::unique_ptr<Kvm> kvm(new Kvm(memory));
    kvm->m_vm = TRY(KvmVm::open(options.dirty_ring_size));
    auto& vm = *kvm->m_vm;
    auto const most = vm.extension(KVM_CAP_MAX_VCPUS);
    if (options.cpus > static_cast<unsigned>(std::max(most, 1)))
        return Error::generic(cat("Number of SMP cpus requested (", options.cpus,
            ") exceeds the maximum cpus supported by KVM (", std::max(most, 1), ")"));
    TRY(vm.show(memory));
    if (options.kernel_irqchip)
        TRY(vm.create_irqchip());
    for (unsigned i = 0; i < options.cpus; ++i)
        kvm->m_cpus.push_back(TRY(KvmCpu::create(vm, ports, i, options.cpus, on_stop)));
    kvm->m_throttle = std::make_unique<CpuThrottle>(kvm->m_cpus);
    kvm->m_clock.vm = &vm;
    if (vm.has_irqchip()) {
        auto& chips = kvm->m_power_on;
        for (std::uint32_t i = 0; i < 2; ++i) {
            chips.pics[i].vm = &vm;
            chips.pics[i].chip = i;
        }
        chips.io_apic.vm = chips.pit.vm = &vm;
        TRY(chips.read());
        kvm->m_chips = chips;
    }
    TRY(kvm->m_clock.read());
    memory.set_dirty_log_source(&vm);
    return kvm;
}

Kvm::~Kvm()
{
    m_throttle.reset();
    rest();
    m_memory.set_dirty_log_source(nullptr);
}

void Kvm::run()
{
    if (m_running)
        return;
    m_running = true;
    if (auto set = m_clock.write(); !set)
        util::log::warn(set.error().desc());
    for (auto& cpu : m_cpus) {
        cpu->tell_of_pause();
        cpu->run();
    }
}

void Kvm::rest()
{
    if (!m_running)
        return;
    m_running = false;
    for (auto& cpu : m_cpus)
        cpu->ask_to_rest();
    for (auto& cpu : m_cpus)
        cpu->await_rest();
    if (auto read = m_clock.read(); !read)
        util::log::warn(read.error().desc());
}

Result<void> Kvm::reset()
{
    for (auto& cpu : m_cpus)
        TRY(cpu->reset(m_start));
    if (m_vm->has_irqchip())
        TRY(m_power_on.write());
    return {};
}

Result<void> Kvm::add_to(machine::SavedDevices& devices)
{
    for (auto& cpu : m_cpus)
        TRY(devices.add({"cpu", cpu->index(), &CpuState::saved_state, &cpu->saved()}));
    if (m_vm->has_irqchip()) {
        for (std::uint32_t i = 0; i < 2; ++i)
            TRY(devices.add({"i8259", i, &PicState::saved_state, &m_chips.pics[i]}));
        TRY(devices.add({"ioapic", 0, &IoApicState::saved_state, &m_chips.io_apic}));
        TRY(devices.add({"i8254", 0, &PitState::saved_state, &m_chips.pit}));
    }
    return devices.add({"kvmclock", 0, &ClockState::saved_state, &m_clock});
}

void Kvm::remove_from(machine::SavedDevices& devices)
{
    for (auto& cpu : m_cpus)
        devices.remove(&cpu->saved());
    for (void const* chip : {static_cast<void const*>(&m_chips.pics[0]), static_cast<void const*>(&m_chips.pics[1]),
             static_cast<void const*>(&m_chips.io_apic), static_cast<void const*>(&m_chips.pit),
             static_cast<void const*>(&m_clock)})
        devices.remove(chip);
}

} // namespace minivisor::accel
