// SPDX-License-Identifier: GPL-3.0-or-later
// Precompiled: what nearly every file includes. Files still include what they use.
#ifndef MINIVISOR_PCH_STD
#define MINIVISOR_PCH_STD
#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <thread>
#include <tuple>
#include <unordered_map>
#include <utility>
#include <variant>
#include <vector>
#endif
