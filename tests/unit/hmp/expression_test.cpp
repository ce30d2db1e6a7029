// SPDX-License-Identifier: GPL-3.0-or-later
// Results and texts were seen at QEMU 7.2's HMP command print.
#include "hmp/expression.hpp"
#include "util/text.hpp"

#include <catch2/catch.hpp>

#include <string>

namespace minivisor::hmp {
namespace {

Registers const registers{{"eax", 16}, {"cs.base", 1024}};

/// The value, then what was left over after ' | '.
std::string eval(std::string_view text)
{
    auto const result = take_expression(text, registers);
    if (!result)
        return "! " + result.error().desc();
    return cat(*result, text.empty() ? "" : " | ", text);
}

TEST_CASE("numbers are decimal, octal, hexadecimal or a character")
{
    CHECK(eval("42") == "42");
    CHECK(eval("010") == "8");
    CHECK(eval("0x1F") == "31");
    CHECK(eval("0X1f") == "31");
    CHECK(eval("'a'") == "97");
    CHECK(eval("' '") == "32");
    CHECK(eval("18446744073709551615") == "-1");
}

TEST_CASE("sums bind less than logic, logic less than products, all from the left")
{
    CHECK(eval("1+2*3") == "7");
    CHECK(eval("10-3-2") == "5");
    CHECK(eval("1+2&3") == "3");
    CHECK(eval("2*3&1") == "0");
    CHECK(eval("1|2^3&4") == "0");
    CHECK(eval("100/7%4") == "2");
    CHECK(eval("(1+2)*3") == "9");
    CHECK(eval(" ( 1 + 2 ) * 3 ") == "9");
}

TEST_CASE("signs and complement may be repeated")
{
    CHECK(eval("~0") == "-1");
    CHECK(eval("--1") == "1");
    CHECK(eval("- -+1") == "1");
    CHECK(eval("-7/2") == "-3");
    CHECK(eval("-7%3") == "-1");
}

TEST_CASE("arithmetic wraps instead of trapping")
{
    CHECK(eval("9223372036854775807+1") == "-9223372036854775808");
    CHECK(eval("-9223372036854775808/-1") == "-9223372036854775808");
    CHECK(eval("-9223372036854775808%-1") == "0");
    CHECK(eval("7/-1") == "-7");
    CHECK(eval("4294967296*4294967296") == "0");
}

TEST_CASE("what cannot go on is left over, and a sign after a blank can")
{
    CHECK(eval("1 2") == "1 | 2");
    CHECK(eval("08") == "0 | 8");
    CHECK(eval("0x") == "0 | x");
    CHECK(eval("1;2") == "1 | ;2");
    CHECK(eval("0 -1 \"/x\"") == "-1 | \"/x\"");
}

TEST_CASE("faults have QEMU's words")
{
    CHECK(eval("") == "! unexpected end of expression");
    CHECK(eval("1+") == "! unexpected end of expression");
    CHECK(eval("a") == "! invalid char 'a' in expression");
    CHECK(eval("()") == "! invalid char ')' in expression");
    CHECK(eval("1*!") == "! invalid char '!' in expression");
    CHECK(eval("10 /tmp/x") == "! invalid char 't' in expression");
    CHECK(eval("(1") == "! ')' expected");
    CHECK(eval("(1 2") == "! ')' expected");
    CHECK(eval("'") == "! character constant expected");
    CHECK(eval("''") == "! missing terminating ' character");
    CHECK(eval("'ab'") == "! missing terminating ' character");
    CHECK(eval("'a") == "! missing terminating ' character");
    CHECK(eval("$eax") == "16");
    CHECK(eval("$cs.base +$eax*2") == "1056");
    CHECK(eval("($eax)-1") == "15");
    for (auto const* unknown : {"$", "$eax.", "$EAX", "$ebx", "$ eax", "$eax_"})
        CHECK(eval(unknown) == "! unknown register");
    CHECK(eval("7/0") == "! division by zero");
    CHECK(eval("7%(1-1)") == "! division by zero");
    CHECK(eval("18446744073709551616") == "! number too large");
    CHECK(eval("0x10000000000000000") == "! number too large");
}

TEST_CASE("endless nesting is refused")
{
    std::string const deep(100000, '(');
    CHECK(eval(deep) == "! expression is nested too deeply");
    CHECK(eval(std::string(100000, '-')) == "! expression is nested too deeply");
    CHECK(eval(std::string(100, '(') + "1" + std::string(100, ')')) == "1");
}

} // namespace
} // namespace minivisor::hmp
