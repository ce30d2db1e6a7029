// SPDX-License-Identifier: GPL-3.0-or-later
// Whether it is worth staying awake for a client's next request. Who asks one thing after the other, as scripts do, is
// answered without a sleep and a wake-up in between, which take longer than all the rest (docs/decisions/006).
#pragma once

#include <algorithm>
#include <chrono>

namespace minivisor::monitor {

class Vigil {
public:
    using Time = std::chrono::steady_clock::time_point;
    /// After an answer it lasts so long at most; a request that comes within is a quick one.
    static constexpr std::chrono::microseconds length{200};
    /// So many quick requests in a row come before it, ...
    static constexpr unsigned fewest = 2;
    /// ... or so many once others had the processor meanwhile: who sleeps gets it back earlier.
    static constexpr unsigned most = 1024;

    void answered(Time now) { m_answered = now; }

    void asked(Time now)
    {
        notice_absence(now);
        if (m_watching)
            m_needed = std::max(m_needed - 1, fewest);
        m_watching = false;
        m_quick = now - m_answered < length ? std::min(m_quick + 1, most) : 0;
    }

    /// There is no request yet: whether to look again, at once, or to sleep.
    bool goes_on(Time now)
    {
        notice_absence(now);
        m_watching = m_quick >= m_needed && now - m_answered < length;
        m_looked = now;
        return m_watching;
    }

private:
    void notice_absence(Time now)
    {
        if (m_watching && now - m_looked >= length) {
            m_needed = most;
            m_watching = false;
        }
    }

    Time m_answered{}, m_looked{};
    unsigned m_quick = 0; ///< so many of the last requests were, in a row
    unsigned m_needed = fewest;
    bool m_watching = false;
};

} // namespace minivisor::monitor
