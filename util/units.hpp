// SPDX-License-Identifier: GPL-3.0-or-later
// Multiples of a byte.
#pragma once

#include <cstdint>

namespace minivisor::util {

inline constexpr std::uint64_t kib = std::uint64_t{1} << 10;
inline constexpr std::uint64_t mib = std::uint64_t{1} << 20;
inline constexpr std::uint64_t gib = std::uint64_t{1} << 30;

} // namespace minivisor::util
