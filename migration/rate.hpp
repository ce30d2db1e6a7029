// SPDX-License-Identifier: GPL-3.0-or-later
// Bandwidth by the clock: a sender asks before each write and waits its turn. The limit may change at
// any time from any thread and counts from the next 20 ms on.
#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <mutex>

namespace minivisor::migration {

class RateLimiter {
public:
    using Clock = std::chrono::steady_clock;

    /// `bytes_per_second` outlives this; 0 is no limit.
    explicit RateLimiter(std::atomic<std::uint64_t> const& bytes_per_second)
        : m_limit(bytes_per_second)
    {
    }

    /// How many bytes to gather for one write: few enough that a slow stream flows evenly.
    std::size_t chunk() const;
    /// Waits until `bytes` more may go out. False when cancelled.
    bool take(std::size_t bytes);
    /// No limit from now on (the guest stands still and waits).
    void lift() { m_lifted.store(true, std::memory_order_relaxed); }
    /// Ends take() on the other thread, now and later.
    void cancel();

private:
    std::uint64_t limit() const
    {
        return m_lifted.load(std::memory_order_relaxed) ? 0 : m_limit.load(std::memory_order_relaxed);
    }

    std::atomic<std::uint64_t> const& m_limit;
    std::atomic<bool> m_lifted{false};
    std::mutex m_mutex;
    std::condition_variable m_wake;
    bool m_cancelled = false;
    /// Bytes that may go out at once; negative while earlier ones are being paid for. Sender's thread.
    double m_balance = 0;
    Clock::time_point m_counted_to = Clock::now();
};

} // namespace minivisor::migration
