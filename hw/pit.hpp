// SPDX-License-Identifier: GPL-3.0-or-later
// The 8254 timer of a PC, where KVM plays none: counter 0 interrupts (line 0), counter 1 once refreshed the memory,
// counter 2 is gated and heard through port 0x61. Its time is the guest's: it stands still while the guest does. No
// speaker sounds. Somebody has to call tick() at the times that next_tick() names (hw/pc_chips).
// Facts: Intel, 8254, 231164; port 0x61: IBM PC/AT Technical Reference.
#pragma once

#include "hw/pit_counter.hpp"
#include "hw/port_bus.hpp"

#include <chrono>
#include <functional>

namespace minivisor::hw {

class Pit final : public PortDevice {
public:
    using Time = std::chrono::nanoseconds;
    static constexpr std::uint16_t first_port = 0x40, port_count = 4, speaker_port = 0x61;
    static constexpr unsigned irq_line = 0;
    static constexpr std::uint64_t frequency = 1'193'182;
    /// Interrupts are no closer to each other than this, whatever the guest wants; what comes in between is one.
    static constexpr std::chrono::microseconds shortest_period{100};

    /// All are called with the bus's lock held, as are the timer's own functions.
    struct Wires {
        std::function<void()> raise; ///< an edge on the interrupt line, which stays up
        std::function<void()> drop; ///< the line goes down, and with it a request that nobody has acknowledged
        std::function<Time()> clock; ///< the host's
        std::function<void()> on_change; ///< next_tick() may have become an earlier time
    };
    explicit Pit(Wires wires);

    void add_to(PortBus& bus);
    void reset();
    void set_running(bool running);
    /// When, by the clock, tick() has something to do.
    std::optional<Time> next_tick() const;
    /// Raises the interrupt if it is due.
    void tick();

    Then write(unsigned offset, std::uint8_t value) override;
    std::uint8_t read(unsigned offset) override;

    void save(accel::PitState& state) const;
    Result<void> load(accel::PitState const& state);

private:
    using Tick = PitCounter::Tick;

    /// Port 0x61.
    class Speaker final : public PortDevice {
    public:
        explicit Speaker(Pit& pit)
            : m_pit(pit)
        {
        }
        Then write(unsigned offset, std::uint8_t value) override;
        std::uint8_t read(unsigned offset) override;

    private:
        Pit& m_pit;
    };

    Time guest_time() const { return m_running ? m_wires.clock() - m_behind : m_stood_at; }
    Tick now() const;
    void catch_up(Tick now);
    void interrupt(Tick now);
    void control(std::uint8_t value, Tick now);

    Wires m_wires;
    PitCounter m_counters[accel::PitState::channels]{PitCounter(true), PitCounter(true), PitCounter(false)};
    bool m_speaker_on = false;
    bool m_running = false;
    Time m_behind{0}; ///< what the guest's time is behind the clock while it runs
    Time m_stood_at{0}; ///< the guest's time while it stands still
    Tick m_seen = 0; ///< ends of counts up to here are dealt with
    std::optional<Tick> m_interrupted; ///< when the last one was
    bool m_owes = false; ///< one has to wait for the shortest period
    Speaker m_speaker{*this};
};

} // namespace minivisor::hw
