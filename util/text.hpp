// SPDX-License-Identifier: GPL-3.0-or-later
// Text helpers that every floor needs: joining, splitting, numbers and sizes, hex and base64.
// Nothing here knows a wire format; every parser says no (nullopt) rather than guess.
#pragma once

#include <concepts>
#include <cstdint>
#include <initializer_list>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace minivisor::util {

/// One piece of cat(): text, a character, or a number in decimal. Made in passing; what it was made of lives longer.
class Piece {
public:
    // NOLINTBEGIN(google-explicit-constructor)
    Piece(std::string_view text)
        : m_text(text)
    {
    }
    Piece(std::string const& text)
        : m_text(text)
    {
    }
    Piece(char const* text)
        : m_text(text)
    {
    }
    Piece(char c)
        : m_digits{c}
        , m_text(m_digits, 1)
    {
    }
    template <std::signed_integral T>
    Piece(T number)
        : m_text(write(static_cast<std::int64_t>(number)))
    {
    }
    template <std::unsigned_integral T>
    requires(!std::is_same_v<T, bool>) Piece(T number)
        : m_text(write(static_cast<std::uint64_t>(number)))
    {
    }
    // NOLINTEND(google-explicit-constructor)
    Piece(Piece const&) = delete;
    Piece& operator=(Piece const&) = delete;

    std::string_view text() const { return m_text; }

private:
    std::string_view write(std::int64_t number);
    std::string_view write(std::uint64_t number);

    char m_digits[20]; // those of -2^63 and of 2^64 - 1
    std::string_view m_text;
};

std::string cat_pieces(std::initializer_list<std::string_view> pieces);

/// Joins texts, characters and integers: cat("File '", path, "' line ", 7).
template <typename... Args>
std::string cat(Args const&... args)
{
    return cat_pieces({Piece(args).text()...});
}

std::vector<std::string_view> split(std::string_view text, char separator);
std::string join(std::span<std::string const> parts, std::string_view separator);
std::string_view trim(std::string_view text);
bool is_identifier(std::string_view text);

/// A whole decimal, 0x or leading-0 octal integer with optional sign, as strtoll reads base 0; no blanks, no rest.
std::optional<std::int64_t> parse_int64(std::string_view text);
/// The same unsigned; a leading minus is refused.
std::optional<std::uint64_t> parse_uint64(std::string_view text);
/// QEMU's sizes: "64M", "1.5G", "512"; suffix B K M G T P E in either case, powers of 1024.
/// Without a suffix the number counts units of `default_unit` bytes.
std::optional<std::uint64_t> parse_size(std::string_view text, std::uint64_t default_unit = 1);

/// A number in hexadecimal, without prefix.
std::string hex(std::uint64_t number);
std::string to_hex(std::span<std::uint8_t const> bytes);
std::optional<std::vector<std::uint8_t>> from_hex(std::string_view text);

/// True when `text` is well-formed UTF-8 (no overlong forms, no surrogates).
bool is_utf8(std::string_view text);
/// `text` with control characters as \xNN, safe to print in a log line or on a terminal.
std::string printable(std::string_view text);

} // namespace minivisor::util

namespace minivisor {
using util::cat;
}
