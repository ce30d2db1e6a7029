# SPDX-License-Identifier: GPL-3.0-or-later
"""Guests that run: their start, their downtime, what moving them costs, and whether any write is lost."""
import os
import random
import re
import statistics
import subprocess
import time

from harness import guests, migration
from harness.process import Deadline

MIB = 1 << 20
MOVES = 200


class Machines:
    """Starts the same guest image as a machine of either program."""

    def __init__(self, bench):
        self.bench = bench

    @staticmethod
    def words(who, image):
        kind = {"minivisor": ("-M", "mini"), "qemu": ("-M", "microvm,isa-serial=on", "-nodefaults")}[who]
        return (*kind, "-accel", "kvm", "-display", "none", "-serial", "stdio", "-bios", image)

    def start(self, who, image, *args, memory=256):
        return self.bench.start(who, *self.words(who, image), "-m", "%dM" % memory, *args)


def said(vm, pattern, seconds=60):
    return vm.out.wait(lambda data: re.search(pattern, data), seconds, pattern.decode())


def first_instruction(machines, who):
    """From the start of the process to the guest's first letter on the serial port, in ms: nobody talks to it meanwhile."""
    image = guests.image(machines.bench.test, "halt", "bin")
    there, here = os.pipe()
    began = time.monotonic()
    process = subprocess.Popen([machines.bench.programs[who], *machines.words(who, image), "-m", "256M", "-monitor", "none"],
                               stdin=subprocess.DEVNULL, stdout=here, stderr=subprocess.DEVNULL)
    os.close(here)
    if not os.read(there, 1):
        raise RuntimeError("%s: the guest said nothing" % who)
    ms = (time.monotonic() - began) * 1000
    process.kill()
    process.wait()
    os.close(there)
    return ms


def over_guest_ram(machines, who):
    """What a process with a running guest of 64 MiB, all of it in use, takes beyond that RAM, in MiB."""
    image = guests.image(machines.bench.test, "walker", "bin", first=MIB, pages=(60 * MIB) >> 12)
    vm = machines.start(who, image, memory=64)
    said(vm, b"W 00000001")
    with open("/proc/%d/smaps" % vm.pid, encoding="ascii") as maps:
        sizes, ram = 0, 0
        for line in maps:
            header = re.match(r"([0-9a-f]+)-([0-9a-f]+) ", line)
            if header:
                length = int(header.group(2), 16) - int(header.group(1), 16)
            elif line.startswith("Rss:"):
                rss = int(line.split()[1]) * 1024
                sizes += rss
                if length >= 60 * MIB:
                    ram += rss
    machines.bench.end(vm)
    return (sizes - ram) / MIB


def move(machines, who, image, *args, ready=b"\n", memory=256, parameters=None):
    """One migration of a guest that is at work; what the source tells of it."""
    target = machines.start(who, image, "-incoming", "defer", *args, memory=memory)
    source = machines.start(who, image, *args, memory=memory)
    said(source, ready)
    uri = "unix:%s" % machines.bench.test.path("mv%d" % machines.bench.number)
    for end in (source, target):
        end.qmp.cmd("migrate-set-parameters", **{"max-bandwidth": 10 << 30, **(parameters or {})})
        end.qmp.cmd("migrate-set-capabilities", capabilities=[{"capability": "return-path", "state": True}])
    target.qmp.cmd("migrate-incoming", uri=uri)
    source.qmp.cmd("migrate", uri=uri)
    done = migration.wait_status(source, "completed", seconds=120)
    migration.wait_run_state(target, "running")
    machines.bench.end(source, target)
    return done


def answers(machines, name):
    """The longest that query-status takes beside a guest of trouble, in ms."""
    image = guests.image(machines.bench.test, name, "bin")
    vm = machines.start("minivisor", image, memory=16)
    longest = 0
    for command in ("query-status", "query-cpus-fast", "stop", "query-status", "cont") * 40:
        began = time.monotonic()
        vm.qmp.cmd(command)
        longest = max(longest, time.monotonic() - began)
    machines.bench.end(vm)
    return longest * 1000


