# SPDX-License-Identifier: GPL-3.0-or-later
"""The log and its trace points: -D, -d, -trace, -msg, and their commands."""
import os
import re

from harness import migration
from harness.process import connect_unix


def states(vm, pattern):
    return {e["name"]: e["state"] for e in vm.qmp.cmd("trace-event-get-state", name=pattern)}


def test_trace_events_over_qmp(t):
    "trace-event-set-state switches points by name and pattern, and what is passed then is in the log"
    vm = t.start()
    t.eq(states(vm, "runstate*"), {"runstate_set": "disabled"})
    vm.qmp.cmd("trace-event-set-state", name="runstate*", enable=True)
    t.eq(states(vm, "runstate_set"), {"runstate_set": "enabled"})
    vm.qmp.cmd("stop")
    vm.wait_stderr(r"^runstate_set current_run_state 9 \(running\) new_state 4 \(paused\)$")
    vm.qmp.cmd("trace-event-set-state", name="runstate_set", enable=False)
    vm.qmp.cmd("cont")
    t.eq(vm.stderr().count("runstate_set"), 1)


def test_unknown_trace_events(t):
    "a name that does not exist is refused, a pattern that nothing matches is not"
    vm = t.start()
    for command, more in (("trace-event-get-state", {}), ("trace-event-set-state", {"enable": True})):
        t.eq(vm.qmp.error(command, name="nope", **more), 'unknown event "nope"')
        t.check(not vm.qmp.cmd(command, name="nope*", **more), "nothing matches")
        t.eq(vm.qmp.error(command, name="runstate_set", vcpu=0, **more), "invalid vCPU index 0")


def test_trace_events_on_the_console(t):
    "trace-event and info trace-events speak as QEMU's"
    vm = t.start(hmp="pipe")
    t.eq(vm.hmp.send("trace-event nope on"), ['unknown event "nope"'])
    t.eq(vm.hmp.send("trace-event runstate* on"), [])
    t.eq(vm.hmp.send("info trace-events runstate*"), ["runstate_set : state 1"])
    t.eq(vm.hmp.send("info trace-events nope"), ['unknown event "nope"'])
    t.eq(vm.hmp.send("info trace-events nope*"), [])
    t.eq(vm.hmp.send("trace-event runstate_set maybe"), ["Expected 'on' or 'off'", 'Try "help trace-event" for more information'])
    t.check(len(vm.hmp.send("info trace-events")) > 20, "all are listed without a pattern")


def test_the_log_file(t):
    "-D and -trace put the log into a file, with thread and time if messages have it; logfile turns it elsewhere"
    first, second = t.path("first.log"), t.path("second.log")
    vm = t.start("-D", first, "-trace", "runstate_set", "-msg", "timestamp=on", hmp="pipe")
    vm.qmp.cmd("stop")
    with open(first, encoding="ascii") as log:
        lines = log.read().splitlines()
    t.check(re.fullmatch(r"%d@\d+\.\d{6}:runstate_set current_run_state 9 \(running\) new_state 4 \(paused\)" % vm.pid, lines[-1]), lines)
    t.eq(vm.hmp.send("logfile /no/such/folder/log"), ["Error opening logfile /no/such/folder/log: No such file or directory"])
    t.eq(vm.hmp.send("logfile " + second), [])
    vm.qmp.cmd("cont")
    with open(second, encoding="ascii") as log:
        t.has(log.read(), "new_state 9 (running)")
    with open(first, encoding="ascii") as log:
        t.eq(log.read().splitlines(), lines)


def test_a_log_file_that_cannot_be(t):
    "a log file that cannot be opened ends the start, with the reason"
    t.has(t.start("-D", "/no/such/folder/log", qmp=0).wait_exit(1), "Error opening logfile /no/such/folder/log: No such file or directory")


def test_log_items(t):
    "-d takes trace:PATTERN; help lists the items, trace:help the points; another item is refused"
    vm = t.start("-d", "trace:runstate_set")
    t.eq(states(vm, "runstate_set"), {"runstate_set": "enabled"})
    help_ = t.start("-d", "help", qmp=0, name="help")
    help_.wait_exit(None)
    t.has(help_.out.text(), "trace:PATTERN   enable trace events")
    points = t.start("-d", "trace:help", qmp=0, name="points")
    points.wait_exit(0)
    t.check("runstate_set" in points.out.text().split(), "the points are listed")
    wrong = t.start("-d", "nope", qmp=0, name="wrong")
    wrong.wait_exit(1)
    t.has(wrong.out.text() + wrong.stderr(), "Log items (comma separated):")


def test_log_over_hmp(t):
    "log trace:PATTERN switches points on, log none all of them off, and another item gets the list"
    t.requires_minivisor("log none leaves QEMU's trace points on")
    vm = t.start(hmp="pipe")
    t.eq(vm.hmp.send("log trace:runstate_set"), [])
    t.eq(vm.hmp.send("info trace-events runstate*"), ["runstate_set : state 1"])
    t.has(vm.hmp.send("log nope"), "trace:PATTERN   enable trace events")
    t.has(vm.hmp.send("log trace:help"), "runstate_set")
    t.eq(vm.hmp.send("log none"), [])
    t.eq(vm.hmp.send("info trace-events runstate*"), ["runstate_set : state 0"])


