// SPDX-License-Identifier: GPL-3.0-or-later
#include "machine/memory.hpp"

#include "util/text.hpp"

#include <algorithm>
#include <cassert>
#include <cstring>

namespace minivisor::machine {

RamBlock::RamBlock(std::string id, std::uint64_t guest_address, std::shared_ptr<HostMemory> memory)
    : m_id(std::move(id))
    , m_guest_address(guest_address)
    , m_memory(std::move(memory))
    , m_dirty((m_memory->size() / page_size + 63) / 64)
{
}

Result<std::unique_ptr<RamBlock>> RamBlock::create(
    std::string id, std::uint64_t guest_address, std::shared_ptr<HostMemory> memory)
{
    if (id.empty() || id.size() > 255)
        return Error::generic("The name of a RAM block must have 1 to 255 bytes");
    if (guest_address % page_size != 0 || guest_address + memory->size() < guest_address)
        return Error::generic(cat("RAM block '", id, "' cannot stand at this guest address"));
    return std::unique_ptr<RamBlock>(new RamBlock(std::move(id), guest_address, std::move(memory)));
}

void RamBlock::mark_pages(std::size_t first, std::size_t count)
{
    first = std::min(first, pages());
    auto const end = first + std::min(count, pages() - first);
    while (first < end) {
        auto const in_word = first % 64;
        auto const n = std::min<std::size_t>(64 - in_word, end - first);
        auto const bits = (n == 64 ? ~std::uint64_t{0} : (std::uint64_t{1} << n) - 1) << in_word;
        m_dirty[first / 64].fetch_or(bits, std::memory_order_release);
        first += n;
    }
}

Result<RamBlock*> Memory::add(std::unique_ptr<RamBlock> block)
{
    if (find(block->id()) != nullptr)
        return Error::generic(cat("RAM block '", block->id(), "' is there already"));
    for (auto const& other : m_blocks) {
        if (block->guest_address() < other->guest_address() + other->size()
            && other->guest_address() < block->guest_address() + block->size())
            return Error::generic(cat("RAM blocks '", other->id(), "' and '", block->id(), "' overlap"));
    }
    m_total_size += block->size();
    m_blocks.push_back(std::move(block));
    return m_blocks.back().get();
}

Result<RamBlock*> Memory::add_anonymous(std::string id, std::uint64_t guest_address, std::uint64_t size)
{
    auto memory = TRY(HostMemory::anonymous(id, size));
    return add(TRY(RamBlock::create(std::move(id), guest_address, std::move(memory))));
}

RamBlock* Memory::find(std::string_view id) const
{
    auto it = std::find_if(m_blocks.begin(), m_blocks.end(), [&](auto const& block) { return block->id() == id; });
    return it == m_blocks.end() ? nullptr : it->get();
}

RamBlock* Memory::find_address(std::uint64_t guest_address) const
{
    auto it = std::find_if(m_blocks.begin(), m_blocks.end(), [&](auto const& block) {
        return guest_address >= block->guest_address() && guest_address - block->guest_address() < block->size();
    });
    return it == m_blocks.end() ? nullptr : it->get();
}

bool Memory::walk(std::uint64_t guest_address, std::uint64_t length,
    std::function<void(RamBlock&, std::uint64_t, std::uint64_t)> const& visit) const
{
    while (length > 0) {
        auto* block = find_address(guest_address);
        if (block == nullptr)
            return false;
        auto const offset = guest_address - block->guest_address();
        auto const n = std::min(length, block->size() - offset);
        visit(*block, offset, n);
        guest_address += n;
        length -= n;
    }
    return true;
}

Result<void> Memory::read(std::uint64_t guest_address, std::span<std::byte> into) const
{
    if (!walk(guest_address, into.size(), [](auto&&...) {}))
        return Error::generic("Invalid guest-physical address");
    auto* to = into.data();
    walk(guest_address, into.size(), [&](RamBlock& block, std::uint64_t offset, std::uint64_t n) {
        std::memcpy(to, block.data() + offset, n);
        to += n;
    });
    return {};
}

Result<void> Memory::write(std::uint64_t guest_address, std::span<std::byte const> from)
{
    if (!walk(guest_address, from.size(), [](auto&&...) {}))
        return Error::generic("Invalid guest-physical address");
    auto const* source = from.data();
    walk(guest_address, from.size(), [&](RamBlock& block, std::uint64_t offset, std::uint64_t n) {
        std::memcpy(block.data() + offset, source, n);
        source += n;
    });
    mark_dirty(guest_address, from.size());
    return {};
}

Result<void> Memory::start_dirty_log()
{
    for (auto const& block : m_blocks) {
        for (auto& word : block->m_dirty)
            word.store(0, std::memory_order_relaxed);
    }
    m_logging.store(true, std::memory_order_release);
    if (m_source != nullptr) {
        auto started = m_source->start_dirty_log();
        if (!started) {
            m_logging.store(false, std::memory_order_release);
            return std::move(started).error();
        }
    }
    return {};
}

void Memory::stop_dirty_log()
{
    if (m_logging.exchange(false) && m_source != nullptr)
        m_source->stop_dirty_log();
}

void Memory::mark_dirty(std::uint64_t guest_address, std::uint64_t length)
{
    if (length == 0 || !dirty_log_running())
        return;
    auto const last = guest_address + (length - 1) < guest_address ? ~std::uint64_t{0} : guest_address + (length - 1);
    for (auto const& block : m_blocks) {
        auto const begin = block->guest_address();
        auto const end = begin + (block->size() - 1);
        if (last < begin || guest_address > end)
            continue;
        auto const first_page = (std::max(guest_address, begin) - begin) / page_size;
        auto const last_page = (std::min(last, end) - begin) / page_size;
        block->mark_pages(first_page, last_page - first_page + 1);
    }
}

void Memory::collect_dirty()
{
    if (m_source != nullptr && dirty_log_running())
        m_source->collect_dirty();
}

std::size_t Memory::sync_dirty(RamBlock& block, PageBitmap& bitmap)
{
    assert(bitmap.size() == block.pages());
    auto const before = bitmap.count();
    for (std::size_t word = 0; word < block.m_dirty.size(); ++word) {
        if (block.m_dirty[word].load(std::memory_order_relaxed) == 0)
            continue;
        bitmap.merge(word, block.m_dirty[word].exchange(0, std::memory_order_acq_rel));
    }
    return bitmap.count() - before;
}

} // namespace minivisor::machine
