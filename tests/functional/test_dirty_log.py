# SPDX-License-Identifier: GPL-3.0-or-later
"""The log of what a guest writes: KVM keeps it in a bitmap, or in a ring for each CPU."""
import re

from harness import migration
from harness.process import Deadline
from test_queries import measured as measured_rate
from test_running import move, rounds, run, waiting

RING = ("-accel", "kvm,dirty-ring-size=16384")


def measured(vm, mode):
    """What one second of measuring has found."""
    vm.qmp.cmd("calc-dirty-rate", **{"calc-time": 1, "mode": mode})
    return measured_rate(vm)


def measured_busy(t, vm, mode):
    """The same, of a second in which the guest came to write something: the host may have had no time for it."""
    deadline = Deadline(30)
    while True:
        info = measured(vm, mode)
        if info["dirty-rate"] > 0:
            return info
        t.check(not deadline.over(), "the guest writes: %s" % info)


def test_rate_by_bitmap(t):
    "the bitmap tells how many pages a guest writes to, each once, as often as it is asked; a guest at rest writes none"
    vm = run(t, "walker", pages=1024)
    for _ in range(2):
        info = measured_busy(t, vm, "dirty-bitmap")
        t.check(info["dirty-rate"] <= 4, info)
        t.eq((info["mode"], info["sample-pages"]), ("dirty-bitmap", 0))
        t.check("vcpu-dirty-rate" not in info, info)
    vm.qmp.cmd("stop")
    t.eq(measured(vm, "dirty-bitmap")["dirty-rate"], 0)
    t.eq(vm.qmp.error("calc-dirty-rate", **{"calc-time": 1, "mode": "dirty-ring"}),
         "mode dirty-ring is not enabled, use other method instead.")


def test_rate_during_a_migration(t):
    "measuring takes nothing from the log that a migration reads, nor ends it"
    vm = run(t, "walker", pages=1024)
    target = waiting(t)
    migration.set_capabilities(vm, "pause-before-switchover")
    vm.qmp.cmd("calc-dirty-rate", **{"calc-time": 1, "mode": "dirty-bitmap"})
    target.qmp.cmd("migrate-incoming", uri="unix:" + t.path("mig"))
    vm.qmp.cmd("migrate", uri="unix:" + t.path("mig"))
    migration.wait_status(vm, "pre-switchover")
    vm.qmp.cmd("migrate-continue", state="pre-switchover")
    migration.wait_status(vm, "completed")
    target.out.wait(lambda data: len(rounds(data)) > 3, 30, "more rounds")
    t.check(b"LOST" not in target.out.data, target.out.data[:300])
    t.eq(measured_rate(vm)["mode"], "dirty-bitmap")


def test_rate_by_ring(t):
    "rings tell it for each CPU; they are not asked as a bitmap"
    vm = run(t, "walker", *RING, "-smp", "2", pages=1024)
    info = measured_busy(t, vm, "dirty-ring")
    first, second = info["vcpu-dirty-rate"]
    t.eq((first["id"], second["id"], second["dirty-rate"]), (0, 1, 0))
    t.check(first["dirty-rate"] > 0 and info["dirty-rate"] == first["dirty-rate"], info)
    lines = vm.qmp.hmp("info dirty_rate")
    t.check(re.fullmatch(r"vcpu\[0\], Dirty rate: \d+ \(MB/s\)", lines[-2]), lines)
    t.eq(lines[-1], "vcpu[1], Dirty rate: 0 (MB/s)")
    t.eq(vm.qmp.error("calc-dirty-rate", **{"calc-time": 1, "mode": "dirty-bitmap"}),
         "mode dirty-bitmap is not enabled, use other method instead.")


def test_move_by_ring(t):
    "a guest whose writes are noted in rings moves again and again without the loss of a write, small as they are"
    for size in (4096, 65536):
        ring = ("-accel", "kvm,dirty-ring-size=%d" % size)
        vm = run(t, "walker", *ring, pages=1024)
        output = b""
        for hop in range(4):
            before = len(rounds(vm.out.data))
            vm.out.wait(lambda data: len(rounds(data)) > before, 30, "more rounds")
            target = waiting(t, *ring)
            move(t, vm, target, "unix:" + t.path("mig%d-%d" % (size, hop)))
            vm.qmp.cmd("quit")
            vm.wait_exit(0)
            output += vm.out.data
            vm = target
        vm.out.wait(lambda data: len(rounds(data)) > 3, 30, "more rounds")
        output += vm.out.data
        t.check(b"LOST" not in output, output[:300])
        vm.qmp.cmd("quit")
        vm.wait_exit(0)


def test_ring_sizes(t):
    "a ring's size is a power of two"
    t.requires_minivisor("its machine")
    vm = t.start("-M", "mini", "-accel", "none,dirty-ring-size=4096", qmp=0)
    t.has(vm.wait_exit(1), "Property 'none-accel.dirty-ring-size' not found")
    for size, text in (("100", "dirty-ring-size must be a power of two."),
                       ("x", "Parameter 'dirty-ring-size' expects uint64"),
                       ("8589934592", "Parameter 'dirty-ring-size' expects uint32_t")):
        vm = t.start("-M", "mini", "-accel", "kvm,dirty-ring-size=" + size, qmp=0)
        vm.wait_exit(1)
        t.has(vm.stderr(), "-accel kvm,dirty-ring-size=%s: %s" % (size, text))


def test_switchover_bandwidth(t):
    "a guest that is never almost done moves once avail-switchover-bandwidth says that its rest fits into the downtime"
    t.requires_minivisor("memory-dirtier")
    vm = t.start("-m", "32M", "-object", "memory-dirtier,id=d,rate=2000,address=1M,size=4M")
    target = t.start("-m", "32M", "-incoming", "unix:" + t.path("mig"))
    vm.qmp.cmd("migrate-set-parameters", **{"max-bandwidth": 4 << 20, "downtime-limit": 20})
    vm.qmp.cmd("migrate", uri="unix:" + t.path("mig"))
    deadline = Deadline(30)
    while vm.qmp.cmd("query-migrate").get("ram", {}).get("dirty-sync-count", 0) < 4:
        t.check(not deadline.over(), "rounds")
        vm.qmp.validate = False     # the same reply a thousand times
    t.eq(vm.qmp.cmd("query-migrate")["status"], "active")
    vm.qmp.cmd("migrate-set-parameters", **{"avail-switchover-bandwidth": 10 << 30})
    migration.wait_status(vm, "completed")
    migration.wait_run_state(target, "running")
    t.eq(migration.digest(target, mib=32), migration.digest(vm, mib=32), "memory")
