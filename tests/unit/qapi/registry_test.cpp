// SPDX-License-Identifier: GPL-3.0-or-later
#include "qapi/event_bus.hpp"
#include "qapi/json.hpp"
#include "qapi/registry.hpp"
#include "tests/unit/qapi/samples.hpp"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <catch2/catch.hpp>

namespace minivisor::qapi {
namespace {

struct Shout : Command<"shout", Wanted, std::string> {
    static constexpr CommandInfo info{.summary = "Shout.", .allow_oob = true};
};
struct Later : Command<"later", Wanted, std::string> {
    static constexpr CommandInfo info{.summary = "Answer later."};
};
struct Nothing : Command<"nothing"> {
    static constexpr CommandInfo info{.summary = "Do nothing."};
};
struct Thing : Event<"THING", Wanted> {
    static constexpr std::string_view summary = "A thing.";
};
struct Bare : Event<"BARE"> {
    static constexpr std::string_view summary = "No data.";
};

std::string shown(Result<Value> const& outcome) { return outcome ? to_json(*outcome) : "! " + outcome.error().desc(); }

std::string call(Registry const& registry, std::string_view name, Value const& arguments)
{
    auto const* entry = registry.find(name);
    REQUIRE(entry);
    CallContext context;
    return shown(std::get<SyncHandler>(entry->handler)(arguments, context));
}

boost::asio::awaitable<void> note_outcome(boost::asio::awaitable<Result<Value>> running, std::string& text)
{
    auto const outcome = co_await std::move(running);
    text = shown(outcome);
}

std::string call_async(Registry const& registry, std::string_view name, Value arguments)
{
    auto const* entry = registry.find(name);
    REQUIRE(entry);
    boost::asio::io_context io;
    CallContext context;
    std::string text = "unanswered";
    auto const& handler = std::get<AsyncHandler>(entry->handler);
    boost::asio::co_spawn(io, note_outcome(handler(std::move(arguments), context), text), boost::asio::detached);
    io.run();
    return text;
}

TEST_CASE("registry: a plain handler gets decoded arguments and its result is encoded")
{
    Registry registry;
    registry.bind<Shout>([](Wanted wanted) -> Result<std::string> {
        if (wanted.uri.empty())
            return Error::device_not_found("nobody hears");
        return wanted.uri + "!";
    });
    CHECK(call(registry, "shout", Object{{"uri", "a"}}) == "\"a!\"");
    CHECK(call(registry, "shout", Object{{"uri", ""}}) == "! nobody hears");
    CHECK(call(registry, "shout", Object{{"uri", 1}}) == "! Invalid parameter type for 'uri', expected: string");
    CHECK(call(registry, "shout", Object()) == "! Parameter 'uri' is missing");
    auto const* entry = registry.find("shout");
    CHECK(entry->info.allow_oob);
    CHECK(entry->arguments == &type_of<Wanted>());
    CHECK(entry->returns == &type_of<std::string>());
}

TEST_CASE("registry: a command that returns nothing answers the empty object, and takes no argument")
{
    Registry registry;
    int calls = 0;
    registry.bind<Nothing>([&]() -> Result<void> { return ++calls, Result<void>(); });
    CHECK(call(registry, "nothing", Object()) == "{}");
    CHECK(call(registry, "nothing", Object{{"x", 1}}) == "! Parameter 'x' is unexpected");
    CHECK(calls == 1);
}

TEST_CASE("registry: a handler may ask for the caller's context")
{
    Registry registry;
    CallContext const* seen = nullptr;
    registry.bind<Nothing>(
        [&](Empty, CallContext& context) -> Result<void> { return seen = &context, Result<void>(); });
    CallContext context;
    REQUIRE(std::get<SyncHandler>(registry.find("nothing")->handler)(Object(), context));
    CHECK(seen == &context);
}

TEST_CASE("registry: a coroutine handler decodes, answers and fails alike")
{
    Registry registry;
    registry.bind<Later>([](Wanted wanted) -> boost::asio::awaitable<Result<std::string>> {
        if (wanted.uri.empty())
            co_return Error::generic("too late");
        co_return wanted.uri;
    });
    CHECK(call_async(registry, "later", Object{{"uri", "b"}}) == "\"b\"");
    CHECK(call_async(registry, "later", Object{{"uri", ""}}) == "! too late");
    CHECK(call_async(registry, "later", Object()) == "! Parameter 'uri' is missing");
}

TEST_CASE("registry: what was not bound or declared is not found")
{
    Registry registry;
    registry.bind<Nothing>([]() -> Result<void> { return {}; });
    registry.declare_event<Thing>();
    registry.close();
    CHECK(registry.find("nothin") == nullptr);
    CHECK(registry.find("") == nullptr);
    CHECK(registry.find_event("thing") == nullptr);
    REQUIRE(registry.find_event("THING") != nullptr);
    CHECK(registry.find_event("THING")->data == &type_of<Wanted>());
    CHECK(registry.commands().size() == 1);
    CHECK(registry.events().size() == 1);
}

struct Bus {
    Bus()
    {
        registry.declare_event<Thing>();
        registry.declare_event<Bare>();
    }
    EventBus::Subscription note(std::string const& who)
    {
        return events.subscribe([this, who](EventRecord const& record) { heard += who + record.name + " "; });
    }
    Registry registry;
    EventBus events{registry};
    std::string heard;
};

TEST_CASE("event_bus: listeners hear in the order in which they came, as long as they are kept")
{
    Bus bus;
    bus.events.emit<Bare>();
    auto first = bus.note("1");
    auto second = bus.note("2");
    bus.events.emit<Bare>();
    first.reset();
    bus.events.emit<Thing>({"x"});
    CHECK(bus.heard == "1BARE 2BARE 2THING ");
}

TEST_CASE("event_bus: a listener may end itself, end others and bring new ones")
{
    Bus bus;
    EventBus::Subscription self, other, fresh;
    self = bus.events.subscribe([&](EventRecord const&) {
        bus.heard += "self ";
        fresh = bus.note("new");
        other.reset();
        self.reset();
    });
    other = bus.note("other");
    bus.events.emit<Bare>();
    CHECK(bus.heard == "self ");
    bus.events.emit<Bare>();
    CHECK(bus.heard == "self newBARE ");
}

TEST_CASE("event_bus: an event on the wire has its time, its name and its data where there is any")
{
    Bus bus;
    std::vector<EventRecord> records;
    auto const kept = bus.events.subscribe([&](EventRecord const& record) { records.push_back(record); });
    bus.events.emit<Thing>({"tcp:"});
    bus.events.emit<Bare>();
    REQUIRE(records.size() == 2);
    records[0].time = std::chrono::system_clock::time_point(std::chrono::microseconds(1500000));
    CHECK(to_json(records[0].to_wire())
        == R"({"timestamp": {"seconds": 1, "microseconds": 500000}, "event": "THING", "data": {"uri": "tcp:"}})");
    CHECK_FALSE(records[1].to_wire().as_object().contains("data"));
}

} // namespace
} // namespace minivisor::qapi
