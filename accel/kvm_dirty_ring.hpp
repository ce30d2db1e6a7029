// SPDX-License-Identifier: GPL-3.0-or-later
// The rings in which a KVM machine's CPUs note the pages that they write, one ring a CPU, shared with the kernel.
// Facts: Documentation/virt/kvm/api.rst of Linux, section 8.29 (KVM_CAP_DIRTY_LOG_RING).
#pragma once

#include "util/result.hpp"

#include <atomic>
#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

namespace minivisor::accel {

class KvmDirtyRings {
public:
    /// A page that was written: a slot of memory and the page's number in it.
    struct Page {
        std::uint32_t slot;
        std::uint64_t number;
    };

    /// Of `size` pages each, a power of two, for the machine `vm_fd`, which has no CPUs yet. Null, with a warning,
    /// where KVM has none.
    static Result<std::unique_ptr<KvmDirtyRings>> enable(int vm_fd, std::uint32_t size);
    ~KvmDirtyRings();
    KvmDirtyRings(KvmDirtyRings const&) = delete;
    KvmDirtyRings& operator=(KvmDirtyRings const&) = delete;

    /// Maps the ring of a CPU that was just made.
    Result<void> add(int cpu_fd);
    struct Taken {
        std::vector<Page> pages;
        /// A ring was written over before it was read: any page may have been written. A KVM that emulates instructions
        /// does that, one that runs them stops in time.
        bool overrun = false;
        bool any = false; ///< the kernel has got entries back
    };
    /// Takes out all that the rings hold. KVM watches these pages again when this returns: they may be read, or marked
    /// for others to read, from then on only. `full` is a CPU that waits for that even though its ring was just
    /// emptied. Not called twice at a time.
    Taken take(std::optional<std::size_t> full = {});
    /// How many pages were taken out of each CPU's ring so far. Any thread.
    std::vector<std::uint64_t> counts() const;

private:
    struct Ring;
    KvmDirtyRings(int vm_fd, std::uint32_t size);

    int m_vm_fd;
    std::uint32_t m_size;
    std::vector<std::unique_ptr<Ring>> m_rings;
};

} // namespace minivisor::accel
