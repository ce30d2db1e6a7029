// SPDX-License-Identifier: GPL-3.0-or-later
#include "machine/memory.hpp"

#include <catch2/catch.hpp>

#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <linux/mempolicy.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <thread>
#include <unistd.h>

using namespace minivisor;
using namespace minivisor::machine;

namespace {

constexpr std::uint64_t mib = 1u << 20;

std::span<std::byte const> bytes_of(std::string_view text) { return std::as_bytes(std::span(text)); }

/// Marks the pages it was told to when it is asked.
class FakeSource : public DirtyLogSource {
public:
    explicit FakeSource(RamBlock& block)
        : m_block(block)
    {
    }
    Result<void> start_dirty_log() override
    {
        if (fail)
            return Error::generic("no log today");
        running = true;
        return {};
    }
    void stop_dirty_log() override { running = false; }
    void collect_dirty() override { m_block.mark_pages(7, 2); }
    bool fail = false;
    bool running = false;

private:
    RamBlock& m_block;
};

std::string temporary_file()
{
    std::string name = "/tmp/minivisor-memory-XXXXXX";
    util::UniqueFd fd(::mkstemp(name.data()));
    REQUIRE(fd);
    return name;
}

} // namespace

TEST_CASE("a zero page is told from one with a single bit anywhere, in every way it is looked for")
{
    auto memory = HostMemory::anonymous("m", 2 * page_size).value();
    auto* page = memory->data() + page_size;
    std::vector<bool (*)(std::byte const*)> ways{is_zero_page, detail::is_zero_page_sse2};
    if (detail::have_avx2())
        ways.push_back(detail::is_zero_page_avx2);
    for (auto* way : ways) {
        CHECK(way(page));
        for (std::size_t i = 0; i < page_size; ++i) {
            page[i] = std::byte{0x80};
            if (way(page))
                FAIL("byte " << i << " was not seen");
            page[i] = std::byte{0};
        }
        memory->data()[page_size - 1] = std::byte{1};
        CHECK(way(page));
        memory->data()[page_size - 1] = std::byte{0};
    }
}

TEST_CASE("memory is refused for sizes that are no whole pages")
{
    CHECK_FALSE(HostMemory::anonymous("m", 0));
    CHECK_FALSE(HostMemory::anonymous("m", 4097));
    CHECK_FALSE(HostMemory::memfd("m", 1000));
}

TEST_CASE("more memory than there can be is refused with the reason")
{
    auto memory = HostMemory::anonymous("m", std::uint64_t{1} << 60);
    REQUIRE_FALSE(memory);
    CHECK(memory.error().desc() == "cannot set up guest memory 'm': Cannot allocate memory");
}

TEST_CASE("a shared memfd shows its changes to another mapping of it")
{
    auto memory = HostMemory::memfd("m", mib, {.share = true}).value();
    memory->data()[5] = std::byte{42};
    char c = 0;
    REQUIRE(::pread(memory->fd(), &c, 1, 5) == 1);
    CHECK(c == 42);
    CHECK(::ftruncate(memory->fd(), 4096) != 0);
    auto open = HostMemory::memfd("m", mib, {.seal = false}).value();
    CHECK(::ftruncate(open->fd(), mib + 4096) == 0);
    auto wrong = HostMemory::memfd("m", 4096, {.hugetlb = true});
    REQUIRE_FALSE(wrong);
}

TEST_CASE("memory is allocated whole by several threads, and each page by one")
{
    for (std::uint64_t pages : {1, 2, 3, 7, 255}) {
        auto memory = HostMemory::memfd("m", pages * page_size, {.share = true}).value();
        struct stat status = {};
        REQUIRE(::fstat(memory->fd(), &status) == 0);
        CHECK(status.st_blocks == 0);
        REQUIRE(memory->preallocate(99));
        REQUIRE(::fstat(memory->fd(), &status) == 0);
        CHECK(static_cast<std::uint64_t>(status.st_blocks) * 512 == pages * page_size);
    }
}

TEST_CASE("memory is bound to NUMA nodes that there are")
{
    auto memory = HostMemory::anonymous("m", mib).value();
    CHECK(memory->bind_to_nodes(MPOL_BIND, std::vector<std::uint16_t>{0}));
    memory->data()[0] = std::byte{1};
    int policy = -1;
    REQUIRE(::syscall(SYS_get_mempolicy, &policy, nullptr, 0, memory->data(), MPOL_F_ADDR) == 0);
    CHECK(policy == MPOL_BIND);
    auto const absent = memory->bind_to_nodes(MPOL_BIND, std::vector<std::uint16_t>{127});
    REQUIRE_FALSE(absent);
    CHECK(absent.error().desc() == "cannot bind memory to host NUMA nodes: Invalid argument");
}

