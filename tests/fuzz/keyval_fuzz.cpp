// SPDX-License-Identifier: GPL-3.0-or-later
// Any text into the two option readers: what they understood, written out in full, must read the same.
// The first byte says whether there is an implied key.
#include "qapi/json.hpp"
#include "qapi/keyval.hpp"
#include "tests/fuzz/check.hpp"

namespace {

using namespace minivisor;
using namespace minivisor::qapi;
using fuzz::require;

std::string with_commas(std::string_view value)
{
    std::string text;
    for (char const c : value)
        text.append(c == ',' ? 2 : 1, c);
    return text;
}

void write_keyval(std::string& out, std::string const& path, Value const& value)
{
    auto const below
        = [&](std::string_view key) { return path.empty() ? std::string(key) : path + "." + std::string(key); };
    if (auto const* object = value.if_object()) {
        require(path.empty() || !object->empty(), "an object from a dotted key has a member");
        for (auto const& member : *object)
            write_keyval(out, below(member.key()), member.value());
    } else if (auto const* array = value.if_array()) {
        require(!array->empty(), "a list has an element");
        for (std::size_t i = 0; i < array->size(); ++i)
            write_keyval(out, below(std::to_string(i)), (*array)[i]);
    } else {
        require(value.is_string(), "all else is text");
        out += path + "=" + with_commas(view(value.get_string())) + ",";
    }
}

void check_keyval(std::string_view text, std::string_view implied_key)
{
    auto const result = parse_keyval(text, implied_key);
    if (!result) {
        require(!result.error().desc().empty(), "an error says something");
        return;
    }
    std::string full;
    write_keyval(full, "", result->object);
    auto const again = parse_keyval(full);
    require(again && !again->help, "own output can be read", full);
    require(to_json(again->object) == to_json(result->object), "reading own output changes nothing", full);
}

void check_opts(std::string_view text, std::string_view implied_key)
{
    auto const result = parse_qemu_opts(text, implied_key);
    std::string full;
    for (auto const& item : result.items)
        full += item.name + "=" + with_commas(item.value) + ",";
    auto const again = parse_qemu_opts(full);
    require(again.items.size() == result.items.size() && !again.help, "own output has as many items", full);
    for (std::size_t i = 0; i < again.items.size(); ++i) {
        require(again.items[i].name == result.items[i].name && again.items[i].value == result.items[i].value,
            "reading own output changes nothing", full);
    }
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(std::uint8_t const* data, std::size_t size)
{
    if (size == 0)
        return 0;
    auto const text = fuzz::as_text(data + 1, size - 1);
    std::string_view const implied_key = data[0] % 2 == 0 ? "" : "qom-type";
    check_keyval(text, implied_key);
    check_opts(text, implied_key);
    return 0;
}
