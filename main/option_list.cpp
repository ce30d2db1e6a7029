// SPDX-License-Identifier: GPL-3.0-or-later
#include "main/option_list.hpp"

#include "main/option_row.hpp"
#include "qapi/schema/misc.hpp"
#include "util/text.hpp"

namespace minivisor::main {

namespace {

qapi::CommandLineParameterType type_of_key(OptionKey const& key)
{
    using qapi::CommandLineParameterType;
    if (key.value == "on" || key.value == "on|off")
        return CommandLineParameterType::boolean;
    if (key.value == "SIZE")
        return CommandLineParameterType::size;
    if (key.value == "NUMBER")
        return CommandLineParameterType::number;
    return CommandLineParameterType::string;
}

/// Whether it is one of QEMU's option lists: its argument is made of keys, or of a word that decides about them.
bool has_keys(OptionRow const& row) { return !row.keys.empty() || row.argument.find('=') != row.argument.npos; }

qapi::CommandLineOptionInfo describe(OptionRow const& row)
{
    qapi::CommandLineOptionInfo info;
    info.option = row.name == "m" ? "memory" : row.name;
    // The keys of a device are those of its type (device-list-properties).
    if (row.name != "device")
        for (auto const& key : row.keys)
            if (key.name != "id") // every list has one, and QEMU never tells of it
                info.parameters.push_back({key.name, type_of_key(key), key.help});
    return info;
}

Result<std::vector<qapi::CommandLineOptionInfo>> list_options(std::optional<std::string> const& wanted)
{
    std::vector<qapi::CommandLineOptionInfo> list;
    for (auto const& group : option_groups())
        for (auto const& row : group.rows) {
            if (!has_keys(row) || row.name == "M") // the same as -machine
                continue;
            auto info = describe(row);
            if (!wanted || info.option == *wanted)
                list.push_back(std::move(info));
        }
    if (wanted && list.empty())
        return Error::generic(cat("invalid option name: ", *wanted));
    return list;
}

} // namespace

void bind_option_list(qapi::Registry& registry)
{
    registry.bind<qapi::QueryCommandLineOptions>(
        [](qapi::QueryCommandLineOptionsArguments const& arguments) { return list_options(arguments.option); });
}

} // namespace minivisor::main
