// SPDX-License-Identifier: GPL-3.0-or-later
#include "hmp/session.hpp"

#include "fake_house.hpp"
#include "qapi/schema/control.hpp"
#include "qapi/schema/machine.hpp"
#include "qapi/schema/misc.hpp"
#include "qapi/schema/run_state.hpp"
#include "util/quietly.hpp"

#include <boost/asio/steady_timer.hpp>
#include <catch2/catch.hpp>

using namespace minivisor;
using namespace minivisor::hmp;

namespace {

void bind_status(FakeHouse& house)
{
    house.bound.bind<qapi::QueryStatus>([]() -> Result<qapi::StatusInfo> {
        return qapi::StatusInfo{true, false, qapi::RunState::running};
    });
}

} // namespace

TEST_CASE("a session greets with the banner and the prompt")
{
    FakeHouse house;
    FakeWire wire;
    auto const session = session_factory()(house, wire);
    session->start();
    CHECK(wire.sent == "QEMU 7.2.0 monitor - type 'help' for more information\r\n(qemu) ");
}

TEST_CASE("a line is echoed and answered, and the prompt comes back")
{
    Conversation talk;
    bind_status(talk.house);
    CHECK(talk.feed("info st") == "");
    CHECK(talk.feed("atus\n") == "info status\r\nVM status: running\r\n(qemu) ");
    CHECK(talk.feed("info status\r") == "info status\r\nVM status: running\r\n(qemu) ");
}

TEST_CASE("a carriage return with its line feed ends one line")
{
    Conversation talk;
    bind_status(talk.house);
    CHECK(talk.feed("info status\r\ninfo status\r\n")
        == "info status\r\nVM status: running\r\n(qemu) info status\r\nVM status: running\r\n(qemu) ");
    CHECK(talk.feed("\n") == "\r\n(qemu) ");
}

TEST_CASE("empty lines do nothing")
{
    Conversation talk;
    CHECK(talk.ask("") == "");
    CHECK(talk.ask("  \t ") == "");
}

TEST_CASE("what does not exist is named as QEMU names it")
{
    Conversation talk;
    CHECK(talk.ask("frobnicate a b") == "unknown command: 'frobnicate'\r\n");
    CHECK(talk.ask("info nope") == "unknown command: 'info nope'\r\n");
    CHECK(talk.ask("info   nope   x") == "unknown command: 'info   nope'\r\n");
    CHECK(talk.ask("info status;") == "unknown command: 'info status;'\r\n");
    CHECK(talk.ask("info/x") == "unknown command: 'info'\r\n");
    CHECK(talk.ask("foo/bar") == "unknown command: 'foo'\r\n");
    CHECK(talk.ask("/") == "unknown command: ''\r\n");
}

TEST_CASE("an argument error names the command and points to its help as it was typed")
{
    Conversation talk;
    CHECK(talk.ask("quit now")
        == "quit|q: extraneous characters at the end of line\r\nTry \"help quit\" for more information\r\n");
    CHECK(talk.ask("s x")
        == "stop|s: extraneous characters at the end of line\r\nTry \"help s\" for more information\r\n");
    CHECK(talk.ask("info status/x")
        == "status: extraneous characters at the end of line\r\nTry \"help info status\" for more information\r\n");
    CHECK(talk.ask("object_del \"a")
        == "unterminated string\r\nobject_del: string expected\r\nTry \"help object_del\" for more information\r\n");
}

TEST_CASE("control characters are dropped and backspace takes back")
{
    Conversation talk;
    bind_status(talk.house);
    CHECK(talk.feed("info\x01 statuX\x7fs\x1b\n") == "info status\r\nVM status: running\r\n(qemu) ");
    CHECK(talk.feed("\b\b\n") == "\r\n(qemu) ");
}

TEST_CASE("a line past the limit is refused and the next one is read")
{
    Conversation talk;
    bind_status(talk.house);
    std::string const longest = "info status" + std::string(max_line - 11, ' ');
    CHECK(talk.ask(longest) == "VM status: running\r\n");
    auto const answer = talk.feed(longest + " \n");
    CHECK(answer.ends_with("The line is longer than 4095 characters and was not run\r\n(qemu) "));
    CHECK(talk.ask("info status") == "VM status: running\r\n");
}

TEST_CASE("thousands of lines at once are answered one by one")
{
    Conversation talk;
    std::string lines;
    std::string answers;
    for (int i = 0; i < 20000; ++i) {
        lines += "y\n";
        answers += "y\r\nunknown command: 'y'\r\n(qemu) ";
    }
    CHECK(talk.feed(lines) == answers);
}

TEST_CASE("commands run one after the other, and no input is wanted while one runs")
{
    Conversation talk;
    bind_status(talk.house);
    boost::asio::steady_timer gate(talk.wire.io, boost::asio::steady_timer::time_point::max());
    talk.house.bound.bind<qapi::Stop>([&gate]() -> boost::asio::awaitable<Result<void>> {
        co_await gate.async_wait(quietly);
        co_return Result<void>();
    });
    CHECK(talk.feed("stop\ninfo status\n") == "");
    CHECK(!talk.session->wants_input());
    auto const before = talk.wire.resumed;
    gate.cancel();
    talk.wire.settle();
    CHECK(talk.wire.take_sent() == "stop\r\n(qemu) info status\r\nVM status: running\r\n(qemu) ");
    CHECK(talk.session->wants_input());
    CHECK(talk.wire.resumed > before);
}

TEST_CASE("when the client goes, the command ends and what was typed ahead is not run")
{
    Conversation talk;
    int asked = 0;
    talk.house.bound.bind<qapi::QueryStatus>(
        [&asked]() -> Result<qapi::StatusInfo> { return ++asked, qapi::StatusInfo{}; });
    boost::asio::steady_timer gate(talk.wire.io, boost::asio::steady_timer::time_point::max());
    talk.house.bound.bind<qapi::Stop>([&gate]() -> boost::asio::awaitable<Result<void>> {
        co_await gate.async_wait(quietly);
        co_return Result<void>();
    });
    talk.feed("stop\ninfo status\n");
    talk.wire.tasks.cancel();
    talk.wire.settle();
    CHECK(talk.wire.tasks.empty());
    CHECK(asked == 0);
}

TEST_CASE("there is no prompt after quit")
{
    Conversation talk;
    bool quit = false;
    talk.house.bound.bind<qapi::Quit>([&quit]() -> Result<void> { return quit = true, Result<void>(); });
    CHECK(talk.feed("q\ninfo status\n") == "q\r\n");
    CHECK(quit);
}

TEST_CASE("human-monitor-command returns the text without echo and prompt")
{
    FakeHouse house;
    FakeWire wire;
    bind_status(house);
    bind_commands(house.bound, house);
    auto const run = [&](qapi::Object arguments) {
        std::string text;
        qapi::CallContext caller;
        wire.spawn([&]() -> boost::asio::awaitable<void> {
            auto running = house.run(*house.bound.find("human-monitor-command"), arguments, caller);
            auto const result = co_await std::move(running);
            text = result ? qapi::str(result->as_string()) : "error: " + result.error().desc();
        });
        wire.settle();
        return text;
    };
    CHECK(run({{"command-line", "info status"}}) == "VM status: running\r\n");
    CHECK(run({{"command-line", "nonsense"}}) == "unknown command: 'nonsense'\r\n");
    CHECK(run({{"command-line", ""}}) == "");
    CHECK(run({{"command-line", "info status"}, {"cpu-index", 0}})
        == "error: Parameter 'cpu-index' expects a CPU number");
}
