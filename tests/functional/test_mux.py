# SPDX-License-Identifier: GPL-3.0-or-later
"""One terminal for a serial port and a monitor: the keys behind Ctrl-A, and what the terminal is like afterwards."""
import os
import re
import signal
import socket
import termios

from harness import guests
from harness.process import Deadline, connect_unix

ESCAPE = b"\x01"
PROMPT = b"(qemu) "


class Talk:
    """What comes on an instance's terminal after what was typed last."""

    def __init__(self, vm):
        self.vm, self.seen = vm, 0

    def type(self, keys):
        self.seen = len(self.vm.out.data)
        self.vm.write(keys)

    def wait(self, text, seconds=20):
        self.vm.out.wait(lambda data: text in data[self.seen:], seconds, "%r" % text)
        return self.vm.out.data[self.seen:].decode()


def command(t, *more, name="echo"):
    if t.minivisor():
        return ("-M", "mini", "-m", "16", "-kernel", guests.image(t, name, "img"), *more)
    return ("-M", "microvm", "-accel", "kvm", "-m", "16", "-bios", guests.image(t, name, "bin"), *more)


def start(t, *more, terminal=True, **how):
    """A guest that sends back what it gets. A terminal without a monitor of the harness's."""
    if not os.access("/dev/kvm", os.R_OK | os.W_OK):
        t.skip("/dev/kvm cannot be used")
    vm = t.start(*command(t, *more), **{"terminal": terminal, "qmp": 0, **how})
    talk = Talk(vm)
    return vm, talk


def begin(t, *more, **how):
    vm, talk = start(t, *more, **how)
    vm.out.wait(lambda data: b"READY\r\n" in data, 20, "the guest's first word")
    return vm, talk


def refusal(t, *options):
    return t.start(*options, qmp=0).wait_exit(1)


def flags(vm):
    return termios.tcgetattr(vm.input)[3]


def test_guest_and_monitor(t):
    "mon:stdio: keys go to the guest; Ctrl-A c goes to the monitor and back"
    vm, talk = begin(t, "-serial", "mon:stdio")
    talk.type(b"hello")
    talk.wait(b"hello")
    t.lacks(vm.out.text(), "monitor")
    talk.type(ESCAPE + b"c")
    t.has(talk.wait(PROMPT), "QEMU 7.2")
    talk.type(b"info status\r")
    t.has(talk.wait(b"\n" + PROMPT), "VM status: running")
    talk.type(ESCAPE + b"cback")
    talk.wait(b"back")
    talk.type(ESCAPE + b"c")
    t.lacks(talk.wait(PROMPT), "QEMU 7.2", "the banner comes once")


def test_stopped_and_continued(t):
    "after it was stopped and continued, the terminal gives each key as it is typed again"
    vm, talk = begin(t, "-serial", "mon:stdio")
    raw = termios.tcgetattr(vm.input)
    vm.process.send_signal(signal.SIGSTOP)
    os.waitid(os.P_PID, vm.pid, os.WSTOPPED)
    cooked = termios.tcgetattr(vm.input)
    cooked[3] |= termios.ICANON | termios.ECHO
    termios.tcsetattr(vm.input, termios.TCSANOW, cooked)
    vm.process.send_signal(signal.SIGCONT)
    deadline = Deadline(20)
    while termios.tcgetattr(vm.input)[3] != raw[3]:
        t.check(not deadline.over(), "the terminal is as it was")
    talk.type(b"k")
    talk.wait(b"k")


def test_ctrl_c_is_for_the_guest(t):
    "with mon:stdio Ctrl-C, Ctrl-Z and Ctrl-\\ reach the guest"
    vm, talk = begin(t, "-serial", "mon:stdio")
    talk.type(b"\x03\x1a\x1c.")
    talk.wait(b"\x03\x1a\x1c.")
    t.check(vm.running(), "it ended")


