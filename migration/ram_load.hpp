// SPDX-License-Identifier: GPL-3.0-or-later
// RAM sections of a stream into guest memory. The list of blocks must be the machine's own; every page
// is checked against its block before a byte of it is taken, and goes straight to where it belongs.
#pragma once

#include "machine/memory.hpp"
#include "migration/load_log.hpp"
#include "migration/stream_reader.hpp"
#include "util/result.hpp"

#include <cstdint>
#include <map>

namespace minivisor::migration {

class RamLoad {
public:
    RamLoad(machine::Memory& memory, StreamReader& reader, LoadLog& log)
        : m_memory(memory)
        , m_reader(reader)
        , m_log(log)
    {
    }

    /// The data of one section, up to and with its end-of-section record. `version` is its START's.
    Result<void> load_section(std::uint32_t version);
    /// The list of blocks has come, and it was right.
    bool has_block_list() const { return m_has_block_list; }

private:
    Result<void> load_block_list(std::uint64_t total);
    /// The host address of the page, whose block is named in the stream or continued.
    Result<std::byte*> page_address(std::uint64_t offset, bool continued);
    Error illegal_offset(std::uint64_t offset);
    Result<void> load_page(std::uint64_t offset, bool continued);
    Result<void> load_zero_page(std::uint64_t offset, bool continued);

    machine::Memory& m_memory;
    StreamReader& m_reader;
    LoadLog& m_log;
    /// The block that a record may continue, for the life of the stream.
    machine::RamBlock* m_block = nullptr;
    /// The pages of m_block that have come at least once: those that have not may serve as a buffer.
    machine::PageBitmap* m_come = nullptr;
    std::map<machine::RamBlock const*, machine::PageBitmap> m_come_by_block;
    /// Where a run of pages would go on, and how long it is already.
    std::uint64_t m_next_offset = 0;
    std::size_t m_run = 0;
    bool m_has_block_list = false;
};

} // namespace minivisor::migration
