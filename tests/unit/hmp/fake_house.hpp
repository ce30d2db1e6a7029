// SPDX-License-Identifier: GPL-3.0-or-later
// A house with one session in it and no I/O: commands are bound by the test, what the session sends is text.
#pragma once

#include "hmp/hmp.hpp"
#include "util/fd_sets.hpp"
#include "util/task_group.hpp"

#include <boost/asio/io_context.hpp>

#include <string>

namespace minivisor::hmp {

class FakeHouse final : public monitor::House {
public:
    qapi::Registry bound;
    qapi::EventBus bus{bound};

    qapi::Registry const& registry() const override { return bound; }
    qapi::EventBus& events() override { return bus; }
    Result<qapi::Value> run_now(
        qapi::CommandEntry const& command, qapi::Value const& arguments, qapi::CallContext& context) override
    {
        return std::get<qapi::SyncHandler>(command.handler)(arguments, context);
    }
    boost::asio::awaitable<Result<qapi::Value>> run(
        qapi::CommandEntry const& command, qapi::Value arguments, qapi::CallContext& context) override
    {
        if (auto const* now = std::get_if<qapi::SyncHandler>(&command.handler))
            co_return (*now)(arguments, context);
        auto running = std::get<qapi::AsyncHandler>(command.handler)(std::move(arguments), context);
        co_return co_await std::move(running);
    }
};

class FakeWire final : public monitor::Wire {
public:
    boost::asio::io_context io;
    util::TaskGroup tasks{io.get_executor()};
    util::FdTable table;
    std::string sent;
    int resumed = 0;

    ~FakeWire() override
    {
        tasks.cancel();
        settle();
    }

    void send(std::string_view bytes) override { sent += bytes; }
    void close() override { }
    void resume_input() override { ++resumed; }
    void spawn(std::function<boost::asio::awaitable<void>()> task) override { tasks.spawn(std::move(task)); }
    util::FdTable& descriptors() override { return table; }

    /// Runs what can run without waiting.
    void settle()
    {
        io.restart();
        io.poll();
    }
    std::string take_sent() { return std::exchange(sent, {}); }
};

/// A session in line mode over both.
struct Conversation {
    FakeHouse house;
    FakeWire wire;
    std::unique_ptr<monitor::Session> session;

    Conversation()
        : session(session_factory()(house, wire))
    {
        session->start();
        wire.take_sent();
    }
    ~Conversation()
    {
        wire.tasks.cancel();
        wire.settle();
    }

    /// What is sent in answer to these bytes, as far as it comes at once.
    std::string feed(std::string_view bytes)
    {
        session->feed(bytes);
        wire.settle();
        return wire.take_sent();
    }
    /// The answer to a line: without the echo and the prompt, which must be there.
    std::string ask(std::string const& line)
    {
        auto answer = feed(line + "\n");
        auto const echo = line + "\r\n";
        std::string const last = "(qemu) ";
        if (!answer.starts_with(echo) || !answer.ends_with(last))
            return "no echo or no prompt: " + answer;
        return answer.substr(echo.size(), answer.size() - echo.size() - last.size());
    }
};

} // namespace minivisor::hmp
