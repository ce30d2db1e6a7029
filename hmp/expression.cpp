// SPDX-License-Identifier: GPL-3.0-or-later
#include "hmp/expression.hpp"

#include "util/text.hpp"

#include <algorithm>
#include <cctype>
#include <charconv>
#include <limits>

namespace minivisor::hmp {

namespace {

/// Brackets and signs in a row; more of them need no one but who wants to exhaust the stack.
constexpr int max_depth = 200;

bool is_blank(char c) { return c == ' ' || (c >= '\t' && c <= '\r'); }

/// The numbers are unsigned inside, since they wrap.
class Parser {
public:
    Parser(std::string_view& text, Registers const& registers)
        : m_text(text)
        , m_registers(registers)
    {
    }

    Result<std::uint64_t> sum()
    {
        skip_blanks();
        std::uint64_t value = TRY(logic());
        while (peek() == '+' || peek() == '-') {
            bool const plus = take() == '+';
            std::uint64_t const other = TRY(logic());
            value = plus ? value + other : value - other;
        }
        return value;
    }

private:
    char peek() const { return m_text.empty() ? '\0' : m_text.front(); }

    void skip_blanks()
    {
        while (!m_text.empty() && is_blank(m_text.front()))
            m_text.remove_prefix(1);
    }

    char take()
    {
        char const c = peek();
        m_text.remove_prefix(1);
        skip_blanks();
        return c;
    }

    Result<std::uint64_t> logic()
    {
        std::uint64_t value = TRY(product());
        for (;;) {
            switch (peek()) {
            case '&':
                take();
                value &= TRY(product());
                break;
            case '|':
                take();
                value |= TRY(product());
                break;
            case '^':
                take();
                value ^= TRY(product());
                break;
            default: return value;
            }
        }
    }

    Result<std::uint64_t> product()
    {
        std::uint64_t value = TRY(unary());
        for (;;) {
            char const op = peek();
            if (op != '*' && op != '/' && op != '%')
                return value;
            take();
            std::uint64_t const other = TRY(unary());
            if (op == '*')
                value *= other;
            else if (other == 0)
                return Error::generic("division by zero");
            else
                value = divide(value, other, op == '%');
        }
    }

    static std::uint64_t divide(std::uint64_t left, std::uint64_t right, bool rest)
    {
        // The one quotient that does not fit: the smallest number by -1.
        if (right == std::numeric_limits<std::uint64_t>::max())
            return rest ? 0 : 0 - left;
        auto const a = static_cast<std::int64_t>(left);
        auto const b = static_cast<std::int64_t>(right);
        return static_cast<std::uint64_t>(rest ? a % b : a / b);
    }

    Result<std::uint64_t> unary()
    {
        if (m_depth == max_depth)
            return Error::generic("expression is nested too deeply");
        ++m_depth;
        std::uint64_t const value = TRY(operand());
        --m_depth;
        return value;
    }

    Result<std::uint64_t> operand()
    {
        switch (peek()) {
        case '+': take(); return unary();
        case '-': take(); return 0 - TRY(unary());
        case '~': take(); return ~TRY(unary());
        case '(': return bracket();
        case '\'': return character();
        case '$': return held();
        default: return number();
        }
    }

    Result<std::uint64_t> bracket()
    {
        take();
        std::uint64_t const value = TRY(sum());
        if (peek() != ')')
            return Error::generic("')' expected");
        take();
        return value;
    }

    Result<std::uint64_t> character()
    {
        m_text.remove_prefix(1);
        if (m_text.empty())
            return Error::generic("character constant expected");
        char const c = m_text.front();
        m_text.remove_prefix(1);
        if (peek() != '\'')
            return Error::generic("missing terminating ' character");
        take();
        return static_cast<std::uint64_t>(static_cast<std::int64_t>(static_cast<signed char>(c)));
    }

    Result<std::uint64_t> held()
    {
        m_text.remove_prefix(1);
        auto const is_part = [](unsigned char c) { return std::isalnum(c) != 0 || c == '_' || c == '.'; };
        auto const end = std::find_if_not(m_text.begin(), m_text.end(), is_part);
        std::string_view const name(m_text.begin(), end);
        m_text.remove_prefix(name.size());
        skip_blanks();
        auto const found = m_registers.find(name);
        if (found == m_registers.end())
            return Error::generic("unknown register");
        return found->second;
    }

    Result<std::uint64_t> number()
    {
        if (m_text.empty())
            return Error::generic("unexpected end of expression");
        auto const read = [](std::string_view digits, std::uint64_t& value, int base) {
            return std::from_chars(digits.data(), digits.data() + digits.size(), value, base);
        };
        std::uint64_t value = 0;
        auto outcome = read(m_text, value, m_text.starts_with('0') ? 8 : 10);
        if (m_text.starts_with("0x") || m_text.starts_with("0X")) {
            auto const hex = read(m_text.substr(2), value, 16);
            if (hex.ec != std::errc::invalid_argument)
                outcome = hex; // else it is a 0, and the x is left over
        }
        if (outcome.ec == std::errc::invalid_argument)
            return Error::generic(cat("invalid char '", m_text.front(), "' in expression"));
        if (outcome.ec != std::errc{})
            return Error::generic("number too large");
        m_text.remove_prefix(static_cast<std::size_t>(outcome.ptr - m_text.data()));
        skip_blanks();
        return value;
    }

    std::string_view& m_text;
    Registers const& m_registers;
    int m_depth = 0;
};

} // namespace

Result<std::int64_t> take_expression(std::string_view& text, Registers const& registers)
{
    return static_cast<std::int64_t>(TRY(Parser(text, registers).sum()));
}

} // namespace minivisor::hmp
