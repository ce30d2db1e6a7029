// SPDX-License-Identifier: GPL-3.0-or-later
// The measuring of QEMU's qapi/migration.json: how fast the guest writes to its memory.
#pragma once

#include "qapi/command.hpp"

namespace minivisor::qapi {

enum class DirtyRateStatus { unstarted, measuring, measured };
BOOST_DESCRIBE_ENUM(DirtyRateStatus, unstarted, measuring, measured)

enum class DirtyRateMeasureMode { page_sampling, dirty_ring, dirty_bitmap };
BOOST_DESCRIBE_ENUM(DirtyRateMeasureMode, page_sampling, dirty_ring, dirty_bitmap)

struct CalcDirtyRateArguments {
    std::int64_t calc_time = 0;
    std::optional<std::int64_t> sample_pages;
    std::optional<DirtyRateMeasureMode> mode;
};
BOOST_DESCRIBE_STRUCT(CalcDirtyRateArguments, (), (calc_time, sample_pages, mode))
constexpr auto docs(CalcDirtyRateArguments const*)
{
    return members({{"calc-time", "over how many seconds, 1 to 60"},
        {"sample-pages", "how many pages to look at per GiB, 128 to 16384"},
        {"mode",
            "how to measure; the log of written pages is either a bitmap or a ring (`-accel kvm,dirty-ring-size=`)"}});
}
struct CalcDirtyRate : Command<"calc-dirty-rate", CalcDirtyRateArguments> {
    static constexpr CommandInfo info{.summary = "Begin to measure how fast the guest writes to its memory."};
};

struct DirtyRateVcpu {
    std::int64_t id = 0;
    std::int64_t dirty_rate = 0;
};
BOOST_DESCRIBE_STRUCT(DirtyRateVcpu, (), (id, dirty_rate))
constexpr auto docs(DirtyRateVcpu const*)
{
    return members({{"id", "the CPU's number"}, {"dirty-rate", "MiB a second that it wrote to"}});
}

struct DirtyRateInfo {
    std::optional<std::int64_t> dirty_rate;
    DirtyRateStatus status = DirtyRateStatus::unstarted;
    std::int64_t start_time = 0;
    std::int64_t calc_time = 0;
    std::uint64_t sample_pages = 0;
    DirtyRateMeasureMode mode = DirtyRateMeasureMode::page_sampling;
    std::optional<std::vector<DirtyRateVcpu>> vcpu_dirty_rate;
};
BOOST_DESCRIBE_STRUCT(
    DirtyRateInfo, (), (dirty_rate, status, start_time, calc_time, sample_pages, mode, vcpu_dirty_rate))
constexpr auto docs(DirtyRateInfo const*)
{
    return members({{"dirty-rate", "MiB a second; absent until it is measured"}, {"status", "how far it is"},
        {"start-time", "when it began, in seconds of the host's monotonic clock"},
        {"calc-time", "over how many seconds"}, {"sample-pages", "how many pages are looked at per GiB"},
        {"mode", "how it is measured"}, {"vcpu-dirty-rate", "of each CPU, in mode dirty-ring"}});
}
struct QueryDirtyRate : Command<"query-dirty-rate", Empty, DirtyRateInfo> {
    static constexpr CommandInfo info{.summary = "What the last calc-dirty-rate has found."};
};

} // namespace minivisor::qapi
