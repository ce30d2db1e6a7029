// SPDX-License-Identifier: GPL-3.0-or-later
#include "machine/memory.hpp"

#include "util/text.hpp"

#include <algorithm>
#include <bit>
#include <cassert>
#include <cstring>
#include <numeric>

namespace minivisor::machine {

namespace {

Result<void> check_region(MemoryRegion const& region)
{
    auto const& block = *region.block;
    if ((region.guest_address | region.size | region.offset) % page_size != 0 || region.size == 0
        || region.end() < region.guest_address || region.offset > block.size()
        || region.size > block.size() - region.offset)
        return Error::generic(cat("RAM block '", block.id(), "' cannot stand at this guest address"));
    return {};
}

bool overlap(MemoryRegion const& a, MemoryRegion const& b)
{
    return a.guest_address < b.end() && b.guest_address < a.end();
}

} // namespace

RamBlock::RamBlock(std::string id, std::shared_ptr<HostMemory> memory)
    : m_id(std::move(id))
    , m_memory(std::move(memory))
    , m_dirty((m_memory->size() / page_size + 63) / 64)
{
}

Result<std::unique_ptr<RamBlock>> RamBlock::create(std::string id, std::shared_ptr<HostMemory> memory)
{
    if (id.empty() || id.size() > 255)
        return Error::generic("The name of a RAM block must have 1 to 255 bytes");
    return std::unique_ptr<RamBlock>(new RamBlock(std::move(id), std::move(memory)));
}

void RamBlock::mark_pages(std::size_t first, std::size_t count)
{
    first = std::min(first, pages());
    auto const end = first + std::min(count, pages() - first);
    std::uint64_t fresh = 0;
    while (first < end) {
        auto const in_word = first % 64;
        auto const n = std::min<std::size_t>(64 - in_word, end - first);
        auto const bits = (n == 64 ? ~std::uint64_t{0} : (std::uint64_t{1} << n) - 1) << in_word;
        auto const before = m_dirty[first / 64].fetch_or(bits, std::memory_order_release);
        fresh += static_cast<std::uint64_t>(std::popcount(bits & ~before));
        first += n;
    }
    if (fresh > 0)
        m_marked.fetch_add(fresh, std::memory_order_relaxed);
}

Result<RamBlock*> Memory::add(std::unique_ptr<RamBlock> block)
{
    if (find(block->id()) != nullptr)
        return Error::generic(cat("RAM block '", block->id(), "' is there already"));
    m_total_size += block->size();
    m_blocks.push_back(std::move(block));
    return m_blocks.back().get();
}

Result<void> Memory::map(MemoryRegion region)
{
    TRY(check_region(region));
    for (auto const& other : m_regions) {
        if (overlap(region, other))
            return Error::generic(cat("RAM blocks '", other.block->id(), "' and '", region.block->id(), "' overlap"));
    }
    m_regions.push_back(region);
    return {};
}

Result<void> Memory::cover(MemoryRegion region)
{
    TRY(check_region(region));
    std::vector<MemoryRegion> regions;
    for (auto const& other : m_regions) {
        if (!overlap(region, other)) {
            regions.push_back(other);
            continue;
        }
        if (other.guest_address < region.guest_address) {
            auto before = other;
            before.size = region.guest_address - other.guest_address;
            regions.push_back(before);
        }
        if (other.end() > region.end()) {
            auto after = other;
            auto const cut = region.end() - other.guest_address;
            after.guest_address += cut;
            after.offset += cut;
            after.size -= cut;
            regions.push_back(after);
        }
    }
    regions.push_back(region);
    m_regions = std::move(regions);
    return {};
}

Result<RamBlock*> Memory::add_anonymous(std::string id, std::uint64_t guest_address, std::uint64_t size)
{
    auto memory = TRY(HostMemory::anonymous(id, size));
    auto* const block = TRY(add(TRY(RamBlock::create(std::move(id), std::move(memory)))));
    auto mapped = map({guest_address, size, block});
    if (!mapped) {
        m_total_size -= size;
        m_blocks.pop_back();
        return std::move(mapped).error();
    }
    return block;
}

RamBlock* Memory::find(std::string_view id) const
{
    auto it = std::find_if(m_blocks.begin(), m_blocks.end(), [&](auto const& block) { return block->id() == id; });
    return it == m_blocks.end() ? nullptr : it->get();
}

MemoryRegion const* Memory::find_region(std::uint64_t guest_address) const
{
    auto it = std::find_if(m_regions.begin(), m_regions.end(), [&](MemoryRegion const& region) {
        return guest_address >= region.guest_address && guest_address < region.end();
    });
    return it == m_regions.end() ? nullptr : &*it;
}

bool Memory::walk(std::uint64_t guest_address, std::uint64_t length,
    std::function<void(RamBlock&, std::uint64_t, std::uint64_t)> const& visit) const
{
    while (length > 0) {
        auto const* region = find_region(guest_address);
        if (region == nullptr)
            return false;
        auto const inside = guest_address - region->guest_address;
        auto const n = std::min(length, region->size - inside);
        visit(*region->block, region->offset + inside, n);
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
    std::lock_guard const lock(m_log_mutex);
    if (m_log_users > 0) {
        ++m_log_users;
        return {};
    }
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
    m_log_users = 1;
    return {};
}

void Memory::stop_dirty_log()
{
    std::lock_guard const lock(m_log_mutex);
    assert(m_log_users > 0);
    if (--m_log_users > 0)
        return;
    m_logging.store(false, std::memory_order_release);
    if (m_source != nullptr)
        m_source->stop_dirty_log();
}

void Memory::mark_dirty(std::uint64_t guest_address, std::uint64_t length)
{
    if (length == 0 || !dirty_log_running())
        return;
    auto const last = guest_address + (length - 1) < guest_address ? ~std::uint64_t{0} : guest_address + (length - 1);
    for (auto const& region : m_regions) {
        auto const begin = region.guest_address;
        auto const end = begin + (region.size - 1);
        if (last < begin || guest_address > end)
            continue;
        auto const first_page = (std::max(guest_address, begin) - begin + region.offset) / page_size;
        auto const last_page = (std::min(last, end) - begin + region.offset) / page_size;
        region.block->mark_pages(first_page, last_page - first_page + 1);
    }
}

void Memory::collect_dirty()
{
    std::lock_guard const lock(m_log_mutex);
    if (m_source != nullptr && dirty_log_running())
        m_source->collect_dirty();
}

std::uint64_t Memory::marked_pages() const
{
    return std::accumulate(m_blocks.begin(), m_blocks.end(), std::uint64_t{0},
        [](std::uint64_t sum, auto const& block) { return sum + block->marked_pages(); });
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
