// SPDX-License-Identifier: GPL-3.0-or-later
#include "migration/settings.hpp"

#include "machine/zero_page.hpp"
#include "util/text.hpp"

#include <bit>
#include <limits>

namespace minivisor::migration {

namespace {

using qapi::MigrationCapability;
using qapi::MigrationParameters;

MigrationParameters defaults()
{
    MigrationParameters p;
    p.announce_initial = qapi::Size{50};
    p.announce_max = qapi::Size{550};
    p.announce_rounds = qapi::Size{5};
    p.announce_step = qapi::Size{100};
    p.compress_level = 1;
    p.compress_threads = 8;
    p.compress_wait_thread = true;
    p.decompress_threads = 2;
    p.throttle_trigger_threshold = 50;
    p.cpu_throttle_initial = 20;
    p.cpu_throttle_increment = 10;
    p.cpu_throttle_tailslow = false;
    p.tls_creds = qapi::StrOrNull{""};
    p.tls_hostname = qapi::StrOrNull{""};
    p.tls_authz = qapi::StrOrNull{};
    p.max_bandwidth = qapi::Size{std::uint64_t{128} << 20};
    p.downtime_limit = 300;
    p.x_checkpoint_delay = 20000;
    p.block_incremental = false;
    p.multifd_channels = 2;
    p.xbzrle_cache_size = qapi::Size{std::uint64_t{64} << 20};
    p.max_postcopy_bandwidth = qapi::Size{0};
    p.max_cpu_throttle = 99;
    p.multifd_compression = qapi::MultiFDCompression::none;
    p.multifd_zlib_level = 1;
    p.multifd_zstd_level = 1;
    p.avail_switchover_bandwidth = qapi::Size{0};
    p.zero_page_detection = qapi::ZeroPageDetection::multifd;
    p.mode = qapi::MigMode::normal;
    p.multifd_qatzip_level = 1;
    p.direct_io = false;
    p.cpr_exec_command.emplace();
    p.vcpu_dirty_limit = 1;
    p.x_vcpu_dirty_limit_period = 1000;
    return p;
}

Error out_of_range(std::string_view name, std::string_view range)
{
    return Error::generic(cat("Parameter '", name, "' expects ", range));
}

/// One row a parameter that has a range: its name as QEMU words the error, the range, the value.
struct Range {
    std::string_view name;
    std::string_view text;
    std::uint64_t low;
    std::uint64_t high;
    std::optional<std::uint64_t> (*value)(MigrationParameters const&);
};

template <auto member>
std::optional<std::uint64_t> value_of(MigrationParameters const& parameters)
{
    auto const& held = parameters.*member;
    if (!held)
        return std::nullopt;
    if constexpr (requires { held->bytes; })
        return held->bytes;
    else
        return *held;
}

using P = MigrationParameters;
constexpr auto no_limit = std::numeric_limits<std::uint64_t>::max();
Range const ranges[] = {
    {"compress_level", "a value between 0 and 9", 0, 9, value_of<&P::compress_level>},
    {"compress_threads", "a value between 1 and 255", 1, 255, value_of<&P::compress_threads>},
    {"decompress_threads", "a value between 1 and 255", 1, 255, value_of<&P::decompress_threads>},
    {"throttle_trigger_threshold", "an integer in the range of 1 to 100", 1, 100,
        value_of<&P::throttle_trigger_threshold>},
    {"cpu_throttle_initial", "an integer in the range of 1 to 99", 1, 99, value_of<&P::cpu_throttle_initial>},
    {"cpu_throttle_increment", "an integer in the range of 1 to 99", 1, 99, value_of<&P::cpu_throttle_increment>},
    {"downtime_limit", "an integer in the range of 0 to (2000 * 1000) ms", 0, 2000 * 1000,
        value_of<&P::downtime_limit>},
    {"multifd_channels", "a value between 1 and 255", 1, 255, value_of<&P::multifd_channels>},
    {"multifd_zlib_level", "a value between 0 and 9", 0, 9, value_of<&P::multifd_zlib_level>},
    {"multifd_zstd_level", "a value between 0 and 20", 0, 20, value_of<&P::multifd_zstd_level>},
    {"multifd_qatzip_level", "a value between 1 and 9", 1, 9, value_of<&P::multifd_qatzip_level>},
    {"x_vcpu_dirty_limit_period", "a value between 1 and 1000", 1, 1000, value_of<&P::x_vcpu_dirty_limit_period>},
    {"announce_initial", "a value between 0 and 100000", 0, 100000, value_of<&P::announce_initial>},
    {"announce_max", "a value between 0 and 100000", 0, 100000, value_of<&P::announce_max>},
    {"announce_rounds", "a value between 0 and 1000", 0, 1000, value_of<&P::announce_rounds>},
    {"announce_step", "a value between 0 and 10000", 1, 10000,
        value_of<&P::announce_step>}, // QEMU's text is off by one
    {"max_bandwidth", "an integer in the range of 0 to SIZE_MAX bytes/second", 0, no_limit,
        value_of<&P::max_bandwidth>},
    {"avail_switchover_bandwidth", "an integer in the range of 0 to SIZE_MAX bytes/second", 0, no_limit,
        value_of<&P::avail_switchover_bandwidth>},
};

Result<void> check_ranges(MigrationParameters const& changes, MigrationParameters const& merged)
{
    for (auto const& range : ranges)
        if (auto const value = range.value(changes); value && (*value < range.low || *value > range.high))
            return out_of_range(range.name, range.text);
    if (changes.max_cpu_throttle
        && (*changes.max_cpu_throttle < *merged.cpu_throttle_initial || *changes.max_cpu_throttle > 99))
        return out_of_range("max_cpu_throttle", "an integer in the range of cpu_throttle_initial to 99");
    if (changes.xbzrle_cache_size
        && (changes.xbzrle_cache_size->bytes < machine::page_size
            || !std::has_single_bit(changes.xbzrle_cache_size->bytes)))
        return out_of_range("xbzrle_cache_size", "a power of two no less than the target page size");
    if (changes.vcpu_dirty_limit == 0u)
        return Error::generic("Parameter 'vcpu_dirty_limit' must be greater than 1 MB/s");
    if (changes.direct_io.value_or(false))
        return Error::generic("No build-time support for direct-io");
    return {};
}

/// Capabilities that move bytes in a way that is not built here.
constexpr MigrationCapability without_engine[] = {
    MigrationCapability::xbzrle,
    MigrationCapability::compress,
    MigrationCapability::postcopy_ram,
    MigrationCapability::x_colo,
    MigrationCapability::release_ram,
    MigrationCapability::block,
    MigrationCapability::multifd,
    MigrationCapability::postcopy_blocktime,
    MigrationCapability::x_ignore_shared,
    MigrationCapability::background_snapshot,
    MigrationCapability::zero_copy_send,
    MigrationCapability::postcopy_preempt,
    MigrationCapability::dirty_limit,
    MigrationCapability::mapped_ram,
};

/// What a background snapshot cannot be combined with, in the order in which QEMU looks.
constexpr MigrationCapability not_with_snapshot[] = {
    MigrationCapability::postcopy_ram,
    MigrationCapability::dirty_bitmaps,
    MigrationCapability::postcopy_blocktime,
    MigrationCapability::late_block_activate,
    MigrationCapability::return_path,
    MigrationCapability::multifd,
    MigrationCapability::pause_before_switchover,
    MigrationCapability::auto_converge,
    MigrationCapability::release_ram,
    MigrationCapability::rdma_pin_all,
    MigrationCapability::compress,
    MigrationCapability::xbzrle,
    MigrationCapability::x_colo,
    MigrationCapability::validate_uuid,
    MigrationCapability::zero_copy_send,
};

} // namespace

Settings::Settings(std::function<bool()> cpus_have_rings)
    : m_cpus_have_rings(std::move(cpus_have_rings))
    , m_parameters(defaults())
{
}

Result<void> Settings::change_parameters(MigrationParameters const& changes)
{
    auto merged = m_parameters;
    boost::mp11::mp_for_each<boost::describe::describe_members<MigrationParameters, boost::describe::mod_public>>(
        [&](auto member) {
            if (changes.*member.pointer)
                merged.*member.pointer = changes.*member.pointer;
        });
    TRY(check_ranges(changes, merged));
    TRY(check(m_capabilities, merged));
    m_parameters = std::move(merged);
    return {};
}

std::vector<qapi::MigrationCapabilityStatus> Settings::capabilities() const
{
    std::vector<qapi::MigrationCapabilityStatus> list;
    for (std::size_t i = 0; i < m_capabilities.size(); ++i)
        list.push_back({static_cast<MigrationCapability>(i), m_capabilities[i]});
    return list;
}

Result<void> Settings::change_capabilities(std::vector<qapi::MigrationCapabilityStatus> const& changes)
{
    auto merged = m_capabilities;
    for (auto const& change : changes)
        merged[static_cast<std::size_t>(change.capability)] = change.state;
    TRY(check(merged, m_parameters));
    m_capabilities = merged;
    return {};
}

Result<void> Settings::check(Capabilities const& capabilities, MigrationParameters const& parameters) const
{
    auto const on
        = [&capabilities](MigrationCapability which) { return capabilities[static_cast<std::size_t>(which)]; };
    using C = MigrationCapability;
    if (on(C::postcopy_ram) && on(C::x_ignore_shared))
        return Error::generic("Postcopy is not compatible with ignore-shared");
    if (on(C::background_snapshot))
        for (auto const other : not_with_snapshot)
            if (on(other))
                return Error::generic(cat("Background-snapshot is not compatible with ", qapi::wire_name(other)));
    bool const plain = parameters.multifd_compression == qapi::MultiFDCompression::none
        && parameters.tls_creds->text.value_or("").empty();
    if (on(C::zero_copy_send) && (!on(C::multifd) || on(C::compress) || on(C::xbzrle) || !plain))
        return Error::generic("Zero copy only available for non-compressed non-TLS multifd migration");
    if (on(C::postcopy_preempt) && !on(C::postcopy_ram))
        return Error::generic("Postcopy preempt requires postcopy-ram");
    if (on(C::postcopy_preempt) && on(C::compress))
        return Error::generic("Postcopy preempt not compatible with compress");
    if (on(C::multifd) && on(C::compress))
        return Error::generic("Multifd is not compatible with compress");
    if (on(C::switchover_ack) && !on(C::return_path))
        return Error::generic("Capability 'switchover-ack' requires capability 'return-path'");
    if (on(C::dirty_limit) && on(C::auto_converge))
        return Error::generic("dirty-limit conflicts with auto-converge either of then available currently");
    if (on(C::dirty_limit) && !(m_cpus_have_rings && m_cpus_have_rings()))
        return Error::generic("dirty-limit requires KVM with accelerator property 'dirty-ring-size' set");
    if (on(C::mapped_ram) && on(C::xbzrle))
        return Error::generic("Mapped-ram migration is incompatible with xbzrle");
    if (on(C::mapped_ram) && on(C::compress))
        return Error::generic("Mapped-ram migration is incompatible with compression");
    if (on(C::mapped_ram) && on(C::postcopy_ram))
        return Error::generic("Mapped-ram migration is incompatible with postcopy");
    if (on(C::mapped_ram) && !plain)
        return Error::generic("Mapped-ram only available for non-compressed non-TLS multifd migration");
    return {};
}

Result<void> Settings::check_supported() const
{
    if (auto const mode = *m_parameters.mode; mode != qapi::MigMode::normal)
        return Error::generic(cat("Migration mode '", qapi::wire_name(mode), "' is set, and not supported yet"));
    for (auto const capability : without_engine)
        if (has(capability))
            return Error::generic(
                cat("Migration capability '", qapi::wire_name(capability), "' is on, and not supported yet"));
    return {};
}

std::optional<std::string> Settings::tls_authz() const
{
    auto const& text = m_parameters.tls_authz->text;
    if (!text || (text->empty() && tls_creds().empty()))
        return std::nullopt;
    return text;
}

} // namespace minivisor::migration
