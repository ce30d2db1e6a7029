# SPDX-License-Identifier: GPL-3.0-or-later
"""A guest that runs: it boots, prints, is stopped, continued, reset and moved, and does not notice."""
import os
import random
import re
import select
import socket

from harness import guests, migration
from harness.process import Deadline


def start(t, name, *more, memory="16M", form="img", serial="stdio", **parameters):
    """A guest whose serial port is the instance's standard input and output."""
    t.requires_minivisor("machine mini")
    if not os.access("/dev/kvm", os.R_OK | os.W_OK):
        t.skip("/dev/kvm cannot be used")
    what = () if name is None else ("-kernel" if form == "img" else "-bios", guests.image(t, name, form, **parameters))
    return t.start("-M", "mini", "-accel", "kvm", "-m", memory, "-serial", serial, "-S", *what, *more)


def run(t, name, *more, **how):
    """The same, let go once somebody listens to its events."""
    vm = start(t, name, *more, **how)
    vm.qmp.cmd("cont")
    return vm


def wait_for(vm, pattern, seconds=30):
    return vm.out.wait(lambda data: re.search(pattern, data), seconds, pattern.decode())


def status(vm):
    return vm.qmp.cmd("query-status")["status"]


def rounds(data):
    """The rounds of the walker that are printed whole, in order; each with no error."""
    found = re.findall(rb"^W ([0-9a-f]{8}) ([0-9a-f]{8})$", data, re.M)
    return [int(number, 16) for number, errors in found if int(errors, 16) == 0]


def test_boot_sector(t):
    "a boot sector runs and prints on the serial port"
    vm = run(t, "counter", pace=0)
    wait_for(vm, b"^0\n1\n2\n3\n")
    t.eq(status(vm), "running")
    t.eq(vm.qmp.cmd("query-kvm"), {"enabled": True, "present": True})


def test_stop_and_cont(t):
    "a stopped guest prints nothing, and goes on where it was"
    vm = run(t, "counter", pace=0)
    wait_for(vm, b"\n20\n")
    vm.qmp.cmd("stop")
    vm.qmp.wait_event("STOP")
    t.eq(status(vm), "paused")
    registers = vm.qmp.hmp("info registers")
    t.eq(vm.qmp.hmp("info registers"), registers, "registers of a guest that stands still")
    size = len(vm.out.data)
    vm.qmp.cmd("cont")
    vm.out.wait(lambda data: len(data) > size + 100, 20, "more output")
    vm.qmp.cmd("stop")
    numbers = [int(line) for line in vm.out.data.split(b"\n")[:-1]]
    t.eq(numbers, list(range(len(numbers))), "the numbers")


def test_held_at_the_start(t):
    "with -S no instruction runs before cont"
    vm = start(t, "counter")
    t.eq(status(vm), "prelaunch")
    t.eq(vm.out.data, b"")
    vm.qmp.cmd("cont")
    wait_for(vm, b"^0\n1\n")


def test_reset(t):
    "system_reset begins the guest anew"
    vm = run(t, "counter", pace=0)
    wait_for(vm, b"\n9\n")
    vm.qmp.cmd("system_reset")
    t.eq(vm.qmp.wait_event("RESET")["data"], {"guest": False, "reason": "host-qmp-system-reset"})
    wait_for(vm, b"\n9\n[^-]*0\n1\n2\n")
    t.eq(status(vm), "running")


def test_guest_reset(t):
    "a guest that resets itself begins anew, and the event says that it was the guest"
    for name in ("reset", "triple"):
        vm = run(t, name)
        t.eq(vm.qmp.wait_event("RESET")["data"], {"guest": True, "reason": "guest-reset"})
        wait_for(vm, b"BOOT\nBOOT\n")
        t.eq(status(vm), "running")
        vm.qmp.cmd("quit")
        vm.wait_exit(0)


def test_no_reboot(t):
    "with -no-reboot its reset ends the program"
    vm = run(t, "reset", "-no-reboot")
    t.eq(vm.qmp.wait_event("SHUTDOWN")["data"], {"guest": True, "reason": "guest-reset"})
    vm.wait_exit(0)
    t.eq(vm.out.data, b"BOOT\n")


def test_power_off(t):
    "a guest that turns itself off ends the program"
    vm = run(t, "poweroff")
    t.eq(vm.qmp.wait_event("SHUTDOWN")["data"], {"guest": True, "reason": "guest-shutdown"})
    vm.wait_exit(0)
    t.eq(vm.out.data, b"OFF\n")


