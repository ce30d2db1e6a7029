// SPDX-License-Identifier: GPL-3.0-or-later
// Trace points: places in the program that can be asked to leave a line in the log when they are passed. They carry
// QEMU's names (its trace-events files) where the same thing happens, so that recipes for QEMU work here. All are off
// at the start; one that is off costs the look at a flag. Safe from any thread.
#pragma once

#include "util/text.hpp"

#include <array>
#include <atomic>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace minivisor::util::trace {

/// In the order of points().
enum class Point {
    handle_hmp_command,
    migrate_fd_cancel,
    migrate_fd_error,
    migrate_set_state,
    migration_bitmap_sync_end,
    migration_bitmap_sync_start,
    monitor_protocol_event_emit,
    qauthz_is_allowed,
    qauthz_list_check_rule,
    qauthz_list_default_policy,
    qauthz_list_file_load,
    qauthz_list_file_refresh,
    qcrypto_tls_creds_x509_load,
    qemu_loadvm_state_section_partend,
    qemu_loadvm_state_section_startfull,
    qemu_system_powerdown_request,
    qemu_system_shutdown_request,
    qio_channel_socket_accept_complete,
    qio_channel_tls_handshake_complete,
    qio_channel_tls_handshake_fail,
    qio_channel_tls_handshake_start,
    runstate_set,
    source_return_path_thread_switchover_acked,
};

struct Declared {
    std::string_view name;
    std::string_view text; ///< when it is passed
};

/// All of them, by name.
std::span<Declared const> points();

bool is_on(Point point);
void set(Point point, bool on);

/// Whether `name` is like `pattern`, in which '*' stands for any text and '?' for one character.
bool matches(std::string_view pattern, std::string_view name);
bool is_pattern(std::string_view text);
/// The point of exactly that name.
std::optional<Point> find(std::string_view name);

/// One use of -trace, or a line of its events=FILE: a name or a pattern, with '-' before it to switch off. A name that
/// does not exist gets a warning, with `origin` before it.
void enable(std::string_view pattern, std::string_view origin);
/// enable() for each line of a text; empty ones and those that begin with '#' say nothing.
void enable_lines(std::string_view lines, std::string_view file);

namespace detail {
void write(Point point, std::string_view text);
}

/// Leaves "NAME TEXT" in the log if the point is on; the pieces are joined as cat() does.
template <typename... Pieces>
void pass(Point point, Pieces const&... pieces)
{
    if (is_on(point))
        detail::write(point, cat(pieces...));
}

} // namespace minivisor::util::trace

namespace minivisor {
namespace trace = util::trace;
}
