// SPDX-License-Identifier: GPL-3.0-or-later
// A house and a wire without I/O, for tests of what stands in front of the port monitor/session.hpp: commands are
// bound by the test, what a session sends is text.
#pragma once

#include "monitor/session.hpp"
#include "util/fd_sets.hpp"
#include "util/task_group.hpp"

#include <boost/asio/io_context.hpp>

#include <string>

namespace minivisor::test {

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
    bool closed = false;

    ~FakeWire() override { end_tasks(); }

    void send(std::string_view bytes) override { sent += bytes; }
    void close() override { closed = true; }
    void resume_input() override { ++resumed; }
    void spawn(std::function<boost::asio::awaitable<void>()> task) override { tasks.spawn(std::move(task)); }
    util::FdTable& descriptors() override { return table; }

    /// Runs what can run without waiting.
    void settle()
    {
        io.restart();
        io.poll();
    }
    /// Before the session goes, if it has commands on their way.
    void end_tasks()
    {
        tasks.cancel();
        settle();
    }
    std::string take_sent() { return std::exchange(sent, {}); }
};

} // namespace minivisor::test
