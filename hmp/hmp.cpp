// SPDX-License-Identifier: GPL-3.0-or-later
#include "hmp/hmp.hpp"

#include "hmp/cmd_authz.hpp"
#include "hmp/cmd_chardev.hpp"
#include "hmp/cmd_control.hpp"
#include "hmp/cmd_cpu.hpp"
#include "hmp/cmd_devices.hpp"
#include "hmp/cmd_dump.hpp"
#include "hmp/cmd_log.hpp"
#include "hmp/cmd_machine.hpp"
#include "hmp/cmd_migration.hpp"
#include "hmp/cmd_qom.hpp"
#include "hmp/session.hpp"
#include "qapi/schema/control.hpp"
#include "qapi/schema/cpu.hpp"

namespace minivisor::hmp {

namespace {

/// Collects what a line prints.
class Paper final : public Screen {
public:
    void print(std::string_view text) override { m_text += with_crlf(text); }
    bool may_block() const override { return false; }
    std::string take() { return std::move(m_text); }

private:
    std::string m_text;
};

boost::asio::awaitable<Result<std::string>> run_for_program(
    monitor::House& house, PrintFormat& format, qapi::HumanMonitorCommandArguments arguments, qapi::CallContext& caller)
{
    format.cpu = arguments.cpu_index.value_or(0);
    if (arguments.cpu_index) {
        auto const cpus = co_await house.call<qapi::QueryCpusFast>(qapi::Empty(), caller);
        if (!cpus || format.cpu < 0 || static_cast<std::size_t>(format.cpu) >= cpus->size())
            co_return Error::generic("Parameter 'cpu-index' expects a CPU number");
    }
    Paper paper;
    CommandContext context(house, caller, command_table(), paper, format);
    auto running = run_line(context, std::move(arguments.command_line));
    co_await std::move(running);
    co_return paper.take();
}

} // namespace

CommandTable const& command_table()
{
    static CommandTable const table = [] {
        CommandTable all;
        add_control_commands(all);
        add_machine_commands(all);
        add_cpu_commands(all);
        add_device_commands(all);
        add_dump_commands(all);
        add_qom_commands(all);
        add_authz_commands(all);
        add_chardev_commands(all);
        add_migration_commands(all);
        add_log_commands(all);
        return all;
    }();
    return table;
}

monitor::SessionFactory session_factory()
{
    return [](monitor::House& house, monitor::Wire& wire) {
        return std::make_unique<Session>(house, wire, command_table());
    };
}

void bind_commands(qapi::Registry& registry, monitor::House& house)
{
    // As in QEMU the format of print and xp outlasts the command.
    registry.bind<qapi::HumanMonitorCommand>(
        [&house, format = std::make_shared<PrintFormat>()](qapi::HumanMonitorCommandArguments arguments,
            qapi::CallContext& caller) { return run_for_program(house, *format, std::move(arguments), caller); });
}

} // namespace minivisor::hmp
