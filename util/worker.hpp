// SPDX-License-Identifier: GPL-3.0-or-later
// Runs blocking functions off the main thread. Those that end (name look-ups, bulk copies) run in a Worker, and the
// caller awaits the result; a call cannot be cancelled, its coroutine goes on when the function returns. What may never
// end runs unattended.
#pragma once

#include "util/result.hpp"

#include <boost/asio/awaitable.hpp>
#include <boost/asio/thread_pool.hpp>

#include <functional>
#include <optional>
#include <string>

namespace minivisor::util {

class Worker {
public:
    explicit Worker(unsigned threads = 2)
        : m_threads(threads)
    {
    }
    ~Worker()
    {
        if (m_pool)
            m_pool->join();
    }

    /// Runs `function` on another thread. What it refers to must live until it returns.
    template <typename T>
    boost::asio::awaitable<T> run(std::function<T()> function)
    {
        std::optional<T> result;
        std::function<void()> const call = [&function, &result] { result.emplace(function()); };
        auto running = run_call(call);
        co_await std::move(running);
        co_return *std::move(result);
    }

private:
    boost::asio::awaitable<void> run_call(std::function<void()> const& call);

    unsigned m_threads;
    std::optional<boost::asio::thread_pool> m_pool; // made at the first call: most processes need none
};

/// Runs `function`, which throws nothing, on a thread of that name for which nobody waits, not even the program's end:
/// it owns all that it touches.
Result<void> run_unattended(std::string name, std::function<void()> function);

} // namespace minivisor::util
