// SPDX-License-Identifier: GPL-3.0-or-later
// Options that management programs always pass, taken as far as they change nothing here and refused beyond that.
#include "main/option_row.hpp"
#include "qapi/json.hpp"
#include "util/text.hpp"

#include <algorithm>

namespace minivisor::main {

namespace {

Result<void> nothing(Options&, OptionUse const&) { return {}; }

/// Options whose only value is "none": there is no such device.
Result<void> check_none(Options&, OptionUse const& use)
{
    if (use.argument == "none")
        return {};
    if (use.row.name == "vga")
        return Error::generic(cat("unknown vga type: ", use.argument));
    if (use.row.name == "display")
        return Error::generic(cat("Parameter 'type' does not accept value '", use.argument, "'"));
    return Error::generic(cat("-", use.row.name, " ", use.argument, " is not supported: there is no such device"));
}

/// Letters from a to p, each once.
Result<void> check_drives(std::string_view letters)
{
    for (std::size_t i = 0; i < letters.size(); ++i) {
        if (letters[i] < 'a' || letters[i] > 'p')
            return Error::generic(cat("Invalid boot device '", letters.substr(i, 1), "'"));
        if (letters.find(letters[i]) < i)
            return Error::generic(cat("Boot device '", letters.substr(i, 1), "' was given twice"));
    }
    return {};
}

Result<void> check_boot(Options&, OptionUse const& use)
{
    for (auto const& item : TRY(read_pairs(use, "order"))) {
        if (!use.row.has_key(item.name))
            return Error::generic(cat("Parameter 'boot.", item.name, "' is unexpected"));
        if (item.name == "strict" || item.name == "menu")
            TRY(parse_switch(cat("boot.", item.name), item.value));
        else
            TRY(check_drives(item.value));
    }
    return {};
}

Result<void> check_audiodev(Options&, OptionUse const& use)
{
    qapi::Object given;
    if (use.argument.starts_with('{')) {
        auto value = TRY(qapi::parse_json(use.argument));
        if (!value.is_object())
            return Error::generic("Invalid parameter type for 'audiodev', expected: dict");
        given = std::move(value.get_object());
    } else {
        given = TRY(qapi::parse_keyval(use.argument, "driver")).object;
    }
    for (auto const* key : {"driver", "id"}) {
        auto const* found = given.if_contains(key);
        if (!found)
            return Error::generic(cat("Parameter '", key, "' is missing"));
        if (!found->is_string())
            return Error::generic(cat("Invalid parameter type for '", key, "', expected: string"));
    }
    for (auto const& [key, value] : given)
        if (qapi::view(key) != "driver" && qapi::view(key) != "id")
            return Error::generic(cat("Parameter '", qapi::view(key), "' is unexpected"));
    auto const driver = qapi::str(given.at("driver").get_string());
    if (driver != "none")
        return Error::generic(cat("Parameter 'driver' does not accept value '", driver, "'"));
    return {};
}

} // namespace

bool is_of_qemu(std::string_view name)
{
    static constexpr std::string_view names[] = {"L", "acpitable", "async-teardown", "audio", "audio-help", "blockdev",
        "cdrom", "compat", "debugcon", "dfilter", "drive", "dtb", "dump-vmstate", "enable-sync-profile", "fda", "fdb",
        "fsdev", "full-screen", "fw_cfg", "g", "global", "hda", "hdb", "hdc", "hdd", "icount", "iscsi", "k", "loadvm",
        "mem-path", "mem-prealloc", "mtdblock", "netdev", "no-fd-bootchk", "numa", "only-migratable", "option-rom",
        "perfmap", "pflash", "plugin", "portrait", "preconfig", "prom-env", "qtest", "rotate", "sd", "seed",
        "semihosting", "semihosting-config", "set", "singlestep", "smbios", "snapshot", "spice", "tb-size", "tpmdev",
        "usb", "usbdevice", "virtfs", "watchdog-action", "win2k-hack", "writeconfig", "xen-attach", "xen-domid",
        "xen-domid-restrict"};
    return std::ranges::find(names, name) != std::end(names);
}

OptionGroup compatibility_options()
{
    return {"Taken for QEMU's sake: they change nothing",
        {
            {"no-user-config", "", "there is no file of options that is read unasked", nothing},
            {"display", "none", "there are no windows", check_none},
            {"vga", "none", "there is no graphics card", check_none, {}, {}, {}, true},
            {"vnc", "none", "there are no windows to look into", check_none},
            {"parallel", "none", "there is no parallel port", check_none},
            {"net", "none", "there is no network card", check_none},
            {"nic", "none", "likewise", check_none},
            {"audiodev", "[driver=]none,id=ID or JSON", "there is no sound", check_audiodev,
                {{"driver", "none", "no sound"}, {"id", "ID", "a name for it"}}},
            {"no-acpi", "", "there are no ACPI tables", nothing},
            {"no-hpet", "", "there is no HPET", nothing},
            {"boot", "[order=]DRIVES[,strict=on|off][,menu=on|off]", "for firmware, of which there is none", check_boot,
                {{"order", "DRIVES", "where to boot from"}, {"once", "DRIVES", "where to boot from first"},
                    {"strict", "on|off", "boot from nowhere else"}, {"menu", "on|off", "show a menu"}},
                {}, "boot-opts", true},
        }};
}

} // namespace minivisor::main
