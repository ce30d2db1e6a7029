// SPDX-License-Identifier: GPL-3.0-or-later
#include "io/chardev.hpp"

#include "util/text.hpp"

namespace minivisor::io {

Result<void> Chardev::claim()
{
    if (m_users >= places())
        return Error::generic(cat("Device '", m_label, "' is in use"));
    ++m_users;
    return {};
}

} // namespace minivisor::io
