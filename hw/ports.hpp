// SPDX-License-Identifier: GPL-3.0-or-later
// The small devices of the machine: reset, power and their button, the clock with its memory, and the port by which a
// test guest ends the program.
#pragma once

#include "hw/port_bus.hpp"
#include "machine/saved_state.hpp"

#include <array>
#include <functional>

namespace minivisor::hw {

/// What the guest asks for. Called with the bus's lock held, on a CPU's thread: it posts.
struct GuestWish {
    enum class What { reset, power_off, debug_exit } what;
    int status = 0; ///< of debug_exit
};
using OnWish = std::function<void(GuestWish)>;

/// Ports 0x64 (the keyboard controller's pulse) and 0xcf9: writing to them resets the machine.
class ResetPort final : public PortDevice {
public:
    enum class Kind { keyboard, control };
    ResetPort(Kind kind, OnWish on_wish)
        : m_kind(kind)
        , m_on_wish(std::move(on_wish))
    {
    }
    Then write(unsigned offset, std::uint8_t value) override;
    std::uint8_t read(unsigned offset) override;

private:
    Kind m_kind;
    OnWish m_on_wish;
};

/// Ports 0x600 to 0x605, where a PC's ACPI has its PM1 block: status (with the power button), enable, control. Writing
/// SLP_EN to control turns the machine off. The button raises interrupt 9 if the guest has enabled it.
class PowerPorts final : public PortDevice {
public:
    static constexpr std::uint16_t first = 0x600, port_count = 6;
    static constexpr unsigned irq_line = 9;

    PowerPorts(PortBus& bus, std::function<void(bool)> set_irq, OnWish on_wish);

    /// Main thread.
    void press_button();
    void reset();

    Then write(unsigned offset, std::uint8_t value) override;
    std::uint8_t read(unsigned offset) override;

    // With the bus's lock held.
    std::uint16_t status() const { return m_state.status; }
    std::uint16_t enable() const { return m_state.enable; }

    /// What is saved.
    struct State {
        std::uint16_t status = 0, enable = 0, control = 0;
        PowerPorts* ports = nullptr;

        static machine::SavedState const saved_state;
    };
    State& saved() { return m_saved; }

private:
    void update_irq();
    PortBus& m_bus;
    std::function<void(bool)> m_set_irq;
    OnWish m_on_wish;
    State m_state, m_saved;
    bool m_irq = false;
};

/// Ports 0x70 and 0x71: the clock, which tells UTC, and 128 bytes of memory with the size of the RAM in it.
class RealTimeClock final : public PortDevice {
public:
    static constexpr std::uint16_t first = 0x70, port_count = 2;

    RealTimeClock(std::uint64_t below_4g, std::uint64_t above_4g, unsigned cpus);

    Then write(unsigned offset, std::uint8_t value) override;
    std::uint8_t read(unsigned offset) override;

    std::array<std::uint8_t, 128> memory{};
    std::uint8_t index = 0;
    std::int64_t offset_seconds = 0; ///< what the guest has set the clock forward by
    static machine::SavedState const saved_state;

private:
    std::uint8_t read_time(unsigned reg) const;
    void set_time(unsigned reg, std::uint8_t value);
};

/// QEMU's isa-debug-exit: writing V ends the program with status V * 2 + 1.
class DebugExitPort final : public PortDevice {
public:
    explicit DebugExitPort(OnWish on_wish)
        : m_on_wish(std::move(on_wish))
    {
    }
    Then write(unsigned offset, std::uint8_t value) override;
    Then write_wide(unsigned offset, unsigned size, std::uint32_t value) override;
    std::uint8_t read(unsigned offset) override;

private:
    OnWish m_on_wish;
};

} // namespace minivisor::hw
