// SPDX-License-Identifier: GPL-3.0-or-later
// Measures how fast guest memory is written, over some seconds. QEMU's mode page-sampling remembers what some pages of
// each block hold and looks how many have changed; dirty-bitmap and dirty-ring count the pages that the log of written
// pages has got, a migration or not, the latter for each CPU. Main thread only; the work is done on a worker.
#pragma once

#include "machine/memory.hpp"
#include "qapi/schema/dirty_rate.hpp"
#include "util/task_group.hpp"
#include "util/worker.hpp"

namespace minivisor::machine {

/// What some pages of all blocks hold.
class PageSample {
public:
    /// Looks at `pages_per_gib` pages, at random, but at 64 of a block at least, or all that it has.
    static PageSample take(Memory const& memory, std::uint64_t pages_per_gib);
    /// The bytes that were written since, as far as the sample can tell.
    std::uint64_t changed_bytes() const;

private:
    struct Page {
        std::size_t number;
        std::size_t hash;
    };
    struct Block {
        RamBlock const* block;
        std::vector<Page> pages;
    };
    std::vector<Block> m_blocks;
};

class DirtyRate {
public:
    /// Both outlive it.
    DirtyRate(boost::asio::any_io_executor executor, Memory& memory, util::Worker& worker);

    /// Begins; the result is in info() when the time is over.
    Result<void> measure(qapi::CalcDirtyRateArguments const& how);
    qapi::DirtyRateInfo const& info() const { return m_info; }
    /// Gives up what runs and returns when it has ended.
    boost::asio::awaitable<void> shut_down();

private:
    /// What is begun at the start and asked at the end, both on a worker.
    struct Probe {
        struct Written {
            std::uint64_t bytes = 0;
            std::optional<std::vector<std::uint64_t>> bytes_by_cpu;
        };
        virtual ~Probe() = default;
        virtual Written written() = 0;
    };

    Result<void> check(qapi::CalcDirtyRateArguments const& how) const;
    Result<std::unique_ptr<Probe>> begin() const;
    boost::asio::awaitable<void> run();
    void tell(Probe::Written const& written, double seconds);

    Memory& m_memory;
    util::Worker& m_worker;
    qapi::DirtyRateInfo m_info;
    util::TaskGroup m_tasks;
};

} // namespace minivisor::machine
