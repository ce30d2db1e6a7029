// SPDX-License-Identifier: GPL-3.0-or-later
// The pause between two looks of a command that shows how something goes on. Here since hmp has no Asio
// but in console*.
#pragma once

#include <boost/asio/awaitable.hpp>

#include <chrono>

namespace minivisor::hmp {

/// False when the coroutine is being cancelled; it should end then.
boost::asio::awaitable<bool> pause_for(std::chrono::milliseconds time);

} // namespace minivisor::hmp
