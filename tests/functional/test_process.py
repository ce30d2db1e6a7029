# SPDX-License-Identifier: GPL-3.0-or-later
"""What a process gives up, locks and tells: -runas, -chroot, -run-with, -overcommit, -readconfig, NOTIFY_SOCKET."""
import os
import pwd
import signal
import socket

from harness import migration


def status(vm, key):
    with open("/proc/%d/status" % vm.pid, encoding="ascii") as text:
        return next(line.split()[1:] for line in text if line.startswith(key + ":"))


def needs_root(t):
    if os.geteuid() != 0:
        t.skip("only root can become another user")


def test_dropping_to_a_user(t):
    "-runas NAME: user, group and further groups are that user's, for every thread, and the monitor answers"
    needs_root(t)
    user = pwd.getpwnam("nobody")
    vm = t.start("-runas", "nobody", "-m", "1M")
    t.eq(vm.qmp.cmd("query-status")["running"], True)
    for task in os.listdir("/proc/%d/task" % vm.pid):
        with open("/proc/%d/task/%s/status" % (vm.pid, task), encoding="ascii") as text:
            lines = dict(line.rstrip("\n").split(":", 1) for line in text)
        t.eq(lines["Uid"].split(), [str(user.pw_uid)] * 4)
        t.eq(lines["Gid"].split(), [str(user.pw_gid)] * 4)
        t.eq(lines["CapEff"].strip(), "0" * 16)
    t.eq(sorted(status(vm, "Groups")), sorted(str(g) for g in os.getgrouplist("nobody", user.pw_gid)))


def test_dropping_to_numbers(t):
    "-runas UID:GID leaves no further group"
    needs_root(t)
    vm = t.start("-runas", "12345:23456")
    t.eq((status(vm, "Uid")[0], status(vm, "Gid")[0], status(vm, "Groups")), ("12345", "23456", ["23456"]))


def test_a_user_that_is_not_there(t):
    "a user that does not exist ends the start"
    for text in ("no-such-user", "0:0x", "1:", "4294967295:1"):
        t.has(t.start("-runas", text, qmp=0).wait_exit(1), 'User "%s" doesn\'t exist (and is not <uid>:<gid>)' % text)


def test_another_root(t):
    "-chroot changes the root after everything is open, and before the user"
    t.requires_plain_build("the search for leaks needs /proc")
    needs_root(t)
    folder = t.path("jail")
    os.mkdir(folder)
    vm = t.start("-chroot", folder, "-runas", "nobody")
    t.eq(vm.qmp.cmd("query-status")["running"], True)
    t.eq(os.readlink("/proc/%d/root" % vm.pid), folder)
    t.eq(os.readlink("/proc/%d/cwd" % vm.pid), folder)
    t.eq(status(vm, "Uid")[0], str(pwd.getpwnam("nobody").pw_uid))
    t.has(t.start("-chroot", t.path("nope"), qmp=0, name="wrong").wait_exit(1), "chroot failed")


def test_run_with(t):
    "-run-with says the same in one option; what it does not know is refused"
    t.requires_plain_build("the search for leaks needs its first user")
    t.requires_minivisor("the option came with QEMU 8.1")
    needs_root(t)
    folder = t.path("jail")
    os.mkdir(folder)
    vm = t.start("-run-with", "user=nobody,chroot=%s,async-teardown=off" % folder)
    t.eq(os.readlink("/proc/%d/root" % vm.pid), folder)
    t.eq(status(vm, "Uid")[0], str(pwd.getpwnam("nobody").pw_uid))
    t.has(t.start("-run-with", "async-teardown=on", qmp=0, name="b").wait_exit(1), "async-teardown=on is not supported")
    t.has(t.start("-run-with", "foo=1", qmp=0, name="c").wait_exit(1), "Invalid parameter 'foo'")


def test_a_start_that_may_not_drop(t):
    "without the right to become another user the start fails, and says so"
    needs_root(t)
    vm = t.start("-runas", "0:0", qmp=0, wrapper=("setpriv", "--reuid=12345", "--regid=12345", "--clear-groups"))
    t.has(vm.wait_exit(1), "Failed to setgid(0)")


