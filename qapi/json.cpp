// SPDX-License-Identifier: GPL-3.0-or-later
#include "qapi/json.hpp"

#include "qapi/json_builder_impl.hpp"
#include "qapi/json_plain.hpp"
#include "util/text.hpp"

#include <algorithm>
#include <optional>
#include <utility>

namespace minivisor::qapi {

namespace {

using Byte = unsigned char;

bool is_digit(char c) { return c >= '0' && c <= '9'; }
bool is_keyword_letter(char c) { return c >= 'a' && c <= 'z'; }

/// Where the lexer starts afresh after a bad token: controls but not tab, the impossible bytes FE and FF,
/// brackets, ':' and ','.
bool ends_recovery(char c)
{
    switch (c) {
    case '{':
    case '}':
    case '[':
    case ']':
    case ':':
    case ',': return true;
    case '\t': return false;
    default: return static_cast<Byte>(c) < 0x20 || static_cast<Byte>(c) >= 0xFE;
    }
}

} // namespace

JsonStream::JsonStream(JsonLimits limits, JsonElements const* elements)
    : m_limits(limits)
    , m_elements(elements)
    , m_plain_fits(limits.token_bytes > max_plain_bytes && limits.tokens > max_plain_bytes
          && limits.nesting >= max_plain_nesting + (elements != nullptr ? 2 : 0)
          && (elements == nullptr || limits.tokens >= limits.token_bytes))
    , m_builder(limits.trailing_comma)
{
    m_builder.give_out(elements);
}

std::size_t JsonStream::feed(std::string_view bytes, Emit const& emit)
{
    m_paused = false;
    char const* at = bytes.data();
    char const* const end = at + bytes.size();
    char const* token = at; // where the current token begins, or goes on after m_partial
    while (at != end && !m_paused) {
        if (m_state == State::start) {
            if (*at == '{' && m_plain_fits) {
                if (auto const size = take_plain({at, end}, emit); size != 0) {
                    at += size;
                    continue;
                }
            }
            token = at;
            begin_token(*at++, emit);
            continue;
        }
        if (m_state == State::recovery) {
            if (ends_recovery(*at))
                m_state = State::start;
            else
                ++at;
            continue;
        }

        // One byte more than allowed shows that a token is too long.
        std::size_t const room = m_limits.token_bytes + 1 - m_partial.size();
        char const* const stop = static_cast<std::size_t>(end - token) > room ? token + room : end;
        if (m_state == State::string || m_state == State::escape) {
            if (!scan_string(at, stop))
                stray(token, at, emit);
            else if (m_state == State::start)
                end_token(token_text(token, at), emit);
        } else if (m_state == State::keyword ? is_keyword_letter(*at) : scan_number(*at)) {
            ++at;
        } else if (m_state == State::recovery) {
            stray(token, ++at, emit);
        } else {
            end_token(token_text(token, at), emit);
        }
        if (at == stop && stop - token == static_cast<std::ptrdiff_t>(room) && m_state > State::start
            && m_state < State::recovery) {
            m_partial.clear();
            m_state = State::start;
            emit_and_restart(Error::generic("JSON token size limit exceeded"), emit);
        }
    }
    if (m_state > State::start && m_state < State::recovery)
        m_partial.append(token, at);
    return static_cast<std::size_t>(at - bytes.data());
}

/// The short way for an object that holds nothing out of the ordinary: a whole text, or an element that is given out.
/// The number of bytes it took; 0: the long way must decide.
inline std::size_t JsonStream::take_plain(std::string_view text, Emit const& emit)
{
    bool const element = m_token_count != 0;
    if (m_elements == nullptr ? element : !m_builder.awaits_element())
        return 0;
    Value object;
    auto const size = read_plain_object(text, object);
    if (size == 0)
        return 0;
    if (!element) {
        emit(std::move(object));
        return size;
    }
    if (m_token_bytes + size >= m_limits.token_bytes)
        return 0;
    // Not its tokens one by one: there are fewer than bytes, of which no more are allowed.
    m_token_bytes += size;
    ++m_token_count;
    m_builder.take_element(std::move(object));
    return size;
}

inline void JsonStream::begin_token(char c, Emit const& emit)
{
    switch (c) {
    case ' ':
    case '\t':
    case '\r':
    case '\n': return;
    case '{': ++m_braces; return open(JsonToken::open_brace, emit);
    case '[': ++m_brackets; return open(JsonToken::open_bracket, emit);
    case '}': --m_braces; return close(JsonToken::close_brace, emit);
    case ']': --m_brackets; return close(JsonToken::close_bracket, emit);
    case ':': return deliver(JsonToken::colon, ":", emit);
    case ',': return deliver(JsonToken::comma, ",", emit);
    case '"':
    case '\'':
        m_quote = c;
        m_plain = true;
        m_state = State::string;
        return;
    case '-': m_state = State::sign; return;
    case '0': m_state = State::zero; return;
    default:
        if (is_digit(c))
            m_state = State::digits;
        else if (is_keyword_letter(c))
            m_state = State::keyword;
        else
            stray(&c, &c + 1, emit);
    }
}

/// Moves `at` behind the closing quote (the state is start then) or to `stop`; false at a byte that
/// cannot be in a string, which is consumed.
bool JsonStream::scan_string(char const*& at, char const* stop)
{
    while (at != stop) {
        if (m_state == State::string)
            at = skip_plain(at, stop, m_quote);
        if (at == stop)
            return true;
        char const c = *at++;
        if (static_cast<Byte>(c) < 0x20 || static_cast<Byte>(c) >= 0xFE)
            return false;
        if (m_state == State::escape) {
            m_state = State::string;
        } else if (c == m_quote) {
            m_state = State::start;
            return true;
        } else {
            m_plain = false;
            if (c == '\\')
                m_state = State::escape;
        }
    }
    return true;
}

/// True when `c` belongs to the number; else the state is recovery if no number can end here.
bool JsonStream::scan_number(char c)
{
    State next = State::recovery;
    bool may_end = false;
    bool const digit = is_digit(c);
    bool const e = c == 'e' || c == 'E';
    switch (m_state) {
    case State::sign:
        if (digit)
            next = c == '0' ? State::zero : State::digits;
        break;
    case State::zero: // QEMU knows no exponent after a bare 0
        may_end = !digit;
        if (c == '.')
            next = State::point;
        break;
    case State::digits:
        may_end = true;
        if (digit)
            next = State::digits;
        else if (c == '.')
            next = State::point;
        else if (e)
            next = State::exponent;
        break;
    case State::point:
    case State::fraction:
        may_end = m_state == State::fraction;
        if (digit)
            next = State::fraction;
        else if (e && may_end)
            next = State::exponent;
        break;
    case State::exponent:
        if (c == '+' || c == '-')
            next = State::exponent_sign;
        [[fallthrough]];
    case State::exponent_sign:
        if (digit)
            next = State::exponent_digits;
        break;
    case State::exponent_digits:
        may_end = true;
        if (digit)
            next = State::exponent_digits;
        break;
    default: break;
    }
    if (next == State::recovery && may_end)
        return false;
    m_state = next;
    return next != State::recovery;
}

std::string_view JsonStream::token_text(char const* begin, char const* end)
{
    if (m_partial.empty())
        return {begin, end};
    return m_partial.append(begin, end);
}

void JsonStream::end_token(std::string_view text, Emit const& emit)
{
    JsonToken kind = JsonToken::string;
    if (m_state == State::keyword)
        kind = JsonToken::keyword;
    else if (m_state == State::zero || m_state == State::digits)
        kind = JsonToken::integer;
    else if (m_state == State::fraction || m_state == State::exponent_digits)
        kind = JsonToken::number;
    m_state = State::start;
    deliver(kind, text, emit);
    if (m_partial.capacity() > 65536)
        m_partial = {};
    m_partial.clear();
}

void JsonStream::stray(char const* begin, char const* end, Emit const& emit)
{
    std::string_view text = token_text(begin, end);
    // QEMU's text ends at a NUL.
    text = text.substr(0, std::min(text.find('\0'), max_json_quote));
    auto error = Error::generic(cat("JSON parse error, stray '", text, "'"));
    m_state = State::recovery;
    m_partial = {};
    emit_and_restart(std::move(error), emit);
}

/// Counts a token and hands it on; false if it is one too many.
inline bool JsonStream::count(JsonToken kind, std::string_view text, Emit const& emit)
{
    m_token_bytes += text.size();
    ++m_token_count;
    char const* excess = nullptr;
    if (m_token_bytes >= m_limits.token_bytes)
        excess = "JSON token size limit exceeded";
    else if (m_token_count > m_limits.tokens)
        excess = "JSON token count limit exceeded";
    else if (m_braces + m_brackets > static_cast<std::ptrdiff_t>(m_limits.nesting))
        excess = "JSON nesting depth limit exceeded";
    if (excess != nullptr) [[unlikely]] {
        emit_and_restart(Error::generic(excess), emit);
        return false;
    }
    m_builder.take(kind, text, m_plain);
    return true;
}

inline void JsonStream::open(JsonToken kind, Emit const& emit) { count(kind, "{", emit); }

/// A text ends when no kind of bracket is open, or one was closed too often; the order is the builder's affair.
inline void JsonStream::close(JsonToken kind, Emit const& emit)
{
    if (!count(kind, "}", emit))
        return;
    if ((m_braces <= 0 && m_brackets <= 0) || m_braces < 0 || m_brackets < 0)
        emit_and_restart(m_builder.finish(), emit);
}

inline void JsonStream::deliver(JsonToken kind, std::string_view text, Emit const& emit)
{
    if (count(kind, text, emit) && m_braces == 0 && m_brackets == 0)
        emit_and_restart(m_builder.finish(), emit);
}

void JsonStream::emit_and_restart(Result<Value>&& result, Emit const& emit)
{
    m_braces = m_brackets = 0;
    m_token_count = m_token_bytes = 0;
    m_builder.reset();
    emit(std::move(result));
}

void JsonStream::finish(Emit const& emit)
{
    if (m_state > State::start && m_state < State::recovery) {
        bool const string = m_state == State::string || m_state == State::escape;
        bool const broken = string || (m_state != State::keyword && (scan_number(' '), m_state == State::recovery));
        if (broken)
            stray(nullptr, nullptr, emit);
        else
            end_token(m_partial, emit);
    }
    m_state = State::start;
    if (m_token_count != 0)
        emit_and_restart(m_builder.finish(), emit);
}

void JsonStream::reset()
{
    m_state = State::start;
    m_partial = {};
    m_braces = m_brackets = 0;
    m_token_count = m_token_bytes = 0;
    m_builder.reset();
}

Result<Value> parse_json(std::string_view text, JsonLimits limits, JsonElements const* elements)
{
    std::optional<Result<Value>> outcome;
    JsonStream::Emit const keep = [&](Result<Value> result) {
        if (!outcome)
            outcome.emplace(std::move(result));
        else if (outcome->has_value())
            outcome.emplace(Error::generic("Expecting at most one JSON value"));
    };
    JsonStream stream(limits, elements);
    stream.feed(text, keep);
    stream.finish(keep);
    if (!outcome)
        return Error::generic("Expecting a JSON value");
    return *std::move(outcome);
}

} // namespace minivisor::qapi
