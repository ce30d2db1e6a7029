// SPDX-License-Identifier: GPL-3.0-or-later
// Facts: qmp-surface sections 5 and 6.
#include "migration/settings.hpp"
#include "qapi/codec.hpp"
#include "qapi/json.hpp"
#include "util/text.hpp"

#include <catch2/catch.hpp>

namespace minivisor::migration {
namespace {

using C = qapi::MigrationCapability;

/// Parameters as migrate-set-parameters would set them from JSON; "" when it went well.
std::string change(Settings& settings, std::string_view text)
{
    auto const changes = qapi::decode<qapi::MigrationParameters>(qapi::parse_json(text).value());
    if (!changes)
        return changes.error().desc();
    auto const done = settings.change_parameters(*changes);
    return done ? "" : done.error().desc();
}

std::string shown(Settings const& settings) { return qapi::to_json(qapi::encode(settings.parameters())); }

std::string change(Settings& settings, std::vector<C> const& on, bool state = true)
{
    std::vector<qapi::MigrationCapabilityStatus> changes;
    for (auto const capability : on)
        changes.push_back({capability, state});
    auto const done = settings.change_capabilities(changes);
    return done ? "" : done.error().desc();
}

TEST_CASE("parameters: each range is enforced at both ends, in QEMU's words")
{
    struct Row {
        char const* name;
        long low, high;
        char const* range;
    };
    for (auto const& row : std::vector<Row>{{"compress-level", 0, 9, "a value between 0 and 9"},
             {"compress-threads", 1, 255, "a value between 1 and 255"},
             {"decompress-threads", 1, 255, "a value between 1 and 255"},
             {"throttle-trigger-threshold", 1, 100, "an integer in the range of 1 to 100"},
             {"cpu-throttle-initial", 1, 99, "an integer in the range of 1 to 99"},
             {"cpu-throttle-increment", 1, 99, "an integer in the range of 1 to 99"},
             {"downtime-limit", 0, 2000000, "an integer in the range of 0 to (2000 * 1000) ms"},
             {"multifd-channels", 1, 255, "a value between 1 and 255"},
             {"multifd-zlib-level", 0, 9, "a value between 0 and 9"},
             {"multifd-zstd-level", 0, 20, "a value between 0 and 20"},
             {"multifd-qatzip-level", 1, 9, "a value between 1 and 9"},
             {"x-vcpu-dirty-limit-period", 1, 1000, "a value between 1 and 1000"},
             {"announce-initial", 0, 100000, "a value between 0 and 100000"},
             {"announce-max", 0, 100000, "a value between 0 and 100000"},
             {"announce-rounds", 0, 1000, "a value between 0 and 1000"},
             {"announce-step", 1, 10000, "a value between 0 and 10000"}}) {
        INFO(row.name);
        Settings settings;
        auto const set = [&](long value) { return change(settings, cat("{\"", row.name, "\": ", value, "}")); };
        std::string underscored = row.name;
        std::replace(underscored.begin(), underscored.end(), '-', '_');
        auto const refusal = cat("Parameter '", underscored, "' expects ", row.range);
        CHECK(set(row.low) == "");
        CHECK(set(row.high) == "");
        auto const before = shown(settings);
        if (row.low > 0)
            CHECK(set(row.low - 1) == refusal);
        bool const is_byte = qapi::type_of<qapi::MigrationParameters>().find_member(row.name)->type->bits == 8;
        CHECK(set(row.high + 1)
            == (is_byte && row.high == 255 ? cat("Parameter '", row.name, "' expects uint8_t") : refusal));
        CHECK(shown(settings) == before);
    }
}

TEST_CASE("parameters: max-cpu-throttle is at least the initial throttling, also of the same request")
{
    Settings settings;
    auto const refusal = "Parameter 'max_cpu_throttle' expects an integer in the range of cpu_throttle_initial to 99";
    CHECK(change(settings, R"({"max-cpu-throttle": 20})") == "");
    CHECK(change(settings, R"({"max-cpu-throttle": 19})") == refusal);
    CHECK(change(settings, R"({"max-cpu-throttle": 100})") == refusal);
    CHECK(change(settings, R"({"max-cpu-throttle": 40, "cpu-throttle-initial": 41})") == refusal);
    CHECK(change(settings, R"({"max-cpu-throttle": 41, "cpu-throttle-initial": 41})") == "");
}

TEST_CASE("parameters: the xbzrle cache is a power of two and at least a page")
{
    Settings settings;
    auto const refusal = "Parameter 'xbzrle_cache_size' expects a power of two no less than the target page size";
    for (auto const* size : {"0", "2048", "4097", "12288"})
        CHECK(change(settings, cat("{\"xbzrle-cache-size\": ", size, "}")) == refusal);
    CHECK(change(settings, R"({"xbzrle-cache-size": 4096})") == "");
}

TEST_CASE("parameters: what a CPU may write is something, and files are not written past the cache")
{
    Settings settings;
    CHECK(change(settings, R"({"vcpu-dirty-limit": 0})") == "Parameter 'vcpu_dirty_limit' must be greater than 1 MB/s");
    CHECK(change(settings, R"({"vcpu-dirty-limit": 1})") == "");
    CHECK(change(settings, R"({"direct-io": true})") == "No build-time support for direct-io");
    CHECK(change(settings, R"({"direct-io": false})") == "");
    CHECK(settings.parameters().direct_io == false);
}

TEST_CASE("parameters: one that is wrong keeps all the others from being set")
{
    Settings settings;
    auto const before = shown(settings);
    CHECK(change(settings, R"({"max-bandwidth": 1, "tls-creds": "tls0", "announce-step": 0})") != "");
    CHECK(shown(settings) == before);
    CHECK(change(settings, R"({"max-bandwidth": -1, "tls-creds": "tls0"})") == "");
    CHECK(settings.parameters().max_bandwidth->bytes == UINT64_MAX);
    CHECK(settings.parameters().downtime_limit == 300);
    CHECK(settings.tls_creds() == "tls0");
}

TEST_CASE("parameters: QEMU's defaults")
{
    Settings settings;
    auto const& p = settings.parameters();
    CHECK(p.max_bandwidth->bytes == 134217728);
    CHECK(p.downtime_limit == 300);
    CHECK(p.multifd_channels == 2);
    CHECK(p.xbzrle_cache_size->bytes == 67108864);
    CHECK(p.max_postcopy_bandwidth->bytes == 0);
    CHECK(p.compress_threads == 8);
    CHECK(p.decompress_threads == 2);
    CHECK(p.x_checkpoint_delay == 20000);
    CHECK_FALSE(p.block_bitmap_mapping);
    CHECK(p.multifd_qatzip_level == 1);
    CHECK(p.vcpu_dirty_limit == 1);
    CHECK(p.x_vcpu_dirty_limit_period == 1000);
    CHECK(p.cpr_exec_command == std::vector<std::string>{});
}

TEST_CASE("parameters: null and empty text unset credentials; an empty tls-authz counts only beside credentials")
{
    Settings settings;
    CHECK(settings.tls_authz() == std::nullopt);
    CHECK(change(settings, R"({"tls-authz": ""})") == "");
    CHECK(settings.tls_authz() == std::nullopt);
    CHECK(change(settings, R"({"tls-creds": "tls0"})") == "");
    CHECK(settings.tls_authz() == "");
    CHECK(change(settings, R"({"tls-authz": null})") == "");
    CHECK(settings.tls_authz() == std::nullopt);
    CHECK(change(settings, R"({"tls-authz": "auth0", "tls-creds": null, "tls-hostname": "h"})") == "");
    CHECK(settings.tls_authz() == "auth0");
    CHECK(settings.tls_creds() == "");
    CHECK(settings.tls_hostname() == "h");
}

TEST_CASE("capabilities: all are off at first and reported in QEMU's order")
{
    Settings settings;
    auto const list = settings.capabilities();
    REQUIRE(list.size() == 24);
    CHECK(list.size() == qapi::type_of<C>().values.size());
    CHECK(qapi::wire_name(list.front().capability) == "xbzrle");
    CHECK(qapi::wire_name(list.back().capability) == "mapped-ram");
    for (auto const& entry : list)
        CHECK_FALSE(entry.state);
}

TEST_CASE("capabilities: what does not go together is refused, whichever came first")
{
    auto const together = [](C first, C second) {
        Settings settings;
        CHECK(change(settings, std::vector{first}) == "");
        auto const text = change(settings, std::vector{second});
        CHECK(settings.has(second) == text.empty());
        return text;
    };
    CHECK(together(C::postcopy_ram, C::x_ignore_shared) == "Postcopy is not compatible with ignore-shared");
    CHECK(together(C::x_ignore_shared, C::postcopy_ram) == "Postcopy is not compatible with ignore-shared");
    CHECK(together(C::multifd, C::compress) == "Multifd is not compatible with compress");
    CHECK(together(C::compress, C::multifd) == "Multifd is not compatible with compress");
    CHECK(together(C::multifd, C::xbzrle) == "");
    CHECK(together(C::postcopy_ram, C::postcopy_preempt) == "");
    CHECK(together(C::multifd, C::zero_copy_send) == "");
    CHECK(together(C::mapped_ram, C::multifd) == "");
    CHECK(together(C::mapped_ram, C::xbzrle) == "Mapped-ram migration is incompatible with xbzrle");
    CHECK(together(C::compress, C::mapped_ram) == "Mapped-ram migration is incompatible with compression");
    CHECK(together(C::postcopy_ram, C::mapped_ram) == "Mapped-ram migration is incompatible with postcopy");
    for (auto const other : {C::postcopy_ram, C::dirty_bitmaps, C::postcopy_blocktime, C::late_block_activate,
             C::return_path, C::multifd, C::pause_before_switchover, C::auto_converge, C::release_ram, C::rdma_pin_all,
             C::compress, C::xbzrle, C::x_colo, C::validate_uuid}) {
        auto const refusal = cat("Background-snapshot is not compatible with ", qapi::wire_name(other));
        CHECK(together(other, C::background_snapshot) == refusal);
        CHECK(together(C::background_snapshot, other) == refusal);
    }
}

TEST_CASE("capabilities: what needs another is refused without it")
{
    Settings settings;
    auto const zero_copy = "Zero copy only available for non-compressed non-TLS multifd migration";
    CHECK(change(settings, {C::postcopy_preempt}) == "Postcopy preempt requires postcopy-ram");
    CHECK(change(settings, {C::zero_copy_send}) == zero_copy);
    CHECK(change(settings, {C::postcopy_ram, C::postcopy_preempt, C::compress})
        == "Postcopy preempt not compatible with compress");
    CHECK_FALSE(settings.has(C::postcopy_ram));
    CHECK(change(settings, {C::postcopy_ram, C::postcopy_preempt}) == "");
    CHECK(change(settings, {C::postcopy_ram}, false) == "Postcopy preempt requires postcopy-ram");
    CHECK(settings.has(C::postcopy_ram));
}

TEST_CASE("capabilities: switchover-ack needs the way back, and keeps it")
{
    Settings settings;
    auto const refusal = "Capability 'switchover-ack' requires capability 'return-path'";
    CHECK(change(settings, {C::switchover_ack}) == refusal);
    CHECK(change(settings, {C::switchover_ack, C::return_path}) == "");
    CHECK(change(settings, {C::return_path}, false) == refusal);
    CHECK(settings.has(C::return_path));
}

TEST_CASE("capabilities: dirty-limit needs CPUs with rings, and nobody else who slows them down")
{
    Settings none;
    auto const refusal = "dirty-limit requires KVM with accelerator property 'dirty-ring-size' set";
    auto const conflict = "dirty-limit conflicts with auto-converge either of then available currently";
    CHECK(change(none, {C::dirty_limit}) == refusal);
    CHECK(change(none, {C::dirty_limit, C::auto_converge}) == conflict);
    bool rings = false;
    Settings settings([&rings] { return rings; });
    CHECK(change(settings, {C::dirty_limit}) == refusal);
    rings = true;
    CHECK(change(settings, {C::dirty_limit}) == "");
    CHECK(change(settings, {C::auto_converge}) == conflict);
    CHECK(
        settings.check_supported().error().desc() == "Migration capability 'dirty-limit' is on, and not supported yet");
}

TEST_CASE("capabilities: mapped-ram and what TLS or compression set keep each other out")
{
    Settings settings;
    auto const mapped_ram = "Mapped-ram only available for non-compressed non-TLS multifd migration";
    CHECK(change(settings, {C::mapped_ram}) == "");
    CHECK(change(settings, R"({"tls-creds": "tls0"})") == mapped_ram);
    CHECK(change(settings, R"({"multifd-compression": "qpl"})") == mapped_ram);
    CHECK(change(settings, {C::mapped_ram}, false) == "");
    CHECK(change(settings, R"({"multifd-compression": "qpl"})") == "");
    CHECK(change(settings, {C::mapped_ram}) == mapped_ram);
}

TEST_CASE("capabilities: zero copy and what TLS or compression set keep each other out")
{
    Settings settings;
    auto const zero_copy = "Zero copy only available for non-compressed non-TLS multifd migration";
    CHECK(change(settings, {C::multifd, C::zero_copy_send}) == "");
    CHECK(change(settings, R"({"tls-creds": "tls0"})") == zero_copy);
    CHECK(settings.tls_creds() == "");
    CHECK(change(settings, R"({"multifd-compression": "zlib"})") == zero_copy);
    CHECK(change(settings, {C::zero_copy_send}, false) == "");
    CHECK(change(settings, R"({"tls-creds": "tls0"})") == "");
    CHECK(change(settings, {C::zero_copy_send}) == zero_copy);
}

TEST_CASE("capabilities: one that has no engine here keeps a migration from starting, naming it")
{
    for (auto const capability : {C::xbzrle, C::compress, C::postcopy_ram, C::multifd, C::block, C::mapped_ram}) {
        Settings settings;
        CHECK(settings.check_supported());
        CHECK(change(settings, std::vector{capability}) == "");
        auto const supported = settings.check_supported();
        REQUIRE_FALSE(supported);
        CHECK(supported.error().desc()
            == cat("Migration capability '", qapi::wire_name(capability), "' is on, and not supported yet"));
    }
    for (auto const capability : {C::events, C::return_path, C::pause_before_switchover, C::validate_uuid,
             C::late_block_activate, C::auto_converge}) {
        Settings settings;
        CHECK(change(settings, std::vector{capability}) == "");
        CHECK(settings.check_supported());
    }
}

} // namespace
} // namespace minivisor::migration
