// SPDX-License-Identifier: GPL-3.0-or-later
#include "machine/queries.hpp"

#include "qapi/schema/block.hpp"
#include "qapi/schema/machine.hpp"
#include "qapi/schema/misc.hpp"
#include "qapi/schema/qdev.hpp"
#include "util/text.hpp"

#include <array>
#include <cstdio>

namespace minivisor::machine {

namespace {

template <typename C>
void bind_empty_list(qapi::Registry& registry)
{
    if constexpr (std::is_same_v<typename C::Arguments, qapi::Empty>)
        registry.bind<C>([]() -> Result<typename C::Returns> { return typename C::Returns(); });
    else
        registry.bind<C>(
            [](typename C::Arguments const&) -> Result<typename C::Returns> { return typename C::Returns(); });
}

std::vector<qapi::MachineInfo> list_machines()
{
    std::vector<qapi::MachineInfo> list;
    for (auto const kind : machine_kinds()) {
        auto& entry = list.emplace_back();
        entry.name = kind;
        if (kind == MachineOptions().kind)
            entry.is_default = true;
        entry.cpu_max = max_cpus(kind);
        entry.default_ram_id = default_ram_id;
    }
    return list;
}

Result<std::vector<qapi::ObjectPropertyInfo>> list_device_properties(qom::Tree const& tree, std::string const& name)
{
    auto const* type = tree.types().find(name);
    if (!type)
        return Error::device_not_found(cat("Device '", name, "' not found"));
    if (type->abstract || !type->is_a("device"))
        return Error::generic("Parameter 'typename' expects a non-abstract device type");
    std::vector<qapi::ObjectPropertyInfo> list;
    for (auto const& property : type->properties) {
        auto& entry = list.emplace_back();
        entry.name = property.name;
        entry.type = property.type_name;
        if (property.type_name == "bool")
            entry.default_value = qapi::Value(false);
        else if (property.type_name.starts_with("uint"))
            entry.default_value = qapi::Value(0);
    }
    return list;
}

/// QEMU's table, with the blocks where it would have them in its space of RAM.
std::string ram_block_table(Memory const& memory)
{
    std::array<char, 128> line{};
    auto text
        = cat(std::string(14, ' '), "Block Name    PSize              Offset               Used              Total\n");
    std::uint64_t offset = 0;
    for (auto const& block : memory.blocks()) {
        std::snprintf(line.data(), line.size(), " %7s  0x%016llx 0x%016llx 0x%016llx\n", "4 KiB",
            static_cast<unsigned long long>(offset), static_cast<unsigned long long>(block->size()),
            static_cast<unsigned long long>(block->size()));
        auto const& id = block->id();
        text += cat(std::string(id.size() < 24 ? 24 - id.size() : 0, ' '), id, " ", line.data());
        offset += block->size();
    }
    return text;
}

} // namespace

void bind_queries(qapi::Registry& registry, Machine& machine, qom::Tree const& tree)
{
    registry.bind<qapi::QueryTarget>([]() -> Result<qapi::TargetInfo> { return qapi::TargetInfo{}; });
    registry.bind<qapi::QueryMachines>([]() -> Result<std::vector<qapi::MachineInfo>> { return list_machines(); });
    registry.bind<qapi::QueryCurrentMachine>(
        []() -> Result<qapi::CurrentMachineParams> { return qapi::CurrentMachineParams(); });
    registry.bind<qapi::QueryRamblock>([&machine]() -> Result<qapi::HumanReadableText> {
        return qapi::HumanReadableText{ram_block_table(machine.memory())};
    });
    registry.bind<qapi::DeviceListProperties>([&tree](qapi::DeviceListPropertiesArguments const& arguments) {
        return list_device_properties(tree, arguments.typename_);
    });
    bind_empty_list<qapi::QueryBlock>(registry);
    bind_empty_list<qapi::QueryBlockstats>(registry);
    bind_empty_list<qapi::QueryNamedBlockNodes>(registry);
    bind_empty_list<qapi::QueryBlockJobs>(registry);
    bind_empty_list<qapi::QueryJobs>(registry);
}

} // namespace minivisor::machine
