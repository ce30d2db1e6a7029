// SPDX-License-Identifier: GPL-3.0-or-later
// One of the three counters of an 8254 timer. Time is a number of ticks of its clock that its owner passes in and that
// never goes back; nothing happens by itself, all is worked out from it when somebody asks.
// Facts: Intel, 8254 Programmable Interval Timer, 231164. Unlike in the chip a count is in force at once, not one tick
// later, and a new count of mode 3 waits for the end of the whole period.
#pragma once

#include "accel/chip_state.hpp"
#include "util/result.hpp"

#include <cstdint>
#include <optional>

namespace minivisor::hw {

class PitCounter {
public:
    using Tick = std::uint64_t;

    explicit PitCounter(bool gate)
        : m_power_on_gate(gate)
        , m_gate(gate)
    {
    }

    void reset();
    /// The first six bits of a control word, those of the access not zero.
    void program(std::uint8_t control);
    void write(std::uint8_t value, Tick now);
    std::uint8_t read(Tick now);
    /// Both hold what they find until it is read; a second time before that is ignored.
    void latch_count(Tick now);
    void latch_status(Tick now);
    void set_gate(bool level, Tick now);
    bool gate() const { return m_gate; }
    /// The OUT pin; high before the counter is programmed.
    bool output(Tick now);
    /// The pin is low because a count of mode 0 is awaited or runs.
    bool interrupts_at_end() const { return m_mode == 0; }
    /// The first time after `seen` at which OUT rises at the end of a count or period. `seen` is no earlier than any
    /// time that was passed to another function.
    std::optional<Tick> next_rise(Tick seen) const;

    /// Counter `i` of the state.
    void save(accel::PitState& state, std::size_t i) const;
    /// A counter that counts begins anew. Refuses what none can be in.
    Result<void> load(accel::PitState const& state, std::size_t i, Tick now);

private:
    /// Which byte comes next; rw_mode has the first three of them, and says what comes first.
    enum Access : std::uint8_t { none, low, high, low_then_high, high_of_both };

    bool periodic() const { return m_mode == 2 || m_mode == 3; }
    bool waits_for_trigger() const { return m_mode == 1 || m_mode == 5; }
    Tick length(std::uint32_t count) const;
    void put(std::uint32_t count, Tick now);
    void begin(Tick now);
    void settle(Tick now);
    Tick elapsed(Tick now) const;
    std::uint16_t value(Tick now);

    bool m_power_on_gate;
    std::uint8_t m_mode = unprogrammed;
    Access m_access = none, m_next_read = none, m_next_write = none;
    bool m_bcd = false, m_gate;
    std::uint8_t m_low_byte = 0; ///< of a count whose high byte is to come
    std::uint32_t m_count = 0; ///< what was written, 0x10000 for 0; 0 where nothing was since the control word
    Access m_latched = none; ///< which bytes of it are to be read
    std::uint16_t m_latched_count = 0;
    bool m_status_latched = false;
    std::uint8_t m_latched_status = 0;

    bool m_counts = false; ///< a count is loaded, and runs unless the gate holds it
    Tick m_began = 0, m_length = 0; ///< of the count or period that runs
    std::optional<Tick> m_held; ///< how far it was when the gate stopped it
    std::optional<Tick> m_reload; ///< when the count that was written last takes the place of the one that runs

    static constexpr std::uint8_t unprogrammed = 0xff;
};

} // namespace minivisor::hw
