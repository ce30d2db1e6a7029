// SPDX-License-Identifier: GPL-3.0-or-later
#include "accel/kvm_vm.hpp"

#include "util/log.hpp"
#include "util/text.hpp"

#include <bit>
#include <cerrno>
#include <fcntl.h>
#include <linux/kvm.h>
#include <sys/ioctl.h>

namespace minivisor::accel {

namespace {

// Three pages that Intel's real mode needs, out of the guest's way below its firmware; where QEMU has them.
constexpr std::uint64_t identity_map = 0xfeffc000;
constexpr unsigned long task_state = identity_map + machine::page_size;

/// QEMU says what failed on a line of its own, without its name, and then that KVM cannot be had.
Error cannot_initialize(Error const& cause)
{
    util::log::plain(cause.desc());
    auto const colon = cause.desc().rfind(": ");
    return Error::generic(
        cat("failed to initialize kvm: ", colon == std::string::npos ? cause.desc() : cause.desc().substr(colon + 2)));
}

} // namespace

Result<int> kvm_ioctl(int fd, unsigned long request, unsigned long argument, std::string_view what)
{
    int result = -1;
    do
        result = ioctl(fd, request, argument);
    while (result < 0 && errno == EINTR);
    if (result < 0)
        return Error::system(what, errno);
    return result;
}

Result<int> kvm_ioctl(int fd, unsigned long request, void* argument, std::string_view what)
{
    return kvm_ioctl(fd, request, reinterpret_cast<unsigned long>(argument), what);
}

Result<std::unique_ptr<KvmVm>> KvmVm::open(std::uint32_t dirty_ring_size)
{
    std::unique_ptr<KvmVm> vm(new KvmVm());
    vm->m_device.reset(::open("/dev/kvm", O_RDWR | O_CLOEXEC));
    if (!vm->m_device)
        return cannot_initialize(Error::system("Could not access KVM kernel module", errno));
    auto const version = ioctl(vm->m_device.get(), KVM_GET_API_VERSION, 0);
    if (version != KVM_API_VERSION)
        return Error::generic(version > KVM_API_VERSION ? "kvm version not supported" : "kvm version too old")
            .with_hint("failed to initialize kvm: Invalid argument");
    auto const fd = kvm_ioctl(vm->m_device.get(), KVM_CREATE_VM, 0UL, "ioctl(KVM_CREATE_VM) failed");
    if (!fd)
        return cannot_initialize(fd.error());
    vm->m_fd.reset(*fd);
    for (int const needed : {KVM_CAP_USER_MEMORY, KVM_CAP_DESTROY_MEMORY_REGION_WORKS, KVM_CAP_IMMEDIATE_EXIT,
             KVM_CAP_XSAVE, KVM_CAP_VCPU_EVENTS, KVM_CAP_DEBUGREGS}) {
        if (vm->extension(needed) <= 0)
            return Error::generic(cat("kvm does not support extension number ", needed))
                .with_hint("Please upgrade to a newer kernel.");
    }
    auto map_at = identity_map;
    TRY(kvm_ioctl(*fd, KVM_SET_IDENTITY_MAP_ADDR, &map_at, "KVM_SET_IDENTITY_MAP_ADDR"));
    TRY(kvm_ioctl(*fd, KVM_SET_TSS_ADDR, task_state, "KVM_SET_TSS_ADDR"));
    if (dirty_ring_size > 0)
        vm->m_rings = TRY(KvmDirtyRings::enable(*fd, dirty_ring_size));
    if (!vm->m_rings && (vm->extension(KVM_CAP_MANUAL_DIRTY_LOG_PROTECT2) & KVM_DIRTY_LOG_MANUAL_PROTECT_ENABLE) != 0) {
        kvm_enable_cap enable{};
        enable.cap = KVM_CAP_MANUAL_DIRTY_LOG_PROTECT2;
        enable.args[0] = KVM_DIRTY_LOG_MANUAL_PROTECT_ENABLE;
        vm->m_manual_protect = ioctl(*fd, KVM_ENABLE_CAP, &enable) == 0;
    }
    return vm;
}

Result<void> KvmVm::create_irqchip()
{
    if (extension(KVM_CAP_IRQCHIP) <= 0 || extension(KVM_CAP_PIT2) <= 0)
        return {};
    TRY(kvm_ioctl(m_fd.get(), KVM_CREATE_IRQCHIP, 0UL, "Create kernel irqchip failed"));
    kvm_pit_config pit{};
    pit.flags = KVM_PIT_SPEAKER_DUMMY; // the port with the timer's gate answers too
    TRY(kvm_ioctl(m_fd.get(), KVM_CREATE_PIT2, &pit, "Create kernel PIC irqchip failed"));
    m_irqchip = true;
    return {};
}

int KvmVm::extension(int capability) const { return ioctl(m_fd.get(), KVM_CHECK_EXTENSION, capability); }

Result<void> KvmVm::show(machine::Memory& memory)
{
    for (auto const& region : memory.regions()) {
        auto const words = (region.size / machine::page_size + 63) / 64;
        auto& slot = m_slots.emplace_back(Slot{static_cast<std::uint32_t>(m_slots.size()), region, {}});
        slot.bitmap.resize(region.read_only ? 0 : words);
        TRY(set_slot(slot, false));
    }
    return {};
}

Result<void> KvmVm::set_slot(Slot const& slot, bool logged)
{
    kvm_userspace_memory_region description{};
    description.slot = slot.number;
    description.flags = (slot.region.read_only ? std::uint32_t{KVM_MEM_READONLY} : 0)
        | (logged ? std::uint32_t{KVM_MEM_LOG_DIRTY_PAGES} : 0);
    description.guest_phys_addr = slot.region.guest_address;
    description.memory_size = slot.region.size;
    description.userspace_addr = reinterpret_cast<std::uintptr_t>(slot.region.bytes().data());
    TRY(kvm_ioctl(m_fd.get(), KVM_SET_USER_MEMORY_REGION, &description, "KVM_SET_USER_MEMORY_REGION"));
    return {};
}

void KvmVm::set_irq(unsigned line, bool level)
{
    if (!m_irqchip)
        return;
    kvm_irq_level wanted{};
    wanted.irq = line;
    wanted.level = level ? 1 : 0;
    ioctl(m_fd.get(), KVM_IRQ_LINE, &wanted); // cannot fail for a line that there is
}

Result<void> KvmVm::start_dirty_log()
{
    for (auto const& slot : m_slots) {
        if (!slot.region.read_only)
            TRY(set_slot(slot, true));
    }
    return {};
}

void KvmVm::stop_dirty_log()
{
    for (auto const& slot : m_slots) {
        if (auto stopped = slot.region.read_only ? Result<void>() : set_slot(slot, false); !stopped)
            util::log::error(stopped.error());
    }
    if (m_rings)
        reap_dirty_rings(); // the next log begins with empty ones
}

Result<void> KvmVm::add_dirty_ring(int cpu_fd)
{
    if (m_rings)
        TRY(m_rings->add(cpu_fd));
    return {};
}

bool KvmVm::reap_dirty_rings(std::optional<unsigned> full)
{
    std::lock_guard const lock(m_reaping);
    auto const taken = m_rings->take(full);
    for (auto const& [number, page] : taken.pages) {
        if (number >= m_slots.size())
            continue;
        auto const& region = m_slots[number].region;
        region.block->mark_pages(region.offset / machine::page_size + page, 1);
    }
    for (auto const& slot : m_slots)
        if (taken.overrun && !slot.region.read_only)
            mark_all(slot);
    return taken.any;
}

void KvmVm::mark_all(Slot const& slot)
{
    auto const& region = slot.region;
    region.block->mark_pages(region.offset / machine::page_size, region.size / machine::page_size);
}

std::optional<std::vector<std::uint64_t>> KvmVm::pages_by_cpu() const
{
    return m_rings ? std::optional(m_rings->counts()) : std::nullopt;
}

void KvmVm::collect_dirty()
{
    if (m_rings) {
        reap_dirty_rings();
        return;
    }
    for (auto& slot : m_slots) {
        if (!slot.region.read_only)
            collect(slot);
    }
}

void KvmVm::collect(Slot& slot)
{
    auto& block = *slot.region.block;
    auto const first = slot.region.offset / machine::page_size;
    kvm_dirty_log log{};
    log.slot = slot.number;
    log.dirty_bitmap = slot.bitmap.data();
    bool complete = ioctl(m_fd.get(), KVM_GET_DIRTY_LOG, &log) == 0;
    if (complete && m_manual_protect) {
        // Told pages are watched again only from here on; they are read later than that.
        kvm_clear_dirty_log again{};
        again.slot = slot.number;
        again.num_pages = static_cast<std::uint32_t>(slot.region.size / machine::page_size);
        again.dirty_bitmap = slot.bitmap.data();
        complete = ioctl(m_fd.get(), KVM_CLEAR_DIRTY_LOG, &again) == 0;
    }
    if (!complete) { // what is not known to be clean has to be sent
        util::log::error(Error::system("the log of written pages", errno));
        mark_all(slot);
        return;
    }
    for (std::size_t i = 0; i < slot.bitmap.size(); ++i) {
        for (auto rest = slot.bitmap[i]; rest != 0;) {
            auto const begin = static_cast<unsigned>(std::countr_zero(rest));
            auto const length = static_cast<unsigned>(std::countr_one(rest >> begin));
            block.mark_pages(first + i * 64 + begin, length);
            rest &= begin + length == 64 ? 0 : ~std::uint64_t{0} << (begin + length);
        }
    }
}

} // namespace minivisor::accel
