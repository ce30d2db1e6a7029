// SPDX-License-Identifier: GPL-3.0-or-later
#include "machine/host_memory.hpp"

#include "machine/zero_page.hpp"
#include "util/text.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <fcntl.h>
#include <linux/mempolicy.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <system_error>
#include <thread>
#include <unistd.h>
#include <vector>

namespace minivisor::machine {

namespace {

std::string hex(std::uint64_t number)
{
    std::array<char, 16> digits;
    auto end = std::to_chars(digits.data(), digits.data() + digits.size(), number, 16).ptr;
    return "0x" + std::string(digits.data(), end);
}

Result<void> check_size(std::uint64_t size)
{
    if (size == 0)
        return Error::generic("can't create backend with size 0");
    if (size % page_size != 0)
        return Error::generic(cat("The size of guest memory must be a multiple of ", page_size, " bytes"));
    return {};
}

/// Allocates the pages; 0 or the errno.
int populate(std::span<std::byte> pages)
{
    if (::madvise(pages.data(), pages.size(), MADV_POPULATE_WRITE) == 0)
        return 0;
    if (errno != EINVAL)
        return errno;
    // Before Linux 5.14: touch each page. Adding nothing keeps what a file holds.
    for (std::size_t offset = 0; offset < pages.size(); offset += page_size)
        __atomic_fetch_or(reinterpret_cast<unsigned char*>(pages.data() + offset), 0, __ATOMIC_RELAXED);
    return 0;
}

/// A file in a directory that is gone when it is closed; none and errno if that fails.
util::UniqueFd open_nameless(std::string const& directory)
{
    auto name = directory + "/minivisor-ram.XXXXXX"; // hugetlbfs has no O_TMPFILE everywhere
    util::UniqueFd fd(::mkostemp(name.data(), O_CLOEXEC));
    if (fd)
        ::unlink(name.c_str());
    return fd;
}

} // namespace

HostMemory::HostMemory(std::byte* data, std::uint64_t size, util::UniqueFd fd, bool shared)
    : m_data(data)
    , m_size(size)
    , m_fd(std::move(fd))
    , m_shared(shared)
{
}

HostMemory::~HostMemory() { ::munmap(m_data, m_size); }

Result<std::shared_ptr<HostMemory>> HostMemory::map(std::uint64_t size, util::UniqueFd fd, HostMemoryOptions options)
{
    int flags = options.share ? MAP_SHARED : MAP_PRIVATE;
    flags |= (fd ? 0 : MAP_ANONYMOUS) | (options.reserve ? 0 : MAP_NORESERVE);
    auto* data = ::mmap(nullptr, size, PROT_READ | PROT_WRITE, flags, fd.get(), 0);
    if (data == MAP_FAILED)
        return Error::generic(std::generic_category().message(errno));
    std::shared_ptr<HostMemory> memory(
        new HostMemory(static_cast<std::byte*>(data), size, std::move(fd), options.share));
    // Advice: a kernel without the feature says EINVAL, and nothing is lost by that.
    ::madvise(data, size, MADV_HUGEPAGE);
    if (options.merge)
        ::madvise(data, size, MADV_MERGEABLE);
    if (!options.dump)
        ::madvise(data, size, MADV_DONTDUMP);
    return memory;
}

Result<void> HostMemory::bind_to_nodes(int policy, std::span<std::uint16_t const> nodes)
{
    constexpr unsigned bits = 64;
    std::array<unsigned long, 128 / bits> mask{};
    for (auto node : nodes)
        mask.at(node / bits) |= 1UL << node % bits;
    // glibc has no wrapper; the kernel takes one bit off the number of bits.
    if (::syscall(SYS_mbind, m_data, m_size, policy, mask.data(), mask.size() * bits + 1, MPOL_MF_STRICT | MPOL_MF_MOVE)
        != 0)
        return Error::system("cannot bind memory to host NUMA nodes", errno);
    return {};
}

Result<void> HostMemory::preallocate(std::uint32_t threads)
{
    threads = std::clamp(std::min(threads, std::thread::hardware_concurrency()), 1U, 16U);
    auto const share = (m_size / threads + page_size - 1) / page_size * page_size;
    std::vector<int> errors(threads);
    {
        std::vector<std::jthread> helpers;
        for (std::uint32_t i = 1; i < threads && i * share < m_size; ++i) {
            auto const part = bytes().subspan(i * share, std::min(share, m_size - i * share));
            helpers.emplace_back([part, &error = errors[i]] { error = populate(part); });
        }
        errors[0] = populate(bytes().first(std::min(share, m_size)));
    }
    for (auto error : errors) {
        if (error != 0)
            return Error::system("preallocating memory failed", error);
    }
    return {};
}

Result<std::shared_ptr<HostMemory>> HostMemory::anonymous(
    std::string const& name, std::uint64_t size, HostMemoryOptions options)
{
    TRY(check_size(size));
    auto memory = map(size, {}, options);
    if (!memory)
        return Error::generic(cat("cannot set up guest memory '", name, "': ", memory.error().desc()));
    return memory;
}

Result<std::shared_ptr<HostMemory>> HostMemory::memfd(
    std::string const& name, std::uint64_t size, HostMemoryOptions options)
{
    unsigned const flags = MFD_CLOEXEC | (options.hugetlb ? MFD_HUGETLB : 0U) | (options.seal ? MFD_ALLOW_SEALING : 0U);
    util::UniqueFd fd(::memfd_create(name.c_str(), flags));
    if (!fd)
        return Error::system("failed to create memfd", errno);
    if (::ftruncate(fd.get(), static_cast<off_t>(size)) != 0)
        return Error::system(cat("failed to resize memfd to ", size), errno);
    if (options.seal && ::fcntl(fd.get(), F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL) != 0)
        return Error::system("failed to seal memfd", errno);
    TRY(check_size(size));
    auto memory = map(size, std::move(fd), options);
    if (!memory)
        return std::move(memory).error().context("unable to map backing store for guest RAM");
    return memory;
}

Result<std::shared_ptr<HostMemory>> HostMemory::file(
    std::string const& path, std::uint64_t size, HostMemoryOptions options)
{
    TRY(check_size(size));
    util::UniqueFd fd(::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0644));
    if (!fd && errno == EISDIR)
        fd = open_nameless(path);
    if (!fd)
        return Error::system(cat("can't open backing store ", path, " for guest RAM"), errno);
    struct stat status = {};
    if (::fstat(fd.get(), &status) != 0)
        return Error::system(cat("can't open backing store ", path, " for guest RAM"), errno);
    if (!S_ISREG(status.st_mode) && !S_ISCHR(status.st_mode))
        return Error::generic(cat("can't use '", path, "' for guest RAM: it is not a regular file"));
    if (S_ISREG(status.st_mode)) {
        auto const length = static_cast<std::uint64_t>(status.st_size);
        // A file that is shorter and not empty belongs to something else: a mapping past its end would trap.
        if (length != 0 && length < size)
            return Error::generic(cat("backing store size ", hex(length), " does not match 'size' option ", hex(size)));
        if (length == 0 && ::ftruncate(fd.get(), static_cast<off_t>(size)) != 0)
            return Error::system(cat("can't resize backing store ", path), errno);
    }
    auto memory = map(size, std::move(fd), options);
    if (!memory)
        return std::move(memory).error().context("unable to map backing store for guest RAM");
    return memory;
}

} // namespace minivisor::machine
