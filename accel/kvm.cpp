// SPDX-License-Identifier: GPL-3.0-or-later
#include "accel/kvm.hpp"

#include "util/log.hpp"
#include "util/text.hpp"

#include <linux/kvm.h>

namespace minivisor::accel {

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
    if (options.cpus > 1 && !vm.has_irqchip())
        return Error::generic(cat("without KVM's interrupt controllers there is one CPU, not ", options.cpus,
            ": nothing could start the others"));
    for (unsigned i = 0; i < options.cpus; ++i)
        kvm->m_cpus.push_back(TRY(KvmCpu::create(vm, ports, i, options.cpus, on_stop)));
    kvm->m_throttle = std::make_unique<CpuThrottle>(kvm->m_cpus);
    kvm->m_clock.vm = &vm;
    if (vm.has_irqchip()) {
        kvm->m_chips = std::make_unique<KvmChips>(vm);
        TRY(kvm->m_chips->remember_power_on());
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
    return m_chips ? m_chips->reset() : Result<void>();
}

Result<void> Kvm::add_to(machine::SavedDevices& devices)
{
    for (auto& cpu : m_cpus)
        TRY(devices.add({"cpu", cpu->index(), &CpuState::saved_state, &cpu->saved()}));
    if (m_chips)
        TRY(m_chips->add_to(devices));
    return devices.add({"kvmclock", 0, &ClockState::saved_state, &m_clock});
}

void Kvm::remove_from(machine::SavedDevices& devices)
{
    for (auto& cpu : m_cpus)
        devices.remove(&cpu->saved());
    if (m_chips)
        m_chips->remove_from(devices);
    devices.remove(&m_clock);
}

} // namespace minivisor::accel
