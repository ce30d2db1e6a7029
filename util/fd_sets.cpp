// SPDX-License-Identifier: GPL-3.0-or-later
#include "util/fd_sets.hpp"

#include "util/text.hpp"

namespace minivisor::util {

void FdTable::received(UniqueFd fd)
{
    if (m_pending.size() == max_pending)
        m_pending.pop_front();
    m_pending.push_back(std::move(fd));
}

Result<void> FdTable::name_received(std::string const& name)
{
    if (m_pending.empty())
        return Error::generic("No file descriptor supplied via SCM_RIGHTS");
    auto fd = std::move(m_pending.front());
    m_pending.pop_front();
    if (!name.empty() && name.front() >= '0' && name.front() <= '9')
        return Error::generic("Parameter 'fdname' expects a name not starting with a digit");
    if (m_named.size() >= max_named && !m_named.contains(name))
        return Error::generic(cat("More than ", max_named, " file descriptors are named already"));
    m_named.insert_or_assign(name, std::move(fd));
    return {};
}

Result<void> FdTable::close(std::string const& name)
{
    if (m_named.erase(name) == 0)
        return Error::generic(cat("File descriptor named '", name, "' not found"));
    return {};
}

Result<UniqueFd> FdTable::take(std::string const& name)
{
    auto const found = m_named.find(name);
    if (found == m_named.end())
        return Error::generic(cat("File descriptor named '", name, "' has not been found"));
    auto fd = std::move(found->second);
    m_named.erase(found);
    return fd;
}

} // namespace minivisor::util
