// SPDX-License-Identifier: GPL-3.0-or-later
// The guest's CPUs, and what runs them.
#include "main/option_row.hpp"
#include "util/text.hpp"

#include <algorithm>
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
    if (value != "on" && value != "off")
        return Error::generic(cat("Parameter 'kernel-irqchip' does not accept value '", value, "'"));
    return value == "on";
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
    auto const given = qapi::parse_qemu_opts(use.argument, "accel").items;
    auto const named = std::ranges::find(given, "accel", &qapi::QemuOpt::name);
    if (use.argument == "help" || named == given.end()) {
        options.print_and_exit = "Accelerators supported in QEMU binary:\nkvm\nnone\n";
        return {};
    }
    warn_of_short_forms(given, use.origin);
    for (auto const& [key, value, short_form] : given) {
        if (!use.row.has_key(key))
            return Error::generic(cat("Property '", named->value, "-accel.", key, "' not found"));
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
    for (auto const& [key, value, short_form] : TRY(read_pairs(use, "cpus"))) {
        if (!use.row.has_key(key))
            return Error::generic(cat("Parameter 'smp.", key, "' is unexpected"));
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
            sockets = total / (cores * threads);
    } else {
        sockets = std::max<std::uint64_t>(sockets, 1);
        cores = std::max<std::uint64_t>(cores, 1);
        threads = std::max<std::uint64_t>(threads, 1);
    }
    auto const product = sockets * cores * threads;
    if (maxcpus == 0)
        maxcpus = cpus > 0 ? cpus : product;
    if (cpus == 0)
        cpus = maxcpus;
    if (product != maxcpus)
        return Error::generic(cat("Invalid CPU topology: product of the hierarchy must match maxcpus: sockets (",
            sockets, ") * cores (", cores, ") * threads (", threads, ") != maxcpus (", maxcpus, ")"));
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

Result<void> enable_kvm(Options& options, OptionUse const&) { return choose_accelerators(options, "kvm"); }

} // namespace

OptionGroup cpu_options()
{
    return {"CPUs",
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
            {"enable-kvm", "", "the same as -accel kvm", enable_kvm},
            {"smp", "[cpus=]N[,sockets=N][,cores=N][,threads=N]", "how many CPUs; default 1", set_smp,
                {{"cpus", "N", "how many"}, {"maxcpus", "N", "how many at most: the same number"},
                    {"sockets", "N", "sockets"}, {"dies", "1", "dies in a socket"},
                    {"clusters", "1", "clusters in a die"}, {"cores", "N", "cores in a cluster"},
                    {"threads", "N", "threads in a core"}},
                {}, "smp-opts", true},
            {"cpu", "host", "the CPU: all that the host's offers", set_cpu, {},
                "`max` is the same. Models with fewer features are not there.", {}, true},
        }};
}

} // namespace minivisor::main
