// SPDX-License-Identifier: GPL-3.0-or-later
// Twin of QEMU's qapi/migration.json: the words of migration as parameters and capabilities.
#pragma once

#include "qapi/command.hpp"

namespace minivisor::qapi {

enum class MigrationCapability {
    xbzrle,
    rdma_pin_all,
    auto_converge,
    zero_blocks,
    compress,
    events,
    postcopy_ram,
    x_colo,
    release_ram,
    block,
    return_path,
    pause_before_switchover,
    multifd,
    dirty_bitmaps,
    postcopy_blocktime,
    late_block_activate,
    x_ignore_shared,
    validate_uuid,
    background_snapshot,
    zero_copy_send,
    postcopy_preempt,
    switchover_ack,
    dirty_limit,
    mapped_ram
};
BOOST_DESCRIBE_ENUM(MigrationCapability, xbzrle, rdma_pin_all, auto_converge, zero_blocks, compress, events,
    postcopy_ram, x_colo, release_ram, block, return_path, pause_before_switchover, multifd, dirty_bitmaps,
    postcopy_blocktime, late_block_activate, x_ignore_shared, validate_uuid, background_snapshot, zero_copy_send,
    postcopy_preempt, switchover_ack, dirty_limit, mapped_ram)
constexpr auto docs(MigrationCapability const*)
{
    return members({{"xbzrle", "send what differs from the page sent before; no engine yet"},
        {"rdma-pin-all", "pin all memory for RDMA; there is none, so it changes nothing"},
        {"auto-converge", "slow the guest down until migration keeps up"},
        {"zero-blocks", "block migration skips zeros; there are no disks, so it changes nothing"},
        {"compress", "compress pages with zlib; no engine yet"}, {"events", "emit `MIGRATION` and `MIGRATION_PASS`"},
        {"postcopy-ram", "let the guest run at the destination before all of its memory is there; no engine yet"},
        {"x-colo", "COLO; no engine yet"}, {"release-ram", "free the source's pages once they are sent; no engine yet"},
        {"block", "migrate disks too; there are none, and it is refused"},
        {"return-path", "the destination answers; minivisor opens that way wherever the transport has it"},
        {"pause-before-switchover", "wait in `pre-switchover` for `migrate-continue` before the guest moves over"},
        {"multifd", "several connections side by side; no engine yet"},
        {"dirty-bitmaps", "migrate bitmaps of disks; there are none, so it changes nothing"},
        {"postcopy-blocktime", "measure how long postcopy held up the guest; no engine yet"},
        {"late-block-activate", "let go of disks late; there are none, so it changes nothing"},
        {"x-ignore-shared", "leave out memory that both ends share; no engine yet"},
        {"validate-uuid", "the destination checks the guest's UUID"},
        {"background-snapshot", "save a running guest as it was at the start; no engine yet"},
        {"zero-copy-send", "send pages without copying them; no engine yet"},
        {"postcopy-preempt", "a connection of its own for urgent pages of postcopy; no engine yet"},
        {"switchover-ack", "the guest is stopped only once the destination has said that it is ready"},
        {"dirty-limit", "hold CPUs back that write much, each by itself; no engine yet"},
        {"mapped-ram", "each page has its place in the file; no engine yet"}});
}

struct MigrationCapabilityStatus {
    MigrationCapability capability = MigrationCapability::xbzrle;
    bool state = false;
};
BOOST_DESCRIBE_STRUCT(MigrationCapabilityStatus, (), (capability, state))
constexpr auto docs(MigrationCapabilityStatus const*)
{
    return members({{"capability", "which one"}, {"state", "whether it is on"}});
}
struct MigrateSetCapabilitiesArguments {
    std::vector<MigrationCapabilityStatus> capabilities;
};
BOOST_DESCRIBE_STRUCT(MigrateSetCapabilitiesArguments, (), (capabilities))
constexpr auto docs(MigrateSetCapabilitiesArguments const*) { return members({{"capabilities", "those to change"}}); }
struct MigrateSetCapabilities : Command<"migrate-set-capabilities", MigrateSetCapabilitiesArguments> {
    static constexpr CommandInfo info{.summary = "Switch migration capabilities on or off.",
        .details = "All or none: what the changes give together is checked first. What has no engine here yet is "
                   "stored and reported, and makes `migrate` and `migrate-incoming` refuse to start.",
        .errors = "a migration that runs, and capabilities that exclude or need one another."};
};
struct QueryMigrateCapabilities : Command<"query-migrate-capabilities", Empty, std::vector<MigrationCapabilityStatus>> {
    static constexpr CommandInfo info{.summary = "Which migration capabilities are on."};
};

enum class MultiFDCompression { none, zlib, zstd, qatzip, qpl, uadk };
BOOST_DESCRIBE_ENUM(MultiFDCompression, none, zlib, zstd, qatzip, qpl, uadk)

enum class ZeroPageDetection { none, legacy, multifd };
BOOST_DESCRIBE_ENUM(ZeroPageDetection, none, legacy, multifd)
constexpr auto docs(ZeroPageDetection const*)
{
    return members({{"none", "pages of zeros are sent like all others"},
        {"legacy", "the migration's thread finds them, and sends a word for each"},
        {"multifd", "the threads of multifd do, or without it the migration's"}});
}

enum class MigMode { normal, cpr_reboot, cpr_transfer, cpr_exec };
BOOST_DESCRIBE_ENUM(MigMode, normal, cpr_reboot, cpr_transfer, cpr_exec)
constexpr auto docs(MigMode const*)
{
    return members({{"normal", "to another process, over a connection"},
        {"cpr-reboot", "over a new start of the host's kernel; no engine yet"},
        {"cpr-transfer", "to another process that is handed the memory; no engine yet"},
        {"cpr-exec", "to the program that takes the place of this one; no engine yet"}});
}

struct BitmapMigrationBitmapAliasTransform {
    std::optional<bool> persistent;
};
BOOST_DESCRIBE_STRUCT(BitmapMigrationBitmapAliasTransform, (), (persistent))
constexpr auto docs(BitmapMigrationBitmapAliasTransform const*)
{
    return members({{"persistent", "whether the destination keeps the bitmap in the image"}});
}
struct BitmapMigrationBitmapAlias {
    std::string name;
    std::string alias;
    std::optional<BitmapMigrationBitmapAliasTransform> transform;
};
BOOST_DESCRIBE_STRUCT(BitmapMigrationBitmapAlias, (), (name, alias, transform))
constexpr auto docs(BitmapMigrationBitmapAlias const*)
{
    return members(
        {{"name", "the bitmap's name"}, {"alias", "its name on the wire"}, {"transform", "what to change on the way"}});
}
struct BitmapMigrationNodeAlias {
    std::string node_name;
    std::string alias;
    std::vector<BitmapMigrationBitmapAlias> bitmaps;
};
BOOST_DESCRIBE_STRUCT(BitmapMigrationNodeAlias, (), (node_name, alias, bitmaps))
constexpr auto docs(BitmapMigrationNodeAlias const*)
{
    return members({{"node-name", "the block node"}, {"alias", "its name on the wire"}, {"bitmaps", "its bitmaps"}});
}

/// All optional: what migrate-set-parameters changes, and what query-migrate-parameters reports.
struct MigrationParameters {
    std::optional<Size> announce_initial;
    std::optional<Size> announce_max;
    std::optional<Size> announce_rounds;
    std::optional<Size> announce_step;
    std::optional<std::uint8_t> compress_level;
    std::optional<std::uint8_t> compress_threads;
    std::optional<bool> compress_wait_thread;
    std::optional<std::uint8_t> decompress_threads;
    std::optional<std::uint8_t> throttle_trigger_threshold;
    std::optional<std::uint8_t> cpu_throttle_initial;
    std::optional<std::uint8_t> cpu_throttle_increment;
    std::optional<bool> cpu_throttle_tailslow;
    std::optional<StrOrNull> tls_creds;
    std::optional<StrOrNull> tls_hostname;
    std::optional<StrOrNull> tls_authz;
    std::optional<Size> max_bandwidth;
    std::optional<std::uint64_t> downtime_limit;
    std::optional<std::uint32_t> x_checkpoint_delay;
    std::optional<bool> block_incremental;
    std::optional<std::uint8_t> multifd_channels;
    std::optional<Size> xbzrle_cache_size;
    std::optional<Size> max_postcopy_bandwidth;
    std::optional<std::uint8_t> max_cpu_throttle;
    std::optional<MultiFDCompression> multifd_compression;
    std::optional<std::uint8_t> multifd_zlib_level;
    std::optional<std::uint8_t> multifd_zstd_level;
    std::optional<std::vector<BitmapMigrationNodeAlias>> block_bitmap_mapping;
    std::optional<Size> avail_switchover_bandwidth;
    std::optional<ZeroPageDetection> zero_page_detection;
    std::optional<MigMode> mode;
    std::optional<std::uint8_t> multifd_qatzip_level;
    std::optional<bool> direct_io;
    std::optional<std::vector<std::string>> cpr_exec_command;
    std::optional<std::uint64_t> vcpu_dirty_limit;
    std::optional<std::uint64_t> x_vcpu_dirty_limit_period;
};
BOOST_DESCRIBE_STRUCT(MigrationParameters, (),
    (announce_initial, announce_max, announce_rounds, announce_step, compress_level, compress_threads,
        compress_wait_thread, decompress_threads, throttle_trigger_threshold, cpu_throttle_initial,
        cpu_throttle_increment, cpu_throttle_tailslow, tls_creds, tls_hostname, tls_authz, max_bandwidth,
        downtime_limit, x_checkpoint_delay, block_incremental, multifd_channels, xbzrle_cache_size,
        max_postcopy_bandwidth, max_cpu_throttle, multifd_compression, multifd_zlib_level, multifd_zstd_level,
        block_bitmap_mapping, avail_switchover_bandwidth, zero_page_detection, mode, multifd_qatzip_level, direct_io,
        cpr_exec_command, vcpu_dirty_limit, x_vcpu_dirty_limit_period))
constexpr auto docs(MigrationParameters const*)
{
    return members({{"announce-initial", "milliseconds before the first announcement, 0 to 100000"},
        {"announce-max", "longest pause between announcements, in milliseconds, 0 to 100000"},
        {"announce-rounds", "how many announcements, 0 to 1000"},
        {"announce-step", "by how many milliseconds the pause grows, 1 to 10000"},
        {"compress-level", "zlib level of the compress capability, 0 to 9"},
        {"compress-threads", "threads that compress, 1 to 255"},
        {"compress-wait-thread", "wait for a free thread rather than send plainly"},
        {"decompress-threads", "threads that decompress, 1 to 255"},
        {"throttle-trigger-threshold", "share of dirtied to sent bytes that starts throttling, in percent, 1 to 100"},
        {"cpu-throttle-initial", "first throttling, in percent, 1 to 99"},
        {"cpu-throttle-increment", "by how much throttling grows, in percent, 1 to 99"},
        {"cpu-throttle-tailslow", "grow throttling gently at the end"},
        {"tls-creds", "id of the TLS credentials; empty or null means plain"},
        {"tls-hostname", "name the destination's certificate must have; empty or null means the URI's host"},
        {"tls-authz", "id of the object that decides which sender may come in"},
        {"max-bandwidth", "bytes per second; 0 means no limit"},
        {"downtime-limit", "longest planned downtime, in milliseconds, 0 to 2000000"},
        {"x-checkpoint-delay", "COLO: milliseconds between checkpoints"},
        {"block-incremental", "block migration: only what differs from the backing file"},
        {"multifd-channels", "connections of the multifd capability, 1 to 255"},
        {"xbzrle-cache-size", "bytes of the xbzrle cache, a power of two from 4096 on"},
        {"max-postcopy-bandwidth", "bytes per second after the switch to postcopy; 0 means no limit"},
        {"max-cpu-throttle", "strongest throttling, in percent, `cpu-throttle-initial` to 99"},
        {"multifd-compression", "how multifd compresses"}, {"multifd-zlib-level", "zlib level of multifd, 0 to 9"},
        {"multifd-zstd-level", "zstd level of multifd, 0 to 20"},
        {"block-bitmap-mapping", "names of block nodes and bitmaps on the wire"},
        {"avail-switchover-bandwidth",
            "bytes per second that the last part may count on, for whether it fits into downtime-limit; 0 means what "
            "was measured"},
        {"zero-page-detection", "who finds pages of zeros"}, {"mode", "how the guest moves"},
        {"multifd-qatzip-level", "qatzip level of multifd, 1 to 9"},
        {"direct-io", "write files past the host's cache; cannot be switched on here"},
        {"cpr-exec-command", "program and arguments for the mode cpr-exec"},
        {"vcpu-dirty-limit", "the dirty-limit capability: MB per second that a CPU may write, 1 at least"},
        {"x-vcpu-dirty-limit-period", "the same: milliseconds between two looks, 1 to 1000"}});
}

struct MigrateSetParameters : Command<"migrate-set-parameters", MigrationParameters> {
    static constexpr CommandInfo info{.summary = "Change migration parameters; all or none.",
        .details = "Absent members keep their values.",
        .errors = "a value out of its range, in QEMU's words."};
};
struct QueryMigrateParameters : Command<"query-migrate-parameters", Empty, MigrationParameters> {
    static constexpr CommandInfo info{.summary = "The migration parameters."};
};

} // namespace minivisor::qapi
