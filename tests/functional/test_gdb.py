# SPDX-License-Identifier: GPL-3.0-or-later
"""gdb comes into a guest: registers, memory, breakpoints, steps; the guest goes on when it leaves."""
import os
import re
import shutil
import subprocess

from harness import guests
from harness.process import SCALE, connect_unix


def start(t, name, *more, **parameters):
    """A guest with a gdb server, and the server's socket. A real QEMU runs it as firmware."""
    if not os.access("/dev/kvm", os.R_OK | os.W_OK):
        t.skip("/dev/kvm cannot be used")
    path = t.path("gdb")
    if t.minivisor():
        machine = ("-M", "mini", "-kernel", guests.image(t, name, "img", **parameters))
    else:
        machine = ("-M", "microvm", "-bios", guests.image(t, name, "bin", **parameters))
    return t.start(*machine, "-accel", "kvm", "-m", "16M", "-serial", "stdio", "-gdb",
                   "unix:%s,server=on,wait=off" % path, *more), path


def gdb(t, path, *commands):
    """The output of a gdb that runs these commands."""
    if not shutil.which("gdb"):
        t.skip("there is no gdb")
    words = ["gdb", "-nx", "-batch", "-ex", "set pagination off", "-ex", "target remote " + path]
    for command in commands:
        words += ["-ex", command]
    done = subprocess.run(words, cwd=t.dir, capture_output=True, timeout=60 * SCALE, check=False,
                          env=dict(os.environ, HOME=t.dir, LC_ALL="C"))
    return done.stdout.decode() + done.stderr.decode()


class Remote:
    """The protocol by hand."""

    def __init__(self, vm, path):
        self.sock = connect_unix(path, vm.pidfd)
        self.sock.settimeout(30)
        self.data = b""

    def send(self, text):
        self.sock.sendall(b"$%s#%02x" % (text, sum(text) % 256))

    def answer(self):
        while True:
            found = re.match(rb"\+*\$([^#]*)#..", self.data)
            if found:
                self.data = self.data[found.end():]
                try:
                    self.sock.sendall(b"+")
                except BrokenPipeError:     # after its last words
                    pass
                return found.group(1)
            piece = self.sock.recv(4096)
            if not piece:
                return None
            self.data += piece

    def ask(self, text):
        self.send(text)
        return self.answer()


def goes_on(vm):
    size = len(vm.out.data)
    vm.out.wait(lambda data: len(data) > size + 20, 30, "more of the guest's output")


def status(vm):
    return vm.qmp.cmd("query-status")["status"]


def test_gdb(t):
    "gdb reads registers and memory, stops at a breakpoint, steps, changes a register, and leaves the guest running"
    vm, path = start(t, "walker", pace=0)
    vm.out.wait(lambda data: b"W 00000002" in data, 30, "the guest's first words")
    out = gdb(t, path, "info threads", "p/x *(int*)0x7c08", "stepi", "stepi", "set $place = $rip", "hbreak *$place", "continue",
              "p $rip == $place", "stepi", "p $rip == $place", "set $before = $rax", "set $rax = 0x1234", "p/x $rax",
              "set $rax = $before", "p/x $cs", "delete", "detach")
    t.has(out, "CPU#0")
    t.has(out, "$1 = 0x400")            # the walker's pages
    t.has(out, "Breakpoint 1, ")
    t.has(out, "$2 = 1")
    t.has(out, "$3 = 0")
    t.has(out, "$4 = 0x1234")
    t.has(out, "$5 = 0x8")              # the code segment of protected mode
    t.has(out, "detached")
    t.eq(status(vm), "running")
    goes_on(vm)
    t.lacks(vm.out.text(), "LOST")


def test_software_breakpoint(t):
    "a plain breakpoint stops it too, and writes nothing into the guest"
    t.requires_minivisor("where KVM does not tell of int3, QEMU's guest ends in an internal error")
    vm, path = start(t, "walker", pace=0)
    vm.out.wait(lambda data: b"W 00000002" in data, 30, "the guest's first words")
    out = gdb(t, path, "stepi", "set $place = $rip", "set $byte = *(char*)$place", "break *$place", "continue", "p $rip == $place",
              "p *(char*)$place == $byte", "continue", "delete", "detach")
    t.eq(len(re.findall(r"Breakpoint 1, ", out)), 2)
    t.has(out, "$1 = 1")
    t.has(out, "$2 = 1")
    goes_on(vm)


def test_held_at_the_start(t):
    "with -S gdb is there before the first instruction"
    t.requires_minivisor("where a guest begins")
    vm, path = start(t, "counter", "-S")
    out = gdb(t, path, "p/x $rip", "hbreak *0x7c10", "delete", "stepi", "detach")
    t.has(out, "$1 = 0x7c00")
    vm.out.wait(lambda data: b"0\n1\n2\n" in data, 30, "the guest's words")


