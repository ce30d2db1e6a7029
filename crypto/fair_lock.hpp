// SPDX-License-Identifier: GPL-3.0-or-later
// A mutex that serves in the order of asking: std::mutex lets a thread that never pauses take it again and again.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <mutex>

namespace minivisor::crypto {

/// First come, first served. For std::lock_guard; not recursive.
class FairLock {
public:
    void lock();
    void unlock();

private:
    std::mutex m_mutex;
    std::condition_variable m_turn_came;
    std::uint64_t m_next_ticket = 0;
    std::uint64_t m_now_serving = 0;
};

} // namespace minivisor::crypto
