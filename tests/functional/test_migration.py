# SPDX-License-Identifier: GPL-3.0-or-later
"""Migration between two instances: every transport, states, events, limits, cancel."""
import os
import socket
import time

from harness import migration
from harness.process import SCALE, Deadline

RELAY = '''
import os, socket, sys, threading
sock = socket.socket(socket.AF_UNIX)
if sys.argv[1] == "listen":
    sock.bind(sys.argv[2]); sock.listen(1); sock = sock.accept()[0]
else:
    while True:
        try:
            sock.connect(sys.argv[2]); break
        except OSError:
            pass
def up():
    while True:
        data = os.read(0, 65536)
        if not data:
            break
        sock.sendall(data)
    sock.shutdown(socket.SHUT_WR)
threading.Thread(target=up, daemon=True).start()
while True:
    data = sock.recv(65536)
    if not data:
        break
    os.write(1, data)
'''


def pair(t, *more, mib=8, seed=1, source_args=(), target_args=()):
    """A source with random memory and a destination that waits for migrate-incoming, 64 MiB each."""
    target = t.start("-m", "64M", "-incoming", "defer", *more, *target_args, name="target")
    source = t.start("-m", "64M", *migration.loader(migration.ram_image(t, mib=mib, seed=seed)), *more, *source_args, name="source")
    return source, target


def finish(t, source, target):
    """Waits for both ends; the memory must be the same and the guest run on the destination only."""
    done = migration.wait_status(source, "completed")
    migration.wait_run_state(target, "running")
    migration.wait_status(target, "completed")
    t.eq(source.qmp.cmd("query-status")["status"], "postmigrate")
    t.eq(migration.digest(target), migration.digest(source), "memory")
    return done


def descriptors(t, source, target):
    """Gives each instance one end of a connection, under the name that fd:mig means."""
    ends = socket.socketpair()
    for instance, end in zip((source, target), ends):
        instance.qmp.cmd("getfd", fdname="mig", fds=[end.fileno()])
        end.close()


def over(t, transport, source, target):
    """Migrates over the transport; credentials are set already, if any."""
    if transport == "fd":
        descriptors(t, source, target)
        uris = "fd:mig", "fd:mig"
    elif transport == "exec":
        os.mkfifo(t.path("fifo"))
        uris = "exec:cat > " + t.path("fifo"), "exec:cat " + t.path("fifo")
    elif transport == "exec-two-way":
        relay = t.write("relay.py", RELAY)
        uris = "exec:python3 %s connect %s" % (relay, t.path("r.sock")), "exec:python3 %s listen %s" % (relay, t.path("r.sock"))
    elif transport == "unix":
        uris = ("unix:" + t.path("mig.sock"),) * 2
    else:
        uri = migration.listen(target, "tcp:127.0.0.1:0")
        source.qmp.cmd("migrate", uri=uri)
        return
    migration.listen(target, uris[1])
    source.qmp.cmd("migrate", uri=uris[0])


def plain(t, transport):
    source, target = pair(t)
    before = migration.digest(source)
    over(t, transport, source, target)
    finish(t, source, target)
    t.eq(migration.digest(target), before, "the memory as it was")


def test_tcp(t):
    "the memory arrives over tcp:"
    plain(t, "tcp")


def test_inherited_descriptor(t):
    "the memory arrives over -incoming fd:N, a descriptor that the program was started with"
    here, there = socket.socketpair()
    target = t.start("-m", "64M", "-incoming", "fd:%d" % there.fileno(), pass_fds=[there.fileno()], name="target")
    there.close()
    source = t.start("-m", "64M", name="source")
    source.qmp.cmd("getfd", fdname="mig", fds=[here.fileno()])
    here.close()
    before = migration.digest(source)
    source.qmp.cmd("migrate", uri="fd:mig")
    finish(t, source, target)
    t.eq(migration.digest(target), before, "the memory as it was")


