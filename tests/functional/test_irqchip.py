# SPDX-License-Identifier: GPL-3.0-or-later
"""A machine in which KVM plays neither the interrupt controllers nor the timer runs guests all the same."""
import os
import random
import re

from harness import guests, migration

OFF = "kvm,kernel-irqchip=off"


def start(t, name, *more, accel=OFF, **parameters):
    t.requires_minivisor("machine mini")
    if not os.access("/dev/kvm", os.R_OK | os.W_OK):
        t.skip("/dev/kvm cannot be used")
    what = () if name is None else ("-kernel", guests.image(t, name, **parameters))
    return t.start("-M", "mini", "-accel", accel, "-m", "16M", "-serial", "stdio", "-S", *what, *more)


def run(t, name, *more, **how):
    vm = start(t, name, *more, **how)
    vm.qmp.cmd("cont")
    return vm


def wait_for(vm, pattern):
    return vm.out.wait(lambda data: re.search(pattern, data), 30, pattern.decode())


def ticks(data):
    return [int(tick, 16) for tick in re.findall(rb"^T ([0-9a-f]{8})$", data, re.M)]


def wait_for_ticks(vm, more=3):
    known = len(ticks(vm.out.data))
    vm.out.wait(lambda data: len(ticks(data)) >= known + more, 30, "%d more ticks" % more)


def move(t, vm, *more, accel=OFF, state="running"):
    """The guest goes on in another machine, which is returned; the one that it was in is gone."""
    uri = "unix:%s" % t.path("mig%d" % len(os.listdir(t.dir)))
    target = start(t, None, "-incoming", "defer", *more, accel=accel)
    target.qmp.cmd("cont")
    target.qmp.cmd("migrate-incoming", uri=uri)
    vm.qmp.cmd("migrate", uri=uri)
    migration.wait_status(vm, "completed")
    migration.wait_run_state(target, state)
    vm.qmp.cmd("quit")
    vm.wait_exit(0)
    return target


def test_timer(t):
    "the timer's interrupts wake a guest that halts, and nobody warns of anything"
    vm = run(t, "timer", divisor=2000, every=3)
    wait_for(vm, b"T 00000003\nT 00000006\nT 00000009\n")
    t.lacks(vm.stderr(), "warning")
    vm = run(t, "timer", "-machine", "kernel_irqchip=off", accel="kvm", divisor=2000, every=3)
    t.has(vm.qmp.hmp("info mtree"), "    0000000000000040-0000000000000043 (prio 0, i/o): pit")


def test_greedy_timer(t):
    "a guest that wants an interrupt each microsecond gets fewer, and the monitor answers"
    vm = run(t, "timer", divisor=1, every=1000)
    wait_for_ticks(vm)
    for command in ("query-status", "stop", "cont", "query-cpus-fast", "stop", "cont"):
        vm.qmp.cmd(command)
    wait_for_ticks(vm)


def test_input(t):
    "what comes in on the serial port interrupts the guest"
    vm = run(t, "echo")
    wait_for(vm, b"^READY\n")
    text = bytes(random.Random(1).choices(range(33, 127), k=2000))
    os.write(vm.input, text)
    vm.out.wait(lambda data: data.endswith(text), 30, "the same text")


def test_button(t):
    "the power button interrupts through the second controller, with KVM's controllers as without"
    for accel in ("kvm", OFF):
        vm = run(t, "button", accel=accel)
        wait_for(vm, b"^READY\n")
        for presses in range(1, 4):
            vm.qmp.cmd("system_powerdown")
            wait_for(vm, b"^READY\n(PRESSED\n){%d}$" % presses)


def test_button_moves(t):
    "a power button that was pressed while the guest stood still interrupts it where it goes on, and works there"
    for accel in ("kvm", OFF):
        vm = run(t, "button", accel=accel)
        wait_for(vm, b"^READY\n")
        vm.qmp.cmd("stop")
        vm.qmp.cmd("system_powerdown")
        there = move(t, vm, accel=accel, state="paused")
        t.eq(there.out.data, b"")
        there.qmp.cmd("cont")
        wait_for(there, b"^PRESSED\n$")
        there.qmp.cmd("system_powerdown")
        wait_for(there, b"^PRESSED\nPRESSED\n$")


def test_stop_and_cont(t):
    "a stopped guest has no time, and misses nothing when it goes on"
    vm = run(t, "timer", divisor=2000, every=1)
    for _ in range(10):
        wait_for_ticks(vm)
        vm.qmp.cmd("stop")
        registers = vm.qmp.hmp("info registers")
        t.eq(vm.qmp.hmp("info registers"), registers)
        vm.qmp.cmd("cont")
    found = ticks(vm.out.data)
    t.eq(found, sorted(set(found)), "the ticks")


def test_reset(t):
    "a reset takes timer and controllers back to where they began"
    for name, mark in (("timer", b"T 0000000a\nT 00000014\n"), ("echo", b"READY\n"), ("halt", b"HALT\n")):
        vm = run(t, name)
        wait_for(vm, b"^" + mark)
        vm.qmp.cmd("system_reset")
        wait_for(vm, b"(?s)^" + mark + b".*" + mark)
    vm = run(t, "reset")
    t.eq(vm.qmp.wait_event("RESET")["data"], {"guest": True, "reason": "guest-reset"})
    wait_for(vm, b"BOOT\nBOOT\n")


