// SPDX-License-Identifier: GPL-3.0-or-later
// The character devices that are open, as query-chardev lists them.
#pragma once

#include "qapi/registry.hpp"

#include <functional>
#include <string>
#include <vector>

namespace minivisor::monitor {

/// Says what a device is called at the moment: "null", "disconnected:unix:/x,server=on".
using Describe = std::function<std::string()>;

class Chardevs {
public:
    /// `used`: a monitor has it.
    void add(std::string label, bool used, Describe describe)
    {
        m_devices.push_back({std::move(label), used, std::move(describe)});
    }
    /// Binds query-chardev to this, which outlives the registry.
    void bind_commands(qapi::Registry& registry) const;

private:
    struct Device {
        std::string label;
        bool used;
        Describe describe;
    };
    std::vector<Device> m_devices;
};

} // namespace minivisor::monitor
