// SPDX-License-Identifier: GPL-3.0-or-later
// Precompiled: std, the JSON value and Asio.
#ifndef MINIVISOR_PCH_ASIO
#define MINIVISOR_PCH_ASIO
#include "pch/json.hpp"
#include <boost/asio.hpp>
#include <boost/asio/experimental/awaitable_operators.hpp>
#endif
