// SPDX-License-Identifier: GPL-3.0-or-later
// JSON text in QEMU's dialect, read and written. It differs from the standard as QEMU's does: single
// quotes, U+0000 as the two bytes C0 80 inside strings, no noncharacters, one complaint per fault and
// then a fresh start. On purpose unlike QEMU: numbers that no finite double can hold are refused.
#pragma once

#include "qapi/json_builder.hpp"
#include "qapi/value.hpp"
#include "util/result.hpp"

#include <cstddef>
#include <functional>
#include <string>
#include <string_view>

namespace minivisor::qapi {

/// What one JSON text may hold (the defaults are QEMU's).
struct JsonLimits {
    std::size_t token_bytes = std::size_t{64} << 20; ///< in all tokens together
    std::size_t tokens = std::size_t{2} << 20;
    std::size_t nesting = 1024;
    bool trailing_comma = false; ///< one behind the last member or element is no fault
};

/// Reads a stream of JSON texts that may come in pieces of any size, and gives out each value, or what
/// is wrong, in order. A faulty text may give more than one error; reading goes on behind it, after
/// byte 0xFF at the latest. Memory is bounded by the limits. Fed by one caller at a time.
class JsonStream {
public:
    /// Is called from feed() and finish(); must not call into the stream, but for pause().
    using Emit = std::function<void(Result<Value>)>;

    /// `elements` may be null, and outlives this.
    explicit JsonStream(JsonLimits limits = {}, JsonElements const* elements = nullptr);

    /// How many of the bytes it has taken: all, unless it was paused.
    std::size_t feed(std::string_view bytes, Emit const& emit);
    /// From Emit: feed() returns with what comes behind the text that was emitted.
    void pause() { m_paused = true; }
    /// The end of the input: completes a number or keyword, complains about what is unfinished.
    void finish(Emit const& emit);
    /// Forgets what is half read.
    void reset();
    /// True when nothing is half read.
    bool idle() const { return m_token_count == 0 && (m_state == State::start || m_state == State::recovery); }

private:
    enum class State : unsigned char {
        start,
        string,
        escape,
        sign,
        zero,
        digits,
        point,
        fraction,
        exponent,
        exponent_sign,
        exponent_digits,
        keyword,
        recovery,
    };

    std::size_t take_plain(std::string_view text, Emit const& emit);
    void begin_token(char c, Emit const& emit);
    bool scan_string(char const*& at, char const* stop);
    bool scan_number(char c);
    std::string_view token_text(char const* begin, char const* end);
    void end_token(std::string_view text, Emit const& emit);
    void stray(char const* begin, char const* end, Emit const& emit);
    bool count(JsonToken kind, std::string_view text, Emit const& emit);
    void open(JsonToken kind, Emit const& emit);
    void close(JsonToken kind, Emit const& emit);
    void deliver(JsonToken kind, std::string_view text, Emit const& emit);
    void emit_and_restart(Result<Value>&& result, Emit const& emit);

    JsonLimits m_limits;
    bool m_paused = false;
    JsonElements const* m_elements;
    bool m_plain_fits; ///< the limits are wide enough for the short way
    State m_state = State::start;
    char m_quote = '"';
    bool m_plain = true; ///< the string token so far is ASCII without escapes
    std::string m_partial; ///< the begin of a token that the last piece did not finish
    std::size_t m_token_count = 0;
    std::size_t m_token_bytes = 0;
    std::ptrdiff_t m_braces = 0;
    std::ptrdiff_t m_brackets = 0;
    JsonBuilder m_builder;
};

/// One JSON text and nothing behind it, as for `-object {...}` and rule files. Where `elements` are given out, some may
/// have been before a fault is found.
Result<Value> parse_json(std::string_view text, JsonLimits limits = {}, JsonElements const* elements = nullptr);

/// Appends `value` as QEMU writes it: one line of ASCII, ", " and ": ", doubles with 17 digits. Bytes
/// that are no character become U+FFFD; numbers that are not finite (only a bug makes them) null.
void write_json(std::string& out, Value const& value);
std::string to_json(Value const& value);
/// On several lines, indented by 4 blanks a level, as QEMU's pretty monitors and `qom-get` show it.
std::string to_json_pretty(Value const& value);
/// The same value with its members in the order in which QEMU's dictionaries hold them, by a hash of the name:
/// what a person sees who compares HMP's `qom-get` with QEMU's.
Value in_dictionary_order(Value const& value);

} // namespace minivisor::qapi
