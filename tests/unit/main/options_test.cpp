// SPDX-License-Identifier: GPL-3.0-or-later
// Facts: qmp-surface sections 3.8 and 16; texts of QEMU 7.2.
#include "main/options.hpp"

#include <catch2/catch.hpp>

namespace minivisor::main {
namespace {

Result<Options> parse(std::vector<char const*> arguments)
{
    arguments.insert(arguments.begin(), "minivisor");
    return parse_options(static_cast<int>(arguments.size()), arguments.data());
}

std::string refused(std::vector<char const*> arguments)
{
    auto const options = parse(std::move(arguments));
    return options ? "" : options.error().desc();
}

} // namespace

TEST_CASE("options: without any, the machine is none and starts by itself")
{
    auto const options = parse({}).value();
    CHECK(options.machine.kind == "none");
    CHECK(options.machine.autostart);
    CHECK_FALSE(options.machine.incoming);
    CHECK_FALSE(options.machine.ram_size);
    CHECK_FALSE(options.has_monitor_option);
    CHECK_FALSE(options.print_and_exit);
}

TEST_CASE("options: one dash or two; what is none is refused by name")
{
    CHECK_FALSE(parse({"--S"}).value().machine.autostart);
    CHECK(refused({"-bogus"}) == "-bogus: invalid option");
    CHECK(refused({"---S"}) == "---S: invalid option");
    CHECK(refused({"disk.img"}) == "disk.img: a disk image is not supported");
    CHECK(refused({"-qmp"}) == "-qmp: requires an argument");
}

TEST_CASE("options: -m counts MiB, takes suffixes and whole pages")
{
    auto const size = [](char const* text) { return parse({"-m", text}).value().machine.ram_size.value(); };
    CHECK(size("64") == 64u << 20);
    CHECK(size("size=1G") == 1u << 30);
    CHECK(size("8192B") == 8192);
    CHECK(size("8193B") == 16384);
    CHECK(size("0") == 0);
    CHECK(refused({"-m", "20E"}) == "-m 20E: Value '20E' is out of range for parameter 'size'");
    CHECK(refused({"-m", "x"}) == "-m x: Parameter 'size' expects a non-negative number below 2^64");
    CHECK(refused({"-m", "-1"}) != "");
    CHECK(refused({"-m", "64,slots=2"}) == "-m 64,slots=2: Invalid parameter 'slots'");
    CHECK(refused({"-m", "18446744073709551615B"}) == "-m 18446744073709551615B: ram size too large");
}

TEST_CASE("options: -name, -uuid, -S, -pidfile and the switches")
{
    auto const options = parse({"-name", "guest=vm", "-uuid", "550e8400-e29b-41d4-a716-446655440000", "-S", "-pidfile",
                                   "/p", "-daemonize", "-nodefaults", "-no-user-config", "-display", "none"})
                             .value();
    CHECK(options.machine.name == "vm");
    CHECK(machine::to_text(*options.machine.uuid) == "550e8400-e29b-41d4-a716-446655440000");
    CHECK_FALSE(options.machine.autostart);
    CHECK(options.pidfile == "/p");
    CHECK(options.daemonize);
    CHECK(options.nodefaults);
    CHECK(parse({"-name", "vm"}).value().machine.name == "vm");
    CHECK(refused({"-name", "vm,x=1"}) == "-name vm,x=1: Invalid parameter 'x'");
    CHECK(refused({"-uuid", "x"}) == "-uuid x: failed to parse UUID string: wrong format");
    CHECK(refused({"-display", "gtk"}) == "-display gtk: Parameter 'type' does not accept value 'gtk'");
}

TEST_CASE("options: -machine takes a type, a backend and an accelerator")
{
    auto const options = parse({"-machine", "none,memory-backend=mem,accel=kvm:tcg"}).value();
    CHECK(options.machine.kind == "none");
    CHECK(options.machine.memory_backend == "mem");
    CHECK(parse({"-M", "type=mini"}).value().machine.kind == "mini");
    CHECK(refused({"-machine", "none,bogus=1"}) == "Property 'none-machine.bogus' not found");
    CHECK(refused({"-M", "none,accel=bogus"}) == "invalid accelerator bogus");
    CHECK(refused({"-accel", "bogus"}) == "-accel bogus: invalid accelerator bogus");
    CHECK(refused({"-M", "mini,accel=kvm:xen"}) == "invalid accelerator xen");
    CHECK(refused({"-M", "mini", "-accel", "kvm,kernel-irqchip=split"})
        == "-accel kvm,kernel-irqchip=split: kernel-irqchip=split is not supported");
    CHECK_FALSE(parse({"-M", "mini", "-accel", "kvm,kernel-irqchip=off"}).value().mini.kernel_irqchip);
    CHECK(refused({"-M", "mini,kernel_irqchip=off", "-smp", "2"})
        == "-smp 2: kernel-irqchip=off allows one CPU: without local APICs nothing could start the others");
    CHECK(parse({"-M", "mini,kernel_irqchip=off,accel=none", "-smp", "2"}));
    CHECK(parse({"-machine", "help"}).value().print_and_exit->starts_with("Supported machines are:\n"));
    CHECK(refused({"-kernel", "k"})
        == "The -kernel parameter is not supported (use the generic 'loader' device instead).");
}

TEST_CASE("options: -enable-kvm is -accel kvm, and -action says what the guest's end is")
{
    CHECK(parse({"-M", "mini", "-enable-kvm"}).value().mini.accelerators == std::vector<std::string>{"kvm"});
    auto const options = parse({"-action", "reboot=shutdown,shutdown=pause"}).value();
    CHECK(options.mini.no_reboot);
    CHECK(options.mini.no_shutdown);
    CHECK_FALSE(parse({"-no-reboot", "-action", "reboot=reset,panic=shutdown"}).value().mini.no_reboot);
    CHECK(refused({"-action", "panic=none"})
        == "-action panic=none: panic=none is not supported: nothing here would notice");
    CHECK(refused({"-action", "reboot=foo"}) == "-action reboot=foo: Parameter 'reboot' does not accept value 'foo'");
}

TEST_CASE("options: what QEMU has and minivisor has not is told apart from what neither has")
{
    CHECK(refused({"-netdev", "user,id=n"}) == "-netdev: this option of QEMU is not supported");
    CHECK(refused({"-nettdev", "user,id=n"}) == "-nettdev: invalid option");
    CHECK(refused({"-vnc", ":1"}) == "-vnc :1: -vnc :1 is not supported: there is no such device");
    CHECK(parse({"-vnc", "none", "-no-hpet"}));
}

TEST_CASE("options: -object is kept as text, help apart")
{
    auto const options = parse({"-object", "authz-simple,id=a,identity=x", "-object", "{}"}).value();
    REQUIRE(options.objects.size() == 2);
    CHECK(options.objects[0].text == "authz-simple,id=a,identity=x");
    CHECK_FALSE(options.object_help);
    CHECK(parse({"-object", "help"}).value().object_help == "help");
    CHECK(parse({"-object", "authz-simple,help"}).value().object_help == "authz-simple,help");
}

TEST_CASE("options: -incoming awaits a guest, -incoming-keep survives a failed load")
{
    auto const options = parse({"-incoming", "tcp:0:4444", "-incoming-keep"}).value();
    CHECK(options.incoming == "tcp:0:4444");
    CHECK(options.machine.incoming);
    CHECK(options.incoming_keep);
    CHECK(parse({"-incoming", "defer"}).value().incoming == "defer");
}

TEST_CASE("options: -device loader and its arguments; no other device")
{
    auto const options = parse({"-device", "loader,addr=0x1000,data=7,data-len=4,data-be=on"}).value();
    REQUIRE(options.loaders.size() == 1);
    CHECK(options.loaders[0].loader.addr == 0x1000);
    CHECK(options.loaders[0].loader.data == 7);
    CHECK(options.loaders[0].loader.data_len == 4);
    CHECK(options.loaders[0].loader.data_be == true);
    auto const json = parse({"-device", R"({"driver": "loader", "id": "l", "addr": 4096, "data": 7, "data-len": 4})"});
    CHECK(json.value().loaders[0].loader.addr == 0x1000);
    CHECK(refused({"-device", R"({"driver":"virtio-net"})"})
        == R"(-device {"driver":"virtio-net"}: 'virtio-net' is not a valid device model name)");
    CHECK(refused({"-device", R"({"driver":"loader","addr":"x"})"})
        == R"(-device {"driver":"loader","addr":"x"}: Parameter 'addr' expects uint64)");
    CHECK(refused({"-device", R"({"driver":"loader","id":"1"})"})
        == R"(-device {"driver":"loader","id":"1"}: Parameter 'id' expects an identifier)");
    CHECK(refused({"-device", "loader,x=1"}) == "-device loader,x=1: Property 'loader.x' not found");
    CHECK(refused({"-device", "loader,addr=x"}) == "-device loader,addr=x: Parameter 'addr' expects integer");
    CHECK(refused({"-device", "virtio-net"}) == "-device virtio-net: 'virtio-net' is not a valid device model name");
}

TEST_CASE("options: short monitors make a character device each")
{
    auto const options
        = parse({"-qmp", "stdio", "-qmp-pretty", "unix:/q,server=on,wait=off", "-monitor", "null"}).value();
    REQUIRE(options.monitors.size() == 3);
    REQUIRE(options.chardevs.size() == 3);
    CHECK(options.monitors[0].control);
    CHECK_FALSE(options.monitors[0].pretty);
    CHECK(options.monitors[1].control);
    CHECK(options.monitors[1].pretty);
    CHECK_FALSE(options.monitors[2].control);
    for (std::size_t i = 0; i < 3; ++i)
        CHECK(options.monitors[i].chardev == options.chardevs[i].device.id);
    CHECK(options.chardevs[0].device.id != options.chardevs[1].device.id);
    CHECK(options.chardevs[1].origin == "-qmp-pretty unix:/q,server=on,wait=off");
    auto const none = parse({"-monitor", "none"}).value();
    CHECK(none.has_monitor_option);
    CHECK(none.monitors.empty());
    CHECK(none.chardevs.empty());
    CHECK(parse({"-qmp", "chardev:c"}).value().monitors[0].chardev == "c");
    CHECK(refused({"-qmp", "pigeon"}) == "-qmp pigeon: parse error: pigeon"); // after the reason
}

TEST_CASE("options: -mon puts a monitor on a device by name")
{
    auto const options = parse({"-chardev", "stdio,id=c", "-mon", "c,mode=control,pretty=on"}).value();
    REQUIRE(options.monitors.size() == 1);
    CHECK(options.monitors[0].chardev == "c");
    CHECK(options.monitors[0].control);
    CHECK(options.monitors[0].pretty);
    CHECK_FALSE(parse({"-mon", "chardev=c,mode=readline"}).value().monitors[0].control);
    CHECK(refused({"-mon", "c,mode=x"}) == "-mon c,mode=x: Parameter 'mode' does not accept value 'x'");
    CHECK(refused({"-mon", "c,pretty=on"}) == "-mon c,pretty=on: 'pretty' is not compatible with HMP monitors");
    CHECK(refused({"-mon", "c,pretty=maybe,mode=control"})
        == "-mon c,pretty=maybe,mode=control: Parameter 'pretty' expects 'on' or 'off'");
    CHECK(refused({"-mon", "c,x=1"}) == "-mon c,x=1: Invalid parameter 'x'");
}

TEST_CASE("options: ids of chardevs are unique, and help lists the kinds")
{
    CHECK(refused({"-chardev", "null,id=c", "-chardev", "stdio,id=c"})
        == "-chardev stdio,id=c: Duplicate ID 'c' for chardev");
    CHECK(parse({"-chardev", "help"}).value().print_and_exit->starts_with("Available chardev backend types: \n  "));
}

TEST_CASE("options: help and version are printed and name every option")
{
    CHECK(parse({"-version"}).value().print_and_exit->starts_with("QEMU emulator version 7.2.0"));
    auto const help = parse({"-help"}).value().print_and_exit.value();
    CHECK(help == options_help());
    CHECK(parse({"-h"}).value().print_and_exit == help);
    for (auto const* name : {"-machine ", "-m ", "-object ", "-incoming ", "-qmp ", "-chardev ", "-mon ", "-device "})
        CHECK(help.find(name) != std::string::npos);
}

} // namespace minivisor::main