TEST_CASE("memory of a file is made with it and keeps what it held")
{
    auto const path = temporary_file();
    {
        auto memory = HostMemory::file(path, mib, {.share = true}).value();
        REQUIRE(memory->preallocate());
        memory->data()[page_size] = std::byte{7};
    }
    auto memory = HostMemory::file(path, mib, {.share = false}).value();
    CHECK(memory->data()[page_size] == std::byte{7});
    auto larger = HostMemory::file(path, 2 * mib);
    REQUIRE_FALSE(larger);
    CHECK(larger.error().desc() == "backing store size 0x100000 does not match 'size' option 0x200000");
    std::remove(path.c_str());
    auto gone = HostMemory::file("/nonexistent/m", mib);
    REQUIRE_FALSE(gone);
    CHECK(gone.error().desc() == "can't open backing store /nonexistent/m for guest RAM: No such file or directory");
}

TEST_CASE("memory in a directory is a file without a name")
{
    auto directory = temporary_file();
    std::remove(directory.c_str());
    REQUIRE(std::filesystem::create_directory(directory));
    auto const memory = HostMemory::file(directory, mib);
    REQUIRE(memory);
    (*memory)->data()[mib - 1] = std::byte{1};
    CHECK(std::filesystem::is_empty(directory));
    CHECK(std::filesystem::remove(directory));
}

TEST_CASE("guest addresses reach over adjoining blocks and end where RAM ends")
{
    Memory memory;
    REQUIRE(memory.add_anonymous("low", 0, mib));
    REQUIRE(memory.add_anonymous("high", mib, mib));
    CHECK(memory.total_size() == 2 * mib);
    REQUIRE(memory.write(mib - 3, bytes_of("abcdef")));
    std::string back(6, ' ');
    REQUIRE(memory.read(mib - 3, std::as_writable_bytes(std::span(back))));
    CHECK(back == "abcdef");
    CHECK(memory.find("high")->data()[2] == std::byte{'f'});
    CHECK_FALSE(memory.write(2 * mib - 3, bytes_of("xbcdef")));
    CHECK(memory.find("high")->data()[mib - 3] == std::byte{0});
    CHECK_FALSE(memory.read(~std::uint64_t{0} - 2, std::as_writable_bytes(std::span(back))));
}

TEST_CASE("one block may be seen at several places, and is noted in its own pages")
{
    Memory memory;
    auto* const block
        = memory.add(RamBlock::create("ram", HostMemory::anonymous("ram", 4 * page_size).value()).value()).value();
    REQUIRE(memory.map({0, 3 * page_size, block}));
    REQUIRE(memory.map({mib, page_size, block, 3 * page_size}));
    CHECK_FALSE(memory.map({2 * mib, 2 * page_size, block, 3 * page_size}));
    CHECK_FALSE(memory.map({2 * mib, page_size, block, 5 * page_size}));
    REQUIRE(memory.start_dirty_log());
    REQUIRE(memory.write(mib + 1, bytes_of("x")));
    CHECK(block->data()[3 * page_size + 1] == std::byte{'x'});
    CHECK_FALSE(memory.write(3 * page_size - 1, bytes_of("xy")));
    PageBitmap dirty(block->pages());
    CHECK(memory.sync_dirty(*block, dirty) == 1);
    CHECK(dirty.test(3));
}

TEST_CASE("blocks that overlap, are named twice or wrap around are refused")
{
    Memory memory;
    REQUIRE(memory.add_anonymous("a", mib, mib));
    CHECK_FALSE(memory.add_anonymous("a", 8 * mib, mib));
    CHECK_FALSE(memory.add_anonymous("b", mib + page_size, mib));
    CHECK_FALSE(memory.add_anonymous("b", 0, mib + page_size));
    CHECK_FALSE(memory.add_anonymous("b", ~std::uint64_t{0} - page_size + 1, mib));
    CHECK_FALSE(memory.add_anonymous(std::string(256, 'x'), 8 * mib, mib));
    CHECK(memory.blocks().size() == 1);
    CHECK(memory.add_anonymous("b", 0, mib));
}

TEST_CASE("what covers RAM is seen instead of it, and the RAM beneath keeps what it holds")
{
    Memory memory;
    auto* ram = memory.add_anonymous("ram", 0, mib).value();
    auto rom_memory = HostMemory::anonymous("rom", 2 * page_size).value();
    auto* rom = memory.add(RamBlock::create("rom", rom_memory).value()).value();
    auto const at = mib - 4 * page_size;
    REQUIRE(memory.write(at, bytes_of("beneath")));
    REQUIRE(memory.cover({at, 2 * page_size, rom, 0, true}));
    CHECK(memory.regions().size() == 3);
    CHECK(memory.find_region(at)->block == rom);
    CHECK(memory.find_region(at)->read_only);
    auto const* after = memory.find_region(at + 2 * page_size);
    REQUIRE(after);
    CHECK(after->offset == at + 2 * page_size);
    CHECK(after->end() == mib);
    std::vector<std::byte> whole(mib);
    REQUIRE(memory.read(0, whole));
    CHECK(whole[at] == std::byte{0});
    CHECK(ram->data()[at] == std::byte{'b'});
    REQUIRE(memory.cover({mib - page_size, 2 * page_size, rom, 0, true}));
    CHECK(memory.find_region(mib)->block == rom);
    CHECK(memory.find_region(mib - page_size - 1)->block == ram);
    CHECK_FALSE(memory.cover({0, 3 * page_size, rom, 0, true}));
    CHECK_FALSE(memory.cover({1, page_size, rom, 0, true}));
    CHECK(memory.regions().size() == 4);
}

