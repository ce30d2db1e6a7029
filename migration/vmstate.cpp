// SPDX-License-Identifier: GPL-3.0-or-later
#include "migration/vmstate.hpp"

#include "util/text.hpp"

#include <algorithm>
#include <vector>

namespace minivisor::migration {

using machine::SavedDevice;
using machine::SavedField;
using machine::SavedState;

namespace {

Result<void> save_state(StreamWriter& writer, SavedState const& state, void* device)
{
    if (state.before_save != nullptr)
        TRY(state.before_save(device));
    std::vector<std::byte> data;
    for (auto const& field : state.fields) {
        if (field.since_version > state.version)
            continue;
        data.assign(field.bytes(), std::byte{0});
        if (field.save != nullptr)
            field.save(device, data.data());
        writer.bytes(data);
    }
    for (auto const& part : state.subsections) {
        if (part.needed != nullptr && !part.needed(device))
            continue;
        writer.mark(Mark::subsection);
        writer.str8(part.name);
        writer.be32(part.version);
        TRY(save_state(writer, part, device));
    }
    return {};
}

Result<void> load_state(
    StreamReader& reader, SavedState const& state, void* device, std::uint32_t version, LoadLog& log);

/// Subsections follow the fields as long as the next bytes announce one called "NAME/...".
Result<void> load_subsections(StreamReader& reader, SavedState const& state, void* device, LoadLog& log)
{
    while (true) {
        auto ahead = TRY(reader.peek(2));
        if (ahead.size() < 2 || ahead[0] != static_cast<std::byte>(Mark::subsection))
            return {};
        auto const length = std::to_integer<std::size_t>(ahead[1]);
        ahead = TRY(reader.peek(2 + length + 4));
        if (ahead.size() < 2 + length + 4)
            return {};
        std::string const name(reinterpret_cast<char const*>(ahead.data()) + 2, length);
        // Not ours: a footer is due, and what stands there will be refused for not being one.
        if (!name.starts_with(cat(state.name, "/")))
            return {};
        auto const version = load_be32(ahead.data() + 2 + length);
        auto part = std::find_if(state.subsections.begin(), state.subsections.end(),
            [&](SavedState const& candidate) { return candidate.name == name; });
        if (part == state.subsections.end())
            return log.refuse(ENOENT, cat("Subsection '", util::printable(name), "' is not known here"));
        reader.consume(2 + length + 4);
        TRY(load_state(reader, *part, device, version, log));
    }
}

Result<void> load_state(
    StreamReader& reader, SavedState const& state, void* device, std::uint32_t version, LoadLog& log)
{
    if (version > state.version) {
        return log.refuse(
            cat(state.name, ": incoming version_id ", version, " is too new for local version_id ", state.version));
    }
    if (version < state.minimum_version) {
        return log.refuse(cat(state.name, ": incoming version_id ", version,
            " is too old for local minimum version_id  ", state.minimum_version));
    }
    std::vector<std::byte> data;
    for (auto const& field : state.fields) {
        if (field.since_version > version)
            continue;
        data.resize(field.bytes());
        auto read = reader.bytes(data);
        if (!read) {
            log.add(cat("Failed to load ", state.name, ":", field.name));
            return std::move(read).error();
        }
        if (field.load != nullptr)
            field.load(device, data.data());
    }
    TRY(load_subsections(reader, state, device, log));
    if (state.after_load != nullptr) {
        auto checked = state.after_load(device, version);
        if (!checked)
            return log.refuse(checked.error().desc());
    }
    return {};
}

} // namespace

Result<void> save_device(StreamWriter& writer, SavedDevice const& device, std::uint32_t section_id)
{
    writer.full_header(Mark::full, section_id, device.idstr, device.instance_id, device.state->version);
    TRY(save_state(writer, *device.state, device.device));
    writer.footer(section_id);
    return {};
}

Result<void> load_device(StreamReader& reader, SavedDevice const& device, std::uint32_t version, LoadLog& log)
{
    auto loaded = load_state(reader, *device.state, device.device, version, log);
    if (!loaded)
        log.add(cat(
            "error while loading state for instance 0x", hex(device.instance_id), " of device '", device.idstr, "'"));
    return loaded;
}

std::uint32_t device_section_id(std::size_t index)
{
    auto const id = static_cast<std::uint32_t>(index);
    return id < ram_section_id ? id : id + 1;
}

// Version 1 had no virtual clock.
SavedState const TimerState::saved_state{
    .name = "timer",
    .version = 2,
    .minimum_version = 1,
    .fields = {machine::saved<&TimerState::cpu_ticks_offset>("cpu_ticks_offset"), machine::unused(8),
        machine::saved<&TimerState::cpu_clock_offset>("cpu_clock_offset", 2)},
};

SavedState const GlobalState::saved_state{
    .name = "globalstate",
    .fields = {machine::saved<&GlobalState::size>("size"), machine::saved<&GlobalState::runstate>("runstate")},
    .after_load = [](void* device, std::uint32_t) -> Result<void> {
        auto const name = static_cast<GlobalState const*>(device)->name();
        if (!is_run_state(name))
            return Error::generic(cat("invalid parameter value: ", util::printable(name)));
        return {};
    },
};

void GlobalState::set(std::string_view name)
{
    runstate.fill(0);
    auto const n = std::min(name.size(), runstate.size() - 1);
    std::copy_n(name.begin(), n, runstate.begin());
    size = static_cast<std::uint32_t>(n + 1);
}

std::string GlobalState::name() const
{
    // The length in front is not needed, and not believed.
    return {runstate.begin(), std::find(runstate.begin(), runstate.end(), 0)};
}

bool is_run_state(std::string_view name)
{
    static constexpr std::array names{"debug", "inmigrate", "internal-error", "io-error", "paused", "postmigrate",
        "prelaunch", "finish-migrate", "restore-vm", "running", "save-vm", "shutdown", "suspended", "watchdog",
        "guest-panicked", "colo"};
    return std::find(names.begin(), names.end(), name) != names.end();
}

} // namespace minivisor::migration
