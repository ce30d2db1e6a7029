// SPDX-License-Identifier: GPL-3.0-or-later
#include "migration/throttle.hpp"

#include <algorithm>

namespace minivisor::migration {

namespace {

constexpr std::chrono::seconds period{1};

} // namespace

Throttle::Throttle(ThrottleOptions options, std::function<void(int)> apply, Clock::time_point now)
    : m_options(options)
    , m_apply(std::move(apply))
    , m_period_began(now)
{
}

Throttle::~Throttle()
{
    if (m_percent > 0)
        m_apply(0);
}

void Throttle::look(std::uint64_t sent, std::uint64_t dirtied, Clock::time_point now)
{
    m_dirtied += dirtied;
    if (!m_options.enabled || !m_apply || now - m_period_began < period)
        return;
    auto const allowed = (sent - m_sent_before) * static_cast<std::uint64_t>(m_options.trigger) / 100;
    if (m_dirtied > allowed && ++m_times >= 2) {
        m_times = 0;
        slow_down(m_dirtied, allowed);
    }
    m_period_began = now;
    m_sent_before = sent;
    m_dirtied = 0;
}

void Throttle::slow_down(std::uint64_t dirtied, std::uint64_t allowed)
{
    auto step = m_options.increment;
    if (m_percent == 0) {
        step = m_options.initial;
    } else if (m_options.tailslow) {
        // So much of the guest's time may go on, for its writes to be just allowed.
        auto const ideal
            = 100 - static_cast<int>((100 - m_percent) * static_cast<double>(allowed) / static_cast<double>(dirtied));
        step = std::clamp(ideal - m_percent, 1, m_options.increment);
    }
    m_percent = std::min(m_percent + step, m_options.maximum);
    m_apply(m_percent);
}

} // namespace minivisor::migration
