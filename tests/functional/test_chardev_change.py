# SPDX-License-Identifier: GPL-3.0-or-later
"""chardev-change and chardev-send-break: another device in the place of one, also under a guest that runs."""
import os

from harness.process import connect_unix
from test_chardev import filenames, unix
from test_mux import command

NULL = {"type": "null", "data": {}}


def wait(t, sock, text):
    """Reads until the text has come."""
    data = b""
    sock.settimeout(30)
    while text not in data:
        piece = sock.recv(4096)
        t.check(piece, "closed after %r" % data)
        data += piece
    return data


def wait_end(sock):
    sock.settimeout(30)
    while sock.recv(4096):
        pass


def echo(t):
    """A guest that sends back what it gets, and somebody at its serial port."""
    if not os.access("/dev/kvm", os.R_OK | os.W_OK):
        t.skip("/dev/kvm cannot be used")
    vm = t.start(*command(t, "-chardev", "socket,id=s,path=%s,server=on,wait=off" % t.path("a"), "-serial", "chardev:s",
                          "-S"))
    peer = connect_unix(t.path("a"), vm.pidfd)
    vm.qmp.cmd("cont")
    wait(t, peer, b"READY")
    return vm, peer


def test_unused(t):
    "a device that nobody uses becomes another kind; one that is not there does not"
    vm = t.start("-chardev", "null,id=n", "-chardev", "null,id=r")
    t.eq(vm.qmp.error("chardev-change", id="nope", backend=NULL), "Chardev 'nope' does not exist")
    t.eq(vm.qmp.cmd("chardev-change", id="n", backend={"type": "ringbuf", "data": {}}), {})
    vm.qmp.cmd("ringbuf-write", device="n", data="x")
    t.eq(vm.qmp.cmd("chardev-change", id="n", backend=NULL), {})
    t.eq(filenames(vm)["n"], "null")
    t.has(vm.qmp.cmd("chardev-change", id="n", backend={"type": "pty", "data": {}})["pty"], "/dev/pts/")
    t.eq(vm.qmp.cmd("chardev-change", id="n", backend={"type": "mux", "data": {"chardev": "r"}}), {})
    t.eq(filenames(vm)["n"], "mux")


def test_who_cannot_change(t):
    "a monitor's device, a multiplexer and what lies below it stay what they are"
    vm = t.start("-chardev", "null,id=m,mux=on", "-mon", "m", "-chardev", "null,id=p", "-mon", "p")
    t.eq(vm.qmp.error("chardev-change", id="m", backend=NULL), "Mux device hotswap not supported yet")
    for name in ("p", "compat_monitor0"):
        t.eq(vm.qmp.error("chardev-change", id=name, backend=NULL), "Chardev user does not support chardev hotswap")
    if t.minivisor():
        t.eq(vm.qmp.error("chardev-change", id="m-base", backend=NULL), "Chardev user does not support chardev hotswap")


def test_what_cannot_be_made(t):
    "where the new device cannot be made the old one stays, and over itself a device cannot be"
    t.requires_minivisor("QEMU's is gone then")
    vm = t.start("-chardev", "null,id=n")
    t.has(vm.qmp.error("chardev-change", id="n", backend={"type": "file", "data": {"out": t.path("no/such")}}),
          "Failed to add chardev 'n': Could not open")
    t.eq(vm.qmp.error("chardev-change", id="n", backend={"type": "mux", "data": {"chardev": "n"}}),
         "Failed to add chardev 'n': mux: base chardev n not found")
    t.eq(filenames(vm)["n"], "null")


def test_the_same_socket(t):
    "a listening socket that is changed into one at the same path is there afterwards, and its file goes at the end"
    t.requires_minivisor("it is about the end too")
    path = t.path("c")
    vm = t.start("-chardev", "socket,id=c,path=%s,server=on,wait=off" % path)
    vm.qmp.cmd("chardev-change", id="c", backend=unix(path, wait=False))
    connect_unix(path, vm.pidfd).close()
    vm.qmp.cmd("chardev-remove", id="c")
    t.check(not os.path.exists(path), "its file is gone")


