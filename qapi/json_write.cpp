// SPDX-License-Identifier: GPL-3.0-or-later
#include "qapi/json.hpp"
#include "qapi/mod_utf8.hpp"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstdint>
#include <utility>
#include <vector>

namespace minivisor::qapi {

namespace {

void put_unit(std::string& out, char32_t unit)
{
    static constexpr char digits[] = "0123456789ABCDEF";
    out += "\\u";
    for (int shift = 12; shift >= 0; shift -= 4)
        out += digits[unit >> shift & 15];
}

void put_escaped(std::string& out, char32_t c)
{
    switch (c) {
    case '"': out += "\\\""; return;
    case '\\': out += "\\\\"; return;
    case '\b': out += "\\b"; return;
    case '\f': out += "\\f"; return;
    case '\n': out += "\\n"; return;
    case '\r': out += "\\r"; return;
    case '\t': out += "\\t"; return;
    default: break;
    }
    if (c > 0xFFFF) {
        put_unit(out, 0xD800 | ((c - 0x10000) >> 10));
        put_unit(out, 0xDC00 | (c & 0x3FF));
    } else {
        put_unit(out, c);
    }
}

bool is_plain(char c) { return c >= 0x20 && c < 0x7F && c != '"' && c != '\\'; }

void put_string(std::string& out, std::string_view text)
{
    out += '"';
    while (!text.empty()) {
        std::size_t run = 0;
        while (run < text.size() && is_plain(text[run]))
            ++run;
        out += text.substr(0, run);
        text.remove_prefix(run);
        if (text.empty())
            break;
        auto const [value, size] = decode_mod_utf8(text);
        put_escaped(out, value.value_or(0xFFFD));
        text.remove_prefix(size);
    }
    out += '"';
}

template <typename... Format>
void put_number(std::string& out, auto number, Format... format)
{
    char buffer[40];
    auto const end = std::to_chars(buffer, buffer + sizeof buffer, number, format...).ptr;
    out.append(buffer, end);
}

class Writer {
public:
    Writer(std::string& out, bool pretty)
        : m_out(out)
        , m_pretty(pretty)
    {
    }

    void put(Value const& value)
    {
        switch (value.kind()) {
        case json::kind::null: m_out += "null"; break;
        case json::kind::bool_: m_out += value.get_bool() ? "true" : "false"; break;
        case json::kind::int64: put_number(m_out, value.get_int64()); break;
        case json::kind::uint64: put_number(m_out, value.get_uint64()); break;
        case json::kind::double_: put_double(value.get_double()); break;
        case json::kind::string: put_string(m_out, view(value.get_string())); break;
        case json::kind::array: put_array(value.get_array()); break;
        case json::kind::object: put_object(value.get_object()); break;
        }
    }

private:
    void put_double(double number)
    {
        if (std::isfinite(number))
            put_number(m_out, number, std::chars_format::general, 17);
        else
            m_out += "null";
    }

    void put_array(Array const& array)
    {
        enter('[');
        for (auto const& item : array) {
            next(&item == array.data());
            put(item);
        }
        leave(']');
    }

    void put_object(Object const& object)
    {
        enter('{');
        bool first = true;
        for (auto const& [key, value] : object) {
            next(std::exchange(first, false));
            put_string(m_out, {key.data(), key.size()});
            m_out += ": ";
            put(value);
        }
        leave('}');
    }

    void enter(char bracket)
    {
        m_out += bracket;
        ++m_depth;
    }

    void next(bool first)
    {
        if (!first)
            m_out += m_pretty ? "," : ", ";
        if (m_pretty)
            new_line();
    }

    void leave(char bracket)
    {
        --m_depth;
        if (m_pretty)
            new_line();
        m_out += bracket;
    }

    void new_line()
    {
        m_out += '\n';
        m_out.append(m_depth * 4, ' ');
    }

    std::string& m_out;
    bool m_pretty;
    std::size_t m_depth = 0;
};

} // namespace

void write_json(std::string& out, Value const& value) { Writer(out, false).put(value); }

std::string to_json(Value const& value)
{
    std::string text;
    write_json(text, value);
    return text;
}

namespace {

/// The hash of QEMU's dictionaries, that of TDB: where in 512 buckets a name is kept.
std::uint32_t dictionary_bucket(std::string_view name)
{
    auto sum = static_cast<std::uint32_t>(0x238F13AF * name.size());
    for (std::size_t i = 0; i < name.size(); ++i)
        sum += static_cast<std::uint32_t>(static_cast<unsigned char>(name[i])) << (i * 5 % 24);
    return (1103515243 * sum + 12345) % 512;
}

} // namespace

Value in_dictionary_order(Value const& value)
{
    if (auto const* array = value.if_array()) {
        Array ordered;
        for (auto const& element : *array)
            ordered.push_back(in_dictionary_order(element));
        return ordered;
    }
    auto const* object = value.if_object();
    if (object == nullptr)
        return value;
    std::vector<std::pair<std::uint32_t, Object::value_type const*>> members;
    for (auto const& member : *object)
        members.emplace_back(dictionary_bucket(view(member.key())), &member);
    // In one bucket the last one that came is the first.
    std::reverse(members.begin(), members.end());
    std::stable_sort(members.begin(), members.end(), [](auto const& a, auto const& b) { return a.first < b.first; });
    Object ordered;
    for (auto const& [bucket, member] : members)
        ordered.emplace(member->key(), in_dictionary_order(member->value()));
    return ordered;
}

std::string to_json_pretty(Value const& value)
{
    std::string text;
    Writer(text, true).put(value);
    return text;
}

} // namespace minivisor::qapi
