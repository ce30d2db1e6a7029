// SPDX-License-Identifier: GPL-3.0-or-later
#include "authz/rules.hpp"

#include "authz/glob.hpp"
#include "authz/near_miss.hpp"
#include "util/text.hpp"

#include <bit>
#include <cassert>
#include <functional>
#include <limits>

namespace minivisor::authz {

namespace {

std::size_t hash_of(std::string_view identity) { return std::hash<std::string_view>()(identity); }
/// Bits of a hash that do not choose the place.
std::uint32_t upper_half(std::size_t hash) { return static_cast<std::uint32_t>(hash >> 32); }

} // namespace

Rules::Rules(AuthZListOptions const& options)
{
    if (options.rules)
        for (auto const& rule : *options.rules)
            add(rule);
    close(options.policy.value_or(QAuthZListPolicy::deny));
}

void Rules::add(QAuthZListRule const& rule)
{
    if (rule.format == QAuthZListFormat::glob)
        m_globs.push_back(static_cast<std::uint32_t>(m_rules.size()));
    assert(m_text.size() + rule.match.size() <= std::numeric_limits<std::uint32_t>::max());
    m_rules.push_back({static_cast<std::uint32_t>(m_text.size()), static_cast<std::uint32_t>(rule.match.size()),
        rule.policy == QAuthZListPolicy::allow});
    m_text += rule.match;
}

void Rules::close(QAuthZListPolicy default_policy)
{
    m_allow_by_default = default_policy == QAuthZListPolicy::allow;
    auto const exact = m_rules.size() - m_globs.size();
    m_exact.assign(exact == 0 ? 0 : std::bit_ceil(2 * exact), Slot());
    auto glob = m_globs.begin();
    for (std::uint32_t number = 0; number < m_rules.size(); ++number) {
        if (glob != m_globs.end() && *glob == number) {
            ++glob;
            continue;
        }
        auto const identity = text(m_rules[number]);
        auto const hash = hash_of(identity);
        if (auto& first = m_exact[place(identity, hash)]; first.number == 0)
            first = {number + 1, upper_half(hash), m_rules[number]};
    }
}

/// Where the exact rule of that identity is, or would be. There is at least one exact rule.
std::size_t Rules::place(std::string_view identity, std::size_t hash) const
{
    auto const mask = m_exact.size() - 1;
    auto at = hash & mask;
    while (m_exact[at].number != 0 && (m_exact[at].hash != upper_half(hash) || text(m_exact[at].rule) != identity))
        at = (at + 1) & mask;
    return at;
}

Rules::Answer Rules::ask(std::string_view identity) const
{
    auto const found = m_exact.empty() ? Slot() : m_exact[place(identity, hash_of(identity))];
    for (auto const number : m_globs) {
        if (found.number != 0 && number > found.number - 1)
            break;
        if (glob_match(text(m_rules[number]), identity))
            return {m_rules[number].allow, number};
    }
    if (found.number != 0)
        return {found.rule.allow, found.number - 1};
    return {m_allow_by_default, std::nullopt};
}

std::vector<std::string> Rules::near_misses(std::string_view identity, std::size_t most) const
{
    std::vector<std::string> list;
    auto glob = m_globs.begin();
    for (std::uint32_t number = 0; number < m_rules.size() && list.size() < most; ++number) {
        if (glob != m_globs.end() && *glob == number) {
            ++glob;
            continue;
        }
        auto const rule = text(m_rules[number]);
        if (auto const miss = near_miss(rule, identity))
            list.push_back(cat("rule ", number, " ('", rule, "'): ", *miss));
    }
    return list;
}

} // namespace minivisor::authz
