// SPDX-License-Identifier: GPL-3.0-or-later
// What runs in the machine, on which CPUs, and what becomes of it when it ends.
#include "io/chardev_options.hpp"
#include "main/option_row.hpp"
#include "util/text.hpp"

#include <algorithm>
#include <ctime>
#include <limits>

namespace minivisor::main {

Result<void> choose_accelerators(Options& options, std::string_view list)
{
    options.mini.accelerators.clear();
    for (auto const name : util::split(list, ':')) {
        if (name != "kvm" && name != "tcg" && name != "none" && name != "qtest")
            return Error::generic(cat("invalid accelerator ", name));
        options.mini.accelerators.emplace_back(name);
    }
    return {};
}

Result<bool> parse_irqchip(std::string_view value)
{
    if (value == "split")
        return Error::generic("kernel-irqchip=split is not supported");
    return parse_switch("kernel-irqchip", value);
}

namespace {

Result<std::uint32_t> parse_dirty_ring_size(std::string_view value)
{
    auto const size = util::parse_uint64(value);
    if (!size)
        return Error::generic("Parameter 'dirty-ring-size' expects uint64");
    if (*size > std::numeric_limits<std::uint32_t>::max())
        return Error::generic("Parameter 'dirty-ring-size' expects uint32_t");
    if ((*size & (*size - 1)) != 0)
        return Error::generic("dirty-ring-size must be a power of two.");
    return static_cast<std::uint32_t>(*size);
}

Result<void> set_accel(Options& options, OptionUse const& use)
{
    if (use.argument == "help") {
        options.print_and_exit = "Accelerators supported in QEMU binary:\nkvm\nnone\n";
        return {};
    }
    for (auto const& [key, value, short_form] : TRY(read_items(use))) {
        if (key == "accel")
            TRY(choose_accelerators(options, value));
        else if (key == "dirty-ring-size")
            options.mini.dirty_ring_size = TRY(parse_dirty_ring_size(value));
        else
            options.mini.kernel_irqchip = TRY(parse_irqchip(value));
    }
    auto const& names = options.mini.accelerators;
    if (options.mini.dirty_ring_size > 0 && !names.empty()
        && std::find(names.begin(), names.end(), "kvm") == names.end())
        return Error::generic(cat("Property '", names.front(), "-accel.dirty-ring-size' not found"));
    return {};
}

/// As QEMU 7.2 fills in what is left out: cores before sockets.
Result<void> set_smp(Options& options, OptionUse const& use)
{
    std::uint64_t cpus = 0, maxcpus = 0, sockets = 0, dies = 0, clusters = 0, cores = 0, threads = 0;
    for (auto const& [key, value, short_form] : TRY(read_items(use))) {
        auto const number = util::parse_uint64(value);
        if (!number)
            return Error::generic(cat("Parameter 'smp.", key, "' expects integer"));
        if (*number == 0 && key != "cpus")
            return Error::generic("Invalid CPU topology: CPU topology parameters must be greater than zero");
        if (*number > 0xffff)
            return Error::generic(cat("Parameter 'smp.", key, "' is out of range"));
        auto& part = key == "cpus" ? cpus
            : key == "maxcpus"     ? maxcpus
            : key == "sockets"     ? sockets
            : key == "dies"        ? dies
            : key == "clusters"    ? clusters
            : key == "cores"       ? cores
                                   : threads;
        part = *number;
    }
    if (dies > 1 || clusters > 1)
        return Error::generic(cat(dies > 1 ? "dies" : "clusters", " not supported by this machine's CPU topology"));
    auto const total = maxcpus > 0 ? maxcpus : cpus;
    if (total > 0) {
        if (cores == 0)
            cores = std::max<std::uint64_t>(1,
                total
                    / std::max<std::uint64_t>(
                        1, std::max<std::uint64_t>(sockets, 1) * std::max<std::uint64_t>(threads, 1)));
        if (threads == 0)
            threads = std::max<std::uint64_t>(1, total / (std::max<std::uint64_t>(sockets, 1) * cores));
        if (sockets == 0)
            sockets = std::max<std::uint64_t>(1, total / (cores * threads));
    }
    auto const product
        = std::max<std::uint64_t>(sockets, 1) * std::max<std::uint64_t>(cores, 1) * std::max<std::uint64_t>(threads, 1);
    if (maxcpus == 0)
        maxcpus = cpus > 0 ? cpus : product;
    if (cpus == 0)
        cpus = maxcpus;
    if (product != maxcpus)
        return Error::generic(cat("Invalid CPU topology: product of the hierarchy must match maxcpus: sockets (",
            std::max<std::uint64_t>(sockets, 1), ") * cores (", std::max<std::uint64_t>(cores, 1), ") * threads (",
            std::max<std::uint64_t>(threads, 1), ") != maxcpus (", maxcpus, ")"));
    if (maxcpus < cpus)
        return Error::generic(
            cat("Invalid CPU topology: maxcpus must be equal to or greater than smp: sockets (", sockets, ") * cores (",
                cores, ") * threads (", threads, ") == maxcpus (", maxcpus, ") < smp_cpus (", cpus, ")"));
    if (maxcpus > cpus)
        return Error::generic("maxcpus above the number of CPUs is not supported: none can be added later");
    options.mini.cpus = static_cast<unsigned>(cpus);
    options.smp_origin = use.origin;
    return {};
}

Result<void> set_cpu(Options& options, OptionUse const& use)
{
    if (use.argument == "help") {
        options.print_and_exit
            = "Available CPUs:\nx86 host                  processor with all supported host features\n"
              "x86 max                   the same\n";
        return {};
    }
    if (use.argument != "host" && use.argument != "max")
        return Error::generic(cat("unable to find CPU model '", use.argument.substr(0, use.argument.find(',')), "'"));
    return {};
}

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
    for (auto& device : TRY(io::parse_short_chardev(use.argument, id)))
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
    for (auto const& [key, value, short_form] : TRY(read_items(use))) {
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
                                  options.machine.kind, "' is ", most))
            .context(options.smp_origin);
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
            {"accel", "[accel=]NAME[:NAME...][,kernel-irqchip=on|off][,dirty-ring-size=N]",
                "the accelerator: kvm, or none", set_accel,
                {{"accel", "NAME[:NAME...]", "the first of them that works"},
                    {"kernel-irqchip", "on|off",
                        "whether KVM plays the interrupt controllers and the timer, or this program; default on"},
                    {"dirty-ring-size", "N",
                        "each CPU notes the pages it writes in a ring of so many, a power of two, rather than in a "
                        "bitmap; default 0, no ring"}},
                "Without this option machine `mini` takes `kvm` where it works, else `none`: then no CPU runs, and a "
                "warning says so. `tcg` and `qtest` are other names for `none` here, so that lists such as `kvm:tcg` "
                "work. Machine `none` has no CPU and never opens /dev/kvm. With `kernel-irqchip=off`, and where KVM "
                "has no interrupt controllers, there is one CPU and no APIC."},
            {"smp", "[cpus=]N[,sockets=N][,cores=N][,threads=N]", "how many CPUs; default 1", set_smp,
                {{"cpus", "N", "how many"}, {"maxcpus", "N", "how many at most: the same number"},
                    {"sockets", "N", "sockets"}, {"dies", "1", "dies in a socket"},
                    {"clusters", "1", "clusters in a die"}, {"cores", "N", "cores in a cluster"},
                    {"threads", "N", "threads in a core"}},
                {}, "smp-opts"},
            {"cpu", "host", "the CPU: all that the host's offers", set_cpu, {},
                "`max` is the same. Models with fewer features are not there."},
            {"kernel", "FILE", "what to boot: Linux, multiboot, or a boot sector", set_kernel, {},
                "The file's first bytes tell what it is. Linux (bzImage) is entered by its 64-bit protocol, a "
                "multiboot "
                "image in 32-bit protected mode, a boot sector of 512 bytes in real mode at 0000:7c00."},
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
                    {"driftfix", "none|slew", "likewise: no tick is lost that could be made up for"}}},
            {"gdb", "CHARDEV", "gdb may come in there: tcp::1234, unix:PATH,server=on,wait=off, none", set_gdb, {},
                "The argument is as that of `-monitor`; `tcp:HOST:PORT` listens without another word. The guest stops "
                "when gdb comes, and goes on when it says so; with `-S` gdb is there before the first instruction. Up "
                "to four breakpoints, of either kind, are in the CPU's debug registers: nothing is written into the "
                "guest. There are no watchpoints. Whoever reaches the address has the whole guest."},
            {"s", "", "the same as -gdb tcp::1234", set_gdb},
            {"no-reboot", "", "a guest that resets itself ends the program", no_reboot},
            {"no-shutdown", "", "a guest that shuts down stops, and the program goes on", no_shutdown},
        }};
}

} // namespace minivisor::main
