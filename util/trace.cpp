// SPDX-License-Identifier: GPL-3.0-or-later
#include "util/trace.hpp"

#include "util/log.hpp"

#include <algorithm>

namespace minivisor::util::trace {

namespace {

constexpr Declared declared[] = {
    {"handle_hmp_command", "a line was typed at the human monitor (its first word only, where it may hold a secret)"},
    {"migrate_fd_cancel", "a cancel of the migration was asked for"},
    {"migrate_fd_error", "the migration has failed"},
    {"migrate_set_state", "the state of the migration has changed"},
    {"migration_bitmap_sync_end", "the dirty pages were looked up"},
    {"migration_bitmap_sync_start", "the dirty pages are looked up"},
    {"monitor_protocol_event_emit", "an event goes to the QMP clients"},
    {"qauthz_is_allowed", "an authorization object has answered"},
    {"qauthz_list_check_rule", "a rule of an authorization list has matched"},
    {"qauthz_list_default_policy", "no rule of an authorization list has matched"},
    {"qauthz_list_file_load", "a file of rules is loaded"},
    {"qauthz_list_file_refresh", "a file of rules was loaded anew, since it has changed"},
    {"qcrypto_tls_creds_x509_load", "the files of TLS credentials are loaded"},
    {"qemu_loadvm_state_section_partend", "a further part of a section comes in"},
    {"qemu_loadvm_state_section_startfull", "a section begins to come in"},
    {"qemu_system_powerdown_request", "the guest is asked to power down"},
    {"qemu_system_shutdown_request", "the end was asked for"},
    {"qio_channel_socket_accept_complete", "a peer has connected to a migration's door"},
    {"qio_channel_tls_handshake_complete", "a peer at the door has finished its TLS handshake"},
    {"qio_channel_tls_handshake_fail", "the TLS handshake of a peer at the door has failed"},
    {"qio_channel_tls_handshake_start", "a peer at the door begins its TLS handshake"},
    {"runstate_set", "the run state has changed"},
    {"source_return_path_thread_switchover_acked", "the destination has said that the guest may be stopped"},
};

static_assert(std::size(declared) == static_cast<std::size_t>(Point::source_return_path_thread_switchover_acked) + 1);
static_assert(std::ranges::is_sorted(declared, {}, &Declared::name));

std::array<std::atomic<bool>, std::size(declared)> states{};

} // namespace

std::span<Declared const> points() { return declared; }

bool is_on(Point point) { return states[static_cast<std::size_t>(point)].load(std::memory_order_relaxed); }

void set(Point point, bool on) { states[static_cast<std::size_t>(point)].store(on, std::memory_order_relaxed); }

bool matches(std::string_view pattern, std::string_view name)
{
    // Where the last '*' stood, and how much of the name it has swallowed.
    std::size_t star = pattern.npos;
    std::size_t after_star = 0;
    std::size_t p = 0;
    for (std::size_t n = 0; n < name.size();) {
        if (p < pattern.size() && pattern[p] == '*') {
            star = p++;
            after_star = n;
        } else if (p < pattern.size() && (pattern[p] == '?' || pattern[p] == name[n])) {
            ++p;
            ++n;
        } else if (star != pattern.npos) {
            p = star + 1;
            n = ++after_star;
        } else {
            return false;
        }
    }
    return pattern.find_first_not_of('*', p) == pattern.npos;
}

bool is_pattern(std::string_view text) { return text.find('*') != text.npos; }

std::optional<Point> find(std::string_view name)
{
    auto const* const found = std::ranges::lower_bound(declared, name, {}, &Declared::name);
    if (found == std::end(declared) || found->name != name)
        return std::nullopt;
    return static_cast<Point>(found - std::begin(declared));
}

void enable(std::string_view pattern, std::string_view origin)
{
    bool const on = !pattern.starts_with('-');
    if (!on)
        pattern.remove_prefix(1);
    if (is_pattern(pattern)) {
        for (std::size_t i = 0; i < std::size(declared); ++i)
            if (matches(pattern, declared[i].name))
                set(static_cast<Point>(i), on);
    } else if (auto const point = find(pattern)) {
        set(*point, on);
    } else {
        log::warn(cat("trace event '", pattern, "' does not exist"), origin);
    }
}

void enable_lines(std::string_view lines, std::string_view file)
{
    std::size_t number = 0;
    for (auto const line : split(lines, '\n')) {
        ++number;
        if (!line.empty() && !line.starts_with('#'))
            enable(line, cat(file, ":", number));
    }
}

namespace detail {
void write(Point point, std::string_view text) { log::trace(declared[static_cast<std::size_t>(point)].name, text); }
} // namespace detail

} // namespace minivisor::util::trace