def test_serial_port(t):
    "a serial port goes on with another device: the old peer is left, the new one talks to the guest"
    vm, peer = echo(t)
    vm.qmp.cmd("chardev-change", id="s", backend=unix(t.path("b"), wait=False))
    wait_end(peer)
    with connect_unix(t.path("b"), vm.pidfd) as fresh:
        fresh.sendall(b"hello")
        wait(t, fresh, b"hello")
    vm.qmp.cmd("chardev-change", id="s", backend=unix(t.path("d"), wait=False))
    with connect_unix(t.path("d"), vm.pidfd) as fresh:
        fresh.sendall(b"again")
        wait(t, fresh, b"again")
    if t.minivisor():
        t.has(vm.qmp.error("chardev-change", id="s", backend={"type": "ringbuf", "data": {}}), "cannot be talked over")


def test_a_peer_that_does_not_read(t):
    "a peer that takes nothing does not hold up the one who comes in its place"
    vm, peer = echo(t)
    peer.settimeout(0)
    try:
        while True:         # what comes back fills the connection
            peer.send(bytes(4096))
    except BlockingIOError:
        pass
    vm.qmp.cmd("chardev-change", id="s", backend=unix(t.path("b"), wait=False))
    with connect_unix(t.path("b"), vm.pidfd) as fresh:
        fresh.sendall(b"hello")
        wait(t, fresh, b"hello")


def test_break(t):
    "a break reaches the guest behind a serial port; other users take no notice, and an unknown device is named"
    vm, peer = echo(t)
    vm.qmp.cmd("chardev-send-break", id="s")
    wait(t, peer, b"\0")
    t.eq(vm.qmp.hmp("chardev-send-break s"), [])
    wait(t, peer, b"\0")
    vm.qmp.cmd("chardev-add", id="n", backend=NULL)
    for name in ("n", "compat_monitor0"):
        t.eq(vm.qmp.cmd("chardev-send-break", id=name), {})
    t.eq(vm.qmp.error("chardev-send-break", id="nope"), "Chardev 'nope' not found")


def test_break_over_a_mux(t):
    "of those who share a device, the one with the focus gets the break; the device below gives it to all"
    if not os.access("/dev/kvm", os.R_OK | os.W_OK):
        t.skip("/dev/kvm cannot be used")
    vm = t.start(*command(t, "-chardev", "socket,id=s,path=%s,server=on,wait=off,mux=on" % t.path("a"), "-serial",
                          "chardev:s", "-mon", "s", "-S"))
    with connect_unix(t.path("a"), vm.pidfd) as peer:
        vm.qmp.cmd("cont")
        wait(t, peer, b"READY")
        vm.qmp.cmd("chardev-send-break", id="s")
        wait(t, peer, b"\0")
        peer.sendall(b"\x01c")
        wait(t, peer, b"(qemu) ")
        vm.qmp.cmd("chardev-send-break", id="s")        # the monitor's
        vm.qmp.cmd("chardev-send-break", id="s-base")
        t.eq(wait(t, peer, b"\0"), b"\0")
        peer.sendall(b"\x01cx")
        t.lacks(wait(t, peer, b"x").decode(), "\0")


def test_console(t):
    "chardev-change and chardev-send-break on the console"
    vm = t.start("-chardev", "null,id=n")
    t.eq(vm.qmp.hmp("chardev-change n ringbuf,size=4"), [])
    t.eq(filenames(vm)["n"], "ringbuf")
    t.eq(vm.qmp.hmp("chardev-change nope null"), ["Error: Chardev 'nope' does not exist"])
    t.eq(vm.qmp.hmp("chardev-change n bogus"), ["Error: 'bogus' is not a valid char driver name"])
    t.eq(vm.qmp.hmp("chardev-send-break nope"), ["Error: Chardev 'nope' not found"])
    t.eq(vm.qmp.hmp("chardev-change n null"), [])
    if t.minivisor():
        t.has(vm.qmp.hmp("chardev-change n pty")[0], "char device redirected to /dev/pts/")


def test_text(t):
    "the command behind the console's chardev-change takes the same text, without an id in it"
    t.requires_minivisor("it is minivisor's own")
    vm = t.start("-chardev", "null,id=n")
    t.eq(vm.qmp.cmd("__org.minivisor_chardev-change-text", id="n", text="ringbuf"), "")
    t.eq(vm.qmp.error("__org.minivisor_chardev-change-text", id="n", text="null,id=x"), "Invalid parameter 'id'")
