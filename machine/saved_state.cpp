// SPDX-License-Identifier: GPL-3.0-or-later
#include "machine/saved_state.hpp"

#include "util/text.hpp"

#include <algorithm>

namespace minivisor::machine {

std::size_t SavedState::field_bytes(std::uint32_t in_version) const
{
    std::size_t sum = 0;
    for (auto const& field : fields)
        sum += field.since_version <= in_version ? field.bytes() : 0;
    return sum;
}

Result<void> SavedDevices::add(SavedDevice device)
{
    if (device.idstr.empty() || device.idstr.size() > 255)
        return Error::generic("The name of a saved device must have 1 to 255 bytes");
    if (find(device.idstr, device.instance_id) != nullptr)
        return Error::generic(cat("Device '", device.idstr, "' instance ", device.instance_id, " is saved already"));
    m_devices.push_back(std::move(device));
    return {};
}

void SavedDevices::remove(void const* device)
{
    std::erase_if(m_devices, [&](SavedDevice const& saved) { return saved.device == device; });
}

SavedDevice const* SavedDevices::find(std::string_view idstr, std::uint32_t instance_id) const
{
    auto it = std::find_if(m_devices.begin(), m_devices.end(),
        [&](SavedDevice const& device) { return device.idstr == idstr && device.instance_id == instance_id; });
    return it == m_devices.end() ? nullptr : &*it;
}

SavedField unused(std::size_t size, std::uint32_t since_version)
{
    return {.name = "unused", .type = "unused_buffer", .size = size, .since_version = since_version};
}

} // namespace minivisor::machine
