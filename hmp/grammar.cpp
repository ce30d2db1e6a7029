// SPDX-License-Identifier: GPL-3.0-or-later
#include "hmp/grammar.hpp"

#include "hmp/expression.hpp"
#include "util/text.hpp"

#include <algorithm>
#include <cstdint>
#include <limits>
#include <optional>
#include <utility>

namespace minivisor::hmp {

namespace {

using qapi::Object;
using qapi::Value;

bool is_blank(char c) { return c == ' ' || (c >= '\t' && c <= '\r'); }
bool is_digit(char c) { return c >= '0' && c <= '9'; }

std::string_view skip_blanks(std::string_view text)
{
    auto const begin = std::find_if_not(text.begin(), text.end(), is_blank);
    return text.substr(static_cast<std::size_t>(begin - text.begin()));
}

std::string_view take_until_blank(std::string_view& text)
{
    auto const end = std::find_if(text.begin(), text.end(), is_blank);
    auto const word = text.substr(0, static_cast<std::size_t>(end - text.begin()));
    text.remove_prefix(word.size());
    return word;
}

/// What stands between double quotes; `text` begins behind the first.
Result<std::string> take_quoted(std::string_view& text)
{
    std::string word;
    while (!text.empty() && text.front() != '"') {
        char c = text.front();
        text.remove_prefix(1);
        if (c == '\\') {
            if (text.empty())
                break;
            c = text.front();
            text.remove_prefix(1);
            switch (c) {
            case 'n': c = '\n'; break;
            case 'r': c = '\r'; break;
            case '\\':
            case '\'':
            case '"': break;
            default: return Error::generic(cat("unsupported escape code: '\\", c, "'"));
            }
        }
        word += c;
    }
    if (text.empty())
        return Error::generic("unterminated string");
    text.remove_prefix(1);
    return word;
}

/// A word; an error's text is empty when there was none.
Result<std::string> take_word(std::string_view& text)
{
    text = skip_blanks(text);
    if (text.empty())
        return Error::generic("");
    if (text.front() != '"')
        return std::string(take_until_blank(text));
    text.remove_prefix(1);
    return take_quoted(text);
}

/// The longest front part of `text` that is a size; as in QEMU, what follows is the next argument.
std::optional<std::uint64_t> take_size(std::string_view& text)
{
    constexpr std::size_t longest = 64;
    for (std::size_t length = std::min(text.size(), longest); length > 0; --length) {
        auto const size = util::parse_size(text.substr(0, length), 1 << 20);
        if (!size)
            continue;
        // A number cut short was too large as a whole.
        bool const open = is_digit(text[length - 1]) || text[length - 1] == '.';
        if (open && text.substr(length).find_first_of("0123456789.bBkKmMgGtTpPeE") == 0)
            return std::nullopt;
        text.remove_prefix(length);
        return size;
    }
    return std::nullopt;
}

int size_of_letter(char c)
{
    switch (c) {
    case 'b': return 1;
    case 'h': return 2;
    case 'w': return 4;
    case 'g':
    case 'L': return 8;
    default: return 0;
    }
}

class ArgReader {
public:
    ArgReader(CommandName command, std::span<Arg const> args, std::string_view text, PrintFormat& format)
        : m_command(command)
        , m_args(args)
        , m_text(text)
        , m_format(format)
    {
    }

    Result<Object> read()
    {
        for (std::size_t at = 0; at < m_args.size(); ++at) {
            auto const& arg = m_args[at];
            m_text = skip_blanks(m_text);
            if (arg.kind == ArgKind::flag || arg.kind == ArgKind::flag_value)
                TRY(read_flag(arg, m_args.subspan(at + 1)));
            else if (arg.kind == ArgKind::format)
                m_values[arg.name] = TRY(read_format());
            else if (!arg.optional || !m_text.empty())
                m_values[arg.name] = TRY(read_value(arg.kind));
        }
        if (!skip_blanks(m_text).empty())
            return complain("extraneous characters at the end of line");
        return std::move(m_values);
    }

private:
    Error complain(std::string_view what) const { return Error::generic(cat(m_command.name, ": ", what)); }

    Result<Value> read_value(ArgKind kind)
    {
        switch (kind) {
        case ArgKind::word: return read_word("string expected");
        case ArgKind::file: return read_word("filename expected");
        case ArgKind::rest: return read_rest();
        case ArgKind::size: return read_size();
        case ArgKind::boolean: return read_boolean();
        default: return read_integer(kind);
        }
    }

