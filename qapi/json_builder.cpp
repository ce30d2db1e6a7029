// SPDX-License-Identifier: GPL-3.0-or-later
#include "qapi/json_builder.hpp"

#include "qapi/mod_utf8.hpp"
#include "util/text.hpp"

#include <charconv>
#include <cmath>
#include <cstdint>
#include <cstdlib>
#include <locale.h>
#include <optional>
#include <utility>

namespace minivisor::qapi {

namespace {

/// Buffers above this size are given back after a text instead of being kept for the next.
constexpr std::size_t max_kept_bytes = 65536;

/// Nearly all objects of the protocol have at most so many members; it saves growing step by step.
constexpr std::size_t usual_members = 4;

std::optional<char32_t> hex4(std::string_view text)
{
    if (text.size() < 4)
        return std::nullopt;
    unsigned value = 0;
    auto const [end, code] = std::from_chars(text.data(), text.data() + 4, value, 16);
    if (code != std::errc{} || end != text.data() + 4)
        return std::nullopt;
    return value;
}

char simple_escape(char c)
{
    switch (c) {
    case '"':
    case '\'':
    case '\\':
    case '/': return c;
    case 'b': return '\b';
    case 'f': return '\f';
    case 'n': return '\n';
    case 'r': return '\r';
    case 't': return '\t';
    default: return '\0';
    }
}

/// Decodes what stands between the quotes; the fault is what QEMU says. `inside` ends with the closing
/// quote, which a cut escape quotes too.
std::optional<std::string> decode_string(std::string& out, std::string_view inside)
{
    while (inside.size() > 1) {
        if (inside[0] != '\\') {
            auto const [value, size] = decode_mod_utf8(inside);
            if (!value)
                return "invalid UTF-8 sequence in string";
            out += inside.substr(0, size);
            inside.remove_prefix(size);
            continue;
        }
        if (inside[1] != 'u') {
            char const c = simple_escape(inside[1]);
            if (c == '\0')
                return "invalid escape sequence in string";
            out += c;
            inside.remove_prefix(2);
            continue;
        }
        std::size_t size = 6;
        auto value = hex4(inside.substr(2));
        if (value && *value >= 0xD800 && *value <= 0xDBFF && inside.substr(6).starts_with("\\u")) {
            auto const low = hex4(inside.substr(8));
            if (low && *low >= 0xDC00 && *low <= 0xDFFF) {
                value = 0x10000 + ((*value & 0x3FF) << 10 | (*low & 0x3FF));
                size = 12;
            }
        }
        if (!value || !append_mod_utf8(out, *value))
            return cat(inside.substr(0, size), " is not a valid Unicode character");
        inside.remove_prefix(size);
    }
    return std::nullopt;
}

/// As strtod reads it in the C locale, except that nullopt tells of numbers beyond all doubles.
std::optional<double> to_double(std::string_view text)
{
    double value = 0;
    auto const [end, code] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (code == std::errc::result_out_of_range) {
        // Too large and too small look alike here; strtod tells them apart.
        static locale_t const c_locale = ::newlocale(LC_ALL_MASK, "C", nullptr);
        value = ::strtod_l(std::string(text).c_str(), nullptr, c_locale);
    }
    return std::isfinite(value) ? std::optional(value) : std::nullopt;
}

void give_back(std::string& buffer)
{
    if (buffer.capacity() > max_kept_bytes)
        buffer = {};
}

} // namespace

void JsonBuilder::take(JsonToken token, std::string_view text, bool plain)
{
    switch (m_expect) {
    case Expect::nothing: return;
    case Expect::separator: return take_separator(token);
    case Expect::colon:
        if (token != JsonToken::colon)
            return fail("missing : in object pair");
        m_expect = Expect::member;
        return;
    case Expect::first_key:
        if (token == JsonToken::close_brace)
            return close();
        break;
    case Expect::first_item:
        if (token == JsonToken::close_bracket)
            return close();
        break;
    default: break;
    }
    take_value(token, text, plain);
}

void JsonBuilder::take_separator(JsonToken token)
{
    bool const is_object = top().is_object;
    if (token == JsonToken::comma)
        m_expect = is_object ? Expect::key : Expect::item;
    else if (token == (is_object ? JsonToken::close_brace : JsonToken::close_bracket))
        close();
    else
        fail(is_object ? "expected separator in dict" : "expected separator in list");
}

void JsonBuilder::take_value(JsonToken token, std::string_view text, bool plain)
{
    switch (token) {
    case JsonToken::open_brace: return open(true);
    case JsonToken::open_bracket: return open(false);
    case JsonToken::string: return take_string(text, plain);
    case JsonToken::integer:
    case JsonToken::number: return take_number(token, text);
    case JsonToken::keyword: return take_keyword(text);
    default: return fail("expecting value");
    }
}

void JsonBuilder::take_string(std::string_view text, bool plain)
{
    text.remove_prefix(1);
    if (plain) {
        text.remove_suffix(1);
    } else {
        m_scratch.clear();
        if (auto fault = decode_string(m_scratch, text))
            return fail(*std::move(fault));
        text = m_scratch;
    }
    if (m_expect == Expect::first_key || m_expect == Expect::key) {
        top().key.assign(text);
        m_expect = Expect::colon;
    } else {
        place(Value(json::string(text)));
    }
}

void JsonBuilder::take_number(JsonToken token, std::string_view text)
{
    if (token == JsonToken::integer) {
        auto const* const last = text.data() + text.size();
        std::int64_t whole = 0;
        if (std::from_chars(text.data(), last, whole).ec == std::errc{})
            return place(Value(whole));
        std::uint64_t large = 0;
        if (text[0] != '-' && std::from_chars(text.data(), last, large).ec == std::errc{})
            return place(Value(large));
    }
    auto const number = to_double(text);
    if (!number)
        return fail("number out of range");
    place(Value(*number));
}

void JsonBuilder::take_keyword(std::string_view text)
{
    if (text == "true")
        place(Value(true));
    else if (text == "false")
        place(Value(false));
    else if (text == "null")
        place(Value(nullptr));
    else
        fail(cat("invalid keyword '", text.substr(0, max_json_quote), "'"));
}

void JsonBuilder::open(bool is_object)
{
    bool const as_key = m_expect == Expect::first_key || m_expect == Expect::key;
    if (m_depth == m_frames.size())
        m_frames.emplace_back();
    Frame& frame = m_frames[m_depth++];
    frame.is_object = is_object;
    frame.as_key = as_key;
    if (is_object)
        frame.container.emplace_object();
    else
        frame.container.emplace_array();
    m_expect = is_object ? Expect::first_key : Expect::first_item;
}

void JsonBuilder::close()
{
    Frame& frame = top();
    Value container = std::exchange(frame.container, nullptr);
    give_back(frame.key);
    --m_depth;
    if (m_depth == 0)
        m_expect = Expect::value;
    else if (frame.as_key)
        m_expect = Expect::key;
    else
        m_expect = top().is_object ? Expect::member : Expect::item;
    place(std::move(container));
}

void JsonBuilder::place(Value&& value)
{
    if (m_depth == 0) {
        m_result = std::move(value);
        m_expect = Expect::nothing;
        return;
    }
    if (m_expect == Expect::first_key || m_expect == Expect::key)
        return fail("key is not a string in object");
    Frame& frame = top();
    if (frame.is_object) {
        auto& object = frame.container.get_object();
        if (object.capacity() == 0)
            object.reserve(usual_members);
        if (!object.emplace(frame.key, std::move(value)).second)
            return fail("duplicate key");
    } else {
        frame.container.get_array().push_back(std::move(value));
    }
    m_expect = Expect::separator;
}

void JsonBuilder::fail(std::string message)
{
    reset();
    m_fault = std::move(message);
    m_expect = Expect::nothing;
}

Result<Value> JsonBuilder::finish()
{
    bool const whole = m_expect == Expect::nothing;
    std::string const fault = whole ? std::exchange(m_fault, {}) : "premature EOI";
    Value value = std::exchange(m_result, nullptr);
    reset();
    if (!fault.empty())
        return Error::generic(cat("JSON parse error, ", fault));
    return value;
}

void JsonBuilder::reset()
{
    for (; m_depth > 0; --m_depth) {
        top().container = nullptr;
        give_back(top().key);
    }
    give_back(m_scratch);
    m_fault.clear();
    m_result = nullptr;
    m_expect = Expect::value;
}

} // namespace minivisor::qapi
