// SPDX-License-Identifier: GPL-3.0-or-later
// The texts are those of QEMU's input visitors (qmp-surface section 2.3).
#include "qapi/codec.hpp"
#include "qapi/json.hpp"
#include "tests/unit/qapi/samples.hpp"

#include <catch2/catch.hpp>

namespace minivisor::qapi {
namespace {

/// What is left of `text` after decoding and encoding, or the complaint.
std::string through(TypeInfo const& type, std::string_view text, Spelling spelling = Spelling::json)
{
    auto const value = parse_json(text);
    REQUIRE(value);
    auto const target = type.make();
    auto const done = decode_into(type, target.get(), *value, {}, spelling);
    return done ? to_json(encode_from(type, target.get())) : "! " + done.error().desc();
}

std::string sample(std::string_view text, Spelling spelling = Spelling::json)
{
    return through(type_of<Sample>(), text, spelling);
}

TEST_CASE("codec: what was decoded is encoded the same")
{
    constexpr auto text
        = R"({"plain": "p", "flag": true, "wide": -9223372036854775808, "wide-unsigned": 18446744073709551615, )"
          R"("small": 255, "short": -32768, "max-size": 67108864, "ratio": 1.5, "mood": "very-glad", )"
          R"("words": ["a", ""], "bytes": [0, 1], "moods": ["calm", "register"], "loose": ["x", null], )"
          R"("rules": [{"match": "m", "level": 3}, {"match": "n"}], "inner": {"match": "i"}, "tls-creds": "", )"
          R"("any": {"x": [null]}, "__org.minivisor_extra": "e"})";
    CHECK(sample(text) == text);
}

TEST_CASE("codec: the tag of a union says what its other member is")
{
    auto const choosy = [](std::string_view text) { return through(type_of<Choosy>(), text); };
    CHECK(choosy(R"({"kind": "word", "data": "w"})") == R"({"kind": "word", "data": "w"})");
    CHECK(choosy(R"({"data": {"match": "m", "level": 1}, "flag": true, "kind": "inner"})")
        == R"({"flag": true, "kind": "inner", "data": {"match": "m", "level": 1}})");
    CHECK(choosy(R"({"kind": "nothing", "data": {}})") == R"({"kind": "nothing", "data": {}})");
    CHECK(choosy(R"({"kind": "nothing"})") == "! Parameter 'data' is missing");
    CHECK(choosy(R"({"data": "w"})") == "! Parameter 'kind' is missing");
    CHECK(choosy(R"({"kind": "other", "data": "w"})") == "! Parameter 'kind' does not accept value 'other'");
    CHECK(choosy(R"({"kind": "inner", "data": "w"})") == "! Invalid parameter type for 'data', expected: object");
    CHECK(choosy(R"({"kind": "inner", "data": {"match": "m", "x": 1}})") == "! Parameter 'data.x' is unexpected");
    CHECK(choosy(R"({"kind": "word", "data": "w", "x": 1})") == "! Parameter 'x' is unexpected");
}

TEST_CASE("codec: an absent optional member stays absent, null is a value only where the type has one")
{
    CHECK(sample("{}") == "{}");
    CHECK(sample(R"({"tls-creds": null, "any": null})") == R"({"tls-creds": null, "any": null})");
    CHECK(sample(R"({"plain": null})") == "! Invalid parameter type for 'plain', expected: string");
    CHECK(sample(R"({"words": []})") == R"({"words": []})");
}

TEST_CASE("codec: each kind names what it expected")
{
    CHECK(sample(R"({"plain": 1})") == "! Invalid parameter type for 'plain', expected: string");
    CHECK(sample(R"({"flag": "on"})") == "! Invalid parameter type for 'flag', expected: boolean");
    CHECK(sample(R"({"wide": "1"})") == "! Invalid parameter type for 'wide', expected: integer");
    CHECK(sample(R"({"wide": 1.0})") == "! Invalid parameter type for 'wide', expected: integer");
    CHECK(sample(R"({"wide": 9223372036854775808})") == "! Invalid parameter type for 'wide', expected: integer");
    CHECK(sample(R"({"wide-unsigned": "1"})") == "! Parameter 'wide-unsigned' expects uint64");
    CHECK(sample(R"({"wide-unsigned": 1e3})") == "! Parameter 'wide-unsigned' expects uint64");
    CHECK(sample(R"({"max-size": "64M"})") == "! Parameter 'max-size' expects uint64");
    CHECK(sample(R"({"ratio": "1"})") == "! Invalid parameter type for 'ratio', expected: number");
    CHECK(sample(R"({"mood": 1})") == "! Invalid parameter type for 'mood', expected: string");
    CHECK(sample(R"({"mood": "very_glad"})") == "! Parameter 'mood' does not accept value 'very_glad'");
    CHECK(sample(R"({"words": "a"})") == "! Invalid parameter type for 'words', expected: array");
    CHECK(sample(R"({"inner": []})") == "! Invalid parameter type for 'inner', expected: object");
    CHECK(sample(R"({"tls-creds": 1})") == "! Invalid parameter type for 'tls-creds', expected: StrOrNull");
    CHECK(sample(R"({"x": 1})") == "! Parameter 'x' is unexpected");
    CHECK(through(type_of<Wanted>(), "{}") == "! Parameter 'uri' is missing");
    CHECK(through(type_of<Wanted>(), "[]") == "! Invalid parameter type for 'null', expected: object");
}

TEST_CASE("codec: a small integer has the bounds of its C type")
{
    CHECK(sample(R"({"small": 0})") == R"({"small": 0})");
    CHECK(sample(R"({"small": 256})") == "! Parameter 'small' expects uint8_t");
    CHECK(sample(R"({"small": -1})") == "! Parameter 'small' expects uint8_t");
    CHECK(sample(R"({"small": 18446744073709551615})") == "! Parameter 'small' expects uint8_t");
    CHECK(sample(R"({"small": "1"})") == "! Parameter 'small' expects uint64");
    CHECK(sample(R"({"short": 32767})") == R"({"short": 32767})");
    CHECK(sample(R"({"short": 32768})") == "! Parameter 'short' expects int16_t");
    CHECK(sample(R"({"short": -32769})") == "! Parameter 'short' expects int16_t");
}

TEST_CASE("codec: a negative number wraps where 64 unsigned bits are expected")
{
    CHECK(sample(R"({"wide-unsigned": -1})") == R"({"wide-unsigned": 18446744073709551615})");
    CHECK(sample(R"({"max-size": -1})") == R"({"max-size": 18446744073709551615})");
    CHECK(sample(R"({"wide-unsigned": -1.0})") == "! Parameter 'wide-unsigned' expects uint64");
}

TEST_CASE("codec: nested members are called by their path, list elements are null where QEMU drops the path")
{
    CHECK(sample(R"({"rules": [{}]})") == "! Parameter 'rules[0].match' is missing");
    CHECK(sample(R"({"rules": [{"match": "a"}, {"match": "b", "x": 1}]})") == "! Parameter 'rules[1].x' is unexpected");
    CHECK(sample(R"({"rules": [1]})") == "! Invalid parameter type for 'rules[0]', expected: object");
    CHECK(sample(R"({"inner": {"match": 1}})") == "! Invalid parameter type for 'inner.match', expected: string");
    CHECK(sample(R"({"words": ["a", 1]})") == "! Invalid parameter type for 'words[1]', expected: string");
    CHECK(sample(R"({"inner": {"match": "a", "level": 256}})") == "! Parameter 'level' expects uint8_t");
    CHECK(sample(R"({"bytes": [1, 256]})") == "! Parameter 'null' expects uint8_t");
    CHECK(sample(R"({"bytes": [1, ""]})") == "! Parameter 'bytes[1]' expects uint64");
    CHECK(sample(R"({"moods": ["calm", "sad"]})") == "! Parameter 'null' does not accept value 'sad'");
    CHECK(sample(R"({"loose": [1]})") == "! Invalid parameter type for 'null', expected: StrOrNull");
}

TEST_CASE("codec: a value with a name of its own is called by it")
{
    auto const of = [](Value const& value) {
        Inner inner;
        auto const done = decode_into(type_of<Inner>(), &inner, value, "value");
        return done ? inner.match : "! " + done.error().desc();
    };
    CHECK(of(Object{{"match", "m"}}) == "m");
    CHECK(of(Object()) == "! Parameter 'value.match' is missing");
    CHECK(of(1) == "! Invalid parameter type for 'value', expected: object");
}

TEST_CASE("codec: the monitor's option strings spell scalars as text")
{
    auto const of = [](std::string_view text) { return sample(text, Spelling::keyval); };
    CHECK(of(R"({"flag": "on", "wide": "-0x10", "wide-unsigned": "010", "small": "7", "max-size": "1.5K"})")
        == R"({"flag": true, "wide": -16, "wide-unsigned": 8, "small": 7, "max-size": 1536})");
    for (auto const* yes : {"on", "yes", "true", "y"})
        CHECK(of(R"({"flag": ")" + std::string(yes) + R"("})") == R"({"flag": true})");
    for (auto const* no : {"off", "no", "false", "n"})
        CHECK(of(R"({"flag": ")" + std::string(no) + R"("})") == R"({"flag": false})");
    CHECK(of(R"({"mood": "very-glad", "tls-creds": "", "inner": {"match": "m", "level": "1"}})")
        == R"({"mood": "very-glad", "inner": {"match": "m", "level": 1}, "tls-creds": ""})");
    CHECK(of(R"({"wide-unsigned": "-1"})") == R"({"wide-unsigned": 18446744073709551615})");
    CHECK(of(R"({"flag": "ON"})") == "! Parameter 'flag' expects 'on' or 'off'");
    CHECK(of(R"({"wide": "1x"})") == "! Parameter 'wide' expects integer");
    CHECK(of(R"({"wide-unsigned": ""})") == "! Parameter 'wide-unsigned' expects integer");
    CHECK(of(R"({"max-size": "1Q"})") == "! Parameter 'max-size' expects size");
    CHECK(of(R"({"small": "256"})") == "! Parameter 'small' expects uint8_t");
    CHECK(of(R"({"x": "1"})") == "! Parameter 'x' is unexpected");
    CHECK(of(R"({"rules": [{}]})") == "! Parameter 'rules.0.match' is missing");
    CHECK(of(R"({"words": ["a", {}]})") == "! Invalid parameter type for 'words.1', expected: string");
}

TEST_CASE("codec: the command line's option strings read alike and complain otherwise")
{
    auto const of = [](std::string_view text) { return sample(text, Spelling::qemu_opts); };
    CHECK(of(R"({"flag": "off", "max-size": "2G"})") == R"({"flag": false, "max-size": 2147483648})");
    CHECK(of(R"({"x": "1"})") == "! Invalid parameter 'x'");
    CHECK(of(R"({"flag": "maybe"})") == "! Parameter 'flag' expects 'on' or 'off'");
    CHECK(of(R"({"wide": "a"})") == "! Parameter 'wide' expects an int64 value");
    CHECK(of(R"({"wide-unsigned": "a"})") == "! Parameter 'wide-unsigned' expects a uint64 value");
    CHECK(of(R"({"max-size": "a"})") == "! Parameter 'max-size' expects a size value");
}

TEST_CASE("codec: numbers written as text are numbers too")
{
    CHECK(sample(R"({"ratio": "1.5"})", Spelling::keyval) == R"({"ratio": 1.5})");
    CHECK(sample(R"({"ratio": "1.5x"})", Spelling::keyval) == "! Invalid parameter type for 'ratio', expected: number");
    CHECK(sample(R"({"ratio": "nan"})", Spelling::keyval) == "! Invalid parameter type for 'ratio', expected: number");
}

TEST_CASE("codec: decoding again into a list replaces it")
{
    std::vector<std::string> words{"old", "older"};
    REQUIRE(decode_into(type_of<std::vector<std::string>>(), &words, Array{"new"}));
    CHECK(words == std::vector<std::string>{"new"});
}

TEST_CASE("codec: conforms says what decoding would say")
{
    CHECK(conforms(type_of<Wanted>(), Object{{"uri", "tcp:"}}));
    auto const wrong = conforms(type_of<Wanted>(), Object{{"uri", 1}});
    REQUIRE_FALSE(wrong);
    CHECK(wrong.error().desc() == "Invalid parameter type for 'uri', expected: string");
}

} // namespace
} // namespace minivisor::qapi
