# SPDX-License-Identifier: GPL-3.0-or-later
"""The command line."""
import os
import signal
import socket
import stat

from harness.process import connect_unix
from harness.qmp import Qmp


def test_unknown_option(t):
    "an unknown option ends the program with status 1 and names it"
    vm = t.start("-no-such-option", qmp=0)
    t.has(vm.wait_exit(1), "no-such-option")


def test_a_start_that_fails_half_way(t):
    "what fails after a monitor and the wait for a guest are open is told, with status 1, and leaves no socket behind"
    for late in (["-mon", "chardev=nope"], ["-qmp", "unix:" + t.path("no/such/q") + ",server=on,wait=off"]):
        first, wait = t.path("first.sock"), t.path("wait.sock")
        vm = t.start("-incoming", "unix:" + wait, "-qmp", "unix:" + first + ",server=on,wait=off", *late, qmp=0)
        t.has(vm.wait_exit(1), " ".join(late))
        if t.minivisor():
            t.check(not os.path.exists(wait) and not os.path.exists(first), "the sockets are removed")


def test_missing_argument(t):
    "an option without its argument is named"
    for option in ("-m", "-object", "-name"):
        t.has(t.start(option, qmp=0).wait_exit(1), option[1:], option)


def test_stray_argument(t):
    "a word that is no option ends the program with status 1"
    t.check(t.start("disk.img", qmp=0).wait_exit(1), "a reason is given")


def test_version(t):
    "--version prints one line first and ends with 0, before anything else is opened"
    vm = t.start("--version", qmp=0, base=())
    vm.wait_exit(0)
    t.has(vm.out.text().splitlines()[0], "7.2")
    if t.minivisor():
        t.has(vm.out.text(), "minivisor")


def test_help(t):
    "-help lists the options and ends with 0"
    vm = t.start("-help", qmp=0, base=())
    vm.wait_exit(0)
    for option in ("-m ", "-object", "-qmp", "-incoming", "-monitor", "-S"):
        t.has(vm.out.text(), option)


def test_ignored_options(t):
    "options that QEMU users always pass and that change nothing are taken"
    vm = t.start("-M", "none", "-nodefaults", "-no-user-config", "-nographic", "-monitor", "none", base=())
    t.eq(vm.qmp.cmd("query-status")["running"], True)


def test_accel(t):
    "-accel none is taken, query-kvm reads not enabled, and nothing is printed at the start"
    t.requires_minivisor("QEMU has no accelerator of that name")
    vm = t.start("-accel", "none")
    t.eq(vm.qmp.cmd("query-kvm")["enabled"], False)
    t.eq(vm.stderr(), "")
    t.eq(vm.out.text(), "")


def test_start_paused(t):
    "-S starts in prelaunch; cont starts it"
    vm = t.start("-S")
    t.eq(vm.qmp.cmd("query-status")["status"], "prelaunch")
    vm.qmp.cmd("cont")
    vm.qmp.wait_event("RESUME")
    t.eq(vm.qmp.cmd("query-status")["status"], "running")


def test_name_and_uuid(t):
    "-name and -uuid are reported; a malformed uuid is refused"
    vm = t.start("-name", "guest=a,,b", "-uuid", "01234567-89AB-CDEF-0123-456789ABCDEF")
    t.eq(vm.qmp.cmd("query-name"), {"name": "a,b"})
    t.eq(vm.qmp.cmd("query-uuid"), {"UUID": "01234567-89ab-cdef-0123-456789abcdef"})
    t.has(t.start("-uuid", "nonsense", qmp=0).wait_exit(1), "uuid")


def test_memory_sizes(t):
    "-m takes sizes with a suffix, MiB without one, and refuses nonsense"
    for text, size in (("64", 64 << 20), ("64M", 64 << 20), ("size=8M", 8 << 20), ("16384K", 16 << 20), ("1G", 1 << 30)):
        vm = t.start("-m", text)
        t.eq(vm.qmp.cmd("query-memory-size-summary")["base-memory"], size, text)
    for text in ("abc", "64X", "-1"):
        t.check(t.start("-m", text, qmp=0).wait_exit(1), "a reason for -m " + text)


def test_huge_memory(t):
    "-m with more than can be had is refused with a reason, not a crash"
    t.check(t.start("-m", "16E", qmp=0).wait_exit(1), "a reason")


def test_pidfile(t):
    "-pidfile holds the process id and is removed at the end"
    path = t.path("vm.pid")
    vm = t.start("-pidfile", path)
    with open(path, encoding="ascii") as text:
        t.eq(text.read().strip(), str(vm.pid))
    vm.signal(signal.SIGTERM)
    vm.wait_exit(0)
    t.check(not os.path.exists(path), "the file is still there")


def test_pidfile_in_use(t):
    "a pidfile that another process holds is refused"
    path = t.path("vm.pid")
    first = t.start("-pidfile", path)
    t.has(t.start("-pidfile", path, qmp=0).wait_exit(1).lower(), "pid file")
    with open(path, encoding="ascii") as text:
        t.eq(text.read().strip(), str(first.pid))


