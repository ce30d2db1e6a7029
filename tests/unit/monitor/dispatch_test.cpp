// SPDX-License-Identifier: GPL-3.0-or-later
#include "monitor/commands.hpp"
#include "monitor/dispatch.hpp"
#include "qapi/json.hpp"
#include "util/fd_sets.hpp"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <catch2/catch.hpp>

#include <stdexcept>

namespace minivisor::monitor {
namespace {

struct Word {
    std::string word;
};
BOOST_DESCRIBE_STRUCT(Word, (), (word))
constexpr auto docs(Word const*) { return qapi::members({{"word", "any"}}); }
struct Echo : qapi::Command<"echo", Word, std::string> {
    static constexpr qapi::CommandInfo info{.summary = "Say it."};
};
struct Later : qapi::Command<"later", Word, std::string> {
    static constexpr qapi::CommandInfo info{.summary = "Say it in a coroutine."};
};
struct Missing : qapi::Command<"missing", Word, std::string> {
    static constexpr qapi::CommandInfo info{.summary = "Not bound."};
};

std::string answer(Word const& word)
{
    if (word.word == "throw")
        throw std::runtime_error("oops");
    return word.word;
}

std::string shown(qapi::Value const& value) { return qapi::to_json(value); }
std::string shown(std::string const& value) { return value; }

template <typename T>
boost::asio::awaitable<void> note_outcome(boost::asio::awaitable<Result<T>> running, std::string& text)
{
    auto const outcome = co_await std::move(running);
    text = outcome ? shown(*outcome) : "! " + outcome.error().desc();
}

struct Desk {
    Desk()
    {
        registry.bind<Echo>([](Word word) -> Result<std::string> { return answer(word); });
        registry.bind<Later>([](Word word) -> boost::asio::awaitable<Result<std::string>> { co_return answer(word); });
        bind_commands(registry, sets, [this] { ++quits; });
    }
    std::string run(std::string_view name, qapi::Value arguments)
    {
        std::string text = "unanswered";
        boost::asio::co_spawn(io,
            note_outcome(dispatcher.run(*registry.find(name), std::move(arguments), context), text),
            boost::asio::detached);
        io.restart();
        io.run();
        return text;
    }
    template <typename C>
    std::string call(Word word)
    {
        std::string text = "unanswered";
        boost::asio::co_spawn(
            io, note_outcome(dispatcher.call<C>(std::move(word), context), text), boost::asio::detached);
        io.restart();
        io.run();
        return text;
    }

    boost::asio::io_context io;
    qapi::Registry registry;
    qapi::EventBus bus{registry};
    Dispatcher dispatcher{registry, bus};
    util::FdSets sets;
    qapi::CallContext context;
    int quits = 0;
};

TEST_CASE("dispatch: plain and coroutine handlers answer alike")
{
    Desk house;
    for (auto const* name : {"echo", "later"}) {
        CHECK(house.run(name, qapi::Object{{"word", "a"}}) == "\"a\"");
        CHECK(house.run(name, qapi::Object()) == "! Parameter 'word' is missing");
    }
}

TEST_CASE("dispatch: an exception in a handler is told to the client, and the house lives")
{
    Desk house;
    for (auto const* name : {"echo", "later"}) {
        CHECK(house.run(name, qapi::Object{{"word", "throw"}}) == "! internal error: oops");
        CHECK(house.run(name, qapi::Object{{"word", "b"}}) == "\"b\"");
    }
}

TEST_CASE("dispatch: the typed door encodes, decodes and knows what is not bound")
{
    Desk house;
    CHECK(house.call<Echo>({"a"}) == "a");
    CHECK(house.call<Later>({"b"}) == "b");
    CHECK(house.call<Missing>({"c"}) == "! The command missing has not been found");
}

TEST_CASE("add-fd: a descriptor that came goes into a set, and is listed and removed there")
{
    Desk house;
    CHECK(house.run("add-fd", qapi::Object()) == "! No file descriptor supplied via SCM_RIGHTS");
    util::FdTable table;
    house.context.descriptors = &table;
    table.received(std::move(util::make_pipe()->read_end));
    table.received(std::move(util::make_pipe()->read_end));
    auto const first = house.run("add-fd", qapi::Object{{"opaque", "text"}});
    CHECK(first.starts_with("{\"fdset-id\": 0, \"fd\": "));
    CHECK(house.run("add-fd", qapi::Object{{"fdset-id", 4}}).starts_with("{\"fdset-id\": 4, \"fd\": "));
    CHECK(house.run("add-fd", qapi::Object()) == "! No file descriptor supplied via SCM_RIGHTS");
    auto const listed = house.run("query-fdsets", qapi::Object());
    CHECK(listed.starts_with("[{\"fdset-id\": 4, \"fds\": [{\"fd\": "));
    CHECK(listed.ends_with("\"opaque\": \"text\"}]}]"));
    CHECK(house.run("remove-fd", qapi::Object{{"fdset-id", 4}}) == "{}");
    CHECK(house.run("remove-fd", qapi::Object{{"fdset-id", 4}}) == "! File descriptor named 'fdset-id:4' not found");
}

TEST_CASE("getfd and closefd: a descriptor that came is named, once, and closed by its name")
{
    Desk house;
    auto const name = [](char const* fdname) { return qapi::Object{{"fdname", fdname}}; };
    CHECK(house.run("getfd", name("a")) == "! No file descriptor supplied via SCM_RIGHTS");
    util::FdTable table;
    house.context.descriptors = &table;
    CHECK(house.run("getfd", name("a")) == "! No file descriptor supplied via SCM_RIGHTS");
    table.received(std::move(util::make_pipe()->read_end));
    CHECK(house.run("getfd", name("1a")).starts_with("! "));
    table.received(std::move(util::make_pipe()->read_end));
    CHECK(house.run("getfd", name("a")) == "{}");
    CHECK(house.run("closefd", name("a")) == "{}");
    CHECK(house.run("closefd", name("a")).starts_with("! "));
}

TEST_CASE("quit: is passed on")
{
    Desk house;
    CHECK(house.run("quit", qapi::Object()) == "{}");
    CHECK(house.quits == 1);
}

} // namespace
} // namespace minivisor::monitor
