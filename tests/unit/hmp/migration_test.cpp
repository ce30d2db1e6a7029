// SPDX-License-Identifier: GPL-3.0-or-later
#include "hmp/migration_text.hpp"

#include "fake_house.hpp"
#include "hmp/progress.hpp"

#include <catch2/catch.hpp>

using namespace minivisor;
using namespace minivisor::hmp;
using qapi::MigrationStatus;

namespace {

std::string const globals = "globals:\nstore-global-state: on\nonly-migratable: off\nsend-configuration: on\n"
                            "send-section-footer: on\ndecompress-error-check: on\nclear-bitmap-shift: 18\n";

qapi::MigrationInfo half_way()
{
    qapi::MigrationInfo info;
    info.status = MigrationStatus::active;
    info.ram.emplace();
    info.ram->total = 64 << 20;
    info.ram->remaining = 32 << 20;
    info.ram->mbps = 16 * 1.048576 * 8; // 16 MiB/s
    info.ram->page_size = 4096;
    return info;
}

std::string error_of(std::string const& name, std::string const& text)
{
    auto const read = read_parameter(name, text);
    return read ? "accepted" : read.error().desc();
}

} // namespace

TEST_CASE("info migrate has QEMU 7.2's layout")
{
    qapi::MigrationInfo info;
    CHECK(migration_text(info) == globals);
    info = half_way();
    info.total_time = 5;
    info.expected_downtime = 300;
    info.setup_time = 1;
    info.ram->transferred = 36 << 10;
    info.ram->mbps = 100.391;
    info.ram->duplicate = 4096;
    info.ram->dirty_sync_count = 2;
    info.ram->precopy_bytes = 36 << 10;
    info.ram->dirty_pages_rate = 7;
    CHECK(migration_text(info)
        == globals
            + "Migration status: active\ntotal time: 5 ms\nexpected downtime: 300 ms\nsetup: 1 ms\n"
              "transferred ram: 36 kbytes\nthroughput: 100.39 mbps\nremaining ram: 32768 kbytes\n"
              "total ram: 65536 kbytes\nduplicate: 4096 pages\nskipped: 0 pages\nnormal: 0 pages\n"
              "normal bytes: 0 kbytes\ndirty sync count: 2\npage size: 4 kbytes\nmultifd bytes: 0 kbytes\n"
              "pages-per-second: 0\ndirty pages rate: 7 pages\nprecopy ram: 36 kbytes\n");
}

TEST_CASE("info migrate tells why it failed and who was refused, behind QEMU's lines")
{
    qapi::MigrationInfo info;
    info.status = MigrationStatus::failed;
    info.error_desc = "no way";
    CHECK(migration_text(info)
        == globals + "Migration status: failed (no way)\ntotal time: 0 ms\nerror description: no way\n");

    qapi::MigrationInfo waiting;
    waiting.socket_address.emplace(2);
    waiting.socket_address->at(0).host = "127.0.0.1";
    waiting.socket_address->at(0).port = "4444";
    waiting.socket_address->at(1).type = qapi::SocketAddressType::unix_;
    waiting.socket_address->at(1).path = "mig.sock";
    waiting.refusals = 2;
    waiting.last_refusal.emplace();
    waiting.last_refusal->peer = "127.0.0.1:5";
    waiting.last_refusal->stage = qapi::RefusalStage::authorize;
    waiting.last_refusal->identity = "CN=x\x1b[2J";
    waiting.last_refusal->reason = "not allowed";
    waiting.last_refusal->not_before = "2026-01-01T00:00:00Z";
    waiting.last_refusal->not_after = "2027-01-01T00:00:00Z";
    waiting.last_refusal->decision = "rule 3 denies it";
    CHECK(migration_text(waiting)
        == globals
            + "socket address: [\n\ttcp:127.0.0.1:4444\n\tunix:mig.sock\n]\nrefused peers: 2\n"
              "last refused peer: 127.0.0.1:5 (authorize): CN=x\\x1b[2J: not allowed\n"
              "  certificate valid from 2026-01-01T00:00:00Z until 2027-01-01T00:00:00Z\n"
              "  decision: rule 3 denies it\n");
}

