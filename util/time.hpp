// SPDX-License-Identifier: GPL-3.0-or-later
// Points in time as text.
#pragma once

#include <chrono>
#include <string>

namespace minivisor::util {

/// "2026-11-22T09:05:16.123456Z": ISO 8601 in UTC, with microseconds.
std::string utc_text(std::chrono::system_clock::time_point time);

} // namespace minivisor::util