def daemonized(t, *args):
    """Starts with -daemonize; returns the daemon's pid when the parent has ended well."""
    path, pidfile = t.path("d.sock"), t.path("d.pid")
    vm = t.start("-qmp", "unix:%s,server=on,wait=off" % path, "-pidfile", pidfile, "-daemonize", *args, qmp=0)
    vm.process.wait(20)
    # The daemon holds no pipe of ours: their ends close with the parent.
    vm.wait_exit(0)
    with open(pidfile, encoding="ascii") as text:
        pid = int(text.read())
    return pid, path


def test_daemonize(t):
    "-daemonize: the parent ends with 0 when the child answers; the child lets go of the terminal's descriptors"
    pid, path = daemonized(t)
    pidfd = os.pidfd_open(pid)
    t.cleanups.append(lambda: signal.pidfd_send_signal(pidfd, signal.SIGKILL))
    client = Qmp(connect_unix(path, pidfd), None, t.schema(t.binary))
    client.negotiate()
    t.eq(client.cmd("query-status")["running"], True)
    for fd in range(3):
        t.eq(os.readlink("/proc/%d/fd/%d" % (pid, fd)), "/dev/null")
    t.check(os.getsid(pid) != os.getsid(0), "the daemon has a session of its own")
    client.cmd("quit")
    client.wait_closed()
    t.cleanups.clear()


def test_daemonize_that_fails(t):
    "-daemonize with a fault ends with status 1 and the reason"
    vm = t.start("-daemonize", "-object", "authz-simple,id=x", qmp=0)
    t.has(vm.wait_exit(1), "identity")


def test_bad_monitor_options(t):
    "a monitor that cannot be opened ends the program with status 1 and names the reason"
    for args in (("-qmp", "unix:/no/such/folder/x.sock,server=on,wait=off"), ("-mon", "chardev=nope,mode=control"),
                 ("-qmp", "nonsense:x"), ("-chardev", "socket,id=c,path=%s,server=maybe" % t.path("x"))):
        t.check(t.start(*args, qmp=0).wait_exit(1), "a reason for %s" % (args,))


def test_port_in_use(t):
    "a monitor's port that is taken is named"
    taken = socket.create_server(("127.0.0.1", 0))
    port = taken.getsockname()[1]
    text = t.start("-qmp", "tcp:127.0.0.1:%d,server=on,wait=off" % port, qmp=0).wait_exit(1)
    t.has(text, "Address already in use")
    taken.close()


def test_a_left_over_socket_file(t):
    "a left-over socket file is replaced, and the file goes when the program ends"
    t.requires_minivisor("QEMU leaves the file")
    path = t.path("left.sock")
    left = socket.socket(socket.AF_UNIX)
    left.bind(path)
    left.close()
    vm = t.start("-qmp", "unix:%s,server=on,wait=off" % path)
    t.check(stat.S_ISSOCK(os.stat(path).st_mode), "a socket is there")
    t.eq(vm.connect(path).cmd("query-name"), {})
    vm.qmp.cmd("quit")
    vm.wait_exit(0)
    t.check(not os.path.exists(path), "the socket file is still there")


def test_many_monitors(t):
    "ten monitors of all kinds stand side by side"
    vm = t.start(qmp=8, hmp="pipe")
    for client in vm.monitors:
        t.eq(client.cmd("query-name"), {})
    t.eq(vm.hmp.send("info status"), ["VM status: running"])


def test_help_of_objects(t):
    "-object help and -object TYPE,help print lists and end with 0"
    vm = t.start("-object", "help", qmp=0)
    vm.wait_exit(0)
    t.has(vm.out.text(), "authz-simple")
    vm = t.start("-object", "authz-simple,help", qmp=0)
    vm.wait_exit(0)
    t.has(vm.out.text(), "identity=<string>")


def test_a_console_client_that_does_not_read(t):
    "a console client that leaves without reading its answers does not end the program"
    path = t.path("mon.sock")
    vm = t.start("-monitor", "unix:%s,server=on,wait=off" % path)
    for _ in range(5):
        sock = connect_unix(path, vm.pidfd)
        sock.sendall(b"help\n" * 20)
        sock.close()
    t.eq(vm.qmp.cmd("query-status")["running"], True)


def test_short_forms(t):
    "a key without a value is taken for on or off, with a warning that names what to write"
    for argument, name, instead in (("x,nodebug-threads", "nodebug-threads", "debug-threads=off"), ("x,debug-threads", "debug-threads", "debug-threads=on")):
        vm = t.start("-name", argument, "-uuid", "x", qmp=0)
        t.has(vm.wait_exit(1), "-name %s: warning: short-form boolean option '%s' deprecated\nPlease use %s instead\n" % (argument, name, instead))
