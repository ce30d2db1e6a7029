// SPDX-License-Identifier: GPL-3.0-or-later
#include "util/log.hpp"
#include "util/trace.hpp"

#include <catch2/catch.hpp>

namespace minivisor::util::trace {
namespace {

/// All points off before and after.
struct Quiet {
    Quiet() { enable("-*", {}); }
    ~Quiet() { enable("-*", {}); }
};

} // namespace

TEST_CASE("trace: patterns have * for any text and ? for one character")
{
    CHECK(matches("*", ""));
    CHECK(matches("a*c", "abbc"));
    CHECK(matches("*a*a*", "banana"));
    CHECK(matches("?b", "ab"));
    CHECK_FALSE(matches("a*c", "abb"));
    CHECK_FALSE(matches("", "a"));
    CHECK_FALSE(matches("a", "ab"));
    CHECK_FALSE(matches("a?", "a"));
}

TEST_CASE("trace: each point is found by its name, and no other")
{
    for (auto const& point : points()) {
        auto const found = find(point.name);
        REQUIRE(found);
        CHECK(points()[static_cast<std::size_t>(*found)].name == point.name);
        CHECK_FALSE(point.text.empty());
    }
    CHECK_FALSE(find("nope"));
    CHECK_FALSE(find(""));
}

TEST_CASE("trace: a point that is on leaves a line, one that is off does not")
{
    Quiet const quiet;
    log::Capture const log;
    pass(Point::runstate_set, "one");
    enable("runstate*", {});
    pass(Point::runstate_set, "two ", 2, "\n");
    pass(Point::migrate_set_state, "three");
    enable("-runstate_set", {});
    pass(Point::runstate_set, "four");
    CHECK(log.lines() == std::vector<std::string>{"runstate_set two 2\\x0a"});
}

TEST_CASE("trace: a file of patterns has comments; a name that does not exist gets a warning with its line")
{
    Quiet const quiet;
    log::Capture const log;
    enable_lines("# all of it\nqauthz_*\n\n-qauthz_is_allowed\nnope\n", "events");
    CHECK(is_on(Point::qauthz_list_check_rule));
    CHECK_FALSE(is_on(Point::qauthz_is_allowed));
    CHECK_FALSE(is_on(Point::runstate_set));
    REQUIRE(log.lines().size() == 1);
    CHECK(log.lines()[0].find("events:5: warning: trace event 'nope' does not exist") != std::string::npos);
}

} // namespace minivisor::util::trace