def test_no_inherited_descriptor(t):
    "-incoming fd:N refuses what is no number, what is not open, and what the program itself has opened"
    t.requires_minivisor("QEMU waits for ever at a descriptor that is not open")
    for name, reason in (("abc", "Invalid file descriptor number 'abc'"), ("-1", "Invalid file descriptor number '-1'"),
                         ("4000000000", "Invalid file descriptor number '4000000000'"),
                         ("999", "fd is not valid or already in use"), ("3", "fd is not valid or already in use")):
        vm = t.start("-incoming", "fd:" + name, qmp=0)
        t.has(vm.wait_exit(1), "-incoming fd:%s: %s" % (name, reason))


def test_unix(t):
    "the memory arrives over unix:"
    plain(t, "unix")


def test_fd(t):
    "the memory arrives over fd:, a descriptor passed with getfd"
    plain(t, "fd")


def test_exec(t):
    "the memory arrives over exec:, through one-way pipes"
    plain(t, "exec")


def test_exec_two_way(t):
    "the memory arrives over exec: with a command that carries both ways"
    plain(t, "exec-two-way")


def test_file(t):
    "the memory arrives over file:, and the file is the ordinary stream"
    t.requires_minivisor("file: came with QEMU 8.2")
    source, target = pair(t)
    source.qmp.cmd("migrate", uri="file:" + t.path("stream"))
    migration.wait_status(source, "completed")
    with open(t.path("stream"), "rb") as data:
        t.eq(data.read(8).hex(), "5145564d00000003")
    migration.listen(target, "file:" + t.path("stream"))
    finish(t, source, target)


def test_file_offset(t):
    "file: takes an offset, and leaves what stands before it"
    t.requires_minivisor("file: came with QEMU 8.2")
    source, target = pair(t)
    t.write("stream", b"x" * 4096)
    uri = "file:%s,offset=4096" % t.path("stream")
    source.qmp.cmd("migrate", uri=uri)
    migration.wait_status(source, "completed")
    with open(t.path("stream"), "rb") as data:
        t.check(data.read(4096) == b"x" * 4096, "the beginning was overwritten")
    migration.listen(target, uri)
    finish(t, source, target)


def test_incoming_on_the_command_line(t):
    "-incoming URI listens at once"
    target = t.start("-m", "64M", "-incoming", "unix:" + t.path("mig.sock"), name="target")
    source = t.start("-m", "64M", *migration.loader(migration.ram_image(t)), name="source")
    t.eq(target.qmp.cmd("query-status")["status"], "inmigrate")
    source.qmp.cmd("migrate", uri="unix:" + t.path("mig.sock"))
    finish(t, source, target)


def test_localhost_and_ipv6(t):
    "tcp: takes host names and bracketed IPv6 addresses"
    source, target = pair(t)
    migration.listen(target, "tcp:localhost:0")
    port = target.qmp.cmd("query-migrate")["socket-address"][0]["port"]
    source.qmp.cmd("migrate", uri="tcp:localhost:" + port)
    finish(t, source, target)
    try:
        socket.create_server(("::1", 0), family=socket.AF_INET6).close()
    except OSError:
        t.skip("no IPv6 here")
    target = t.start("-m", "64M", "-incoming", "tcp:[::1]:0", name="target6")
    port = target.qmp.cmd("query-migrate")["socket-address"][0]["port"]
    source = t.start("-m", "64M", name="source6")
    source.qmp.cmd("migrate", uri="tcp:[::1]:" + port)
    migration.wait_status(source, "completed")


def test_events_of_a_source(t):
    "with the events capability a source says setup, pass 1, active, pass 2, completed, and STOP before that"
    source, target = pair(t)
    migration.set_capabilities(source, "events")
    over(t, "unix", source, target)
    events = source.qmp.collect_events("MIGRATION", {"status": "completed"})
    words = [d.get("status", d.get("pass", n)) for n, d in events]
    t.eq([w for w in words if w != "STOP" and not (isinstance(w, int) and w > 2)], ["setup", 1, "active", 2, "completed"])
    passes = [w for w in words if isinstance(w, int)]
    t.eq(passes, list(range(1, len(passes) + 1)), "the rounds over RAM are counted from 1")
    t.eq(words.count("STOP"), 1)


