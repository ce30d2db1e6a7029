// SPDX-License-Identifier: GPL-3.0-or-later
#include "hw/boot.hpp"

#include "util/fd.hpp"
#include "util/log.hpp"
#include "util/text.hpp"
#include "util/units.hpp"

#include <algorithm>
#include <cerrno>
#include <fcntl.h>
#include <sys/stat.h>
#include <system_error>
#include <unistd.h>

namespace minivisor::hw {

namespace {

constexpr std::string_view rom_id = "pc.bios";

std::string errno_text() { return std::generic_category().message(errno); }

Result<util::UniqueFd> open_file(std::string const& path)
{
    util::UniqueFd fd(open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
    if (!fd)
        return Error::generic(errno_text());
    return fd;
}

/// The whole file; the error is the reason alone.
Result<Bytes> read_file(util::UniqueFd const& fd, std::uint64_t limit)
{
    struct stat status { };
    if (fstat(fd.get(), &status) != 0)
        return Error::generic(errno_text());
    if (S_ISDIR(status.st_mode))
        return Error::generic(std::generic_category().message(EISDIR));
    if (!S_ISREG(status.st_mode))
        return Error::generic("not a regular file");
    auto const size = static_cast<std::uint64_t>(status.st_size);
    if (size > limit)
        return Error::generic(cat("it has ", size, " bytes, ", limit, " are the most"));
    Bytes bytes(static_cast<std::size_t>(size));
    for (std::size_t done = 0; done < bytes.size();) {
        auto const count = read(fd.get(), bytes.data() + done, bytes.size() - done);
        if (count < 0 && errno == EINTR)
            continue;
        if (count <= 0)
            return Error::generic(count < 0 ? errno_text() : "it became shorter");
        done += static_cast<std::size_t>(count);
    }
    return bytes;
}

Result<Bytes> read_file(std::string const& path, std::uint64_t limit) { return read_file(TRY(open_file(path)), limit); }

Result<Bytes> read_kernel(std::string const& path, std::uint64_t limit)
{
    auto const fd = open_file(path);
    if (!fd)
        return Error::generic(cat("could not open kernel file '", path, "': ", fd.error().desc()));
    auto bytes = read_file(*fd, limit);
    if (!bytes)
        return Error::generic(cat("could not load kernel '", path, "': ", bytes.error().desc()));
    return bytes;
}

Result<Bytes> read_bios(std::string const& path)
{
    constexpr std::uint64_t limit = 16 * util::mib;
    constexpr std::uint64_t unit = 64 * 1024;
    auto bytes = read_file(path, limit);
    if (bytes && !bytes->empty() && bytes->size() % unit == 0)
        return bytes;
    auto const why
        = bytes ? cat("it has ", bytes->size(), " bytes, no multiple of 64 KiB") : std::string(bytes.error().desc());
    return Error::generic(cat("could not load PC BIOS '", path, "'")).with_hint(cat(path, ": ", why));
}

/// Makes the firmware's block and shows it below 4 GiB and below 1 MiB.
Result<void> add_bios(std::string const& path, machine::Memory& memory)
{
    auto const bytes = TRY(read_bios(path));
    auto const begin = 4 * util::gib - bytes.size();
    for (auto const& region : memory.regions()) {
        if (region.guest_address < 4 * util::gib && region.end() > begin)
            return Error::generic(cat("could not load PC BIOS '", path, "'"))
                .with_hint(cat("There is RAM at 0x", util::hex(begin), "."));
    }
    auto host = TRY(machine::HostMemory::anonymous(std::string(rom_id), bytes.size()));
    auto* const block = TRY(memory.add(TRY(machine::RamBlock::create(std::string(rom_id), std::move(host)))));
    std::copy(bytes.begin(), bytes.end(), block->data());
    TRY(memory.map({begin, bytes.size(), block, 0, true}));
    auto const seen = std::min<std::uint64_t>(bytes.size(), 128 * 1024);
    return memory.cover({util::mib - seen, seen, block, bytes.size() - seen, true});
}

/// -initrd FILE for Linux.
Result<std::vector<BootModule>> read_initrd(std::string const& path, std::uint64_t limit)
{
    auto bytes = read_file(path, limit);
    if (!bytes)
        return Error::generic(cat("error reading initrd ", path, ": ", bytes.error().desc()));
    std::vector<BootModule> modules;
    modules.push_back({path, *std::move(bytes)});
    return modules;
}

/// -initrd "FILE WORDS,FILE WORDS" for multiboot; two commas stand for one of a name.
Result<std::vector<BootModule>> read_modules(std::string const& list, std::uint64_t limit)
{
    std::vector<std::string> texts(1);
    for (std::size_t i = 0; i < list.size(); ++i) {
        bool const doubled = list[i] == ',' && i + 1 < list.size() && list[i + 1] == ',';
        if (list[i] == ',' && !doubled) {
            texts.emplace_back();
            continue;
        }
        texts.back() += list[i];
        i += doubled ? 1 : 0;
    }
    std::vector<BootModule> modules;
    for (auto& text : texts) {
        auto const path = text.substr(0, text.find(' '));
        auto bytes = read_file(path, limit);
        if (!bytes)
            return Error::generic(cat("Failed to open file '", path, "'")).with_hint(bytes.error().desc());
        limit -= bytes->size(); // all of them are to fit into RAM
        modules.push_back({std::move(text), *std::move(bytes)});
    }
    return modules;
}

Result<BootPlan> plan_kernel(BootOptions const& options, machine::Memory const& memory)
{
    auto const limit = memory.total_size();
    auto kernel = TRY(read_kernel(*options.kernel, limit));
    auto const kind = TRY(kind_of_kernel(kernel));
    auto const ram = RamLayout::of(memory);
    KernelWords const words{*options.kernel, options.append.value_or("")};
    std::vector<BootModule> modules;
    if (kind == KernelKind::boot_sector) {
        if (options.initrd || !words.append.empty())
            return Error::generic("a boot sector takes neither -append nor -initrd");
        return plan_boot_sector(std::move(kernel));
    }
    if (options.initrd)
        modules = TRY(
            kind == KernelKind::linux_ ? read_initrd(*options.initrd, limit) : read_modules(*options.initrd, limit));
    if (kind == KernelKind::linux_)
        return plan_linux(std::move(kernel), words, std::move(modules), ram);
    return plan_multiboot(std::move(kernel), words, std::move(modules), ram);
}

} // namespace

Result<BootPlan> plan_boot(BootOptions const& options, machine::Memory& memory)
{
    if (options.append && !options.kernel)
        return Error::generic("-append only allowed with -kernel option");
    if (options.initrd && !options.kernel)
        return Error::generic("-initrd only allowed with -kernel option");
    if (options.bios && options.kernel)
        return Error::generic("-bios and -kernel exclude each other: a kernel is started without firmware");
    if (options.bios)
        TRY(add_bios(*options.bios, memory));
    if (!options.kernel)
        return BootPlan();
    auto plan = TRY(plan_kernel(options, memory));
    TRY(plan.check(memory));
    for (auto const& warning : plan.warnings)
        util::log::warn(warning);
    return plan;
}

} // namespace minivisor::hw
