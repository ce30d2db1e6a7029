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

} // namespace

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
    if (m_expect == Expect::first_key || m_expect == Expect::key)
        return take_key(text);
    next_slot().emplace_string().assign(text);
    value_done();
}

void JsonBuilder::take_key(std::string_view key)
{
    Frame& frame = m_frames.back();
    auto& object = frame.container->get_object();
    if (object.capacity() == 0)
        object.reserve(usual_members);
    auto const [member, is_new] = object.emplace(key, nullptr);
    // QEMU complains about a key given twice when it has read the value; nobody will see where that went.
    frame.slot = &member->value();
    frame.fault = is_new ? nullptr : "duplicate key";
    frame.given_out = m_elements != nullptr && m_frames.size() == 1 && key == m_elements->list;
    m_expect = Expect::colon;
}

void JsonBuilder::take_number(JsonToken token, std::string_view text)
{
    auto const* const last = text.data() + text.size();
    if (token == JsonToken::integer) {
        std::int64_t whole = 0;
        if (std::from_chars(text.data(), last, whole).ec == std::errc{}) {
            next_slot() = whole;
            return value_done();
        }
        std::uint64_t large = 0;
        if (text[0] != '-' && std::from_chars(text.data(), last, large).ec == std::errc{}) {
            next_slot() = large;
            return value_done();
        }
    }
    auto const number = to_double(text);
    if (!number)
        return fail("number out of range");
    next_slot() = *number;
    value_done();
}

void JsonBuilder::take_keyword(std::string_view text)
{
    if (text == "true")
        next_slot() = true;
    else if (text == "false")
        next_slot() = false;
    else if (text == "null")
        next_slot() = nullptr;
    else
        return fail(cat("invalid keyword '", text.substr(0, max_json_quote), "'"));
    value_done();
}

void JsonBuilder::open(bool is_object)
{
    Value& slot = next_slot();
    if (is_object)
        slot.emplace_object();
    else
        slot.emplace_array();
    bool const given_out = !is_object && m_frames.size() == 1 && m_frames.back().given_out;
    m_frames.push_back({.container = &slot, .is_object = is_object, .given_out = given_out});
    m_expect = is_object ? Expect::first_key : Expect::first_item;
}

/// Where the value goes that comes now.
Value& JsonBuilder::next_slot()
{
    if (m_frames.empty())
        return m_result;
    Frame& frame = m_frames.back();
    if (!frame.is_object)
        return frame.container->get_array().emplace_back(nullptr);
    if (m_expect == Expect::member)
        return *frame.slot;
    // It stands where a key should, which is told when it is read; until then it needs a place.
    frame.fault = "key is not a string in object";
    return frame.container->get_object()[""];
}

void JsonBuilder::value_done()
{
    if (m_frames.empty())
        m_expect = Expect::nothing;
    else if (m_frames.back().fault != nullptr)
        fail(m_frames.back().fault);
    else {
        m_expect = Expect::separator;
        if (Frame const& list = m_frames.back(); list.given_out && !list.is_object) {
            auto& elements = list.container->get_array();
            m_elements->take(std::move(elements.back()));
            elements.pop_back();
        }
    }
}

void JsonBuilder::take_element(Value element)
{
    m_elements->take(std::move(element));
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
    if (m_expect != Expect::nothing)
        fail("premature EOI");
    if (!m_fault.empty()) {
        auto error = Error::generic(cat("JSON parse error, ", m_fault));
        reset();
        return error;
    }
    m_expect = Expect::value;
    return std::exchange(m_result, nullptr);
}

void JsonBuilder::reset()
{
    m_frames.clear();
    m_fault.clear();
    m_result = nullptr;
    if (m_scratch.capacity() > max_kept_bytes)
        m_scratch = {};
    m_expect = Expect::value;
}

} // namespace minivisor::qapi