def test_end(t):
    "Ctrl-A x ends the program with status 0, and the terminal is as before; also after quit and SIGTERM"
    for how in ("key", "quit", "signal"):
        vm, talk = begin(t, "-serial", "mon:stdio")
        t.eq(flags(vm) & (termios.ICANON | termios.ECHO | termios.ISIG), 0, "the terminal meanwhile")
        if how == "key":
            talk.type(ESCAPE + b"x")
            talk.wait(b"QEMU: Terminated\r\n\r")
        elif how == "quit":
            talk.type(ESCAPE + b"cquit\r")
        else:
            vm.signal(15)
        vm.process.wait(10)
        wanted = termios.ICANON | termios.ECHO | termios.ISIG | termios.IEXTEN
        t.eq(flags(vm) & wanted, wanted, "the terminal after " + how)
        vm.wait_exit(0)


def test_help(t):
    "Ctrl-A h lists the keys"
    _, talk = begin(t, "-serial", "mon:stdio")
    talk.type(ESCAPE + b"h")
    t.has(talk.wait(b"C-a C-a  sends C-a\r\n\r"), "\r\n\rC-a h    print this help\r\n\rC-a x    exit emulator\r\n\r"
          "C-a s    save disk data back to file (if -snapshot)\r\n\rC-a t    toggle console timestamps\r\n\r"
          "C-a b    send break (magic sysrq)\r\n\rC-a c    switch between console and monitor\r\n\r")


def test_other_keys(t):
    "Ctrl-A Ctrl-A is a Ctrl-A, Ctrl-A b a break, and an unknown key is swallowed"
    _, talk = begin(t, "-serial", "mon:stdio")
    talk.type(ESCAPE + ESCAPE + b".")
    talk.wait(b"\x01.")
    talk.type(ESCAPE + b"b.")
    talk.wait(b"\0.")
    talk.type(b"1" + ESCAPE + b"s2" + ESCAPE + b"q3")
    talk.wait(b"123")


def test_times(t):
    "Ctrl-A t puts times before lines"
    vm, talk = begin(t, "-serial", "mon:stdio")
    talk.type(ESCAPE + b"ta\nb\nc.")
    talk.wait(b"c.")
    out = vm.out.data[talk.seen:]
    t.check(re.fullmatch(rb"a\r\n\[00:00:00\.\d{3}\] b\r\n\[00:00:\d\d\.\d{3}\] c\.", out), "times: %r" % out)
    talk.type(ESCAPE + b"t\nd.")
    talk.wait(b"\nd.")


def test_escape_character(t):
    "-echr chooses another escape character, and Ctrl-A is one like others"
    _, talk = begin(t, "-serial", "mon:stdio", "-echr", "0x14")
    talk.type(b"\x01c.")
    talk.wait(b"\x01c.")
    talk.type(b"\x14h")
    talk.wait(b"C-t C-t  sends C-t")
    talk.type(b"\x14c")
    talk.wait(PROMPT)
    if t.minivisor():
        t.has(refusal(t, "-echr", "x"), "Bad argument to echr")
        t.has(refusal(t, "-echr", "256"), "The escape character must be between 0 and 255")


def test_by_its_parts(t):
    "-chardev mux=on, -serial chardev: and -mon are the same, in either order, for QMP too"
    for options in (("-mon", "chardev=c", "-serial", "chardev:c"), ("-serial", "chardev:c", "-mon", "chardev=c")):
        _, talk = begin(t, "-chardev", "stdio,id=c,mux=on,signal=off", *options)
        talk.type(b"guest" + ESCAPE + b"c")
        talk.wait(PROMPT)
        talk.type(b"info chardev\r")
        out = talk.wait(b"\n" + PROMPT)
        t.has(out, "c: filename=mux")
        t.has(out, "c-base: filename=stdio")
    _, talk = begin(t, "-chardev", "stdio,id=c,mux=on,signal=off", "-serial", "chardev:c", "-qmp", "chardev:c")
    talk.vm.out.wait(lambda data: b'{"QMP"' in data, 10, "the greeting")
    talk.type(ESCAPE + b'c{"execute": "qmp_capabilities"}')
    talk.wait(b'{"return": {}}')
    talk.type(ESCAPE + b"cguest")
    talk.wait(b"guest")


