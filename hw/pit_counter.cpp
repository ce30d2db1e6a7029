// SPDX-License-Identifier: GPL-3.0-or-later
#include "hw/pit_counter.hpp"

#include "util/text.hpp"

#include <algorithm>
#include <utility>

namespace minivisor::hw {

namespace {

constexpr std::uint32_t binary_range = 0x10000, bcd_range = 10'000;
constexpr unsigned last_mode = 5;
constexpr std::uint8_t status_output = 0x80, status_null_count = 0x40;

std::uint32_t from_bcd(std::uint32_t count)
{
    return (count >> 12 & 15) * 1000 + (count >> 8 & 15) * 100 + (count >> 4 & 15) * 10 + (count & 15);
}

std::uint32_t to_bcd(std::uint32_t value)
{
    return value / 1000 % 10 << 12 | value / 100 % 10 << 8 | value / 10 % 10 << 4 | value % 10;
}

} // namespace

void PitCounter::reset() { *this = PitCounter(m_power_on_gate); }

void PitCounter::program(std::uint8_t control)
{
    m_bcd = (control & 1) != 0;
    m_mode = control >> 1 & 7;
    if (m_mode > last_mode) // modes 2 and 3 have a bit that does not count
        m_mode &= 3;
    m_access = m_next_read = m_next_write = static_cast<Access>(control >> 4 & 3);
    m_count = 0;
    m_latched = none;
    m_status_latched = false;
    m_counts = false;
    m_held.reset();
    m_reload.reset();
}

/// In ticks. What is no decimal number counts all the same.
PitCounter::Tick PitCounter::length(std::uint32_t count) const
{
    if (count == binary_range)
        return m_bcd ? bcd_range : binary_range;
    return m_bcd ? from_bcd(count) : count;
}

void PitCounter::write(std::uint8_t value, Tick now)
{
    switch (m_next_write) {
    case none: return; // it was never told how
    case low: return put(value, now);
    case high: return put(static_cast<std::uint32_t>(value << 8), now);
    case low_then_high:
        m_low_byte = value;
        m_next_write = high_of_both;
        if (m_mode == 0)
            m_counts = false;
        return;
    case high_of_both:
        m_next_write = low_then_high;
        return put(static_cast<std::uint32_t>(value << 8 | m_low_byte), now);
    }
}

void PitCounter::put(std::uint32_t count, Tick now)
{
    settle(now);
    m_count = count == 0 ? binary_range : count;
    if (waits_for_trigger())
        return;
    if (periodic() && m_counts && !m_held) {
        m_reload = m_began + (elapsed(now) / m_length + 1) * m_length;
        return;
    }
    begin(now);
}

void PitCounter::begin(Tick now)
{
    m_counts = true;
    m_began = now;
    m_length = length(m_count);
    m_reload.reset();
    m_held.reset();
    if (!m_gate && !waits_for_trigger())
        m_held = 0;
}

void PitCounter::settle(Tick now)
{
    if (!m_reload || now < *m_reload)
        return;
    m_began = *m_reload;
    m_length = length(m_count);
    m_reload.reset();
}

PitCounter::Tick PitCounter::elapsed(Tick now) const { return m_held.value_or(now - m_began); }

void PitCounter::set_gate(bool level, Tick now)
{
    settle(now);
    if (level == std::exchange(m_gate, level))
        return;
    if (waits_for_trigger()) {
        if (level && m_count != 0)
            begin(now);
    } else if (m_counts && !level) {
        m_held = elapsed(now);
    } else if (m_counts && periodic()) {
        begin(now);
    } else if (m_counts) {
        m_began = now - std::min(now, *m_held);
        m_held.reset();
    }
}

bool PitCounter::output(Tick now)
{
    settle(now);
    if (!m_counts)
        return m_mode != 0;
    if (periodic() && m_held)
        return true;
    auto const at = elapsed(now);
    switch (m_mode) {
    case 0:
    case 1: return at >= m_length;
    case 2: return at % m_length != m_length - 1;
    case 3: return at % m_length < (m_length + 1) / 2;
    default: return at != m_length;
    }
}

std::optional<PitCounter::Tick> PitCounter::next_rise(Tick seen) const
{
    if (!m_counts || m_held)
        return std::nullopt;
    if (periodic()) {
        bool const reloaded = m_reload && seen >= *m_reload;
        auto const began = reloaded ? *m_reload : m_began;
        auto const period = reloaded ? length(m_count) : m_length;
        return began + ((seen - std::min(seen, began)) / period + 1) * period;
    }
    auto const end = m_began + m_length + (m_mode >= 4 ? 1 : 0);
    return end > seen ? std::optional(end) : std::nullopt;
}

/// What the counter shows.
std::uint16_t PitCounter::value(Tick now)
{
    settle(now);
    auto const range = m_bcd ? bcd_range : binary_range;
    Tick shown = m_count == 0 ? 0 : length(m_count);
    if (m_counts) {
        auto const at = elapsed(now);
        if (m_mode == 2) {
            shown = m_length - at % m_length;
        } else if (m_mode == 3) { // by twos, twice in a period
            auto const half = (m_length + 1) / 2, in_period = at % m_length;
            shown = (m_length & ~Tick{1}) - 2 * (in_period < half ? in_period : in_period - half);
        } else {
            shown = m_length + range - at % range; // it goes on when it has reached the end
        }
    }
    auto const number = static_cast<std::uint32_t>(shown % range);
    return static_cast<std::uint16_t>(m_bcd ? to_bcd(number) : number);
}

void PitCounter::latch_count(Tick now)
{
    if (m_latched != none)
        return;
    m_latched_count = value(now);
    m_latched = m_access;
}

void PitCounter::latch_status(Tick now)
{
    if (std::exchange(m_status_latched, true))
        return;
    settle(now);
    bool const pending = m_reload || (waits_for_trigger() && m_length != length(m_count));
    bool const null_count = m_count == 0 || (!m_counts && !waits_for_trigger()) || pending;
    m_latched_status = static_cast<std::uint8_t>((output(now) ? status_output : 0)
        | (null_count ? status_null_count : 0) | m_access << 4 | (m_mode & 7) << 1 | (m_bcd ? 1 : 0));
}

std::uint8_t PitCounter::read(Tick now)
{
    if (std::exchange(m_status_latched, false))
        return m_latched_status;
    auto& next = m_latched != none ? m_latched : m_next_read;
    auto const count = m_latched != none ? m_latched_count : value(now);
    bool const latched = m_latched != none;
    auto const low_byte = static_cast<std::uint8_t>(count), high_byte = static_cast<std::uint8_t>(count >> 8);
    switch (next) {
    case none: return low_byte;
    case low: next = latched ? none : low; return low_byte;
    case high: next = latched ? none : high; return high_byte;
    case low_then_high: next = latched ? high : high_of_both; return low_byte;
    case high_of_both: next = low_then_high; return high_byte;
    }
    return low_byte;
}

void PitCounter::save(accel::PitState& state, std::size_t i) const
{
    state.count[i] = m_count;
    state.latched_count[i] = m_latched_count;
    state.count_latched[i] = m_latched;
    state.status_latched[i] = m_status_latched;
    state.status[i] = m_latched_status;
    state.read_state[i] = m_next_read;
    state.write_state[i] = m_next_write;
    state.write_latch[i] = m_low_byte;
    state.rw_mode[i] = m_access;
    state.mode[i] = m_mode;
    state.bcd[i] = m_bcd;
    state.gate[i] = m_gate;
}

Result<void> PitCounter::load(accel::PitState const& state, std::size_t i, Tick now)
{
    bool const mode = state.mode[i] <= last_mode || state.mode[i] == unprogrammed;
    if (!mode || state.count[i] > binary_range || state.count_latched[i] > high || state.rw_mode[i] > low_then_high
        || state.read_state[i] > high_of_both || state.write_state[i] > high_of_both)
        return Error::generic(cat("i8254: no timer can be in the state of channel ", i));
    reset();
    m_mode = state.mode[i];
    m_bcd = state.bcd[i] != 0;
    m_gate = state.gate[i] != 0;
    m_access = static_cast<Access>(state.rw_mode[i]);
    m_next_read = static_cast<Access>(state.read_state[i]);
    m_next_write = static_cast<Access>(state.write_state[i]);
    m_low_byte = state.write_latch[i];
    m_count = state.count[i];
    m_latched = static_cast<Access>(state.count_latched[i]);
    m_latched_count = state.latched_count[i];
    m_status_latched = state.status_latched[i] != 0;
    m_latched_status = state.status[i];
    if (m_mode != unprogrammed && m_count != 0 && !waits_for_trigger())
        begin(now);
    return {};
}

} // namespace minivisor::hw
