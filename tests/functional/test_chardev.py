# SPDX-License-Identifier: GPL-3.0-or-later
"""Character devices: the kinds, adding and removing them, and monitors on them."""
import json
import os
import re
import select
import socket

from harness.process import SCALE, connect_unix
from harness.qmp import Qmp


def unix(path, **more):
    return {"type": "socket", "data": dict(addr={"type": "unix", "data": {"path": path}}, **more)}


def inet(port="0", **more):
    return {"type": "socket", "data": dict(addr={"type": "inet", "data": {"host": "127.0.0.1", "port": port}}, **more)}


def add(vm, name, backend):
    return vm.qmp.cmd("chardev-add", id=name, backend=backend)


def refused(t, vm, name, backend, text):
    t.eq(vm.qmp.error("chardev-add", id=name, backend=backend), text)


def filenames_of(qmp):
    return {d["label"]: d["filename"] for d in qmp.cmd("query-chardev")}


def filenames(vm):
    return filenames_of(vm.qmp)


def read_line(t, fd):
    data = b""
    while not data.endswith(b"\n"):
        t.check(select.select([fd], [], [], 10 * SCALE)[0], "no line; seen: %r" % data)
        data += os.read(fd, 1)
    return data


def test_add_and_remove(t):
    "chardev-add and chardev-remove, and what they say about names"
    vm = t.start()
    null = {"type": "null", "data": {}}
    t.eq(add(vm, "n", null), {})
    refused(t, vm, "n", null, "Chardev with id 'n' already exists")
    t.eq(add(vm, "1 c", null), {})
    t.eq(filenames(vm)["1 c"], "null")
    vm.qmp.cmd("chardev-remove", id="n")
    t.eq(vm.qmp.error("chardev-remove", id="n"), "Chardev 'n' not found")
    t.eq(vm.qmp.error("chardev-remove", id="compat_monitor0"), "Chardev 'compat_monitor0' is busy")
    backends = {b["name"] for b in vm.qmp.cmd("query-chardev-backends")}
    t.check(backends >= {"null", "file", "pty", "stdio", "socket", "ringbuf", "memory"}, backends)


def test_wrong_arguments(t):
    "what is wrong with chardev-add's arguments is named, and nothing is made"
    vm = t.start()
    before = filenames(vm)
    for backend, text in (
            ({"type": "nope", "data": {}}, "Parameter 'type' does not accept value 'nope'"),
            ({"type": "null"}, "Parameter 'backend.data' is missing"),
            ({}, "Parameter 'backend.type' is missing"),
            ({"type": "null", "data": {"x": 1}}, "Parameter 'backend.data.x' is unexpected"),
            ("null", "Invalid parameter type for 'backend', expected: object"),
            ({"type": "file", "data": {}}, "Parameter 'backend.data.out' is missing"),
            ({"type": "file", "data": {"out": "/nope/x"}},
             "Failed to add chardev 'd': Could not open '/nope/x': No such file or directory"),
            ({"type": "socket", "data": {}}, "Parameter 'backend.data.addr' is missing"),
            ({"type": "socket", "data": {"addr": {"type": "unix", "data": {}}}},
             "Parameter 'backend.data.addr.data.path' is missing"),
            ({"type": "socket", "data": {"addr": {"type": "zork", "data": {}}}}, "Parameter 'type' does not accept value 'zork'"),
            (unix("x", server=False, wait=True),
             "Failed to add chardev 'd': 'wait' option is incompatible with socket in client connect mode"),
            (unix("x", reconnect=1),
             "Failed to add chardev 'd': 'reconnect' option is incompatible with socket in server listen mode"),
            (unix("/nope/s", server=False), "Failed to add chardev 'd': Failed to connect to '/nope/s': No such file or directory"),
            (inet(**{"tls-creds": "nope"}), "Failed to add chardev 'd': No TLS credentials with id 'nope'"),
            (inet(**{"tls-authz": "nope"}), "Failed to add chardev 'd': 'tls_authz' option requires 'tls_creds' option"),
            (unix("x", **{"tls-creds": "nope"}),
             "Failed to add chardev 'd': " + ("'tls_creds' option is incompatible with 'unix' address type"
                                              if t.minivisor() else "No TLS credentials with id 'nope'")),
            (inet(telnet=True), "Failed to add chardev 'd': 'telnet' is not supported"),
            (inet(nodelay=False), "Failed to add chardev 'd': 'nodelay' cannot be off: a monitor's answers do not wait for an "
                                  "acknowledgement"),
            ({"type": "ringbuf", "data": {"size": 3}},
             "Failed to add chardev 'd': size of ringbuf chardev must be power of two")):
        refused(t, vm, "d", backend, text)
    t.eq(filenames(vm), before)


