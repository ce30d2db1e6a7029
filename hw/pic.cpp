// SPDX-License-Identifier: GPL-3.0-or-later
#include "hw/pic.hpp"

#include "util/text.hpp"

#include <cassert>

namespace minivisor::hw {

namespace {

constexpr unsigned inputs_per_chip = 8, spurious_input = 7;
constexpr unsigned cascade_bit = 1 << 2;

// Commands, at the first port.
constexpr std::uint8_t icw1_mark = 0x10, icw1_icw4 = 0x01, icw1_single = 0x02;
constexpr std::uint8_t ocw3_mark = 0x08, ocw3_read_in_service = 0x01, ocw3_read = 0x02, ocw3_poll = 0x04,
                       ocw3_special_mask = 0x20, ocw3_set_special_mask = 0x40;
constexpr std::uint8_t ocw2_end = 0x20, ocw2_specific = 0x40, ocw2_rotate = 0x80;
constexpr std::uint8_t icw4_automatic_end = 0x02, icw4_special_nested = 0x10;
constexpr std::uint8_t poll_found = 0x80;

std::uint8_t bit(unsigned n) { return static_cast<std::uint8_t>(1u << n); }

std::uint8_t without(unsigned set, unsigned bits) { return static_cast<std::uint8_t>(set & ~bits); }

/// The order of struct kvm_pic_state, which is the saved form.
struct Register {
    enum : std::size_t {
        last_inputs,
        requests,
        mask,
        in_service,
        highest,
        vector_base,
        reads_in_service,
        poll,
        special_mask,
        expects,
        automatic_end,
        rotates_automatically,
        special_nested,
        follows, ///< bit 0: an ICW4; bit 1: no ICW3
        level,
        level_capable,
        count
    };
};
static_assert(Register::count == std::tuple_size_v<decltype(accel::PicState::registers)>);

} // namespace

Pic::Pic(bool cascade, std::uint8_t level_capable, std::function<void()> on_change)
    : m_cascade(cascade)
    , m_level_capable(level_capable)
    , m_on_change(std::move(on_change))
{
}

/// The inputs stay as those who drive them have them; what they asked for is forgotten.
void Pic::reset()
{
    begin_initialization(0);
    m_expects = Expects::mask;
    m_level = m_vector_base = m_requests = 0;
    update();
}

void Pic::set_input(unsigned input, bool level)
{
    auto const mine = bit(input);
    bool const rises = level && (m_inputs & mine) == 0;
    m_inputs = static_cast<std::uint8_t>(level ? m_inputs | mine : without(m_inputs, mine));
    if (rises)
        m_requests |= mine;
    else if (!level)
        m_requests = without(m_requests, mine); // who asks must go on asking until it is acknowledged
    update();
}

void Pic::pulse_input(unsigned input)
{
    m_inputs |= bit(input);
    m_requests |= bit(input);
    update();
}

/// The one of `inputs` that has the highest priority.
std::optional<unsigned> Pic::first(std::uint8_t inputs) const
{
    for (unsigned i = 0; i < inputs_per_chip; ++i) {
        auto const input = (m_highest + i) % inputs_per_chip;
        if ((inputs & bit(input)) != 0)
            return input;
    }
    return std::nullopt;
}

/// The input that interrupts: it asks, is not masked, and nothing as high is being served.
std::optional<unsigned> Pic::request() const
{
    auto const asks = first(without(m_requests, m_mask));
    if (!asks)
        return std::nullopt;
    unsigned in_the_way = m_in_service;
    if (m_special_mask)
        in_the_way = without(in_the_way, m_mask);
    if (m_special_nested && m_cascade)
        in_the_way = without(in_the_way, cascade_bit); // the other chip has priorities of its own
    auto const served = first(static_cast<std::uint8_t>(in_the_way));
    auto const rank = [this](unsigned input) { return (input + inputs_per_chip - m_highest) % inputs_per_chip; };
    return !served || rank(*asks) < rank(*served) ? asks : std::nullopt;
}

unsigned Pic::acknowledge()
{
    auto const input = request();
    if (!input)
        return spurious_input; // and nothing is being served
    take(*input);
    // The pin goes down in between, so that whoever sees edges sees what still asks.
    if (std::exchange(m_output, false))
        m_on_change();
    update();
    return *input;
}

void Pic::take(unsigned input)
{
    if ((m_level & bit(input)) == 0)
        m_requests = without(m_requests, bit(input));
    if (!m_automatic_end)
        m_in_service |= bit(input);
    else if (m_rotates_automatically)
        m_highest = static_cast<std::uint8_t>((input + 1) % inputs_per_chip);
}

void Pic::update()
{
    bool const output = request().has_value();
    if (output == m_output)
        return;
    m_output = output;
    m_on_change();
}

Then Pic::write(unsigned offset, std::uint8_t value)
{
    if (offset != 0)
        set_up(value);
    else if ((value & icw1_mark) != 0)
        begin_initialization(value);
    else if ((value & ocw3_mark) != 0)
        control(value);
    else
        command(value);
    update();
    return Then::go_on;
}

void Pic::begin_initialization(std::uint8_t icw1)
{
    m_requests &= static_cast<std::uint8_t>(m_inputs & m_level); // an edge has to come anew
    m_mask = m_in_service = m_highest = 0;
    m_reads_in_service = m_poll = m_special_mask = m_automatic_end = m_rotates_automatically = m_special_nested = false;
    m_icw4_follows = (icw1 & icw1_icw4) != 0;
    m_single = (icw1 & icw1_single) != 0;
    m_expects = Expects::icw2;
}

void Pic::set_up(std::uint8_t value)
{
    auto const last = m_icw4_follows ? Expects::icw4 : Expects::mask;
    switch (m_expects) {
    case Expects::mask: m_mask = value; break;
    case Expects::icw2:
        m_vector_base = value & 0xf8;
        m_expects = m_single ? last : Expects::icw3;
        break;
    case Expects::icw3: m_expects = last; break; // the wires are soldered
    case Expects::icw4:
        m_automatic_end = (value & icw4_automatic_end) != 0;
        m_special_nested = (value & icw4_special_nested) != 0;
        m_expects = Expects::mask;
        break;
    }
}

/// Ends of interrupts and the order of priorities.
void Pic::command(std::uint8_t ocw2)
{
    bool const rotate = (ocw2 & ocw2_rotate) != 0;
    std::optional<unsigned> input;
    if ((ocw2 & ocw2_specific) != 0)
        input = ocw2 % inputs_per_chip;
    if ((ocw2 & ocw2_end) != 0) {
        // The one that is served last has the highest priority; special mask mode hides those that are masked.
        if (!input)
            input = first(without(m_in_service, m_special_mask ? m_mask : 0u));
        if (!input)
            return;
        m_in_service = without(m_in_service, bit(*input));
    } else if (!input) {
        m_rotates_automatically = rotate;
        return;
    }
    if (rotate)
        m_highest = static_cast<std::uint8_t>((*input + 1) % inputs_per_chip);
}

void Pic::control(std::uint8_t ocw3)
{
    m_poll = (ocw3 & ocw3_poll) != 0;
    if ((ocw3 & ocw3_read) != 0)
        m_reads_in_service = (ocw3 & ocw3_read_in_service) != 0;
    if ((ocw3 & ocw3_set_special_mask) != 0)
        m_special_mask = (ocw3 & ocw3_special_mask) != 0;
}

std::uint8_t Pic::read(unsigned offset)
{
    if (std::exchange(m_poll, false)) { // takes the place of an acknowledgement
        auto const input = request();
        return input ? static_cast<std::uint8_t>(poll_found | acknowledge()) : std::uint8_t{0};
    }
    return offset != 0 ? m_mask : m_reads_in_service ? m_in_service : m_requests;
}

void Pic::set_level_inputs(std::uint8_t inputs)
{
    m_level = inputs & m_level_capable;
    m_requests = static_cast<std::uint8_t>(without(m_requests, m_level) | (m_inputs & m_level));
    update();
}

void Pic::save(accel::PicState& state) const
{
    auto& registers = state.registers;
    registers[Register::last_inputs] = m_inputs;
    registers[Register::requests] = m_requests;
    registers[Register::mask] = m_mask;
    registers[Register::in_service] = m_in_service;
    registers[Register::highest] = m_highest;
    registers[Register::vector_base] = m_vector_base;
    registers[Register::reads_in_service] = m_reads_in_service;
    registers[Register::poll] = m_poll;
    registers[Register::special_mask] = m_special_mask;
    registers[Register::expects] = static_cast<std::uint8_t>(m_expects);
    registers[Register::automatic_end] = m_automatic_end;
    registers[Register::rotates_automatically] = m_rotates_automatically;
    registers[Register::special_nested] = m_special_nested;
    registers[Register::follows] = static_cast<std::uint8_t>((m_icw4_follows ? 1 : 0) | (m_single ? 2 : 0));
    registers[Register::level] = m_level;
    registers[Register::level_capable] = m_level_capable;
}

Result<void> Pic::load(accel::PicState const& state)
{
    auto const& registers = state.registers;
    if (registers[Register::highest] >= inputs_per_chip
        || registers[Register::expects] > static_cast<std::uint8_t>(Expects::icw4)
        || (registers[Register::vector_base] & 7) != 0)
        return Error::generic(cat("i8259: no interrupt controller can be in the state of chip ", state.chip));
    m_inputs = registers[Register::last_inputs];
    m_requests = registers[Register::requests];
    m_mask = registers[Register::mask];
    m_in_service = registers[Register::in_service];
    m_highest = registers[Register::highest];
    m_vector_base = registers[Register::vector_base];
    m_reads_in_service = registers[Register::reads_in_service] != 0;
    m_poll = registers[Register::poll] != 0;
    m_special_mask = registers[Register::special_mask] != 0;
    m_expects = static_cast<Expects>(registers[Register::expects]);
    m_automatic_end = registers[Register::automatic_end] != 0;
    m_rotates_automatically = registers[Register::rotates_automatically] != 0;
    m_special_nested = registers[Register::special_nested] != 0;
    m_icw4_follows = (registers[Register::follows] & 1) != 0;
    m_single = (registers[Register::follows] & 2) != 0;
    m_level = registers[Register::level] & m_level_capable;
    m_output = request().has_value(); // its wire is loaded too
    m_on_change();
    return {};
}

// The pair

namespace {

// The timer, the keyboard, the cascade, the clock and the FPU are always edge triggered.
constexpr std::uint8_t first_level_capable = 0xf8, second_level_capable = 0xde;

} // namespace

PicPair::PicPair(std::function<void(bool)> set_output)
    : m_set_output(std::move(set_output))
    , m_chips{{true, first_level_capable, [this] { m_set_output(m_chips[0].output()); }},
          {false, second_level_capable, [this] { m_chips[0].set_input(cascade_input, m_chips[1].output()); }}}
{
}

void PicPair::add_to(PortBus& bus)
{
    bus.add(first_port, Pic::port_count, m_chips[0]);
    bus.add(second_port, Pic::port_count, m_chips[1]);
    bus.add(level_port, 2, m_level_ports);
}

void PicPair::reset()
{
    m_chips[1].reset();
    m_chips[0].reset();
}

void PicPair::set_line(unsigned line, bool level)
{
    assert(line < lines);
    m_chips[line / inputs_per_chip].set_input(line % inputs_per_chip, level);
}

void PicPair::pulse_line(unsigned line)
{
    assert(line < lines);
    m_chips[line / inputs_per_chip].pulse_input(line % inputs_per_chip);
}

std::uint8_t PicPair::acknowledge()
{
    auto const input = m_chips[0].acknowledge();
    return input == cascade_input ? m_chips[1].vector(m_chips[1].acknowledge()) : m_chips[0].vector(input);
}

Then PicPair::LevelPorts::write(unsigned offset, std::uint8_t value)
{
    m_pair.m_chips[offset].set_level_inputs(value);
    return Then::go_on;
}

std::uint8_t PicPair::LevelPorts::read(unsigned offset) { return m_pair.m_chips[offset].level_inputs(); }

} // namespace minivisor::hw
