// SPDX-License-Identifier: GPL-3.0-or-later
// Texts were seen at QEMU 7.2's HMP, with the commands that the tests name.
#include "hmp/grammar.hpp"
#include "qapi/json.hpp"

#include <catch2/catch.hpp>

#include <string>
#include <vector>

namespace minivisor::hmp {
namespace {

using Args = std::vector<Arg>;

/// The values as JSON, or "! ", the error and its hint.
std::string parse(CommandName command, Args const& args, std::string_view text, PrintFormat* kept = nullptr)
{
    auto const result = parse_args(command, args, text, kept);
    if (!result)
        return "! " + result.error().desc() + "\n" + result.error().hint();
    return qapi::to_json(*result);
}

std::string fault(std::string const& text, std::string const& typed)
{
    return "! " + text + "\nTry \"help " + typed + "\" for more information";
}

Args const qom_set{{.name = "json", .kind = ArgKind::flag, .flag = 'j'}, {.name = "path"}, {.name = "property"},
    {.name = "value", .kind = ArgKind::rest}};
Args const migrate{{.name = "detach", .kind = ArgKind::flag, .flag = 'd'},
    {.name = "blk", .kind = ArgKind::flag, .flag = 'b'}, {.name = "resume", .kind = ArgKind::flag, .flag = 'r'},
    {.name = "uri"}};
Args const memsave{
    {.name = "val", .kind = ArgKind::integer64}, {.name = "size", .kind = ArgKind::integer32}, {.name = "filename"}};
Args const set_capability{{.name = "capability"}, {.name = "state", .kind = ArgKind::boolean}};
Args const examine{{.name = "fmt", .kind = ArgKind::format}, {.name = "addr", .kind = ArgKind::integer64}};
Args const set_password{{.name = "protocol"}, {.name = "password"},
    {.name = "display", .kind = ArgKind::flag_value, .flag = 'd'}, {.name = "connected", .optional = true}};
Args const one_word{{.name = "id"}};

TEST_CASE("a line's word ends at a blank or a slash")
{
    auto const check = [](std::string_view text, std::string_view word, std::string_view rest) {
        CHECK(split_line(text).word == word);
        CHECK(split_line(text).rest == rest);
    };
    check("info status", "info", "status");
    check(" \t info \t status ", "info", "status ");
    check("x/4xb 0", "x", "/4xb 0");
    check("quit", "quit", "");
    check("  ", "", "");
    check("", "", "");
}

TEST_CASE("words are split at blanks")
{
    CHECK(parse("c", {{.name = "a"}, {.name = "b"}}, " x=1,y\t'z ") == R"({"a": "x=1,y", "b": "'z"})");
    CHECK(parse("c", one_word, "a\"b") == R"({"id": "a\"b"})");
}

TEST_CASE("a quoted word may hold blanks and four escapes")
{
    CHECK(parse("c", one_word, R"("a b\n\r\\\'\"c")") == R"({"id": "a b\n\r\\'\"c"})");
    CHECK(parse("c", one_word, R"("")") == R"({"id": ""})");
    CHECK(parse("c", {{.name = "a"}, {.name = "b"}}, R"("x"y)") == R"({"a": "x", "b": "y"})");
}

TEST_CASE("a broken quoted word is told on a line of its own")
{
    CHECK(parse("object_del", one_word, "\"tab\\tx\"")
        == fault("unsupported escape code: '\\t'\nobject_del: string expected", "object_del"));
    CHECK(parse("getfd", one_word, "\"a") == fault("unterminated string\ngetfd: string expected", "getfd"));
    CHECK(parse("getfd", one_word, "\"a\\") == fault("unterminated string\ngetfd: string expected", "getfd"));
    CHECK(parse("screendump", {{.name = "filename", .kind = ArgKind::file}}, "\"")
        == fault("unterminated string\nscreendump: filename expected", "screendump"));
}

TEST_CASE("missing and surplus arguments are refused")
{
    CHECK(parse("object_del", one_word, " ") == fault("object_del: string expected", "object_del"));
    CHECK(parse("screendump", {{.name = "f", .kind = ArgKind::file}}, "")
        == fault("screendump: filename expected", "screendump"));
    CHECK(parse("object_del", one_word, "a b")
        == fault("object_del: extraneous characters at the end of line", "object_del"));
    CHECK(parse("quit|q", {}, "now") == fault("quit|q: extraneous characters at the end of line", "quit"));
    CHECK(parse({"quit|q", "q"}, {}, "now") == fault("quit|q: extraneous characters at the end of line", "q"));
    CHECK(parse({"status", "info status"}, {}, "x")
        == fault("status: extraneous characters at the end of line", "info status"));
    CHECK(parse("stop|s", {}, "  ") == "{}");
}

TEST_CASE("optional arguments may be absent only at the end")
{
    Args const args{{.name = "a", .optional = true}, {.name = "n", .kind = ArgKind::integer64, .optional = true},
        {.name = "r", .kind = ArgKind::rest, .optional = true}};
    CHECK(parse("c", args, "") == "{}");
    CHECK(parse("c", args, "x ") == R"({"a": "x"})");
    CHECK(parse("c", args, "x 1") == R"({"a": "x", "n": 1})");
    CHECK(parse("c", args, "x 1 y  z ") == R"({"a": "x", "n": 1, "r": "y  z "})");
}

TEST_CASE("the rest of a line is taken as it stands")
{
    CHECK(parse("qom-set", qom_set, "a0 identity  \"x y\" ")
        == R"({"path": "a0", "property": "identity", "value": "\"x y\" "})");
    CHECK(parse("qom-set", qom_set, "-j a b {}") == R"({"json": true, "path": "a", "property": "b", "value": "{}"})");
    CHECK(parse("qom-set", qom_set, "a0 identity ") == fault("qom-set: string expected", "qom-set"));
}

TEST_CASE("flags come in the declared order, each as its own word")
{
    CHECK(parse("migrate", migrate, "-d -r tcp:x") == R"({"detach": true, "resume": true, "uri": "tcp:x"})");
    CHECK(parse("migrate", migrate, "tcp:x") == R"({"uri": "tcp:x"})");
    CHECK(parse("migrate", migrate, "-d -d u") == fault("migrate: unsupported option -d", "migrate"));
    CHECK(parse("migrate", migrate, "-x u") == fault("migrate: unsupported option -x", "migrate"));
    CHECK(parse("migrate", migrate, "-- u") == fault("migrate: unsupported option --", "migrate"));
    CHECK(parse("migrate", migrate, "-") == fault("migrate: unsupported option -", "migrate"));
    CHECK(parse("migrate", migrate, "-db u") == fault("migrate: extraneous characters at the end of line", "migrate"));
    CHECK(
        parse("migrate", migrate, "-r -d u") == fault("migrate: extraneous characters at the end of line", "migrate"));
    CHECK(parse("migrate", migrate, "-d") == fault("migrate: string expected", "migrate"));
}

TEST_CASE("a flag may take a word")
{
    CHECK(parse("set_password", set_password, "vnc x -d \"a b\" keep")
        == R"({"protocol": "vnc", "password": "x", "display": "a b", "connected": "keep"})");
    CHECK(
        parse("set_password", set_password, "vnc x -dV") == R"({"protocol": "vnc", "password": "x", "display": "V"})");
    CHECK(parse("set_password", set_password, "vnc x -d")
        == fault("set_password: value expected for -d", "set_password"));
    CHECK(parse("set_password", set_password, "vnc x -e")
        == fault("set_password: unsupported option -e", "set_password"));
}

TEST_CASE("on and off are the only booleans")
{
    CHECK(parse("c", set_capability, "x on ") == R"({"capability": "x", "state": true})");
    CHECK(parse("c", set_capability, "x off") == R"({"capability": "x", "state": false})");
    for (auto const* text : {"x", "x ON", "x yes", "x true", "x onn", "x \"on\""})
        CHECK(parse("c", set_capability, text) == fault("Expected 'on' or 'off'", "c"));
    CHECK(parse("c", set_capability, "x on off") == fault("c: extraneous characters at the end of line", "c"));
}

TEST_CASE("integers are expressions, and a slash divides")
{
    CHECK(parse("memsave", memsave, "0x10+1 4294967295 \"/x\"")
        == R"({"val": 17, "size": 4294967295, "filename": "/x"})");
    CHECK(parse("memsave", memsave, "0 10 x/x") == R"({"val": 0, "size": 10, "filename": "x/x"})");
    CHECK(parse("memsave", memsave, "0 10 /tmp/x") == fault("invalid char 't' in expression", "memsave"));
    CHECK(parse("memsave", memsave, "0 -1 \"/x\"") == fault("invalid char '\"' in expression", "memsave"));
    for (auto const* size : {"0 4294967296 x", "0 (-2) x"})
        CHECK(
            parse("memsave", memsave, size) == fault("'memsave' has failed: integer is for 32-bit values", "memsave"));
    CHECK(parse("memsave", memsave, "0") == fault("unexpected end of expression", "memsave"));
    CHECK(parse("memsave", memsave, "0 5") == fault("memsave: string expected", "memsave"));
}

TEST_CASE("mebibytes are not negative")
{
    Args const args{{.name = "value", .kind = ArgKind::mebibytes}};
    CHECK(parse("balloon", args, "2*2") == R"({"value": 4194304})");
    CHECK(parse("balloon", args, "-5") == fault("enter a positive value", "balloon"));
    CHECK(parse("balloon", args, "9223372036854775807") == fault("number too large", "balloon"));
}

TEST_CASE("sizes are in mebibytes unless they say otherwise")
{
    Args const args{{.name = "speed", .kind = ArgKind::size, .optional = true}, {.name = "base", .optional = true}};
    CHECK(parse("c", args, "1.5") == R"({"speed": 1572864})");
    CHECK(parse("c", args, "1k x") == R"({"speed": 1024, "base": "x"})");
    CHECK(parse("c", args, "1kx") == R"({"speed": 1024, "base": "x"})");
    CHECK(parse("c", args, "") == "{}");
    for (auto const* text : {"x", "-1", "8E", "99999999999E", "99999999999999999999"})
        CHECK(parse("c", args, text) == fault("invalid size", "c"));
}

TEST_CASE("a print format is kept for the next command")
{
    PrintFormat kept;
    auto const print = [&](std::string_view text) { return parse({"print|p", "p"}, examine, text, &kept); };
    CHECK(print("1") == R"({"fmt": {"count": 1, "format": "x", "size": 4}, "addr": 1})");
    CHECK(print("/12cb 1") == R"({"fmt": {"count": 12, "format": "c", "size": 1}, "addr": 1})");
    CHECK(print("2") == R"({"fmt": {"count": 1, "format": "c", "size": 1}, "addr": 2})");
    CHECK(print("/g 2") == R"({"fmt": {"count": 1, "format": "c", "size": 8}, "addr": 2})");
    CHECK(print("/3i 2") == R"({"fmt": {"count": 3, "format": "i", "size": -1}, "addr": 2})");
    CHECK(print("2") == R"({"fmt": {"count": 1, "format": "i", "size": -1}, "addr": 2})");
    CHECK(print("/ou 2") == R"({"fmt": {"count": 1, "format": "u", "size": 8}, "addr": 2})");
    CHECK(print("/ 2") == R"({"fmt": {"count": 1, "format": "u", "size": 8}, "addr": 2})");
    CHECK(parse("xp", examine, "2") == R"({"fmt": {"count": 1, "format": "x", "size": 4}, "addr": 2})");
}

TEST_CASE("a bad print format is refused and not kept")
{
    PrintFormat kept;
    CHECK(parse("xp", examine, "/2dz 0", &kept) == fault("invalid char in format: 'z'", "xp"));
    CHECK(parse("xp", examine, "/-1x 0", &kept) == fault("invalid char in format: '-'", "xp"));
    CHECK(kept.format == 'x');
    CHECK(parse("xp", examine, "/99999999999999999999x 0")
        == R"({"fmt": {"count": 2147483647, "format": "x", "size": 4}, "addr": 0})");
}

} // namespace
} // namespace minivisor::hmp
