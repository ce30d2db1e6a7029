// SPDX-License-Identifier: GPL-3.0-or-later
// How coroutines here wait for Asio: what went wrong is the first element of a tuple, and nothing is thrown.
#pragma once

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/use_awaitable.hpp>

namespace minivisor::util {

/// A completion token: `auto [error, count] = co_await stream.async_read_some(buffer, quietly);`
inline constexpr auto quietly = boost::asio::as_tuple(boost::asio::use_awaitable);

} // namespace minivisor::util

namespace minivisor {
using util::quietly;
}
