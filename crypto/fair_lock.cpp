// SPDX-License-Identifier: GPL-3.0-or-later
#include "crypto/fair_lock.hpp"

namespace minivisor::crypto {

void FairLock::lock()
{
    std::unique_lock guard(m_mutex);
    auto const ticket = m_next_ticket++;
    m_turn_came.wait(guard, [&] { return m_now_serving == ticket; });
}

void FairLock::unlock()
{
    std::lock_guard const guard(m_mutex);
    ++m_now_serving;
    m_turn_came.notify_all();
}

} // namespace minivisor::crypto
