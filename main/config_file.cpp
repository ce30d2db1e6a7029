// SPDX-License-Identifier: GPL-3.0-or-later
#include "main/config_file.hpp"

#include "util/fd.hpp"
#include "util/text.hpp"

#include <algorithm>
#include <span>

namespace minivisor::main {

namespace {

constexpr std::size_t most_bytes = 1 << 20;
// As long as QEMU takes them.
constexpr std::size_t longest_word = 63;
constexpr std::size_t longest_value = 1023;
constexpr std::string_view blanks = " \t\r\v\f";

/// The options that have a group, under its name.
OptionRow const* find_group(std::string_view group)
{
    constexpr std::string_view without[] = {"device", "display", "net", "nic", "check-authz"};
    for (auto const& options : option_groups())
        for (auto const& row : options.rows)
            if ((row.group.empty() ? row.name : row.group) == group
                && (!row.keys.empty() || row.name == "object" || row.name == "chardev")
                && std::find(std::begin(without), std::end(without), row.name) == std::end(without))
                return &row;
    return nullptr;
}

/// What the lines have said of the group that is being read.
struct Group {
    OptionRow const* row = nullptr;
    std::string argument;
    std::string origin; ///< the file and the line it was opened or added to last

    void add(std::string_view key, std::string_view value)
    {
        argument += cat(argument.empty() ? "" : ",", key, "=");
        for (char const c : value)
            argument += c == ',' ? std::string(",,") : std::string(1, c);
    }
    Result<void> apply(Options& options) const
    {
        if (!row)
            return {};
        auto applied = row->apply(options, {*row, argument, origin});
        if (!applied)
            return std::move(applied).error().context(origin);
        return {};
    }
};

/// `[group]` or `[group "id"]`.
struct Header {
    std::string_view group;
    std::optional<std::string_view> id;
};

std::optional<Header> parse_header(std::string_view line)
{
    auto const end = line.find(']');
    if (!line.starts_with('[') || end == line.npos || end < 2)
        return std::nullopt;
    auto const inner = line.substr(1, end - 1);
    auto const word = inner.substr(0, inner.find_first_of(blanks));
    auto const rest = util::trim(inner.substr(word.size()));
    if (rest.size() > 2 && rest.starts_with('"') && rest.find('"', 1) == rest.size() - 1)
        return Header{word, rest.substr(1, rest.size() - 2)};
    return Header{inner, std::nullopt};
}

/// `key = "value"`; the blanks before '=' are needed, and what has no value in quotes has the empty one (as in QEMU).
struct Setting {
    std::string_view key;
    std::string_view value;
};

Setting parse_setting(std::string_view line)
{
    auto const key = line.substr(0, line.find_first_of(blanks));
    auto rest = util::trim(line.substr(key.size()));
    if (!rest.starts_with('='))
        return {key, {}};
    rest = util::trim(rest.substr(1));
    auto const end = rest.find('"', 1);
    if (!rest.starts_with('"') || end == rest.npos)
        return {key, {}};
    return {key, rest.substr(1, end - 1)};
}

} // namespace

Result<void> read_config(Options& options, std::string_view text, std::string_view name)
{
    Group group;
    std::size_t number = 0;
    for (auto const raw : util::split(text, '\n')) {
        ++number;
        auto const origin = cat(name, ":", number);
        auto const line = util::trim(raw);
        if (line.empty() || line.starts_with('#'))
            continue;
        if (auto const header = parse_header(line)) {
            TRY(group.apply(options));
            group = {find_group(header->group), {}, origin};
            if (!group.row)
                return Error::generic(cat("There is no option group '", header->group, "'")).context(origin);
            if (header->id)
                group.add("id", *header->id);
            continue;
        }
        if (!group.row)
            return Error::generic("no group defined").context(origin);
        auto const [key, value] = parse_setting(line);
        if (key.size() > longest_word || value.size() > longest_value)
            return Error::generic("parse error").context(origin);
        group.origin = origin;
        if (!group.row->keys.empty() && !group.row->has_key(key))
            return Error::generic(cat("Invalid parameter '", key, "'")).context(origin);
        group.add(key, value);
    }
    return group.apply(options);
}

Result<void> read_config_file(Options& options, OptionUse const& use)
{
    std::string const path(use.argument);
    auto const text = util::read_file(path, most_bytes);
    if (!text)
        return Error(text.error()).context(use.origin);
    return read_config(options, *text, path);
}

} // namespace minivisor::main
