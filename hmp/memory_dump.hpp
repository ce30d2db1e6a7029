// SPDX-License-Identifier: GPL-3.0-or-later
// How xp and print write numbers: QEMU's columns, bases and quoted characters.
#pragma once

#include <cstdint>
#include <span>
#include <string>

namespace minivisor::hmp {

/// How much of memory one xp shows at most, in bytes.
inline constexpr std::uint64_t max_dump = 1 << 20;

/// An integer as print shows it: 'x' and 'o' with their prefix, 'c' as a quoted character, else decimal.
std::string print_number(char format, std::int64_t number);

/// Lays memory out in lines.
class MemoryDump {
public:
    /// `size` is 1, 2, 4 or 8 bytes an item, the lowest byte first.
    MemoryDump(char format, unsigned size);

    /// How many bytes one line holds.
    unsigned line_size() const { return m_line_size; }
    /// One line, with its line end; at most line_size() bytes, the last item may be cut short.
    std::string line(std::uint64_t address, std::span<std::uint8_t const> bytes) const;
    /// The line for an address where there is nothing.
    static std::string no_memory(std::uint64_t address);

private:
    std::string item(std::uint64_t number) const;

    char m_format;
    unsigned m_size;
    unsigned m_line_size;
    int m_width;
};

} // namespace minivisor::hmp
