// SPDX-License-Identifier: GPL-3.0-or-later
#include "qapi/json_plain.hpp"

#include <algorithm>
#include <bit>
#include <charconv>
#include <cstdint>
#include <cstring>
#include <optional>

namespace minivisor::qapi {

namespace {

using Byte = unsigned char;

constexpr std::uint64_t ones = 0x0101010101010101;
constexpr std::uint64_t high_bits = 0x8080808080808080;

class PlainReader {
public:
    explicit PlainReader(std::string_view text)
        : m_at(text.data())
        , m_end(text.data() + text.size())
    {
    }

    char const* at() const { return m_at; }

    bool object(Value& out, int depth)
    {
        ++m_at;
        auto& members = out.emplace_object();
        if (next() == '}')
            return take();
        members.reserve(usual_members);
        for (;;) {
            auto const key = next() == '"' || *m_at == '\'' ? string() : std::nullopt;
            if (!key || next() != ':')
                return false;
            ++m_at;
            auto const [member, is_new] = members.emplace(*key, nullptr);
            if (!is_new || !value(member->value(), depth))
                return false;
            if (next() == '}')
                return take();
            if (*m_at != ',')
                return false;
            ++m_at;
        }
    }

private:
    /// The next character that is no blank; at the end one that fits nowhere, behind which nothing is read.
    char next()
    {
        while (m_at != m_end && (*m_at == ' ' || *m_at == '\n' || *m_at == '\r' || *m_at == '\t'))
            ++m_at;
        if (m_at == m_end) {
            static constexpr char nothing = '\0';
            m_at = &nothing;
            m_end = &nothing + 1;
        }
        return *m_at;
    }

    bool take()
    {
        ++m_at;
        return true;
    }

    bool array(Value& out, int depth)
    {
        ++m_at;
        auto& items = out.emplace_array();
        if (next() == ']')
            return take();
        for (;;) {
            if (!value(items.emplace_back(nullptr), depth))
                return false;
            if (next() == ']')
                return take();
            if (*m_at != ',')
                return false;
            ++m_at;
        }
    }

    bool value(Value& out, int depth)
    {
        switch (next()) {
        case '{': return depth > 0 && object(out, depth - 1);
        case '[': return depth > 0 && array(out, depth - 1);
        case '"':
        case '\'': {
            auto const text = string();
            if (text)
                out.emplace_string().assign(*text);
            return text.has_value();
        }
        case 't': return word("true") && (out = true, true);
        case 'f': return word("false") && (out = false, true);
        case 'n': return word("null");
        default: return number(out);
        }
    }

    /// Takes a string without escapes.
    std::optional<std::string_view> string()
    {
        char const quote = *m_at++;
        char const* const begin = m_at;
        m_at = skip_plain(m_at, m_end, quote);
        if (m_at == m_end || *m_at != quote)
            return std::nullopt;
        return std::string_view(begin, m_at++);
    }

    bool word(std::string_view expected)
    {
        if (!std::string_view(m_at, m_end).starts_with(expected))
            return false;
        m_at += expected.size();
        return ends_token();
    }

    bool number(Value& out)
    {
        char const* const first = *m_at == '-' ? m_at + 1 : m_at;
        bool const leading_zero = m_end - first > 1 && first[0] == '0' && first[1] >= '0' && first[1] <= '9';
        std::int64_t whole = 0;
        auto const [end, code] = std::from_chars(m_at, m_end, whole);
        if (code != std::errc{} || leading_zero)
            return false;
        if (end != m_end && *end == '.')
            return fraction(out, end + 1);
        m_at = end;
        out = whole;
        return ends_token();
    }

    /// A number whose digits behind the point begin at `digits`; one with an exponent is out of the ordinary.
    bool fraction(Value& out, char const* digits)
    {
        char const* const end = std::find_if(digits, m_end, [](char c) { return c < '0' || c > '9'; });
        double number = 0;
        if (end == digits || std::from_chars(m_at, end, number).ec != std::errc{})
            return false;
        m_at = end;
        out = number;
        return ends_token();
    }

    /// Whether the word or number just read is whole; the long way knows what else may follow it.
    bool ends_token() const { return m_at != m_end && std::strchr(",}] \r\n\t", *m_at) != nullptr && *m_at != '\0'; }

    char const* m_at;
    char const* m_end;
};

} // namespace

std::size_t read_plain_object(std::string_view text, Value& out)
{
    text = text.substr(0, max_plain_bytes);
    if (!text.starts_with('{'))
        return 0;
    PlainReader reader(text);
    return reader.object(out, max_plain_nesting - 1) ? static_cast<std::size_t>(reader.at() - text.data()) : 0;
}

char const* skip_plain(char const* at, char const* stop, char quote)
{
    auto const has_zero = [](std::uint64_t word) { return (word - ones) & ~word; };
    while (stop - at >= 8) {
        std::uint64_t word = 0;
        std::memcpy(&word, at, 8);
        // Bits above the lowest hit may be false, that one is not.
        std::uint64_t const hits
            = (word | ((word - 0x20 * ones) & ~word) | has_zero(word ^ static_cast<Byte>(quote) * ones)
                  | has_zero(word ^ '\\' * ones))
            & high_bits;
        if (hits == 0) {
            at += 8;
            continue;
        }
        if constexpr (std::endian::native == std::endian::little)
            return at + std::countr_zero(hits) / 8;
        break;
    }
    while (at != stop && static_cast<Byte>(*at) >= 0x20 && static_cast<Byte>(*at) < 0x80 && *at != '\\' && *at != quote)
        ++at;
    return at;
}

} // namespace minivisor::qapi
