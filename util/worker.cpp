// SPDX-License-Identifier: GPL-3.0-or-later
#include "util/worker.hpp"

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <pthread.h>
#include <system_error>
#include <thread>

namespace minivisor::util {

boost::asio::awaitable<void> Worker::run_call(std::function<void()> const& call)
{
    if (!m_pool)
        m_pool.emplace(m_threads);
    auto there = [](std::function<void()> const& function) -> boost::asio::awaitable<void> {
        function();
        co_return;
    };
    // A cancellation of the caller must not reach the other thread: signals are for one thread only.
    auto running = boost::asio::co_spawn(*m_pool, there(call),
        boost::asio::bind_cancellation_slot(boost::asio::cancellation_slot(), boost::asio::use_awaitable));
    co_await std::move(running);
}

Result<void> run_unattended(std::string name, std::function<void()> function)
{
    try {
        std::thread([name = std::move(name), function = std::move(function)] {
            pthread_setname_np(pthread_self(), name.c_str());
            function();
        }).detach();
    } catch (std::system_error const& failed) {
        return Error::system("Unable to start a thread", failed.code().value());
    }
    return {};
}

} // namespace minivisor::util
