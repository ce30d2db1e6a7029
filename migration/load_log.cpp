// SPDX-License-Identifier: GPL-3.0-or-later
#include "migration/load_log.hpp"

namespace minivisor::migration {

Error LoadLog::refuse(int errno_value, std::string sentence)
{
    m_lines.push_back(sentence);
    if (!m_refused)
        m_errno = errno_value;
    m_refused = true;
    return Error::generic(std::move(sentence));
}

void LoadLog::finish() { m_lines.push_back(Error::system("load of migration failed", m_errno).desc()); }

} // namespace minivisor::migration
