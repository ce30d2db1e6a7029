// SPDX-License-Identifier: GPL-3.0-or-later
// Facts: qmp-surface section 3.5 (calc-dirty-rate).
#include "machine/dirty_rate.hpp"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <catch2/catch.hpp>

#include <cstring>
#include <utility>

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

/// Knows what each of two CPUs has written.
struct Ring final : DirtyLogSource {
    Result<void> start_dirty_log() override
    {
        ++started;
        return {};
    }
    void stop_dirty_log() override { --started; }
    void collect_dirty() override
    {
        auto const fresh = std::exchange(written, {0, 0});
        for (std::size_t cpu = 0; cpu < 2; ++cpu)
            counts[cpu] += fresh[cpu];
    }
    std::optional<std::vector<std::uint64_t>> pages_by_cpu() const override { return counts; }
    int started = 0;
    std::vector<std::uint64_t> written = {0, 0}, counts = {0, 0};
};

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

    /// The measuring goes on until `done`.
    void run_until(std::function<bool()> const& done)
    {
        io.restart();
        while (!done() && io.run_one() > 0) { }
        REQUIRE(done());
    }
    void run_to_the_end()
    {
        run_until([this] { return rate.info().status == qapi::DirtyRateStatus::measured; });
    }

    boost::asio::io_context io;
    util::Worker worker;
    Memory memory;
    Ring ring;
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
    bench.memory.set_dirty_log_source(&bench.ring);
    CHECK(bench.refusal(1, {}, DirtyRateMeasureMode::dirty_bitmap)
        == "mode dirty-bitmap is not enabled, use other method instead.");
    CHECK(bench.rate.info().status == qapi::DirtyRateStatus::unstarted);
}

TEST_CASE("dirty rate: by the log, which runs for that time only; what was written before does not count")
{
    Bench bench;
    auto* ram = *bench.memory.add_anonymous("ram", 0, 64 * mib);
    CHECK(bench.refusal(1, {}, qapi::DirtyRateMeasureMode::dirty_bitmap).empty());
    CHECK(bench.rate.info().sample_pages == 512); // as QEMU says, until it is measured
    bench.run_until([&] { return bench.memory.dirty_log_running(); });
    ram->mark_pages(0, 48 * mib / page_size);
    ram->mark_pages(0, 48 * mib / page_size);
    bench.run_to_the_end();
    CHECK_FALSE(bench.memory.dirty_log_running());
    CHECK(bench.rate.info().sample_pages == 0);
    CHECK(bench.rate.info().dirty_rate.value() <= 48);
    CHECK(bench.rate.info().dirty_rate.value() > 0);
    CHECK_FALSE(bench.rate.info().vcpu_dirty_rate);
}

TEST_CASE("dirty rate: a log that a migration reads is left to it, and goes on afterwards")
{
    Bench bench;
    auto* ram = *bench.memory.add_anonymous("ram", 0, mib);
    REQUIRE(bench.memory.start_dirty_log());
    ram->mark_pages(7, 1);
    CHECK(bench.refusal(1, {}, qapi::DirtyRateMeasureMode::dirty_bitmap).empty());
    bench.run_to_the_end();
    CHECK(bench.rate.info().dirty_rate == 0);
    CHECK(bench.memory.dirty_log_running());
    PageBitmap seen(ram->pages());
    CHECK(bench.memory.sync_dirty(*ram, seen) == 1);
    CHECK(seen.test(7));
    bench.memory.stop_dirty_log();
    CHECK_FALSE(bench.memory.dirty_log_running());
}

TEST_CASE("dirty rate: a ring tells it for each CPU")
{
    Bench bench;
    bench.memory.set_dirty_log_source(&bench.ring);
    bench.ring.written = {1 << 20, 1 << 20};
    CHECK(bench.refusal(1, {}, qapi::DirtyRateMeasureMode::dirty_ring).empty());
    bench.run_until([&] { return bench.ring.counts[0] > 0; });
    bench.ring.written = {0, 512 * mib / page_size};
    bench.run_to_the_end();
    CHECK(bench.ring.started == 0);
    auto const info = bench.rate.info();
    REQUIRE(info.vcpu_dirty_rate.value().size() == 2);
    CHECK(info.vcpu_dirty_rate->at(0).dirty_rate == 0);
    CHECK(info.vcpu_dirty_rate->at(1).id == 1);
    CHECK(info.vcpu_dirty_rate->at(1).dirty_rate > 0);
    CHECK(info.vcpu_dirty_rate->at(1).dirty_rate <= 512);
    CHECK(info.dirty_rate == info.vcpu_dirty_rate->at(1).dirty_rate);
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
