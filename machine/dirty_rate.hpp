// SPDX-License-Identifier: GPL-3.0-or-later
// Measures how fast guest memory is written: remembers what some pages of each block hold, waits, and looks how many
// have changed (QEMU's mode page-sampling). Main thread only; the pages are read on a worker.
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
    DirtyRate(boost::asio::any_io_executor executor, Memory const& memory, util::Worker& worker);

    /// Begins; the result is in info() when the time is over.
    Result<void> measure(qapi::CalcDirtyRateArguments const& how);
    qapi::DirtyRateInfo const& info() const { return m_info; }
    /// Gives up what runs and returns when it has ended.
    boost::asio::awaitable<void> shut_down();

private:
    boost::asio::awaitable<void> run();

    Memory const& m_memory;
    util::Worker& m_worker;
    qapi::DirtyRateInfo m_info;
    util::TaskGroup m_tasks;
};

} // namespace minivisor::machine
