// SPDX-License-Identifier: GPL-3.0-or-later
#include "qapi/mod_utf8.hpp"

#include <bit>

namespace minivisor::qapi {

namespace {

bool is_character(char32_t value)
{
    bool const surrogate = value >= 0xD800 && value <= 0xDFFF;
    bool const noncharacter = (value >= 0xFDD0 && value <= 0xFDEF) || (value & 0xFFFE) == 0xFFFE;
    return value <= 0x10FFFF && !surrogate && !noncharacter;
}

} // namespace

CodePoint decode_mod_utf8(std::string_view text)
{
    auto const lead = static_cast<std::uint8_t>(text[0]);
    if (lead < 0x80)
        return {lead, 1};
    auto const size = static_cast<std::size_t>(std::countl_one(lead));
    if (size == 1 || size > 6)
        return {std::nullopt, 1};

    // The old forms of five and six bytes are read as one sequence, and then found too large.
    static constexpr char32_t least[] = {0x80, 0x800, 0x10000, 0x200000, 0x4000000};
    char32_t value = lead & (0x7FU >> size);
    for (std::size_t at = 1; at < size; ++at) {
        auto const byte = at < text.size() ? static_cast<std::uint8_t>(text[at]) : std::uint8_t{0};
        if ((byte & 0xC0) != 0x80)
            return {std::nullopt, at};
        value = value << 6 | (byte & 0x3FU);
    }
    bool const overlong = value < least[size - 2] && !(value == 0 && size == 2);
    if (overlong || !is_character(value))
        return {std::nullopt, size};
    return {value, size};
}

bool append_mod_utf8(std::string& out, char32_t value)
{
    if (!is_character(value))
        return false;
    auto const put = [&](char32_t byte) { out += static_cast<char>(static_cast<std::uint8_t>(byte)); };
    auto const tail = [&](int shift) { put(0x80 | (value >> shift & 0x3F)); };
    if (value < 0x80 && value != 0) {
        put(value);
    } else if (value < 0x800) {
        put(0xC0 | value >> 6);
        tail(0);
    } else if (value < 0x10000) {
        put(0xE0 | value >> 12);
        tail(6);
        tail(0);
    } else {
        put(0xF0 | value >> 18);
        tail(12);
        tail(6);
        tail(0);
    }
    return true;
}

} // namespace minivisor::qapi
