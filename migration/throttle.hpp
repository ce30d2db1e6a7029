// SPDX-License-Identifier: GPL-3.0-or-later
// Decides how much a guest that writes faster than its memory can be sent is slowed down (capability auto-converge,
// with QEMU's rule: twice in a row more than a share of what was sent in the period has become dirty again).
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>

namespace minivisor::migration {

struct ThrottleOptions {
    bool enabled = false;
    int initial = 20, increment = 10, maximum = 99; ///< percent
    int trigger = 50; ///< how many percent of the bytes sent may become dirty again
    bool tailslow = false; ///< in the end no more than is needed
};

class Throttle {
public:
    using Clock = std::chrono::steady_clock;

    /// `apply` slows the guest by so many percent; 0 not at all.
    Throttle(ThrottleOptions options, std::function<void(int percent)> apply, Clock::time_point now);
    /// The guest is as fast as ever.
    ~Throttle();
    Throttle(Throttle const&) = delete;
    Throttle& operator=(Throttle const&) = delete;

    /// After each look at the dirty log: bytes sent so far, and bytes that have become dirty since the last call.
    void look(std::uint64_t sent, std::uint64_t dirtied, Clock::time_point now);
    int percent() const { return m_percent; }

private:
    void slow_down(std::uint64_t dirtied, std::uint64_t allowed);

    ThrottleOptions m_options;
    std::function<void(int)> m_apply;
    Clock::time_point m_period_began;
    std::uint64_t m_sent_before = 0;
    std::uint64_t m_dirtied = 0;
    int m_times = 0;
    int m_percent = 0;
};

} // namespace minivisor::migration
