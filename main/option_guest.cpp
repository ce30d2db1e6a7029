// SPDX-License-Identifier: GPL-3.0-or-later
// What runs in the machine, and what becomes of it when it ends.
#include "io/chardev_options.hpp"
#include "main/option_row.hpp"
#include "util/text.hpp"

#include <algorithm>
#include <ctime>

namespace minivisor::main {

namespace {

Result<void> add_serial(Options& options, OptionUse const& use)
{
    auto& serials = options.serials;
    if (use.argument == "none") {
        serials.push_back({{}, use.origin});
        return {};
    }
    if (use.argument.starts_with("chardev:")) {
        serials.push_back({std::string(use.argument.substr(8)), use.origin});
        return {};
    }
    auto const id = cat("serial", serials.size());
    for (auto& device : TRY(read_short_chardev(
             use, id, cat("could not connect serial device to character backend '", use.argument, "'"))))
        options.chardevs.push_back({std::move(device), use.origin});
    serials.push_back({id, use.origin});
    if (io::is_shared_with_monitor(use.argument)) {
        options.monitors.push_back({id, false, false, use.origin});
        options.has_monitor_option = true;
    }
    return {};
}

Result<void> set_nographic(Options& options, OptionUse const&)
{
    options.nographic = true;
    return {};
}

Result<void> set_gdb(Options& options, OptionUse const& use)
{
    std::string text(use.argument.empty() ? "tcp::1234" : use.argument);
    if (text == "none") {
        options.gdb.reset();
        return {};
    }
    if (options.gdb)
        return Error::generic("there is one gdb server, and it is asked for already");
    if (text.starts_with("chardev:")) {
        options.gdb = {text.substr(8), use.origin};
        return {};
    }
    if (text.starts_with("tcp:") && text.find(',') == text.npos)
        text += ",server=on,wait=off";
    for (auto& device : TRY(io::parse_short_chardev(text, "gdb")))
        options.chardevs.push_back({std::move(device), use.origin});
    options.gdb = {"gdb", use.origin};
    return {};
}

Result<void> set_bios(Options& options, OptionUse const& use)
{
    options.mini.boot.bios = use.argument;
    return {};
}

Result<void> set_kernel(Options& options, OptionUse const& use)
{
    options.mini.boot.kernel = use.argument;
    return {};
}

Result<void> set_append(Options& options, OptionUse const& use)
{
    options.mini.boot.append = use.argument;
    return {};
}

Result<void> set_initrd(Options& options, OptionUse const& use)
{
    options.mini.boot.initrd = use.argument;
    return {};
}

/// "2026-11-22T10:00:00" or "2026-11-22", as seconds since 1970.
std::optional<std::int64_t> parse_date(std::string const& text)
{
    std::tm time{};
    for (auto const* format : {"%Y-%m-%dT%H:%M:%S", "%Y-%m-%d"}) {
        time = {};
        auto const* end = strptime(text.c_str(), format, &time);
        if (end && *end == '\0')
            return timegm(&time);
    }
    return std::nullopt;
}

Result<void> set_rtc(Options& options, OptionUse const& use)
{
    auto const now = std::time(nullptr);
    auto const items = read_items(use);
    if (!items)
        return Error(items.error()).context(use.origin);
    for (auto const& [key, value, short_form] : *items) {
        if (key == "base" && value == "localtime") {
            std::tm local{};
            localtime_r(&now, &local);
            options.mini.rtc_offset = local.tm_gmtoff;
        } else if (key == "base" && value != "utc") {
            auto const date = parse_date(value);
            if (!date)
                return Error::generic("invalid datetime format")
                    .with_hint("valid formats: '2006-06-17T16:01:21' or '2006-06-17'");
            options.mini.rtc_offset = *date - now;
        } else if (key == "base") {
            options.mini.rtc_offset = 0;
        } else if (key == "clock" && value != "host" && value != "rt" && value != "vm") {
            return Error::generic(cat("invalid option value '", value, "'"));
        } else if (key == "driftfix" && value != "none" && value != "slew") {
            return Error::generic(cat("invalid option value '", value, "'"));
        } else if ((key == "clock" && value != "host") || (key == "driftfix" && value != "none")) {
            options.rtc_unsupported = cat(key, "=", value);
        }
    }
    return {};
}

/// What is not QEMU's default is there for the guest's end alone: nothing here notices a panic or a watchdog.
Result<void> set_action(Options& options, OptionUse const& use)
{
    struct Happening {
        std::string_view key;
        std::vector<std::string_view> words; ///< the default first
    };
    static Happening const happenings[] = {{"reboot", {"reset", "shutdown"}}, {"shutdown", {"poweroff", "pause"}},
        {"panic", {"shutdown", "pause", "exit-failure", "none"}},
        {"watchdog", {"reset", "shutdown", "poweroff", "pause", "debug", "none", "inject-nmi"}}};
    for (auto const& [key, value, short_form] : TRY(read_items(use))) {
        auto const* const what = std::ranges::find(happenings, key, &Happening::key);
        auto const word = std::ranges::find(what->words, value);
        if (word == what->words.end())
            return Error::generic(cat("Parameter '", key, "' does not accept value '", value, "'"));
        bool const as_usual = word == what->words.begin();
        if (key == "reboot")
            options.mini.no_reboot = !as_usual;
        else if (key == "shutdown")
            options.mini.no_shutdown = !as_usual;
        else if (!as_usual)
            return Error::generic(cat(key, "=", value, " is not supported: nothing here would notice"));
    }
    return {};
}

Result<void> no_reboot(Options& options, OptionUse const&)
{
    options.mini.no_reboot = true;
    return {};
}

Result<void> no_shutdown(Options& options, OptionUse const&)
{
    options.mini.no_shutdown = true;
    return {};
}

} // namespace

Result<void> check_guest(Options const& options)
{
    auto const& mini = options.mini;
    auto const most = machine::max_cpus(options.machine.kind);
    if (mini.cpus > most)
        return Error::generic(cat("Invalid SMP CPUs ", mini.cpus, ". The max CPUs supported by machine '",
            options.machine.kind, "' is ", most));
    if (mini.boot.append && !mini.boot.kernel)
        return Error::generic("-append only allowed with -kernel option");
    if (mini.boot.initrd && !mini.boot.kernel)
        return Error::generic("-initrd only allowed with -kernel option");
    if (options.machine.kind == "mini") {
        if (!options.rtc_unsupported.empty())
            return Error::generic(
                cat("-rtc ", options.rtc_unsupported, " is not supported: the clock follows the host's"));
        auto const& list = mini.accelerators;
        bool const kvm = list.empty() || std::find(list.begin(), list.end(), "kvm") != list.end();
        if (kvm && !mini.kernel_irqchip && mini.cpus > 1)
            return Error::generic(
                "kernel-irqchip=off allows one CPU: without local APICs nothing could start the others")
                .context(options.smp_origin);
        if (options.serials.size() > 1)
            return Error::generic("machine mini has one serial port").context(options.serials[1].origin);
        return {};
    }
    if (mini.boot.kernel)
        return Error::generic("The -kernel parameter is not supported (use the generic 'loader' device instead).");
    if (mini.boot.bios)
        return Error::generic(cat("machine ", options.machine.kind, " runs no firmware"))
            .context(cat("-bios ", *mini.boot.bios));
    for (auto const& serial : options.serials)
        if (!serial.chardev.empty())
            return Error::generic(
                cat(serial.origin, " is not supported: machine ", options.machine.kind, " has no serial port"));
    return {};
}

Result<void> fill_in(Options& options)
{
    if (!options.nographic || options.nodefaults || options.machine.kind != "mini")
        return {};
    auto const add = [&options](std::string_view name, std::string_view argument) {
        return find_option(name)->apply(options, {*find_option(name), argument, "-nographic"});
    };
    bool const no_monitor = !options.has_monitor_option;
    if (options.serials.empty())
        TRY(add("serial", no_monitor ? "mon:stdio" : "stdio"));
    else if (no_monitor)
        TRY(add("monitor", "stdio"));
    return {};
}

OptionGroup guest_options()
{
    return {"Guest",
        {
            {"kernel", "FILE", "what to boot: Linux, multiboot, or a boot sector", set_kernel, {},
                "The file's first bytes tell what it is. Linux (bzImage) is entered by its 64-bit protocol, a "
                "multiboot "
                "image in 32-bit protected mode, a boot sector of 512 bytes in real mode at 0000:7c00.",
                {}, true},
            {"append", "TEXT", "the kernel's command line", set_append},
            {"initrd", "FILE", "its first RAM disk; for multiboot, modules with their command lines", set_initrd},
            {"bios", "FILE", "a firmware image; it ends at 4 GiB and is entered at the reset vector", set_bios},
            {"serial", "CHARDEV", "what the serial port is connected to", add_serial, {},
                "The argument is as that of `-monitor`. The character device gets the id `serial0`. `mon:stdio` shares "
                "the "
                "terminal between the port and a human monitor: Ctrl-A c goes from one to the other, Ctrl-A h lists "
                "what "
                "else there is, and Ctrl-C is for the guest."},
            {"nographic", "", "no windows; machine mini: the serial port and a monitor on the terminal", set_nographic,
                {},
                "On machine `mini` it stands for `-serial mon:stdio` where neither `-serial` nor a monitor is asked "
                "for; where one of them is, the other one gets standard input and output. Else there is nothing to "
                "change."},
            {"rtc", "[base=utc|localtime|DATE][,clock=host][,driftfix=none]", "what time the guest's clock shows",
                set_rtc,
                {{"base", "utc|localtime|DATE", "the time at the start; it goes on with the host's clock"},
                    {"clock", "host|rt|vm", "what it follows; the latter two only where there is no clock"},
                    {"driftfix", "none|slew", "likewise: no tick is lost that could be made up for"}},
                {}, {}, true},
            {"gdb", "CHARDEV", "gdb may come in there: tcp::1234, unix:PATH,server=on,wait=off, none", set_gdb, {},
                "The argument is as that of `-monitor`; `tcp:HOST:PORT` listens without another word. The guest stops "
                "when gdb comes, and goes on when it says so; with `-S` gdb is there before the first instruction. Up "
                "to four breakpoints, of either kind, are in the CPU's debug registers: nothing is written into the "
                "guest. There are no watchpoints. Whoever reaches the address has the whole guest."},
            {"s", "", "the same as -gdb tcp::1234", set_gdb},
            {"no-reboot", "", "a guest that resets itself ends the program", no_reboot},
            {"no-shutdown", "", "a guest that shuts down stops, and the program goes on", no_shutdown},
            {"action", "[reboot=reset|shutdown][,shutdown=poweroff|pause]", "what a guest's reset and shutdown do",
                set_action,
                {{"reboot", "reset|shutdown", "`shutdown`: as `-no-reboot`"},
                    {"shutdown", "poweroff|pause", "`pause`: as `-no-shutdown`"},
                    {"panic", "shutdown", "nothing here notices a panic; other values are refused"},
                    {"watchdog", "reset", "there is none; likewise"}}},
        }};
}

} // namespace minivisor::main
