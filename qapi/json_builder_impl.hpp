// SPDX-License-Identifier: GPL-3.0-or-later
// The part of the JSON reader's grammar that runs for every token, to be inlined into its one caller.
#pragma once

#include "qapi/json_builder.hpp"

namespace minivisor::qapi {

inline void JsonBuilder::take(JsonToken token, std::string_view text, bool plain)
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

inline void JsonBuilder::take_separator(JsonToken token)
{
    bool const is_object = m_frames.back().is_object;
    if (token == JsonToken::comma)
        m_expect = m_trailing_comma ? (is_object ? Expect::first_key : Expect::first_item)
                                    : (is_object ? Expect::key : Expect::item);
    else if (token == (is_object ? JsonToken::close_brace : JsonToken::close_bracket))
        close();
    else
        fail(is_object ? "expected separator in dict" : "expected separator in list");
}

inline void JsonBuilder::take_value(JsonToken token, std::string_view text, bool plain)
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

inline void JsonBuilder::close()
{
    m_frames.pop_back();
    value_done();
}

} // namespace minivisor::qapi
