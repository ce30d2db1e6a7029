// SPDX-License-Identifier: GPL-3.0-or-later
// The guest's I/O ports and who answers at them. One lock for all devices: a CPU thread holds it during an access, the
// main thread while it looks into a device or feeds it. Ports without a device read as all ones.
#pragma once

#include "accel/kvm_cpu.hpp"

#include <mutex>
#include <vector>

namespace minivisor::hw {

using accel::Then;

/// A device at some ports. Its functions are called with the bus's lock held and must not block.
class PortDevice {
public:
    virtual ~PortDevice() = default;
    /// `offset` is counted from the first of the ports that it was given.
    virtual Then write(unsigned offset, std::uint8_t value) = 0;
    virtual std::uint8_t read(unsigned offset) = 0;
    /// For devices that take accesses wider than a byte as a whole; others see them byte by byte.
    virtual Then write_wide(unsigned offset, unsigned size, std::uint32_t value);
};

class PortBus final : public accel::PortSpace {
public:
    /// Before any CPU runs. `device` outlives the bus's use. Ranges do not overlap.
    void add(std::uint16_t first, std::uint16_t count, PortDevice& device);

    Then write(std::uint16_t port, unsigned size, std::uint32_t value) override;
    std::uint32_t read(std::uint16_t port, unsigned size) override;

    [[nodiscard]] std::unique_lock<std::mutex> lock() { return std::unique_lock(m_mutex); }

private:
    struct Range {
        std::uint16_t first, count;
        PortDevice* device;
    };
    Range const* find(std::uint32_t port) const;

    std::mutex m_mutex;
    std::vector<Range> m_ranges;
};

} // namespace minivisor::hw
