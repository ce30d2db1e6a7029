// SPDX-License-Identifier: GPL-3.0-or-later
// Any bytes into the JSON reader: how they are cut into pieces must not matter, limits included, and
// what was read must survive being written and read again.
#include "qapi/json.hpp"
#include "tests/fuzz/check.hpp"

#include <vector>

namespace {

using namespace minivisor;
using namespace minivisor::qapi;
using fuzz::require;

void check_round_trip(Value const& value)
{
    auto const first = to_json(value);
    auto const again = parse_json(first);
    require(again.has_value(), "own output can be read", first);
    auto const second = to_json(*again);
    // A double -0 is written "-0", which reads as an integer.
    if (first.find("-0") == std::string::npos)
        require(first == second, "reading own output changes nothing", first);
    auto const pretty = parse_json(to_json_pretty(value));
    require(pretty && to_json(*pretty) == second, "pretty output means the same", first);
}

std::vector<std::string> read(std::string_view bytes, std::size_t step, JsonLimits limits, bool round_trip)
{
    std::vector<std::string> outcome;
    auto const keep = [&](Result<Value> result) {
        outcome.push_back(result ? to_json(*result) : "! " + result.error().desc());
        if (round_trip && result)
            check_round_trip(*result);
    };
    JsonStream stream(limits);
    for (std::size_t at = 0; at < bytes.size(); at += step)
        stream.feed(bytes.substr(at, step), keep);
    stream.finish(keep);
    require(stream.idle(), "nothing is half read after the end");
    return outcome;
}

/// Elements that are given out are those that would have been in the list.
void check_elements(std::string const& text, Result<Value> const& whole)
{
    constexpr std::size_t enough = 1 << 26;
    Array given;
    JsonElements const elements{"l", [&](Value element) { given.push_back(std::move(element)); }};
    auto value = parse_json(text, {.token_bytes = enough, .tokens = enough}, &elements);
    require(value.has_value() == whole.has_value(), "given out or not, it is read", text);
    if (!value)
        return require(value.error().desc() == whole.error().desc(), "the fault is the same", text);
    if (auto* object = value->if_object())
        if (auto* list = object->if_contains("l"); list != nullptr && list->is_array()) {
            require(list->get_array().empty(), "what is given out is not kept", text);
            *list = std::move(given);
        }
    require(to_json(*value) == to_json(*whole), "given out, it is the same", text);
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(std::uint8_t const* data, std::size_t size)
{
    auto const bytes = fuzz::as_text(data, size);
    JsonLimits const tight{.token_bytes = 32, .tokens = 12, .nesting = 4};
    for (auto const& limits : {JsonLimits{}, tight}) {
        auto const whole = read(bytes, size + 1, limits, true);
        for (std::size_t const step : {1U, 3U, 8U})
            require(read(bytes, step, limits, false) == whole, "pieces read as the whole does");
    }
    auto const single = parse_json(bytes);
    check_elements(std::string(bytes), single);
    if (single)
        check_round_trip(*single);
    return 0;
}
