// SPDX-License-Identifier: GPL-3.0-or-later
#include "machine/migration_blockers.hpp"

#include "util/text.hpp"

#include <algorithm>

namespace minivisor::machine {

Result<MigrationBlockers::Token> MigrationBlockers::add(std::string reason)
{
    if (m_moving && m_moving())
        return Error::generic(cat("disallowing migration blocker (migration/snapshot in progress) for: ", reason));
    m_reasons.push_back(reason);
    return Token(nullptr, [this, reason = std::move(reason)](void*) {
        m_reasons.erase(std::find(m_reasons.begin(), m_reasons.end(), reason));
    });
}

} // namespace minivisor::machine