TEST_CASE("parameters are shown in QEMU's order with its units")
{
    qapi::MigrationParameters parameters;
    parameters.tls_authz = qapi::StrOrNull{"auth0"};
    parameters.tls_creds = qapi::StrOrNull{};
    parameters.max_bandwidth = qapi::Size{10};
    parameters.cpu_throttle_tailslow = true;
    parameters.multifd_compression = qapi::MultiFDCompression::zstd;
    parameters.announce_initial = qapi::Size{50};
    CHECK(parameters_text(parameters)
        == "announce-initial: 50 ms\ncpu-throttle-tailslow: on\ntls-creds: ''\nmax-bandwidth: 10 bytes/second\n"
           "multifd-compression: zstd\ntls-authz: 'auth0'\n");
}

TEST_CASE("a parameter's value is read as QEMU reads it")
{
    CHECK(read_parameter("max-bandwidth", "10")->max_bandwidth->bytes == 10 << 20);
    CHECK(read_parameter("max-bandwidth", "1.5M")->max_bandwidth->bytes == 3 << 19);
    CHECK(read_parameter("max-bandwidth", "5b")->max_bandwidth->bytes == 5);
    CHECK(read_parameter("max-postcopy-bandwidth", "3")->max_postcopy_bandwidth->bytes == 3);
    CHECK(read_parameter("downtime-limit", "1k")->downtime_limit == 1024);
    CHECK(read_parameter("multifd-channels", "0x3")->multifd_channels == 3);
    CHECK(read_parameter("block-incremental", "yes")->block_incremental == true);
    CHECK(read_parameter("tls-creds", "")->tls_creds == qapi::StrOrNull{""});
    CHECK(read_parameter("multifd-compression", "zlib")->multifd_compression == qapi::MultiFDCompression::zlib);
}

TEST_CASE("a parameter that is wrong is refused in QEMU's words")
{
    CHECK(error_of("nosuch", "1") == "invalid parameter value: nosuch");
    CHECK(error_of("compress-level", "x") == "Parameter 'compress-level' expects uint64");
    CHECK(error_of("compress-level", "256") == "Parameter 'compress-level' expects uint8_t");
    CHECK(error_of("multifd-channels", "-1") == "Parameter 'multifd-channels' expects uint8_t");
    CHECK(error_of("multifd-channels", "1k") == "Parameter 'multifd-channels' expects uint64");
    CHECK(error_of("x-checkpoint-delay", "4294967296") == "Parameter 'x-checkpoint-delay' expects uint32_t");
    CHECK(error_of("max-bandwidth", "1X") == "Invalid size 1X");
    CHECK(error_of("max-bandwidth", "") == "Invalid size ");
    CHECK(error_of("announce-max", "1.5") == "Parameter 'announce-max' expects a non-negative number below 2^64");
    CHECK(error_of("downtime-limit", "-1") == "Parameter 'downtime-limit' expects a non-negative number below 2^64");
    for (auto const* large : {"18446744073709551616", "16E", "99999999999999999999", "18446744073709551615k"})
        CHECK(error_of("max-postcopy-bandwidth", large)
            == cat("Value '", large, "' is out of range for parameter 'max-postcopy-bandwidth'"));
    CHECK(error_of("max-postcopy-bandwidth", "99999999999999999999k")
        == "Parameter 'max-postcopy-bandwidth' expects a non-negative number below 2^64");
    CHECK(error_of("xbzrle-cache-size", "8E") == "Invalid size 8E");
    CHECK(read_parameter("announce-max", "x").error().hint().starts_with("Optional suffix k, M, G"));
    CHECK(error_of("multifd-compression", "lzma") == "Parameter 'multifd-compression' does not accept value 'lzma'");
    CHECK(error_of("block-incremental", "ON") == "Parameter 'block-incremental' expects 'on' or 'off'");
    CHECK(error_of("block-bitmap-mapping", "x") == "The block-bitmap-mapping parameter can only be set through QMP");
}

