// SPDX-License-Identifier: GPL-3.0-or-later
#include "hmp/memory_dump.hpp"

#include "util/text.hpp"

#include <algorithm>
#include <array>
#include <cinttypes>
#include <cstdio>

namespace minivisor::hmp {

namespace {

template <typename... Args>
std::string formatted(char const* format, Args... args)
{
    std::array<char, 64> text{};
    std::snprintf(text.data(), text.size(), format, args...);
    return text.data();
}

std::string quoted_character(std::uint64_t c)
{
    switch (c) {
    case '\'': return "'\\''";
    case '\\': return "'\\\\'";
    case '\n': return "'\\n'";
    case '\r': return "'\\r'";
    default: break;
    }
    if (c >= 32 && c <= 126)
        return cat("'", static_cast<char>(c), "'");
    return formatted("'\\x%02" PRIx32 "'", static_cast<std::uint32_t>(c));
}

/// Columns that hold any number of `size` bytes.
int width_of(char format, unsigned size)
{
    auto const bits = size * 8;
    switch (format) {
    case 'o': return static_cast<int>((bits + 2) / 3);
    case 'd':
    case 'u': return static_cast<int>((bits * 10 + 32) / 33);
    default: return static_cast<int>(bits / 4);
    }
}

} // namespace

std::string print_number(char format, std::int64_t number)
{
    auto const bits = static_cast<std::uint64_t>(number);
    switch (format) {
    case 'x': return formatted("%#" PRIx64, bits);
    case 'o': return formatted("%#" PRIo64, bits);
    case 'u': return formatted("%" PRIu64, bits);
    case 'c': return quoted_character(bits);
    default: return formatted("%" PRId64, number);
    }
}

MemoryDump::MemoryDump(char format, unsigned size)
    : m_format(format)
    , m_size(format == 'c' ? 1 : size)
    , m_line_size(size == 1 ? 8 : 16)
    , m_width(width_of(format, size))
{
}

std::string MemoryDump::item(std::uint64_t number) const
{
    switch (m_format) {
    case 'x': return formatted("0x%0*" PRIx64, m_width, number);
    case 'o': return formatted("%#*" PRIo64, m_width, number);
    case 'u': return formatted("%*" PRIu64, m_width, number);
    case 'c': return quoted_character(number);
    default: return formatted("%*" PRId64, m_width, static_cast<std::int64_t>(number));
    }
}

std::string MemoryDump::line(std::uint64_t address, std::span<std::uint8_t const> bytes) const
{
    auto text = formatted("%016" PRIx64 ":", address);
    for (std::size_t at = 0; at < bytes.size(); at += m_size) {
        std::uint64_t number = 0;
        auto const end = std::min<std::size_t>(bytes.size(), at + m_size);
        for (auto i = end; i > at; --i)
            number = number << 8 | bytes[i - 1];
        text += cat(" ", item(number));
    }
    return text + "\n";
}

std::string MemoryDump::no_memory(std::uint64_t address)
{
    return formatted("%016" PRIx64 ": Cannot access memory\n", address);
}

} // namespace minivisor::hmp
