// SPDX-License-Identifier: GPL-3.0-or-later
#include "hw/serial.hpp"

#include <algorithm>
#include <utility>

namespace minivisor::hw {

namespace {

// Offsets of the registers.
constexpr unsigned data = 0, interrupt_enable = 1, interrupt_identification = 2, line_control = 3, modem_control = 4,
                   line_status_register = 5, modem_status = 6, scratch = 7;

constexpr std::uint8_t ier_received = 1, ier_sent = 2, ier_line = 4;
constexpr std::uint8_t lcr_divider = 0x80;
constexpr std::uint8_t mcr_loop = 0x10, mcr_out2 = 0x08;
constexpr std::uint8_t lsr_data_ready = 1, lsr_overrun = 2, lsr_break = 0x10, lsr_holding_empty = 0x20,
                       lsr_empty = 0x40;
constexpr std::uint8_t fcr_enable = 1, fcr_clear_input = 2;
constexpr std::uint8_t iir_none = 1, iir_sent = 2, iir_received = 4, iir_line = 6, iir_timeout = 0xc, iir_fifo = 0xc0;
constexpr std::uint8_t msr_present = 0xb0; // carrier, data set ready, clear to send

std::size_t trigger_level(std::uint8_t fcr)
{
    static constexpr std::size_t levels[] = {1, 4, 8, 14};
    return (fcr & fcr_enable) != 0 ? levels[fcr >> 6] : 1;
}

} // namespace

SerialPort::SerialPort(PortBus& bus, std::function<void(bool)> set_irq)
    : m_bus(bus)
    , m_set_irq(std::move(set_irq))
{
    m_saved.port = this;
}

void SerialPort::reset()
{
    auto const held = m_bus.lock();
    m_state = State();
    m_break = false;
    update_irq();
}

void SerialPort::listen(std::function<void()> on_output, std::function<void()> on_room)
{
    auto const held = m_bus.lock();
    m_on_output = std::move(on_output);
    m_on_room = std::move(on_room);
}

void SerialPort::unlisten()
{
    auto const held = m_bus.lock();
    m_on_output = nullptr;
    m_on_room = nullptr;
    m_output.clear();
    m_input_waits = false;
    update_irq();
}

std::string SerialPort::take_output()
{
    auto const held = m_bus.lock();
    bool const was_full = m_output.size() >= output_limit;
    auto output = std::exchange(m_output, std::string());
    if (was_full) {
        m_state.thri = true;
        update_irq();
    }
    return output;
}

std::size_t SerialPort::give_input(std::span<char const> bytes)
{
    auto const held = m_bus.lock();
    auto const loop = (m_state.mcr & mcr_loop) != 0; // the wire is cut off
    auto const room = loop ? 0 : input_capacity() - std::min<std::size_t>(m_state.input_count, input_capacity());
    auto const count = std::min(bytes.size(), room);
    std::copy_n(bytes.begin(), count, m_state.input.begin() + m_state.input_count);
    m_state.input_count = static_cast<std::uint8_t>(m_state.input_count + count);
    m_input_waits = count < bytes.size();
    update_irq();
    return count;
}

void SerialPort::give_break()
{
    auto const held = m_bus.lock();
    if ((m_state.mcr & mcr_loop) != 0)
        return;
    m_break = true;
    if (m_state.input_count < input_capacity())
        m_state.input[m_state.input_count++] = 0;
    update_irq();
}

std::uint8_t SerialPort::line_status() const
{
    std::uint8_t status = 0;
    if (m_state.input_count > 0)
        status |= lsr_data_ready;
    if (m_state.overrun)
        status |= lsr_overrun;
    if (m_break)
        status |= lsr_break;
    if (m_output.size() < output_limit)
        status |= lsr_holding_empty | lsr_empty;
    return status;
}

std::uint8_t SerialPort::interrupt_id() const
{
    if ((m_state.ier & ier_line) != 0 && (m_state.overrun || m_break))
        return iir_line;
    if ((m_state.ier & ier_received) != 0 && m_state.input_count > 0)
        return m_state.input_count >= trigger_level(m_state.fcr) ? iir_received : iir_timeout;
    if ((m_state.ier & ier_sent) != 0 && m_state.thri)
        return iir_sent;
    return iir_none;
}

void SerialPort::update_irq()
{
    // On a PC the port's second output switches its interrupt line.
    bool const irq = interrupt_id() != iir_none && (m_state.mcr & mcr_out2) != 0;
    if (irq != m_irq)
        m_set_irq(m_irq = irq);
}

void SerialPort::send(std::uint8_t byte)
{
    m_state.thri = true;
    if ((m_state.mcr & mcr_loop) != 0) {
        if (m_state.input_count < input_capacity())
            m_state.input[m_state.input_count++] = byte;
        else
            m_state.overrun = true;
        return;
    }
    if (!m_on_output)
        return;
    if (m_output.size() < output_limit) // else it was told that there is no room
        m_output += static_cast<char>(byte);
    if (m_output.size() >= output_limit)
        m_state.thri = false;
    if (m_output.size() == 1)
        m_on_output();
}

std::uint8_t SerialPort::receive()
{
    if (m_state.input_count == 0)
        return 0;
    auto const byte = m_state.input[0];
    std::copy(m_state.input.begin() + 1, m_state.input.begin() + m_state.input_count, m_state.input.begin());
    --m_state.input_count;
    if (m_input_waits && m_on_room) {
        m_input_waits = false;
        m_on_room();
    }
    return byte;
}

Then SerialPort::write(unsigned offset, std::uint8_t value)
{
    bool const divider = (m_state.lcr & lcr_divider) != 0;
    switch (offset) {
    case data:
        if (divider)
            m_state.divider = static_cast<std::uint16_t>((m_state.divider & 0xff00) | value);
        else
            send(value);
        break;
    case interrupt_enable:
        if (divider) {
            m_state.divider = static_cast<std::uint16_t>((m_state.divider & 0xff) | value << 8);
        } else {
            // A transmitter that is idle tells so once it may.
            if ((value & ier_sent) != 0 && (m_state.ier & ier_sent) == 0 && m_output.size() < output_limit)
                m_state.thri = true;
            m_state.ier = value & 0xf;
        }
        break;
    case interrupt_identification:
        if (((value ^ m_state.fcr) & fcr_enable) != 0 || (value & fcr_clear_input) != 0)
            m_state.input_count = 0;
        m_state.fcr = (value & fcr_enable) != 0 ? value & 0xc9 : 0;
        break;
    case line_control: m_state.lcr = value; break;
    case modem_control: m_state.mcr = value & 0x1f; break;
    case scratch: m_state.scr = value; break;
    default: break; // the status registers are not written
    }
    update_irq();
    return Then::go_on;
}

std::uint8_t SerialPort::read(unsigned offset)
{
    bool const divider = (m_state.lcr & lcr_divider) != 0;
    std::uint8_t value = 0;
    switch (offset) {
    case data: value = divider ? static_cast<std::uint8_t>(m_state.divider & 0xff) : receive(); break;
    case interrupt_enable: value = divider ? static_cast<std::uint8_t>(m_state.divider >> 8) : m_state.ier; break;
    case interrupt_identification:
        value = interrupt_id();
        if (value == iir_sent)
            m_state.thri = false;
        if ((m_state.fcr & fcr_enable) != 0)
            value |= iir_fifo;
        break;
    case line_control: value = m_state.lcr; break;
    case modem_control: value = m_state.mcr; break;
    case line_status_register:
        value = line_status();
        m_state.overrun = false;
        m_break = false;
        break;
    case modem_status:
        // In the loop the outputs come back as inputs.
        value = (m_state.mcr & mcr_loop) != 0 ? static_cast<std::uint8_t>(
                    (m_state.mcr & 0x0c) << 4 | (m_state.mcr & 0x02) << 3 | (m_state.mcr & 0x01) << 5)
                                              : msr_present;
        break;
    default: value = m_state.scr; break;
    }
    update_irq();
    return value;
}

machine::SavedState const SerialPort::State::saved_state{
    .name = "serial",
    .version = 1,
    .fields = {machine::saved<&State::divider>("divider"), machine::saved<&State::ier>("ier"),
        machine::saved<&State::lcr>("lcr"), machine::saved<&State::mcr>("mcr"), machine::saved<&State::scr>("scr"),
        machine::saved<&State::fcr>("fcr"), machine::saved<&State::thri>("thr_ipending"),
        machine::saved<&State::overrun>("overrun"), machine::saved<&State::input_count>("recv_fifo.num"),
        machine::saved<&State::input>("recv_fifo.data")},
    .before_save = [](void* device) -> Result<void> {
        auto& saved = *static_cast<State*>(device);
        auto* const port = saved.port;
        auto const held = port->m_bus.lock();
        saved = port->m_state;
        saved.port = port;
        return {};
    },
    .after_load = [](void* device, std::uint32_t) -> Result<void> {
        auto const& saved = *static_cast<State const*>(device);
        if (saved.input_count > fifo_size)
            return Error::generic("serial: more bytes in the FIFO than it holds");
        auto const held = saved.port->m_bus.lock();
        saved.port->m_state = saved;
        saved.port->update_irq();
        return {};
    },
};

} // namespace minivisor::hw