def test_no_shutdown(t):
    "with -no-shutdown it stands still, and only a reset brings it back"
    vm = run(t, "poweroff", "-no-shutdown")
    vm.qmp.wait_event("SHUTDOWN")
    vm.qmp.wait_event("STOP")
    t.eq(status(vm), "shutdown")
    t.eq(vm.qmp.error("cont"), "Resetting the Virtual Machine is required")
    vm.qmp.cmd("system_reset")
    t.eq(status(vm), "prelaunch")
    vm.qmp.cmd("cont")
    wait_for(vm, b"^OFF\nOFF\n")


def test_debug_exit(t):
    "isa-debug-exit ends the program with the guest's status"
    vm = run(t, "exit", "-device", "isa-debug-exit,iobase=0xf4,iosize=4", value=3)
    vm.wait_exit(7)
    t.eq(vm.out.data, b"EXIT\n")
    wait_for(run(t, "exit"), b"^EXIT\nSTILL HERE\n")


def test_input(t):
    "what comes in on the serial port interrupts the guest"
    vm = run(t, "echo")
    wait_for(vm, b"^READY\n")
    text = bytes(random.Random(1).choices(range(33, 127), k=5000))
    os.write(vm.input, text)
    vm.out.wait(lambda data: data.endswith(text), 30, "the same text")


def test_timer(t):
    "the timer's interrupts wake a guest that halts"
    wait_for(run(t, "timer", divisor=2000, every=3), b"T 00000003\nT 00000006\nT 00000009\n")


def test_trouble(t):
    "whatever a guest does, every command still answers"
    for name, mark in (("spin", b"SPIN\n"), ("halt", b"HALT\n"), ("outside", b"P ffffffff\n"), ("flood", b"abcdef"), ("rubbish", b"RUBBISH\n")):
        vm = run(t, name)
        wait_for(vm, mark)
        for command in ("query-status", "query-cpus-fast", "stop", "query-status", "cont", "system_reset"):
            reply = vm.qmp.execute(command)
            t.check("return" in reply or command == "cont", "%s: %s: %s" % (name, command, reply))
        vm.qmp.cmd("quit")
        vm.wait_exit(0)


def test_flood_without_reader(t):
    "a guest that floods a serial port whose peer does not read waits, and the monitor does not"
    path = t.path("serial")
    vm = run(t, "flood", serial="unix:%s,server=on,wait=off" % path)
    with socket.socket(socket.AF_UNIX) as peer:
        peer.connect(path)
        for _ in range(20):
            t.eq(status(vm), "running")
        vm.qmp.cmd("stop")
        vm.qmp.cmd("cont")
        peer.settimeout(20)
        t.check(peer.recv(10), "output")
    vm.qmp.cmd("system_reset")
    t.eq(status(vm), "running")


def move(t, vm, target, uri, **how):
    target.qmp.cmd("migrate-incoming", uri=uri)
    vm.qmp.cmd("migrate", uri=uri)
    done = migration.wait_status(vm, "completed")
    migration.wait_run_state(target, "running")
    return done


def waiting(t, *more, memory="16M"):
    vm = start(t, None, "-incoming", "defer", *more, memory=memory)
    vm.qmp.cmd("cont")
    return vm


def test_live_migration(t):
    "a guest that writes all the time moves again and again: no write is lost, no mark is repeated or left out"
    chooser = random.Random(5)
    vm = run(t, "walker", pages=1024)
    output = b""
    for hop in range(10):
        before = len(rounds(vm.out.data))
        vm.out.wait(lambda data: len(rounds(data)) > before + chooser.randrange(5), 30, "more rounds")
        target = waiting(t)
        move(t, vm, target, "unix:%s" % t.path("mig%d" % hop))
        vm.qmp.cmd("quit")
        vm.wait_exit(0)
        output += vm.out.data
        vm = target
    vm.out.wait(lambda data: len(rounds(data)) > 3, 30, "more rounds")
    vm.qmp.cmd("quit")
    vm.wait_exit(0)
    output += vm.out.data
    t.check(b"LOST" not in output, output[:300])
    found = rounds(output)
    t.eq(found, list(range(1, len(found) + 1)), "the rounds")


