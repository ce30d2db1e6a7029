// SPDX-License-Identifier: GPL-3.0-or-later
// The RAM of a guest into a stream: the list of blocks, then pages that are dirty, over and over, until
// someone decides that the rest is small enough. Zero pages cost nine bytes, others are sent from where
// they lie. It decides nothing about time; the sender does.
#pragma once

#include "machine/memory.hpp"
#include "migration/progress.hpp"
#include "migration/stream_writer.hpp"
#include "util/result.hpp"

#include <chrono>
#include <cstdint>
#include <vector>

namespace minivisor::migration {

class RamSave {
public:
    using Clock = Progress::Clock;

    RamSave(machine::Memory& memory, StreamWriter& writer, Progress& progress, bool finds_zero_pages);
    /// Ends the dirty log.
    ~RamSave();
    RamSave(RamSave const&) = delete;
    RamSave& operator=(RamSave const&) = delete;

    /// Starts the dirty log, takes every page as dirty and writes the START section. Once, first.
    Result<void> start();
    /// Adds what was written to since the last time; the pages that were clean before.
    std::size_t sync();
    /// Bytes of RAM that are dirty as of the last sync().
    std::uint64_t remaining() const;
    /// Writes one PART with dirty pages, until none is left or `until` has come; none at all if none is dirty.
    void send_some(Clock::time_point until);
    /// Writes all that is left and the END section.
    void finish();

private:
    struct Block {
        machine::RamBlock* ram;
        machine::PageBitmap dirty;
    };

    /// Writes records until all is clean or `until` has come.
    void send_pages(Clock::time_point until);
    void send_page(Block& block, std::size_t page);
    void publish();

    machine::Memory& m_memory;
    StreamWriter& m_writer;
    Progress& m_progress;
    bool m_finds_zero_pages;
    std::vector<Block> m_blocks;
    /// Where the last slice ended, so that the next goes on and does not begin again.
    std::size_t m_at_block = 0;
    std::size_t m_at_page = 0;
    /// The block that records may continue, for the life of the stream.
    Block const* m_named = nullptr;
    std::uint64_t m_zero_pages = 0;
    std::uint64_t m_normal_pages = 0;
    /// For the rate at which the guest dirties pages.
    Clock::time_point m_rated_at;
    std::uint64_t m_dirtied = 0;
    bool m_logging = false;
};

} // namespace minivisor::migration