def test_locked_memory(t):
    "-overcommit mem-lock=on locks the process's memory"
    t.requires_plain_build("it locks no memory")
    needs_root(t)
    vm = t.start("-overcommit", "mem-lock=on", "-m", "4M")
    t.check(int(status(vm, "VmLck")[0]) >= 4096, status(vm, "VmLck"))
    t.has(t.start("-overcommit", "foo=on", qmp=0, name="b").wait_exit(1), "-overcommit foo=on: Invalid parameter 'foo'")


def test_guest_memory_in_core_dumps(t):
    "-machine dump-guest-core=off keeps the guest's memory out of core dumps"
    def dumped(vm):
        with open("/proc/%d/smaps" % vm.pid, encoding="ascii") as text:
            areas = text.read().split("VmFlags:")
        sizes = [(int(part.rsplit("Size:", 1)[0] and part.split("\nSize:")[1].split()[0]), flags)
                 for part, flags in zip(areas, (a.split("\n", 1)[0] for a in areas[1:]))]
        return [" dd " not in flags + " " for size, flags in sizes if size == 7168]
    t.eq(dumped(t.start("-m", "7M")), [True])
    t.eq(dumped(t.start("-M", "none,dump-guest-core=off", "-m", "7M", name="off")), [False])


def test_options_from_a_file(t):
    "-readconfig reads options from a file, in QEMU's form"
    path = t.path("q.sock")
    config = t.write("config", """# a monitor, and more
[name]
  guest = "from a file"
[memory]
  size = "8M"
[object "a0"]
  qom-type = "authz-simple"
  identity = "CN=x,O=y"
[chardev "c0"]
  backend = "socket"
  path = "%s"
  server = "on"
  wait = "off"
[mon "m0"]
  chardev = "c0"
  mode = "control"
""" % path)
    vm = t.start("-readconfig", config, qmp=0)
    qmp = vm.connect(path)
    t.eq(qmp.cmd("query-name"), {"name": "from a file"})
    t.eq(qmp.cmd("qom-get", path="/objects/a0", property="identity"), "CN=x,O=y")
    t.eq(qmp.cmd("query-memory-size-summary")["base-memory"], 8 << 20)


def test_a_faulty_file_of_options(t):
    "what is wrong in a file of options is told with the file and the line"
    for text, line, wanted in (("[nope]\n", 0, "There is no option group 'nope'"), ("x = \"y\"\n", 1, "no group defined"),
                               ("[name]\nfoo = \"y\"\n", 2, "Invalid parameter 'foo'"),
                               ("[msg]\n\ntimestamp = \"maybe\"\n", 3, "Parameter 'timestamp' expects 'on' or 'off'")):
        config = t.write("config", text)
        said = t.start("-readconfig", config, qmp=0).wait_exit(1)
        t.has(said, wanted)
        if line:
            t.has(said, "%s:%d: %s" % (config, line, wanted))
    t.has(t.start("-readconfig", "/no/such/file", qmp=0).wait_exit(1), "'/no/such/file': No such file or directory")


def test_what_management_programs_pass(t):
    "the options that libvirt always passes are taken"
    vm = t.start("-name", "guest=web,debug-threads=on", "-S", "-machine", "none,usb=off,dump-guest-core=off", "-accel", "tcg",
                 "-m", "16", "-overcommit", "mem-lock=off", "-smp", "1,sockets=1,cores=1,threads=1", "-display", "none",
                 "-no-user-config", "-nodefaults", "-rtc", "base=utc", "-no-shutdown", "-boot", "strict=on",
                 "-audiodev", '{"id":"audio1","driver":"none"}', "-msg", "timestamp=on", base=())
    t.eq(vm.qmp.cmd("query-status")["status"], "prelaunch")


