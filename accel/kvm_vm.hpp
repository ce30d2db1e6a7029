// SPDX-License-Identifier: GPL-3.0-or-later
// A virtual machine of KVM: its memory slots and their log of written pages, its interrupt controllers and timer, its
// clock. The CPUs in it are accel/kvm_cpu; both together are accel/kvm. Facts: Documentation/virt/kvm/api.rst of Linux.
#pragma once

#include "accel/kvm_dirty_ring.hpp"
#include "machine/memory.hpp"
#include "util/fd.hpp"
#include "util/result.hpp"

#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <string_view>
#include <vector>

namespace minivisor::accel {

/// ioctl(2), repeated when a signal interrupts it; the error is "WHAT: strerror".
Result<int> kvm_ioctl(int fd, unsigned long request, void* argument, std::string_view what);
Result<int> kvm_ioctl(int fd, unsigned long request, unsigned long argument, std::string_view what);

class KvmVm final : public machine::DirtyLogSource {
public:
    /// Opens /dev/kvm and makes an empty machine. What failed is logged; the error is QEMU's sentence. With a
    /// `dirty_ring_size`, a power of two, each CPU notes what it writes in a ring of so many pages, if KVM can; else,
    /// and with 0, there is a bitmap for each slot.
    static Result<std::unique_ptr<KvmVm>> open(std::uint32_t dirty_ring_size = 0);
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

    /// The ring of the CPU that has just been made, whose descriptor this is; CPUs come in the order of their numbers.
    /// Nothing where there are no rings.
    Result<void> add_dirty_ring(int cpu_fd);
    /// Empties the rings into the log: a CPU whose ring is full does not run before. `full` is one that says so again
    /// at once. False if they were empty. Any thread.
    bool reap_dirty_rings(std::optional<unsigned> full = {});

    Result<void> start_dirty_log() override;
    void stop_dirty_log() override;
    void collect_dirty() override;
    std::optional<std::vector<std::uint64_t>> pages_by_cpu() const override;

private:
    struct Slot {
        std::uint32_t number;
        machine::MemoryRegion region;
        std::vector<std::uint64_t> bitmap;
    };

    KvmVm() = default;
    Result<void> set_slot(Slot const& slot, bool logged);
    void collect(Slot& slot);
    static void mark_all(Slot const& slot);

    util::UniqueFd m_device, m_fd;
    bool m_irqchip = false;
    bool m_manual_protect = false;
    std::vector<Slot> m_slots;
    std::mutex m_reaping;
    std::unique_ptr<KvmDirtyRings> m_rings; ///< null: bitmaps
};

} // namespace minivisor::accel
