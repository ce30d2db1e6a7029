// SPDX-License-Identifier: GPL-3.0-or-later
#include "accel/kvm_dirty_ring.hpp"

#include "accel/kvm_vm.hpp"
#include "util/log.hpp"
#include "util/text.hpp"

#include <cerrno>
#include <linux/kvm.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

namespace minivisor::accel {

struct KvmDirtyRings::Ring {
    Ring(kvm_dirty_gfn* at, std::uint32_t size)
        : entries(at)
        , count(size)
    {
    }
    ~Ring() { munmap(entries, count * sizeof *entries); }
    Ring(Ring const&) = delete;
    Ring& operator=(Ring const&) = delete;

    /// Appends what the kernel has put in, and hands the entries back to it. `full`: it says that it has no room.
    void take(Taken& into, bool full)
    {
        if (full && !is_dirty())
            overrun = into.overrun = true; // it has gone on for more than a lap
        auto const stale = overrun ? count_stale() : 0;
        if (!stale) {
            // It waits for nearly all of them, or more; it would be at a loss with more than it waits for.
            hand_back(full ? count / 2 : 0);
            into.any |= full;
            return;
        }
        auto const before = into.pages.size();
        std::uint32_t taken = 0;
        for (; taken < count && (taken < *stale || is_dirty()); ++taken) {
            if (is_dirty())
                into.pages.push_back({entries[next].slot, entries[next].offset});
            hand_back(1);
        }
        pages_taken.fetch_add(into.pages.size() - before, std::memory_order_relaxed);
        // A ring is never full to the last entry, unless the kernel has gone on from there over what it had put in.
        if (taken == count)
            overrun = into.overrun = true;
        else if (taken > 0)
            overrun = false;
        into.any |= taken > 0;
    }

    /// After the kernel has gone on over its own entries, it waits for as many more from `next` on as it wrote then.
    /// They were taken out a lap ago and are not dirty, until it comes to them again. Unknown before it has written
    /// more.
    std::optional<std::uint32_t> count_stale() const
    {
        if (is_dirty())
            return is_dirty(count - 1) ? count : 0;
        std::uint32_t stale = 1;
        while (stale < count && !is_dirty(stale))
            ++stale;
        return stale < count ? std::optional(stale) : std::nullopt;
    }

    void hand_back(std::uint32_t n)
    {
        for (; n > 0; --n, next = (next + 1) % count)
            std::atomic_ref(entries[next].flags).store(KVM_DIRTY_GFN_F_RESET, std::memory_order_release);
    }

    bool is_dirty(std::uint32_t ahead = 0) const
    {
        auto const flags = std::atomic_ref(entries[(next + ahead) % count].flags).load(std::memory_order_acquire);
        return (flags & KVM_DIRTY_GFN_F_MASK) == KVM_DIRTY_GFN_F_DIRTY;
    }

    kvm_dirty_gfn* entries;
    std::uint32_t count;
    std::uint32_t next = 0; ///< to be read
    bool overrun = false; ///< it is not known how far ahead of `next` the kernel is
    std::atomic<std::uint64_t> pages_taken{0};
};

KvmDirtyRings::KvmDirtyRings(int vm_fd, std::uint32_t size)
    : m_vm_fd(vm_fd)
    , m_size(size)
{
}

KvmDirtyRings::~KvmDirtyRings() = default;

Result<std::unique_ptr<KvmDirtyRings>> KvmDirtyRings::enable(int vm_fd, std::uint32_t size)
{
    kvm_enable_cap wanted{};
    wanted.cap = KVM_CAP_DIRTY_LOG_RING_ACQ_REL;
    auto most = ioctl(vm_fd, KVM_CHECK_EXTENSION, wanted.cap);
    if (most <= 0) {
        wanted.cap = KVM_CAP_DIRTY_LOG_RING;
        most = ioctl(vm_fd, KVM_CHECK_EXTENSION, wanted.cap);
    }
    if (most <= 0) {
        util::log::warn("KVM dirty ring not available, using bitmap method");
        return std::unique_ptr<KvmDirtyRings>();
    }
    auto const most_pages = static_cast<unsigned>(most) / sizeof(kvm_dirty_gfn);
    if (size > most_pages) {
        util::log::plain(
            cat("KVM dirty ring size ", size, " too big (maximum is ", most_pages, ").  Please use a smaller value."));
        return Error::generic("failed to initialize kvm: Invalid argument");
    }
    wanted.args[0] = size * sizeof(kvm_dirty_gfn);
    if (ioctl(vm_fd, KVM_ENABLE_CAP, &wanted) != 0) {
        auto const reason = std::generic_category().message(errno);
        util::log::plain(cat("Enabling of KVM dirty ring failed: ", reason, ". Suggested minimum value is 1024."));
        return Error::generic(cat("failed to initialize kvm: ", reason));
    }
    return std::unique_ptr<KvmDirtyRings>(new KvmDirtyRings(vm_fd, size));
}

Result<void> KvmDirtyRings::add(int cpu_fd)
{
    auto const at = static_cast<off_t>(KVM_DIRTY_LOG_PAGE_OFFSET) * sysconf(_SC_PAGESIZE);
    auto* const mapped = mmap(nullptr, m_size * sizeof(kvm_dirty_gfn), PROT_READ | PROT_WRITE, MAP_SHARED, cpu_fd, at);
    if (mapped == MAP_FAILED)
        return Error::system("mmap'ing vcpu dirty gfns failed", errno);
    m_rings.push_back(std::make_unique<Ring>(static_cast<kvm_dirty_gfn*>(mapped), m_size));
    return {};
}

KvmDirtyRings::Taken KvmDirtyRings::take(std::optional<std::size_t> full)
{
    Taken taken;
    for (std::size_t cpu = 0; cpu < m_rings.size(); ++cpu)
        m_rings[cpu]->take(taken, full == cpu);
    if (taken.any) {
        if (auto reset = kvm_ioctl(m_vm_fd, KVM_RESET_DIRTY_RINGS, 0UL, "KVM_RESET_DIRTY_RINGS"); !reset) {
            util::log::error(reset.error());
            taken.overrun = true; // what is not known to be clean has to be sent
        }
    }
    return taken;
}

std::vector<std::uint64_t> KvmDirtyRings::counts() const
{
    std::vector<std::uint64_t> counts;
    for (auto const& ring : m_rings)
        counts.push_back(ring->pages_taken.load(std::memory_order_relaxed));
    return counts;
}

} // namespace minivisor::accel