def test_file(t):
    "a file is written to, emptied first or not"
    vm = t.start()
    t.write("a", "old\n")
    t.write("b", "old\n")
    add(vm, "a", {"type": "file", "data": {"out": t.path("a")}})
    add(vm, "b", {"type": "file", "data": {"out": t.path("b"), "append": True}})
    t.eq(open(t.path("a")).read(), "")
    t.eq(open(t.path("b")).read(), "old\n")
    t.eq(filenames(vm)["a"], "file")
    vm.qmp.cmd("chardev-remove", id="a")


def test_ringbuf(t):
    "a ring buffer keeps the last bytes, as text and in base64"
    vm = t.start()
    add(vm, "r", {"type": "ringbuf", "data": {"size": 16}})
    write = lambda data, **more: vm.qmp.cmd("ringbuf-write", device="r", data=data, **more)
    read = lambda size, **more: vm.qmp.cmd("ringbuf-read", device="r", size=size, **more)
    write("hello")
    t.eq([read(3), read(3), read(3)], ["hel", "lo", ""])
    write("0123456789abcdefXYZ")
    t.eq(read(100), "3456789abcdefXYZ")
    write("aGFsbG8=", format="base64")
    t.eq(read(100, format="base64"), "aGFsbG8=")
    write("/w==", format="base64")
    t.eq(read(100), "\ufffd")
    for arguments, text in ((dict(device="nope", size=1), "Device 'nope' not found"),
                            (dict(device="compat_monitor0", size=1), "compat_monitor0 is not a ringbuf device"),
                            (dict(device="r", size=0), "size must be greater than zero")):
        t.eq(vm.qmp.error("ringbuf-read", **arguments), text)
    t.eq(vm.qmp.error("ringbuf-write", device="r", data="a$$", format="base64"), "Base64 data contains invalid characters")


def test_hmp(t):
    "chardev-add, chardev-remove and the ring buffer's commands on the console"
    vm = t.start()
    hmp = vm.qmp.hmp
    t.eq(hmp("chardev-add null,id=n"), [])
    t.eq(hmp("chardev-add zork,id=x"), ["Error: 'zork' is not a valid char driver name"])
    t.eq(hmp("chardev-add null"), ["Error: chardev: no id specified"])
    t.eq(hmp("chardev-add file,id=f"), ["Error: chardev: file: no filename given"])
    t.eq(hmp("chardev-add socket,id=s,path=/nope/q,server=on,wait=off"),
         ["Error: Failed to bind socket to /nope/q: No such file or directory"])
    t.eq(hmp("chardev-remove n"), [])
    t.eq(hmp("chardev-remove n"), ["Error: Chardev 'n' not found"])
    t.eq(hmp("chardev-add")[0], "chardev-add: string expected")
    t.check(hmp("chardev-add help")[0].startswith("Available chardev backend types:"), "help")
    t.check(re.fullmatch(r"char device redirected to /dev/pts/\d+ \(label p\)", hmp("chardev-add pty,id=p")[0]), "pty")
    t.eq(hmp("chardev-add ringbuf,id=r,size=16"), [])
    t.eq(hmp('ringbuf_write r "a\\\\b\\nc"'), [])
    t.eq(hmp("ringbuf_read r 100"), ["a\\\\b", "c"])
    t.check("r: filename=ringbuf" in hmp("info chardev"), "info chardev")


