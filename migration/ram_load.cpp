// SPDX-License-Identifier: GPL-3.0-or-later
#include "migration/ram_load.hpp"

#include "util/text.hpp"

#include <algorithm>
#include <cstring>
#include <set>

namespace minivisor::migration {

using machine::page_size;

Error RamLoad::illegal_offset(std::uint64_t offset) { return m_log.refuse(cat("Illegal RAM offset ", hex(offset))); }

Result<void> RamLoad::load_block_list(std::uint64_t total)
{
    std::set<machine::RamBlock const*> listed;
    while (total > 0) {
        auto const id = TRY(m_reader.str8());
        auto const length = TRY(m_reader.be64());
        auto const* block = m_memory.find(id);
        if (block == nullptr)
            return m_log.refuse(cat("Unknown ramblock \"", util::printable(id), "\", cannot accept migration"));
        if (length != block->size()) {
            return m_log.refuse(
                cat("Size mismatch: ", id, ": 0x", hex(length), " != 0x", hex(block->size()), ": Invalid argument"));
        }
        if (length > total || !listed.insert(block).second)
            return m_log.refuse(cat("The list of RAM blocks is inconsistent at block '", id, "'"));
        total -= length;
    }
    // A block that is missing here would keep what it holds now: not the memory of that guest.
    for (auto const& block : m_memory.blocks()) {
        if (listed.count(block.get()) == 0)
            return m_log.refuse(cat("RAM block '", block->id(), "' is not in the migration stream"));
    }
    m_has_block_list = true;
    return {};
}

Result<std::byte*> RamLoad::page_address(std::uint64_t offset, bool continued)
{
    if (!continued) {
        auto const id = TRY(m_reader.str8());
        m_block = m_memory.find(id);
        if (m_block == nullptr) {
            auto error = m_log.refuse(cat("Can't find block ", util::printable(id)));
            m_log.add(cat("Illegal RAM offset ", hex(offset)));
            return error;
        }
    } else if (m_block == nullptr) {
        auto error = m_log.refuse("Ack, bad migration stream!");
        m_log.add(cat("Illegal RAM offset ", hex(offset)));
        return error;
    }
    // The size is a multiple of the page size and so is the offset: the whole page is inside.
    if (offset >= m_block->size())
        return illegal_offset(offset);
    if (!continued) {
        m_come = &m_come_by_block.try_emplace(m_block, m_block->pages()).first->second;
        m_run = 0;
    }
    return m_block->data() + offset;
}

Result<void> RamLoad::load_page(std::uint64_t offset, bool continued)
{
    auto* host = TRY(page_address(offset, continued));
    auto const page = static_cast<std::size_t>(offset / page_size);
    m_run = offset == m_next_offset ? m_run + 1 : 0;
    // A run goes on as a rule. It is taken for granted as far as it is long, over pages that hold nothing yet.
    auto const longest = std::min(m_run, StreamReader::longest_run);
    auto const guess = m_come->next_set(page + 1, page + 1 + longest) - (page + 1);
    auto const more = TRY(m_reader.page_and_run({host, page_size},
        {host + page_size, (offset + page_size) | ram_flag::page | ram_flag::continue_block, guess}));
    for (std::size_t i = 0; i <= more; ++i)
        m_come->set(page + i);
    m_run += more;
    m_next_offset = offset + (more + 1) * page_size;
    return {};
}

Result<void> RamLoad::load_zero_page(std::uint64_t offset, bool continued)
{
    auto* host = TRY(page_address(offset, continued));
    auto const fill = TRY(m_reader.u8());
    // Not touched if it is zero already: such a page may not even be backed.
    if (fill != 0 || !machine::is_zero_page(host))
        std::memset(host, fill, page_size);
    m_come->set(static_cast<std::size_t>(offset / page_size));
    return {};
}

Result<void> RamLoad::load_section(std::uint32_t version)
{
    if (version != ram_version)
        return m_log.refuse(cat("Version ", version, " of the RAM section is not supported"));
    while (true) {
        auto const word = TRY(m_reader.be64());
        auto const flags = word & ram_flag::all;
        auto const offset = word & ~ram_flag::all;
        auto const continued = (flags & ram_flag::continue_block) != 0;
        switch (flags & ~ram_flag::continue_block) {
        case ram_flag::page: TRY(load_page(offset, continued)); break;
        case ram_flag::zero: TRY(load_zero_page(offset, continued)); break;
        case ram_flag::mem_size: TRY(load_block_list(offset)); break;
        case ram_flag::eos: return {};
        case ram_flag::xbzrle: return m_log.refuse("XBZRLE pages are not supported");
        case ram_flag::compress_page: return m_log.refuse("Received an unexpected compressed page");
        case ram_flag::hook: return m_log.refuse("RDMA is not supported");
        default: return m_log.refuse(cat("Unknown combination of migration flags: 0x", hex(flags)));
        }
    }
}

} // namespace minivisor::migration