def test_events_of_a_destination(t):
    "with the events capability a destination says setup, active, completed, and RESUME"
    source, target = pair(t)
    migration.set_capabilities(target, "events")
    over(t, "unix", source, target)
    events = target.qmp.collect_events("MIGRATION", {"status": "completed"})
    t.eq([d["status"] for n, d in events if n == "MIGRATION"], ["setup", "active", "completed"])
    if "RESUME" not in [n for n, d in events]:
        target.qmp.wait_event("RESUME")


def test_no_migration_events_without_the_capability(t):
    "without the events capability there is no MIGRATION event"
    source, target = pair(t)
    over(t, "unix", source, target)
    finish(t, source, target)
    t.eq([e for e in source.qmp.drain() if "MIGRATION" in e], [])


def test_figures(t):
    "query-migrate accounts for the memory: total, normal, duplicate, transferred"
    source, target = pair(t, mib=8)
    over(t, "unix", source, target)
    ram = finish(t, source, target)["ram"]
    t.eq(ram["total"], 64 << 20)
    t.eq(ram["page-size"], 4096)
    t.eq((ram["normal"], ram["normal-bytes"]), (2048, 8 << 20), "data pages")
    t.check(ram["duplicate"] >= (64 - 8) * 256, "zero pages: %d" % ram["duplicate"])
    t.check((8 << 20) < ram["transferred"] < (9 << 20), "transferred: %d" % ram["transferred"])
    t.eq(ram["remaining"], 0)


def test_a_stopped_source_stays_stopped(t):
    "a guest that was stopped arrives stopped"
    source, target = pair(t)
    source.qmp.cmd("stop")
    over(t, "unix", source, target)
    migration.wait_status(source, "completed")
    t.eq(migration.wait_run_state(target, "paused", "prelaunch"), "paused")


def test_a_destination_with_S(t):
    "a destination with -S stays stopped until cont"
    source, target = pair(t, target_args=("-S",))
    over(t, "unix", source, target)
    migration.wait_status(source, "completed")
    migration.wait_status(target, "completed")
    t.check(target.qmp.cmd("query-status")["running"] is False, "it runs")
    target.qmp.cmd("cont")
    target.qmp.wait_event("RESUME")


def test_cont_brings_a_source_back(t):
    "cont on a source that has moved starts it again, as QEMU does"
    source, target = pair(t)
    over(t, "unix", source, target)
    finish(t, source, target)
    t.eq(source.qmp.error("migrate", uri="unix:" + t.path("x")), "Can't migrate the vm that was paused due to previous migration")
    source.qmp.cmd("cont")
    t.eq(source.qmp.cmd("query-status")["status"], "running")


def test_refused_uris(t):
    "a URI that cannot be is refused at once, and the next one is taken"
    source, target = pair(t)
    for uri in ["nonsense", "", "bogus:x", "tcp:", "tcp:127.0.0.1"] + ["tcp:127.0.0.1:65536"] * t.minivisor():
        t.check(source.qmp.error("migrate", uri=uri), uri)
    t.eq(source.qmp.error("migrate", uri="fd:nope"), "File descriptor named 'nope' has not been found")
    over(t, "unix", source, target)
    finish(t, source, target)


def test_nobody_listens(t):
    "a source that nobody listens to fails with the reason, runs on, and may try again"
    source, target = pair(t)
    free = socket.create_server(("127.0.0.1", 0))
    port = free.getsockname()[1]
    free.close()
    source.qmp.cmd("migrate", uri="tcp:127.0.0.1:%d" % port)
    t.has(migration.wait_status(source, "failed")["error-desc"], "Connection refused")
    t.eq(source.qmp.cmd("query-status")["status"], "running")
    over(t, "unix", source, target)
    finish(t, source, target)


def test_role_errors(t):
    "migrate on a waiting destination, migrate-incoming without -incoming or twice: each is refused"
    source, target = pair(t)
    t.eq(source.qmp.error("migrate-incoming", uri="tcp:127.0.0.1:0"), "'-incoming' was not specified on the command line")
    t.eq(target.qmp.error("migrate", uri="tcp:127.0.0.1:1"), "Guest is waiting for an incoming migration")
    migration.listen(target)
    t.eq(target.qmp.error("migrate-incoming", uri="tcp:127.0.0.1:0"), "The incoming migration has already been started")