def test_timer_moves(t):
    "a guest that sleeps between interrupts goes on ticking on the other side"
    vm = run(t, "timer", divisor=3000, every=10)
    wait_for(vm, b"T 0000000a\n")
    target = waiting(t)
    move(t, vm, target, "unix:%s" % t.path("mig"))
    wait_for(target, rb"T [0-9a-f]{8}\nT [0-9a-f]{8}\n")
    vm.qmp.cmd("quit")
    vm.wait_exit(0)
    ticks = [int(tick, 16) for tick in re.findall(rb"T ([0-9a-f]{8})\n", vm.out.data + target.out.data)]
    t.eq(ticks, list(range(10, 10 * len(ticks) + 1, 10)), "ticks")


def test_input_moves(t):
    "an interrupt-driven guest takes input on the other side"
    vm = run(t, "echo")
    wait_for(vm, b"^READY\n")
    target = waiting(t)
    move(t, vm, target, "unix:%s" % t.path("mig"))
    os.write(target.input, b"hello there")
    wait_for(target, b"^hello there$")


def test_reset_moves(t):
    "a guest can be reset where it has moved to, although only the source had its image"
    vm = run(t, "timer", divisor=3000, every=10)
    wait_for(vm, b"T 0000000a\n")
    target = waiting(t, "-kernel", guests.image(t, "counter", pace=0))
    move(t, vm, target, "unix:%s" % t.path("mig"))
    wait_for(target, rb"T [0-9a-f]{8}\n")
    target.qmp.cmd("system_reset")
    t.eq(target.qmp.wait_event("RESET")["data"]["guest"], False)


def test_cancelled_migration(t):
    "after a cancelled migration the guest goes on at the source"
    vm = run(t, "walker", pages=1024)
    wait_for(vm, b"W 00000003 00000000\n")
    vm.qmp.cmd("migrate-set-parameters", **{"max-bandwidth": 4096})
    target = waiting(t)
    target.qmp.cmd("migrate-incoming", uri="unix:%s" % t.path("mig"), **{"exit-on-error": False})
    vm.qmp.cmd("migrate", uri="unix:%s" % t.path("mig"))
    migration.wait_status(vm, "active")
    vm.qmp.cmd("migrate_cancel")
    migration.wait_status(vm, "cancelled")
    t.eq(status(vm), "running")
    before = rounds(vm.out.data)[-1]
    vm.out.wait(lambda data: rounds(data)[-1] > before + 2, 30, "more rounds")
    t.check(b"LOST" not in vm.out.data, "no write is lost")


def test_unlike_machines(t):
    "a guest does not move into a machine with fewer CPUs"
    vm = run(t, "counter", "-smp", "2")
    wait_for(vm, b"\n3\n")
    target = waiting(t)
    target.qmp.cmd("migrate-incoming", uri="unix:%s" % t.path("mig"), **{"exit-on-error": False})
    vm.qmp.cmd("migrate", uri="unix:%s" % t.path("mig"))
    migration.wait_status(vm, "failed")
    t.eq(status(vm), "running")
    found = migration.wait_status(target, "failed")
    t.check("cpu" in found.get("error-desc", "") or "section" in found.get("error-desc", ""), found)


