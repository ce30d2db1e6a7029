// SPDX-License-Identifier: GPL-3.0-or-later
// How far an outgoing migration has come: counters that its thread keeps and any thread reads at any
// time (query-migrate's "ram" and its times). Each is true by itself; together they are of about one moment.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>

namespace minivisor::migration {

struct Progress {
    using Clock = std::chrono::steady_clock;

    /// Bytes written to the channel, all of them.
    std::atomic<std::uint64_t> transferred{0};
    /// Guest RAM in bytes: still to be sent, and all of it.
    std::atomic<std::uint64_t> remaining{0};
    std::atomic<std::uint64_t> total{0};
    /// Pages: all zero, and with content.
    std::atomic<std::uint64_t> duplicate{0};
    std::atomic<std::uint64_t> normal{0};
    std::atomic<std::uint64_t> dirty_sync_count{0};
    /// Pages the guest wrote in the last second or so, for a second.
    std::atomic<std::uint64_t> dirty_pages_rate{0};
    std::atomic<std::uint64_t> pages_per_second{0};
    /// How much the guest is slowed down.
    std::atomic<int> throttle_percent{0};
    /// Megabits (10^6) a second of late, or of the whole when it is over.
    std::atomic<double> mbps{0};

    /// In milliseconds. downtime is there once the guest was let go of.
    std::atomic<std::uint64_t> setup_ms{0};
    std::atomic<std::uint64_t> expected_downtime_ms{0};
    std::atomic<std::uint64_t> downtime_ms{0};

    /// transferred, parted by the guest's stop.
    std::uint64_t precopy_bytes() const { return stopped.load() ? sent_at_stop.load() : transferred.load(); }
    std::uint64_t downtime_bytes() const { return stopped.load() ? transferred.load() - sent_at_stop.load() : 0; }
    /// From the start until now, or until the end.
    std::uint64_t total_ms() const
    {
        auto const from = began.load();
        auto const to = ended.load();
        if (from == Clock::time_point{})
            return 0;
        return milliseconds((to == Clock::time_point{} ? Clock::now() : to) - from);
    }

    static std::uint64_t milliseconds(Clock::duration duration)
    {
        return static_cast<std::uint64_t>(std::chrono::duration_cast<std::chrono::milliseconds>(duration).count());
    }

    std::atomic<Clock::time_point> began{Clock::time_point{}};
    std::atomic<Clock::time_point> ended{Clock::time_point{}};
    std::atomic<bool> stopped{false};
    std::atomic<std::uint64_t> sent_at_stop{0};
};

} // namespace minivisor::migration