def test_port_in_use(t):
    "migrate-incoming on a port in use is refused, and another port may follow"
    taken = socket.create_server(("127.0.0.1", 0))
    target = t.start("-m", "64M", "-incoming", "defer")
    t.has(target.qmp.error("migrate-incoming", uri="tcp:127.0.0.1:%d" % taken.getsockname()[1]), "Address already in use")
    migration.listen(target)
    taken.close()


def slow(source, target):
    """A migration under way that will take long."""
    migration.set_parameters(source, max_bandwidth=1 << 20)
    over(target.test, "unix", source, target)
    return migration.wait_status(source, "active")


def lost(t, target):
    """A destination whose sender went away: minivisor says so and stays (exit-on-error false), QEMU 7.2 ends."""
    if t.minivisor():
        t.check(migration.wait_status(target, "failed")["error-desc"], "a reason")
    else:
        target.wait_exit(1)


def test_cancel(t):
    "a cancelled migration leaves the guest running where it was; a second cancel does nothing"
    source, target = pair(t, mib=32)
    slow(source, target)
    t.eq(source.qmp.error("migrate", uri="unix:" + t.path("x")), "There's a migration process in progress")
    source.qmp.cmd("migrate_cancel")
    migration.wait_status(source, "cancelled")
    source.qmp.cmd("migrate_cancel")
    t.eq(source.qmp.cmd("query-status")["status"], "running")
    lost(t, target)


def test_cancel_and_again(t):
    "after a cancel the same source moves to another destination"
    source, target = pair(t, mib=32)
    slow(source, target)
    source.qmp.cmd("migrate_cancel")
    migration.wait_status(source, "cancelled")
    migration.set_parameters(source, max_bandwidth=0)
    second = t.start("-m", "64M", "-incoming", "unix:" + t.path("second.sock"), name="second")
    source.qmp.cmd("migrate", uri="unix:" + t.path("second.sock"))
    finish(t, source, second)
    lost(t, target)


def test_cancelling_a_silent_peer(t):
    "a cancel ends a migration to a peer that accepts nothing, reads nothing or answers no handshake"
    t.requires_minivisor("QEMU does not come back")
    full = socket.socket(socket.AF_UNIX)
    full.bind(t.path("full.sock"))
    full.listen(0)
    waiting = []
    while True:             # a queue that is full: connecting waits
        client = socket.socket(socket.AF_UNIX)
        client.setblocking(False)
        waiting.append(client)
        try:
            client.connect(t.path("full.sock"))
        except OSError:
            break
    deaf = socket.create_server(("127.0.0.1", 0))
    tls = ("-object", "tls-creds-x509,id=tls0,endpoint=client,dir=" + t.pki.client())
    source = t.start("-m", "64M", *migration.loader(migration.ram_image(t, mib=48)), *tls, name="source")
    silent = "tcp:127.0.0.1:%d" % deaf.getsockname()[1]
    for uri, creds in ((silent, ""), (silent, "tls0"), ("unix:" + t.path("full.sock"), "")):
        migration.set_parameters(source, tls_creds=creds)
        source.qmp.cmd("migrate", uri=uri)
        migration.wait_status(source, "setup", "active")
        began = time.monotonic()
        source.qmp.cmd("migrate_cancel")
        migration.wait_status(source, "cancelled", "failed")
        t.check(time.monotonic() - began < 1 * SCALE, "the cancel took %.1f s" % (time.monotonic() - began))
        t.eq(source.qmp.cmd("query-status")["status"], "running")
    deaf.close()