def test_deaf_halt(t):
    "a guest that halts with interrupts off stays so over stop, cont and a move, and holds nobody up"
    vm = run(t, "halt")
    wait_for(vm, b"^HALT\n")
    for command in ("query-status", "stop", "cont", "system_powerdown", "query-status", "stop", "cont"):
        vm.qmp.cmd(command)
    t.has("\n".join(vm.qmp.hmp("info registers")), "HLT=1")
    vm = move(t, vm)
    t.has("\n".join(vm.qmp.hmp("info registers")), "HLT=1")
    vm.qmp.cmd("stop")
    vm.qmp.cmd("cont")
    t.has("\n".join(vm.qmp.hmp("info registers")), "HLT=1")
    t.check(b"AWAKE" not in vm.out.data, vm.out.data)


def test_moves(t):
    "guests that sleep between interrupts go on ticking and listening elsewhere"
    vm = run(t, "timer", divisor=3000, every=10)
    output = b""
    for _ in range(3):
        wait_for_ticks(vm)
        source, vm = vm, move(t, vm)
        output += source.out.data
    wait_for_ticks(vm)
    found = ticks(output + vm.out.data)
    t.eq(found, list(range(10, 10 * len(found) + 1, 10)), "the ticks")
    vm = run(t, "echo")
    wait_for(vm, b"^READY\n")
    vm = move(t, vm)
    os.write(vm.input, b"hello there")
    wait_for(vm, b"^hello there$")


def test_reset_after_a_move(t):
    "a guest that has moved can be reset, and begins with a timer and controllers that nobody has set up"
    vm = run(t, "timer", divisor=2000, every=5)
    wait_for_ticks(vm)
    vm = move(t, vm, "-kernel", guests.image(t, "timer", divisor=3000, every=4))
    wait_for_ticks(vm)
    vm.qmp.cmd("system_reset")
    t.eq(vm.qmp.wait_event("RESET")["data"]["guest"], False)
    wait_for(vm, b"T 00000004\nT 00000008\n")


def test_several_cpus(t):
    "there is one CPU: the others could not be started"
    t.requires_minivisor("machine mini")
    for args in (("-accel", OFF), ("-M", "mini,kernel_irqchip=off")):
        vm = t.start("-M", "mini", *args, "-smp", "2", qmp=0)
        vm.wait_exit(1)
        t.has(vm.stderr(), "-smp 2: kernel-irqchip=off allows one CPU: without local APICs nothing could start the others")


def test_unlike_machines(t):
    "a guest does not move between a machine with KVM's controllers and one without"
    for here, there, text in (("kvm", OFF, "the guest's CPU has a local APIC, and there is none here (kernel-irqchip=off)"),
                              (OFF, "kvm", "the guest's CPU has no local APIC, and there is one here (kernel-irqchip=on)")):
        vm = run(t, "timer", accel=here, divisor=2000, every=5)
        wait_for_ticks(vm)
        target = start(t, None, "-incoming", "defer", accel=there)
        uri = "unix:%s" % t.path("mig-" + here)
        target.qmp.cmd("migrate-incoming", uri=uri, **{"exit-on-error": False})
        vm.qmp.cmd("migrate", uri=uri)
        migration.wait_status(vm, "failed")
        t.has(migration.wait_status(target, "failed")["error-desc"], text)
        wait_for_ticks(vm)


def test_cpuid(t):
    "the CPU does not offer an APIC that is not there"
    local_apic, x2apic, deadline_timer = 1 << 9, 1 << 21, 1 << 24
    for accel, offers in (("kvm", True), (OFF, False)):
        vm = run(t, "cpuid", accel=accel)
        found = wait_for(vm, rb"^C [0-9a-f]{8} [0-9a-f]{8} ([0-9a-f]{8}) ([0-9a-f]{8})\n")
        ecx, edx = (int(number, 16) for number in found.groups())
        t.eq(edx & local_apic != 0, offers, "a local APIC")
        t.check(offers or ecx & (x2apic | deadline_timer) == 0, "what only an APIC has: %x" % ecx)


def test_taken_ports(t):
    "isa-debug-exit stands where nothing else answers"
    for accel in ("kvm", OFF):
        for iobase, text in (("0x21", "port 0x20 is taken by "), ("0x3ff", "port 0x3f8 is taken by serial"),
                             ("0xffff", "there are no such ports: 2 from 0xffff")):
            vm = t.start("-M", "mini", "-accel", accel, "-device", "isa-debug-exit,iobase=%s" % iobase, qmp=0)
            vm.wait_exit(1)
            t.has(vm.stderr(), "isa-debug-exit: " + text)


def test_objects(t):
    "the chips are objects in the tree, and their registers can be read, whoever plays them"
    for accel, who in ((OFF, "isa"), ("kvm", "kvm")):
        vm = run(t, "timer", accel=accel, divisor=2000, every=3)
        wait_for_ticks(vm)
        found = {}
        for child in vm.qmp.cmd("qom-list", path="/machine/unattached"):
            path = "/machine/unattached/" + child["name"]
            values = {p["name"]: vm.qmp.cmd("qom-get", path=path, property=p["name"])
                      for p in vm.qmp.cmd("qom-list", path=path)} if child["name"] != "type" else {}
            if child["type"] == "child<%s-pit>" % who:
                t.eq((values["iobase"], values["count"], values["mode"]), (0x40, 2000, 2))
                found["pit"] = True
            elif child["type"] == "child<%s-i8259>" % who:
                found[values["iobase"]] = (values["master"], values["imr"])
        t.eq(found, {"pit": True, 0x20: (True, 0xfe), 0xa0: (False, 0xff)}, who)
