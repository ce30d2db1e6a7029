// SPDX-License-Identifier: GPL-3.0-or-later
#include "authz/near_miss.hpp"

#include <catch2/catch.hpp>

namespace minivisor::authz {
namespace {

std::string miss(std::string_view rule, std::string_view identity) { return near_miss(rule, identity).value_or("-"); }

TEST_CASE("near miss: what people get wrong in a name is told apart")
{
    constexpr auto name = "C=GB,O=Ex,CN=a b";
    CHECK(miss("C=GB,O=Ex,CN=A b", name) == "upper and lower case");
    CHECK(miss("C=GB, O=Ex, CN=a b", name) == "blanks");
    CHECK(miss("C = GB,O=Ex ,CN= a b", name) == "blanks");
    CHECK(miss("CN=a b,O=Ex,C=GB", name) == "the order of the parts is turned round");
    CHECK(miss("cn=a b, o=ex, c=gb", name) == "the order of the parts is turned round, upper and lower case, blanks");
    CHECK(miss("C=GB,*", name) == "it is a pattern, and the rule's format is exact");
}

TEST_CASE("near miss: a match is none, and neither is another name")
{
    CHECK(miss("CN=a", "CN=a") == "-");
    CHECK(miss("CN=b", "CN=a") == "-");
    CHECK(miss("CN=ab", "CN=a b") == "-");
    CHECK(miss("", "CN=a") == "-");
    CHECK(miss("O=Ex,C=GB,CN=a", "C=GB,O=Ex,CN=a") == "-");
    CHECK(miss("CN=*b", "CN=a") == "-");
}

TEST_CASE("near miss: an escaped comma does not part, and an escaped blank stays")
{
    CHECK(miss("O=a\\,b,CN=c", "CN=c,O=a\\,b") == "the order of the parts is turned round");
    CHECK(miss("O=b,O=a\\,CN=c", "CN=c,O=a\\,O=b") == "-");
    CHECK(miss("CN=a\\ ", "CN=a\\") == "-");
    CHECK(miss("\\", "a") == "-");
}

} // namespace
} // namespace minivisor::authz
