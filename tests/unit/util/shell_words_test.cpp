// SPDX-License-Identifier: GPL-3.0-or-later
#include "util/shell_words.hpp"

#include <catch2/catch.hpp>

namespace minivisor::util {
namespace {

using Words = std::vector<std::string>;

std::string error_of(std::string_view text)
{
    auto const words = split_shell_words(text);
    return words ? "none" : words.error().desc();
}

TEST_CASE("shell words: quotes and backslashes hold together what blanks part")
{
    CHECK(split_shell_words(" a  b\tc ").value() == Words{"a", "b", "c"});
    CHECK(split_shell_words(R"('a b' "c d"e f\ g)").value() == Words{"a b", "c de", "f g"});
    CHECK(split_shell_words(R"('\' "\"\$\x" '')").value() == Words{"\\", "\"$\\x", ""});
    CHECK(split_shell_words("#a $b *").value() == Words{"#a", "$b", "*"});
}

TEST_CASE("shell words: what has no end, or nothing in it, is refused")
{
    CHECK(error_of(" ") == "Text was empty (or contained only whitespace)");
    CHECK(error_of("a 'b") == "Text ended before matching quote was found for '. (The text was “a 'b”)");
    CHECK(error_of("\"b\\") == "Text ended before matching quote was found for \". (The text was “\"b\\”)");
    CHECK(error_of("a\\") == "Text ended just after a “\\” character. (The text was “a\\”)");
}

} // namespace
} // namespace minivisor::util
