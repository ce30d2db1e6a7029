// SPDX-License-Identifier: GPL-3.0-or-later
// Facts: qmp-surface section 3.5 (calc-dirty-rate).
#include "machine/dirty_rate.hpp"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <catch2/catch.hpp>

#include <cstring>

namespace minivisor::machine {
namespace {

constexpr std::uint64_t mib = 1 << 20;

TEST_CASE("dirty rate: a sample of all pages counts those that have changed")
{
    Memory memory;
    auto* small = *memory.add_anonymous("small", 0, 16 * page_size);
    auto const sample = PageSample::take(memory, 512);
    CHECK(sample.changed_bytes() == 0);
    for (std::size_t page = 0; page < 3; ++page)
        small->data()[page * page_size + 100] = std::byte{1};
    CHECK(sample.changed_bytes() == 3 * page_size);
    small->data()[100] = std::byte{0};
    CHECK(sample.changed_bytes() == 2 * page_size);
}

TEST_CASE("dirty rate: a sample of some pages stands for the whole block")
{
    Memory memory;
    auto* block = *memory.add_anonymous("ram", 0, 64 * mib);
    REQUIRE(memory.add_anonymous("quiet", 64 * mib, 8 * mib));
    auto const sample = PageSample::take(memory, 1024);
    std::memset(block->data(), 1, block->size());
    CHECK(sample.changed_bytes() == block->size());
}

struct Bench {
    explicit Bench()
        : rate(io.get_executor(), memory, worker)
    {
    }
    ~Bench()
    {
        boost::asio::co_spawn(io, rate.shut_down(), boost::asio::detached);
        io.restart();
        io.run();
    }
    std::string refusal(
        std::int64_t time, std::optional<std::int64_t> pages = {}, std::optional<qapi::DirtyRateMeasureMode> mode = {})
    {
        qapi::CalcDirtyRateArguments how{time, pages, mode};
        auto const begun = rate.measure(how);
        return begun ? "" : begun.error().desc();
    }

    boost::asio::io_context io;
    util::Worker worker;
    Memory memory;
    DirtyRate rate;
};

TEST_CASE("dirty rate: what cannot be measured is refused in QEMU's words, and nothing begins")
{
    using qapi::DirtyRateMeasureMode;
    Bench bench;
    CHECK(bench.refusal(0) == "calc-time is out of range[1, 60].");
    CHECK(bench.refusal(61) == "calc-time is out of range[1, 60].");
    CHECK(bench.refusal(1, 127) == "sample-pages is out of range[128, 16384].");
    CHECK(bench.refusal(1, 16385) == "sample-pages is out of range[128, 16384].");
    CHECK(bench.refusal(1, 512, DirtyRateMeasureMode::dirty_ring)
        == "either sample-pages or dirty-ring can be specified.");
    CHECK(bench.refusal(1, {}, DirtyRateMeasureMode::dirty_ring)
        == "mode dirty-ring is not enabled, use other method instead.");
    CHECK(bench.refusal(1, {}, DirtyRateMeasureMode::dirty_bitmap)
        == "mode dirty-bitmap is not enabled, use other method instead.");
    CHECK(bench.rate.info().status == qapi::DirtyRateStatus::unstarted);
}

TEST_CASE("dirty rate: one measuring at a time, which can be given up")
{
    Bench bench;
    CHECK(bench.refusal(60, 128).empty());
    CHECK(bench.rate.info().status == qapi::DirtyRateStatus::measuring);
    CHECK(bench.rate.info().sample_pages == 128);
    CHECK(!bench.rate.info().dirty_rate);
    CHECK(bench.refusal(1) == "the dirty rate is already being measured.");
    CHECK(bench.rate.info().calc_time == 60);
}

} // namespace
} // namespace minivisor::machine