def test_inspection(t):
    "registers, and memory as the CPU sees it, can be looked at; the guest does not notice"
    vm = run(t, "walker", "-smp", "2", pages=16)
    wait_for(vm, b"W 00000003 00000000\n")
    cpus = vm.qmp.cmd("query-cpus-fast")
    t.eq([(cpu["cpu-index"], cpu["qom-path"], cpu["target"]) for cpu in cpus],
         [(i, "/machine/unattached/device[%d]" % i, "x86_64") for i in (0, 1)])
    for cpu in cpus:
        t.check(os.path.exists("/proc/%d/task/%d" % (vm.pid, cpu["thread-id"])), "a thread of the process")
        t.eq(vm.qmp.cmd("qom-get", path=cpu["qom-path"], property="thread-id"), cpu["thread-id"])
    t.eq(vm.qmp.hmp("info cpus"), [mark % cpu["thread-id"] for mark, cpu in zip(("* CPU #0: thread_id=%d", "  CPU #1: thread_id=%d"), cpus)])
    everything = vm.qmp.cmd("__org.minivisor_query-registers")["human-readable-text"]
    t.has(everything, "\nCPU#0\nEAX=")
    t.has(everything, "\nCPU#1\nEAX=")
    t.has("\n".join(vm.qmp.hmp("info registers")), "CS =0008 00000000 ffffffff 00c09b00 DPL=0 CS32 [-RA]")
    t.has("\n".join(vm.qmp.hmp("info registers 1")), "EIP=0000fff0 ")
    t.eq(vm.qmp.hmp("info registers 2"), ["CPU#2 not available"])
    t.eq(vm.qmp.hmp("x /4xw 0x7c00"), vm.qmp.hmp("xp /4xw 0x7c00"))
    t.eq(vm.qmp.cmd("__org.minivisor_read-memory", address=0x7c00, size=2, **{"cpu-index": 1}),
         vm.qmp.cmd("__org.minivisor_read-physical-memory", address=0x7c00, size=2))
    t.eq(vm.qmp.error("memsave", val=0, size=1, filename=t.path("m"), **{"cpu-index": 2}), "Parameter 'cpu-index' expects a CPU number")
    vm.qmp.cmd("stop")
    vm.qmp.cmd("memsave", val=0x7c00, size=5000, filename=t.path("virtual"))
    vm.qmp.cmd("pmemsave", val=0x7c00, size=5000, filename=t.path("physical"))
    with open(t.path("virtual"), "rb") as virtual, open(t.path("physical"), "rb") as physical:
        t.eq(virtual.read(), physical.read())
    t.eq(vm.qmp.error("memsave", val=0x10000000, size=5000, filename=t.path("m")), "Invalid addr 0x0000000010000000/size 5000 specified")
    vm.qmp.cmd("cont")
    before = len(rounds(vm.out.data))
    vm.out.wait(lambda data: len(rounds(data)) > before + 3, 30, "more rounds")
    t.check(b"LOST" not in vm.out.data, "no write is lost")


def test_flat_image(t):
    "a flat image is entered where it was loaded if the loader is told the CPU"
    image = guests.image(t, "counter", pace=0)
    vm = run(t, None, "-device", "loader,file=%s,addr=0x7c00,force-raw=on,cpu-num=0" % image)
    wait_for(vm, b"^0\n1\n2\n")
    for args, text in ((("-M", "none", "-m", "1M"), "Specified boot CPU#0 is nonexistent"), (("-M", "mini"), "Specified boot CPU#1 is nonexistent")):
        refused = t.start(*args, "-device", "loader,file=%s,addr=0x7c00,cpu-num=%s" % (image, text.split("#")[1][0]), qmp=0)
        refused.wait_exit(1)
        t.has(refused.stderr(), text)


def test_bad_starts(t):
    "what cannot be had is refused in words, with status 1"
    def refused(*args):
        vm = t.start("-M", "mini", *args, qmp=0)
        vm.wait_exit(1)
        return vm.stderr()
    t.requires_minivisor("machine mini")
    t.has(refused("-smp", "256"), "Invalid SMP CPUs 256. The max CPUs supported by machine 'mini' is 255")
    t.has(refused("-smp", "2,sockets=3"), "Invalid CPU topology: product of the hierarchy must match maxcpus")
    t.has(refused("-accel", "xen"), "invalid accelerator xen")
    t.has(refused("-cpu", "Skylake-Server"), "unable to find CPU model 'Skylake-Server'")
    t.has(refused("-kernel", t.path("nothing")), "nothing")
    t.has(refused("-append", "x"), "-append only allowed with -kernel option")
    t.has(refused("-serial", "null", "-serial", "null"), "machine mini has one serial port")


def test_without_kvm(t):
    "where there is no accelerator the machine stands there without a CPU, and says so"
    t.requires_minivisor("machine mini")
    vm = t.start("-M", "mini", "-accel", "none", "-m", "16M")
    t.has(vm.stderr(), "warning: no CPU runs")
    t.eq(vm.qmp.cmd("query-kvm")["enabled"], False)
    t.eq(vm.qmp.cmd("query-cpus-fast"), [])
    t.eq(vm.qmp.hmp("info registers"), ["No CPU available"])
    t.eq(vm.qmp.cmd("query-status")["status"], "running")


