// SPDX-License-Identifier: GPL-3.0-or-later
// The machine, and what is in it at the start.
#include "main/option_row.hpp"
#include "qapi/codec.hpp"
#include "qapi/json.hpp"
#include "qapi/manual.hpp"
#include "util/identifier.hpp"
#include "util/size.hpp"
#include "util/text.hpp"
#include "util/units.hpp"

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
        auto const size = TRY(util::read_size("size", value, util::mib));
        constexpr std::uint64_t step = 8192; // as QEMU rounds up
        if (size > UINT64_MAX - (step - 1))
            return Error::generic("ram size too large");
        options.machine.ram_size = (size + step - 1) / step * step;
    }
    return {};
}

/// What is off and cannot be on.
Result<void> refuse_on(std::string_view key, std::string_view value)
{
    if (TRY(parse_switch(key, value)))
        return Error::generic(cat(key, "=on is not supported"));
    return {};
}

Result<void> set_machine(Options& options, OptionUse const& use)
{
    if (use.argument == "help" || use.argument == "?") {
        options.print_and_exit = "Supported machines are:\n"
                                 "mini                 small PC that runs guests with KVM\n"
                                 "none                 empty machine (default)\n";
        return {};
    }
    auto const given = qapi::parse_qemu_opts(use.argument, "type");
    if (given.help) {
        auto const* type = given.find_last("type");
        options.print_and_exit = keys_help(use.row, cat(type ? type->value : options.machine.kind, "-machine"));
        return {};
    }
    for (auto const& [key, value, short_form] : TRY(read_pairs(use, "type"))) {
        if (key == "type")
            options.machine.kind = value;
        else if (key == "memory-backend")
            options.machine.memory_backend = value;
        else if (key == "accel")
            TRY(choose_accelerators(options, value));
        else if (key == "kernel_irqchip" || key == "kernel-irqchip")
            options.mini.kernel_irqchip = TRY(parse_irqchip(value));
        else if (key == "dump-guest-core")
            options.machine.dump_guest_core = TRY(parse_switch(key, value));
        else if (key == "mem-merge")
            options.machine.mem_merge = TRY(parse_switch(key, value));
        else if (key == "usb")
            TRY(refuse_on(key, value));
        else
            return Error::generic(cat("Property '", options.machine.kind, "-machine.", key, "' not found"));
    }
    return {};
}

Result<void> add_object(Options& options, OptionUse const& use)
{
    if (use.argument == "help" || use.argument.ends_with(",help")) {
        options.object_help = use.argument;
        return {};
    }
    if (!use.argument.starts_with('{'))
        warn_of_short_forms(qapi::parse_qemu_opts(use.argument, "qom-type").items, use.origin);
    options.objects.push_back({std::string(use.argument)});
    return {};
}

Result<void> add_debug_exit(Options& options, std::vector<qapi::QemuOpt> const& items)
{
    hw::MiniOptions::DebugExit ports;
    for (auto const& [key, value, short_form] : items) {
        if (key == "driver" || key == "id")
            continue;
        if (key != "iobase" && key != "iosize")
            return Error::generic(cat("Property 'isa-debug-exit.", key, "' not found"));
        auto const number = util::parse_uint64(value);
        if (!number || *number > UINT16_MAX)
            return Error::generic(cat("Parameter '", key, "' expects uint64"));
        (key == "iobase" ? ports.iobase : ports.iosize) = static_cast<std::uint16_t>(*number);
    }
    if (options.machine.kind != "mini")
        return Error::generic("No 'ISA' bus found for device 'isa-debug-exit'");
    if (options.mini.debug_exit)
        return Error::generic("there is an isa-debug-exit already");
    options.mini.debug_exit = ports;
    return {};
}

Result<void> add_loader(Options& options, std::string_view driver, qapi::Object const& arguments,
    qapi::Spelling spelling, std::string const& origin)
{
    if (driver != "loader")
        return Error::generic(cat("'", driver, "' is not a valid device model name"));
    for (auto const& [key, value] : arguments)
        if (!qapi::type_of<machine::LoaderOptions>().find_member(qapi::view(key)))
            return Error::generic(cat("Property 'loader.", qapi::view(key), "' not found"));
    options.loaders.push_back({TRY(qapi::decode<machine::LoaderOptions>(arguments, spelling)), origin});
    return {};
}

/// {"driver": "loader", ...}
Result<void> add_json_device(Options& options, OptionUse const& use)
{
    auto given = TRY(qapi::parse_json(use.argument));
    if (!given.is_object())
        return Error::generic("Invalid parameter type for 'device', expected: dict");
    auto& arguments = given.get_object();
    auto const* named = arguments.if_contains("driver");
    if (!named)
        return Error::generic("Parameter 'driver' is missing");
    if (!named->is_string())
        return Error::generic("Invalid parameter type for 'driver', expected: string");
    auto const driver = qapi::str(named->get_string());
    if (auto const* id = arguments.if_contains("id")) {
        if (!id->is_string())
            return Error::generic("Invalid parameter type for 'id', expected: string");
        TRY(util::check_id(qapi::view(id->get_string())));
    }
    arguments.erase("driver");
    arguments.erase("id");
    return add_loader(options, driver, arguments, qapi::Spelling::json, use.origin);
}

