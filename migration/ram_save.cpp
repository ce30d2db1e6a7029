// SPDX-License-Identifier: GPL-3.0-or-later
#include "migration/ram_save.hpp"

#include "util/trace.hpp"

#include <algorithm>

namespace minivisor::migration {

using machine::page_size;

namespace {

// Between two looks at the clock.
constexpr std::size_t pages_in_a_row = 256;
constexpr auto rate_period = std::chrono::seconds(1);

} // namespace

RamSave::RamSave(machine::Memory& memory, StreamWriter& writer, Progress& progress, bool finds_zero_pages)
    : m_memory(memory)
    , m_writer(writer)
    , m_progress(progress)
    , m_finds_zero_pages(finds_zero_pages)
{
}

RamSave::~RamSave()
{
    if (m_logging)
        m_memory.stop_dirty_log();
}

Result<void> RamSave::start()
{
    TRY(m_memory.start_dirty_log());
    m_logging = true;
    m_rated_at = Clock::now();
    m_progress.total = m_memory.total_size();
    m_progress.dirty_sync_count = 1;
    for (auto const& ram : m_memory.blocks()) {
        m_blocks.push_back({ram.get(), machine::PageBitmap(ram->pages())});
        m_blocks.back().dirty.set_all();
    }
    m_writer.full_header(Mark::start, ram_section_id, ram_idstr, 0, ram_version);
    m_writer.be64(m_memory.total_size() | ram_flag::mem_size);
    for (auto const& block : m_blocks) {
        m_writer.str8(block.ram->id());
        m_writer.be64(block.ram->size());
    }
    m_writer.be64(ram_flag::eos);
    m_writer.footer(ram_section_id);
    publish();
    return {};
}

std::size_t RamSave::sync()
{
    trace::pass(trace::Point::migration_bitmap_sync_start);
    m_memory.collect_dirty();
    std::size_t fresh = 0;
    for (auto& block : m_blocks)
        fresh += m_memory.sync_dirty(*block.ram, block.dirty);
    m_dirtied += fresh;
    trace::pass(trace::Point::migration_bitmap_sync_end, "dirty_pages ", m_dirtied);
    ++m_progress.dirty_sync_count;
    auto const now = Clock::now();
    if (now - m_rated_at >= rate_period) {
        auto const seconds = std::chrono::duration<double>(now - m_rated_at).count();
        m_progress.dirty_pages_rate = static_cast<std::uint64_t>(static_cast<double>(m_dirtied) / seconds);
        m_dirtied = 0;
        m_rated_at = now;
    }
    publish();
    return fresh;
}

std::uint64_t RamSave::remaining() const
{
    std::uint64_t pages = 0;
    for (auto const& block : m_blocks)
        pages += block.dirty.count();
    return pages * page_size;
}

void RamSave::publish()
{
    m_progress.duplicate = m_zero_pages;
    m_progress.normal = m_normal_pages;
    m_progress.remaining = remaining();
}

void RamSave::send_page(Block& block, std::size_t page)
{
    auto const offset = page * page_size;
    auto const* data = block.ram->data() + offset;
    auto const zero = m_finds_zero_pages && machine::is_zero_page(data);
    auto const kind = zero ? ram_flag::zero : ram_flag::page;
    if (m_named == &block) {
        m_writer.be64(offset | kind | ram_flag::continue_block);
    } else {
        m_writer.be64(offset | kind);
        m_writer.str8(block.ram->id());
        m_named = &block;
    }
    if (zero) {
        m_writer.u8(0);
        ++m_zero_pages;
    } else {
        m_writer.memory({data, page_size});
        ++m_normal_pages;
    }
    block.dirty.clear(page);
}

void RamSave::send_pages(Clock::time_point until)
{
    std::size_t clean_blocks = 0;
    while (clean_blocks < m_blocks.size() && !m_writer.failed()) {
        auto& block = m_blocks[m_at_block];
        auto page = block.dirty.next_set(m_at_page);
        if (block.dirty.count() == 0 || page == block.dirty.size()) {
            clean_blocks = block.dirty.count() == 0 ? clean_blocks + 1 : 0;
            m_at_block = (m_at_block + 1) % m_blocks.size();
            m_at_page = 0;
            continue;
        }
        clean_blocks = 0;
        auto const stop = std::min(block.dirty.next_clear(page), page + pages_in_a_row);
        for (; page < stop && !m_writer.failed(); ++page)
            send_page(block, page);
        m_at_page = page;
        publish();
        if (Clock::now() >= until)
            return;
    }
}

void RamSave::send_some(Clock::time_point until)
{
    if (remaining() == 0)
        return;
    m_writer.short_header(Mark::part, ram_section_id);
    send_pages(until);
    m_writer.be64(ram_flag::eos);
    m_writer.footer(ram_section_id);
}

void RamSave::finish()
{
    m_writer.short_header(Mark::end, ram_section_id);
    send_pages(Clock::time_point::max());
    m_writer.be64(ram_flag::eos);
    m_writer.footer(ram_section_id);
    publish();
}

} // namespace minivisor::migration
