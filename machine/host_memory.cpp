// SPDX-License-Identifier: GPL-3.0-or-later
#include "machine/host_memory.hpp"

#include "machine/zero_page.hpp"
#include "util/text.hpp"

#include <array>
#include <cerrno>
#include <charconv>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <system_error>
#include <unistd.h>

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
    // Without MAP_NORESERVE a strict overcommit policy would refuse guests that never use all their RAM.
    flags |= fd ? 0 : MAP_ANONYMOUS | MAP_NORESERVE;
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
    if (options.prealloc && ::madvise(data, size, MADV_POPULATE_WRITE) != 0) {
        if (errno != EINVAL)
            return Error::generic(std::generic_category().message(errno));
        // Before Linux 5.14: touch each page. Adding nothing keeps what a file holds.
        for (std::uint64_t offset = 0; offset < size; offset += page_size)
            __atomic_fetch_or(reinterpret_cast<unsigned char*>(memory->m_data + offset), 0, __ATOMIC_RELAXED);
    }
    return memory;
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
    TRY(check_size(size));
    util::UniqueFd fd(::memfd_create(name.c_str(), MFD_CLOEXEC | MFD_ALLOW_SEALING));
    if (!fd)
        return Error::system("failed to create memfd", errno);
    if (::ftruncate(fd.get(), static_cast<off_t>(size)) != 0)
        return Error::system("failed to resize memfd", errno);
    if (::fcntl(fd.get(), F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW) != 0)
        return Error::system("failed to seal memfd", errno);
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