TEST_CASE("the progress line tells amount, rate and time left, and fits the terminal")
{
    auto info = half_way();
    CHECK(progress_line(info, 84, false)
        == "[##########----------]  50%  32.0/64.0 MiB  16.0 MiB/s  2.0 s left  dirty 0.0 MiB/s");
    for (unsigned columns = 0; columns < 200; ++columns)
        CHECK(progress_line(info, columns, false).size() <= (columns > 0 ? columns - 1 : 0));
    CHECK(progress_line(info, 20, false) == " 50%  32.0/64.0 MiB");
    CHECK(progress_line(info, 84, true).find("\x1b[32m##########\x1b[0m") != std::string::npos);
    info.ram->dirty_pages_rate = 1 << 20;
    CHECK(progress_line(info, 120, false).find("? left") != std::string::npos);
    info.ram->remaining = 1;
    CHECK(progress_line(info, 120, false).find(" 99%") != std::string::npos);
    info.ram->remaining = 0;
    info.status = MigrationStatus::completed;
    info.total_time = 4000;
    info.downtime = 3;
    CHECK(progress_line(info, 120, false).find("100%  64.0/64.0 MiB  16.0 MiB/s  in 4.0 s  downtime 3 ms")
        != std::string::npos);
    CHECK(progress_line({}, 80, false) == "migrate: waiting");
    // Figures that make no sense break nothing.
    info.status = MigrationStatus::active;
    info.ram->remaining = std::numeric_limits<std::int64_t>::max();
    info.ram->mbps = 1e300;
    CHECK(progress_line(info, 80, false).size() < 80);
}

TEST_CASE("migrate holds the prompt until the migration is over, and nothing is printed")
{
    Conversation talk;
    auto status = MigrationStatus::active;
    qapi::MigrateArguments started;
    auto& bound = talk.house.bound;
    bound.bind<qapi::Migrate>([&](qapi::MigrateArguments arguments) -> Result<void> {
        started = arguments;
        return {};
    });
    bound.bind<qapi::QueryMigrate>([&]() -> Result<qapi::MigrationInfo> {
        qapi::MigrationInfo info;
        info.status = status;
        return info;
    });
    CHECK(talk.feed("migrate -b unix:x\n") == "migrate -b unix:x\r\n");
    CHECK(started.uri == "unix:x");
    CHECK(started.blk == true);
    CHECK(!started.resume);
    status = MigrationStatus::completed;
    talk.wire.io.restart();
    talk.wire.io.run_one();
    talk.wire.settle();
    CHECK(talk.wire.take_sent() == "(qemu) ");

    status = MigrationStatus::active;
    CHECK(talk.ask("migrate -d unix:x") == "");
    status = MigrationStatus::pre_switchover;
    CHECK(talk.ask("migrate unix:x") == "");
}

TEST_CASE("a client that leaves during a blocking migrate does no harm")
{
    Conversation talk;
    int asked = 0;
    talk.house.bound.bind<qapi::Migrate>([](qapi::MigrateArguments) { return Result<void>(); });
    talk.house.bound.bind<qapi::QueryMigrate>([&]() -> Result<qapi::MigrationInfo> {
        ++asked;
        qapi::MigrationInfo info;
        info.status = MigrationStatus::active;
        return info;
    });
    talk.feed("migrate unix:x\n");
    CHECK(asked == 1);
    talk.wire.tasks.cancel();
    talk.wire.settle();
    CHECK(talk.wire.tasks.empty());
    CHECK(asked == 1);
    CHECK(talk.wire.take_sent() == "");
}

TEST_CASE("states and capabilities are looked up by their names")
{
    Conversation talk;
    qapi::MigrateSetCapabilitiesArguments set;
    std::optional<bool> exit_on_error;
    auto& bound = talk.house.bound;
    bound.bind<qapi::MigrateSetCapabilities>([&](qapi::MigrateSetCapabilitiesArguments arguments) -> Result<void> {
        set = arguments;
        return {};
    });
    bound.bind<qapi::MigrateIncoming>([&](qapi::MigrateIncomingArguments arguments) -> Result<void> {
        exit_on_error = arguments.exit_on_error;
        return {};
    });
    CHECK(talk.ask("migrate_set_capability x-colo on") == "");
    REQUIRE(set.capabilities.size() == 1);
    CHECK(set.capabilities[0].capability == qapi::MigrationCapability::x_colo);
    CHECK(set.capabilities[0].state);
    CHECK(talk.ask("migrate_set_capability nope on") == "Error: invalid parameter value: nope\r\n");
    CHECK(talk.ask("migrate_set_capability events true")
        == "Expected 'on' or 'off'\r\nTry \"help migrate_set_capability\" for more information\r\n");
    CHECK(talk.ask("migrate_continue nonsense") == "Error: invalid parameter value: nonsense\r\n");
    CHECK(talk.ask("migrate_incoming tcp::0") == "");
    CHECK(!exit_on_error);
    CHECK(talk.ask("migrate_incoming -k tcp::0") == "");
    CHECK(exit_on_error == false);
}
