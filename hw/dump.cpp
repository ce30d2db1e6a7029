// SPDX-License-Identifier: GPL-3.0-or-later
#include "hw/dump.hpp"

#include "util/quietly.hpp"
#include "util/text.hpp"

#include <boost/asio/this_coro.hpp>

#include <cerrno>
#include <fcntl.h>

namespace minivisor::hw {

namespace {

using qapi::DumpGuestMemoryFormat;
using qapi::DumpStatus;
using qapi::RunState;

constexpr char const* busy = "There is a dump in process, please wait.";

Result<void> check(qapi::DumpGuestMemoryArguments const& arguments)
{
    auto const format = arguments.format.value_or(DumpGuestMemoryFormat::elf);
    bool const filtered = arguments.begin || arguments.length;
    if (format != DumpGuestMemoryFormat::elf && (arguments.paging || filtered))
        return Error::generic("kdump-compressed format doesn't support paging or filter");
    if (arguments.begin && !arguments.length)
        return Error::generic("Parameter 'length' is missing");
    if (!arguments.begin && arguments.length)
        return Error::generic("Parameter 'begin' is missing");
    auto const not_there = Error::generic(cat(qapi::wire_name(format), " is not available now"));
    // QEMU is often built without these two, and always with the others: then it looks at the protocol first.
    if (format == DumpGuestMemoryFormat::kdump_lzo || format == DumpGuestMemoryFormat::kdump_snappy)
        return not_there;
    if (!arguments.protocol.starts_with("fd:") && !arguments.protocol.starts_with("file:"))
        return Error::generic("Invalid parameter 'protocol'");
    if (format != DumpGuestMemoryFormat::elf)
        return not_there;
    if (arguments.length && *arguments.length == 0)
        return Error::generic("Invalid parameter 'length'");
    if (arguments.begin && *arguments.begin < 0)
        return Error::generic("Invalid parameter 'begin'");
    return {};
}

} // namespace

Dump::Dump(boost::asio::any_io_executor executor, machine::Machine& machine, qapi::EventBus& events,
    util::Worker& worker, util::FdSets& fd_sets)
    : m_machine(machine)
    , m_events(events)
    , m_worker(worker)
    , m_fd_sets(fd_sets)
    , m_ended(executor)
    , m_tasks(std::move(executor))
{
}

qapi::DumpQueryResult Dump::info() const
{
    return {m_status, static_cast<std::int64_t>(m_done), static_cast<std::int64_t>(m_total)};
}

Result<util::UniqueFd> Dump::open(std::string const& protocol, util::FdTable* descriptors)
{
    if (protocol.starts_with("fd:")) {
        auto const name = protocol.substr(3);
        if (!descriptors)
            return Error::generic(cat("File descriptor named '", name, "' has not been found"));
        return descriptors->take(name);
    }
    auto const path = protocol.substr(5); // "file:"
    constexpr int flags = O_WRONLY | O_CREAT | O_TRUNC;
    if (util::FdSets::is_path(path))
        return m_fd_sets.open(path, flags);
    // A FIFO without a reader is an error rather than a wait.
    util::UniqueFd fd(::open(path.c_str(), flags | O_CLOEXEC | O_NONBLOCK, S_IRUSR));
    if (!fd)
        return Error::system(cat("Could not open '", path, "'"), errno);
    return fd;
}

/// Everything up to the writing itself; the guest stands still afterwards if there was no error.
Result<void> Dump::begin(qapi::DumpGuestMemoryArguments const& arguments, util::FdTable* descriptors)
{
    auto& run = m_machine.run();
    if (run.state() == RunState::inmigrate)
        return Error::generic("Dump not allowed during incoming migration.");
    if (m_status == DumpStatus::active || m_stop)
        return Error::generic(busy);
    TRY(check(arguments));
    std::optional<CoreFilter> filter;
    if (arguments.begin)
        filter = CoreFilter{static_cast<std::uint64_t>(*arguments.begin),
            static_cast<std::uint64_t>(std::max<std::int64_t>(*arguments.length, 0))};
    if (CoreFile(m_machine.memory(), filter, {}).memory_size() == 0)
        return Error::generic("dump: no guest memory to dump");
    auto blocker = TRY(m_machine.migration_blockers().add("Live migration disabled: dump-guest-memory in progress"));
    util::UniqueFd fd;
    if (!arguments.paging) // with it, the guest has to stand still before it is known whether a file is wanted
        fd = TRY(open(arguments.protocol, descriptors));
    bool const ran = run.running();
    if (ran)
        run.halt(RunState::save_vm);
    auto const cpus = m_cpu_source ? m_cpu_source() : std::vector<CpuRegisters>();
    if (arguments.paging) {
        auto opened = !cpus.empty() && cpus.front().paging()
            ? Error::generic("dump: paging is supported only while the guest's own paging is off")
            : open(arguments.protocol, descriptors);
        if (!opened) {
            if (ran)
                run.resume();
            return std::move(opened).error();
        }
        fd = *std::move(opened);
    }
    m_core.emplace(m_machine.memory(), filter, cpus);
    m_fd = std::move(fd);
    m_blocker = std::move(blocker);
    m_total = m_core->memory_size();
    m_done = 0;
    m_error.reset();
    m_status = DumpStatus::active;
    run.hold(busy);
    return {};
}

boost::asio::awaitable<Result<void>> Dump::dump(qapi::DumpGuestMemoryArguments arguments, util::FdTable* descriptors)
{
    CO_CHECK(begin(arguments, descriptors));
    m_tasks.spawn([this] { return run(); });
    if (arguments.detach.value_or(false))
        co_return Result<void>();
    m_ended.expires_at(boost::asio::steady_timer::time_point::max());
    co_await m_ended.async_wait(quietly);
    if (m_error)
        co_return *m_error;
    co_return Result<void>();
}

boost::asio::awaitable<void> Dump::run()
{
    co_await boost::asio::this_coro::throw_if_cancelled(false);
    std::function<Result<void>()> const write = [this] { return m_core->write(m_fd.get(), m_done, m_stop); };
    auto writing = m_worker.run(write);
    auto result = co_await std::move(writing);
    finish(std::move(result));
}

void Dump::finish(Result<void> result)
{
    if (m_fd.get() >= 0 && close(m_fd.release()) != 0 && result)
        result = Error::system("dump: failed to save memory", errno);
    m_core.reset();
    m_blocker.reset();
    m_status = result ? DumpStatus::completed : DumpStatus::failed;
    std::optional<std::string> why;
    if (!result) {
        why = result.error().desc();
        m_error = std::move(result).error();
    }
    qapi::DumpCompletedData const data{info(), std::move(why)};
    m_events.emit<qapi::DumpCompletedEvent>(data);
    m_machine.run().release();
    if (m_machine.run().state() == RunState::save_vm && !m_stop)
        m_machine.run().resume();
    m_ended.cancel();
}

boost::asio::awaitable<void> Dump::shut_down()
{
    m_stop = true;
    m_tasks.cancel();
    co_await m_tasks.join();
}

} // namespace minivisor::hw
