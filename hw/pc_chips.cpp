// SPDX-License-Identifier: GPL-3.0-or-later
#include "hw/pc_chips.hpp"

#include <pthread.h>

namespace minivisor::hw {

using std::chrono::steady_clock;

PcChips::PcChips(PortBus& bus, accel::KvmCpu& cpu)
    : m_bus(bus)
    , m_pics([&cpu](bool level) { cpu.set_interrupt(level); })
    , m_pit({[this] { m_pics.pulse_line(Pit::irq_line); }, [this] { m_pics.set_line(Pit::irq_line, false); },
          [] { return std::chrono::duration_cast<Pit::Time>(steady_clock::now().time_since_epoch()); },
          [this] { m_changed.notify_one(); }})
{
    m_pics.add_to(bus);
    m_pit.add_to(bus);
    for (std::uint32_t i = 0; i < 2; ++i) {
        m_saved_pics[i].chip = i;
        m_saved_pics[i].io = this;
    }
    m_saved_pit.io = this;
    cpu.set_interrupt_controller(*this);
    m_thread = std::thread([this] { main(); });
}

PcChips::~PcChips() { end(); }

void PcChips::end()
{
    {
        auto const held = m_bus.lock();
        m_end = true;
    }
    m_changed.notify_one();
    if (m_thread.joinable())
        m_thread.join();
}

void PcChips::main()
{
    pthread_setname_np(pthread_self(), "pit");
    auto lock = m_bus.lock();
    while (!m_end) {
        if (auto const next = m_pit.next_tick())
            m_changed.wait_until(lock, steady_clock::time_point(*next));
        else
            m_changed.wait(lock);
        m_pit.tick();
    }
}

void PcChips::set_running(bool running)
{
    auto const held = m_bus.lock();
    m_pit.set_running(running);
}

void PcChips::reset()
{
    auto const held = m_bus.lock();
    m_pit.reset();
    m_pics.reset();
}

std::optional<std::uint8_t> PcChips::acknowledge()
{
    auto const held = m_bus.lock();
    if (!m_pics.output())
        return std::nullopt;
    return m_pics.acknowledge();
}

Result<void> PcChips::add_to(machine::SavedDevices& devices)
{
    for (auto& pic : m_saved_pics)
        TRY(devices.add({"i8259", pic.chip, &accel::PicState::saved_state, &pic}));
    return devices.add({"i8254", 0, &accel::PitState::saved_state, &m_saved_pit});
}

void PcChips::remove_from(machine::SavedDevices& devices)
{
    for (auto& pic : m_saved_pics)
        devices.remove(&pic);
    devices.remove(&m_saved_pit);
}

Result<void> PcChips::read_pic(accel::PicState& state)
{
    auto const held = m_bus.lock();
    m_pics.chip(state.chip).save(state);
    return {};
}

Result<void> PcChips::write_pic(accel::PicState const& state)
{
    auto const held = m_bus.lock();
    return m_pics.chip(state.chip).load(state);
}

Result<void> PcChips::read_pit(accel::PitState& state)
{
    auto const held = m_bus.lock();
    m_pit.save(state);
    return {};
}

Result<void> PcChips::write_pit(accel::PitState const& state)
{
    auto const held = m_bus.lock();
    return m_pit.load(state);
}

} // namespace minivisor::hw
