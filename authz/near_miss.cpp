// SPDX-License-Identifier: GPL-3.0-or-later
#include "authz/near_miss.hpp"

#include "authz/glob.hpp"
#include "util/text.hpp"

#include <algorithm>
#include <cstdint>
#include <vector>

namespace minivisor::authz {

namespace {

char lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }

std::string lower(std::string_view text)
{
    std::string out(text);
    std::transform(out.begin(), out.end(), out.begin(), [](char c) { return lower(c); });
    return out;
}

/// The same for all names that differ in case, blanks and order only: most rules are far from it.
std::uint64_t weight(std::string_view text)
{
    std::uint64_t sum = 0;
    for (char const c : text)
        sum += c == ' ' ? 0 : (std::uint64_t{1} << 32) + static_cast<unsigned char>(lower(c));
    return sum;
}

std::string_view trim(std::string_view text)
{
    while (text.starts_with(' '))
        text.remove_prefix(1);
    while (text.ends_with(' ') && !text.ends_with("\\ "))
        text.remove_suffix(1);
    return text;
}

/// The parts of a distinguished name, cut at its unescaped commas.
std::vector<std::string> parts_of(std::string_view name)
{
    std::vector<std::string> parts(1);
    for (std::size_t i = 0; i < name.size(); ++i) {
        if (name[i] == ',')
            parts.emplace_back();
        else
            parts.back() += name[i];
        if (name[i] == '\\' && i + 1 < name.size())
            parts.back() += name[++i];
    }
    return parts;
}

std::string join(std::vector<std::string> const& parts)
{
    std::string text;
    for (auto const& part : parts)
        text += cat(text.empty() ? "" : ",", part);
    return text;
}

std::string without_blanks(std::string_view name)
{
    auto parts = parts_of(name);
    for (auto& part : parts) {
        auto const equals = std::min(part.find('='), part.size());
        std::string const left(trim(std::string_view(part).substr(0, equals)));
        part = equals == part.size() ? left : cat(left, '=', trim(std::string_view(part).substr(equals + 1)));
    }
    return join(parts);
}

std::string reversed(std::string_view name)
{
    auto parts = parts_of(name);
    std::reverse(parts.begin(), parts.end());
    return join(parts);
}

} // namespace

std::optional<std::string> near_miss(std::string_view rule, std::string_view identity)
{
    if (rule == identity)
        return std::nullopt;
    if (rule.find_first_of("*?") != rule.npos && glob_match(rule, identity))
        return "it is a pattern, and the rule's format is exact";
    if (weight(rule) != weight(identity))
        return std::nullopt;
    // The fewest of the three that make them equal.
    static constexpr unsigned tries[]{1, 2, 4, 3, 5, 6, 7};
    for (auto const ways : tries) {
        bool const cases = (ways & 1) != 0;
        bool const blanks = (ways & 2) != 0;
        bool const order = (ways & 4) != 0;
        auto const plain = [&](std::string_view text) {
            auto out = blanks ? without_blanks(text) : std::string(text);
            return cases ? lower(out) : out;
        };
        auto const turned = plain(rule);
        if ((order ? reversed(turned) : turned) != plain(identity))
            continue;
        std::string text;
        for (auto const& [applies, what] : {std::pair(order, "the order of the parts is turned round"),
                 std::pair(cases, "upper and lower case"), std::pair(blanks, "blanks")})
            if (applies)
                text += cat(text.empty() ? "" : ", ", what);
        return text;
    }
    return std::nullopt;
}

} // namespace minivisor::authz
