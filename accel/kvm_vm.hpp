// SPDX-License-Identifier: GPL-3.0-or-later
// A virtual machine of KVM: its memory slots and their log of written pages, its interrupt controllers and timer, its
// clock. The CPUs in it are accel/kvm_cpu; both together are accel/kvm. Facts: Documentation/virt/kvm/api.rst of Linux.
#pragma once

#include "machine/memory.hpp"
#include "util/fd.hpp"
#include "util/result.hpp"

#include <cstdint>
#include <memory>
#include <optional>
#include <string_view>
#include <vector>

namespace minivisor::accel {

/// ioctl(2), repeated when a signal interrupts it; the error is "WHAT: strerror".
Result<int> kvm_ioctl(int fd, unsigned long request, void* argument, std::string_view what);
Result<int> kvm_ioctl(int fd, unsigned long request, unsigned long argument, std::string_view what);

class KvmVm final : public machine::DirtyLogSource {
public:
    /// Opens /dev/kvm and makes an empty machine. What failed is logged; the error is QEMU's sentence.
    static Result<std::unique_ptr<KvmVm>> open();
    ~KvmVm() override = default;

    /// Shows all regions of `memory` to the guest; they stay where they are. Once.
    Result<void> show(machine::Memory& memory);

    /// Interrupt controllers and timer, where KVM has them; before the first CPU, and best after show(): each change of
    /// what the guest sees costs milliseconds once they are there.
    Result<void> create_irqchip();

    int device() const { return m_device.get(); }
    int fd() const { return m_fd.get(); }
    /// Whether KVM plays the interrupt controllers (8259 pair, I/O APIC, local APICs) and the timer (8254).
    bool has_irqchip() const { return m_irqchip; }
    /// What KVM_CHECK_EXTENSION says; 0 is no.
    int extension(int capability) const;

    /// Drives an input of the interrupt controllers. Any thread; nothing without them.
    void set_irq(unsigned line, bool level);

    Result<void> start_dirty_log() override;
    void stop_dirty_log() override;
    void collect_dirty() override;

private:
    struct Slot {
        std::uint32_t number;
        machine::MemoryRegion region;
        std::vector<std::uint64_t> bitmap;
    };

    KvmVm() = default;
    Result<void> set_slot(Slot const& slot, bool logged);
    void collect(Slot& slot);

    util::UniqueFd m_device, m_fd;
    bool m_irqchip = false;
    bool m_manual_protect = false;
    std::vector<Slot> m_slots;
};

} // namespace minivisor::accel