Result<void> add_device(Options& options, OptionUse const& use)
{
    if (use.argument.starts_with('{'))
        return add_json_device(options, use);
    qapi::Object arguments;
    std::string driver;
    auto const given = qapi::parse_qemu_opts(use.argument, "driver");
    if (use.argument == "help") {
        options.print_and_exit
            = "Misc devices:\nname \"isa-debug-exit\", bus ISA\nname \"loader\", desc \"Generic Loader\"\n";
        return {};
    }
    if (given.help && given.find_last("driver") && given.find_last("driver")->value == "loader") {
        options.print_and_exit = keys_help(use.row, "loader");
        return {};
    }
    if (auto const* named = given.find_last("driver"); named && named->value == "isa-debug-exit")
        return add_debug_exit(options, given.items);
    warn_of_short_forms(given.items, use.origin);
    for (auto const& [key, value, short_form] : given.items) {
        if (key == "driver")
            driver = value;
        else if (key == "id")
            TRY(util::check_id(value)); // nothing asks for it
        else
            arguments[key] = value;
    }
    if (!given.find_last("driver"))
        return Error::generic("Parameter 'driver' is missing");
    return add_loader(options, driver, arguments, qapi::Spelling::keyval, use.origin);
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

Result<void> set_overcommit(Options& options, OptionUse const& use)
{
    for (auto const& [key, value, short_form] : TRY(read_items(use))) {
        bool const on = TRY(parse_switch(key, value));
        if (key == "mem-lock")
            options.lock_memory = on;
        else if (on)
            return Error::generic("cpu-pm=on is not supported");
    }
    return {};
}

} // namespace

OptionGroup machine_options()
{
    std::vector<OptionKey> const machine_keys{{"type", "NAME", "`none` or `mini`; `help` lists them"},
        {"memory-backend", "ID", "the object that gives the RAM, in place of `-m`"},
        {"accel", "NAME[:NAME...]", "as `-accel`"}, {"kernel_irqchip", "on|off", "as `-accel kvm,kernel-irqchip=`"},
        {"dump-guest-core", "on|off", "the guest's memory is part of core dumps of this process; default on"},
        {"mem-merge", "on|off", "equal pages of memory may be merged (KSM); default on"},
        {"usb", "off", "no USB; there is none"}};
    return {"Machine",
        {
            {"machine", "[type=]NAME[,memory-backend=ID][,accel=NAME]", "the machine: none (default) or mini",
                set_machine, machine_keys, {}, {}, true},
            {"M", "[type=]NAME[,...]", "the same as -machine", set_machine, machine_keys, {}, {}, true},
            {"m", "[size=]SIZE", "RAM; a bare number counts MiB", set_memory,
                {{"size", "SIZE", "how much; suffixes K, M, G, T, P, E; rounded up to 8 KiB"}},
                "Machine `none` has no RAM without this option, or a memory backend.", "memory"},
            {"name", "[guest=]TEXT[,process=TEXT][,debug-threads=on]", "the guest's name", set_name,
                {{"guest", "TEXT", "the guest's name, as `query-name` tells it"},
                    {"process", "TEXT", "the name of the process in ps(1)"},
                    {"debug-threads", "on", "threads have names; they always have"}}},
            {"uuid", "UUID", "the guest's UUID", set_uuid},
            {"overcommit", "[mem-lock=on|off][,cpu-pm=off]", "whether all memory of the process is locked",
                set_overcommit,
                {{"mem-lock", "on|off", "lock it, so that nothing is swapped out; default off"},
                    {"cpu-pm", "off", "CPUs that idle give their time back"}}},
            {"S", "", "do not start the guest; type c at the monitor", hold_guest, {},
                "The run state is `prelaunch` then, and `cont` starts the guest."},
            {"object", "TYPE,id=ID[,NAME=VALUE...] or JSON", "create an object; help lists the types", add_object, {},
                "A comma inside a value is doubled; members of objects and lists are written with dots, as in "
                "`rules.0.match=*`. An argument that begins with `{` is JSON, as `object-add` takes it. `help` lists "
                "the "
                "types, `TYPE,help` the members of one; minivisor's objects.md has them all."},
            {"device", "[driver=]loader,file=FILE,addr=ADDRESS", "load a flat image into RAM; also JSON", add_device,
                device_keys()},
        }};
}

} // namespace minivisor::main
