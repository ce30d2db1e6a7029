// SPDX-License-Identifier: GPL-3.0-or-later
// Puts flat images and single values into RAM before the guest starts (-device loader).
#pragma once

#include "machine/memory.hpp"
#include "qom/type.hpp"

namespace minivisor::machine {

/// -device loader,...: a file, or 1 to 8 bytes of data, at a guest-physical address.
struct LoaderOptions {
    std::optional<std::string> file;
    std::optional<std::uint64_t> addr;
    std::optional<std::uint64_t> data;
    std::optional<std::uint8_t> data_len;
    std::optional<bool> data_be;
    std::optional<bool> force_raw;
    std::optional<std::uint32_t> cpu_num;
};
BOOST_DESCRIBE_STRUCT(LoaderOptions, (), (file, addr, data, data_len, data_be, force_raw, cpu_num))
constexpr auto docs(LoaderOptions const*)
{
    return qapi::members({{"file", "a flat image"}, {"addr", "guest-physical address"}, {"data", "a number to store"},
        {"data-len", "its size in bytes, 1 to 8"}, {"data-be", "store it big-endian"},
        {"force-raw", "take the file as it is, whatever its format"},
        {"cpu-num", "0: the first CPU begins at addr, in real mode below 1 MiB, else in 32-bit protected mode"}});
}

Result<void> load(LoaderOptions const& options, Memory& memory);

/// The type "loader", so that it can be asked for. No object of it is made: it has done its work once it has loaded.
void register_loader(qom::TypeRegistry& types);

} // namespace minivisor::machine
