// SPDX-License-Identifier: GPL-3.0-or-later
#include "migration/rate.hpp"

#include <algorithm>

namespace minivisor::migration {

namespace {

constexpr std::size_t largest_chunk = std::size_t{2} << 20;
constexpr std::size_t smallest_chunk = 512;
constexpr auto look_again = std::chrono::milliseconds(20);
// What an idle sender may save up, in seconds: enough to make good a late wake-up, not a burst.
constexpr double saved_time = 0.05;

} // namespace

std::size_t RateLimiter::chunk() const
{
    auto const rate = limit();
    if (rate == 0)
        return largest_chunk;
    return static_cast<std::size_t>(std::clamp<std::uint64_t>(rate / 50, smallest_chunk, largest_chunk));
}

bool RateLimiter::take(std::size_t bytes)
{
    std::unique_lock lock(m_mutex);
    while (!m_cancelled) {
        auto const now = Clock::now();
        auto const passed = std::chrono::duration<double>(now - m_counted_to).count();
        m_counted_to = now;
        auto const rate = static_cast<double>(limit());
        if (rate == 0) {
            m_balance = 0;
            return true;
        }
        m_balance = std::min(m_balance + passed * rate, saved_time * rate);
        if (m_balance >= 0) {
            m_balance -= static_cast<double>(bytes);
            return true;
        }
        auto const wait = std::chrono::duration<double>(-m_balance / rate);
        m_wake.wait_for(lock, std::min<std::chrono::duration<double>>(wait, look_again));
    }
    return false;
}

void RateLimiter::cancel()
{
    std::lock_guard lock(m_mutex);
    m_cancelled = true;
    m_wake.notify_all();
}

} // namespace minivisor::migration
