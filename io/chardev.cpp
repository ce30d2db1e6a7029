// SPDX-License-Identifier: GPL-3.0-or-later
#include "io/chardev.hpp"

#include "util/text.hpp"

namespace minivisor::io {

Result<void> Chardev::claim(User user)
{
    if (m_users.size() >= places())
        return Error::generic(cat("Device '", m_label, "' is in use"));
    m_users.push_back(std::move(user));
    return {};
}

Result<void> Chardev::check_change() const
{
    if (used() && !m_users.front().change)
        return Error::generic("Chardev user does not support chardev hotswap");
    return {};
}

Result<void> Chardev::give_way_to(Chardev& other)
{
    if (!used())
        return {};
    return m_users.front().change(other);
}

void Chardev::give_break()
{
    if (used() && m_users.front().line_break)
        m_users.front().line_break();
}

} // namespace minivisor::io
