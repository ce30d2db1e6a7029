// SPDX-License-Identifier: GPL-3.0-or-later
// The machine, and what is in it at the start.
#include "main/option_row.hpp"
#include "qapi/codec.hpp"
#include "qapi/manual.hpp"
#include "util/text.hpp"

namespace minivisor::main {

namespace {

Result<void> set_name(Options& options, OptionUse const& use)
{
    for (auto const& [key, value, short_form] : TRY(read_items(use))) {
        if (key == "guest")
            options.machine.name = value;
        else if (key == "process")
            options.process_name = value;
        else if (!TRY(parse_switch(key, value)))
            return Error::generic("debug-threads=off is not supported: threads are always named");
    }
    return {};
}

Result<void> set_memory(Options& options, OptionUse const& use)
{
    for (auto const& [key, value, short_form] : TRY(read_items(use))) {
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
Result<void> check_accelerators(Options& options, std::string_view list)
{
    for (auto const name : util::split(list, ':')) {
        if (name != "kvm" && name != "tcg" && name != "none" && name != "qtest")
            return Error::generic(cat("invalid accelerator ", name));
        if (options.machine.kind != "none" && name == "kvm")
            return Error::generic(cat("accelerator kvm is not supported for machine ", options.machine.kind, " yet"));
    }
    return {};
}

Result<void> set_machine(Options& options, OptionUse const& use)
{
    if (use.argument == "help") {
        options.print_and_exit = "Supported machines are:\n"
                                 "mini                 machine that runs guests (no accelerator yet)\n"
                                 "none                 empty machine (default)\n";
        return {};
    }
    for (auto const& [key, value, short_form] : qapi::parse_qemu_opts(use.argument, "type").items) {
        if (key == "type")
            options.machine.kind = value;
        else if (key == "memory-backend")
            options.machine.memory_backend = value;
        else if (key == "accel")
            TRY(check_accelerators(options, value));
        else
            return Error::generic(cat("Property '", options.machine.kind, "-machine.", key, "' not found"));
    }
    return {};
}

Result<void> set_accel(Options& options, OptionUse const& use) { return check_accelerators(options, use.argument); }

Result<void> add_object(Options& options, OptionUse const& use)
{
    if (use.argument == "help" || use.argument.ends_with(",help"))
        options.object_help = use.argument;
    else
        options.objects.push_back({std::string(use.argument)});
    return {};
}

Result<void> add_device(Options& options, OptionUse const& use)
{
    qapi::Object arguments;
    std::string driver;
    for (auto const& [key, value, short_form] : qapi::parse_qemu_opts(use.argument, "driver").items) {
        if (key == "driver")
            driver = value;
        else if (qapi::type_of<machine::LoaderOptions>().find_member(key))
            arguments[key] = value;
        else
            return Error::generic(cat("Property '", driver, ".", key, "' not found"));
    }
    if (driver != "loader")
        return Error::generic(cat("'", driver, "' is not a valid device model name"));
    auto loader = TRY(qapi::decode<machine::LoaderOptions>(arguments, qapi::Spelling::qemu_opts));
    options.loaders.push_back({std::move(loader), use.origin});
    return {};
}

std::vector<OptionKey> device_keys()
{
    std::vector<OptionKey> keys{{"driver", "loader", "the device; there is no other"}};
    for (auto const& member : qapi::type_of<machine::LoaderOptions>().members)
        keys.push_back({member.name, qapi::value_word(*member.type), member.doc});
    return keys;
}

Result<void> set_uuid(Options& options, OptionUse const& use)
{
    options.machine.uuid = TRY(machine::parse_uuid(use.argument));
    return {};
}

Result<void> hold_guest(Options& options, OptionUse const&)
{
    options.machine.autostart = false;
    return {};
}

Result<void> refuse_kernel(Options&, OptionUse const&)
{
    return Error::generic("The -kernel parameter is not supported (use the generic 'loader' device instead).");
}

} // namespace

OptionGroup machine_options()
{
    std::vector<OptionKey> const machine_keys{{"type", "NAME", "`none` or `mini`; `help` lists them"},
        {"memory-backend", "ID", "the object that gives the RAM, in place of `-m`"},
        {"accel", "NAME[:NAME...]", "as `-accel`"}};
    return {"Machine",
        {
            {"machine", "[type=]NAME[,memory-backend=ID][,accel=NAME]", "the machine: none (default) or mini",
                set_machine, machine_keys},
            {"M", "[type=]NAME[,...]", "the same as -machine", set_machine, machine_keys},
            {"accel", "NAME[:NAME...]", "the accelerator: none", set_accel, {},
                "`kvm`, `tcg` and `qtest` are taken too where no CPU runs, as in machine `none`."},
            {"m", "[size=]SIZE", "RAM; a bare number counts MiB", set_memory,
                {{"size", "SIZE", "how much; suffixes K, M, G, T, P, E; rounded up to 8 KiB"}},
                "Machine `none` has no RAM without this option, or a memory backend."},
            {"name", "[guest=]TEXT[,process=TEXT][,debug-threads=on]", "the guest's name", set_name,
                {{"guest", "TEXT", "the guest's name, as `query-name` tells it"},
                    {"process", "TEXT", "the name of the process in ps(1)"},
                    {"debug-threads", "on", "threads have names; they always have"}}},
            {"uuid", "UUID", "the guest's UUID", set_uuid},
            {"S", "", "do not start the guest; type c at the monitor", hold_guest, {},
                "The run state is `prelaunch` then, and `cont` starts the guest."},
            {"object", "TYPE,id=ID[,NAME=VALUE...] or JSON", "create an object; help lists the types", add_object, {},
                "A comma inside a value is doubled; members of objects and lists are written with dots, as in "
                "`rules.0.match=*`. An argument that begins with `{` is JSON, as `object-add` takes it. `help` lists "
                "the "
                "types, `TYPE,help` the members of one; minivisor's objects.md has them all."},
            {"device", "loader,file=FILE,addr=ADDRESS", "load a flat image into RAM", add_device, device_keys()},
            {"kernel", "FILE", "refused, as by QEMU for machine none", refuse_kernel},
        }};
}

} // namespace minivisor::main
