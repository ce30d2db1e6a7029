// SPDX-License-Identifier: GPL-3.0-or-later
#include "hw/ports.hpp"

#include "util/units.hpp"

#include <algorithm>
#include <ctime>

namespace minivisor::hw {

// Reset

Then ResetPort::write(unsigned, std::uint8_t value)
{
    constexpr std::uint8_t pulse_reset = 0xfe, reset_cpu = 0x04;
    bool const reset = m_kind == Kind::keyboard ? value == pulse_reset : (value & reset_cpu) != 0;
    if (!reset)
        return Then::go_on;
    m_on_wish({GuestWish::What::reset});
    return Then::rest;
}

std::uint8_t ResetPort::read(unsigned)
{
    return 0; // of a keyboard controller: nothing there, and ready for commands
}

// Power

namespace {

constexpr unsigned status_register = 0, enable_register = 2, control_register = 4;
constexpr std::uint16_t power_button = 1 << 8, sleep_now = 1 << 13;

} // namespace

PowerPorts::PowerPorts(PortBus& bus, std::function<void(bool)> set_irq, OnWish on_wish)
    : m_bus(bus)
    , m_set_irq(std::move(set_irq))
    , m_on_wish(std::move(on_wish))
{
    m_saved.ports = this;
}

void PowerPorts::press_button()
{
    auto const held = m_bus.lock();
    m_state.status |= power_button;
    update_irq();
}

void PowerPorts::reset()
{
    auto const held = m_bus.lock();
    m_state = State();
    update_irq();
}

void PowerPorts::update_irq()
{
    bool const irq = (m_state.status & m_state.enable) != 0;
    if (irq != m_irq)
        m_set_irq(m_irq = irq);
}

Then PowerPorts::write(unsigned offset, std::uint8_t value)
{
    auto const shift = offset % 2 * 8;
    auto const mask = static_cast<std::uint16_t>(0xff << shift);
    auto const wanted = static_cast<std::uint16_t>(value << shift);
    switch (offset & ~1u) {
    case status_register: m_state.status &= static_cast<std::uint16_t>(~wanted); break; // a one clears
    case enable_register: m_state.enable = static_cast<std::uint16_t>((m_state.enable & ~mask) | wanted); break;
    case control_register:
        m_state.control = static_cast<std::uint16_t>(((m_state.control & ~mask) | wanted) & ~sleep_now);
        break;
    default: break;
    }
    update_irq();
    if ((offset & ~1u) == control_register && (wanted & sleep_now) != 0) {
        m_on_wish({GuestWish::What::power_off});
        return Then::rest;
    }
    return Then::go_on;
}

std::uint8_t PowerPorts::read(unsigned offset)
{
    auto const value = (offset & ~1u) == status_register ? m_state.status
        : (offset & ~1u) == enable_register              ? m_state.enable
                                                         : m_state.control;
    return static_cast<std::uint8_t>(value >> (offset % 2 * 8));
}

machine::SavedState const PowerPorts::State::saved_state{
    .name = "power",
    .fields = {machine::saved<&State::status>("status"), machine::saved<&State::enable>("enable"),
        machine::saved<&State::control>("control")},
    .before_save = [](void* device) -> Result<void> {
        auto& saved = *static_cast<State*>(device);
        auto* const ports = saved.ports;
        auto const held = ports->m_bus.lock();
        saved = ports->m_state;
        saved.ports = ports;
        return {};
    },
    .after_load = [](void* device, std::uint32_t) -> Result<void> {
        auto const& saved = *static_cast<State const*>(device);
        auto const held = saved.ports->m_bus.lock();
        saved.ports->m_state = saved;
        saved.ports->update_irq();
        return {};
    },
};

// Clock

namespace {

constexpr unsigned seconds = 0, minutes = 2, hours = 4, weekday = 6, day = 7, month = 8, year = 9, register_a = 10,
                   register_b = 11, register_c = 12, register_d = 13, century = 0x32;
constexpr std::uint8_t b_24_hours = 2, b_binary = 4, d_valid = 0x80, hours_pm = 0x80;

bool is_time(unsigned reg)
{
    return reg == seconds || reg == minutes || reg == hours || (reg >= weekday && reg <= year) || reg == century;
}

std::uint8_t to_bcd(int value) { return static_cast<std::uint8_t>(value / 10 << 4 | value % 10); }

int from_bcd(std::uint8_t value) { return (value >> 4) * 10 + (value & 15); }

} // namespace

RealTimeClock::RealTimeClock(std::uint64_t below_4g, std::uint64_t above_4g, unsigned cpus)
{
    auto const put16 = [this](unsigned at, std::uint64_t value) {
        auto const bounded = std::min<std::uint64_t>(value, 0xffff);
        memory[at] = static_cast<std::uint8_t>(bounded);
        memory[at + 1] = static_cast<std::uint8_t>(bounded >> 8);
    };
    using util::kib, util::mib;
    constexpr std::uint64_t chunk = 64 * kib;
    memory[register_a] = 0x26;
    memory[register_b] = b_24_hours;
    memory[register_d] = d_valid;
    auto const above_1m = below_4g > mib ? below_4g - mib : 0;
    put16(0x15, std::min(below_4g, 640 * kib) / kib); // where firmware and kernels look for the size of the RAM
    put16(0x17, above_1m / kib);
    put16(0x30, above_1m / kib);
    put16(0x34, below_4g > 16 * mib ? (below_4g - 16 * mib) / chunk : 0);
    put16(0x5b, above_4g / chunk & 0xffff);
    memory[0x5d] = static_cast<std::uint8_t>(above_4g / chunk >> 16);
    memory[0x5f] = static_cast<std::uint8_t>(cpus - 1);
}

Then RealTimeClock::write(unsigned offset, std::uint8_t value)
{
    if (offset == 0)
        index = value & 0x7f;
    else if (is_time(index))
        set_time(index, value);
    else if (index == register_a || index == register_b || index > register_d)
        memory[index] = value;
    return Then::go_on;
}

std::uint8_t RealTimeClock::read(unsigned offset)
{
    if (offset == 0)
        return 0xff; // it is only written
    if (index == register_a)
        return memory[register_a] & 0x7f; // never in the middle of an update
    if (index == register_c)
        return 0; // it raises no interrupt
    return is_time(index) ? read_time(index) : memory[index];
}

std::uint8_t RealTimeClock::read_time(unsigned reg) const
{
    auto const now = std::time(nullptr) + offset_seconds;
    std::tm time{};
    gmtime_r(&now, &time);
    bool const binary = (memory[register_b] & b_binary) != 0;
    auto const number = [binary](int value) { return binary ? static_cast<std::uint8_t>(value) : to_bcd(value); };
    switch (reg) {
    case seconds: return number(time.tm_sec);
    case minutes: return number(time.tm_min);
    case hours: {
        if ((memory[register_b] & b_24_hours) != 0)
            return number(time.tm_hour);
        auto const hour = number(time.tm_hour % 12 == 0 ? 12 : time.tm_hour % 12);
        return static_cast<std::uint8_t>(time.tm_hour >= 12 ? hour | hours_pm : hour);
    }
    case weekday: return number(time.tm_wday + 1);
    case day: return number(time.tm_mday);
    case month: return number(time.tm_mon + 1);
    case century: return number((time.tm_year + 1900) / 100);
    default: return number(time.tm_year % 100);
    }
}

/// The clock goes on from the time that it showed, with one part of it changed.
void RealTimeClock::set_time(unsigned reg, std::uint8_t value)
{
    auto const shown = std::time(nullptr) + offset_seconds;
    std::tm time{};
    gmtime_r(&shown, &time);
    auto const number = [&](std::uint8_t raw) { return (memory[register_b] & b_binary) != 0 ? raw : from_bcd(raw); };
    switch (reg) {
    case seconds: time.tm_sec = number(value); break;
    case minutes: time.tm_min = number(value); break;
    case hours:
        time.tm_hour = number(value & 0x7f);
        if ((memory[register_b] & b_24_hours) == 0)
            time.tm_hour = time.tm_hour % 12 + ((value & hours_pm) != 0 ? 12 : 0);
        break;
    case day: time.tm_mday = number(value); break;
    case month: time.tm_mon = number(value) - 1; break;
    case year: time.tm_year = (time.tm_year + 1900) / 100 * 100 + number(value) - 1900; break;
    case century: time.tm_year = number(value) * 100 + (time.tm_year + 1900) % 100 - 1900; break;
    default: return; // the day of the week follows from the date
    }
    offset_seconds += timegm(&time) - shown;
}

machine::SavedState const RealTimeClock::saved_state{
    .name = "mc146818rtc",
    .fields = {machine::saved<&RealTimeClock::memory>("cmos_data"), machine::saved<&RealTimeClock::index>("cmos_index"),
        machine::saved<&RealTimeClock::offset_seconds>("offset")},
    .after_load = [](void* device, std::uint32_t) -> Result<void> {
        auto const& clock = *static_cast<RealTimeClock const*>(device);
        if (clock.index > 0x7f)
            return Error::generic("mc146818rtc: an index outside its memory");
        constexpr std::int64_t most = std::int64_t{20'000} * 366 * 86'400; // two digits of centuries are less
        if (clock.offset_seconds > most || clock.offset_seconds < -most)
            return Error::generic("mc146818rtc: a time that it cannot show");
        return {};
    },
};

// Debug exit

Then DebugExitPort::write(unsigned, std::uint8_t value)
{
    m_on_wish({GuestWish::What::debug_exit, value * 2 + 1});
    return Then::rest;
}

Then DebugExitPort::write_wide(unsigned, unsigned, std::uint32_t value)
{
    m_on_wish({GuestWish::What::debug_exit, static_cast<int>(value << 1 | 1)});
    return Then::rest;
}

std::uint8_t DebugExitPort::read(unsigned) { return 0; }

} // namespace minivisor::hw