def test_auto_converge(t):
    "a guest that writes faster than it can be sent is slowed down step by step, and is as fast as ever after a cancel"
    vm = run(t, "walker", pages=256)
    wait_for(vm, b"W 00000003 00000000\n")
    vm.qmp.cmd("migrate-set-capabilities", capabilities=[{"capability": "auto-converge", "state": True}])
    vm.qmp.cmd("migrate-set-parameters", **{"max-bandwidth": 300000, "downtime-limit": 1, "cpu-throttle-initial": 30,
                                            "cpu-throttle-increment": 25, "max-cpu-throttle": 70, "throttle-trigger-threshold": 1})
    target = waiting(t)
    target.qmp.cmd("migrate-incoming", uri="unix:%s" % t.path("mig"), **{"exit-on-error": False})
    vm.qmp.cmd("migrate", uri="unix:%s" % t.path("mig"))
    seen = []
    deadline = Deadline(60)
    while 70 not in seen:
        percent = vm.qmp.cmd("query-migrate").get("cpu-throttle-percentage")
        if percent and percent not in seen[-1:]:
            seen.append(percent)
        t.check(not deadline.over(), "the percentages %s" % seen)
        select.select([vm.qmp.sock], [], [], 0.02)
    t.eq(seen, [30, 55, 70])
    t.has("\n".join(vm.qmp.hmp("info migrate")), "cpu throttle percentage: 70")
    vm.qmp.cmd("stop")
    vm.qmp.cmd("cont")
    vm.qmp.cmd("migrate_cancel")
    migration.wait_status(vm, "cancelled")
    t.lacks(vm.qmp.cmd("query-migrate"), "cpu-throttle-percentage")
    before = rounds(vm.out.data)[-1]
    vm.out.wait(lambda data: rounds(data)[-1] > before + 2, 30, "more rounds")
    t.check(b"LOST" not in vm.out.data, "no write is lost")


def test_several_cpus_move(t):
    "all CPUs of a guest go on where they were, over TLS too"
    vm = run(t, "walker2", "-smp", "2", pages=64)
    wait_for(vm, rb"W [0-9a-f]{8} 00000000\n[^X]*X [0-9a-f]{8} 00000000\n")
    output = b""
    for hop in range(4):
        target = waiting(t, "-smp", "2")
        move(t, vm, target, "unix:%s" % t.path("mig%d" % hop))
        vm.qmp.cmd("quit")
        vm.wait_exit(0)
        output += vm.out.data
        vm = target
        for mark in (b"W", b"X"):
            wait_for(vm, mark + rb" [0-9a-f]{8} 00000000\n")
    vm.qmp.cmd("quit")
    vm.wait_exit(0)
    output += vm.out.data
    for mark in (b"W", b"X"):
        found = [int(number, 16) for number in re.findall(mark + rb" ([0-9a-f]{8}) 00000000\n", output)]
        t.eq(found, list(range(1, len(found) + 1)), "the rounds of one CPU")
    t.check(b"L 0" not in output, "no write is lost")


def test_dirtier(t):
    "memory-dirtier writes at its pace while the guest runs, moves the migration through rounds, and stands still with it"
    t.requires_minivisor("memory-dirtier")
    args = ("-m", "32M", "-object", "memory-dirtier,id=d,rate=2000,address=1M,size=4M")
    vm = t.start(*args)
    written = lambda: vm.qmp.cmd("qom-get", path="/objects/d", property="written")
    deadline = Deadline(20)
    while written() < 100:
        t.check(not deadline.over(), "it writes")
    vm.qmp.cmd("stop")
    still = written()
    before = migration.digest(vm, mib=32)
    t.eq((written(), migration.digest(vm, mib=32)), (still, before), "a guest that stands still")
    vm.qmp.cmd("cont")
    target = t.start("-m", "32M", "-incoming", "defer")
    vm.qmp.cmd("migrate-set-parameters", **{"max-bandwidth": 4 << 20, "downtime-limit": 20})
    target.qmp.cmd("migrate-incoming", uri="unix:%s" % t.path("mig"))
    vm.qmp.cmd("migrate", uri="unix:%s" % t.path("mig"))
    migration.wait_status(vm, "active")
    deadline = Deadline(30)
    while vm.qmp.cmd("query-migrate")["ram"]["dirty-sync-count"] < 3:
        t.check(not deadline.over(), "rounds")
        select.select([vm.qmp.sock], [], [], 0.02)
    vm.qmp.cmd("qom-set", path="/objects/d", property="rate", value=10)
    done = migration.wait_status(vm, "completed")
    migration.wait_run_state(target, "running")
    t.check(done["ram"]["dirty-sync-count"] > 3, done)
    t.eq(migration.digest(target, mib=32), migration.digest(vm, mib=32), "memory")
    t.eq(vm.qmp.error("object-add", **{"qom-type": "memory-dirtier", "id": "e", "rate": 1, "size": 64 << 20}),
         "Parameters 'address' and 'size' must be whole pages of one piece of RAM")
    vm.qmp.cmd("object-del", id="d")
