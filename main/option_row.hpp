// SPDX-License-Identifier: GPL-3.0-or-later
// What an option of the command line is: its name, its argument with the keys in it, its help, and what it sets. The
// table of all of them is made of groups, one file each; -help, the manual, -readconfig and the reading of the
// command line follow from it.
#pragma once

#include "main/options.hpp"
#include "qapi/keyval.hpp"

#include <algorithm>
#include <string>
#include <string_view>
#include <vector>

namespace minivisor::main {

struct OptionRow;

/// One use of an option.
struct OptionUse {
    OptionRow const& row;
    std::string_view argument; ///< empty where the option takes none
    std::string const& origin; ///< "-name vm1", for messages
};

/// A key of an argument such as "type=none,memory-backend=ID".
struct OptionKey {
    std::string name;
    std::string value; ///< what stands behind '=': "ID", "on|off"
    std::string help;
};

struct OptionRow {
    std::string_view name; ///< without its dash
    std::string_view argument; ///< how help shows it; empty: the option takes none
    std::string_view help; ///< one line
    Result<void> (*apply)(Options&, OptionUse const&);
    std::vector<OptionKey>
        keys{}; ///< of the first one name and '=' may be left out where `argument` begins with "[KEY=]"
    std::string_view details{}; ///< more for the manual, in paragraphs with an empty line between them
    std::string_view group{}; ///< its name in -readconfig, where that is not `name`
    bool speaks_for_itself = false; ///< its errors come without "-NAME ARGUMENT: ", as QEMU finds them later

    bool has_key(std::string_view wanted) const
    {
        return std::ranges::find(keys, wanted, &OptionKey::name) != keys.end();
    }
};

struct OptionGroup {
    std::string_view title;
    std::vector<OptionRow> rows;
};

OptionGroup help_options();
OptionGroup machine_options();
OptionGroup cpu_options();
OptionGroup guest_options();
OptionGroup migration_options();
OptionGroup monitor_options();
OptionGroup process_options();
OptionGroup compatibility_options();

/// All of them, in the order of the help.
std::vector<OptionGroup> const& option_groups();
/// Null where there is none of that name.
OptionRow const* find_option(std::string_view name);

/// The items of an argument in QEMU's older form. One whose key the row does not declare is an error.
Result<std::vector<qapi::QemuOpt>> read_items(OptionUse const& use);
/// The same of the newer form, in which each key has a value and any key may stand.
Result<std::vector<qapi::QemuOpt>> read_pairs(OptionUse const& use, std::string_view implied);
/// Warns of keys without a value ("server" for server=on), as QEMU does.
void warn_of_short_forms(std::vector<qapi::QemuOpt> const& items, std::string_view origin);
/// The keys as QEMU lists them for "help": "WHAT options:", then "  KEY=<VALUE> - HELP".
std::string keys_help(OptionRow const& row, std::string_view what);
/// Whether QEMU 7.2 for x86 has an option of that name, which is not in the table.
bool is_of_qemu(std::string_view name);
/// The character device of an argument such as "unix:x". Where there is none, `complaint` is what QEMU says after the
/// reason.
Result<std::vector<qapi::ChardevAddArguments>> read_short_chardev(
    OptionUse const& use, std::string const& id, std::string_view complaint);
/// What -nographic adds, once all options are known.
Result<void> fill_in(Options& options);
/// What can be judged only when all options are known.
Result<void> check_guest(Options const& options);
/// The value of -accel, or of -machine accel=: "kvm:tcg".
Result<void> choose_accelerators(Options& options, std::string_view list);
/// Of kernel-irqchip: "on", "off"; "split" is refused.
Result<bool> parse_irqchip(std::string_view value);
/// "on" and "off" and their other spellings.
Result<bool> parse_switch(std::string_view name, std::string_view value);

} // namespace minivisor::main
