// SPDX-License-Identifier: GPL-3.0-or-later
#include "machine/loader.hpp"

#include "util/fd.hpp"
#include "util/text.hpp"

#include <algorithm>
#include <cerrno>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

namespace minivisor::machine {

namespace {

Error cannot_load(std::string const& path, std::string_view why)
{
    return Error::generic(cat("Cannot load specified image ", path)).with_hint(cat(path, ": ", why));
}

/// Reads the file straight into RAM, piece by piece.
Result<void> load_file(std::string const& path, std::uint64_t address, bool force_raw, Memory& memory)
{
    util::UniqueFd fd(open(path.c_str(), O_RDONLY | O_CLOEXEC));
    struct stat status { };
    if (!fd || fstat(fd.get(), &status) != 0)
        return cannot_load(path, std::generic_category().message(errno));
    if (!S_ISREG(status.st_mode))
        return cannot_load(path, "not a regular file");
    auto const size = static_cast<std::uint64_t>(status.st_size);
    auto const* region = memory.find_region(address);
    if (!region || size > region->end() - address)
        return cannot_load(path, cat(size, " bytes do not fit into RAM at 0x", util::hex(address)));
    std::vector<std::byte> piece(1 << 20);
    for (std::uint64_t done = 0; done < size;) {
        auto const count = read(fd.get(), piece.data(), std::min<std::uint64_t>(piece.size(), size - done));
        if (count < 0 && errno == EINTR)
            continue;
        if (count <= 0)
            return cannot_load(path, count < 0 ? std::generic_category().message(errno) : "it became shorter");
        auto const bytes = std::span<std::byte const>(piece).first(static_cast<std::size_t>(count));
        constexpr std::string_view elf = "\177ELF";
        if (done == 0 && !force_raw && bytes.size() >= elf.size()
            && std::memcmp(bytes.data(), elf.data(), elf.size()) == 0)
            return cannot_load(path, "ELF images are not supported; force-raw=on takes the file as it is");
        TRY(memory.write(address + done, bytes));
        done += bytes.size();
    }
    return {};
}

} // namespace

Result<void> load(LoaderOptions const& options, Memory& memory)
{
    if (options.file) {
        if (options.data || options.data_len || options.data_be)
            return Error::generic("Specifying a file is not supported when loading memory values");
        return load_file(*options.file, options.addr.value_or(0), options.force_raw.value_or(false), memory);
    }
    if (!options.data)
        return Error::generic("please include valid arguments");
    if (!options.data_len)
        return Error::generic("Both data and data-len must be specified");
    if (*options.data_len == 0 || *options.data_len > 8)
        return Error::generic("data-len cannot be greater then 8 bytes");
    std::array<std::byte, 8> bytes{};
    auto const value = std::span(bytes).first(*options.data_len);
    for (std::size_t i = 0; i < value.size(); ++i)
        value[i] = static_cast<std::byte>(*options.data >> (8 * i));
    if (options.data_be.value_or(false))
        std::reverse(value.begin(), value.end());
    return memory.write(options.addr.value_or(0), value);
}

void register_loader(qom::TypeRegistry& types)
{
    qom::Type base;
    base.name = "device";
    base.abstract = true;
    types.add(std::move(base));
    qom::Type loader;
    loader.name = "loader";
    for (auto const& member : qapi::type_of<LoaderOptions>().members) {
        auto const get = [](qom::Object const&) -> Result<qapi::Value> {
            return Error::generic("a loader leaves no object behind");
        };
        loader.properties.push_back({member.name, member.type->name, member.doc, get, {}});
    }
    types.add(std::move(loader), "device");
}

} // namespace minivisor::machine