def test_text(t):
    "the command behind the console's chardev-add takes the same text"
    t.requires_minivisor("its own command")
    vm = t.start()
    name = "__org.minivisor_chardev-add-text"
    t.eq(vm.qmp.cmd(name, text="null,id=n"), "")
    t.has(vm.qmp.cmd(name, text="help"), "  ringbuf\n")
    t.eq(vm.qmp.error(name, text="null,id=1"), "Parameter 'id' expects an identifier")


def test_wait(t):
    "a server that waits is answered for when somebody comes, and holds up nobody"
    t.requires_minivisor("QEMU does nothing else meanwhile")
    vm = t.start(qmp=2)
    path = t.path("s")
    vm.qmp.send_raw('{"execute": "__org.minivisor_chardev-add-text", "arguments": {"text": "socket,id=c,path=%s,server=on"}}' % path)
    vm.wait_stderr("QEMU waiting for connection on: disconnected:unix:%s,server=on" % path)
    vm.monitors[1].cmd("query-status")
    with connect_unix(path, vm.pidfd):
        t.eq(vm.qmp.receive_reply(), {"return": ""})
    t.check("c" in filenames(vm), "it is there")
    vm.qmp.send_raw('{"execute": "__org.minivisor_chardev-add-text", "arguments": {"text": "socket,id=d,path=%sd,server=on"}}' % path)
    vm.wait_stderr("QEMU waiting for connection on: disconnected:unix:%sd,server=on" % path)
    vm.qmp.close()  # who leaves takes the wait along
    t.check("d" not in {d["label"] for d in vm.monitors[1].cmd("query-chardev")}, "it is not there")


def test_monitor_on_pty(t):
    "a monitor on a pty greets whoever opens it, each time, and bytes go through as they are"
    vm = t.start("-chardev", "pty,id=p", "-mon", "p,mode=control")
    path = filenames(vm)["p"].removeprefix("pty:")
    for _ in range(2):
        fd = os.open(path, os.O_RDWR | os.O_NOCTTY)
        t.check(read_line(t, fd).startswith(b'{"QMP"'), "the greeting")
        os.write(fd, b'{"execute":"qmp_capabilities"}')
        t.eq(read_line(t, fd), b'{"return": {}}\r\n')
        os.close(fd)
        vm.qmp.cmd("query-status")


def test_monitor_on_client(t):
    "a monitor calls its client, and again with reconnect"
    path = t.path("s")
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(path)
        listening.listen()
        vm = t.start("-chardev", "socket,id=c,path=%s,reconnect=1" % path, "-mon", "c,mode=control")
        for _ in range(2):
            sock, _ = listening.accept()
            Qmp(sock).negotiate()
            t.eq(filenames(vm)["c"], "unix:")
            sock.close()


def test_unused_client(t):
    "a client socket that nothing uses is connected"
    path = t.path("s")
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(path)
        listening.listen()
        vm = t.start("-chardev", "socket,id=c,path=%s" % path)
        sock, _ = listening.accept()
        t.eq(filenames(vm)["c"], "unix:")
        vm.qmp.cmd("chardev-remove", id="c")
        t.eq(sock.recv(1), b"")


def full_listener(path):
    """A listening socket whose queue takes nobody any more, and who is in it."""
    listening = socket.socket(socket.AF_UNIX)
    listening.bind(path)
    listening.listen(0)
    queue = []
    while True:
        sock = socket.socket(socket.AF_UNIX)
        sock.setblocking(False)
        try:
            sock.connect(path)
        except BlockingIOError:
            sock.close()
            return listening, queue
        queue.append(sock)


