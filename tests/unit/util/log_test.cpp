// SPDX-License-Identifier: GPL-3.0-or-later
#include "util/fd.hpp"
#include "util/log.hpp"

#include <catch2/catch.hpp>

#include <regex>
#include <thread>
#include <unistd.h>

namespace minivisor {
namespace {

using Lines = std::vector<std::string>;

/// The name and time stamps are the process's: put back what a test sets.
struct Restore {
    ~Restore()
    {
        log::set_program("");
        log::set_timestamps(false);
        log::set_guest_name("");
    }
};

TEST_CASE("lines carry the program's name and their level")
{
    Restore const restore;
    log::Capture const capture;
    log::error("before the name is known");
    log::set_program("/usr/bin/prog");
    log::error("broken");
    log::warn("odd");
    log::info("fine");
    log::plain("just so");
    CHECK(capture.lines()
        == Lines{"before the name is known", "prog: broken", "prog: warning: odd", "prog: info: fine", "just so"});
}

TEST_CASE("a message cannot forge a second line")
{
    log::Capture const capture;
    log::error("a\nprog: b\x1B[2J");
    CHECK(capture.lines() == Lines{"a\\x0aprog: b\\x1b[2J"});
}

TEST_CASE("an error's hint follows line by line")
{
    log::Capture const capture;
    log::error(Error::generic("no").with_hint("one\ntwo\n"));
    CHECK(capture.lines() == Lines{"no", "one", "two"});
}

TEST_CASE("time and guest name stand before the program's name")
{
    Restore const restore;
    log::Capture const capture;
    log::set_program("prog");
    log::set_timestamps(true);
    log::set_guest_name("vm7");
    log::warn("odd");
    std::regex const form(R"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z vm7 prog: warning: odd)");
    CHECK(std::regex_match(capture.lines().at(0), form));
}

TEST_CASE("captures nest, and the outer one comes back")
{
    log::Capture const outer;
    {
        log::Capture const inner;
        log::error("in");
        CHECK(inner.lines() == Lines{"in"});
    }
    log::error("out");
    CHECK(outer.lines() == Lines{"out"});
}

TEST_CASE("lines of several threads stay whole on standard error")
{
    auto pipe = util::make_pipe();
    REQUIRE(pipe);
    util::UniqueFd const saved(::dup(STDERR_FILENO));
    ::dup2(pipe->write_end.get(), STDERR_FILENO);
    auto const writer = [] {
        for (int i = 0; i < 20; ++i)
            log::error("one line of text");
    };
    std::thread first(writer);
    std::thread second(writer);
    first.join();
    second.join();
    ::dup2(saved.get(), STDERR_FILENO);
    pipe->write_end.reset();

    std::string text(4096, '\0');
    auto const size = ::read(pipe->read_end.get(), text.data(), text.size());
    REQUIRE(size > 0);
    text.resize(static_cast<std::size_t>(size));
    std::string expected;
    for (int i = 0; i < 40; ++i)
        expected += "one line of text\n";
    CHECK(text == expected);
}

} // namespace
} // namespace minivisor
