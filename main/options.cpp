// SPDX-License-Identifier: GPL-3.0-or-later
#include "main/options.hpp"

#include "main/option_row.hpp"
#include "util/text.hpp"

#include <algorithm>

namespace minivisor::main {

std::vector<OptionGroup> const& option_groups()
{
    static std::vector<OptionGroup> const groups{help_options(), machine_options(), guest_options(),
        migration_options(), monitor_options(), process_options(), compatibility_options()};
    return groups;
}

OptionRow const* find_option(std::string_view name)
{
    for (auto const& group : option_groups())
        for (auto const& row : group.rows)
            if (row.name == name)
                return &row;
    return nullptr;
}

Result<std::vector<qapi::QemuOpt>> read_items(OptionUse const& use)
{
    auto const& keys = use.row.keys;
    auto const implied
        = use.row.argument.starts_with(cat("[", keys.front().name, "=]")) ? keys.front().name : std::string();
    auto items = qapi::parse_qemu_opts(use.argument, implied).items;
    for (auto const& item : items)
        if (std::none_of(keys.begin(), keys.end(), [&](auto const& key) { return key.name == item.name; }))
            return Error::generic(cat("Invalid parameter '", item.name, "'"));
    return items;
}

std::string keys_help(OptionRow const& row, std::string_view what)
{
    std::vector<std::string> lines;
    for (auto const& key : row.keys)
        if (&key != &row.keys.front() || !row.argument.starts_with(cat("[", key.name, "=]")))
            lines.push_back(cat("  ", key.name, "=<", key.value, "> - ", key.help));
    std::sort(lines.begin(), lines.end());
    return cat(what, " options:\n", util::join(lines, "\n"), "\n");
}

Result<bool> parse_switch(std::string_view name, std::string_view value)
{
    if (value == "on" || value == "yes" || value == "true" || value == "y")
        return true;
    if (value == "off" || value == "no" || value == "false" || value == "n")
        return false;
    return Error::generic(cat("Parameter '", name, "' expects 'on' or 'off'"));
}

std::string version_text()
{
    return cat("QEMU emulator version 7.2.0 (minivisor ", MINIVISOR_VERSION, ")\n", "minivisor ", MINIVISOR_VERSION,
        ", a mini-hypervisor that speaks the language of QEMU 7.2\n");
}

std::string options_help()
{
    constexpr std::size_t column = 28;
    std::string text = cat(version_text(), "usage: minivisor [options]\n");
    for (auto const& group : option_groups()) {
        text += cat("\n", group.title, ":\n");
        for (auto const& row : group.rows) {
            auto const left = row.argument.empty() ? cat("-", row.name) : cat("-", row.name, " ", row.argument);
            auto const gap
                = left.size() < column ? std::string(column - left.size(), ' ') : cat("\n", std::string(column, ' '));
            text += cat(left, gap, row.help, "\n");
        }
    }
    return text;
}

Result<Options> parse_options(int argc, char const* const* argv)
{
    Options options;
    for (int i = 1; i < argc; ++i) {
        std::string_view const given = argv[i];
        auto name = given;
        name.remove_prefix(name.starts_with("--") ? 2 : name.starts_with('-') ? 1 : 0);
        auto const* row = given.starts_with('-') ? find_option(name) : nullptr;
        if (!given.starts_with('-'))
            return Error::generic("a disk image is not supported").context(given);
        if (!row)
            return Error::generic("invalid option").context(given);
        std::string_view argument;
        std::string origin(given);
        if (!row->argument.empty()) {
            if (i + 1 == argc)
                return Error::generic("requires an argument").context(given);
            argument = argv[++i];
            origin = cat(given, " ", argument);
        }
        auto applied = row->apply(options, {*row, argument, origin});
        if (!applied)
            return row->name == "machine" || row->name == "M" || row->name == "kernel" || row->name == "readconfig"
                ? std::move(applied).error()
                : std::move(applied).error().context(origin);
    }
    auto filled = fill_in(options);
    if (!filled)
        return std::move(filled).error().context("-nographic");
    TRY(check_guest(options));
    return options;
}

} // namespace minivisor::main
