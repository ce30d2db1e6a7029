// SPDX-License-Identifier: GPL-3.0-or-later
// A 16550A serial port. What the guest sends waits here, up to a limit, for whoever takes it; beyond the limit the
// transmitter reads as busy. Without a listener it is lost, as on an open wire. No baud rate slows anything down.
// Facts: National Semiconductor, PC16550D, "Registers".
#pragma once

#include "hw/port_bus.hpp"
#include "machine/saved_state.hpp"

#include <array>
#include <functional>
#include <span>
#include <string>

namespace minivisor::hw {

class SerialPort final : public PortDevice {
public:
    static constexpr std::uint16_t port_count = 8;
    static constexpr std::size_t fifo_size = 16;
    /// The most bytes that wait to be taken.
    static constexpr std::size_t output_limit = 64 << 10;

    /// `set_irq` drives its interrupt line; called with the bus's lock held.
    SerialPort(PortBus& bus, std::function<void(bool level)> set_irq);

    void reset();

    // The other end of the wire; main thread.
    /// Both callbacks come on any thread, with the lock held: they post. `on_output`: there is output, after there was
    /// none. `on_room`: the guest has read, and there is room for input again.
    void listen(std::function<void()> on_output, std::function<void()> on_room);
    /// Nobody listens any more; what waits is dropped.
    void unlisten();
    /// All that waits.
    std::string take_output();
    /// A break on the line: a byte of zeros that has no stop bit.
    void give_break();
    /// How many of the bytes were taken; the others come again after on_room.
    std::size_t give_input(std::span<char const> bytes);

    // Called by the bus.
    Then write(unsigned offset, std::uint8_t value) override;
    std::uint8_t read(unsigned offset) override;

    /// What is saved.
    struct State {
        std::uint16_t divider = 12;
        std::uint8_t ier = 0, lcr = 0, mcr = 0, scr = 0, fcr = 0;
        bool thri = false; ///< the transmitter has become empty and nobody has been told yet
        bool overrun = false;
        std::uint8_t input_count = 0;
        std::array<std::uint8_t, fifo_size> input{};
        SerialPort* port = nullptr;

        static machine::SavedState const saved_state;
    };
    State& saved() { return m_saved; }

private:
    std::uint8_t line_status() const;
    std::uint8_t interrupt_id() const;
    void update_irq();
    void send(std::uint8_t byte);
    std::uint8_t receive();
    std::size_t input_capacity() const { return (m_state.fcr & 1) != 0 ? fifo_size : 1; }

    PortBus& m_bus;
    std::function<void(bool)> m_set_irq;
    std::function<void()> m_on_output, m_on_room;
    State m_state, m_saved;
    std::string m_output;
    bool m_irq = false;
    bool m_input_waits = false;
    bool m_break = false; ///< and the guest has not looked yet; not worth saving
};

} // namespace minivisor::hw
