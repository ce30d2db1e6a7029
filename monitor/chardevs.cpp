// SPDX-License-Identifier: GPL-3.0-or-later
#include "monitor/chardevs.hpp"

#include "qapi/schema/char.hpp"

namespace minivisor::monitor {

void Chardevs::bind_commands(qapi::Registry& registry) const
{
    registry.bind<qapi::QueryChardev>([this]() -> Result<std::vector<qapi::ChardevInfo>> {
        std::vector<qapi::ChardevInfo> list;
        for (auto const& device : m_devices)
            list.push_back({device.label, device.describe(), device.used});
        return list;
    });
}

} // namespace minivisor::monitor
