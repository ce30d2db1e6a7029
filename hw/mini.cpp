// SPDX-License-Identifier: GPL-3.0-or-later
#include "hw/mini.hpp"

#include "util/log.hpp"
#include "util/text.hpp"
#include "util/units.hpp"

#include <boost/asio/post.hpp>

namespace minivisor::hw {

namespace {

std::uint64_t ram_size(machine::Memory const& memory, bool above_4g)
{
    std::uint64_t size = 0;
    for (auto const& region : memory.regions())
        if (!region.read_only && (region.guest_address >= 4 * util::gib) == above_4g)
            size = std::max(size, region.end() - (above_4g ? 4 * util::gib : 0));
    return size;
}

accel::CpuStart start_at(std::uint64_t address)
{
    accel::CpuStart start;
    bool const real = address < util::mib;
    start.mode = real ? accel::CpuStart::Mode::real : accel::CpuStart::Mode::protected32;
    start.segment = static_cast<std::uint16_t>(real ? address >> 4 & 0xf000 : 0);
    start.ip = real ? address & 0xffff : address;
    return start;
}

} // namespace

Mini::Mini(MiniOptions options, machine::Machine& machine, boost::asio::any_io_executor executor, Exit exit)
    : m_options(std::move(options))
    , m_machine(machine)
    , m_executor(std::move(executor))
    , m_exit(std::move(exit))
    , m_serial(m_bus, [this](bool level) { set_irq(com1_irq, level); })
    , m_keyboard_reset(ResetPort::Kind::keyboard, [this](GuestWish wish) { on_wish(wish); })
    , m_control_reset(ResetPort::Kind::control, [this](GuestWish wish) { on_wish(wish); })
    , m_power(
          m_bus, [this](bool level) { set_irq(PowerPorts::irq_line, level); },
          [this](GuestWish wish) { on_wish(wish); })
    , m_clock(ram_size(machine.memory(), false), ram_size(machine.memory(), true), m_options.cpus)
    , m_debug_exit([this](GuestWish wish) { on_wish(wish); })
{
    m_clock.offset_seconds = m_options.rtc_offset;
    m_bus.add(com1, SerialPort::port_count, m_serial);
    m_bus.add(0x64, 1, m_keyboard_reset);
    m_bus.add(0xcf9, 1, m_control_reset);
    m_bus.add(PowerPorts::first, PowerPorts::port_count, m_power);
    m_bus.add(RealTimeClock::first, RealTimeClock::port_count, m_clock);
}

Result<std::unique_ptr<Mini>> Mini::create(
    MiniOptions options, machine::Machine& machine, qom::Tree& tree, boost::asio::any_io_executor executor, Exit exit)
{
    auto plan = TRY(plan_boot(options.boot, machine.memory()));
    TRY(plan.load(machine.memory()));
    if (options.start_address)
        plan.start = start_at(*options.start_address);
    else if (!options.boot.bios && !options.boot.kernel && !options.incoming)
        util::log::warn("there is nothing to boot: no -kernel, no -bios, and no loader with cpu-num=0");
    std::unique_ptr<Mini> mini(new Mini(std::move(options), machine, std::move(executor), std::move(exit)));
    TRY(mini->choose_accelerator());
    TRY(mini->add_debug_exit());
    if (mini->m_kvm) {
        mini->m_kvm->start_at(plan.start);
        TRY(mini->m_kvm->reset());
    }
    mini->m_boot = std::move(plan);
    TRY(mini->add_saved_devices());
    TRY(mini->add_to_tree(tree));
    auto& run = machine.run();
    mini->m_switch = run.add_cpu_switch([&self = *mini](bool on) { self.switch_cpus(on); });
    run.set_reset([&self = *mini] { self.reset(); });
    run.set_powerdown([&self = *mini] { self.m_power.press_button(); });
    if (mini->m_kvm)
        machine.set_throttle([&kvm = *mini->m_kvm](int percent) { kvm.throttle(percent); });
    return mini;
}

Mini::~Mini()
{
    m_switch.reset();
    m_machine.run().set_reset(nullptr);
    m_machine.run().set_powerdown(nullptr);
    m_machine.set_throttle(nullptr);
    auto& devices = m_machine.devices();
    if (m_chips) {
        m_chips->remove_from(devices);
        m_chips->end();
    }
    if (m_kvm)
        m_kvm->remove_from(devices);
    devices.remove(&m_serial.saved());
    devices.remove(&m_saved_wish);
    devices.remove(&m_power.saved());
    devices.remove(&m_clock);
    m_kvm.reset(); // the CPUs' threads use all the rest
}

/// Takes the first that works.
Result<void> Mini::choose_accelerator()
{
    auto wanted = m_options.accelerators;
    if (wanted.empty())
        wanted = {"kvm", "none"};
    for (std::size_t i = 0; i < wanted.size(); ++i) {
        bool const last = i + 1 == wanted.size();
        if (wanted[i] != "kvm") {
            util::log::warn(cat("no CPU runs: there is no ", wanted[i] == "none" ? "accelerator" : wanted[i],
                " here, and the guest's memory and devices only stand still"));
            return {};
        }
        auto kvm = accel::Kvm::create({m_options.cpus, m_options.kernel_irqchip, m_options.dirty_ring_size},
            m_machine.memory(), m_bus, [this](accel::CpuStop stop) { on_stop(std::move(stop)); });
        if (kvm) {
            m_kvm = *std::move(kvm);
            if (!m_kvm->vm().has_irqchip())
                m_chips = std::make_unique<PcChips>(m_bus, *m_kvm->cpus()[0]);
            return {};
        }
        if (last)
            return std::move(kvm).error();
        util::log::error(kvm.error());
        util::log::error(cat("falling back to ", wanted[i + 1]));
    }
    return {};
}

/// Where nothing else answers.
Result<void> Mini::add_debug_exit()
{
    auto const& ports = m_options.debug_exit;
    if (!ports)
        return {};
    constexpr unsigned all_ports = 0x10000;
    unsigned const end = ports->iobase + ports->iosize;
    if (ports->iosize == 0 || end > all_ports)
        return Error::generic(
            cat("isa-debug-exit: there are no such ports: ", ports->iosize, " from 0x", util::hex(ports->iobase)));
    for (auto const& range : board_ports())
        if (range.address < end && ports->iobase < range.address + range.size)
            return Error::generic(
                cat("isa-debug-exit: port 0x", util::hex(range.address), " is taken by ", range.name));
    m_bus.add(ports->iobase, ports->iosize, m_debug_exit);
    return {};
}

Result<void> Mini::add_saved_devices()
{
    auto& devices = m_machine.devices();
    if (m_kvm)
        TRY(m_kvm->add_to(devices));
    if (m_chips)
        TRY(m_chips->add_to(devices));
    TRY(devices.add({"serial", 0, &SerialPort::State::saved_state, &m_serial.saved()}));
    TRY(devices.add({"wish", 0, &Wish::saved_state, &m_saved_wish}));
    TRY(devices.add({"power", 0, &PowerPorts::State::saved_state, &m_power.saved()}));
    return devices.add({"mc146818rtc", 0, &RealTimeClock::saved_state, &m_clock});
}

accel::ChipIo* Mini::chips() const
{
    if (m_chips)
        return m_chips.get();
    return m_kvm ? m_kvm->chips() : nullptr;
}

void Mini::switch_cpus(bool run)
{
    if (!m_kvm)
        return;
    if (m_chips && run)
        m_chips->set_running(true);
    run ? m_kvm->run() : m_kvm->rest();
    if (m_chips && !run)
        m_chips->set_running(false);
    if (run)
        post([](Mini& self) { self.fulfil(); });
}

/// With the bus's lock held; any thread.
void Mini::set_irq(unsigned line, bool level)
{
    if (m_chips)
        m_chips->set_line(line, level);
    else if (m_kvm)
        m_kvm->vm().set_irq(line, level);
}

void Mini::reset()
{
    auto const state = m_machine.run().state();
    if (state == qapi::RunState::inmigrate)
        return; // there is no guest yet
    if (state == qapi::RunState::finish_migrate) {
        auto const held = m_bus.lock();
        return on_wish({GuestWish::What::reset}); // where it goes on, here or there
    }
    m_serial.reset();
    m_power.reset();
    if (m_chips)
        m_chips->reset();
    {
        auto const held = m_bus.lock();
        m_wish = Wish();
    }
    // What the guest was begun with may have been written over since.
    if (auto loaded = m_boot.load(m_machine.memory()); !loaded)
        util::log::error(loaded.error());
    if (!m_kvm)
        return;
    if (auto done = m_kvm->reset(); !done)
        util::log::error(done.error());
}

void Mini::while_resting(std::function<void()> const& look)
{
    switch_cpus(false);
    look();
    if (m_machine.run().running())
        switch_cpus(true);
}

Result<std::vector<accel::CpuState>> Mini::cpu_states()
{
    std::vector<accel::CpuState> states;
    if (!m_kvm)
        return states;
    Result<void> read;
    while_resting([&] {
        for (auto const& cpu : m_kvm->cpus())
            if (read)
                read = cpu->read_state(states.emplace_back());
    });
    if (!read)
        return std::move(read).error();
    return states;
}

void Mini::post(std::function<void(Mini&)> what)
{
    boost::asio::post(m_executor, [life = std::weak_ptr(m_life), what = std::move(what)] {
        if (auto const self = life.lock())
            what(**self);
    });
}

/// Any thread, with the bus's lock held.
void Mini::on_wish(GuestWish wish)
{
    m_wish = {static_cast<std::uint8_t>(static_cast<int>(wish.what) + 1), wish.status, this};
    post([](Mini& self) { self.fulfil(); });
}

/// A guest that stands still gets what it wants when it runs again.
void Mini::fulfil()
{
    if (!m_machine.run().running())
        return;
    Wish wish;
    {
        auto const held = m_bus.lock();
        wish = std::exchange(m_wish, Wish());
    }
    if (wish.what == 0)
        return;
    switch (static_cast<GuestWish::What>(wish.what - 1)) {
    case GuestWish::What::reset: return guest_reset();
    case GuestWish::What::power_off: return guest_end(qapi::ShutdownCause::guest_shutdown, 0);
    case GuestWish::What::debug_exit: return guest_end(qapi::ShutdownCause::none, wish.status);
    }
}

machine::SavedState const Mini::Wish::saved_state{
    .name = "wish",
    .fields = {machine::saved<&Wish::what>("what"), machine::saved<&Wish::status>("status")},
    .before_save = [](void* device) -> Result<void> {
        auto& saved = *static_cast<Wish*>(device);
        auto* const mini = saved.mini;
        auto const held = mini->m_bus.lock();
        saved = mini->m_wish;
        saved.mini = mini;
        return {};
    },
    .after_load = [](void* device, std::uint32_t) -> Result<void> {
        auto const& saved = *static_cast<Wish const*>(device);
        if (saved.what > static_cast<int>(GuestWish::What::debug_exit) + 1)
            return Error::generic("wish: the guest wants something that is not known here");
        auto const held = saved.mini->m_bus.lock();
        saved.mini->m_wish = saved;
        return {};
    },
};

/// On the CPU's thread.
void Mini::on_stop(accel::CpuStop stop)
{
    using Reason = accel::CpuStop::Reason;
    if (stop.reason == Reason::triple_fault) {
        auto const held = m_bus.lock();
        return on_wish({GuestWish::What::reset});
    }
    post([stop = std::move(stop)](Mini& self) {
        if (stop.reason == Reason::internal_error)
            return self.on_internal_error(stop);
        if (auto& run = self.m_machine.run(); run.running()) {
            self.m_debugged_cpu = stop.cpu;
            run.halt(qapi::RunState::debug);
        }
    });
}

void Mini::on_internal_error(accel::CpuStop const& stop)
{
    if (auto& run = m_machine.run(); run.running())
        run.halt(qapi::RunState::internal_error);
    auto text = stop.text;
    auto const states = cpu_states();
    if (!states)
        util::log::error(states.error());
    else if (stop.cpu < states->size())
        text += (*states)[stop.cpu].to_text();
    for (auto const line : util::split(text, '\n'))
        if (!line.empty())
            util::log::plain(line);
}

void Mini::guest_reset()
{
    if (m_options.no_reboot)
        return guest_end(qapi::ShutdownCause::guest_reset, 0);
    m_machine.run().reset(qapi::ShutdownCause::guest_reset);
}

void Mini::guest_end(qapi::ShutdownCause cause, int status)
{
    auto& run = m_machine.run();
    if (cause != qapi::ShutdownCause::none)
        run.announce_shutdown(cause);
    if (!m_options.no_shutdown)
        m_exit(status);
    else if (run.running())
        run.halt(qapi::RunState::shutdown);
}

} // namespace minivisor::hw
