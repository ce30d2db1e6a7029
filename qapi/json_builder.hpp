// SPDX-License-Identifier: GPL-3.0-or-later
// The grammar half of the JSON reader: takes tokens one by one and builds the value as they come. It
// keeps the first fault and then ignores the rest of the text, whose end the stream finds by counting.
// Used by qapi/json only.
#pragma once

#include "qapi/value.hpp"
#include "util/result.hpp"

#include <cstddef>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

namespace minivisor::qapi {

enum class JsonToken {
    open_brace,
    close_brace,
    open_bracket,
    close_bracket,
    colon,
    comma,
    integer,
    number,
    keyword,
    string
};

/// The elements of one list of a large text are given out as they come and are not kept in its value. (The limit of
/// bytes may count their blanks too.)
struct JsonElements {
    std::string_view list; ///< a member of the text's object, as long as the reader lives
    std::function<void(Value)> take;
};

class JsonBuilder {
public:
    /// `trailing_comma`: one may stand behind the last member or element.
    explicit JsonBuilder(bool trailing_comma = false)
        : m_trailing_comma(trailing_comma)
    {
    }
    /// Null: nothing is given out.
    void give_out(JsonElements const* elements) { m_elements = elements; }
    /// True where an element may come that is given out; take_element() then takes it whole.
    bool awaits_element() const
    {
        return (m_expect == Expect::first_item || m_expect == Expect::item) && m_frames.back().given_out;
    }
    void take_element(Value element);
    /// `text` is the token as written, a string with its quotes; `plain` says that it is ASCII without escapes.
    void take(JsonToken token, std::string_view text, bool plain);
    /// The value, or the first fault; a text that stopped too early is one. Ready for the next text then.
    Result<Value> finish();
    /// Drops everything and is ready for the next text.
    void reset();

private:
    /// What may come next.
    enum class Expect : unsigned char { value, first_key, key, colon, member, first_item, item, separator, nothing };

    /// An open container. It is filled where it will stay: nothing moves it while its children are open.
    struct Frame {
        Value* container = nullptr;
        Value* slot = nullptr; ///< of the member whose value is due
        bool is_object = false;
        bool given_out = false; ///< the list of m_elements, or the object whose member of that name is due
        char const* fault = nullptr; ///< what is wrong with the value that is due, known before it comes
    };

    void take_separator(JsonToken token);
    void take_value(JsonToken token, std::string_view text, bool plain);
    void take_string(std::string_view text, bool plain);
    void take_key(std::string_view key);
    void take_number(JsonToken token, std::string_view text);
    void take_keyword(std::string_view text);
    void open(bool is_object);
    void close();
    Value& next_slot();
    void value_done();
    void fail(std::string message);

    bool m_trailing_comma;
    JsonElements const* m_elements = nullptr;
    std::vector<Frame> m_frames;
    Expect m_expect = Expect::value;
    std::string m_scratch;
    std::string m_fault;
    Value m_result;
};

/// The longest piece of a faulty text that a complaint quotes.
inline constexpr std::size_t max_json_quote = 4096;

} // namespace minivisor::qapi
