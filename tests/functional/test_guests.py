# SPDX-License-Identifier: GPL-3.0-or-later
"""The guests of tests/guests do in a real QEMU what their README says; so a failure in minivisor is minivisor's."""
import os
import re

from harness import guests


def run(t, name, *more, qmp=0, **parameters):
    t.requires_minivisor("the guests lie beside minivisor")
    if not os.access("/dev/kvm", os.R_OK | os.W_OK):
        t.skip("/dev/kvm cannot be used")
    image = guests.image(t, name, "bin", **parameters)
    return t.start("-M", "microvm", "-accel", "kvm", "-nodefaults", "-display", "none", "-no-reboot", "-bios", image, "-serial", "stdio",
                   *more, binary=t.real_qemu(), base=(), qmp=qmp)


def wait_for(vm, pattern):
    return vm.out.wait(lambda data: re.search(pattern, data), 30, pattern.decode())


def test_counter(t):
    "the counter counts in decimal"
    wait_for(run(t, "counter", pace=0), b"^" + b"\n".join(b"%d" % i for i in range(120)) + b"\n")


def test_walker(t):
    "the walker's rounds grow by one and it sees no error where none is"
    wait_for(run(t, "walker", pages=16, first=0x200000),
             b"^" + b"".join(b"W %08x 00000000\n" % i for i in range(1, 300)))


def test_walker_loses(t):
    "a byte that changed behind its back is told by the walker once"
    vm = run(t, "walker", "-gdb", "unix:%s,server=on,wait=off" % t.path("gdb"), qmp=1, pages=4, rest=100000)
    wait_for(vm, b"W 00000003 00000000\n")
    vm.qmp.cmd("stop")
    guests.poke(t.path("gdb"), 0x101000, b"\xee")
    vm.qmp.cmd("cont")
    found = wait_for(vm, rb"LOST 00101000 ([0-9a-f]{8})\nW [0-9a-f]{8} 00000001\n")
    lost = int(found.group(1), 16)
    wait_for(vm, b"W %08x 00000001\n" % (lost + 5))
    t.eq(vm.out.data.count(b"LOST"), 1, "reports")


def test_walker2(t):
    "on two CPUs each walks its own range"
    vm = run(t, "walker2", "-smp", "2", pages=8)
    vm.out.wait(lambda data: data.count(b"W ") > 50 and data.count(b"X ") > 50, 30, "rounds of both CPUs")
    lines = vm.out.text().split("\n")[:-1]
    for letter in "WX":
        mine = [line for line in lines if line.startswith(letter)]
        t.eq(mine, ["%s %08x 00000000" % (letter, i + 1) for i in range(len(mine))])


def test_walker2_alone(t):
    "with one CPU it walks alone"
    wait_for(run(t, "walker2", pages=8), b"^" + b"".join(b"W %08x 00000000\n" % i for i in range(1, 50)))


def test_timer(t):
    "the timer counts its interrupts"
    wait_for(run(t, "timer", divisor=2000, every=3), b"T 00000003\nT 00000006\nT 00000009\n")


def test_echo(t):
    "the echo sends back what comes in"
    vm = run(t, "echo")
    wait_for(vm, b"^READY\n")
    os.write(vm.input, b"Guten Tag")
    wait_for(vm, b"Guten Tag")


def test_exit(t):
    "exit leaves by the debug exit port"
    vm = run(t, "exit", "-device", "isa-debug-exit,iobase=0xf4,iosize=4", value=3)
    vm.wait_exit(7)
    t.eq(vm.out.data, b"EXIT\n")


def test_exit_without_device(t):
    "exit says so when the port does nothing"
    wait_for(run(t, "exit"), b"^EXIT\nSTILL HERE\n")


def test_triple(t):
    "a triple fault is a reset"
    vm = run(t, "triple")
    vm.wait_exit(0)
    t.eq(vm.out.data, b"BOOT\n")


def test_reset_and_poweroff_without_ports(t):
    "reset and poweroff print their mark"
    wait_for(run(t, "reset"), b"^BOOT\n")
    wait_for(run(t, "poweroff"), b"^OFF\nSTILL HERE\n")


def test_flood(t):
    "the flood ends with a word"
    wait_for(run(t, "flood", lines=100), b"n\n(01234[^\n]*\n)+DONE\n$")


def test_outside(t):
    "outside of RAM zeros are read, and ones of a port where nothing is"
    vm = run(t, "outside", qmp=1)
    wait_for(vm, b"^R 00000000\nP ffffffff\n")
    t.eq(vm.qmp.cmd("query-status")["status"], "running")


def test_spin_and_halt(t):
    "spin and halt print their mark and stay"
    wait_for(run(t, "spin"), b"^SPIN\n$")
    wait_for(run(t, "halt"), b"^HALT\n$")


def test_rubbish(t):
    "noise ends in a triple fault or in an internal error"
    vm = run(t, "rubbish", "-no-shutdown", "-S", qmp=1)
    vm.qmp.cmd("cont")
    vm.qmp.wait_event("STOP", seconds=20)
    t.check(vm.qmp.cmd("query-status")["status"] in ("shutdown", "internal-error"), "what became of the guest")
    t.eq(vm.out.data, b"RUBBISH\n")
