// SPDX-License-Identifier: GPL-3.0-or-later
// The pair of 8259A interrupt controllers of a PC, where KVM plays none, with the registers that make an input edge or
// level triggered. Buffered mode and the modes of an 8085 are not there: no PC has them.
// Facts: Intel, 8259A Programmable Interrupt Controller, 231468; ELCR: Intel, 82371SB (PIIX3), 290550.
#pragma once

#include "accel/chip_state.hpp"
#include "hw/port_bus.hpp"

#include <functional>
#include <optional>

namespace minivisor::hw {

/// One chip. It answers at two ports.
class Pic final : public PortDevice {
public:
    static constexpr std::uint16_t port_count = 2;

    /// `cascade`: a chip whose input 2 is another's output. `level_capable`: the inputs that ELCR can make level
    /// triggered. `on_change` is called after each change of output().
    Pic(bool cascade, std::uint8_t level_capable, std::function<void()> on_change);

    void reset();
    void set_input(unsigned input, bool level);
    /// An edge: the input goes down and up again. Where one is not acknowledged yet, nothing changes.
    void pulse_input(unsigned input);
    /// What the chip's INT pin says.
    bool output() const { return m_output; }
    /// The input that a CPU which acknowledges now is told; 7 where none asks any more.
    unsigned acknowledge();
    std::uint8_t vector(unsigned input) const { return static_cast<std::uint8_t>(m_vector_base + input); }

    Then write(unsigned offset, std::uint8_t value) override;
    std::uint8_t read(unsigned offset) override;
    std::uint8_t level_inputs() const { return m_level; }
    void set_level_inputs(std::uint8_t inputs);

    void save(accel::PicState& state) const;
    /// Refuses what no chip can be in.
    Result<void> load(accel::PicState const& state);

private:
    /// What the next write to the second port is.
    enum class Expects : std::uint8_t { mask, icw2, icw3, icw4 };

    std::optional<unsigned> first(std::uint8_t inputs) const;
    std::optional<unsigned> request() const;
    void begin_initialization(std::uint8_t icw1);
    void command(std::uint8_t ocw2);
    void control(std::uint8_t ocw3);
    void set_up(std::uint8_t value);
    void take(unsigned input);
    void update();

    bool const m_cascade;
    std::uint8_t const m_level_capable;
    std::function<void()> m_on_change;

    std::uint8_t m_inputs = 0; ///< as they were seen last
    std::uint8_t m_requests = 0, m_mask = 0, m_in_service = 0; ///< IRR, IMR, ISR
    std::uint8_t m_highest = 0; ///< the input of the highest priority; they go down from it, round
    std::uint8_t m_vector_base = 0;
    bool m_reads_in_service = false, m_poll = false, m_special_mask = false, m_automatic_end = false,
         m_rotates_automatically = false, m_special_nested = false, m_icw4_follows = false, m_single = false;
    Expects m_expects = Expects::mask;
    std::uint8_t m_level = 0; ///< ELCR
    bool m_output = false;
};

/// Both, wired as in a PC: the second's output is input 2 of the first.
class PicPair {
public:
    static constexpr std::uint16_t first_port = 0x20, second_port = 0xa0, level_port = 0x4d0;
    static constexpr unsigned lines = 16;

    /// `set_output` drives the CPU's INTR pin, on each change. With the bus's lock held, as all here.
    explicit PicPair(std::function<void(bool level)> set_output);

    /// Both chips and ELCR get their ports.
    void add_to(PortBus& bus);
    void reset();
    void set_line(unsigned line, bool level);
    void pulse_line(unsigned line);
    bool output() const { return m_chips[0].output(); }
    /// The CPU's acknowledgement: the vector. Where no line asks any more it is that of input 7, as the chip has it.
    std::uint8_t acknowledge();
    Pic& chip(unsigned i) { return m_chips[i]; }

private:
    /// ELCR: a byte for each chip.
    class LevelPorts final : public PortDevice {
    public:
        explicit LevelPorts(PicPair& pair)
            : m_pair(pair)
        {
        }
        Then write(unsigned offset, std::uint8_t value) override;
        std::uint8_t read(unsigned offset) override;

    private:
        PicPair& m_pair;
    };

    static constexpr unsigned cascade_input = 2;

    std::function<void(bool)> m_set_output;
    Pic m_chips[2];
    LevelPorts m_level_ports{*this};
};

} // namespace minivisor::hw
