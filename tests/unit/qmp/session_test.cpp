// SPDX-License-Identifier: GPL-3.0-or-later
// Facts: qmp-surface sections 2.1 to 2.5.
#include "qmp/qmp.hpp"
#include "tests/support/fake_house.hpp"
#include "util/quietly.hpp"
#include "util/text.hpp"

#include <catch2/catch.hpp>

namespace minivisor::qmp {
namespace {

struct Word {
    std::string word;
};
BOOST_DESCRIBE_STRUCT(Word, (), (word))
constexpr auto docs(Word const*) { return qapi::members({{"word", "any"}}); }
struct Echo : qapi::Command<"echo", Word, std::string> {
    static constexpr qapi::CommandInfo info{.summary = "Say it."};
};
struct Slow : qapi::Command<"slow", Word, std::string> {
    static constexpr qapi::CommandInfo info{.summary = "Say it when the test lets it."};
};
struct Urgent : qapi::Command<"urgent"> {
    static constexpr qapi::CommandInfo info{.summary = "May overtake.", .allow_oob = true};
};
struct Bell : qapi::Event<"BELL", Word> {
    static constexpr std::string_view summary = "A bell.";
};

constexpr auto negotiate = R"({"execute": "qmp_capabilities"})";
constexpr auto negotiated = "{\"return\": {}}\r\n";

std::string error(std::string_view error_class, std::string_view desc)
{
    return "{\"error\": {\"class\": \"" + std::string(error_class) + "\", \"desc\": \"" + std::string(desc)
        + "\"}}\r\n";
}

std::string generic(std::string_view desc) { return error("GenericError", desc); }

struct Talk {
    explicit Talk(SessionOptions options = {})
    {
        bind_commands(house.bound);
        house.bound.declare_event<Bell>();
        house.bound.bind<Echo>([](Word word) -> Result<std::string> {
            if (word.word == "bad")
                return Error::device_not_found("bad word");
            return word.word;
        });
        house.bound.bind<Urgent>([]() -> Result<void> { return {}; });
        house.bound.bind<Slow>([this](Word word) -> boost::asio::awaitable<Result<std::string>> {
            ++started;
            co_await gate.async_wait(quietly);
            co_return word.word;
        });
        session = session_factory(options)(house, wire);
        session->start();
    }
    ~Talk() { wire.end_tasks(); }
    std::string feed(std::string_view bytes)
    {
        session->feed(bytes);
        wire.settle();
        return wire.take_sent();
    }
    /// Past greeting and negotiation.
    Talk& ready(std::string_view how = negotiate)
    {
        wire.take_sent();
        CHECK(feed(how) == negotiated);
        return *this;
    }
    /// Lets slow commands that wait go on; what is sent then.
    std::string open_gate()
    {
        gate.cancel();
        wire.settle();
        return wire.take_sent();
    }
    void ring()
    {
        auto const kept = house.bus.subscribe([this](qapi::EventRecord const& record) { session->deliver(record); });
        house.bus.emit<Bell>({"ding"});
    }