def test_what_has_no_subject_is_refused(t):
    "values of such options that would mean something are refused"
    t.requires_minivisor("QEMU has these devices")
    for option, value, wanted in (("-smp", "2", "Invalid SMP CPUs 2. The max CPUs supported by machine 'none' is 1"),
                                  ("-smp", "x", "Parameter 'smp.cpus' expects integer"),
                                  ("-boot", "foo=1", "Parameter 'boot.foo' is unexpected"),
                                  ("-boot", "strict=maybe", "Parameter 'boot.strict' expects 'on' or 'off'"),
                                  ("-rtc", "foo=1", "Invalid parameter 'foo'"), ("-vga", "std", "unknown vga type: std"),
                                  ("-serial", "stdio", "-serial stdio is not supported"), ("-audiodev", "none", "Parameter 'id' is missing"),
                                  ("-audiodev", "alsa,id=x", "Parameter 'driver' does not accept value 'alsa'"),
                                  ("-machine", "none,usb=on", "usb=on is not supported"), ("-overcommit", "cpu-pm=on", "cpu-pm=on is not supported"),
                                  ("-sandbox", "foo", "Parameter 'enable' expects 'on' or 'off'"), ("-sandbox", "on,spawn=maybe", "invalid argument for spawn"),
                                  ("-sandbox", "on,foo=1", "Invalid parameter 'foo'"), ("-display", "gtk", "does not accept value 'gtk'")):
        t.has(t.start(option, value, qmp=0).wait_exit(1), wanted, option + " " + value)


def test_the_sandbox(t):
    "-sandbox on filters system calls, for every thread; without the option nothing is filtered"
    plain, filtered = t.start(name="plain"), t.start("-sandbox", "on", "-m", "1M")
    t.eq(status(plain, "Seccomp"), ["0"])
    t.eq(filtered.qmp.cmd("query-status")["running"], True)
    for task in os.listdir("/proc/%d/task" % filtered.pid):
        with open("/proc/%d/task/%s/status" % (filtered.pid, task), encoding="ascii") as text:
            t.has(text.read(), "Seccomp:\t2\n")


def test_no_new_processes(t):
    "-sandbox spawn=deny: an exec: migration fails, the guest goes on, and migrations that need none work"
    t.requires_plain_build("the search for leaks needs a process")
    t.requires_minivisor("QEMU is killed")
    sandbox = "on,obsolete=deny,elevateprivileges=deny,spawn=deny,resourcecontrol=deny"
    vm = t.start("-sandbox", sandbox, "-m", "1M")
    t.eq(status(vm, "NoNewPrivs"), ["1"])
    vm.qmp.execute("migrate", {"uri": "exec:cat > " + t.path("stream")})
    migration.wait_status(vm, "failed")
    t.eq(vm.qmp.cmd("query-status")["status"], "running")
    t.check(not os.path.exists(t.path("stream")), "nothing was started")
    vm.qmp.cmd("migrate", uri="file:" + t.path("stream"))
    migration.wait_status(vm, "completed")
    free = t.start("-m", "1M", name="free")
    free.qmp.cmd("migrate", uri="exec:cat > " + t.path("other"))
    migration.wait_status(free, "completed")


def test_tls_in_a_sandbox(t):
    "a destination that has dropped everything it can takes a guest in over TLS"
    t.requires_plain_build("the search for leaks needs a process")
    t.requires_minivisor("the source's name is minivisor's to check")
    destination = t.start("-m", "1M", "-incoming", "defer", "-sandbox",
                          "on,elevateprivileges=deny,spawn=deny,resourcecontrol=deny", name="dst")
    source = t.start("-m", "1M", "-sandbox", "on,spawn=deny", name="src")
    migration.add_creds(destination, "server", t.pki.server("srv"))
    migration.add_creds(source, "client", t.pki.client("cli"))
    source.qmp.cmd("migrate", uri=migration.listen(destination))
    migration.wait_status(source, "completed")


def test_lists_of_what_there_is(t):
    "help of -machine, -accel, -device and -msg is printed, and the end is good"
    for option, value, wanted in (("-accel", "help", "none"), ("-device", "help", 'name "loader"'), ("-device", "loader,help", "data-len=<"),
                                  ("-machine", "none,help", "none-machine options:"), ("-msg", "help", "timestamp=<")):
        if not t.minivisor() and option == "-accel":
            wanted = "tcg"
        vm = t.start(option, value, qmp=0)
        vm.wait_exit(0 if t.minivisor() else None)     # QEMU's -msg help ends with 1
        t.has(vm.out.text(), wanted, option + " " + value)


