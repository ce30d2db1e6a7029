// SPDX-License-Identifier: GPL-3.0-or-later
#include "util/size.hpp"

#include "util/text.hpp"

#include <charconv>
#include <limits>

namespace minivisor::util {

namespace {

/// The factor that a size suffix stands for, 0 if it is none.
std::uint64_t suffix_factor(char suffix)
{
    switch (suffix | 0x20) {
    case 'b': return 1;
    case 'k': return 1ULL << 10;
    case 'm': return 1ULL << 20;
    case 'g': return 1ULL << 30;
    case 't': return 1ULL << 40;
    case 'p': return 1ULL << 50;
    case 'e': return 1ULL << 60;
    default: return 0;
    }
}

/// As parse_size; tells a size that 64 bits do not hold from what is no size.
std::optional<std::uint64_t> parse_size(std::string_view text, std::uint64_t default_unit, bool& too_large)
{
    too_large = false;
    if (text.starts_with('+'))
        text.remove_prefix(1);
    bool const hex = text.size() > 1 && text[0] == '0' && (text[1] | 0x20) == 'x';
    if (hex)
        text.remove_prefix(2);
    auto const* const last = text.data() + text.size();
    std::uint64_t whole = 0;
    auto const [end, code] = std::from_chars(text.data(), last, whole, hex ? 16 : 10);
    if (code != std::errc{}) {
        too_large = code == std::errc::result_out_of_range && end == last;
        return std::nullopt;
    }
    text.remove_prefix(static_cast<std::size_t>(end - text.data()));

    double fraction = 0;
    if (!hex && text.starts_with('.')) {
        std::size_t digits = 1;
        while (digits < text.size() && text[digits] >= '0' && text[digits] <= '9')
            ++digits;
        auto const number = cat("0", text.substr(0, digits), "0");
        std::from_chars(number.data(), number.data() + number.size(), fraction, std::chars_format::fixed);
        text.remove_prefix(digits);
    }

    std::uint64_t factor = default_unit;
    if (!text.empty()) {
        factor = suffix_factor(text.front());
        text.remove_prefix(1);
    }
    // In units of 2^-64, as exact as a double is.
    __extension__ using Wide = unsigned __int128;
    auto const fine = static_cast<Wide>(fraction * 0x1p64);
    if (!text.empty() || factor == 0 || (factor == 1 && fine != 0))
        return std::nullopt;
    // `fine` is at most 2^64, so its half times a factor fits into 128 bits.
    Wide const rest = factor == 1 ? 0 : ((fine >> 1) * factor + (Wide{1} << 62)) >> 63;
    Wide const total = Wide{whole} * factor + rest;
    too_large = total > std::numeric_limits<std::uint64_t>::max();
    if (too_large)
        return std::nullopt;
    return static_cast<std::uint64_t>(total);
}

} // namespace

std::optional<std::uint64_t> parse_size(std::string_view text, std::uint64_t default_unit)
{
    bool too_large = false;
    return parse_size(text, default_unit, too_large);
}

Result<std::uint64_t> read_size(std::string_view name, std::string_view text, std::uint64_t default_unit)
{
    bool too_large = false;
    if (auto const size = parse_size(text, default_unit, too_large))
        return *size;
    if (too_large)
        return Error::generic(cat("Value '", text, "' is out of range for parameter '", name, "'"));
    return Error::generic(cat("Parameter '", name, "' expects a non-negative number below 2^64"))
        .with_hint("Optional suffix k, M, G, T, P or E means kilo-, mega-, giga-, tera-, peta-\n"
                   "and exabytes, respectively.");
}

} // namespace minivisor::util
