// SPDX-License-Identifier: GPL-3.0-or-later
#include "machine/dirty_rate.hpp"

#include "util/text.hpp"

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <algorithm>
#include <chrono>
#include <random>

namespace minivisor::machine {

namespace {

constexpr std::uint64_t gibibyte = 1 << 30;
constexpr std::uint64_t mebibyte = 1 << 20;
constexpr std::size_t least_pages = 64;

std::size_t hash_page(RamBlock const& block, std::size_t number)
{
    auto const bytes = block.bytes().subspan(number * page_size, page_size);
    return std::hash<std::string_view>()({reinterpret_cast<char const*>(bytes.data()), bytes.size()});
}

} // namespace

PageSample PageSample::take(Memory const& memory, std::uint64_t pages_per_gib)
{
    std::mt19937_64 random(std::random_device{}());
    PageSample sample;
    for (auto const& block : memory.blocks()) {
        auto const by_size
            = static_cast<std::size_t>(block->size() / page_size * pages_per_gib / (gibibyte / page_size));
        auto const count = std::min(std::max(by_size, least_pages), block->pages());
        auto& taken = sample.m_blocks.emplace_back(Block{block.get(), {}});
        std::uniform_int_distribution<std::size_t> any(0, block->pages() - 1);
        for (std::size_t i = 0; i < count; ++i) {
            auto const number = count == block->pages() ? i : any(random);
            taken.pages.push_back({number, hash_page(*block, number)});
        }
    }
    return sample;
}

std::uint64_t PageSample::changed_bytes() const
{
    std::uint64_t bytes = 0;
    for (auto const& [block, pages] : m_blocks) {
        auto const changed = static_cast<std::size_t>(std::count_if(
            pages.begin(), pages.end(), [&](Page const& page) { return hash_page(*block, page.number) != page.hash; }));
        bytes += block->pages() * changed / pages.size() * page_size;
    }
    return bytes;
}

DirtyRate::DirtyRate(boost::asio::any_io_executor executor, Memory const& memory, util::Worker& worker)
    : m_memory(memory)
    , m_worker(worker)
    , m_tasks(std::move(executor))
{
}

Result<void> DirtyRate::measure(qapi::CalcDirtyRateArguments const& how)
{
    using qapi::DirtyRateMeasureMode;
    auto const mode = how.mode.value_or(DirtyRateMeasureMode::page_sampling);
    if (m_info.status == qapi::DirtyRateStatus::measuring)
        return Error::generic("the dirty rate is already being measured.");
    if (how.calc_time < 1 || how.calc_time > 60)
        return Error::generic("calc-time is out of range[1, 60].");
    if (how.sample_pages && mode == DirtyRateMeasureMode::dirty_ring)
        return Error::generic("either sample-pages or dirty-ring can be specified.");
    if (how.sample_pages && (*how.sample_pages < 128 || *how.sample_pages > 16384))
        return Error::generic("sample-pages is out of range[128, 16384].");
    if (mode != DirtyRateMeasureMode::page_sampling)
        return Error::generic(cat("mode ", qapi::wire_name(mode), " is not enabled, use other method instead."));
    auto const now = std::chrono::steady_clock::now().time_since_epoch();
    m_info.dirty_rate.reset();
    m_info.status = qapi::DirtyRateStatus::measuring;
    m_info.start_time = std::chrono::duration_cast<std::chrono::seconds>(now).count();
    m_info.calc_time = how.calc_time;
    m_info.sample_pages = static_cast<std::uint64_t>(how.sample_pages.value_or(512));
    m_tasks.spawn([this] { return run(); });
    return {};
}

boost::asio::awaitable<void> DirtyRate::run()
{
    co_await boost::asio::this_coro::throw_if_cancelled(false);
    std::function<PageSample()> const take
        = [this, pages = m_info.sample_pages] { return PageSample::take(m_memory, pages); };
    auto taking = m_worker.run(take);
    auto const sample = co_await std::move(taking);
    // A worker's call cannot be cancelled, and a timer begun after a cancellation would hear nothing of it.
    if ((co_await boost::asio::this_coro::cancellation_state).cancelled() != boost::asio::cancellation_type::none)
        co_return;
    boost::asio::steady_timer timer(m_tasks.executor(), std::chrono::seconds(m_info.calc_time));
    auto const began = std::chrono::steady_clock::now();
    auto const [stopped] = co_await timer.async_wait(boost::asio::as_tuple(boost::asio::use_awaitable));
    auto const state = co_await boost::asio::this_coro::cancellation_state;
    if (stopped || state.cancelled() != boost::asio::cancellation_type::none)
        co_return;
    std::function<std::uint64_t()> const compare = [&sample] { return sample.changed_bytes(); };
    auto comparing = m_worker.run(compare);
    auto const bytes = co_await std::move(comparing);
    std::chrono::duration<double> const passed = std::chrono::steady_clock::now() - began;
    m_info.dirty_rate = static_cast<std::int64_t>(static_cast<double>(bytes) / mebibyte / passed.count());
    m_info.status = qapi::DirtyRateStatus::measured;
}

boost::asio::awaitable<void> DirtyRate::shut_down()
{
    m_tasks.cancel();
    co_await m_tasks.join();
}

} // namespace minivisor::machine
