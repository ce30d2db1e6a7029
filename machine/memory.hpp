// SPDX-License-Identifier: GPL-3.0-or-later
// The guest's RAM: named blocks, the regions of guest-physical addresses at which they are seen, and the log of
// pages written while a migration runs. Both are added while the machine is put together; afterwards any thread
// may read, write and mark. What the guest does inside its RAM is not seen here: an accelerator tells it.
#pragma once

#include "machine/host_memory.hpp"
#include "machine/page_bitmap.hpp"
#include "machine/zero_page.hpp"
#include "util/result.hpp"

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace minivisor::machine {

/// One piece of RAM. The id names it in the migration stream (1 to 255 bytes).
class RamBlock {
public:
    static Result<std::unique_ptr<RamBlock>> create(std::string id, std::shared_ptr<HostMemory> memory);

    std::string const& id() const { return m_id; }
    std::uint64_t size() const { return m_memory->size(); }
    std::size_t pages() const { return static_cast<std::size_t>(size() / page_size); }
    std::byte* data() const { return m_memory->data(); }
    std::span<std::byte> bytes() const { return m_memory->bytes(); }
    HostMemory const& memory() const { return *m_memory; }

    /// Pages [first, first + count) were written; they are clipped to the block. Any thread.
    void mark_pages(std::size_t first, std::size_t count);
    /// How many pages were marked so far that were not marked before.
    std::uint64_t marked_pages() const { return m_marked.load(std::memory_order_relaxed); }

private:
    friend class Memory;
    RamBlock(std::string id, std::shared_ptr<HostMemory> memory);

    std::string m_id;
    std::shared_ptr<HostMemory> m_memory;
    std::vector<std::atomic<std::uint64_t>> m_dirty;
    std::atomic<std::uint64_t> m_marked{0};
};

/// Where a piece of a block is seen by the guest. All numbers are multiples of page_size.
struct MemoryRegion {
    std::uint64_t guest_address = 0;
    std::uint64_t size = 0;
    RamBlock* block = nullptr;
    std::uint64_t offset = 0; ///< of its first byte in the block
    bool read_only = false; ///< to the guest

    std::uint64_t end() const { return guest_address + size; }
    std::span<std::byte> bytes() const { return block->bytes().subspan(offset, size); }
};

/// An accelerator that notes the guest's own writes. Called on any thread, by one at a time.
class DirtyLogSource {
public:
    virtual ~DirtyLogSource() = default;
    virtual Result<void> start_dirty_log() = 0;
    virtual void stop_dirty_log() = 0;
    /// Tells all pages written since the last call, with RamBlock::mark_pages or Memory::mark_dirty.
    virtual void collect_dirty() = 0;
    /// For a source that knows which CPU wrote: how many pages each of them has written so far, as far as collected.
    virtual std::optional<std::vector<std::uint64_t>> pages_by_cpu() const { return std::nullopt; }
};

class Memory {
public:
    /// Takes the block in, keeping the order of addition; the guest sees it once it is mapped. Refuses an id that is
    /// there.
    Result<RamBlock*> add(std::unique_ptr<RamBlock> block);
    /// Shows a piece of a block. Refuses a range that overlaps another's, wraps around or leaves the block.
    Result<void> map(MemoryRegion region);
    /// The same over what is mapped there already, which keeps its memory but is not seen there any more; regions that
    /// are cut through are split. Only before the guest runs.
    Result<void> cover(MemoryRegion region);
    /// An anonymous block made, added and mapped as a whole.
    Result<RamBlock*> add_anonymous(std::string id, std::uint64_t guest_address, std::uint64_t size);

    std::span<std::unique_ptr<RamBlock> const> blocks() const { return m_blocks; }
    RamBlock* find(std::string_view id) const;
    std::span<MemoryRegion const> regions() const { return m_regions; }
    /// The region that holds this guest-physical address.
    MemoryRegion const* find_region(std::uint64_t guest_address) const;
    std::uint64_t total_size() const { return m_total_size; }

    /// Copies guest memory; a range may run over adjoining regions. An address outside RAM is an error,
    /// and then nothing was copied.
    Result<void> read(std::uint64_t guest_address, std::span<std::byte> into) const;
    /// The same the other way, noting the pages in the dirty log. What the guest may not write can be written so.
    Result<void> write(std::uint64_t guest_address, std::span<std::byte const> from);

    /// At most one source; it stays alive as long as it is set, and is changed only while no log runs.
    void set_dirty_log_source(DirtyLogSource* source) { m_source = source; }
    DirtyLogSource const* dirty_log_source() const { return m_source; }
    /// The source knows which CPU wrote.
    bool dirty_log_knows_cpus() const { return m_source && m_source->pages_by_cpu(); }
    /// The log runs until it was stopped as often as it was started: several may look into it, of whom one, the
    /// migration, takes out what it finds. The first start empties it. These and collect_dirty(): any thread.
    Result<void> start_dirty_log();
    void stop_dirty_log();
    bool dirty_log_running() const { return m_logging.load(std::memory_order_acquire); }
    /// Guest memory was written by someone other than the guest (a loader, a device). Any thread; parts
    /// outside RAM are ignored. Does nothing while no log runs. Call it after writing.
    void mark_dirty(std::uint64_t guest_address, std::uint64_t length);
    /// Asks the source for what it has noted; once before a round of sync_dirty.
    void collect_dirty();
    /// RamBlock::marked_pages() of all blocks.
    std::uint64_t marked_pages() const;
    /// Moves the block's log into `bitmap` (of the block's pages) and empties it. The pages newly set.
    std::size_t sync_dirty(RamBlock& block, PageBitmap& bitmap);

private:
    /// Calls `visit(block, offset, length)` for each piece; false if part of the range is no RAM.
    bool walk(std::uint64_t guest_address, std::uint64_t length,
        std::function<void(RamBlock&, std::uint64_t, std::uint64_t)> const& visit) const;

    std::vector<std::unique_ptr<RamBlock>> m_blocks;
    std::vector<MemoryRegion> m_regions;
    std::uint64_t m_total_size = 0;
    std::mutex m_log_mutex; ///< guards m_log_users and all calls of the source
    unsigned m_log_users = 0;
    std::atomic<bool> m_logging{false};
    DirtyLogSource* m_source = nullptr;
};

} // namespace minivisor::machine