def there_and_back(machines, count, cpus, tls):
    """Moves a walker `count` times at random moments; the downtimes in ms. Any lost write or repeated mark is an error."""
    bench, chooser = machines.bench, random.Random(cpus + 2 * tls)
    name = "walker" if cpus == 1 else "walker2"
    image = guests.image(bench.test, name, "bin", pages=512)
    creds = []
    if tls:
        pki = bench.test.pki
        creds = [("-object", "tls-creds-x509,id=t,endpoint=%s,dir=%s" % (role, folder))
                 for role, folder in (("client", pki.client("bench-c")), ("server", pki.server("bench-s")))]
    vm = machines.start("minivisor", image, "-smp", str(cpus), memory=16)
    output, downtimes = b"", []
    marks = [b"W", b"X"][:cpus]
    for hop in range(count):
        said(vm, b"".join(rb"(?s).*" + mark + rb" [0-9a-f]{8} 0" for mark in marks[:1]))
        pause = Deadline(chooser.random() * 0.05)
        while not pause.over():
            pass
        target = machines.start("minivisor", image, "-smp", str(cpus), "-incoming", "defer", *(creds[1] if tls else ()), memory=16)
        uri = "unix:%s" % bench.test.path("hop%d" % hop)
        if tls:
            vm.qmp.cmd("object-add", **{"qom-type": "tls-creds-x509", "id": "c%d" % hop, "endpoint": "client", "dir": pki.client("bench-c")})
            vm.qmp.cmd("migrate-set-parameters", **{"tls-creds": "c%d" % hop, "tls-hostname": "localhost"})
            target.qmp.cmd("migrate-set-parameters", **{"tls-creds": "t"})
        target.qmp.cmd("migrate-incoming", uri=uri)
        vm.qmp.cmd("migrate", uri=uri)
        done = migration.wait_status(vm, "completed", seconds=60)
        migration.wait_run_state(target, "running")
        downtimes.append(done["downtime"])
        bench.end(vm)
        output += vm.out.data
        vm = target
    said(vm, b"W [0-9a-f]{8} 0.*\n")
    bench.end(vm)
    output += vm.out.data
    for mark in marks:
        rounds = [int(number, 16) for number in re.findall(rb"^" + mark + rb" ([0-9a-f]{8}) 00000000$", output, re.M)]
        if rounds != list(range(1, len(rounds) + 1)) or not rounds:
            raise RuntimeError("%s: a mark is repeated or left out" % mark.decode())
    if b"LOST" in output or b"L 0" in output:
        raise RuntimeError("a write was lost")
    return downtimes


def run(bench, wanted):
    machines = Machines(bench)
    if not os.access("/dev/kvm", os.R_OK | os.W_OK):
        if any(wanted(word) for word in ("guest", "downtime", "walker", "moves", "trouble")):
            print("running guests: /dev/kvm cannot be used")
        return
    if wanted("guest"):
        ms = bench.best(lambda who: first_instruction(machines, who), min)
        bench.row("start to the guest's first letter", "ms", ms, "10 ms", ms["minivisor"] <= 10)
        mib = bench.best(lambda who: over_guest_ram(machines, who), min)
        bench.row("resident beyond guest RAM", "MiB", mib, "10 MiB", mib["minivisor"] <= 10)
    if wanted("downtime"):
        image = guests.image(bench.test, "halt", "bin")
        ms = bench.best(lambda who: move(machines, who, image, ready=b"HALT")["downtime"], min)
        bench.row("downtime of an idle guest of 256 MiB", "ms", ms, "10 ms", ms["minivisor"] <= 10)
    if wanted("walker"):
        for pace in (0, 100, 1000):
            image = guests.image(bench.test, "walker", "bin", pages=1024, pace=pace)
            found = {who: move(machines, who, image, ready=b"W 00000001", parameters={"downtime-limit": 50}) for who in bench.programs}
            for what, unit, value in (("total", "ms", lambda reply: reply["total-time"]), ("downtime", "ms", lambda reply: reply["downtime"]),
                                      ("passes", "", lambda reply: reply["ram"]["dirty-sync-count"])):
                bench.row("walker of 4 MiB, pace %d: %s" % (pace, what), unit, {who: value(reply) for who, reply in found.items()})
    if wanted("trouble"):
        for name in ("spin", "halt", "outside", "flood", "triple"):
            ms = answers(machines, name)
            bench.row("slowest answer beside '%s'" % name, "ms", {"minivisor": ms}, "10 ms", ms <= 10)
    if wanted("moves"):
        for cpus, tls in ((1, False), (2, False), (1, True), (2, True)):
            began = time.monotonic()
            downtimes = sorted(there_and_back(machines, MOVES // 4, cpus, tls))
            what = "%d moves, %d CPU%s%s: " % (len(downtimes), cpus, "s" if cpus > 1 else "", ", TLS" if tls else "")
            bench.row(what + "in all", "s", {"minivisor": time.monotonic() - began})
            bench.row(what + "downtime, median", "ms", {"minivisor": statistics.median(downtimes)})
            bench.row(what + "downtime, longest", "ms", {"minivisor": downtimes[-1]})
