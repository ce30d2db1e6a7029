// SPDX-License-Identifier: GPL-3.0-or-later
// Error texts were seen at QEMU 7.2's HMP command object_add.
#include "qapi/json.hpp"
#include "qapi/keyval.hpp"

#include <catch2/catch.hpp>

#include <string>

namespace minivisor::qapi {
namespace {

std::string keyval(std::string_view text, std::string_view implied_key = "type")
{
    auto const result = parse_keyval(text, implied_key);
    if (!result)
        return "! " + result.error().desc();
    return (result->help ? "help " : "") + to_json(result->object);
}

TEST_CASE("keyval: items become text members in order")
{
    CHECK(keyval("a=1,b=on,c=") == R"({"a": "1", "b": "on", "c": ""})");
    CHECK(keyval("thing,id=a") == R"({"type": "thing", "id": "a"})");
    CHECK(keyval("a b.c,id=a") == R"({"type": "a b.c", "id": "a"})");
    CHECK(keyval("a=b=c") == R"({"a": "b=c"})");
    CHECK(keyval("") == "{}");
}

TEST_CASE("keyval: the last of equal keys wins")
{
    CHECK(keyval("thing,type=other,a=1,a=2") == R"({"type": "other", "a": "2"})");
}

TEST_CASE("keyval: two commas are one in a value, one at the end is nothing")
{
    CHECK(keyval("a=x,,y=z,,") == R"({"a": "x,y=z,"})");
    CHECK(keyval("a=x,,,b=1,") == R"({"a": "x,", "b": "1"})");
    CHECK(keyval("thing,") == R"({"type": "thing"})");
    CHECK(keyval("a,,b,id=a") == "! Invalid parameter ''");
}

TEST_CASE("keyval: dotted keys nest, numbers make lists")
{
    CHECK(keyval("a.b.c=1,a.b.d=2,a.e=3") == R"({"a": {"b": {"c": "1", "d": "2"}, "e": "3"}})");
    CHECK(keyval("r.1.m=b,r.0.m=a,r.0.p=x") == R"({"r": [{"m": "a", "p": "x"}, {"m": "b"}]})");
    CHECK(keyval("r.0.0=a,r.0.01=b") == R"({"r": [["a", "b"]]})");
    CHECK(keyval("r.00=1,r.0=2") == R"({"r": ["2"]})");
    CHECK(keyval("__org.x_y=1,a.__org.x_y.z=2") == R"({"__org.x_y": "1", "a": {"__org.x_y": {"z": "2"}}})");
}

TEST_CASE("keyval: lists must have no hole")
{
    CHECK(keyval("r.0=a,r.2=b") == "! Parameter 'r.1' missing");
    CHECK(keyval("r.1.m=a") == "! Parameter 'r.0' missing");
    CHECK(keyval("a.b.1=a") == "! Parameter 'a.b.0' missing");
    CHECK(keyval("r.0=a,r.99999999999999999999=b") == "! Parameter 'r.1' missing");
    CHECK(keyval("r.18446744073709551615=b") == "! Parameter 'r.0' missing");
}

TEST_CASE("keyval: one key is text, object or list, not two of them")
{
    for (auto const* text : {"r.0=a,r.b=b", "r.b=b,r.0=a", "r.0=a,r=b", "r=b,r.0=a", "r.a.b=1,r=2"})
        CHECK(keyval(text) == "! Parameters 'r.*' used inconsistently");
    CHECK(keyval("r.0=a,r.0.m=x") == "! Parameters 'r.0.*' used inconsistently");
    CHECK(keyval("a.b.c=2,a.b=1") == "! Parameters 'a.b.*' used inconsistently");
    CHECK(keyval("a.b.0=2,a.b.c=1") == "! Parameters 'a.b.*' used inconsistently");
}

TEST_CASE("keyval: every key needs a value")
{
    CHECK(keyval("thing,verify-peer") == "! Expected '=' after parameter 'verify-peer'");
    CHECK(keyval("thing,a,b=1") == "! Expected '=' after parameter 'a'");
    CHECK(keyval("thing,x.help") == "! Expected '=' after parameter 'x.help'");
    CHECK(keyval("thing,a=1", "") == "! Expected '=' after parameter 'thing'");
}

TEST_CASE("keyval: bad keys are named whole")
{
    for (std::string const key : {"", "a..b", ".a", "a.", "0", "0.a", "foo bar", " b", "_foo", "9foo", "f!", "r.-1.m",
             "r.+1", "r.0b", "__a.b.c_", "__a_", "\xC3\xA4"})
        CHECK(keyval("thing," + key + "=1") == "! Invalid parameter '" + key + "'");
    CHECK(keyval(",id=a") == "! Invalid parameter ''");
    CHECK(keyval("=x") == "! Invalid parameter ''");
    CHECK(keyval(std::string_view("a\0b=1", 5)).starts_with("! Invalid parameter 'a"));
}

TEST_CASE("keyval: keys are bounded in length and depth")
{
    std::string const most(127, 'x');
    CHECK(keyval("a." + most + "=1") == "{\"a\": {\"" + most + "\": \"1\"}}");
    CHECK(keyval(most + "x=1") == "! Parameter '" + most + "x' is too long");
    CHECK(keyval("a." + most + "x=1") == "! Parameter fragment '" + most + "x' is too long");
    std::string deep = "a";
    for (int i = 0; i < 100000; ++i)
        deep += ".a";
    CHECK(keyval(deep + "=1") == "! Parameter '" + deep + "' is nested too deeply");
}

TEST_CASE("keyval: the word help is noticed anywhere, but not as a value")
{
    CHECK(keyval("help") == "help {}");
    CHECK(keyval("help,id=a") == R"(help {"id": "a"})");
    CHECK(keyval("thing,?") == R"(help {"type": "thing"})");
    CHECK(keyval("thing,help=1,a=help") == R"({"type": "thing", "help": "1", "a": "help"})");
    CHECK(keyval("thing,help,id") == "! Expected '=' after parameter 'id'");
    CHECK(keyval("thing,helpx") == "! Expected '=' after parameter 'helpx'");
}

std::string opts(std::string_view text, std::string_view implied_key = "type")
{
    auto const result = parse_qemu_opts(text, implied_key);
    std::string shown = result.help ? "help" : "";
    for (auto const& item : result.items)
        shown += "[" + item.name + "|" + item.value + (item.short_form.empty() ? "" : "|" + item.short_form) + "]";
    return shown;
}

TEST_CASE("opts: items stay in order, repeated or not")
{
    CHECK(opts("socket,id=c,path=/a=b,path=/b") == "[type|socket][id|c][path|/a=b][path|/b]");
    CHECK(opts("a=1,b=") == "[a|1][b|]");
    CHECK(opts("") == "");
    auto const result = parse_qemu_opts("a=1,a=2,b=3");
    REQUIRE(result.find_last("a") != nullptr);
    CHECK(result.find_last("a")->value == "2");
    CHECK(result.find_last("c") == nullptr);
}

TEST_CASE("opts: a bare word is on, with no in front off")
{
    CHECK(opts("socket,server,nowait") == "[type|socket][server|on|server][wait|off|nowait]");
    CHECK(opts("server,no", "") == "[server|on|server][|off|no]");
}

TEST_CASE("opts: two commas are one in every value")
{
    CHECK(opts("a,,b,c=d,,,e=,,") == "[type|a,b][c|d,][e|,]");
    CHECK(opts(",id=a") == "[type|][id|a]");
    CHECK(opts("x,=1,") == "[type|x][|1]");
    CHECK(opts("x,,", "") == "[x|on|x][|on]");
}

TEST_CASE("opts: the word help is noticed")
{
    CHECK(opts("help") == "help[type|help]");
    CHECK(opts("socket,?") == "help[type|socket][?|on|?]");
    CHECK(opts("a=help") == "[a|help]");
}

} // namespace
} // namespace minivisor::qapi
