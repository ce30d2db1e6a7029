// SPDX-License-Identifier: GPL-3.0-or-later
// The owner of coroutines: spawns them, cancels them, waits until they are gone. A group must be
// empty when it is destroyed; an exception that leaves a coroutine is a bug and ends the program, but
// for the one by which Asio unwinds a cancelled coroutine.
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/steady_timer.hpp>

#include <functional>
#include <list>

namespace minivisor::util {

class TaskGroup {
public:
    using Task = std::function<boost::asio::awaitable<void>()>;

    explicit TaskGroup(boost::asio::any_io_executor executor);
    ~TaskGroup();
    TaskGroup(TaskGroup const&) = delete;
    TaskGroup& operator=(TaskGroup const&) = delete;

    boost::asio::any_io_executor const& executor() const { return m_executor; }
    /// Starts the coroutine that `task` makes; the callable is kept until it has ended.
    void spawn(Task task);
    /// Asks every coroutine to end (terminal cancellation).
    void cancel();
    bool empty() const { return m_running.empty(); }
    /// Returns when the group is empty.
    boost::asio::awaitable<void> join();

private:
    struct Running {
        Task task;
        bool cancelled = false;
        boost::asio::cancellation_signal signal;
    };

    boost::asio::any_io_executor m_executor;
    std::list<Running> m_running;
    boost::asio::steady_timer m_emptied;
};

} // namespace minivisor::util