    /// QEMU tells what is wrong inside a quoted word on a line of its own.
    Result<Value> read_word(std::string_view what)
    {
        auto word = take_word(m_text);
        if (word)
            return Value(*std::move(word));
        auto const& fault = word.error().desc();
        return Error::generic(cat(fault, fault.empty() ? "" : "\n", m_command.name, ": ", what));
    }

    Result<Value> read_rest()
    {
        if (m_text.empty())
            return complain("string expected");
        return Value(std::exchange(m_text, {}));
    }

    Result<Value> read_integer(ArgKind kind)
    {
        std::int64_t const number = TRY(take_expression(m_text, m_format.registers));
        if (kind == ArgKind::integer32 && (number < 0 || number > std::numeric_limits<std::uint32_t>::max()))
            return Error::generic(cat("'", m_command.name, "' has failed: integer is for 32-bit values"));
        if (kind != ArgKind::mebibytes)
            return Value(number);
        if (number < 0)
            return Error::generic("enter a positive value");
        if (number > std::numeric_limits<std::int64_t>::max() >> 20)
            return Error::generic("number too large");
        return Value(number << 20);
    }

    Result<Value> read_size()
    {
        auto const size = take_size(m_text);
        if (!size || *size > std::numeric_limits<std::int64_t>::max())
            return Error::generic("invalid size");
        return Value(static_cast<std::int64_t>(*size));
    }

    Result<Value> read_boolean()
    {
        auto const word = take_until_blank(m_text);
        if (word != "on" && word != "off")
            return Error::generic("Expected 'on' or 'off'");
        return Value(word == "on");
    }

    /// A format that is not given, or only in part, is what it was; 'i' (instructions) has no size.
    Result<Value> read_format()
    {
        std::int64_t count = 1;
        char letter = m_format.format;
        int size = 0;
        if (m_text.starts_with('/')) {
            m_text.remove_prefix(1);
            if (!m_text.empty() && is_digit(m_text.front()))
                count = take_count();
            for (; !m_text.empty() && !is_blank(m_text.front()); m_text.remove_prefix(1)) {
                char const c = m_text.front();
                if (std::string_view("oduxic").find(c) != std::string_view::npos)
                    letter = c;
                else if (size_of_letter(c) != 0)
                    size = size_of_letter(c);
                else
                    return Error::generic(cat("invalid char in format: '", c, "'"));
            }
        }
        if (letter != 'i' && size == 0)
            size = m_format.size;
        m_format.format = letter;
        if (letter != 'i')
            m_format.size = size;
        return Value(
            Object{{"count", count}, {"format", std::string_view(&letter, 1)}, {"size", size == 0 ? -1 : size}});
    }

    std::int64_t take_count()
    {
        std::int64_t count = 0;
        for (; !m_text.empty() && is_digit(m_text.front()); m_text.remove_prefix(1))
            count
                = std::min<std::int64_t>(count * 10 + (m_text.front() - '0'), std::numeric_limits<std::int32_t>::max());
        return count;
    }

    Result<void> read_flag(Arg const& arg, std::span<Arg const> later)
    {
        if (!m_text.starts_with('-'))
            return {};
        char const letter = m_text.size() > 1 ? m_text[1] : '\0';
        if (letter != arg.flag) {
            bool const comes_later = std::any_of(later.begin(), later.end(), [&](Arg const& other) {
                return (other.kind == ArgKind::flag || other.kind == ArgKind::flag_value)
                    && (other.flag == letter || letter == '\0');
            });
            if (comes_later)
                return {};
            return complain(cat("unsupported option -", m_text.substr(1, 1)));
        }
        m_text.remove_prefix(2);
        if (arg.kind == ArgKind::flag)
            m_values[arg.name] = true;
        else
            m_values[arg.name] = TRY(read_word(cat("value expected for -", letter)));
        return {};
    }

    CommandName m_command;
    std::span<Arg const> m_args;
    std::string_view m_text;
    PrintFormat& m_format;
    Object m_values;
};

} // namespace

Line split_line(std::string_view text)
{
    text = skip_blanks(text);
    auto const end = std::find_if(text.begin(), text.end(), [](char c) { return c == '/' || is_blank(c); });
    auto const length = static_cast<std::size_t>(end - text.begin());
    return {text.substr(0, length), skip_blanks(text.substr(length))};
}

Result<Object> parse_args(CommandName command, std::span<Arg const> args, std::string_view text, PrintFormat* kept)
{
    PrintFormat fresh;
    auto values = ArgReader(command, args, text, kept != nullptr ? *kept : fresh).read();
    if (!values)
        return std::move(values).error().with_hint(cat("Try \"help ", command.typed, "\" for more information"));
    return values;
}

} // namespace minivisor::hmp
