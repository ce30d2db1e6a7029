// SPDX-License-Identifier: GPL-3.0-or-later
// Monitors and the character devices they speak over.
#include "io/chardev_options.hpp"
#include "main/option_row.hpp"
#include "util/log.hpp"
#include "util/text.hpp"

#include <climits>
#include <cstdlib>

namespace minivisor::main {

namespace {

Result<void> add_chardev(Options& options, OptionUse const& use)
{
    if (use.argument == "help" || use.argument == "?") {
        options.print_and_exit = io::chardev_help();
        return {};
    }
    warn_of_short_forms(qapi::parse_qemu_opts(use.argument, "backend").items, use.origin);
    for (auto& device : TRY(io::parse_chardev(use.argument))) {
        for (auto const& known : options.chardevs)
            if (known.device.id == device.id)
                return Error::generic(cat("Duplicate ID '", device.id, "' for chardev"));
        options.chardevs.push_back({std::move(device), use.origin});
    }
    return {};
}

} // namespace

Result<std::vector<qapi::ChardevAddArguments>> read_short_chardev(
    OptionUse const& use, std::string const& id, std::string_view complaint)
{
    auto devices = io::parse_short_chardev(use.argument, id);
    if (devices)
        return devices;
    if (!devices.error().desc().starts_with("parse error")) // that is a complaint itself
        util::log::error(std::move(devices).error().context(use.origin));
    return Error::generic(std::string(complaint));
}

namespace {

/// A monitor on a character device of its own.
Result<void> add_short_monitor(Options& options, OptionUse const& use, bool control, bool pretty)
{
    options.has_monitor_option = true;
    if (use.argument.starts_with("chardev:")) {
        options.monitors.push_back({std::string(use.argument.substr(8)), control, pretty, use.origin});
        return {};
    }
    if (use.argument == "none")
        return {};
    auto const id = cat("compat_monitor", options.monitors.size());
    for (auto& device : TRY(read_short_chardev(use, id, cat("parse error: ", use.argument))))
        options.chardevs.push_back({std::move(device), use.origin});
    options.monitors.push_back({id, control, pretty, use.origin});
    return {};
}

Result<void> add_qmp(Options& options, OptionUse const& use) { return add_short_monitor(options, use, true, false); }
Result<void> add_pretty_qmp(Options& options, OptionUse const& use)
{
    return add_short_monitor(options, use, true, true);
}
Result<void> add_hmp(Options& options, OptionUse const& use) { return add_short_monitor(options, use, false, false); }

Result<void> add_mon(Options& options, OptionUse const& use)
{
    options.has_monitor_option = true;
    MonitorOption monitor;
    monitor.origin = use.origin;
    bool has_device = false;
    for (auto const& [key, value, short_form] : TRY(read_items(use))) {
        if (key == "chardev") {
            monitor.chardev = value;
            has_device = true;
        } else if (key == "mode") {
            if (value != "readline" && value != "control")
                return Error::generic(cat("Parameter 'mode' does not accept value '", value, "'"));
            monitor.control = value == "control";
        } else if (key == "pretty") {
            monitor.pretty = TRY(parse_switch(key, value));
        }
    }
    if (!has_device)
        return Error::generic("Parameter 'chardev' is missing");
    if (monitor.pretty && !monitor.control)
        return Error::generic("'pretty' is not compatible with HMP monitors");
    options.monitors.push_back(std::move(monitor));
    return {};
}

Result<void> set_escape(Options& options, OptionUse const& use)
{
    std::string const text(use.argument);
    char* end = nullptr;
    auto const value = std::strtol(text.c_str(), &end, 0);
    if (text.empty() || *end != '\0')
        return Error::generic("Bad argument to echr");
    if (value < 0 || value > UCHAR_MAX)
        return Error::generic("The escape character must be between 0 and 255");
    options.escape = static_cast<unsigned char>(value);
    return {};
}

Result<void> no_defaults(Options& options, OptionUse const&)
{
    options.nodefaults = true;
    return {};
}

} // namespace

OptionGroup monitor_options()
{
    constexpr std::string_view short_form
        = "The argument is `stdio`, `pty`, `file:PATH`, `unix:PATH`, `tcp:HOST:PORT`, `null`, `none`, or `chardev:ID` "
          "for one that `-chardev` makes; `mon:` in front makes it one that others can share, as `-chardev` with "
          "`mux=on` does. Behind the two addresses may stand the other options of a `-chardev socket`, "
          "such "
          "as `,server=on` to listen, and `,wait=off` to go on without waiting for the first client.";
    return {"Monitors",
        {
            {"qmp", "CHARDEV", "a QMP monitor: stdio, unix:PATH,server=on,wait=off, tcp:HOST:PORT,...", add_qmp, {},
                short_form},
            {"qmp-pretty", "CHARDEV", "the same with replies over several lines", add_pretty_qmp},
            {"monitor", "CHARDEV", "a human monitor, likewise; none for none", add_hmp, {},
                "Without any option of this group, and on a terminal, there is one on standard input and output."},
            {"chardev", "BACKEND,id=ID[,...]", "a character device; help lists the kinds", add_chardev, {},
                io::chardev_details},
            {"echr", "NUMBER", "the escape character of shared terminals; default 1, which is Ctrl-A", set_escape, {},
                "Where a character device is shared (`mux=on`, `mon:stdio`), the escape character and a letter are for "
                "the device itself: h lists the letters, c gives what is typed to the next user, x ends the program. "
                "Twice the escape character is one for the user."},
            {"nodefaults", "", "no console unless it is asked for", no_defaults},
            {"mon", "[chardev=]ID[,mode=readline|control][,pretty=on]", "a monitor on a character device", add_mon,
                {{"chardev", "ID", "the character device"}, {"id", "ID", "a name for the monitor; nothing asks for it"},
                    {"mode", "readline|control", "for people (HMP), or for programs (QMP); default readline"},
                    {"pretty", "on|off", "QMP: replies over several lines; default off"}}},
        }};
}

} // namespace minivisor::main
