// SPDX-License-Identifier: GPL-3.0-or-later
#include "hmp/console_pause.hpp"

#include "util/quietly.hpp"

#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>

namespace minivisor::hmp {

namespace asio = boost::asio;

asio::awaitable<bool> pause_for(std::chrono::milliseconds time)
{
    auto const cancelled
        = [](asio::cancellation_state const& state) { return state.cancelled() != asio::cancellation_type::none; };
    auto const before = co_await asio::this_coro::cancellation_state;
    if (cancelled(before))
        co_return false;
    asio::steady_timer timer(co_await asio::this_coro::executor, time);
    auto const [error] = co_await timer.async_wait(quietly);
    auto const after = co_await asio::this_coro::cancellation_state;
    co_return !error && !cancelled(after);
}

} // namespace minivisor::hmp
