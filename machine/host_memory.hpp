// SPDX-License-Identifier: GPL-3.0-or-later
// Memory of the host that backs guest RAM: one mapping, anonymous, of a memfd or of a file. It knows
// nothing of guests; memory-backend objects make it and RamBlocks stand on it.
#pragma once

#include "util/fd.hpp"
#include "util/result.hpp"

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>

namespace minivisor::machine {

/// How a mapping is made; the names are those of QEMU's memory backends.
struct HostMemoryOptions {
    /// Other processes that map the same file or memfd see the changes.
    bool share = false;
    /// Allow the kernel to merge equal pages (KSM).
    bool merge = false;
    /// Part of a core dump.
    bool dump = true;
    /// Swap space for all of it is set aside, or the mapping fails.
    bool reserve = false;
    /// Of a memfd: huge pages; and no more shrinking and growing once it has its size.
    bool hugetlb = false, seal = true;
};

/// One mapping, unmapped with its owner. Not copied, not moved: blocks share it.
class HostMemory {
public:
    /// `size` is a multiple of page_size and not 0, else an error that says so. `name` is for error texts.
    static Result<std::shared_ptr<HostMemory>> anonymous(
        std::string const& name, std::uint64_t size, HostMemoryOptions options = {});
    /// A memfd called `name`.
    static Result<std::shared_ptr<HostMemory>> memfd(
        std::string const& name, std::uint64_t size, HostMemoryOptions options = {});
    /// The file at `path`, made with `size` if it is not there or empty; a shorter one is refused,
    /// of a longer one the first `size` bytes are used.
    static Result<std::shared_ptr<HostMemory>> file(
        std::string const& path, std::uint64_t size, HostMemoryOptions options = {});

    ~HostMemory();
    HostMemory(HostMemory const&) = delete;
    HostMemory& operator=(HostMemory const&) = delete;

    /// Binds the pages to NUMA nodes of the host, each below 128; `policy` is one of the kernel's MPOL_.
    Result<void> bind_to_nodes(int policy, std::span<std::uint16_t const> nodes);
    /// Allocates every page now rather than on first use, with so many threads at most.
    Result<void> preallocate(std::uint32_t threads = 1);

    std::byte* data() const { return m_data; }
    std::uint64_t size() const { return m_size; }
    std::span<std::byte> bytes() const { return {m_data, m_size}; }
    /// The descriptor of a memfd or file; -1 for anonymous memory.
    int fd() const { return m_fd.get(); }
    bool shared() const { return m_shared; }

private:
    HostMemory(std::byte* data, std::uint64_t size, util::UniqueFd fd, bool shared);
    static Result<std::shared_ptr<HostMemory>> map(std::uint64_t size, util::UniqueFd fd, HostMemoryOptions options);

    std::byte* m_data;
    std::uint64_t m_size;
    util::UniqueFd m_fd;
    bool m_shared;
};

} // namespace minivisor::machine
