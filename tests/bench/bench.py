#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Measures minivisor beside QEMU (where it is installed) and beside what the machine itself can do.

usage: bench.py --binary build/minivisor [--rounds N] [--memory MiB] [--filter WORD]

Each figure is the best of some rounds, in the same run for all columns; budgets are those of the design. The
last column says whether the budget is met. The exit status is 0 also where it is not: a busy machine is no defect.

What --filter WORD chooses:
  start idle clients     time to the greeting; memory at rest, and with 500 clients
  qmp                    commands a second and their p50 and p99, one at a time and 64 in flight
  schema objects         the whole schema; 10,000 objects added, listed, deleted (control.py)
  decisions load         decisions of 10 to 1,000,000 rules (BUILD/tests/bench/decisions); loading a million (access.py)
  credentials handshakes making credentials of a server; TLS handshakes accepted and refused beside a bare OpenSSL
                         server that has one thread, as minivisor's listener has
  guest trouble          a guest's first letter, memory beyond its RAM; answers beside guests of trouble (running.py)
  downtime walker        moving an idle guest, and one that writes at several paces
  moves                  200 moves there and back of the walker: no lost write, no repeated mark
  plain tls zero         migration of random bytes, plain and over TLS, and of zero pages
"""
import argparse
import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.dirname(HERE))
sys.dont_write_bytecode = True
from harness import migration  # noqa: E402
from harness.runner import Test  # noqa: E402
import access  # noqa: E402
import control  # noqa: E402
import running  # noqa: E402
from limits import limits  # noqa: E402

MIB = 1 << 20


class Bench:
    def __init__(self, options, directory):
        self.options = options
        self.test = Test(options.binary, directory, directory, validate=False)
        self.programs = {"minivisor": options.binary}
        qemu = shutil.which("qemu-system-x86_64")
        if qemu:
            self.programs["qemu"] = qemu
        self.rows, self.number = [], 0

    def start(self, who, *args, **more):
        self.number += 1
        return self.test.start(*args, name="%s%d" % (who, self.number), binary=self.programs[who], **more)

    def end(self, *instances):
        for instance in instances:
            instance.qmp.cmd("quit")
            instance.wait_exit(0)
            instance.stop()
            self.test.instances.remove(instance)

    def best(self, measure, better=max):
        return {who: better(measure(who) for _ in range(self.options.rounds)) for who in self.programs}

    def row(self, what, unit, values, budget="", met=None, limit=None, limit_name=""):
        mine, other = values.get("minivisor"), values.get("qemu")
        self.rows.append((what, unit, mine, other, limit, limit_name, budget, met))
        show = lambda v: "-" if v is None else "%.3g" % v if v < 1000 else "%.0f" % v
        ratio = "-" if not other else "%.2f" % (mine / other)
        of_limit = "-" if not limit else "%.0f %%" % (100 * mine / limit)
        print("%-42s %10s %10s %8s %10s %7s  %-34s %s" % (
            what + (", " + unit if unit else ""), show(mine), show(other), ratio, show(limit), of_limit, budget,
            "" if met is None else "met" if met else "MISSED"), flush=True)

    # -- what is measured

    def start_time(self, who):
        """Seconds from starting the program to its QMP greeting, over a socket pair it finds on standard input."""
        ours, theirs = socket.socketpair()
        began = time.perf_counter()
        process = subprocess.Popen([self.programs[who], "-M", "none", "-nodefaults", "-display", "none", "-qmp", "stdio"],
                                   stdin=theirs, stdout=theirs, stderr=subprocess.DEVNULL)
        ours.recv(1)
        taken = time.perf_counter() - began
        ours.sendall(b'{"execute":"qmp_capabilities"}{"execute":"quit"}')
        process.wait(20)
        ours.close()
        theirs.close()
        return taken * 1000

    def idle(self, who):
        vm = self.start(who)
        vm.qmp.cmd("query-status")
        size = vm.resident() / MIB
        self.end(vm)
        return size

    def crowded(self, who, clients=500):
        """Resident MiB with so many clients at once, each greeted, negotiated and answered."""
        vm = self.start(who)
        guests = [vm.connect(vm.paths[0]) for _ in range(clients)]
        for guest in guests:
            guest.cmd("query-status")
        size = vm.resident() / MIB
        for guest in guests:
            guest.close()
        self.end(vm)
        return size

    def commands(self, who, in_flight, count):
        """Commands a second of one client with so many requests on their way."""
        vm = self.start(who)
        sock, request = vm.qmp.sock, b'{"execute":"query-status"}'
        began, sent, received = time.perf_counter(), 0, 0
        data = b""
        while received < count:
            more = min(in_flight - (sent - received), count - sent)
            if more and (more >= in_flight // 2 or more == count - sent):
                sock.sendall(request * more)
                sent += more
            data += sock.recv(1 << 16)
            lines = data.split(b"\n")
            received, data = received + len(lines) - 1, lines[-1]
        taken = time.perf_counter() - began
        self.end(vm)
        return count / taken

    def migrate(self, who, image, tls):
        """GB/s of guest memory from migrate to completed on both sides, one channel."""
        memory = self.options.memory
        # Touched beforehand on both sides, as the memory under the limits is: what is measured is the way between
        # them, not the kernel's clearing of fresh pages. Zero pages are read and not written: left as they come.
        ram = ["-m", "%dM" % memory]
        if image:
            ram += ["-object", "memory-backend-ram,id=ram0,size=%dM,prealloc=on" % memory, "-machine", "memory-backend=ram0"]
        target = self.start(who, *ram, "-incoming", "defer")
        source = self.start(who, *ram, *(migration.loader(image) if image else ()))
        for vm, role in ((target, "server"), (source, "client")):
            migration.set_parameters(vm, max_bandwidth=0)
            migration.set_capabilities(vm, "events")
            if tls:
                make = self.test.pki.server if role == "server" else self.test.pki.client
                migration.add_creds(vm, role, make("%s%d-tls" % (role, self.number)))
        uri = migration.listen(target)
        began = time.perf_counter()
        source.qmp.cmd("migrate", uri=uri)
        target.qmp.wait_event("MIGRATION", {"status": "completed"}, 120)
        taken = time.perf_counter() - began
        migration.wait_status(source, "completed")
        self.end(source, target)
        return memory * MIB / taken / 1e9

    def image(self):
        path = os.path.join(self.test.dir, "random.ram")
        if not os.path.exists(path):
            with open(path, "wb") as out:
                for _ in range(self.options.memory // 16):
                    out.write(os.urandom(16 * MIB))
        return path

    def run(self):
        wanted = lambda word: self.options.filter in word
        print("%-42s %10s %10s %8s %10s %7s  %-34s %s" % ("", "minivisor", "QEMU", "ratio", "limit", "of it", "budget", ""))
        if wanted("start"):
            ms = self.best(self.start_time, min)
            self.row("start to greeting", "ms", ms, "5 ms, and a fifth of QEMU's",
                     ms["minivisor"] <= 5 and ms["minivisor"] <= ms.get("qemu", 1e9) / 5)
        if wanted("idle"):
            mib = self.best(self.idle, min)
            self.row("resident at idle", "MiB", mib, "10 MiB", mib["minivisor"] <= 10)
        if wanted("clients"):
            # QEMU takes in one client at a time
            mib = min(self.crowded("minivisor") for _ in range(self.options.rounds))
            self.row("resident with 500 clients", "MiB", {"minivisor": mib}, "40 MiB", mib <= 40)
        if wanted("qmp"):
            one = self.best(lambda who: self.commands(who, 1, 4000))
            self.row("QMP commands/s, one at a time", "", one, "5 times QEMU's", one["minivisor"] >= 5 * one.get("qemu", 0))
            many = self.best(lambda who: self.commands(who, 64, 20000))
            self.row("QMP commands/s, 64 in flight", "", many, "20 times QEMU's", many["minivisor"] >= 20 * many.get("qemu", 0))
        if wanted("plain") or wanted("tls") or wanted("zero"):
            limit = limits(self.test.dir, self.options.memory, self.options.rounds)
        if wanted("plain"):
            plain = self.best(lambda who: self.migrate(who, self.image(), False))
            self.row("plain, %d MiB of random bytes" % self.options.memory, "GB/s", plain, "80 % of loopback TCP",
                     plain["minivisor"] >= 0.8 * limit["tcp"], limit["tcp"])
        if wanted("tls"):
            tls = self.best(lambda who: self.migrate(who, self.image(), True))
            self.row("TLS, %d MiB of random bytes" % self.options.memory, "GB/s", tls, "a bare TLS pipe, 3 times QEMU's",
                     tls["minivisor"] >= limit["tls"] and tls["minivisor"] >= 3 * tls.get("qemu", 0), limit["tls"])
        if wanted("zero"):
            zero = self.best(lambda who: self.migrate(who, None, False))
            self.row("zero pages, %d MiB" % self.options.memory, "GB/s", zero, "80 % of reading memory once",
                     zero["minivisor"] >= 0.8 * limit["read"], limit["read"])
        control.run(self, wanted)
        access.run(self, wanted)
        running.run(self, wanted)


def main():
    parser = argparse.ArgumentParser(description="measure minivisor beside QEMU and the machine's limits")
    parser.add_argument("--binary", default=os.path.join(os.path.dirname(os.path.dirname(HERE)), "build", "minivisor"))
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--memory", type=int, default=1024, help="guest memory in MiB")
    parser.add_argument("--filter", default="", help="only what has this in its name; the names stand at the top of the file")
    parser.add_argument("--json", help="leave the figures in this file")
    options = parser.parse_args()
    options.binary = os.path.abspath(shutil.which(options.binary) or options.binary)
    directory = tempfile.mkdtemp(prefix="mv-bench-")
    bench = Bench(options, directory)
    try:
        bench.run()
    finally:
        bench.test.finish()
        shutil.rmtree(directory, ignore_errors=True)
    if options.json:
        keys = ("what", "unit", "minivisor", "qemu", "limit", "limit_name", "budget", "met")
        with open(options.json, "w", encoding="utf-8") as out:
            json.dump([dict(zip(keys, row)) for row in bench.rows], out, indent=1)
    return 0


if __name__ == "__main__":
    sys.exit(main())
