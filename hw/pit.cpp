// SPDX-License-Identifier: GPL-3.0-or-later
#include "hw/pit.hpp"

#include <linux/kvm.h>

#include <algorithm>

namespace minivisor::hw {

namespace {

constexpr std::uint64_t second = 1'000'000'000;
constexpr unsigned control_port = 3;
constexpr std::uint8_t read_back_no_count = 0x20, read_back_no_status = 0x10;
constexpr std::uint8_t speaker_gate = 0x01, speaker_data = 0x02, speaker_refresh = 0x10, speaker_output = 0x20;
constexpr PitCounter::Tick refresh_period = 18; // of counter 1 in a PC: 15 microseconds

constexpr PitCounter::Tick to_ticks(Pit::Time time)
{
    auto const nanoseconds = static_cast<std::uint64_t>(time.count());
    return nanoseconds / second * Pit::frequency + nanoseconds % second * Pit::frequency / second;
}

/// The first time at which so many ticks are over.
Pit::Time to_time(PitCounter::Tick ticks)
{
    auto const rest = (ticks % Pit::frequency * second + Pit::frequency - 1) / Pit::frequency;
    return Pit::Time(ticks / Pit::frequency * second + rest);
}

constexpr auto shortest = to_ticks(Pit::shortest_period) + 1;

} // namespace

Pit::Pit(Wires wires)
    : m_wires(std::move(wires))
{
}

void Pit::add_to(PortBus& bus)
{
    bus.add(first_port, port_count, *this);
    bus.add(speaker_port, 1, m_speaker);
}

void Pit::reset()
{
    for (auto& counter : m_counters)
        counter.reset();
    m_speaker_on = m_owes = false;
    m_wires.drop();
    m_wires.on_change();
}

void Pit::set_running(bool running)
{
    if (running == m_running)
        return;
    if (running)
        m_behind = m_wires.clock() - m_stood_at;
    else
        m_stood_at = guest_time();
    m_running = running;
    m_wires.on_change();
}

PitCounter::Tick Pit::now() const { return to_ticks(guest_time()); }

std::optional<Pit::Time> Pit::next_tick() const
{
    if (!m_running)
        return std::nullopt;
    auto const rise = m_owes ? std::optional(m_seen) : m_counters[0].next_rise(m_seen);
    if (!rise)
        return std::nullopt;
    return m_behind + to_time(m_interrupted ? std::max(*rise, *m_interrupted + shortest) : *rise);
}

void Pit::tick() { catch_up(now()); }

/// Before anything else is done at `now`.
void Pit::catch_up(Tick now)
{
    auto const rise = m_counters[0].next_rise(m_seen);
    m_seen = std::max(m_seen, now);
    if (rise && *rise <= now)
        m_owes = true;
    if (m_owes && (!m_interrupted || now >= *m_interrupted + shortest))
        interrupt(now);
}

void Pit::interrupt(Tick now)
{
    m_owes = false;
    m_interrupted = now;
    m_wires.raise();
}

Then Pit::write(unsigned offset, std::uint8_t value)
{
    auto const before = next_tick();
    auto const at = now();
    catch_up(at);
    if (offset == control_port) {
        control(value, at);
    } else {
        m_counters[offset].write(value, at);
        if (offset == 0 && m_counters[0].interrupts_at_end()) {
            m_owes = false;
            m_wires.drop();
        }
    }
    // Who waits too long must know; who wakes too early finds out by himself.
    if (auto const after = next_tick(); after && (!before || *after < *before))
        m_wires.on_change();
    return Then::go_on;
}

void Pit::control(std::uint8_t value, Tick now)
{
    constexpr unsigned read_back = 3;
    auto const selected = static_cast<unsigned>(value >> 6);
    if (selected == read_back) {
        for (std::size_t i = 0; i < std::size(m_counters); ++i) {
            if ((value >> (i + 1) & 1) == 0)
                continue;
            if ((value & read_back_no_count) == 0)
                m_counters[i].latch_count(now);
            if ((value & read_back_no_status) == 0)
                m_counters[i].latch_status(now);
        }
        return;
    }
    auto& counter = m_counters[selected];
    if ((value >> 4 & 3) == 0)
        return counter.latch_count(now);
    counter.program(value & 0x3f);
    if (selected != 0)
        return;
    m_owes = false;
    if (counter.interrupts_at_end())
        m_wires.drop();
}

std::uint8_t Pit::read(unsigned offset)
{
    auto const at = now();
    catch_up(at);
    return offset == control_port ? std::uint8_t{0xff} : m_counters[offset].read(at); // control words are only written
}

Then Pit::Speaker::write(unsigned, std::uint8_t value)
{
    m_pit.m_counters[2].set_gate((value & speaker_gate) != 0, m_pit.now());
    m_pit.m_speaker_on = (value & speaker_data) != 0;
    return Then::go_on;
}

std::uint8_t Pit::Speaker::read(unsigned)
{
    auto const now = m_pit.now();
    auto& counter = m_pit.m_counters[2];
    return static_cast<std::uint8_t>((counter.gate() ? speaker_gate : 0) | (m_pit.m_speaker_on ? speaker_data : 0)
        | (now / refresh_period % 2 != 0 ? speaker_refresh : 0) | (counter.output(now) ? speaker_output : 0));
}

void Pit::save(accel::PitState& state) const
{
    for (std::size_t i = 0; i < std::size(m_counters); ++i)
        m_counters[i].save(state, i);
    state.flags = m_speaker_on ? KVM_PIT_FLAGS_SPEAKER_DATA_ON : 0;
}

Result<void> Pit::load(accel::PitState const& state)
{
    auto const at = now();
    for (std::size_t i = 0; i < std::size(m_counters); ++i)
        TRY(m_counters[i].load(state, i, at));
    m_speaker_on = (state.flags & KVM_PIT_FLAGS_SPEAKER_DATA_ON) != 0;
    m_seen = at;
    m_owes = false;
    m_wires.on_change();
    return {};
}

} // namespace minivisor::hw