def notified(t, address, *args):
    """Starts with NOTIFY_SOCKET; returns the instance and the socket's end."""
    end = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    end.bind(address.replace("@", "\0", 1) if address.startswith("@") else address)
    end.settimeout(10)
    return t.start(*args, env={"NOTIFY_SOCKET": address}), end


def test_readiness_is_told(t):
    "the service manager hears READY=1 when the monitors answer and STOPPING=1 at the end, by file and abstract name"
    t.requires_minivisor("QEMU tells nothing")
    for name, address in (("file", t.path("notify")), ("abstract", "@minivisor-test-%d" % os.getpid())):
        vm, end = notified(t, address)
        t.eq(end.recv(4096).decode().split("\n")[:2], ["READY=1", "MAINPID=%d" % vm.pid], name)
        vm.qmp.cmd("quit")
        t.eq(end.recv(4096), b"STOPPING=1\n", name)
        vm.wait_exit(0)
        end.close()


def test_no_readiness_while_a_client_is_awaited(t):
    "READY=1 comes only after the monitor that the start waits for has its client"
    t.requires_minivisor("QEMU tells nothing")
    path = t.path("wait.sock")
    end = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    end.bind(t.path("notify"))
    end.setblocking(False)
    vm = t.start("-qmp", "unix:%s,server=on,wait=on" % path, qmp=0, env={"NOTIFY_SOCKET": t.path("notify")})
    vm.wait_stderr("waiting for connection")
    try:
        t.check(False, "told before its time: %r" % end.recv(4096))
    except BlockingIOError:
        pass
    vm.connect(path)
    end.settimeout(10)
    t.has(end.recv(4096).decode(), "READY=1\n")


def test_readiness_of_a_daemon_in_another_root(t):
    "readiness is told from a daemon with another root and user too, with the daemon's own process id"
    t.requires_minivisor("QEMU tells nothing")
    needs_root(t)
    folder = t.path("jail")
    os.mkdir(folder)
    end = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    end.bind(t.path("notify"))
    end.settimeout(10)
    vm = t.start("-daemonize", "-chroot", folder, "-runas", "nobody", "-pidfile", t.path("pid"), qmp=0, env={"NOTIFY_SOCKET": t.path("notify")})
    vm.wait_exit(0)
    with open(t.path("pid"), encoding="ascii") as text:
        pid = text.read().strip()
    t.has(end.recv(4096).decode(), "READY=1\nMAINPID=%s\n" % pid)
    os.kill(int(pid), 15)
    t.eq(end.recv(4096), b"STOPPING=1\n")


def test_an_address_that_is_none(t):
    "a NOTIFY_SOCKET that cannot be reached ends the start, with the reason"
    t.requires_minivisor("QEMU tells nothing")
    for address in ("relative", "/no/such/socket", "/" + "x" * 200):
        t.has(t.start(qmp=0, env={"NOTIFY_SOCKET": address}).wait_exit(1), "NOTIFY_SOCKET")


def test_a_signal_while_waiting(t):
    "a start that waits for its first client is ended by a signal"
    for number in (signal.SIGTERM, signal.SIGINT):
        vm = t.start("-chardev", "socket,id=c,path=%s,server=on,wait=on" % t.path("c"), "-mon", "chardev=c", qmp=0,
                     name="vm%d" % number)
        vm.wait_stderr("waiting for connection")
        vm.signal(number)
        vm.wait_exit(-number)


def test_closed_streams(t):
    "standard streams that are closed are never mistaken for what is opened later"
    t.requires_minivisor("QEMU opens other things in their place")
    vm = t.start("-monitor", "stdio", wrapper=("/bin/sh", "-c", 'exec "$@" <&- >&-', "sh"))
    for fd in (0, 1):
        t.eq(os.readlink("/proc/%d/fd/%d" % (vm.pid, fd)), "/dev/null")
