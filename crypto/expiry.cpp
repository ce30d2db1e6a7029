// SPDX-License-Identifier: GPL-3.0-or-later
#include "crypto/expiry.hpp"

#include <array>

namespace minivisor::crypto {

std::optional<int> days_of_warning(std::chrono::sys_seconds end, std::chrono::sys_seconds now)
{
    // A certificate is good in its last second too.
    if (end < now)
        return 0;
    for (int const days : std::array{1, 7, 30})
        if (end - now <= std::chrono::days(days))
            return days;
    return std::nullopt;
}

std::vector<std::size_t> Expiry::due(std::vector<Lasting> const& all, std::chrono::sys_seconds now)
{
    std::vector<std::size_t> list;
    decltype(m_announced) announced;
    for (std::size_t i = 0; i < all.size(); ++i) {
        auto const stage = days_of_warning(all[i].end, now);
        if (!stage)
            continue;
        auto key = std::pair(all[i].creds, all[i].fingerprint);
        auto const before = m_announced.find(key);
        bool const fresh = !announced.contains(key);
        if (fresh && (before == m_announced.end() || *stage < before->second))
            list.push_back(i);
        announced[std::move(key)] = *stage;
    }
    m_announced = std::move(announced);
    return list;
}

} // namespace minivisor::crypto
