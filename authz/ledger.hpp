// SPDX-License-Identifier: GPL-3.0-or-later
// What an authorization object has answered to those who came: how often, and to whom last with a no.
#pragma once

#include <chrono>
#include <cstdint>
#include <deque>
#include <string>

namespace minivisor::authz {

class Ledger {
public:
    static constexpr std::size_t most_refusals = 16;

    struct Refusal {
        std::chrono::system_clock::time_point time;
        std::string peer;
        std::string identity;
        std::string reason;
    };

    void allowed() { ++m_allowed; }
    /// `error`: the question could not be answered. The oldest refusal makes room where there are too many.
    void refused(Refusal refusal, bool error)
    {
        ++(error ? m_errors : m_denied);
        if (m_refusals.size() == most_refusals)
            m_refusals.pop_front();
        m_refusals.push_back(std::move(refusal));
    }

    std::uint64_t allowed_count() const { return m_allowed; }
    std::uint64_t denied_count() const { return m_denied; }
    std::uint64_t error_count() const { return m_errors; }
    /// Oldest first.
    std::deque<Refusal> const& refusals() const { return m_refusals; }

private:
    std::uint64_t m_allowed = 0;
    std::uint64_t m_denied = 0;
    std::uint64_t m_errors = 0;
    std::deque<Refusal> m_refusals;
};

} // namespace minivisor::authz