def test_bandwidth_limit(t):
    "max-bandwidth is met within a fifth, and a raise takes effect at once"
    source, target = pair(t, mib=32)
    migration.set_parameters(source, max_bandwidth=16 << 20)
    began = time.monotonic()
    over(t, "unix", source, target)
    migration.wait_status(source, "active")
    sample = {}
    deadline = Deadline(10)
    while sample.get("transferred", 0) < 24 << 20 and not deadline.over():
        sample = source.qmp.cmd("query-migrate").get("ram", {})
    taken = time.monotonic() - began
    rate = sample["transferred"] / taken / (1 << 20)
    t.check(12.8 < rate < 19.2, "%.1f MiB/s with a limit of 16" % rate)
    migration.set_parameters(source, max_bandwidth=0)
    began = time.monotonic()
    migration.wait_status(source, "completed")
    t.check(time.monotonic() - began < 0.7 * SCALE, "raising the limit had no effect: %.2f s" % (time.monotonic() - began))


def test_pause_before_switchover(t):
    "pause-before-switchover waits in pre-switchover for migrate-continue"
    source, target = pair(t)
    migration.set_capabilities(source, "events", "pause-before-switchover")
    over(t, "unix", source, target)
    migration.wait_status(source, "pre-switchover")
    t.eq(source.qmp.cmd("query-status")["running"], False)
    t.has(source.qmp.error("migrate-continue", state="device"), "Migration not in expected state: pre-switchover")
    source.qmp.cmd("migrate-continue", state="pre-switchover")
    finish(t, source, target)
    words = [e["data"].get("status", e["data"].get("pass")) for e in source.qmp.events if e["event"].startswith("MIGRATION")]
    t.eq([w for w in words if isinstance(w, str)], ["setup", "active", "pre-switchover", "device", "completed"])
    passes = [w for w in words if isinstance(w, int)]
    t.eq(passes, list(range(1, len(passes) + 1)), "the rounds over RAM are counted from 1")
    t.check(words.index(passes[-1]) > words.index("device"), "the last round comes after the switchover has begun")


def test_cancel_in_pre_switchover(t):
    "a cancel in pre-switchover lets the guest run on"
    source, target = pair(t)
    migration.set_capabilities(source, "pause-before-switchover")
    over(t, "unix", source, target)
    migration.wait_status(source, "pre-switchover")
    source.qmp.cmd("migrate_cancel")
    migration.wait_status(source, "cancelled")
    migration.wait_run_state(source, "running")
    lost(t, target)


def test_capabilities_while_active(t):
    "capabilities may not change during a migration, parameters may"
    source, target = pair(t, mib=32)
    slow(source, target)
    t.eq(source.qmp.error("migrate-set-capabilities", capabilities=[{"capability": "events", "state": True}]),
         "There's a migration process in progress")
    migration.set_parameters(source, max_bandwidth=0)
    finish(t, source, target)


def test_return_path(t):
    "the return-path capability works on both sides"
    source, target = pair(t)
    for instance in (source, target):
        migration.set_capabilities(instance, "return-path")
    over(t, "unix", source, target)
    finish(t, source, target)


def test_return_path_over_a_one_way_pipe(t):
    "return-path with a one-way exec: neither hangs nor blocks a cancel"
    t.requires_minivisor("QEMU hangs")
    source = t.start("-m", "64M", *migration.loader(migration.ram_image(t)), name="source")
    migration.set_capabilities(source, "return-path")
    source.qmp.cmd("migrate", uri="exec:cat > " + t.path("out"))
    deadline = Deadline(20)
    while source.qmp.cmd("query-migrate")["status"] not in migration.ENDS:
        if deadline.over():
            source.qmp.cmd("migrate_cancel")
            migration.wait_status(source, "cancelled", "failed")
            break
    t.check(source.qmp.cmd("query-status")["status"] in ("running", "postmigrate", "paused"), "a settled state")


def test_what_is_not_built_makes_migrate_refuse(t):
    "a capability whose engine is not there yet is stored and reported, and migrate names it"
    t.requires_minivisor()
    source = t.start("-m", "64M")
    for name in ("multifd", "postcopy-ram", "xbzrle"):
        reply = source.qmp.execute("migrate-set-capabilities", {"capabilities": [{"capability": name, "state": True}]})
        if "error" in reply:
            continue
        found = source.qmp.execute("migrate", {"uri": "tcp:127.0.0.1:1"})
        t.has(found.get("error", {}).get("desc", ""), name)
        migration.set_capabilities(source, name, state=False)


