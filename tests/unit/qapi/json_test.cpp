// SPDX-License-Identifier: GPL-3.0-or-later
// Expectations here were seen at QEMU 7.2's QMP monitor, unless a name says that we differ.
#include "qapi/json.hpp"

#include <catch2/catch.hpp>

#include <cmath>
#include <limits>
#include <string>
#include <vector>

namespace minivisor::qapi {
namespace {

using namespace std::string_literals;
using Texts = std::vector<std::string>;

/// What a stream gives out for `bytes`, fed in pieces of `step`: values as JSON, errors after "! ".
Texts read(std::string_view bytes, std::size_t step = std::string::npos, JsonLimits limits = {})
{
    Texts texts;
    JsonStream stream(limits);
    auto const keep
        = [&](Result<Value> result) { texts.push_back(result ? to_json(*result) : "! " + result.error().desc()); };
    for (std::size_t at = 0; at < bytes.size(); at += std::min(step, bytes.size() - at))
        stream.feed(bytes.substr(at, step), keep);
    return texts;
}

std::string one(std::string_view text)
{
    auto const result = parse_json(text);
    return result ? to_json(*result) : "! " + result.error().desc();
}

TEST_CASE("values come out as soon as they are complete")
{
    CHECK(
        read(R"({"a":1}[2] 3 "s"'t'true null )") == Texts{R"({"a": 1})", "[2]", "3", "\"s\"", "\"t\"", "true", "null"});
    CHECK(read("12").empty());
    CHECK(read("\r\n \t").empty());
}

TEST_CASE("pieces of any size read the same")
{
    auto const text
        = "{\"key\":[1,-2.5e3,'it\\'s',\"\\ud83d\\ude00\xC3\xA4\"],'b':{}}01 \"\x01\n[true,nul]\xFF{\"x\":\"y\"}\n"s;
    auto const whole = read(text);
    CHECK(whole.size() == 6);
    for (std::size_t step = 1; step < 20; ++step)
        CHECK(read(text, step) == whole);
}

TEST_CASE("the short way for ordinary objects and the long way agree")
{
    Texts const texts{R"({})", R"({"a":{}, 'b':[],"c":[1,-2,0,-0,0.5,-12.25],"d":true,"e":false,"f":null})",
        R"({"a":1.5e3})", R"({"a":1.})", R"({"a":01})", R"({"a":0e1})", R"({"a":-})", R"({"a":.5})", R"({"a":truex})",
        R"({"a":nul})", R"({"a":1x})", R"({"a":"x"y})", R"({"a":1,"a":2})", R"({"a":1,})", R"({"a" 1})",
        R"({"a":[1 2]})", R"({"a":"\u0041\""})", "{\"a\":\"\xC3\xA4\"}", "{\"a\":\"\t\"}",
        R"({"a":18446744073709551615})", R"({a:1})", R"({"a":[[[[[[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]]]]]]})", R"({"a":1])",
        R"({"a":[1}])", R"({"a)", R"({"a":12)", "{\"a\":\"" + std::string(20000, 'x') + "\"}",
        "{\"a\":[" + std::string(10000, ' ') + "1]}"};
    for (auto const& text : texts) {
        auto const whole = read(text + "\n[]");
        CHECK(whole == read(text + "\n[]", 1));
        CHECK(read("\xFF" + text + "\n[]").size() == whole.size() + 1);
    }
}

TEST_CASE("members keep their order")
{
    CHECK(one(R"({"z":1,"a":{"y":2,"b":3},"m":[]})") == R"({"z": 1, "a": {"y": 2, "b": 3}, "m": []})");
}

TEST_CASE("both kinds of quotes and all escapes are read")
{
    CHECK(one(R"(['it\'s', "a'b", 'a"b'])") == R"(["it's", "a'b", "a\"b"])");
    CHECK(one(R"("\"\'\\\/\b\f\n\r\t\u0041\u00e4\u20AC\ud83d\ude00")")
        == R"("\"'\\/\b\f\n\r\tA\u00E4\u20AC\uD83D\uDE00")");
}

TEST_CASE("U+0000 is modified UTF-8 inside and an escape outside")
{
    auto const value = parse_json(R"("a\u0000b")");
    REQUIRE(value);
    CHECK(view(value->get_string())
        == "a\xC0\x80"
           "b");
    CHECK(to_json(*value) == R"("a\u0000b")");
    CHECK(one("\"\xC0\x80\"") == R"("\u0000")");
    CHECK(to_json(Value(json::string("\0"s))) == R"("\u0000")");
}

TEST_CASE("what is no character is refused")
{
    auto const fault = [](std::string const& what) { return "! JSON parse error, " + what; };
    for (std::string const escape :
        {R"(\ud83d)", R"(\ude00)", R"(\uFFFE)", R"(\uFFFF)", R"(\uFDD0)", R"(\udbff\udfff)", R"(\u12G4)"})
        CHECK(one("\"" + escape + "\"") == fault(escape + " is not a valid Unicode character"));
    CHECK(one(R"("\ud83d\u0041")") == fault(R"(\ud83d is not a valid Unicode character)"));
    CHECK(one(R"("\ud83dx")") == fault(R"(\ud83d is not a valid Unicode character)"));
    CHECK(one(R"("\u12")") == fault(R"(\u12" is not a valid Unicode character)"));
    CHECK(one(R"("\q")") == fault("invalid escape sequence in string"));
    CHECK(one(R"("\U0041")") == fault("invalid escape sequence in string"));
    for (std::string const bytes : {"\x80", "\xC3", "\xC3(", "\xC1\x80", "\xE0\x80\x80", "\xED\xA0\x80",
             "\xF4\x90\x80\x80", "\xF8\x88\x80\x80\x80", "\xEF\xBF\xBF", "\xE2\x82"})
        CHECK(one("\"" + bytes + "\"") == fault("invalid UTF-8 sequence in string"));
}

TEST_CASE("integers keep 64 bits, what is larger becomes a double")
{
    CHECK(parse_json("9223372036854775807")->is_int64());
    CHECK(parse_json("-9223372036854775808")->is_int64());
    CHECK(parse_json("18446744073709551615")->is_uint64());
    CHECK(one("18446744073709551615") == "18446744073709551615");
    CHECK(one("18446744073709551616") == "1.8446744073709552e+19");
    CHECK(one("-9223372036854775809") == "-9.2233720368547758e+18");
    CHECK(one("-0") == "0");
}

TEST_CASE("doubles are written with 17 digits")
{
    CHECK(one("[1.0,-0.0,1e5,0.1,1e22,1e-7,3.141592653589793,100000000000000000.5,5e-324,1e-400,-1e-400]")
        == "[1, -0, 100000, 0.10000000000000001, 1e+22, 9.9999999999999995e-08, 3.1415926535897931, 1e+17, "
           "4.9406564584124654e-324, 0, -0]");
}

TEST_CASE("unlike in QEMU, numbers beyond all doubles are refused")
{
    CHECK(one("1e400") == "! JSON parse error, number out of range");
    CHECK(one("{\"a\":[-1e309]}") == "! JSON parse error, number out of range");
    CHECK(one(std::string(400, '9')) == "! JSON parse error, number out of range");
    CHECK(to_json(Value(std::numeric_limits<double>::infinity())) == "null");
    CHECK(to_json(Value(std::nan(""))) == "null");
}

TEST_CASE("malformed numbers are stray up to the byte that breaks them")
{
    auto const stray = [](std::string const& what) { return Texts{"! JSON parse error, stray '" + what + "'"}; };
    CHECK(read("01\n") == stray("01"));
    CHECK(read("-x\n") == stray("-x"));
    CHECK(read("1.}\n") == stray("1.}"));
    CHECK(read("1e+}\n") == stray("1e+}"));
    CHECK(read("+1\n") == stray("+"));
    CHECK(read("0e1\n") == Texts{"0", "! JSON parse error, invalid keyword 'e'", "1"});
}

TEST_CASE("grammar faults have QEMU's words")
{
    auto const check = [](std::string_view text, std::string const& what) {
        CHECK(read(text) == Texts{"! JSON parse error, " + what});
    };
    for (auto const* text : {"{,}", "{\"a\":}", "{\"a\":1,}", "[1,]", "[,]", "}", "]", ",", ":", "[}", "{]", "{:1}"})
        check(text, "expecting value");
    check("{\"a\"}", "missing : in object pair");
    check("{\"a\" \"\\q\"}", "missing : in object pair");
    check("{\"a\":1 \"b\":2}", "expected separator in dict");
    check("{\"a\":1]", "expected separator in dict");
    check("[1 2]", "expected separator in list");
    check("{1:2}", "key is not a string in object");
    check("{[1,{}]:2}", "key is not a string in object");
    check("{\"a\":tru}", "invalid keyword 'tru'");
    check("{\"a\":1,'a':2,nul}", "duplicate key");
    check("{\"a\":{\"b\":1},\"b\":[1,{\"b\":2,\"b\":3}]}", "duplicate key");
}

TEST_CASE("a stray byte is one fault, the text around it another")
{
    CHECK(read("{\"a\":\x01}") == Texts{"! JSON parse error, stray '\x01'", "! JSON parse error, expecting value"});
    CHECK(read("{\"a\":%d}") == Texts{"! JSON parse error, stray '%'", "! JSON parse error, expecting value"});
    CHECK(
        read("{\"a\":\"x\ty\"}") == Texts{"! JSON parse error, stray '\"x\t'", "! JSON parse error, expecting value"});
    CHECK(read("\0\n"s) == Texts{"! JSON parse error, stray ''"});
    CHECK(read("\xEF\xBB\xBF{}") == Texts{"! JSON parse error, stray '\xEF'", "{}"});
}

TEST_CASE("byte FF drops what is half read")
{
    CHECK(read("{\"a\":\"b\xFF{}") == Texts{"! JSON parse error, stray '\"b\xFF'", "{}"});
    CHECK(read("{\"a\":nul\xFF\xFF[]")
        == Texts{"! JSON parse error, stray '\xFF'", "! JSON parse error, stray '\xFF'", "[]"});
}

TEST_CASE("after a stray byte blanks and words are skipped, a line end is not")
{
    CHECK(read("% 1 \t\"x\" 2\n3 ") == Texts{"! JSON parse error, stray '%'", "3"});
}

TEST_CASE("a complaint quotes no more than a piece of the input")
{
    CHECK(read("\"" + std::string(100000, 'x') + "\n").at(0).size() < 5000);
    CHECK(read(std::string(100000, 'x') + "\n").at(0).size() < 5000);
}

TEST_CASE("nesting goes to 1024 levels")
{
    auto const nested = [](std::size_t depth) { return std::string(depth, '[') + std::string(depth, ']'); };
    CHECK(read(nested(1024)) == Texts{nested(1024)});
    CHECK(read(std::string(1025, '[')) == Texts{"! JSON nesting depth limit exceeded"});
    auto const value = parse_json(nested(1024));
    REQUIRE(value);
    CHECK(to_json(*value) == nested(1024));
}

TEST_CASE("the limits count tokens and their bytes, and reading goes on after them")
{
    JsonLimits const limits{.token_bytes = 16, .tokens = 5, .nesting = 3};
    CHECK(read("[1,2]", 1, limits) == Texts{"[1, 2]"});
    CHECK(read("[1,2,3]", 1, limits)
        == Texts{"! JSON token count limit exceeded", "! JSON parse error, expecting value"});
    CHECK(read("[[[[1", 1, limits) == Texts{"! JSON nesting depth limit exceeded"});
    CHECK(read("[\"0123456\",\"012\"]", 1, limits).at(0) == "! JSON token size limit exceeded");
    for (std::size_t step : {1U, 3U, 100U})
        CHECK(read("\"0123456789abcdef{}", step, limits) == Texts{"! JSON token size limit exceeded", "{}"});
    CHECK(read("123456789012345", 4, limits).empty());
}

TEST_CASE("a stream is idle when nothing is half read, and reset makes it so")
{
    JsonStream stream;
    Texts texts;
    auto const keep = [&](Result<Value> result) { texts.push_back(result ? to_json(*result) : result.error().desc()); };
    CHECK(stream.idle());
    for (std::string const half : {"{", "\"a", "1", "tr", "[1,"}) {
        stream.feed(half, keep);
        CHECK_FALSE(stream.idle());
        stream.reset();
        CHECK(stream.idle());
        stream.feed("{\"a\":[1]} ", keep);
        CHECK(stream.idle());
    }
    CHECK(texts == Texts(5, R"({"a": [1]})"));
}

TEST_CASE("one whole text is one value and nothing else")
{
    CHECK(one("12") == "12");
    CHECK(one(" true") == "true");
    CHECK(one("") == "! Expecting a JSON value");
    CHECK(one(" \n") == "! Expecting a JSON value");
    CHECK(one("{\"a\":1") == "! JSON parse error, premature EOI");
    CHECK(one("{\"a\"") == "! JSON parse error, premature EOI");
    CHECK(one("{1") == "! JSON parse error, key is not a string in object");
    CHECK(one("[1,tru") == "! JSON parse error, invalid keyword 'tru'");
    CHECK(one("{\"a") == "! JSON parse error, stray '\"a'");
    CHECK(one("1.") == "! JSON parse error, stray '1.'");
    CHECK(one("-") == "! JSON parse error, stray '-'");
    CHECK(one("{} {} x") == "! Expecting at most one JSON value");
    CHECK(one("{\"a\":1} x") == "! Expecting at most one JSON value");
    CHECK(one("tru 5") == "! JSON parse error, invalid keyword 'tru'");
}

TEST_CASE("the elements of one list are given out as they come, and are not in the value")
{
    auto const read = [](std::string_view text) {
        std::string given;
        JsonElements const elements{"l", [&](Value element) { given += to_json(element) + ";"; }};
        constexpr std::size_t enough = 1 << 20;
        auto const value = parse_json(text, {.token_bytes = enough, .tokens = enough}, &elements);
        return given + (value ? to_json(*value) : value.error().desc());
    };
    CHECK(read(R"({"l": [1, {"l": [2]}, [3], "x"], "m": [4]})") == R"(1;{"l": [2]};[3];"x";{"l": [], "m": [4]})");
    CHECK(read(R"({"m": {"l": [1]}, "l": 5})") == R"({"m": {"l": [1]}, "l": 5})");
    CHECK(read(R"([[1], {"l": [2]}])") == R"([[1], {"l": [2]}])");
    // The short way and the long one, and faults behind them.
    CHECK(read(R"({"l": [{"a": 1}, {"a": "\u00e9"} , {"b": [{}]}]})")
        == R"({"a": 1};{"a": "\u00E9"};{"b": [{}]};{"l": []})");
    CHECK(read(R"({"l": [{"a": 1} {"a": 2}]})") == R"({"a": 1};JSON parse error, expected separator in list)");
    CHECK(read(R"({"l": [{"a": 1}, {"a": 2, "a": 3}]})") == R"({"a": 1};JSON parse error, duplicate key)");
    CHECK(read(R"({"l": [{"a": 1},]})").ends_with("JSON parse error, expecting value"));
    CHECK(read(R"({"l": {"a": 1}})") == R"({"l": {"a": 1}})");
    CHECK(read(R"({"l": [1, 2 3]})") == "1;2;JSON parse error, expected separator in list");
    CHECK(read(R"({"l": [1], "l": [2]})") == "1;2;JSON parse error, duplicate key");
}

TEST_CASE("elements that are given out are counted against the limits")
{
    JsonElements const elements{"l", [](Value) {}};
    std::string many = "{\"l\": [";
    for (int i = 0; i < 20000; ++i)
        many += "{\"a\":1},";
    many += "1]}";
    // 6 tokens each, and those around them; where there may be as many tokens as bytes the bytes alone count.
    CHECK(parse_json(many, {.tokens = 120'007}, &elements));
    CHECK(parse_json(many, {.token_bytes = 160'010, .tokens = 160'010}, &elements));
    auto const large = parse_json(many, {.token_bytes = 160'009, .tokens = 160'009}, &elements);
    REQUIRE_FALSE(large);
    CHECK(large.error().desc() == "JSON token size limit exceeded");
    auto const refused = parse_json(many, {.tokens = 120'006}, &elements);
    REQUIRE_FALSE(refused);
    CHECK(refused.error().desc() == "JSON token count limit exceeded");
}

TEST_CASE("output is ASCII, and broken bytes become the replacement character")
{
    CHECK(to_json(Value("a/\x7F\x1F\xC3\xA4\xF0\x9F\x98\x80")) == R"("a/\u007F\u001F\u00E4\uD83D\uDE00")");
    CHECK(to_json(Value("a\xFF\x80\xC3(\xE2\x82")) == R"("a\uFFFD\uFFFD\uFFFD(\uFFFD")");
}

TEST_CASE("pretty output breaks lines as QEMU does, also in empty containers")
{
    CHECK(to_json_pretty(*parse_json(R"({"a":[{},1,[]],"b":"s"})"))
        == "{\n    \"a\": [\n        {\n        },\n        1,\n        [\n        ]\n    ],\n    \"b\": \"s\"\n}");
    CHECK(to_json_pretty(Value(5)) == "5");
}

} // namespace
} // namespace minivisor::qapi
