// SPDX-License-Identifier: GPL-3.0-or-later
// Twin of QEMU's qapi/migration.json: the verbs, the states, and what query-migrate tells.
#pragma once

#include "qapi/schema/authz.hpp"
#include "qapi/schema/migration_settings.hpp"
#include "qapi/schema/sockets.hpp"

namespace minivisor::qapi {

enum class MigrationStatus {
    none,
    setup,
    cancelling,
    cancelled,
    active,
    postcopy_active,
    postcopy_paused,
    postcopy_recover,
    completed,
    failed,
    colo,
    pre_switchover,
    device,
    wait_unplug
};
BOOST_DESCRIBE_ENUM(MigrationStatus, none, setup, cancelling, cancelled, active, postcopy_active, postcopy_paused,
    postcopy_recover, completed, failed, colo, pre_switchover, device, wait_unplug)
constexpr auto docs(MigrationStatus const*)
{
    return members({{"none", "there was none yet"},
        {"setup", "being prepared: the connection, TLS, authorization; on a destination, waiting"},
        {"cancelling", "a cancel was asked for"}, {"cancelled", "it was cancelled; the guest is still here"},
        {"active", "the guest's memory moves"}, {"postcopy-active", "the guest runs at the destination already"},
        {"postcopy-paused", "the same, and the connection is lost"},
        {"postcopy-recover", "the same, and the connection is being made anew"},
        {"completed", "the guest is at the destination"}, {"failed", "it failed; `error-desc` says why"},
        {"colo", "COLO goes on behind it"},
        {"pre-switchover", "the guest stands still and waits for `migrate-continue`"},
        {"device", "the states of devices move; the guest stands still"},
        {"wait-unplug", "waits for devices to be unplugged"}});
}

struct MigrationStats {
    std::int64_t transferred = 0;
    std::int64_t remaining = 0;
    std::int64_t total = 0;
    std::int64_t duplicate = 0;
    std::int64_t skipped = 0;
    std::int64_t normal = 0;
    std::int64_t normal_bytes = 0;
    std::int64_t dirty_pages_rate = 0;
    double mbps = 0;
    std::int64_t dirty_sync_count = 0;
    std::int64_t postcopy_requests = 0;
    std::int64_t page_size = 0;
    std::uint64_t multifd_bytes = 0;
    std::uint64_t pages_per_second = 0;
    std::uint64_t precopy_bytes = 0;
    std::uint64_t downtime_bytes = 0;
    std::uint64_t postcopy_bytes = 0;
    std::uint64_t dirty_sync_missed_zero_copy = 0;
};
BOOST_DESCRIBE_STRUCT(MigrationStats, (),
    (transferred, remaining, total, duplicate, skipped, normal, normal_bytes, dirty_pages_rate, mbps, dirty_sync_count,
        postcopy_requests, page_size, multifd_bytes, pages_per_second, precopy_bytes, downtime_bytes, postcopy_bytes,
        dirty_sync_missed_zero_copy))
constexpr auto docs(MigrationStats const*)
{
    return members({{"transferred", "bytes sent"}, {"remaining", "bytes left to send"}, {"total", "bytes of RAM"},
        {"duplicate", "pages that were zero"}, {"skipped", "always 0"}, {"normal", "pages sent whole"},
        {"normal-bytes", "bytes of pages sent whole"}, {"dirty-pages-rate", "pages dirtied in a second"},
        {"mbps", "megabits per second"}, {"dirty-sync-count", "rounds over RAM"},
        {"postcopy-requests", "pages that the destination asked for"}, {"page-size", "bytes in a page"},
        {"multifd-bytes", "bytes sent over multifd"}, {"pages-per-second", "pages sent in a second"},
        {"precopy-bytes", "bytes sent while the guest ran"},
        {"downtime-bytes", "bytes sent while the guest stood still"},
        {"postcopy-bytes", "bytes sent after the switch to postcopy"}, {"dirty-sync-missed-zero-copy", "always 0"}});
}

struct MigrationInfo {
    std::optional<MigrationStatus> status;
    std::optional<MigrationStats> ram;
    std::optional<std::int64_t> total_time;
    std::optional<std::int64_t> expected_downtime;
    std::optional<std::int64_t> downtime;
    std::optional<std::int64_t> setup_time;
    std::optional<std::int64_t> cpu_throttle_percentage;
    std::optional<std::string> error_desc;
    std::optional<std::vector<std::string>> blocked_reasons;
    std::optional<std::vector<SocketAddress>> socket_address;
    std::optional<PeerRefusal> last_refusal;
    std::optional<std::uint64_t> refusals;
};
BOOST_DESCRIBE_STRUCT(MigrationInfo, (),
    (status, ram, total_time, expected_downtime, downtime, setup_time, cpu_throttle_percentage, error_desc,
        blocked_reasons, socket_address, last_refusal, refusals))
constexpr auto docs(MigrationInfo const*)
{
    return members({{"status", "absent before the first migration"}, {"ram", "RAM, while and after it moves"},
        {"total-time", "milliseconds since the start"}, {"expected-downtime", "milliseconds, while active"},
        {"downtime", "milliseconds, once completed"}, {"setup-time", "milliseconds before the first page"},
        {"cpu-throttle-percentage", "by how much the guest is slowed down, while it is"},
        {"error-desc", "why it failed, in one sentence"}, {"blocked-reasons", "what forbids migration now"},
        {"socket-address", "where the destination listens"},
        {"__org.minivisor_last-refusal", "the peer that was refused last, on a destination"},
        {"__org.minivisor_refusals", "how many peers were refused since the destination began to listen"}});
}

struct QueryMigrate : Command<"query-migrate", Empty, MigrationInfo> {
    static constexpr CommandInfo info{.summary = "How the migration is going.",
        .details
        = "On a destination, how the guest comes in. Members that have no meaning in the present state are absent."};
};

struct MigrateArguments {
    std::string uri;
    std::optional<bool> blk, inc, detach, resume;
};
BOOST_DESCRIBE_STRUCT(MigrateArguments, (), (uri, blk, inc, detach, resume))
constexpr auto docs(MigrateArguments const*)
{
    return members({{"uri", "where to: tcp:HOST:PORT, unix:PATH, fd:NAME, exec:COMMAND or file:PATH"},
        {"blk", "also disks: there are none, true is refused"}, {"inc", "likewise"},
        {"detach", "of no meaning in QMP, which never waits"}, {"resume", "resume a paused postcopy migration"}});
}
struct Migrate : Command<"migrate", MigrateArguments> {
    static constexpr CommandInfo info{.summary = "Move the guest to another process; returns at once.",
        .details
        = "The reply comes when the settings and the address were checked. How it goes on is told by `query-migrate` "
          "and, with the capability `events`, by the event `MIGRATION`. With `tls-creds` set the connection is TLS; "
          "the name in the destination's certificate must be `tls-hostname`, or the host of the address.",
        .errors = "a migration that runs already, a run state that forbids one, an address of a wrong form, and "
                  "settings that have no engine here yet, which are named."};
};

struct MigrateIncomingArguments {
    std::string uri;
    std::optional<bool> exit_on_error;
};
BOOST_DESCRIBE_STRUCT(MigrateIncomingArguments, (), (uri, exit_on_error))
constexpr auto docs(MigrateIncomingArguments const*)
{
    return members({{"uri", "where to listen"},
        {"exit-on-error", "end the program with status 1 when a load fails (the default)"}});
}
struct MigrateIncoming : Command<"migrate-incoming", MigrateIncomingArguments> {
    static constexpr CommandInfo info{.summary = "Start to listen, after -incoming defer.",
        .details = "The socket listens when the reply comes. Peers without a good certificate, or whom `tls-authz` "
                   "does not let in, are refused and told to the log, `query-migrate` and the event "
                   "`__org.minivisor_MIGRATION_REFUSED`; waiting goes on. With `exit-on-error` false a load that "
                   "failed leaves the process ready for the next `migrate-incoming`.",
        .errors
        = "`'-incoming' was not specified on the command line`, `The incoming migration has already been started`, an "
          "address that cannot be listened at, and `tls-authz` with credentials that show no identity."};
};

struct MigrateCancel : Command<"migrate_cancel"> {
    static constexpr CommandInfo info{.summary = "Cancel the migration, if there is one.",
        .details
        = "Returns at once; the connection is closed and the guest goes on here. Without a migration it does nothing."};
};

struct MigrateContinueArguments {
    MigrationStatus state = MigrationStatus::none;
};
BOOST_DESCRIBE_STRUCT(MigrateContinueArguments, (), (state))
constexpr auto docs(MigrateContinueArguments const*)
{
    return members({{"state", "the state that the migration is expected to be in"}});
}
struct MigrateContinue : Command<"migrate-continue", MigrateContinueArguments> {
    static constexpr CommandInfo info{
        .summary = "Go on from pre-switchover.", .errors = "the migration is not in that state."};
};

struct MigratePause : Command<"migrate-pause"> {
    static constexpr CommandInfo info{.summary = "Pause a postcopy migration.",
        .allow_oob = true,
        .errors = "there is no postcopy migration; postcopy has no engine here yet."};
};
struct MigrateRecoverArguments {
    std::string uri;
};
BOOST_DESCRIBE_STRUCT(MigrateRecoverArguments, (), (uri))
constexpr auto docs(MigrateRecoverArguments const*) { return members({{"uri", "where to listen anew"}}); }
struct MigrateRecover : Command<"migrate-recover", MigrateRecoverArguments> {
    static constexpr CommandInfo info{.summary = "Listen anew for a paused postcopy migration.",
        .allow_oob = true,
        .errors = "there is no paused postcopy migration; postcopy has no engine here yet."};
};
struct MigrateStartPostcopy : Command<"migrate-start-postcopy"> {
    static constexpr CommandInfo info{.summary = "Switch a running migration to postcopy.",
        .errors = "the capability `postcopy-ram` is off, or there is no migration."};
};

struct MigrationEventData {
    MigrationStatus status = MigrationStatus::none;
};
BOOST_DESCRIBE_STRUCT(MigrationEventData, (), (status))
constexpr auto docs(MigrationEventData const*) { return members({{"status", "the new state"}}); }
struct MigrationEvent : Event<"MIGRATION", MigrationEventData> {
    static constexpr std::string_view summary = "The migration's state has changed (capability events).";
};
struct MigrationPassData {
    std::int64_t pass = 0;
};
BOOST_DESCRIBE_STRUCT(MigrationPassData, (), (pass))
constexpr auto docs(MigrationPassData const*) { return members({{"pass", "its number, from 1"}}); }
struct MigrationPassEvent : Event<"MIGRATION_PASS", MigrationPassData> {
    static constexpr std::string_view summary = "A round over RAM begins (capability events).";
};
struct MigrationRefusedEvent : Event<"__org.minivisor_MIGRATION_REFUSED", PeerRefusal> {
    static constexpr std::string_view summary
        = "A peer was refused as a sender. A destination that listens goes on waiting.";
    static constexpr EventRate rate{1000, "stage,identity"}; // a stranger may knock a thousand times a second
};

} // namespace minivisor::qapi
