// SPDX-License-Identifier: GPL-3.0-or-later
#include "hmp/migration_text.hpp"

#include "qapi/codec.hpp"
#include "util/shell_words.hpp"
#include "util/size.hpp"
#include "util/text.hpp"

#include <array>
#include <cstdint>
#include <cstdio>
#include <optional>

namespace minivisor::hmp {

namespace {

/// The settings of QEMU's process-wide migration object, which have no other value here.
constexpr std::string_view globals_text = "globals:\n"
                                          "store-global-state: on\n"
                                          "only-migratable: off\n"
                                          "send-configuration: on\n"
                                          "send-section-footer: on\n"
                                          "decompress-error-check: on\n"
                                          "clear-bitmap-shift: 18\n";

std::string ram_text(qapi::MigrationStats const& ram)
{
    std::array<char, 64> rate{};
    std::snprintf(rate.data(), rate.size(), "%0.2f", ram.mbps);
    auto text = cat("transferred ram: ", ram.transferred >> 10, " kbytes\n", //
        "throughput: ", rate.data(), " mbps\n", //
        "remaining ram: ", ram.remaining >> 10, " kbytes\n", //
        "total ram: ", ram.total >> 10, " kbytes\n", //
        "duplicate: ", ram.duplicate, " pages\n", //
        "skipped: ", ram.skipped, " pages\n", //
        "normal: ", ram.normal, " pages\n", //
        "normal bytes: ", ram.normal_bytes >> 10, " kbytes\n", //
        "dirty sync count: ", ram.dirty_sync_count, "\n", //
        "page size: ", ram.page_size >> 10, " kbytes\n", //
        "multifd bytes: ", ram.multifd_bytes >> 10, " kbytes\n", //
        "pages-per-second: ", ram.pages_per_second, "\n");
    if (ram.dirty_pages_rate != 0)
        text += cat("dirty pages rate: ", ram.dirty_pages_rate, " pages\n");
    if (ram.postcopy_requests != 0)
        text += cat("postcopy request count: ", ram.postcopy_requests, "\n");
    if (ram.precopy_bytes != 0)
        text += cat("precopy ram: ", ram.precopy_bytes >> 10, " kbytes\n");
    if (ram.downtime_bytes != 0)
        text += cat("downtime ram: ", ram.downtime_bytes >> 10, " kbytes\n");
    if (ram.postcopy_bytes != 0)
        text += cat("postcopy ram: ", ram.postcopy_bytes >> 10, " kbytes\n");
    return text;
}

/// As QEMU writes it here: without brackets around an IPv6 address.
std::string address_text(qapi::SocketAddress const& address)
{
    switch (address.type) {
    case qapi::SocketAddressType::inet: return cat("tcp:", address.host.value_or(""), ":", address.port.value_or(""));
    case qapi::SocketAddressType::unix_: return cat("unix:", address.path.value_or(""));
    case qapi::SocketAddressType::vsock: return cat("tcp:", address.host.value_or(""), ":", address.port.value_or(""));
    case qapi::SocketAddressType::fd: return cat("fd:", address.str.value_or(""));
    }
    return {};
}

std::string status_text(qapi::MigrationInfo const& info)
{
    auto text = cat("Migration status: ", qapi::wire_name(*info.status));
    if (info.status == qapi::MigrationStatus::failed && info.error_desc)
        text += cat(" (", *info.error_desc, ")");
    text += cat("\ntotal time: ", info.total_time.value_or(0), " ms\n");
    if (info.expected_downtime)
        text += cat("expected downtime: ", *info.expected_downtime, " ms\n");
    if (info.downtime)
        text += cat("downtime: ", *info.downtime, " ms\n");
    if (info.setup_time)
        text += cat("setup: ", *info.setup_time, " ms\n");
    return text;
}

/// What QEMU 7.2 has no line for.
std::string further_text(qapi::MigrationInfo const& info)
{
    std::string text;
    if (info.error_desc)
        text += cat("error description: ", *info.error_desc, "\n");
    if (info.refusals)
        text += cat("refused peers: ", *info.refusals, "\n");
    if (auto const& refusal = info.last_refusal) {
        text
            += cat("last refused peer: ", util::printable(refusal->peer), " (", qapi::wire_name(refusal->stage), "): ");
        if (refusal->identity)
            text += cat(util::printable(*refusal->identity), ": ");
        text += cat(util::printable(refusal->reason), "\n");
        if (refusal->not_before && refusal->not_after)
            text += cat("  certificate valid from ", *refusal->not_before, " until ", *refusal->not_after, "\n");
        if (refusal->decision)
            text += cat("  decision: ", util::printable(*refusal->decision), "\n");
    }
    return text;
}

/// A parameter in the order and with the unit that QEMU shows.
struct Row {
    std::string_view name;
    std::string_view unit = "";
    /// QEMU 7.2 has no such parameter: it is shown when it is something else than this.
    std::optional<std::string_view> unless = {};
};
constexpr Row shown_parameters[]{{"announce-initial", " ms"}, {"announce-max", " ms"}, {"announce-rounds"},
    {"announce-step", " ms"}, {"compress-level"}, {"compress-threads"}, {"compress-wait-thread"},
    {"decompress-threads"}, {"throttle-trigger-threshold"}, {"cpu-throttle-initial"}, {"cpu-throttle-increment"},
    {"cpu-throttle-tailslow"}, {"max-cpu-throttle"}, {"tls-creds"}, {"tls-hostname"},
    {"max-bandwidth", " bytes/second"}, {"downtime-limit", " ms"}, {"x-checkpoint-delay", " ms"}, {"block-incremental"},
    {"multifd-channels"}, {"multifd-compression"}, {"xbzrle-cache-size", " bytes"}, {"max-postcopy-bandwidth"},
    {"tls-authz"}, {"avail-switchover-bandwidth", " bytes/second", "0"}, {"zero-page-detection", "", "multifd"},
    {"multifd-qatzip-level", "", "1"}, {"x-vcpu-dirty-limit-period", " ms", "1000"}, {"vcpu-dirty-limit", " MB/s", "1"},
    {"mode", "", "normal"}, {"direct-io", "", "off"}, {"cpr-exec-command", "", ""}};

std::string value_text(qapi::TypeInfo const& type, qapi::Value const& value)
{
    if (value.is_bool())
        return value.get_bool() ? "on" : "off";
    if (type.kind == qapi::Kind::str_or_null)
        return cat("'", value.is_string() ? qapi::view(value.get_string()) : "", "'");
    if (value.is_string())
        return qapi::str(value.get_string());
    if (value.is_array()) {
        std::string text;
        for (auto const& word : value.get_array())
            text += cat(text.empty() ? "" : " ", util::printable(qapi::view(word.get_string())));
        return text;
    }
    return value.is_uint64() ? std::to_string(value.get_uint64()) : std::to_string(value.as_int64());
}

/// A typed word as a JSON value of the parameter's type. The types of five of them are not what they are
/// declared as: QEMU reads two in MiB, the others as sizes. A list is typed as a shell's words.
Result<qapi::Value> parameter_value(qapi::Member const& parameter, std::string const& text)
{
    if (parameter.name == "max-bandwidth" || parameter.name == "avail-switchover-bandwidth") {
        if (auto const size = util::parse_size(text, 1 << 20))
            return qapi::Value(*size);
        return Error::generic(cat("Invalid size ", text));
    }
    bool const as_size = parameter.name == "downtime-limit" || parameter.name == "vcpu-dirty-limit"
        || parameter.name == "x-vcpu-dirty-limit-period";
    if (parameter.type->kind == qapi::Kind::size || as_size) {
        auto const size = TRY(util::read_size(parameter.name, text));
        if (parameter.name == "xbzrle-cache-size" && size > INT64_MAX)
            return Error::generic(cat("Invalid size ", text));
        return qapi::Value(size);
    }
    if (parameter.type->kind == qapi::Kind::integer) {
        if (auto const number = util::parse_uint64(text))
            return qapi::Value(*number);
        if (auto const number = util::parse_int64(text))
            return qapi::Value(*number);
        return Error::generic(cat("Parameter '", parameter.name, "' expects uint64"));
    }
    if (parameter.type->kind == qapi::Kind::boolean) {
        bool value = false;
        TRY(qapi::decode_into(*parameter.type, &value, qapi::Value(text), parameter.name, qapi::Spelling::keyval));
        return qapi::Value(value);
    }
    if (parameter.type->kind == qapi::Kind::array) {
        auto const words = TRY(util::split_shell_words(text));
        return qapi::Value(qapi::Array(words.begin(), words.end()));
    }
    return qapi::Value(text);
}

} // namespace

std::string migration_text(qapi::MigrationInfo const& info)
{
    std::string text(globals_text);
    if (info.blocked_reasons) {
        text += "Outgoing migration blocked:\n";
        for (auto const& reason : *info.blocked_reasons)
            text += cat("  ", reason, "\n");
    }
    if (info.status)
        text += status_text(info);
    if (info.ram)
        text += ram_text(*info.ram);
    if (info.socket_address) {
        text += "socket address: [\n";
        for (auto const& address : *info.socket_address)
            text += cat("\t", address_text(address), "\n");
        text += "]\n";
    }
    if (info.cpu_throttle_percentage)
        text += cat("cpu throttle percentage: ", *info.cpu_throttle_percentage, "\n");
    return text + further_text(info);
}

std::string parameters_text(qapi::MigrationParameters const& parameters)
{
    auto const values = qapi::encode(parameters);
    auto const& type = qapi::type_of<qapi::MigrationParameters>();
    std::string text;
    for (auto const& row : shown_parameters)
        if (auto const* value = values.get_object().if_contains(row.name)) {
            auto const shown = value_text(*type.find_member(row.name)->type, *value);
            if (shown != row.unless)
                text += cat(row.name, ": ", shown, row.unit, "\n");
        }
    if (parameters.block_bitmap_mapping) {
        text += "block-bitmap-mapping:\n";
        for (auto const& node : *parameters.block_bitmap_mapping) {
            text += cat("  '", node.node_name, "' -> '", node.alias, "'\n");
            for (auto const& bitmap : node.bitmaps)
                text += cat("    '", bitmap.name, "' -> '", bitmap.alias, "'\n");
        }
    }
    return text;
}

std::string capabilities_text(std::vector<qapi::MigrationCapabilityStatus> const& capabilities)
{
    std::string text;
    for (auto const& capability : capabilities)
        text += cat(qapi::wire_name(capability.capability), ": ", capability.state ? "on" : "off", "\n");
    return text;
}

Result<qapi::MigrationParameters> read_parameter(std::string const& name, std::string const& text)
{
    auto const* parameter = qapi::type_of<qapi::MigrationParameters>().find_member(name);
    if (!parameter)
        return Error::generic(cat("invalid parameter value: ", name));
    if (name == "block-bitmap-mapping")
        return Error::generic("The block-bitmap-mapping parameter can only be set through QMP");
    qapi::Object values;
    values.emplace(name, TRY(parameter_value(*parameter, text)));
    return qapi::decode<qapi::MigrationParameters>(std::move(values));
}

} // namespace minivisor::hmp
