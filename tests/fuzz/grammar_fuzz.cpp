// SPDX-License-Identifier: GPL-3.0-or-later
// Any line into the HMP grammar: each value has the type that was declared, and each refusal its hint.
// The first byte chooses the arguments.
#include "hmp/expression.hpp"
#include "hmp/grammar.hpp"
#include "qapi/json.hpp"
#include "tests/fuzz/check.hpp"

#include <vector>

namespace {

using namespace minivisor;
using namespace minivisor::hmp;
using fuzz::require;

std::vector<std::vector<Arg>> const tables{
    {},
    {{.name = "json", .kind = ArgKind::flag, .flag = 'j'}, {.name = "path"}, {.name = "value", .kind = ArgKind::rest}},
    {{.name = "all", .kind = ArgKind::flag, .flag = 'a'}, {.name = "to", .kind = ArgKind::flag_value, .flag = 't'},
        {.name = "raw", .kind = ArgKind::flag, .flag = 'r'}, {.name = "file", .kind = ArgKind::file, .optional = true}},
    {{.name = "fmt", .kind = ArgKind::format}, {.name = "addr", .kind = ArgKind::integer64}},
    {{.name = "addr", .kind = ArgKind::integer64}, {.name = "size", .kind = ArgKind::integer32}, {.name = "file"}},
    {{.name = "name"}, {.name = "on", .kind = ArgKind::boolean},
        {.name = "cpu", .kind = ArgKind::integer32, .optional = true}},
    {{.name = "memory", .kind = ArgKind::mebibytes}, {.name = "speed", .kind = ArgKind::size, .optional = true},
        {.name = "base", .optional = true}},
};

bool fits(ArgKind kind, qapi::Value const& value)
{
    switch (kind) {
    case ArgKind::word:
    case ArgKind::file:
    case ArgKind::rest:
    case ArgKind::flag_value: return value.is_string();
    case ArgKind::integer32: return value.is_int64() && value.get_int64() >= 0 && value.get_int64() <= 0xFFFFFFFF;
    case ArgKind::integer64: return value.is_int64();
    case ArgKind::mebibytes:
    case ArgKind::size: return value.is_int64() && value.get_int64() >= 0;
    case ArgKind::boolean:
    case ArgKind::flag: return value.is_bool();
    case ArgKind::format: return value.is_object() && value.get_object().size() == 3;
    }
    return false;
}

void check_args(std::vector<Arg> const& args, std::string_view text, PrintFormat& kept)
{
    auto const result = parse_args({"name|n", "n"}, args, text, &kept);
    if (!result) {
        require(!result.error().desc().empty(), "an error says something");
        require(result.error().hint() == "Try \"help n\" for more information", "an error has its hint");
        return;
    }
    std::size_t found = 0;
    for (auto const& arg : args) {
        bool const is_flag = arg.kind == ArgKind::flag || arg.kind == ArgKind::flag_value;
        auto const* value = result->if_contains(arg.name);
        require(value != nullptr || arg.optional || is_flag, "what is required is there");
        require(value == nullptr || fits(arg.kind, *value), "a value has its declared type", qapi::to_json(*result));
        found += value != nullptr ? 1 : 0;
    }
    require(found == result->size(), "nothing is there that was not declared");
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(std::uint8_t const* data, std::size_t size)
{
    if (size == 0)
        return 0;
    auto const text = fuzz::as_text(data + 1, size - 1);
    auto const [word, rest] = split_line(text);
    require(word.size() + rest.size() <= text.size(), "a line is split, not grown");
    PrintFormat kept;
    kept.registers = {{"eax", 7}, {"cs.base", 0xffff0000}};
    auto const& args = tables[data[0] % tables.size()];
    check_args(args, text, kept);
    check_args(args, rest, kept);

    std::string_view left = text;
    if (take_expression(left, kept.registers))
        require(left.size() < text.size() && text.ends_with(left), "an expression comes from the front");
    return 0;
}
