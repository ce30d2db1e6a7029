// SPDX-License-Identifier: GPL-3.0-or-later
#include "machine/dirty_rate.hpp"

#include "util/log.hpp"
#include "util/quietly.hpp"
#include "util/text.hpp"
#include "util/units.hpp"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <numeric>
#include <random>

namespace minivisor::machine {

namespace {

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
            = static_cast<std::size_t>(block->size() / page_size * pages_per_gib / (util::gib / page_size));
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

namespace {

/// The log of written pages runs as long as one of these is there.
class LogUse {
public:
    static Result<std::unique_ptr<LogUse>> begin(Memory& memory)
    {
        TRY(memory.start_dirty_log());
        return std::unique_ptr<LogUse>(new LogUse(memory));
    }
    ~LogUse() { m_memory.stop_dirty_log(); }

    std::uint64_t pages()
    {
        m_memory.collect_dirty();
        return m_memory.marked_pages() - m_pages;
    }
    std::vector<std::uint64_t> pages_by_cpu()
    {
        m_memory.collect_dirty();
        auto pages = count_by_cpu();
        for (std::size_t cpu = 0; cpu < std::min(pages.size(), m_by_cpu.size()); ++cpu)
            pages[cpu] -= m_by_cpu[cpu];
        return pages;
    }

private:
    explicit LogUse(Memory& memory)
        : m_memory(memory)
    {
        m_memory.collect_dirty(); // what was written before is not counted
        m_pages = m_memory.marked_pages();
        m_by_cpu = count_by_cpu();
    }
    std::vector<std::uint64_t> count_by_cpu() const
    {
        auto const* const source = m_memory.dirty_log_source();
        return source ? source->pages_by_cpu().value_or(std::vector<std::uint64_t>{}) : std::vector<std::uint64_t>{};
    }

    Memory& m_memory;
    std::uint64_t m_pages;
    std::vector<std::uint64_t> m_by_cpu;
};

} // namespace

DirtyRate::DirtyRate(boost::asio::any_io_executor executor, Memory& memory, util::Worker& worker)
    : m_memory(memory)
    , m_worker(worker)
    , m_tasks(std::move(executor))
{
}

Result<void> DirtyRate::check(qapi::CalcDirtyRateArguments const& how) const
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
    if (mode
        == (m_memory.dirty_log_knows_cpus() ? DirtyRateMeasureMode::dirty_bitmap : DirtyRateMeasureMode::dirty_ring))
        return Error::generic(cat("mode ", qapi::wire_name(mode), " is not enabled, use other method instead."));
    return {};
}

Result<void> DirtyRate::measure(qapi::CalcDirtyRateArguments const& how)
{
    TRY(check(how));
    auto const now = std::chrono::steady_clock::now().time_since_epoch();
    m_info = {};
    m_info.status = qapi::DirtyRateStatus::measuring;
    m_info.start_time = std::chrono::duration_cast<std::chrono::seconds>(now).count();
    m_info.calc_time = how.calc_time;
    m_info.sample_pages = static_cast<std::uint64_t>(how.sample_pages.value_or(512));
    m_info.mode = how.mode.value_or(qapi::DirtyRateMeasureMode::page_sampling);
    m_tasks.spawn([this] { return run(); });
    return {};
}

/// On a worker.
Result<std::unique_ptr<DirtyRate::Probe>> DirtyRate::begin() const
{
    struct Sampled final : Probe {
        PageSample sample;
        Written written() override { return {sample.changed_bytes(), {}}; }
    };
    struct Logged final : Probe {
        std::unique_ptr<LogUse> log;
        Written written() override { return {log->pages() * page_size, {}}; }
    };
    struct LoggedByCpu final : Probe {
        std::unique_ptr<LogUse> log;
        Written written() override
        {
            auto counts = log->pages_by_cpu();
            for (auto& count : counts)
                count *= page_size;
            return {std::accumulate(counts.begin(), counts.end(), std::uint64_t{0}), std::move(counts)};
        }
    };
    auto const with_log = [this](auto probe) -> Result<std::unique_ptr<Probe>> {
        probe->log = TRY(LogUse::begin(m_memory));
        return std::unique_ptr<Probe>(std::move(probe));
    };
    switch (m_info.mode) {
    case qapi::DirtyRateMeasureMode::dirty_bitmap: return with_log(std::make_unique<Logged>());
    case qapi::DirtyRateMeasureMode::dirty_ring: return with_log(std::make_unique<LoggedByCpu>());
    case qapi::DirtyRateMeasureMode::page_sampling: break;
    }
    auto probe = std::make_unique<Sampled>();
    probe->sample = PageSample::take(m_memory, m_info.sample_pages);
    return std::unique_ptr<Probe>(std::move(probe));
}

boost::asio::awaitable<void> DirtyRate::run()
{
    co_await boost::asio::this_coro::throw_if_cancelled(false);
    std::function<Result<std::unique_ptr<Probe>>()> const begin_it = [this] { return begin(); };
    auto beginning = m_worker.run(begin_it);
    auto begun = co_await std::move(beginning);
    if (!begun) {
        util::log::error(begun.error());
        m_info.status = qapi::DirtyRateStatus::unstarted;
        co_return;
    }
    auto& probe = **begun;
    // A worker's call cannot be cancelled, and a timer begun after a cancellation would hear nothing of it.
    if ((co_await boost::asio::this_coro::cancellation_state).cancelled() != boost::asio::cancellation_type::none)
        co_return;
    boost::asio::steady_timer timer(m_tasks.executor(), std::chrono::seconds(m_info.calc_time));
    auto const began = std::chrono::steady_clock::now();
    auto const [stopped] = co_await timer.async_wait(quietly);
    auto const state = co_await boost::asio::this_coro::cancellation_state;
    if (stopped || state.cancelled() != boost::asio::cancellation_type::none)
        co_return;
    std::function<Probe::Written()> const end_it = [&probe] { return probe.written(); };
    auto ending = m_worker.run(end_it);
    auto const written = co_await std::move(ending);
    std::chrono::duration<double> const passed = std::chrono::steady_clock::now() - began;
    tell(written, passed.count());
}

/// Rates in whole MiB a second, as in QEMU; the sum over the CPUs is one of such.
void DirtyRate::tell(Probe::Written const& written, double seconds)
{
    auto const rate = [seconds](std::uint64_t bytes) {
        return std::llround(static_cast<double>(bytes) / static_cast<double>(util::mib) / seconds);
    };
    m_info.dirty_rate = rate(written.bytes);
    if (m_info.mode != qapi::DirtyRateMeasureMode::page_sampling)
        m_info.sample_pages = 0;
    if (auto const& by_cpu = written.bytes_by_cpu) {
        auto& rates = m_info.vcpu_dirty_rate.emplace();
        *m_info.dirty_rate = 0;
        for (std::size_t cpu = 0; cpu < by_cpu->size(); ++cpu) {
            rates.push_back({static_cast<std::int64_t>(cpu), rate((*by_cpu)[cpu])});
            *m_info.dirty_rate += rates.back().dirty_rate;
        }
    }
    m_info.status = qapi::DirtyRateStatus::measured;
}

boost::asio::awaitable<void> DirtyRate::shut_down()
{
    m_tasks.cancel();
    co_await m_tasks.join();
}

} // namespace minivisor::machine