def test_log_over_qmp(t):
    "the log's own commands change it, or refuse and change nothing"
    t.requires_minivisor("the commands are its own")
    vm = t.start()
    vm.qmp.cmd("__org.minivisor_set-log", items="trace:migrate_*,trace:-migrate_fd_error")
    t.eq(states(vm, "migrate_*"), {"migrate_fd_cancel": "enabled", "migrate_fd_error": "disabled", "migrate_set_state": "enabled"})
    t.eq(vm.qmp.error("__org.minivisor_set-log", items="none,nope"), "invalid log item 'nope'")
    t.eq(states(vm, "migrate_set_state"), {"migrate_set_state": "enabled"})
    t.has(vm.qmp.error("__org.minivisor_set-log-file", filename="/no/such/folder/log"), "Error opening logfile")
    vm.qmp.cmd("__org.minivisor_set-log-file", filename=t.path("log"))
    t.check(os.path.exists(t.path("log")), "the file is there")


def test_trace_files_of_patterns(t):
    "-trace events=FILE reads patterns line by line; one that does not exist gets a warning with its line"
    events = t.write("events", "# the run state\nrunstate*\n\nmigrate_*\n-migrate_set_state\nnope\n")
    vm = t.start("-trace", "events=" + events)
    t.eq(states(vm, "runstate_set"), {"runstate_set": "enabled"})
    t.eq(states(vm, "migrate_set_state"), {"migrate_set_state": "disabled"})
    t.has(vm.stderr(), events + ":6: ")
    t.has(vm.stderr(), "trace event 'nope' does not exist")
    t.has(t.start("-trace", "events=/no/such/file", qmp=0, name="none").wait_exit(1), "/no/such/file")
    t.has(t.start("-trace", "foo=1", qmp=0, name="wrong").wait_exit(1), "-trace foo=1: Invalid parameter 'foo'")


def test_times_and_names_before_messages(t):
    "-msg puts the time and the guest's name before messages"
    line = t.start("-name", "g1", "-msg", "timestamp=on,guest-name=on", "-object", "foo", qmp=0).wait_exit(1)
    t.check(re.match(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z g1 \S+: -object foo: ", line), line)
    line = t.start("-msg", "timestamp=off,guest-name=on", "-object", "foo", qmp=0, name="plain").wait_exit(1)
    t.check(re.match(r"\S+: -object foo: ", line), line)
    t.has(t.start("-msg", "foo=1", qmp=0, name="wrong").wait_exit(1), "-msg foo=1: Invalid parameter 'foo'")
    t.has(t.start("-msg", "timestamp=maybe", qmp=0, name="maybe").wait_exit(1), "Parameter 'timestamp' expects 'on' or 'off'")


def test_a_daemon_and_its_log_file(t):
    "with -daemonize the log file is the daemon's standard error"
    log, path, pidfile = t.path("d.log"), t.path("d.sock"), t.path("d.pid")
    vm = t.start("-daemonize", "-D", log, "-pidfile", pidfile, "-qmp", "unix:%s,server=on,wait=off" % path, qmp=0)
    vm.wait_exit(0)
    with open(pidfile, encoding="ascii") as text:
        pid = int(text.read())
    pidfd = os.pidfd_open(pid)
    from harness.qmp import Qmp
    client = Qmp(connect_unix(path, pidfd), None, t.schema(t.binary))
    client.negotiate()
    t.eq(os.readlink("/proc/%d/fd/2" % pid), log)
    client.cmd("quit")
    client.wait_closed()


def test_what_a_migration_traces(t):
    "the points of migration and authorization tell its way, and no secret is among them"
    t.requires_minivisor("the set of points is its own")
    everything = t.path("dst.log")
    destination = t.start("-m", "1M", "-incoming", "defer", "-D", everything, "-trace", "*", name="dst", hmp="pipe")
    source = t.start("-m", "1M", "-trace", "migrat*", name="src")
    destination.hmp.send("object_add secret,id=s0,data=letmein")
    migration.add_creds(destination, "server", t.pki.server("srv"))
    migration.allow(destination, "CN=client.example.com,O=Example Org,C=GB")
    migration.add_creds(source, "client", t.pki.client("cli", dn=t.pki.dn("CN=client.example.com,O=Example Org,C=GB")))
    migration.set_parameters(source, tls_hostname="localhost")
    source.qmp.cmd("migrate", uri=migration.listen(destination))
    migration.wait_status(source, "completed")
    migration.wait_run_state(destination, "running")
    for point in ("migrate_set_state new state active", "migrate_set_state new state completed", "migration_bitmap_sync_start"):
        t.has(source.stderr(), point)
    with open(everything, encoding="utf-8") as log:
        text = log.read()
    for point in ("qcrypto_tls_creds_x509_load", "qio_channel_socket_accept_complete", "qio_channel_tls_handshake_start",
                  "qio_channel_tls_handshake_complete", "qauthz_is_allowed AuthZ auth0 check identity=CN=client.example.com,O=Example Org,C=GB allowed=1",
                  "qemu_loadvm_state_section_startfull", "qemu_loadvm_state_section_partend", "runstate_set",
                  "monitor_protocol_event_emit event=RESUME", "handle_hmp_command cmdline: object_add\n"):
        t.has(text, point)
    t.lacks(text, "letmein")
