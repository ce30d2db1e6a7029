// SPDX-License-Identifier: GPL-3.0-or-later
#include "main/diagnostics.hpp"

#include "monitor/tracing.hpp"
#include "util/fd.hpp"
#include "util/log.hpp"
#include "util/trace.hpp"

namespace minivisor::main {

namespace {
constexpr std::size_t most_bytes_of_patterns = 1 << 20;
}

Result<void> open_diagnostics(Options const& options)
{
    util::log::set_timestamps(options.message_times);
    if (options.message_guest_name && options.machine.name)
        util::log::set_guest_name(*options.machine.name);
    if (options.log_file)
        TRY(util::log::open_file(*options.log_file));
    if (!options.log_items.empty())
        TRY(monitor::set_log_items(options.log_items));
    for (auto const& option : options.traces) {
        if (option.events) {
            auto const patterns = util::read_file(*option.events, most_bytes_of_patterns);
            if (!patterns)
                return patterns.error();
            trace::enable_lines(*patterns, *option.events);
        }
        for (auto const& pattern : option.patterns)
            trace::enable(pattern, option.origin);
    }
    return {};
}

} // namespace minivisor::main
