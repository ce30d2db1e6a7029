// SPDX-License-Identifier: GPL-3.0-or-later
// The type "memory-dirtier": writes to guest memory at a set pace while the guest runs, as a guest would, where no CPU
// does. For tests of migrations on machines without KVM.
#pragma once

#include "machine/machine.hpp"
#include "qom/user_type.hpp"

#include <condition_variable>
#include <mutex>
#include <thread>

namespace minivisor::machine {

struct MemoryDirtierOptions {
    std::uint64_t rate = 0;
    std::optional<qapi::Size> address, size;
};
BOOST_DESCRIBE_STRUCT(MemoryDirtierOptions, (), (rate, address, size))
constexpr auto docs(MemoryDirtierOptions const*)
{
    return qapi::members(
        {{"rate", "pages to write to in a second"}, {"address", "guest-physical address of the first; default 0"},
            {"size", "bytes from there on; default: to the end of that RAM"}});
}

class MemoryDirtier final : public qom::OptionsObject<MemoryDirtierOptions> {
public:
    static Result<std::unique_ptr<MemoryDirtier>> create(
        qom::Type const& type, MemoryDirtierOptions options, qom::Tree& tree);
    ~MemoryDirtier() override;

    Result<void> apply(MemoryDirtierOptions changed) override;
    /// Pages written to so far.
    std::uint64_t written() const;

private:
    MemoryDirtier(qom::Type const& type, MemoryDirtierOptions options, Machine& machine);
    Result<void> check(MemoryDirtierOptions const& options) const;
    void main();
    void write(std::uint64_t pages);

    Memory& m_memory;
    mutable std::mutex m_mutex;
    std::condition_variable m_changed;
    bool m_running = false;
    bool m_ended = false;
    std::uint64_t m_next = 0; ///< page within the range
    std::uint64_t m_written = 0;
    RunControl::CpuSwitch m_switch;
    std::thread m_thread;
};

void register_memory_dirtier(qom::TypeRegistry& types);

} // namespace minivisor::machine
