// SPDX-License-Identifier: GPL-3.0-or-later
#include "migration/vmdesc.hpp"

#include "machine/zero_page.hpp"
#include "util/text.hpp"

namespace minivisor::migration {

using machine::SavedField;
using machine::SavedState;

namespace {

std::string quoted(std::string_view text)
{
    static constexpr char digits[] = "0123456789abcdef";
    std::string out = "\"";
    for (char c : text) {
        auto const code = static_cast<unsigned char>(c);
        if (c == '"' || c == '\\')
            out += cat('\\', c);
        else if (code < 0x20 || code >= 0x7f)
            out += cat("\\u00", digits[code >> 4], digits[code & 15]);
        else
            out += c;
    }
    return out + '"';
}

void describe_state(std::string& out, SavedState const& state, void const* device)
{
    out += cat("\"vmsd_name\": ", quoted(state.name), ", \"version\": ", state.version, ", \"fields\": [");
    auto const* separator = "";
    for (auto const& field : state.fields) {
        if (field.since_version > state.version)
            continue;
        out += cat(separator, "{\"name\": ", quoted(field.name), ", ");
        if (field.array_length != 1)
            out += cat("\"array_len\": ", field.array_length, ", ");
        out += cat("\"type\": ", quoted(field.type), ", \"size\": ", field.size, "}");
        separator = ", ";
    }
    out += "]";
    separator = ", \"subsections\": [";
    for (auto const& part : state.subsections) {
        if (part.needed != nullptr && !part.needed(device))
            continue;
        out += cat(separator, "{");
        describe_state(out, part, device);
        out += "}";
        separator = ", ";
    }
    if (separator == std::string_view(", "))
        out += "]";
}

} // namespace

std::string describe_devices(machine::SavedDevices const& devices)
{
    auto out = cat("{\"page_size\": ", machine::page_size, ", \"devices\": [");
    auto const* separator = "";
    for (auto const& device : devices.devices()) {
        out += cat(separator, "{\"name\": ", quoted(device.idstr), ", \"instance_id\": ", device.instance_id, ", ");
        describe_state(out, *device.state, device.device);
        out += "}";
        separator = ", ";
    }
    return out + "]}";
}

} // namespace minivisor::migration
