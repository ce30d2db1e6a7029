// SPDX-License-Identifier: GPL-3.0-or-later
#include "main/options.hpp"

#include "main/option_row.hpp"
#include "util/identifier.hpp"
#include "util/log.hpp"
#include "util/text.hpp"

#include <algorithm>
#include <span>

namespace minivisor::main {

std::vector<OptionGroup> const& option_groups()
{
    static std::vector<OptionGroup> const groups{help_options(), machine_options(), cpu_options(), guest_options(),
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
    warn_of_short_forms(items, use.origin);
    for (auto const& item : items)
        if (!use.row.has_key(item.name))
            return Error::generic(cat("Invalid parameter '", item.name, "'"));
        else if (item.name == "id")
            TRY(util::check_id(item.value));
    return items;
}

Result<std::vector<qapi::QemuOpt>> read_pairs(OptionUse const& use, std::string_view implied)
{
    auto items = qapi::parse_qemu_opts(use.argument, implied).items;
    for (auto const& item : items)
        if (!item.short_form.empty())
            return Error::generic(cat("Expected '=' after parameter '", item.short_form, "'")).context(use.origin);
    return items;
}

void warn_of_short_forms(std::vector<qapi::QemuOpt> const& items, std::string_view origin)
{
    for (auto const& item : items) {
        if (item.short_form.empty())
            continue;
        util::log::warn(cat("short-form boolean option '", item.short_form, "' deprecated"), origin);
        util::log::plain(cat("Please use ", item.name, "=", item.value, " instead"));
    }
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

namespace {

struct Given {
    OptionRow const* row = nullptr; ///< null: a word that is no option
    std::string_view argument;
    std::string origin;
};

/// What stands there, before anything of it counts.
Result<std::vector<Given>> take_apart(std::span<char const* const> words)
{
    std::vector<Given> all;
    for (auto word = words.begin(); word != words.end(); ++word) {
        std::string_view const text = *word;
        auto& given = all.emplace_back(nullptr, std::string_view(), std::string(text));
        if (!text.starts_with('-'))
            continue;
        auto const name = text.substr(text.starts_with("--") ? 2 : 1);
        given.row = find_option(name);
        if (!given.row)
            return Error::generic(is_of_qemu(name) ? "this option of QEMU is not supported" : "invalid option")
                .context(text);
        if (given.row->argument.empty())
            continue;
        if (++word == words.end())
            return Error::generic("requires an argument").context(text);
        given.argument = *word;
        given.origin = cat(text, " ", given.argument);
    }
    return all;
}

} // namespace

Result<Options> parse_options(int argc, char const* const* argv)
{
    Options options;
    auto const words = std::span(argv, static_cast<std::size_t>(argc));
    for (auto const& [row, argument, origin] : TRY(take_apart(words.subspan(std::min(words.size(), std::size_t{1}))))) {
        if (!row)
            return Error::generic("a disk image is not supported").context(origin);
        auto applied = row->apply(options, {*row, argument, origin});
        if (!applied)
            return row->speaks_for_itself ? std::move(applied).error() : std::move(applied).error().context(origin);
    }
    if (options.nographic && options.daemonize)
        return Error::generic("-nographic cannot be used with -daemonize");
    auto filled = fill_in(options);
    if (!filled)
        return std::move(filled).error().context("-nographic");
    TRY(check_guest(options));
    return options;
}

} // namespace minivisor::main
