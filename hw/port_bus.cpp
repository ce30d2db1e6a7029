// SPDX-License-Identifier: GPL-3.0-or-later
#include "hw/port_bus.hpp"

#include <algorithm>
#include <cassert>

namespace minivisor::hw {

Then PortDevice::write_wide(unsigned offset, unsigned size, std::uint32_t value)
{
    auto then = Then::go_on;
    for (unsigned i = 0; i < size; ++i)
        if (write(offset + i, static_cast<std::uint8_t>(value >> (8 * i))) == Then::rest)
            then = Then::rest;
    return then;
}

void PortBus::add(std::uint16_t first, std::uint16_t count, PortDevice& device)
{
    assert(!find(first) && !find(std::uint32_t{first} + count - 1));
    m_ranges.push_back({first, count, &device});
}

PortBus::Range const* PortBus::find(std::uint32_t port) const
{
    auto const found = std::find_if(m_ranges.begin(), m_ranges.end(),
        [port](Range const& range) { return port >= range.first && port - range.first < range.count; });
    return found == m_ranges.end() ? nullptr : &*found;
}

Then PortBus::write(std::uint16_t port, unsigned size, std::uint32_t value)
{
    auto const held = lock();
    auto const* range = find(port);
    if (!range)
        return Then::go_on;
    // What reaches past the device's last port is nobody's.
    auto const offset = static_cast<unsigned>(port - range->first);
    return range->device->write_wide(offset, std::min(size, range->count - offset), value);
}

std::uint32_t PortBus::read(std::uint16_t port, unsigned size)
{
    auto const held = lock();
    std::uint32_t value = 0;
    for (unsigned i = 0; i < size; ++i) {
        auto const* range = find(std::uint32_t{port} + i);
        std::uint32_t const byte = range ? range->device->read(static_cast<unsigned>(port + i - range->first)) : 0xff;
        value |= byte << (8 * i);
    }
    return value;
}

} // namespace minivisor::hw
