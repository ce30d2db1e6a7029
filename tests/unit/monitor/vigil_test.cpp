// SPDX-License-Identifier: GPL-3.0-or-later
#include "monitor/vigil.hpp"

#include <catch2/catch.hpp>

namespace minivisor::monitor {
namespace {

using namespace std::chrono_literals;

struct Conversation {
    /// A request so long after the last answer, and its answer at once.
    void ask(std::chrono::microseconds after)
    {
        now += after;
        vigil.asked(now);
        vigil.answered(now);
    }
    bool looks_again(std::chrono::microseconds after)
    {
        now += after;
        return vigil.goes_on(now);
    }

    Vigil vigil;
    Vigil::Time now{1h};
};

TEST_CASE("vigil: a client that asks now and then is awaited asleep")
{
    Conversation client;
    CHECK_FALSE(client.looks_again(1us));
    for (int i = 0; i < 10; ++i) {
        client.ask(1s);
        CHECK_FALSE(client.looks_again(1us));
    }
}

TEST_CASE("vigil: after two quick requests the third is awaited awake, and not for long")
{
    Conversation client;
    client.ask(1s);
    client.ask(50us);
    CHECK_FALSE(client.looks_again(1us));
    client.ask(50us);
    CHECK(client.looks_again(1us));
    CHECK(client.looks_again(198us));
    CHECK_FALSE(client.looks_again(1us));
}

TEST_CASE("vigil: one slow request ends the row")
{
    Conversation client;
    client.ask(1s);
    for (int i = 0; i < 3; ++i)
        client.ask(50us);
    CHECK(client.looks_again(1us));
    client.ask(Vigil::length);
    CHECK_FALSE(client.looks_again(1us));
}

TEST_CASE("vigil: where others take the processor meanwhile, it is held seldom, and more often again when all is well")
{
    Conversation client;
    client.ask(1s);
    for (unsigned i = 0; i < Vigil::fewest; ++i)
        client.ask(50us);
    CHECK(client.looks_again(1us));
    CHECK_FALSE(client.looks_again(4ms)); // somebody else has run
    client.ask(1us);
    for (unsigned i = 1; i < Vigil::most; ++i) {
        client.ask(50us);
        CHECK_FALSE(client.looks_again(1us));
    }
    for (unsigned i = 0; i < Vigil::most; ++i) {
        client.ask(49us);
        CHECK(client.looks_again(1us));
    }
    CHECK_FALSE(client.looks_again(199us));
    client.ask(1s);
    for (unsigned i = 0; i < Vigil::fewest; ++i)
        client.ask(50us);
    CHECK(client.looks_again(1us));
}

} // namespace
} // namespace minivisor::monitor
