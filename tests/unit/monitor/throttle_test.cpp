// SPDX-License-Identifier: GPL-3.0-or-later
// Facts: QEMU's docs/interop/qmp-spec, section 2.5 (events that are limited).
#include "monitor/throttle.hpp"

#include <boost/asio/io_context.hpp>
#include <catch2/catch.hpp>

namespace minivisor::monitor {
namespace {

struct News {
    std::string who;
    std::int64_t number = 0;
};
BOOST_DESCRIBE_STRUCT(News, (), (who, number))
constexpr auto docs(News const*) { return qapi::members({{"who", ""}, {"number", ""}}); }
struct Always : qapi::Event<"ALWAYS", News> {
    static constexpr std::string_view summary = "Never held back.";
};
struct Rare : qapi::Event<"RARE", News> {
    static constexpr std::string_view summary = "Held back.";
    static constexpr qapi::EventRate rate{1};
};
struct Keyed : qapi::Event<"KEYED", News> {
    static constexpr std::string_view summary = "Held back for each.";
    static constexpr qapi::EventRate rate{1, "who"};
};

struct Gate {
    Gate()
    {
        registry.declare_event<Always>();
        registry.declare_event<Rare>();
        registry.declare_event<Keyed>();
        kept = bus.subscribe([this](qapi::EventRecord const& event) { throttle.take(event); });
    }
    /// What has passed since the last time: "RARE a1, KEYED b2".
    std::string passed() { return std::exchange(text, {}); }
    /// Until no period runs any more.
    std::string later()
    {
        io.restart();
        io.run();
        return passed();
    }

    boost::asio::io_context io;
    qapi::Registry registry;
    qapi::EventBus bus{registry};
    std::string text;
    Throttle throttle{io.get_executor(), registry, [this](qapi::EventRecord const& event) {
                          auto const news = *qapi::decode<News>(event.data);
                          text
                              += (text.empty() ? "" : ", ") + event.name + " " + news.who + std::to_string(news.number);
                      }};
    qapi::EventBus::Subscription kept;
};

TEST_CASE("throttle: an event without a rate always passes")
{
    Gate gate;
    for (int i = 0; i < 3; ++i)
        gate.bus.emit<Always>({"a", i});
    CHECK(gate.passed() == "ALWAYS a0, ALWAYS a1, ALWAYS a2");
    CHECK(gate.later().empty());
}

TEST_CASE("throttle: the first passes at once, and of those in the period the newest at its end")
{
    Gate gate;
    for (int i = 0; i < 4; ++i)
        gate.bus.emit<Rare>({"a", i});
    CHECK(gate.passed() == "RARE a0");
    CHECK(gate.later() == "RARE a3");
    gate.bus.emit<Rare>({"b", 9});
    CHECK(gate.passed() == "RARE b9");
    CHECK(gate.later().empty());
}

TEST_CASE("throttle: kinds of an event are held apart by its keys")
{
    Gate gate;
    gate.bus.emit<Keyed>({"a", 1});
    gate.bus.emit<Keyed>({"b", 2});
    gate.bus.emit<Keyed>({"a", 3});
    gate.bus.emit<Rare>({"a", 4});
    CHECK(gate.passed() == "KEYED a1, KEYED b2, RARE a4");
    CHECK(gate.later() == "KEYED a3");
}

TEST_CASE("throttle: beyond a number of kinds all that come share one")
{
    Gate gate;
    for (std::size_t i = 0; i < Throttle::max_kinds; ++i)
        gate.bus.emit<Keyed>({"kind" + std::to_string(i), 0});
    gate.passed();
    gate.bus.emit<Keyed>({"x", 1});
    gate.bus.emit<Keyed>({"y", 2});
    gate.bus.emit<Keyed>({"kind0", 3});
    CHECK(gate.passed() == "KEYED x1");
    auto const rest = gate.later();
    CHECK(rest.find("KEYED y2") != std::string::npos);
    CHECK(rest.find("KEYED kind03") != std::string::npos);
}

TEST_CASE("throttle: what is held back when it stops is dropped")
{
    Gate gate;
    gate.bus.emit<Rare>({"a", 1});
    gate.bus.emit<Rare>({"a", 2});
    gate.passed();
    gate.throttle.stop();
    CHECK(gate.later().empty());
}

} // namespace
} // namespace minivisor::monitor
