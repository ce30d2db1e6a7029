// SPDX-License-Identifier: GPL-3.0-or-later
#include "main/fronts.hpp"

#include "hmp/hmp.hpp"
#include "io/chardev_options.hpp"
#include "main/process.hpp"
#include "qmp/qmp.hpp"
#include "util/log.hpp"
#include "util/text.hpp"

#include <algorithm>
#include <unistd.h>

namespace minivisor::main {

Fronts::Fronts(boost::asio::io_context& io, qom::Tree& tree, io::Doorman& doorman, qapi::EventBus& events,
    io::Yank& yank, monitor::Dispatcher& dispatcher, std::function<void()> end)
    : m_io(io)
    , m_events(events)
    , m_dispatcher(dispatcher)
    , m_end(std::move(end))
    , m_monitors(io, dispatcher)
    , m_chardevs(io, tree, doorman, events, yank)
{
    m_chardevs.on_terminate(m_end);
}

Result<void> Fronts::open(Options& options, HandedSockets& handed, hw::Mini* mini, machine::Machine& machine)
{
    if (options.escape)
        m_chardevs.set_escape(*options.escape);
    TRY(open_chardevs(options, handed));
    for (auto const& option : options.monitors) {
        auto opened = open_monitor(option);
        if (!opened)
            return std::move(opened).error().context(option.origin);
    }
    if (mini) // behind the monitors: the last user of a multiplexer has the focus
        TRY(connect_serial(options, *mini));
    if (options.gdb) {
        auto opened = open_gdb(options.gdb->chardev, mini, machine);
        if (!opened)
            return std::move(opened).error().context(options.gdb->origin);
    }
    return {};
}

Result<void> Fronts::open_chardevs(Options& options, HandedSockets& handed)
{
    bool const stdio_is_taken = std::any_of(options.chardevs.begin(), options.chardevs.end(),
        [](auto const& option) { return option.device.backend.type == qapi::ChardevBackendKind::stdio; });
    bool const console = !options.has_monitor_option && !options.nodefaults && !options.daemonize && !stdio_is_taken;
    if (console && isatty(STDIN_FILENO) != 0) {
        std::string const id = "compat_monitor0";
        std::string const origin = "-monitor stdio";
        auto backend = TRY(io::parse_short_chardev("stdio"));
        options.chardevs.push_back({{id, std::move(backend)}, origin});
        options.monitors.push_back({id, false, false, origin});
    }
    if (options.daemonize)
        m_chardevs.forbid_stdio();
    for (auto& option : options.chardevs) {
        auto added = add_chardev(option.device, handed);
        if (!added)
            return std::move(added).error().context(option.origin);
    }
    for (auto const& name : handed.unused())
        util::log::warn(cat("nothing uses the socket ", name, " that was handed over"));
    return {};
}

Result<void> Fronts::add_chardev(qapi::ChardevAddArguments& device, HandedSockets& handed)
{
    if (auto* const socket = std::get_if<qapi::ChardevSocket>(&device.backend.data))
        if (auto* const fd = std::get_if<qapi::String>(&socket->addr.data))
            fd->str = TRY(handed.resolve(fd->str));
    DeadlySignals const while_it_waits;
    return m_chardevs.add_now(device);
}

Result<void> Fronts::connect_serial(Options const& options, hw::Mini& mini)
{
    if (options.serials.empty() || options.serials[0].chardev.empty())
        return {};
    auto const& serial = options.serials[0];
    auto* const device = m_chardevs.find(serial.chardev);
    if (!device)
        return Error::generic(cat("chardev \"", serial.chardev, "\" not found")).context(serial.origin);
    m_serial_line = std::make_unique<hw::SerialLine>(m_io.get_executor(), mini.serial());
    auto connected = m_serial_line->connect(*device);
    if (!connected)
        return std::move(connected).error().context(serial.origin);
    return {};
}

Result<void> Fronts::open_gdb(std::string const& chardev, hw::Mini* mini, machine::Machine& machine)
{
    if (!mini || !mini->kvm())
        return Error::generic("gdbstub: meaningless to attach gdb to a machine without any CPU.");
    auto* const device = m_chardevs.find(chardev);
    if (!device)
        return Error::generic(cat("chardev \"", chardev, "\" not found"));
    m_gdb = std::make_unique<hw::GdbStub>(m_io.get_executor(), *mini, machine, m_events, m_end);
    return m_gdb->serve(*device);
}

boost::asio::awaitable<Result<void>> Fronts::serve_gdb(std::string device, hw::Mini* mini, machine::Machine& machine)
{
    if (!mini || !mini->kvm())
        co_return open_gdb({}, mini, machine);
    if (auto const old = std::move(m_gdb)) {
        old->leave_guest();
        co_await old->shut_down();
        m_chardevs.discard("gdb");
    }
    if (device == "none")
        co_return Result<void>();
    if (device.starts_with("chardev:"))
        co_return open_gdb(device.substr(8), mini, machine);
    if (device.starts_with("tcp:") && device.find(',') == device.npos)
        device += ",server=on,wait=off";
    CO_TRY(auto devices, io::parse_short_chardev(device, "gdb"));
    for (auto& one : devices) {
        auto adding = m_chardevs.add(std::move(one), nullptr);
        CO_CHECK(co_await std::move(adding));
    }
    co_return open_gdb("gdb", mini, machine);
}

Result<void> Fronts::open_monitor(MonitorOption const& option)
{
    auto* const device = m_chardevs.find(option.chardev);
    if (!device)
        return Error::generic(cat("chardev \"", option.chardev, "\" not found"));
    bool const terminal = device->filename() == "stdio" && isatty(STDIN_FILENO) != 0 && isatty(STDOUT_FILENO) != 0;
    if (terminal && !option.control) {
        TRY(device->claim());
        m_console = TRY(hmp::Console::open(m_io, m_dispatcher));
        return {};
    }
    return m_monitors.serve(
        *device, option.control ? qmp::session_factory({.pretty = option.pretty}) : hmp::session_factory());
}

boost::asio::awaitable<void> Fronts::shut_down_guest_lines()
{
    if (m_serial_line)
        co_await m_serial_line->shut_down();
    if (m_gdb)
        co_await m_gdb->shut_down();
}

void Fronts::close()
{
    m_serial_line.reset();
    m_gdb.reset();
}

boost::asio::awaitable<void> Fronts::shut_down()
{
    m_chardevs.close(); // nobody comes any more
    co_await m_monitors.shut_down();
    co_await m_chardevs.join();
    if (m_console)
        co_await m_console->shut_down();
}

} // namespace minivisor::main
