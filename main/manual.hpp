// SPDX-License-Identifier: GPL-3.0-or-later
// The pages of the reference manual, written from the declarations: the language (qapi/manual), the console's
// commands, the options, the object types, and man pages made of the same. docs/reference holds them.
#pragma once

#include "hmp/command.hpp"
#include "main/option_row.hpp"
#include "qapi/registry.hpp"
#include "qom/type.hpp"

namespace minivisor::main {

/// What the manual is written from; the console's table and the options are found by themselves.
struct ManualSources {
    qapi::Registry const& registry;
    qom::TypeRegistry const& types;
};

/// A page by its name: qmp, hmp, options, objects, minivisor.1 or minivisor-qmp.7. Fails while a declaration says less
/// than the manual needs, naming each such thing.
Result<std::string> manual_page(ManualSources const& sources, std::string_view name);

/// Commands, events, members, options and console commands without words, each named.
std::vector<std::string> undocumented(ManualSources const& sources);
void find_undocumented(std::vector<OptionGroup> const& groups, std::vector<std::string>& faults);
void find_undocumented(hmp::CommandTable const& table, std::vector<std::string>& faults);

} // namespace minivisor::main