def test_nographic(t):
    "-nographic is -serial mon:stdio on machine mini, unless something else is asked for"
    t.requires_minivisor("machine mini")
    _, talk = begin(t, "-nographic", base=())
    talk.type(b"guest" + ESCAPE + b"c")
    talk.wait(PROMPT)
    _, talk = begin(t, "-nographic", "-monitor", "none", base=())
    talk.type(b"\x01c.")
    talk.wait(b"\x01c.")
    vm, talk = start(t, "-nographic", "-serial", "null", base=())
    vm.out.wait(lambda data: data.endswith(PROMPT), 10, "the prompt of a monitor")


def test_over_a_socket(t):
    "mon:unix: one client at a time shares the port and the monitor; the next one comes when it is gone"
    path = t.path("terminal")
    vm, _ = start(t, "-serial", "mon:unix:%s,server=on,wait=off" % path, "-S", terminal=False, qmp=1)

    def converse(sock, keys, text):
        sock.settimeout(20)
        sock.sendall(keys)
        data = b""
        while text not in data:
            piece = sock.recv(4096)
            t.check(piece, "the end after %r" % data)
            data += piece
    with connect_unix(path, vm.pidfd) as first:
        while any(d["filename"].startswith("disconnected") for d in vm.qmp.cmd("query-chardev") if d["label"] == "serial0-base"):
            pass
        vm.qmp.cmd("cont")
        converse(first, b"", b"READY\n")     # what comes before is lost
        converse(first, b"one", b"one")
        converse(first, ESCAPE + b"c", PROMPT)
        second = connect_unix(path, vm.pidfd)
        converse(first, ESCAPE + b"ctwo", b"two")
    with second:
        converse(second, b"three", b"three")
        converse(second, ESCAPE + b"cinfo status\r", b"VM status: running")
        second.shutdown(socket.SHUT_WR)


def test_limits(t):
    "a multiplexer has four users; what is not shared has one"
    t.requires_minivisor("QEMU runs on, or says it otherwise")
    many = ["-chardev", "null,id=c,mux=on"] + 5 * ["-mon", "chardev=c"]
    t.has(refusal(t, *many), "Device 'c' is in use")
    t.has(refusal(t, "-chardev", "null,id=c", "-mon", "chardev=c", "-mon", "chardev=c"), "Device 'c' is in use")
    t.has(refusal(t, "-chardev", "ringbuf,id=c,mux=on"), "Chardev 'c-base' is a ringbuf, which cannot be talked over")
    t.has(refusal(t, "-chardev", "null,id=c,mux=perhaps"), "Parameter 'mux' expects 'on' or 'off'")
    t.has(refusal(t, "-chardev", "mux,id=c"), "chardev: mux: no chardev given")


def test_added_later(t):
    "chardev-add makes multiplexers too, and chardev-remove takes what is under them"
    vm = t.start()
    vm.qmp.cmd("chardev-add", id="n", backend={"type": "null", "data": {}})
    vm.qmp.cmd("chardev-add", id="m", backend={"type": "mux", "data": {"chardev": "n"}})
    names = {device["label"]: device["filename"] for device in vm.qmp.cmd("query-chardev")}
    t.eq((names["n"], names["m"]), ("null", "mux"))
    t.has(vm.qmp.error("chardev-remove", id="n"), "busy")
    t.has(vm.qmp.error("chardev-add", id="x", backend={"type": "mux", "data": {"chardev": "q"}}),
          "mux: base chardev q not found")
    if t.minivisor():
        t.eq(vm.qmp.hmp("chardev-add null,id=h,mux=on"), [])
        vm.qmp.cmd("chardev-remove", id="h")
        t.lacks(str(vm.qmp.cmd("query-chardev")), "h-base")