    test::FakeHouse house;
    test::FakeWire wire;
    boost::asio::steady_timer gate{wire.io, boost::asio::steady_timer::time_point::max()};
    int started = 0;
    std::unique_ptr<monitor::Session> session;
};

constexpr auto with_oob = R"({"execute": "qmp_capabilities", "arguments": {"enable": ["oob"]}})";

TEST_CASE("qmp: the greeting tells version and capabilities")
{
    Talk talk;
    auto const greeting = talk.wire.take_sent();
    CHECK(greeting.starts_with(
        R"({"QMP": {"version": {"qemu": {"major": 7, "minor": 2, "micro": 0}, "package": " (minivisor )"));
    CHECK(greeting.ends_with(R"(, "capabilities": ["oob"]}})"
                             "\r\n"));
}

TEST_CASE("qmp: before negotiation every other command, known or not, is refused")
{
    Talk talk;
    talk.wire.take_sent();
    auto const refusal = error("CommandNotFound", "Expecting capabilities negotiation with 'qmp_capabilities'");
    CHECK(talk.feed(R"({"execute": "echo", "arguments": {"word": "a"}})") == refusal);
    CHECK(talk.feed(R"({"execute": "no-such"})") == refusal);
    CHECK(talk.feed(R"({"execute": "qmp_capabilities", "arguments": {"enable": ["foo"]}})")
        == generic("Parameter 'null' does not accept value 'foo'"));
    CHECK(talk.feed(R"({"execute": "echo"})") == refusal);
    CHECK(talk.feed(negotiate) == negotiated);
    CHECK(talk.feed(negotiate)
        == error("CommandNotFound", "Capabilities negotiation is already complete, command ignored"));
}

TEST_CASE("qmp: negotiation counts for the texts behind it in the same bytes")
{
    Talk talk;
    talk.wire.take_sent();
    CHECK(talk.feed(std::string(with_oob)
              + R"({"exec-oob": "urgent", "id": 1}{"execute": "echo", "arguments": {"word": "a"}})")
        == "{\"return\": {}}\r\n{\"return\": {}, \"id\": 1}\r\n{\"return\": \"a\"}\r\n");
}

TEST_CASE("qmp: a request acts at its closing brace, in pieces of any size")
{
    Talk talk;
    talk.ready();
    std::string all;
    for (char const c : std::string_view("{'execute':\n'echo',\r\n 'arguments': {'word': 'x'}}"))
        all += talk.feed({&c, 1});
    CHECK(all == "{\"return\": \"x\"}\r\n");
}

TEST_CASE("qmp: the id comes back untouched, with errors in front of them, and only if given")
{
    Talk talk;
    talk.ready();
    CHECK(talk.feed(R"({"execute": "echo", "id": {"a": [1, null]}, "arguments": {"word": "w"}})")
        == "{\"return\": \"w\", \"id\": {\"a\": [1, null]}}\r\n");
    CHECK(talk.feed(R"({"execute": "echo", "id": null, "arguments": {"word": "bad"}})")
        == "{\"id\": null, \"error\": {\"class\": \"DeviceNotFound\", \"desc\": \"bad word\"}}\r\n");
    CHECK(talk.feed(R"({"id": "x"})")
        == "{\"id\": \"x\", \"error\": {\"class\": \"GenericError\", \"desc\": \"QMP input lacks member "
           "'execute'\"}}\r\n");
}

TEST_CASE("qmp: each malformed request has its sentence")
{
    Talk talk;
    talk.ready();
    CHECK(talk.feed("[]") == generic("QMP input must be a JSON object"));
    CHECK(talk.feed("{}") == generic("QMP input lacks member 'execute'"));
    CHECK(talk.feed(R"({"execute": 1})") == generic("QMP input member 'execute' must be a string"));
    CHECK(talk.feed(R"({"execute": "echo", "arguments": 1})")
        == generic("QMP input member 'arguments' must be an object"));
    CHECK(talk.feed(R"({"execute": "echo", "foo": 1})") == generic("QMP input member 'foo' is unexpected"));
    CHECK(talk.feed(R"({"exec-oob": "urgent"})") == generic("QMP input member 'exec-oob' is unexpected"));
    CHECK(talk.feed(R"({"execute": "foo"})") == error("CommandNotFound", "The command foo has not been found"));
    CHECK(talk.feed(R"({"execute": "echo"})") == generic("Parameter 'word' is missing"));
    CHECK(talk.feed(R"({"execute": "echo", "arguments": {"word": "a", "x": 1}})")
        == generic("Parameter 'x' is unexpected"));
    CHECK(talk.feed("{'a': 1,}\n")
              .starts_with("{\"error\": {\"class\": \"GenericError\", \"desc\": \"JSON parse error, "));
}

TEST_CASE("qmp: errors and replies come in the order of the requests")
{
    Talk talk;
    talk.ready();
    CHECK(
        talk.feed(
            R"({"execute": "slow", "id": 1, "arguments": {"word": "s"}} [] {"execute": "echo", "id": 2, "arguments": {"word": "e"}} {"execute": "foo", "id": 3})")
        == "");
    CHECK(talk.open_gate()
        == "{\"return\": \"s\", \"id\": 1}\r\n" + generic("QMP input must be a JSON object")
            + "{\"return\": \"e\", \"id\": 2}\r\n"
            + "{\"id\": 3, \"error\": {\"class\": \"CommandNotFound\", \"desc\": \"The command foo has not been "
              "found\"}}\r\n");
}

TEST_CASE("qmp: a slow command keeps the next one waiting, and reading stops when one waits")
{
    Talk talk;
    talk.ready();
    CHECK(talk.session->wants_input());
    talk.feed(R"({"execute": "slow", "id": 1, "arguments": {"word": "a"}})");
    CHECK(talk.session->wants_input());
    talk.feed(R"({"execute": "slow", "id": 2, "arguments": {"word": "b"}})");
    CHECK_FALSE(talk.session->wants_input());
    CHECK(talk.started == 1);
    auto const resumed = talk.wire.resumed;
    CHECK(talk.open_gate() == "{\"return\": \"a\", \"id\": 1}\r\n");
    CHECK(talk.started == 2);
    CHECK(talk.session->wants_input());
    CHECK(talk.wire.resumed > resumed);
    CHECK(talk.open_gate() == "{\"return\": \"b\", \"id\": 2}\r\n");
}

TEST_CASE("qmp: with oob, urgent requests overtake and eight more may wait")
{
    Talk talk;
    talk.ready(with_oob);
    talk.feed(R"({"execute": "slow", "id": 1, "arguments": {"word": "a"}})");
    for (std::size_t i = 0; i < Session::max_queued; ++i) {
        CHECK(talk.session->wants_input());
        talk.feed(R"({"execute": "echo", "id": "q", "arguments": {"word": "e"}})");
        if (i == 0)
            CHECK(talk.feed(R"({"exec-oob": "urgent", "id": "now"})") == "{\"return\": {}, \"id\": \"now\"}\r\n");
        if (i == 1)
            CHECK(talk.feed(R"({"exec-oob": "echo", "id": "now"})")
                == "{\"id\": \"now\", \"error\": {\"class\": \"GenericError\", \"desc\": \"The command echo does not "
                   "support OOB\"}}\r\n");
    }
    CHECK_FALSE(talk.session->wants_input());
    CHECK(talk.open_gate().starts_with("{\"return\": \"a\", \"id\": 1}\r\n{\"return\": \"e\", \"id\": \"q\"}\r\n"));
    CHECK(talk.session->wants_input());
}

TEST_CASE("qmp: with a full queue nothing more is read, out-of-band requests in the same bytes included")
{
    Talk talk;
    talk.ready(with_oob);
    std::string text = R"({"execute": "slow", "id": 1, "arguments": {"word": "a"}})";
    for (std::size_t i = 0; i < Session::max_queued; ++i)
        text += R"({"execute": "slow", "id": "q", "arguments": {"word": "b"}})";
    CHECK(talk.feed(text + R"({"exec-oob": "urgent", "id": "now"}{"execute": "echo", "arguments": {"word": "e"}})")
        == "");
    CHECK_FALSE(talk.session->wants_input());
    // The first is done, the second begins, and so there is room for what is behind the eighth.
    CHECK(talk.open_gate() == "{\"return\": \"a\", \"id\": 1}\r\n{\"return\": {}, \"id\": \"now\"}\r\n");
    std::string rest;
    for (std::size_t i = 0; i < Session::max_queued; ++i)
        rest += talk.open_gate();
    CHECK(rest.ends_with("{\"return\": \"b\", \"id\": \"q\"}\r\n{\"return\": \"e\"}\r\n"));
    CHECK(talk.session->wants_input());
}

TEST_CASE("qmp: without oob one request may wait, and what is behind it in the same bytes is not read")
{
    Talk talk;
    talk.ready();
    std::string text = R"({"execute": "slow", "id": 0, "arguments": {"word": "a"}})";
    for (int i = 1; i <= 1000; ++i)
        text += cat(R"({"execute": "echo", "id": )", i, R"(, "arguments": {"word": "e"}} [nul] )");
    CHECK(talk.feed(text) == "");
    CHECK_FALSE(talk.session->wants_input());
    auto const all = talk.open_gate();
    CHECK(all.starts_with("{\"return\": \"a\", \"id\": 0}\r\n{\"return\": \"e\", \"id\": 1}\r\n{\"error\": "));
    CHECK(all.find("{\"return\": \"e\", \"id\": 1000}\r\n{\"error\": ") != std::string::npos);
    CHECK(talk.session->wants_input());
}

TEST_CASE("qmp: with oob, execute and exec-oob together are refused")
{
    Talk talk;
    talk.ready(with_oob);
    CHECK(talk.feed(R"({"execute": "echo", "exec-oob": "urgent"})").find("error") != std::string::npos);
}

TEST_CASE("qmp: events come only after negotiation")
{
    Talk talk;
    talk.wire.take_sent();
    talk.ring();
    CHECK(talk.wire.take_sent() == "");
    talk.ready();
    talk.ring();
    auto const event = talk.wire.take_sent();
    CHECK(event.starts_with(R"({"timestamp": {"seconds": )"));
    CHECK(event.ends_with("}, \"event\": \"BELL\", \"data\": {\"word\": \"ding\"}}\r\n"));
}

TEST_CASE("qmp: pretty replies take several lines")
{
    Talk talk({.pretty = true});
    CHECK(talk.wire.take_sent().starts_with("{\r\n    \"QMP\": {\r\n        \"version\": {\r\n"));
    CHECK(talk.feed(R"({"execute": "qmp_capabilities", "id": 1})")
        == "{\r\n    \"return\": {\r\n    },\r\n    \"id\": 1\r\n}\r\n");
}

TEST_CASE("qmp: the commands about QMP itself answer what is bound")
{
    Talk talk;
    talk.ready();
    CHECK(talk.feed(R"({"execute": "query-commands"})")
        == "{\"return\": [{\"name\": \"__org.minivisor_query-command-schema\"}, {\"name\": \"echo\"}, {\"name\": "
           "\"qmp_capabilities\"}, {\"name\": \"query-commands\"}, "
           "{\"name\": \"query-qmp-schema\"}, {\"name\": \"query-version\"}, {\"name\": \"slow\"}, {\"name\": "
           "\"urgent\"}]}\r\n");
    CHECK(talk.feed(R"({"execute": "query-version"})").find(R"("major": 7, "minor": 2, "micro": 0)")
        != std::string::npos);
}

} // namespace
} // namespace minivisor::qmp
