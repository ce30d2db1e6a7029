// SPDX-License-Identifier: GPL-3.0-or-later
// The words of QEMU's migration stream: marks, flags, limits, and how numbers stand in it. No I/O here.
// The stream as a whole (every number big-endian, "str8" is a length byte and that many bytes):
// header, configuration, commands, START/PART/END sections of RAM, FULL sections of devices, EOF mark,
// description of the devices in JSON.
#pragma once

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace minivisor::migration {

inline constexpr std::uint32_t file_magic = 0x5145564d; // "QEVM"
inline constexpr std::uint32_t file_version = 3;
inline constexpr std::uint32_t obsolete_file_version = 2;

/// The byte that begins each part of the stream.
enum class Mark : std::uint8_t {
    eof = 0x00,
    start = 0x01,
    part = 0x02,
    end = 0x03,
    full = 0x04,
    subsection = 0x05,
    description = 0x06,
    configuration = 0x07,
    command = 0x08,
    footer = 0x7e,
};

enum class Command : std::uint16_t {
    open_return_path = 1,
    ping = 2,
    postcopy_advise = 3,
    postcopy_listen = 4,
    postcopy_run = 5,
    postcopy_ram_discard = 6,
    packaged = 7,
    enable_colo = 8,
    postcopy_resume = 9,
    recv_bitmap = 10,
    switchover_start = 11,
};

/// Messages from the destination to the source.
enum class Answer : std::uint16_t {
    shut = 1,
    pong = 2,
    request_pages_id = 3,
    request_pages = 4,
    received_bitmap = 5,
    resume_ack = 6,
    switchover_ack = 7,
};

/// The low bits of a RAM record's first word.
namespace ram_flag {
inline constexpr std::uint64_t zero = 0x002;
inline constexpr std::uint64_t mem_size = 0x004;
inline constexpr std::uint64_t page = 0x008;
inline constexpr std::uint64_t eos = 0x010;
inline constexpr std::uint64_t continue_block = 0x020;
inline constexpr std::uint64_t xbzrle = 0x040;
inline constexpr std::uint64_t hook = 0x080;
inline constexpr std::uint64_t compress_page = 0x100;
inline constexpr std::uint64_t multifd_flush = 0x200;
inline constexpr std::uint64_t all = 0xfff;
} // namespace ram_flag

inline constexpr std::string_view ram_idstr = "ram";
inline constexpr std::uint32_t ram_version = 4;
/// The id that a QEMU without devices gives its RAM section; devices get the others, from 0.
inline constexpr std::uint32_t ram_section_id = 2;

/// Bounds on what is taken from a stream before it is looked at.
inline constexpr std::uint32_t max_machine_name = 1024;
inline constexpr std::uint32_t max_description = 64u << 20;

/// QEMU's name of a capability that both sides must have alike is on the wire in this subsection.
inline constexpr std::string_view capabilities_subsection = "configuration/capabilities";
inline constexpr std::string_view page_bits_subsection = "configuration/target-page-bits";
inline constexpr std::string_view uuid_subsection = "configuration/uuid";

using Uuid = std::array<std::uint8_t, 16>;

/// "5af0c1d2-...", as QEMU prints a UUID.
std::string uuid_text(Uuid const& uuid);
/// Hexadecimal without prefix: "4000000".
std::string hex(std::uint64_t number);

static_assert(std::endian::native == std::endian::little);

inline std::uint64_t load_be64(std::byte const* from)
{
    std::uint64_t value;
    __builtin_memcpy(&value, from, sizeof value);
    return __builtin_bswap64(value);
}
inline std::uint32_t load_be32(std::byte const* from)
{
    std::uint32_t value;
    __builtin_memcpy(&value, from, sizeof value);
    return __builtin_bswap32(value);
}
inline std::uint16_t load_be16(std::byte const* from)
{
    std::uint16_t value;
    __builtin_memcpy(&value, from, sizeof value);
    return __builtin_bswap16(value);
}

} // namespace minivisor::migration