TEST_CASE("the dirty log holds what was written since the last look, and only while it runs")
{
    Memory memory;
    auto* low = memory.add_anonymous("low", 0, mib).value();
    auto* high = memory.add_anonymous("high", mib, mib).value();
    PageBitmap dirty_low(low->pages());
    PageBitmap dirty_high(high->pages());
    REQUIRE(memory.write(0, bytes_of("before the log")));
    REQUIRE(memory.start_dirty_log());
    CHECK(memory.sync_dirty(*low, dirty_low) == 0);
    REQUIRE(memory.write(mib - 1, bytes_of("over the edge")));
    memory.mark_dirty(3 * page_size + 5, 2 * page_size);
    memory.mark_dirty(2 * mib - 1, ~std::uint64_t{0});
    CHECK(memory.sync_dirty(*low, dirty_low) == 4);
    CHECK(memory.sync_dirty(*high, dirty_high) == 2);
    CHECK(dirty_low.test(3));
    CHECK(dirty_low.test(5));
    CHECK_FALSE(dirty_low.test(6));
    CHECK(dirty_low.test(255));
    CHECK(dirty_high.test(0));
    CHECK(dirty_high.test(255));
    CHECK(memory.sync_dirty(*low, dirty_low) == 0);
    memory.stop_dirty_log();
    memory.mark_dirty(0, 1);
    dirty_low.clear_all();
    CHECK(memory.sync_dirty(*low, dirty_low) == 0);
}

TEST_CASE("an accelerator adds what it noted when it is asked")
{
    Memory memory;
    auto* block = memory.add_anonymous("ram", 0, mib).value();
    FakeSource source(*block);
    memory.set_dirty_log_source(&source);
    PageBitmap dirty(block->pages());
    memory.collect_dirty();
    REQUIRE(memory.start_dirty_log());
    CHECK(source.running);
    CHECK(memory.sync_dirty(*block, dirty) == 0);
    memory.collect_dirty();
    CHECK(memory.sync_dirty(*block, dirty) == 2);
    CHECK(dirty.test(8));
    memory.stop_dirty_log();
    CHECK_FALSE(source.running);
    source.fail = true;
    CHECK(memory.start_dirty_log().error().desc() == "no log today");
    CHECK_FALSE(memory.dirty_log_running());
}

TEST_CASE("no mark is lost when threads mark and one collects")
{
    Memory memory;
    auto* block = memory.add_anonymous("ram", 0, 64 * mib).value();
    REQUIRE(memory.start_dirty_log());
    std::atomic<int> running{2};
    std::vector<std::thread> threads;
    for (std::size_t parity : {0u, 1u}) {
        threads.emplace_back([&, parity] {
            for (auto page = parity; page < block->pages(); page += 2)
                memory.mark_dirty(page * page_size, 1);
            --running;
        });
    }
    PageBitmap dirty(block->pages());
    while (running > 0)
        memory.sync_dirty(*block, dirty);
    memory.sync_dirty(*block, dirty);
    for (auto& thread : threads)
        thread.join();
    CHECK(dirty.count() == block->pages());
}

TEST_CASE("a page bitmap finds the next page in it and the next one not in it")
{
    PageBitmap pages(130);
    CHECK(pages.next_set(0) == 130);
    pages.set(129);
    pages.set(64);
    pages.set(64);
    CHECK(pages.count() == 2);
    CHECK(pages.next_set(0) == 64);
    CHECK(pages.next_set(65) == 129);
    CHECK(pages.next_clear(64) == 65);
    CHECK(pages.next_clear(129) == 130);
    CHECK(pages.next_set(500) == 130);
    CHECK(pages.next_set(65, 129) == 129);
    CHECK(pages.next_set(65, 100) == 100);
    CHECK(pages.next_set(65, 500) == 129);
    CHECK(pages.next_set(129, 129) == 129);
    pages.set_all();
    CHECK(pages.count() == 130);
    CHECK(pages.next_clear(0) == 130);
    pages.clear(70);
    pages.clear(70);
    CHECK(pages.count() == 129);
    CHECK(pages.next_clear(0) == 70);
    pages.merge(2, ~std::uint64_t{0});
    CHECK(pages.count() == 129);
}
