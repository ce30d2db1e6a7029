// SPDX-License-Identifier: GPL-3.0-or-later
// dump-guest-memory: one core file at a time, written on a worker while the guest stands still. Main thread only.
#pragma once

#include "hw/core_file.hpp"
#include "machine/machine.hpp"
#include "qapi/schema/dump.hpp"
#include "util/fd_sets.hpp"
#include "util/task_group.hpp"
#include "util/worker.hpp"

#include <functional>

namespace minivisor::hw {

class Dump {
public:
    /// The registers of all CPUs; asked while they stand still.
    using CpuSource = std::function<std::vector<CpuRegisters>()>;

    /// All of them outlive it.
    Dump(boost::asio::any_io_executor executor, machine::Machine& machine, qapi::EventBus& events, util::Worker& worker,
        util::FdSets& fd_sets);

    /// Without one there is no CPU.
    void set_cpu_source(CpuSource source) { m_cpu_source = std::move(source); }

    /// Returns when the file is written, or at once if the arguments say so. A guest that ran is stopped, and goes on
    /// afterwards. `descriptors` (those that the client has named) may be null.
    boost::asio::awaitable<Result<void>> dump(qapi::DumpGuestMemoryArguments arguments, util::FdTable* descriptors);
    qapi::DumpQueryResult info() const;
    /// Gives up what runs and returns when it has ended.
    boost::asio::awaitable<void> shut_down();

private:
    Result<void> begin(qapi::DumpGuestMemoryArguments const& arguments, util::FdTable* descriptors);
    Result<util::UniqueFd> open(std::string const& protocol, util::FdTable* descriptors);
    boost::asio::awaitable<void> run();
    void finish(Result<void> result);

    machine::Machine& m_machine;
    qapi::EventBus& m_events;
    util::Worker& m_worker;
    util::FdSets& m_fd_sets;
    CpuSource m_cpu_source;
    qapi::DumpStatus m_status = qapi::DumpStatus::none;
    std::uint64_t m_total = 0;
    std::atomic<std::uint64_t> m_done{0};
    std::atomic<bool> m_stop{false};
    std::optional<CoreFile> m_core;
    machine::MigrationBlockers::Token m_blocker;
    util::UniqueFd m_fd;
    std::optional<Error> m_error;
    boost::asio::steady_timer m_ended; ///< those who wait for the end wait for its cancellation
    util::TaskGroup m_tasks;
};

} // namespace minivisor::hw
