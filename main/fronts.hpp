// SPDX-License-Identifier: GPL-3.0-or-later
// What the outside talks to: the character devices, and what is connected to them: monitors and the serial port.
#pragma once

#include "hmp/console.hpp"
#include "hw/gdb_stub.hpp"
#include "hw/serial_line.hpp"
#include "io/chardevs.hpp"
#include "main/options.hpp"
#include "main/service.hpp"
#include "monitor/dispatch.hpp"
#include "monitor/server.hpp"

namespace minivisor::main {

class Fronts {
public:
    /// `end` ends the program with status 0.
    Fronts(boost::asio::io_context& io, qom::Tree& tree, io::Doorman& doorman, qapi::EventBus& events, io::Yank& yank,
        monitor::Dispatcher& dispatcher, std::function<void()> end);

    io::Chardevs& chardevs() { return m_chardevs; }

    /// Those of the options; `mini` is null where the machine is another one.
    Result<void> open(Options& options, HandedSockets& handed, hw::Mini* mini, machine::Machine& machine);
    /// HMP's gdbserver.
    boost::asio::awaitable<Result<void>> serve_gdb(std::string device, hw::Mini* mini, machine::Machine& machine);
    /// The serial port's last words go out, and nothing more; gdb is told that this is the end.
    boost::asio::awaitable<void> shut_down_guest_lines();
    boost::asio::awaitable<void> shut_down();
    void close();

private:
    Result<void> open_chardevs(Options& options, HandedSockets& handed);
    Result<void> add_chardev(qapi::ChardevAddArguments& device, HandedSockets& handed);
    Result<void> connect_serial(Options const& options, hw::Mini& mini);
    Result<void> open_gdb(std::string const& chardev, hw::Mini* mini, machine::Machine& machine);
    Result<void> open_monitor(MonitorOption const& option);

    boost::asio::io_context& m_io;
    qapi::EventBus& m_events;
    monitor::Dispatcher& m_dispatcher;
    std::function<void()> m_end;
    monitor::Server m_monitors;
    io::Chardevs m_chardevs;
    std::unique_ptr<hw::SerialLine> m_serial_line;
    std::unique_ptr<hw::GdbStub> m_gdb;
    std::unique_ptr<hmp::Console> m_console;
};

} // namespace minivisor::main