def test_stop_and_interrupt(t):
    "the guest stops when gdb comes; an interrupt and the monitor's stop are told; cont of either lets it go on"
    t.requires_minivisor("QEMU tells of the stop at the connection unasked")
    vm, path = start(t, "counter", pace=0)
    remote = Remote(vm, path)
    t.check(remote.ask(b"?").startswith(b"T"), "a stop")
    t.eq(status(vm), "paused")
    remote.send(b"c")
    goes_on(vm)
    t.eq(status(vm), "running")
    remote.sock.sendall(b"\x03")
    told = remote.answer()
    t.check(told.startswith(b"T02"), "an interrupt: %r" % told)
    t.eq(status(vm), "paused")
    remote.send(b"vCont;c")
    goes_on(vm)
    vm.qmp.cmd("stop")
    t.check(remote.answer().startswith(b"T02"), "a stop by the monitor")
    t.eq(remote.ask(b"D"), b"OK")
    goes_on(vm)
    t.eq(status(vm), "running")


def test_debug_state(t):
    "at a breakpoint the run state is debug, and the monitor's cont goes on from there"
    t.requires_minivisor("addresses of a boot sector")
    vm, path = start(t, "counter", pace=0)
    remote = Remote(vm, path)
    place = int.from_bytes(bytes.fromhex(remote.ask(b"p10").decode()), "little")
    t.eq(remote.ask(b"Z1,%x,1" % place), b"OK")
    t.check(remote.ask(b"vCont;c").startswith(b"T05thread:01;"), "a trap")
    t.eq(status(vm), "debug")
    t.eq(remote.ask(b"z1,%x,1" % place), b"OK")
    vm.qmp.cmd("cont")
    goes_on(vm)


def test_a_client_that_goes(t):
    "who hangs up leaves no breakpoint; the next one may come, a second one at once may not"
    t.requires_minivisor("QEMU keeps breakpoints")
    vm, path = start(t, "counter", pace=0)
    remote = Remote(vm, path)
    place = int.from_bytes(bytes.fromhex(remote.ask(b"p10").decode()), "little")
    for i in range(4):
        t.eq(remote.ask(b"Z1,%x,1" % (place + i)), b"OK")
    t.eq(remote.ask(b"Z1,%x,1" % (place + 9)), b"E22")
    t.eq(Remote(vm, path).answer(), None)
    remote.sock.close()
    vm.wait_stderr("a second client was hung up on")
    vm.qmp.cmd("cont")
    goes_on(vm)
    out = gdb(t, path, "p/x $cs", "detach")
    t.has(out, "detached")
    goes_on(vm)


def test_two_cpus(t):
    "each CPU is a thread with registers of its own"
    t.requires_minivisor("machine mini")
    vm, path = start(t, "walker2", "-smp", "2")
    vm.out.wait(lambda data: b"X 00000002" in data, 30, "the second CPU's words")
    out = gdb(t, path, "info threads", "thread 2", "stepi", "p/x $rip > 0x7c00", "detach")
    t.has(out, "CPU#0")
    t.has(out, "CPU#1")
    t.has(out, "$1 = 0x1")
    goes_on(vm)


def test_the_end(t):
    "gdb is told when the program ends, and kill ends it"
    t.requires_minivisor("machine mini")
    vm, path = start(t, "counter", pace=0)
    remote = Remote(vm, path)
    remote.send(b"c")
    goes_on(vm)
    vm.qmp.cmd("quit")
    t.eq(remote.answer(), b"W00")
    vm.wait_exit(0)
    vm, path = start(t, "counter", pace=0)
    Remote(vm, path).send(b"k")
    vm.wait_exit(0)


def test_gdbserver(t):
    "HMP's gdbserver opens a server, moves it elsewhere, and closes it; the guest loses its breakpoints"
    t.requires_minivisor("machine mini")
    vm, path = start(t, "counter", pace=0)
    remote = Remote(vm, path)
    place = int.from_bytes(bytes.fromhex(remote.ask(b"p10").decode()), "little")
    t.eq(remote.ask(b"Z1,%x,1" % place), b"OK")
    device = "unix:%s,server=on,wait=off" % t.path("other")
    t.eq(vm.qmp.hmp("gdbserver " + device), ["Waiting for gdb connection on device '%s'" % device])
    t.eq(remote.answer(), None)
    vm.qmp.cmd("cont")
    goes_on(vm)
    t.eq(Remote(vm, t.path("other")).ask(b"?"), b"T05thread:01;")
    t.eq(vm.qmp.hmp("gdbserver none"), ["Disabled gdbserver"])
    t.lacks(str(vm.qmp.cmd("query-chardev")), "gdb")
    t.has(str(vm.qmp.hmp("gdbserver pigeon")), "Could not open gdbserver on device 'pigeon'")
    t.eq(vm.qmp.cmd("__org.minivisor_gdbserver", device=device), {})
    t.has(str(t.start().qmp.hmp("gdbserver")), "gdbstub: meaningless to attach gdb to a machine without any CPU.")


def test_refusals(t):
    "what cannot be is refused: a machine without CPUs, two servers"
    t.requires_minivisor("machine mini")
    text = t.start("-gdb", "unix:%s,server=on,wait=off" % t.path("none"), qmp=0).wait_exit(1)
    t.has(text, "gdbstub: meaningless to attach gdb to a machine without any CPU.")
    t.has(t.start("-s", "-s", qmp=0).wait_exit(1), "there is one gdb server")
    t.has(t.start("-gdb", "pigeon", qmp=0).wait_exit(1), "'pigeon' is not a valid char driver")
    t.start("-gdb", "none")
