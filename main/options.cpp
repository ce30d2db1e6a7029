// SPDX-License-Identifier: GPL-3.0-or-later
#include "main/options.hpp"

#include "main/chardev_options.hpp"
#include "qapi/codec.hpp"
#include "qapi/keyval.hpp"
#include "util/text.hpp"

#include <functional>
#include <span>

namespace minivisor::main {

namespace {

struct Row {
    std::string_view name;
    std::string_view argument; ///< how help shows it; empty: the option takes none
    std::string_view help;
    Result<void> (*apply)(Options&, std::string_view argument, std::string const& origin);
};

Error invalid_parameter(std::string_view name) { return Error::generic(cat("Invalid parameter '", name, "'")); }

Result<bool> parse_switch(std::string_view name, std::string_view value)
{
    if (value == "on" || value == "yes" || value == "true" || value == "y")
        return true;
    if (value == "off" || value == "no" || value == "false" || value == "n")
        return false;
    return Error::generic(cat("Parameter '", name, "' expects 'on' or 'off'"));
}

Result<void> set_name(Options& options, std::string_view argument, std::string const&)
{
    for (auto const& [key, value, short_form] : qapi::parse_qemu_opts(argument, "guest").items) {
        if (key == "guest")
            options.machine.name = value;
        else if (key == "process")
            options.process_name = value;
        else if (key != "debug-threads")
            return invalid_parameter(key);
        else if (!TRY(parse_switch(key, value)))
            return Error::generic("debug-threads=off is not supported: threads are always named");
    }
    return {};
}

Result<void> set_memory(Options& options, std::string_view argument, std::string const&)
{
    for (auto const& [key, value, short_form] : qapi::parse_qemu_opts(argument, "size").items) {
        if (key != "size")
            return invalid_parameter(key);
        constexpr std::uint64_t mebibyte = 1 << 20;
        auto const size = util::parse_size(value, mebibyte);
        if (!size)
            return Error::generic("Parameter 'size' expects a non-negative number below 2^64")
                .with_hint("Optional suffix k, M, G, T, P or E means kilo-, mega-, giga-, tera-, peta-\n"
                           "and exabytes, respectively.");
        constexpr std::uint64_t step = 8192; // as QEMU rounds up
        if (*size > UINT64_MAX - (step - 1))
            return Error::generic("ram size too large");
        options.machine.ram_size = (*size + step - 1) / step * step;
    }
    return {};
}

/// No CPU runs in machine none, so any accelerator that QEMU knows will do there.
Result<void> check_accelerators(Options& options, std::string_view list, std::string_view separator)
{
    for (auto const name : util::split(list, separator.front())) {
        if (name != "kvm" && name != "tcg" && name != "none" && name != "qtest")
            return Error::generic(cat("invalid accelerator ", name));
        if (options.machine.kind != "none" && name == "kvm")
            return Error::generic(cat("accelerator kvm is not supported for machine ", options.machine.kind, " yet"));
    }
    return {};
}

Result<void> set_machine(Options& options, std::string_view argument, std::string const&)
{
    if (argument == "help") {
        options.print_and_exit = "Supported machines are:\n"
                                 "mini                 machine that runs guests (no accelerator yet)\n"
                                 "none                 empty machine (default)\n";
        return {};
    }
    for (auto const& [key, value, short_form] : qapi::parse_qemu_opts(argument, "type").items) {
        if (key == "type")
            options.machine.kind = value;
        else if (key == "memory-backend")
            options.machine.memory_backend = value;
        else if (key == "accel")
            TRY(check_accelerators(options, value, ":"));
        else
            return Error::generic(cat("Property '", options.machine.kind, "-machine.", key, "' not found"));
    }
    return {};
}

Result<void> set_accel(Options& options, std::string_view argument, std::string const&)
{
    return check_accelerators(options, argument, ":");
}

Result<void> add_object(Options& options, std::string_view argument, std::string const&)
{
    if (argument == "help" || argument.ends_with(",help"))
        options.object_help = argument;
    else
        options.objects.push_back({std::string(argument)});
    return {};
}

Result<void> add_chardev(Options& options, std::string_view argument, std::string const& origin)
{
    auto chardev = TRY(parse_chardev(argument));
    for (auto const& known : options.chardevs)
        if (known.id == chardev.id)
            return Error::generic(cat("Duplicate ID '", chardev.id, "' for chardev"));
    chardev.origin = origin;
    options.chardevs.push_back(std::move(chardev));
    return {};
}

/// A monitor on a character device of its own.
Result<void> add_short_monitor(
    Options& options, std::string_view argument, std::string const& origin, bool control, bool pretty)
{
    options.has_monitor_option = true;
    if (argument.starts_with("chardev:")) {
        options.monitors.push_back({std::string(argument.substr(8)), control, pretty, origin});
        return {};
    }
    auto chardev = TRY(parse_short_chardev(argument));
    chardev.id = cat("compat_monitor", options.monitors.size());
    chardev.origin = origin;
    if (argument == "none")
        return {};
    options.monitors.push_back({chardev.id, control, pretty, origin});
    options.chardevs.push_back(std::move(chardev));
    return {};
}

Result<void> add_mon(Options& options, std::string_view argument, std::string const& origin)
{
    options.has_monitor_option = true;
    MonitorOption monitor;
    monitor.origin = origin;
    for (auto const& [key, value, short_form] : qapi::parse_qemu_opts(argument, "chardev").items) {
        if (key == "chardev") {
            monitor.chardev = value;
        } else if (key == "mode") {
            if (value != "readline" && value != "control")
                return Error::generic(cat("unknown monitor mode \"", value, "\""));
            monitor.control = value == "control";
        } else if (key == "pretty") {
            monitor.pretty = TRY(parse_switch(key, value));
        } else {
            return invalid_parameter(key);
        }
    }
    if (monitor.pretty && !monitor.control)
        return Error::generic("'pretty' is not compatible with HMP monitors");
    options.monitors.push_back(std::move(monitor));
    return {};
}

Result<void> add_device(Options& options, std::string_view argument, std::string const& origin)
{
    qapi::Object arguments;
    std::string driver;
    for (auto const& [key, value, short_form] : qapi::parse_qemu_opts(argument, "driver").items) {
        if (key == "driver")
            driver = value;
        else if (key == "addr" || key == "data" || key == "data-len" || key == "file" || key == "data-be"
            || key == "force-raw")
            arguments[key] = value;
        else
            return Error::generic(cat("Property '", driver, ".", key, "' not found"));
    }
    if (driver != "loader")
        return Error::generic(cat("'", driver, "' is not a valid device model name"));
    auto loader = TRY(qapi::decode<machine::LoaderOptions>(arguments, qapi::Spelling::qemu_opts));
    options.loaders.push_back({std::move(loader), origin});
    return {};
}

Result<void> no_kernel(Options&, std::string_view, std::string const&)
{
    return Error::generic("The -kernel parameter is not supported (use the generic 'loader' device instead).");
}

Result<void> set_display(Options&, std::string_view argument, std::string const&)
{
    if (argument != "none")
        return Error::generic(cat("Parameter 'type' does not accept value '", argument, "'"));
    return {};
}

std::string version_text()
{
    return cat("QEMU emulator version 7.2.0 (minivisor ", MINIVISOR_VERSION, ")\n", "minivisor ", MINIVISOR_VERSION,
        ", a mini-hypervisor that speaks the language of QEMU 7.2\n");
}

Result<void> nothing(Options&, std::string_view, std::string const&) { return {}; }

std::span<Row const> table();

Row const* find_row(std::string_view name)
{
    for (auto const& row : table())
        if (row.name == name)
            return &row;
    return nullptr;
}

#define APPLY(body)                                                                                                    \
    [](Options& options, std::string_view argument, std::string const& origin) -> Result<void> {                       \
        static_cast<void>(argument), static_cast<void>(origin), static_cast<void>(options);                            \
        body;                                                                                                          \
    }

std::span<Row const> table()
{
    static Row const rows[] = {
        {"h", "", "the same as -help", APPLY(options.print_and_exit = options_help(); return {})},
        {"help", "", "print this text and exit", APPLY(options.print_and_exit = options_help(); return {})},
        {"version", "", "print the version and exit", APPLY(options.print_and_exit = version_text(); return {})},
        {"machine", "[type=]NAME[,memory-backend=ID][,accel=NAME]", "the machine: none (default) or mini", set_machine},
        {"M", "NAME", "the same as -machine", set_machine},
        {"accel", "NAME", "the accelerator: none", set_accel},
        {"m", "[size=]SIZE", "RAM; a bare number counts MiB", set_memory},
        {"name", "[guest=]TEXT", "the guest's name", set_name},
        {"uuid", "UUID", "the guest's UUID",
            APPLY(options.machine.uuid = TRY(machine::parse_uuid(argument)); return {})},
        {"S", "", "do not start the guest; type c at the monitor", APPLY(options.machine.autostart = false; return {})},
        {"object", "TYPE,id=ID[,NAME=VALUE...] or JSON", "create an object; help lists the types", add_object},
        {"device", "loader,file=FILE,addr=ADDRESS", "load a flat image into RAM", add_device},
        {"kernel", "FILE", "refused, as by QEMU for machine none", no_kernel},
        {"incoming", "URI|defer", "wait for a guest to come in",
            APPLY(options.incoming = argument; options.machine.incoming = true; return {})},
        {"incoming-keep", "", "a load that fails does not end the program",
            APPLY(options.incoming_keep = true; return {})},
        {"qmp", "CHARDEV", "a QMP monitor: stdio, unix:PATH,server=on,wait=off, tcp:HOST:PORT,...",
            APPLY(return add_short_monitor(options, argument, origin, true, false))},
        {"qmp-pretty", "CHARDEV", "the same with replies over several lines",
            APPLY(return add_short_monitor(options, argument, origin, true, true))},
        {"monitor", "CHARDEV", "a human monitor, likewise; none for none",
            APPLY(return add_short_monitor(options, argument, origin, false, false))},
        {"chardev", "BACKEND,id=ID[,...]", "a character device: socket, stdio or null", add_chardev},
        {"mon", "[chardev=]ID[,mode=readline|control][,pretty=on]", "a monitor on a character device", add_mon},
        {"identity", "FILE", "print the identity in the certificate of a PEM file, as access rules spell it, and exit",
            APPLY(options.identity_file = argument; return {})},
        {"check-authz", "[id=]ID,identity=NAME|filename=FILE",
            "say whether the object ID lets NAME in, and why, and exit: 0 allowed, 2 denied, 1 an error",
            APPLY(options.check_authz = argument; return {})},
        {"pidfile", "FILE", "write the process id there", APPLY(options.pidfile = argument; return {})},
        {"daemonize", "", "go to the background once everything is ready", APPLY(options.daemonize = true; return {})},
        {"nodefaults", "", "no console unless it is asked for", APPLY(options.nodefaults = true; return {})},
        {"no-user-config", "", "taken for QEMU's sake; changes nothing", nothing},
        {"nographic", "", "taken for QEMU's sake; changes nothing", nothing},
        {"display", "none", "taken for QEMU's sake; changes nothing", set_display},
    };
    return rows;
}

#undef APPLY

} // namespace

std::string options_help()
{
    std::string text = cat(version_text(), "usage: minivisor [options]\n\n");
    for (auto const& row : table()) {
        auto const left = row.argument.empty() ? cat("-", row.name) : cat("-", row.name, " ", row.argument);
        text += left.size() < 28 ? cat(left, std::string(28 - left.size(), ' '), row.help, "\n")
                                 : cat(left, "\n", std::string(28, ' '), row.help, "\n");
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
        auto const* row = given.starts_with('-') ? find_row(name) : nullptr;
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
        auto applied = row->apply(options, argument, origin);
        if (!applied)
            return row->name == "machine" || row->name == "M" || row->name == "kernel"
                ? std::move(applied).error()
                : std::move(applied).error().context(origin);
    }
    return options;
}

} // namespace minivisor::main
