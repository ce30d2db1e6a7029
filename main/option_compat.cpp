// SPDX-License-Identifier: GPL-3.0-or-later
// Options that management programs always pass, taken as far as they change nothing here and refused beyond that.
#include "main/option_row.hpp"
#include "util/text.hpp"

namespace minivisor::main {

namespace {

Result<void> nothing(Options&, OptionUse const&) { return {}; }

Result<void> no_defaults(Options& options, OptionUse const&)
{
    options.nodefaults = true;
    return {};
}

Result<void> set_display(Options&, OptionUse const& use)
{
    if (use.argument != "none")
        return Error::generic(cat("Parameter 'type' does not accept value '", use.argument, "'"));
    return {};
}

} // namespace

OptionGroup compatibility_options()
{
    return {"Taken for QEMU's sake",
        {
            {"nodefaults", "", "no console unless it is asked for", no_defaults},
            {"no-user-config", "", "taken for QEMU's sake; changes nothing", nothing},
            {"nographic", "", "taken for QEMU's sake; changes nothing", nothing},
            {"display", "none", "taken for QEMU's sake; changes nothing", set_display},
        }};
}

} // namespace minivisor::main
