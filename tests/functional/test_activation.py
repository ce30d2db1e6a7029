# SPDX-License-Identifier: GPL-3.0-or-later
"""Sockets that a service manager listens at already (LISTEN_FDS, LISTEN_PID, LISTEN_FDNAMES)."""
import os
import socket

from harness import migration
from harness.process import handed_over
from harness.qmp import Qmp


def listening(t, name):
    """A UNIX socket that listens already, and its path."""
    sock = socket.socket(socket.AF_UNIX)
    sock.bind(t.path(name))
    sock.listen(8)
    return sock, t.path(name)


def test_sockets_that_are_handed_over(t):
    "a monitor stands on a socket that the service manager listens at, by name or by number"
    t.requires_minivisor("QEMU knows numbers only")
    qmp, path = listening(t, "qmp.sock")
    hmp, _ = listening(t, "hmp.sock")
    early = socket.socket(socket.AF_UNIX)
    early.connect(path)         # before the program is there
    vm = t.start("-chardev", "socket,id=q,fd=control,server=on,wait=off", "-mon", "chardev=q,mode=control",
                 "-chardev", "socket,id=h,fd=4,server=on,wait=off", "-mon", "chardev=h", qmp=0, **handed_over(control=qmp, people=hmp))
    client = Qmp(early, vm, t.schema(t.binary))
    client.negotiate()
    t.eq(client.cmd("query-status")["running"], True)
    t.eq(vm.connect(path).cmd("query-name"), {}, "a further client")
    with socket.socket(socket.AF_UNIX) as person:
        person.connect(t.path("hmp.sock"))
        person.settimeout(10)
        t.has(person.recv(4096).decode(), "QEMU 7.2")
    client.cmd("quit")
    vm.wait_exit(0)
    t.eq(vm.stderr(), "")
    t.check(os.path.exists(path), "the socket file is the service manager's")


def test_handed_over_by_another_name(t):
    "a name that none or two sockets have is refused, and a socket that nothing uses is told of"
    t.requires_minivisor("QEMU knows numbers only")
    one, path = listening(t, "one.sock")
    chardev = ("-chardev", "socket,id=q,fd=nope,server=on,wait=off")
    t.has(t.start(*chardev, qmp=0, **handed_over(control=one)).wait_exit(1), "No socket was handed over under the name 'nope'")
    vm = t.start(**handed_over(control=one))
    vm.wait_stderr(r"warning: nothing uses the socket 'control' \(3\) that was handed over")


def test_variables_of_another_process(t):
    "LISTEN_FDS that is meant for another process counts as nothing; what contradicts itself ends the start"
    t.requires_minivisor("QEMU looks at neither")
    vm = t.start(env={"LISTEN_FDS": "7", "LISTEN_PID": "1", "LISTEN_FDNAMES": "a"})
    t.eq(vm.stderr(), "")
    one, _ = listening(t, "one.sock")
    for variables, wanted in (({"LISTEN_FDS": "x"}, "LISTEN_FDS is 'x'"), ({"LISTEN_FDS": "2000"}, "LISTEN_FDS is '2000'"),
                              ({"LISTEN_FDNAMES": "a:b"}, "LISTEN_FDNAMES has 2 names for 1 sockets"),
                              ({"LISTEN_FDS": "30", "LISTEN_FDNAMES": ""}, "of LISTEN_FDS cannot be used")):
        how = handed_over(a=one)
        how["env"].update(variables)
        t.has(t.start(qmp=0, **how).wait_exit(1), wanted)


def test_commands_do_not_inherit(t):
    "a command that the program starts sees none of the service manager's variables"
    t.requires_minivisor("QEMU leaves them")
    end = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    end.bind(t.path("notify"))
    one, _ = listening(t, "one.sock")
    how = handed_over(a=one)
    how["env"]["NOTIFY_SOCKET"] = t.path("notify")
    vm = t.start("-m", "1M", **how)
    vm.qmp.cmd("migrate", uri="exec:env > %s; cat > /dev/null" % t.path("env"))
    migration.wait_status(vm, "completed")
    with open(t.path("env"), encoding="utf-8") as text:
        t.check(not any(line.startswith(("LISTEN_", "NOTIFY_")) for line in text), "none is there")