def test_parameter_ranges(t):
    "a parameter out of range is refused in QEMU's words, and none of the others is set"
    vm = t.start()
    t.eq(vm.qmp.error("migrate-set-parameters", max_bandwidth=1000, downtime_limit=3000000).split(" expects ")[0],
         "Parameter 'downtime_limit'")
    t.eq(vm.qmp.cmd("query-migrate-parameters")["max-bandwidth"], 128 << 20)


def test_different_memory(t):
    "a destination with other memory refuses the load with a reason, and the source runs on"
    t.requires_minivisor("QEMU's source without a return path may say completed")
    target = t.start("-m", "32M", "-incoming", "defer", name="target")
    source = t.start("-m", "64M", *migration.loader(migration.ram_image(t)), name="source")
    uri = migration.listen(target)
    source.qmp.cmd("migrate", uri=uri)
    t.check(migration.wait_status(target, "failed").get("error-desc"), "a reason at the destination")
    t.check(migration.wait_status(source, "failed").get("error-desc"), "a reason at the source")
    migration.wait_run_state(source, "running")


def test_back_and_forth(t):
    "a guest that has moved moves on to a third instance"
    source, target = pair(t)
    before = migration.digest(source)
    over(t, "unix", source, target)
    finish(t, source, target)
    third = t.start("-m", "64M", "-incoming", "unix:" + t.path("third.sock"), name="third")
    target.qmp.cmd("migrate", uri="unix:" + t.path("third.sock"))
    migration.wait_status(target, "completed")
    migration.wait_run_state(third, "running")
    t.eq(migration.digest(third), before, "memory after two moves")


def test_memory_backends_move(t):
    "memory of a backend moves under the backend's name"
    args = ("-object", "memory-backend-memfd,id=mem0,size=64M", "-machine", "none,memory-backend=mem0")
    target = t.start("-incoming", "defer", "-m", "64M", *args, name="target", base=("-nodefaults", "-display", "none"))
    source = t.start("-m", "64M", *args, *migration.loader(migration.ram_image(t)), name="source",
                     base=("-nodefaults", "-display", "none"))
    over(t, "unix", source, target)
    finish(t, source, target)


def test_zero_pages_as_they_are(t):
    "with zero-page-detection none, pages of zeros are sent whole"
    t.requires_minivisor("a parameter of QEMU 9.0")
    for detection, zero in (("legacy", 4096), ("none", 0)):
        vm = t.start("-m", "16M")
        target = t.start("-m", "16M", "-incoming", "unix:" + t.path(detection))
        vm.qmp.cmd("migrate-set-parameters", **{"zero-page-detection": detection})
        vm.qmp.cmd("migrate", uri="unix:" + t.path(detection))
        ram = migration.wait_status(vm, "completed")["ram"]
        migration.wait_run_state(target, "running")
        t.eq((ram["duplicate"], ram["normal"]), (zero, 4096 - zero), detection)
        t.eq(migration.digest(target, mib=16), migration.digest(vm, mib=16), "memory")


def test_mode(t):
    "a mode that has no engine is kept and told, and stops migrate"
    t.requires_minivisor("a parameter of QEMU 8.2")
    vm = t.start("-m", "16M")
    before = vm.qmp.hmp("info migrate_parameters")
    t.eq(vm.qmp.hmp("migrate_set_parameter mode cpr-reboot"), [])
    t.eq(vm.qmp.hmp("migrate_set_parameter zero-page-detection none"), [])
    t.eq(vm.qmp.hmp("migrate_set_parameter avail-switchover-bandwidth 3"), [])
    t.eq(vm.qmp.hmp("info migrate_parameters"),
         before + ["avail-switchover-bandwidth: 3145728 bytes/second", "zero-page-detection: none", "mode: cpr-reboot"])
    t.eq(vm.qmp.error("migrate", uri="tcp:127.0.0.1:1"), "Migration mode 'cpr-reboot' is set, and not supported yet")
    t.eq(vm.qmp.error("migrate-set-parameters", mode="teleport"), "Parameter 'mode' does not accept value 'teleport'")
