// SPDX-License-Identifier: GPL-3.0-or-later
#include "util/error.hpp"

#include <system_error>

namespace minivisor::util {

std::string_view wire_name(ErrorClass error_class)
{
    switch (error_class) {
    case ErrorClass::generic_error: return "GenericError";
    case ErrorClass::command_not_found: return "CommandNotFound";
    case ErrorClass::device_not_active: return "DeviceNotActive";
    case ErrorClass::device_not_found: return "DeviceNotFound";
    case ErrorClass::kvm_missing_cap: return "KVMMissingCap";
    }
    return "GenericError";
}

Error Error::system(std::string_view what, int errno_value)
{
    return generic(std::string(what) + ": " + std::generic_category().message(errno_value));
}

Error Error::context(std::string_view prefix) &&
{
    m_desc = std::string(prefix) + ": " + m_desc;
    return std::move(*this);
}

Error Error::with_hint(std::string hint) &&
{
    m_hint = std::move(hint);
    return std::move(*this);
}

} // namespace minivisor::util
