// SPDX-License-Identifier: GPL-3.0-or-later
// Facts: qmp-surface section 11; the pattern rules were compared with GLib's.
#include "authz/glob.hpp"
#include "authz/rules.hpp"

#include <catch2/catch.hpp>

#include <random>

namespace minivisor::authz {
namespace {

constexpr auto allow = QAuthZListPolicy::allow;
constexpr auto deny = QAuthZListPolicy::deny;
constexpr auto exact = QAuthZListFormat::exact;
constexpr auto glob = QAuthZListFormat::glob;

Rules rules(std::vector<QAuthZListRule> list, QAuthZListPolicy policy = deny)
{
    return Rules({policy, std::move(list)});
}

/// "allow 2", "deny by default".
std::string ask(Rules const& rules, std::string_view identity)
{
    auto const answer = rules.ask(identity);
    return (answer.allowed ? "allow " : "deny ") + (answer.rule ? std::to_string(*answer.rule) : "by default");
}

TEST_CASE("glob: a star is any text, also none and also commas; the whole text has to match")
{
    CHECK(glob_match("dan*", "dan"));
    CHECK(glob_match("dan*", "danb"));
    CHECK_FALSE(glob_match("dan*", "adan"));
    CHECK(glob_match("*", ""));
    CHECK(glob_match("**", "a"));
    CHECK(glob_match("CN=*,O=Ex", "CN=a,O=b,O=Ex"));
    CHECK(glob_match("CN=*O=Ex", "CN=x\\,O=Ex"));
    CHECK(glob_match("a*b*c", "a-b-b-c"));
    CHECK_FALSE(glob_match("a*b*c", "a-c-b"));
    CHECK(glob_match("", ""));
    CHECK_FALSE(glob_match("", "a"));
    CHECK_FALSE(glob_match("a", ""));
}

TEST_CASE("glob: a question mark is one character of UTF-8")
{
    CHECK(glob_match("h?st", "host"));
    CHECK(glob_match("h?st", "h\xc3\xb6st"));
    CHECK(glob_match("?", "\xf0\x9f\x90\xa7"));
    CHECK_FALSE(glob_match("h?st", "hst"));
    CHECK_FALSE(glob_match("h?st", "hoost"));
    CHECK(glob_match("*?", "\xc3\xb6"));
    CHECK(glob_match("??", "\xc3("));
}

TEST_CASE("glob: brackets and backslashes are themselves, and case counts")
{
    CHECK(glob_match("CN=[ab]", "CN=[ab]"));
    CHECK_FALSE(glob_match("CN=[ab]", "CN=a"));
    CHECK(glob_match("a\\*", "a\\b"));
    CHECK_FALSE(glob_match("cn=a", "CN=a"));
}

TEST_CASE("glob: many stars do not take for ever")
{
    std::string pattern;
    for (int i = 0; i < 200; ++i)
        pattern += "*a";
    CHECK_FALSE(glob_match(pattern + "b", std::string(5000, 'a')));
}

TEST_CASE("rules: the first one that matches decides, of whatever format")
{
    auto const list = rules({{"CN=a*", deny, glob}, {"CN=abc", allow, exact}, {"CN=b", allow, {}},
        {"CN=b", deny, exact}, {"CN=b?", allow, glob}, {"CN=bb", deny, exact}});
    CHECK(ask(list, "CN=abc") == "deny 0");
    CHECK(ask(list, "CN=b") == "allow 2");
    CHECK(ask(list, "CN=bb") == "allow 4");
    CHECK(ask(list, "CN=c") == "deny by default");
}

TEST_CASE("rules: an exact rule takes its text as it is")
{
    auto const list = rules({{"CN=*", allow, exact}, {"", deny, exact}}, allow);
    CHECK(ask(list, "CN=*") == "allow 0");
    CHECK(ask(list, "CN=x") == "allow by default");
    CHECK(ask(list, "") == "deny 1");
    CHECK(ask(rules({}), "") == "deny by default");
    CHECK(ask(Rules(AuthZListOptions()), "x") == "deny by default");
}

TEST_CASE("rules: compiled rules answer as trying one after the other does")
{
    std::mt19937 random(7);
    auto const word = [&](std::string_view letters) {
        std::string text;
        for (auto n = random() % 4; n > 0; --n)
            text += letters[random() % letters.size()];
        return text;
    };
    for (int round = 0; round < 300; ++round) {
        std::vector<QAuthZListRule> list;
        for (auto n = random() % 12; n > 0; --n) {
            bool const pattern = random() % 2 != 0;
            list.push_back({word(pattern ? "ab*?" : "ab"), random() % 2 != 0 ? allow : deny, pattern ? glob : exact});
        }
        auto const compiled = rules(list);
        for (int i = 0; i < 20; ++i) {
            auto const identity = word("ab");
            std::string expected = "deny by default";
            for (std::size_t at = 0; at < list.size(); ++at) {
                bool const matches
                    = list[at].format == glob ? glob_match(list[at].match, identity) : list[at].match == identity;
                if (matches) {
                    expected = (list[at].policy == allow ? "allow " : "deny ") + std::to_string(at);
                    break;
                }
            }
            REQUIRE(ask(compiled, identity) == expected);
        }
    }
}

} // namespace
} // namespace minivisor::authz