def test_slow_connection(t):
    "a connection that takes long holds up nobody, and whoever asked for it may leave"
    t.requires_minivisor("QEMU does nothing else meanwhile")
    vm = t.start(qmp=2)
    listening, queue = full_listener(t.path("s"))
    request = {"execute": "chardev-add", "arguments": {"id": "c", "backend": unix(t.path("s"), server=False)}}
    vm.qmp.send_raw(json.dumps(request))
    t.eq(filenames_of(vm.monitors[1]).get("c"), None)
    for _ in queue:
        listening.accept()[0].close()
    t.eq(vm.qmp.receive_reply(), {"return": {}})
    t.eq(filenames_of(vm.monitors[1]).get("c"), "unix:")
    listening.close()
    listening, queue = full_listener(t.path("s2"))
    request["arguments"] = {"id": "d", "backend": unix(t.path("s2"), server=False)}
    vm.qmp.send_raw(json.dumps(request))
    vm.qmp.close()
    t.eq(filenames_of(vm.monitors[1]).get("d"), None)
    vm.monitors[1].cmd("quit")
    vm.wait_exit(0)
    listening.close()


def test_handed_over(t):
    "a listening socket that was handed over is served, and its file stays"
    path = t.path("s")
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(path)
        listening.listen()
        listening.set_inheritable(True)
        vm = t.start("-chardev", "socket,id=c,fd=%d,server=on,wait=off" % listening.fileno(), "-mon", "c,mode=control",
                     pass_fds=(listening.fileno(),))
    t.eq(filenames(vm)["c"], "disconnected:unix:%s,server=on" % path)
    with connect_unix(path, vm.pidfd) as sock:
        Qmp(sock).negotiate()
    vm.qmp.cmd("quit")
    vm.wait_exit(0)
    if t.minivisor():
        t.check(os.path.exists(path), "the file is its maker's")


def test_getfd(t):
    "chardev-add takes sockets that getfd has named"
    vm = t.start()
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(t.path("s"))
        vm.qmp.cmd("getfd", fdname="mine", fds=[listening.fileno()])
    fd = {"type": "fd", "data": {"str": "mine"}}
    add(vm, "c", {"type": "socket", "data": {"addr": fd, "wait": False}})
    t.eq(filenames(vm)["c"], "disconnected:unix:%s,server=on" % t.path("s"))
    refused(t, vm, "d", {"type": "socket", "data": {"addr": fd, "wait": False}},
            "Failed to add chardev 'd': File descriptor named 'mine' has not been found")


def test_options(t):
    "what is wrong with -chardev and -mon ends the start with its name"
    for option, text in (("null,id=x,zork=1", "Invalid parameter 'zork'"), ("file,id=x", "chardev: file: no filename given"),
                         ("ringbuf,id=x,size=3", "size of ringbuf chardev must be power of two"),
                         ("socket,id=x,path=/nope/s", "Failed to connect to '/nope/s': No such file or directory"),
                         ("socket,id=x,fd=foo,server=on", "Unable to parse FD number foo"),
                         ("socket,id=x,fd=0,server=on", "File descriptor '0' is not a socket"),
                         ("socket,id=x,host=127.0.0.1,port=0,server=on,wait=off,tls-creds=nope", "No TLS credentials with id 'nope'"),
                         ("socket,id=x,host=127.0.0.1,port=0,server=on,wait=off,tls-authz=nope",
                          "'tls_authz' option requires 'tls_creds' option")):
        vm = t.start("-chardev", option, qmp=0)
        t.has(vm.wait_exit(1), "-chardev %s: %s\n" % (option, text))
    vm = t.start("-chardev", "null,id=x", "-mon", "x", "-mon", "x", qmp=0)
    t.has(vm.wait_exit(1), "Device 'x' is in use")
    vm = t.start("-chardev", "help", qmp=0)
    vm.wait_exit(0)
    t.has(vm.out.text(), "Available chardev backend types: \n  ")
