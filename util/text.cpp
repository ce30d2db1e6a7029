// SPDX-License-Identifier: GPL-3.0-or-later
#include "util/text.hpp"

#include <array>
#include <charconv>
#include <limits>

namespace minivisor::util {

namespace {

bool is_digit(char c) { return c >= '0' && c <= '9'; }
bool is_letter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }
bool is_blank(char c) { return c == ' ' || (c >= '\t' && c <= '\r'); }

/// A whole unsigned number with the base that its prefix names.
std::optional<std::uint64_t> parse_magnitude(std::string_view digits)
{
    int base = 10;
    if (digits.size() > 1 && digits[0] == '0') {
        base = digits[1] == 'x' || digits[1] == 'X' ? 16 : 8;
        digits.remove_prefix(base == 16 ? 2 : 1);
    }
    std::uint64_t value = 0;
    auto const [end, code] = std::from_chars(digits.data(), digits.data() + digits.size(), value, base);
    if (code != std::errc{} || end != digits.data() + digits.size())
        return std::nullopt;
    return value;
}

std::optional<std::uint8_t> hex_digit(char c)
{
    if (is_digit(c))
        return static_cast<std::uint8_t>(c - '0');
    if (c >= 'a' && c <= 'f')
        return static_cast<std::uint8_t>(c - 'a' + 10);
    if (c >= 'A' && c <= 'F')
        return static_cast<std::uint8_t>(c - 'A' + 10);
    return std::nullopt;
}

/// The length of the well-formed UTF-8 character at the start of `text`, 0 if there is none.
std::size_t utf8_length(std::string_view text)
{
    auto const byte = [&](std::size_t at) { return static_cast<unsigned char>(text[at]); };
    unsigned const lead = byte(0);
    if (lead < 0x80)
        return 1;
    std::size_t const length = lead >= 0xF0 ? 4 : lead >= 0xE0 ? 3 : 2;
    if (lead < 0xC2 || lead > 0xF4 || text.size() < length)
        return 0;
    for (std::size_t at = 1; at < length; ++at) {
        if ((byte(at) & 0xC0U) != 0x80)
            return 0;
    }
    bool const overlong = (lead == 0xE0 && byte(1) < 0xA0) || (lead == 0xF0 && byte(1) < 0x90);
    bool const surrogate = lead == 0xED && byte(1) >= 0xA0;
    bool const too_large = lead == 0xF4 && byte(1) >= 0x90;
    return overlong || surrogate || too_large ? 0 : length;
}

} // namespace

std::string_view Piece::write(std::int64_t number)
{
    return {m_digits, std::to_chars(std::begin(m_digits), std::end(m_digits), number).ptr};
}

std::string_view Piece::write(std::uint64_t number)
{
    return {m_digits, std::to_chars(std::begin(m_digits), std::end(m_digits), number).ptr};
}

std::string cat_pieces(std::initializer_list<std::string_view> pieces)
{
    std::size_t size = 0;
    for (auto const piece : pieces)
        size += piece.size();
    std::string text;
    text.reserve(size);
    for (auto const piece : pieces)
        text += piece;
    return text;
}

std::vector<std::string_view> split(std::string_view text, char separator)
{
    std::vector<std::string_view> parts;
    for (;;) {
        auto const end = text.find(separator);
        parts.push_back(text.substr(0, end));
        if (end == std::string_view::npos)
            return parts;
        text.remove_prefix(end + 1);
    }
}

std::string join(std::span<std::string const> parts, std::string_view separator)
{
    std::string text;
    for (std::size_t i = 0; i < parts.size(); ++i) {
        if (i != 0)
            text += separator;
        text += parts[i];
    }
    return text;
}

std::string_view trim(std::string_view text)
{
    while (!text.empty() && is_blank(text.front()))
        text.remove_prefix(1);
    while (!text.empty() && is_blank(text.back()))
        text.remove_suffix(1);
    return text;
}

bool is_identifier(std::string_view text)
{
    if (text.empty() || !is_letter(text.front()))
        return false;
    for (char const c : text) {
        if (!is_letter(c) && !is_digit(c) && c != '-' && c != '.' && c != '_')
            return false;
    }
    return true;
}

std::optional<std::int64_t> parse_int64(std::string_view text)
{
    bool const negative = text.starts_with('-');
    if (negative || text.starts_with('+'))
        text.remove_prefix(1);
    auto const magnitude = parse_magnitude(text);
    if (!magnitude || *magnitude > (1ULL << 63) - (negative ? 0 : 1))
        return std::nullopt;
    return static_cast<std::int64_t>(negative ? 0 - *magnitude : *magnitude);
}

std::optional<std::uint64_t> parse_uint64(std::string_view text)
{
    if (text.starts_with('+'))
        text.remove_prefix(1);
    return parse_magnitude(text);
}

std::string hex(std::uint64_t number)
{
    std::array<char, 16> digits;
    auto const end = std::to_chars(digits.data(), digits.data() + digits.size(), number, 16).ptr;
    return {digits.data(), end};
}

std::string to_hex(std::span<std::uint8_t const> bytes)
{
    static constexpr char digits[] = "0123456789abcdef";
    std::string text;
    text.reserve(bytes.size() * 2);
    for (auto const byte : bytes) {
        text += digits[byte >> 4];
        text += digits[byte & 15];
    }
    return text;
}

std::optional<std::vector<std::uint8_t>> from_hex(std::string_view text)
{
    if (text.size() % 2 != 0)
        return std::nullopt;
    std::vector<std::uint8_t> bytes;
    bytes.reserve(text.size() / 2);
    for (std::size_t i = 0; i < text.size(); i += 2) {
        auto const high = hex_digit(text[i]);
        auto const low = hex_digit(text[i + 1]);
        if (!high || !low)
            return std::nullopt;
        bytes.push_back(static_cast<std::uint8_t>(*high << 4 | *low));
    }
    return bytes;
}

bool is_utf8(std::string_view text)
{
    while (!text.empty()) {
        auto const length = utf8_length(text);
        if (length == 0)
            return false;
        text.remove_prefix(length);
    }
    return true;
}

std::string printable(std::string_view text)
{
    std::string safe;
    safe.reserve(text.size());
    auto const escape = [&](char c) {
        static constexpr char digits[] = "0123456789abcdef";
        auto const byte = static_cast<unsigned char>(c);
        safe += "\\x";
        safe += digits[byte >> 4];
        safe += digits[byte & 15];
    };
    while (!text.empty()) {
        auto const length = utf8_length(text);
        auto const lead = static_cast<unsigned char>(text[0]);
        // Terminals obey U+0080 to U+009F too, and may take a broken sequence for one of them.
        bool const c1 = length == 2 && lead == 0xC2 && static_cast<unsigned char>(text[1]) < 0xA0;
        if (length == 0 || lead < 0x20 || lead == 0x7F) {
            escape(text[0]);
        } else if (c1) {
            escape(text[0]);
            escape(text[1]);
        } else {
            safe += text.substr(0, length);
        }
        text.remove_prefix(length == 0 ? 1 : length);
    }
    return safe;
}

} // namespace minivisor::util
