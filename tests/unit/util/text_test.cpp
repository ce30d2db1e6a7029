// SPDX-License-Identifier: GPL-3.0-or-later
#include "util/text.hpp"

#include <catch2/catch.hpp>

#include <cstdint>
#include <limits>
#include <string>

namespace minivisor::util {
namespace {

using namespace std::string_literals;

TEST_CASE("cat joins texts, characters and numbers")
{
    CHECK(
        cat("File '", std::string("a"), "' line ", 7, ':', std::uint64_t{18446744073709551615U}, std::string_view("!"))
        == "File 'a' line 7:18446744073709551615!");
    CHECK(cat(-5) == "-5");
}

TEST_CASE("split keeps empty parts and join undoes it")
{
    CHECK(split("", ',') == std::vector<std::string_view>{""});
    CHECK(split(",a,,b", ',') == std::vector<std::string_view>{"", "a", "", "b"});
    std::vector<std::string> const parts{"", "a", "b"};
    CHECK(join(parts, ", ") == ", a, b");
    CHECK(join({}, ",").empty());
}

TEST_CASE("trim takes blanks off both ends only")
{
    CHECK(trim(" \t a b\r\n") == "a b");
    CHECK(trim(" \n").empty());
}

TEST_CASE("identifiers start with a letter and hold letters, digits, dash, dot and underline")
{
    CHECK(is_identifier("a-1_b.C"));
    for (auto const* bad : {"", "1a", "-a", "a b", "a/b", "\xC3\xA4", "#x"})
        CHECK_FALSE(is_identifier(bad));
}

TEST_CASE("integers are whole, in decimal, octal or hexadecimal")
{
    CHECK(parse_int64("-0x10") == -16);
    CHECK(parse_int64("010") == 8);
    CHECK(parse_int64("+7") == 7);
    CHECK(parse_int64("0") == 0);
    CHECK(parse_int64("-9223372036854775808") == std::numeric_limits<std::int64_t>::min());
    CHECK(parse_int64("9223372036854775807") == std::numeric_limits<std::int64_t>::max());
    CHECK(parse_uint64("0xFFFFFFFFFFFFFFFF") == std::numeric_limits<std::uint64_t>::max());
    for (auto const* bad : {"", "-", "+", "0x", "08", " 1", "1 ", "1k", "--1", "+-1", "9223372036854775808",
             "-9223372036854775809", "0x-1", "1.0"})
        CHECK_FALSE(parse_int64(bad));
    for (auto const* bad : {"-1", "-0", "18446744073709551616", "0x+1", ""})
        CHECK_FALSE(parse_uint64(bad));
}

TEST_CASE("sizes take a fraction and one suffix")
{
    CHECK(parse_size("512") == 512U);
    CHECK(parse_size("64M") == 64U << 20);
    CHECK(parse_size("64m") == 64U << 20);
    CHECK(parse_size("1.5G") == 3ULL << 29);
    CHECK(parse_size("5.k") == 5120U);
    CHECK(parse_size("1.0") == 1U);
    CHECK(parse_size("5b") == 5U);
    CHECK(parse_size("010") == 10U);
    CHECK(parse_size("0x10k") == 16384U);
    CHECK(parse_size("0x8E") == 142U);
    CHECK(parse_size("1.00001k") == 1024U);
    CHECK(parse_size("15.9999E") == 18446628781559090944U);
    CHECK(parse_size("17179869183.9G") == 18446744073602177434U);
    CHECK(parse_size("1.99999999999999999999k") == 2048U);
    CHECK(parse_size("18446744073709551615") == std::numeric_limits<std::uint64_t>::max());
}

TEST_CASE("a default unit counts only without a suffix")
{
    CHECK(parse_size("10", 1 << 20) == 10U << 20);
    CHECK(parse_size("1.5", 1 << 20) == 3U << 19);
    CHECK(parse_size("5b", 1 << 20) == 5U);
    CHECK_FALSE(parse_size("17592186044416", 1 << 20));
}

TEST_CASE("what is no size is refused")
{
    for (auto const* bad : {"", ".", ".5k", "k", "1.5", "1.5b", "1e3", "1kb", "1KiB", "-0", "-1", "1.e1k", "1.5e1k",
             "0x1.5k", "0x", "0x10.", "1.k5", " 1", "1 ", "16E", "18446744073709551616", "17592186044416.5M", "1.-5k"})
        CHECK_FALSE(parse_size(bad));
}

TEST_CASE("hexadecimal text and bytes turn into each other")
{
    std::vector<std::uint8_t> const bytes{0x00, 0x7F, 0xA0, 0xFF};
    CHECK(to_hex(bytes) == "007fa0ff");
    CHECK(from_hex("007FA0fF") == bytes);
    CHECK(from_hex("") == std::vector<std::uint8_t>{});
    for (auto const* bad : {"0", "0g", " 0", "0x"})
        CHECK_FALSE(from_hex(bad));
}

TEST_CASE("UTF-8 is checked strictly")
{
    CHECK(is_utf8("a\xC3\xA4\xE2\x82\xAC\xF0\x9F\x98\x80\xF4\x8F\xBF\xBF\0z"s));
    for (auto const* bad : {"\xC0\x80", "\xC1\xBF", "\xE0\x9F\xBF", "\xF0\x8F\xBF\xBF", "\xED\xA0\x80",
             "\xF4\x90\x80\x80", "\xF5\x80\x80\x80", "\x80", "\xC3", "\xE2\x82", "\xC3(", "\xFF"})
        CHECK_FALSE(is_utf8(bad));
}

TEST_CASE("printable text holds nothing that a terminal obeys")
{
    CHECK(printable("a\tb\x1B[0m\n\x7F\0z"s) == "a\\x09b\\x1b[0m\\x0a\\x7f\\x00z");
    CHECK(printable("gr\xC3\xBC\xC3\x9F") == "gr\xC3\xBC\xC3\x9F");
    CHECK(printable("\xC2\x9B"
                    "1m\xFF\xE2\x82")
        == "\\xc2\\x9b1m\\xff\\xe2\\x82");
}

} // namespace
} // namespace minivisor::util
