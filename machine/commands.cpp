// SPDX-License-Identifier: GPL-3.0-or-later
#include "machine/commands.hpp"

#include "machine/io_thread.hpp"
#include "machine/memory_backend.hpp"
#include "machine/queries.hpp"
#include "qapi/schema/machine.hpp"
#include "qapi/schema/misc.hpp"
#include "qapi/schema/net.hpp"
#include "util/text.hpp"

#include <cerrno>
#include <fcntl.h>

namespace minivisor::machine {

namespace {

/// Guest-physical memory to a file; what is no RAM reads as zero, as in QEMU.
Result<void> save_physical(Memory const& memory, qapi::PmemsaveArguments const& arguments)
{
    if (arguments.size < 0)
        return Error::generic("Parameter 'size' expects a non-negative value");
    util::UniqueFd fd(open(arguments.filename.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666));
    if (!fd)
        return Error::system(cat("Could not open '", arguments.filename, "'"), errno);
    auto address = static_cast<std::uint64_t>(arguments.val);
    auto left = static_cast<std::uint64_t>(arguments.size);
    std::vector<std::byte> buffer(1 << 20);
    while (left > 0) {
        auto const* region = memory.find_region(address);
        auto const in_region = region ? region->end() - address : page_size - address % page_size;
        auto const piece = std::span(buffer).first(std::min({buffer.size(), left, in_region}));
        if (region)
            TRY(memory.read(address, piece));
        else
            std::fill(piece.begin(), piece.end(), std::byte{});
        TRY(util::write_all(fd.get(), {reinterpret_cast<char const*>(piece.data()), piece.size()}));
        address += piece.size();
        left -= piece.size();
    }
    return {};
}

Result<qapi::PhysicalMemory> read_physical(Memory const& memory, qapi::ReadPhysicalMemoryArguments const& arguments)
{
    constexpr std::uint32_t limit = 1 << 20;
    if (arguments.size > limit)
        return Error::generic(cat("Parameter 'size' expects at most ", limit));
    auto const* region = memory.find_region(arguments.address);
    auto const available = region ? region->end() - arguments.address : 0;
    std::vector<std::uint8_t> bytes(static_cast<std::size_t>(std::min<std::uint64_t>(arguments.size, available)));
    if (!bytes.empty())
        TRY(memory.read(arguments.address, std::as_writable_bytes(std::span(bytes))));
    return qapi::PhysicalMemory{util::to_hex(bytes)};
}

void bind_run_control(qapi::Registry& registry, Machine& machine)
{
    registry.bind<qapi::Stop>([&machine]() -> Result<void> {
        TRY(machine.run().check_not_held());
        return machine.run().stop(), Result<void>();
    });
    registry.bind<qapi::Cont>([&machine] { return machine.run().cont(); });
    registry.bind<qapi::SystemReset>([&machine]() -> Result<void> {
        machine.run().reset(qapi::ShutdownCause::host_qmp_system_reset);
        return {};
    });
    registry.bind<qapi::SystemPowerdown>(
        [&machine]() -> Result<void> { return machine.run().powerdown(), Result<void>(); });
    // No machine here lets its guest sleep or has CPUs that take an NMI; the texts are QEMU's.
    registry.bind<qapi::SystemWakeup>(
        []() -> Result<void> { return Error::generic("wake-up from suspend is not supported by this guest"); });
    registry.bind<qapi::InjectNmi>(
        []() -> Result<void> { return Error::generic("this feature or command is not currently supported"); });
    registry.bind<qapi::AnnounceSelf>([](qapi::AnnounceParameters const&) -> Result<void> { return {}; });
    registry.bind<qapi::QueryStatus>([&machine]() -> Result<qapi::StatusInfo> {
        return qapi::StatusInfo{machine.run().running(), false, machine.run().state()};
    });
    registry.declare_event<qapi::StopEvent>();
    registry.declare_event<qapi::ResumeEvent>();
    registry.declare_event<qapi::ShutdownEvent>();
    registry.declare_event<qapi::ResetEvent>();
    registry.declare_event<qapi::PowerdownEvent>();
}

} // namespace

void bind_commands(
    qapi::Registry& registry, Machine& machine, qom::Tree& tree, util::Worker& worker, DirtyRate& dirty_rate)
{
    registry.bind<qapi::CalcDirtyRate>(
        [&dirty_rate](qapi::CalcDirtyRateArguments const& how) { return dirty_rate.measure(how); });
    registry.bind<qapi::QueryDirtyRate>([&dirty_rate]() -> Result<qapi::DirtyRateInfo> { return dirty_rate.info(); });
    bind_run_control(registry, machine);
    bind_queries(registry, machine, tree);
    registry.bind<qapi::QueryName>([&machine]() -> Result<qapi::NameInfo> { return qapi::NameInfo{machine.name()}; });
    registry.bind<qapi::QueryUuid>(
        [&machine]() -> Result<qapi::UuidInfo> { return qapi::UuidInfo{to_text(machine.uuid().value_or(Uuid{}))}; });
    registry.bind<qapi::QueryIothreads>(
        [&tree]() -> Result<std::vector<qapi::IOThreadInfo>> { return list_io_threads(tree); });
    registry.bind<qapi::QueryMemorySizeSummary>([&machine]() -> Result<qapi::MemoryInfo> {
        return qapi::MemoryInfo{{machine.memory().total_size()}, qapi::Size{0}};
    });
    registry.bind<qapi::QueryMemdev>(
        [&tree]() -> Result<std::vector<qapi::Memdev>> { return list_memory_backends(tree); });
    registry.bind<qapi::ReadPhysicalMemory>(
        [&machine](qapi::ReadPhysicalMemoryArguments arguments) { return read_physical(machine.memory(), arguments); });
    registry.bind<qapi::Pmemsave>([&machine, &worker](qapi::PmemsaveArguments arguments) {
        return worker.run<Result<void>>(
            [&machine, arguments = std::move(arguments)] { return save_physical(machine.memory(), arguments); });
    });
}

} // namespace minivisor::machine
