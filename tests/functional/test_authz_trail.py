# SPDX-License-Identifier: GPL-3.0-or-later
"""What is kept of authorization decisions: counters and last refusals, events, and the audit trail."""
import hashlib
import json
import os
import shutil
import signal
import socket
import ssl
import subprocess

from harness import migration
from test_migration_tls import GOOD, then_the_right_one

MALLORY = [("C", "GB"), ("O", "Example Org"), ("CN", "mallory")]
MALLORY_DN = "C=GB,O=Example Org,CN=mallory"
EVENT = "__org.minivisor_AUTHZ_DECISION"
ZEROS = "0" * 64


def waiting(t, *args, name="target", **more):
    """A destination that lets the right one in, and its address."""
    target = t.start("-m", "64M", "-incoming", "defer", *args, name=name, **more)
    migration.add_creds(target, "server", t.pki.server())
    migration.allow(target, GOOD)
    return target, migration.listen(target)


def knock(t, address, count=1):
    """So many handshakes of one whose certificate is good and whose name is not."""
    folder = t.pki.client("mallory", dn=MALLORY)
    for _ in range(count):
        try:
            with migration.tls_knock(address, folder) as stream:
                t.check(stream.recv(1) == b"", "nothing comes but the end")
        except (ssl.SSLError, ConnectionError):
            pass       # the refusal


def trail(path):
    with open(path, encoding="ascii") as lines:
        return [json.loads(line) for line in lines]


def check(t, path, status=0):
    asked = t.start("-check-audit", path, qmp=0, base=(), name="check%d" % len(t.instances))
    asked.wait_exit(status)
    return asked.out.text().splitlines()


def test_counters(t):
    "each object counts whom it let in and whom not, and keeps its last refusals; questions beforehand do not count"
    t.requires_minivisor("QEMU has no such command")
    target, address = waiting(t)
    target.qmp.cmd("object-add", qom_type="authz-list", id_="unused", policy="allow")
    target.qmp.cmd("__org.minivisor_authz-explain", id_="auth0", identity="CN=x")
    knock(t, address)
    target.qmp.wait_event(EVENT)
    info = {o["id"]: o for o in target.qmp.cmd("__org.minivisor_query-authz")}
    t.eq(sorted(info), ["auth0", "unused"])
    t.eq([info["auth0"][k] for k in ("type", "generation", "allowed", "denied", "errors")], ["authz-simple", 1, 0, 1, 0])
    t.eq(info["unused"]["refusals"], [])
    refusal = info["auth0"]["refusals"][0]
    t.eq((refusal["identity"], refusal["reason"]), (MALLORY_DN, "it allows only '%s'" % GOOD))
    t.check(refusal["peer"].startswith("127.0.0.1:"), refusal["peer"])
    printed = target.qmp.hmp("info authz")
    t.eq(printed, ["auth0: authz-simple, generation 1, allowed 0, denied 1, errors 0",
                   "  %s %s %s" % (refusal["time"], refusal["peer"], MALLORY_DN),
                   "      it allows only '%s'" % GOOD,
                   "unused: authz-list, generation 1, allowed 0, denied 0, errors 0"])
    then_the_right_one(t, target, address)
    t.eq(target.qmp.cmd("__org.minivisor_query-authz")[0]["allowed"], 1)


def test_bounds(t):
    "of many refusals 16 are kept, and 20 in a second have an event; the next one tells how many had none"
    t.requires_minivisor("QEMU has no such command")
    target, address = waiting(t)
    target.qmp.cmd("qom-set", path="/objects/auth0", property="identity", value="CN=nobody")
    count = 60
    knock(t, address, count)
    events = []

    def take():
        info = target.qmp.cmd("__org.minivisor_query-authz")[0]
        events.extend(e for e in target.qmp.events if e["event"] == EVENT)
        target.qmp.events.clear()
        return info
    info = take()
    t.eq((len(info["refusals"]), info["generation"], info["denied"]), (16, 2, count))
    told = lambda: len(events) + sum(e["data"].get("untold", 0) for e in events)
    while told() < count:          # one that comes in another second has an event again
        knock(t, address)
        count += 1
        take()
    t.eq(told(), count)
    stamps = [e["timestamp"]["seconds"] + e["timestamp"]["microseconds"] / 1e6 for e in events]
    t.check(all(b - a > 0.99 for a, b in zip(stamps, stamps[40:])), "more than two times 20 in a second")


def test_event(t):
    "a decision is an event with who, by what and why"
    t.requires_minivisor("QEMU has no such event")
    target, address = waiting(t)
    target.qmp.cmd("object-del", id_="auth0")
    target.qmp.cmd("object-add", qom_type="authz-list", id_="auth0",
                   rules=[{"match": "CN=x", "policy": "allow"}, {"match": "*CN=mallory", "policy": "deny", "format": "glob"}])
    knock(t, address)
    data = target.qmp.wait_event(EVENT)["data"]
    t.check(data.pop("peer").startswith("127.0.0.1:"), "the peer")
    t.check(data.pop("cipher").startswith("TLS_"), "the cipher")
    t.check(int(data.pop("serial"), 16) > 0, "the serial number")
    t.eq(data, {"identity": MALLORY_DN, "object": "auth0", "decision": "deny", "reason": "rule 1 denies it", "rule": 1,
                "generation": 1})
    target.qmp.cmd("object-del", id_="auth0")
    knock(t, address)
    data = target.qmp.wait_event(EVENT)["data"]
    t.eq((data["decision"], data["reason"], data["generation"]), ("error", "Cannot find QAuthZ object ID auth0", 0))


def test_trail(t):
    "each decision is a line in the audit file, chained, before the peer is in; an altered or removed line is found"
    t.requires_minivisor("QEMU has none")
    path = t.path("audit")
    target, address = waiting(t, "-audit", path)
    knock(t, address, 2)
    then_the_right_one(t, target, address)
    lines = trail(path)
    t.eq([(r["number"], r["decision"], r["identity"], r["object"]) for r in lines],
         [(1, "deny", MALLORY_DN, "auth0"), (2, "deny", MALLORY_DN, "auth0"), (3, "allow", GOOD, "auth0")])
    t.eq(sorted(lines[0]), sorted(["time", "number", "peer", "identity", "object", "decision", "reason", "generation",
                                   "cipher", "serial", "previous", "hash"]))
    t.eq([r["previous"] for r in lines], [ZEROS, lines[0]["hash"], lines[1]["hash"]])
    t.eq(os.stat(path).st_mode & 0o777, 0o600)
    with open(path, "rb") as file:
        raw = file.read().splitlines(True)
    before, _, rest = raw[1].rpartition(b', "hash": "')
    t.eq(hashlib.sha256(before + b"}").hexdigest().encode(), rest[:64], "the hash is over the rest of the line")
    t.eq(check(t, path), ["good lines: 3", "begins: anew", "last hash: " + lines[2]["hash"]])
    altered = t.write("altered", raw[0] + raw[1].replace(b"mallory", b"charlie") + raw[2])
    t.eq(check(t, altered, 2)[-1], "fault: line 2: it was altered: its hash is another one")
    removed = t.write("removed", raw[0] + raw[2])
    t.eq(check(t, removed, 2)[-1], "fault: line 2: lines in front of it are missing: 1")
    t.has(t.start("-check-audit", t.path("none"), qmp=0, base=(), name="none").wait_exit(1), "No such file or directory")


def test_restart(t):
    "the chain goes on in the next process"
    t.requires_minivisor("QEMU has none")
    path = t.path("audit")
    for name in ("first", "second"):
        target, address = waiting(t, "-audit", "file=" + path, name=name)
        knock(t, address)
        target.qmp.wait_event(EVENT)
        target.qmp.cmd("quit")
        target.wait_exit(0)
    t.eq(check(t, path)[:2], ["good lines: 2", "begins: anew"])


def test_rotation(t):
    "SIGHUP opens the file anew, and the chain goes on in the next one; nobody is refused for it"
    t.requires_minivisor("QEMU has none")
    path = t.path("audit")
    target, address = waiting(t, "-audit", path)
    knock(t, address)
    target.qmp.wait_event(EVENT)
    os.rename(path, path + ".1")
    target.signal(signal.SIGHUP)
    while not os.path.exists(path):
        target.qmp.cmd("query-status")
    then_the_right_one(t, target, address)
    t.eq(check(t, path)[:2], ["good lines: 1", "begins: after " + trail(path + ".1")[-1]["hash"]])
    t.eq([r["number"] for r in trail(path)], [2])


def full_disk(t):
    """The program where no file can grow."""
    wrapper = t.write("minivisor-on-a-full-disk", "#!/bin/sh\ntrap '' XFSZ\nulimit -f 0\nexec '%s' \"$@\"\n" % t.binary)
    os.chmod(wrapper, 0o700)
    return wrapper


def test_full_disk(t):
    "when the trail cannot be written nobody gets in, and the reason is told"
    t.requires_minivisor("QEMU has none")
    path = t.path("audit")
    target, address = waiting(t, "-audit", path, binary=full_disk(t))
    source = t.start("-m", "64M", name="source")
    migration.add_creds(source, "client", t.pki.client("right"))
    source.qmp.cmd("migrate", uri=address)
    t.has(migration.wait_status(source, "failed")["error-desc"], "not authorized")
    reason = "Audit file '%s': Failed to write: File too large" % path
    data = target.qmp.wait_event(EVENT)["data"]
    t.eq((data["decision"], data["reason"], data["identity"]), ("error", reason, GOOD))
    while "error-desc" not in target.qmp.cmd("query-migrate"):
        pass
    t.eq(target.qmp.cmd("query-migrate")["error-desc"], reason)
    t.eq(target.qmp.cmd("__org.minivisor_query-authz")[0]["errors"], 1)
    t.eq(os.path.getsize(path), 0)


def test_full_disk_that_does_not_matter(t):
    "with required=off the right one gets in all the same, and the log tells"
    t.requires_minivisor("QEMU has none")
    target, address = waiting(t, "-audit", "file=%s,required=off" % t.path("audit"), binary=full_disk(t))
    source = t.start("-m", "64M", name="source")
    migration.add_creds(source, "client", t.pki.client("right"))
    source.qmp.cmd("migrate", uri=address)
    migration.wait_status(source, "completed")
    target.wait_stderr("Audit file '.*': Failed to write: File too large")


def test_a_rotation_that_fails(t):
    "when there is no file after a rotation nobody gets in until there is one"
    t.requires_minivisor("QEMU has none")
    os.mkdir(t.path("log"))
    path = t.path("log/audit")
    target, address = waiting(t, "-audit", path)
    os.rename(t.path("log"), t.path("log.old"))
    target.signal(signal.SIGHUP)
    target.wait_stderr("Audit file '.*': it cannot be opened: No such file or directory")
    source = t.start("-m", "64M", name="source")
    migration.add_creds(source, "client", t.pki.client("right"))
    source.qmp.cmd("migrate", uri=address)
    migration.wait_status(source, "failed")
    t.eq(target.qmp.wait_event(EVENT)["data"]["reason"], "Audit file '%s': it is not open" % path)
    os.mkdir(t.path("log"))
    target.signal(signal.SIGHUP)
    while not os.path.exists(path):
        target.qmp.cmd("query-status")
    then_the_right_one(t, target, address)
    t.eq(trail(path)[0]["lost"], 1)


def journal(t, name="journal"):
    """A socket in the place of journald's, and its path."""
    sock = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    sock.bind(t.path(name))
    sock.settimeout(10)
    t.cleanups.append(sock.close)
    return sock, t.path(name)


def entry(sock):
    """The fields of the next entry, each in the form that takes any value."""
    data, fields = sock.recv(1 << 20), {}
    while data:
        name, _, data = data.partition(b"\n")
        size = int.from_bytes(data[:8], "little")
        fields[name.decode()], data = data[8:8 + size].decode(), data[9 + size:]
    return fields


def test_journal(t):
    "with journal= each decision is an entry of the journal before it counts, chained, with fields to look for"
    t.requires_minivisor("QEMU has none")
    sock, path = journal(t)
    target, address = waiting(t, "-audit", "journal=" + path)
    knock(t, address)
    target.qmp.wait_event(EVENT)
    then_the_right_one(t, target, address)
    fields = [entry(sock), entry(sock)]
    t.eq([(f["MINIVISOR_DECISION"], f["MINIVISOR_IDENTITY"], f["MINIVISOR_OBJECT"], f["PRIORITY"]) for f in fields],
         [("deny", MALLORY_DN, "auth0", "4"), ("allow", GOOD, "auth0", "6")])
    t.check(all(f["MINIVISOR_PEER"].startswith("127.0.0.1:") for f in fields), "the peers")
    lines = t.write("lines", "".join(f["MESSAGE"] + "\n" for f in fields))
    t.eq(check(t, lines), ["good lines: 2", "begins: anew", "last hash: " + json.loads(fields[1]["MESSAGE"])["hash"]])


def refused(t, target, address, reason):
    """The right one is not let in, for that reason."""
    source = t.start("-m", "64M", name="source%d" % len(t.instances))
    migration.add_creds(source, "client", t.pki.client("right"))
    source.qmp.cmd("migrate", uri=address)
    t.has(migration.wait_status(source, "failed")["error-desc"], "not authorized")
    data = target.qmp.wait_event(EVENT)["data"]
    t.eq((data["decision"], data["reason"], data["identity"]), ("error", reason, GOOD))


def test_a_journal_that_is_gone(t):
    "without a journal nobody gets in; one that is started anew is found by itself, and hears how many entries it missed"
    t.requires_minivisor("QEMU has none")
    sock, path = journal(t)
    target, address = waiting(t, "-audit", "journal=%s,required=on" % path)
    sock.close()
    refused(t, target, address, "Audit journal '%s': it cannot be reached: Connection refused" % path)
    os.unlink(path)
    sock, path = journal(t)
    then_the_right_one(t, target, address)
    record = json.loads(entry(sock)["MESSAGE"])
    t.eq((record["lost"], record["number"], record["decision"]), (1, 1, "allow"))


def test_a_journal_that_does_not_matter(t):
    "with required=off the right one gets in without a journal, and the log tells"
    t.requires_minivisor("QEMU has none")
    sock, path = journal(t)
    target, address = waiting(t, "-audit", "journal=%s,required=off" % path)
    sock.close()
    then_the_right_one(t, target, address)
    target.wait_stderr("Audit journal '.*': it cannot be reached: Connection refused")


def test_two_trails(t):
    "a file and the journal: both have each decision, and what one cannot write the other one calls back"
    t.requires_minivisor("QEMU has none")
    sock, path = journal(t)
    target, address = waiting(t, "-audit", t.path("audit"), "-audit", "journal=" + path)
    knock(t, address)
    target.qmp.wait_event(EVENT)
    record = json.loads(entry(sock)["MESSAGE"])
    t.eq((record["identity"], trail(t.path("audit"))[0]["identity"]), (MALLORY_DN, MALLORY_DN))
    sock.close()
    reason = "Audit journal '%s': it cannot be reached: Connection refused" % path
    refused(t, target, address, reason)
    t.eq([(r["decision"], r["identity"]) for r in trail(t.path("audit"))], [("deny", MALLORY_DN), ("allow", GOOD), ("error", GOOD)])
    t.eq(trail(t.path("audit"))[2]["reason"], reason)
    t.eq(check(t, t.path("audit"))[0], "good lines: 3")


def journald(t, name):
    """A real journald that serves a namespace of its own, whose folders are the test's: its socket, and a way to ask
    journalctl."""
    program = "/lib/systemd/systemd-journald"
    if not (os.path.exists(program) and shutil.which("journalctl") and shutil.which("unshare")):
        t.skip("systemd-journald is not installed")
    os.makedirs(t.path("log/journal"))
    os.makedirs(t.path("run"))
    script = 'mount --bind "$1" /var/log && exec %s "$2"' % program
    server = subprocess.Popen(["unshare", "-m", "sh", "-c", script, "sh", t.path("log"), name], stdin=subprocess.DEVNULL,
                              stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=dict(os.environ, RUNTIME_DIRECTORY=t.path("run")))

    def end():
        server.kill()
        server.wait()
    t.cleanups.append(end)
    while True:
        if server.poll() is not None:
            t.skip("systemd-journald does not run here")
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as probe:
            if not probe.connect_ex(t.path("run/socket")):
                break

    def ask(*words):
        folder = t.path("log/journal/" + os.listdir(t.path("log/journal"))[0])
        return subprocess.run(["journalctl", "-q", "--no-pager", "-D", folder, *words], stdout=subprocess.PIPE, check=True, text=True).stdout
    return t.path("run/socket"), ask


def test_a_real_journald(t):
    "journald keeps the entries, journalctl finds them by their fields, and -check-audit verifies what it prints"
    t.requires_minivisor("QEMU has none")
    path, ask = journald(t, "minivisor-test-%d" % os.getpid())
    target, address = waiting(t, "-audit", "journal=" + path)
    knock(t, address)
    target.qmp.wait_event(EVENT)
    then_the_right_one(t, target, address)
    kept = lambda: ask("-o", "cat", "MESSAGE_ID=8bb2c5a4c9dd490896f96565960124d1", "_PID=%d" % target.pid)
    while len(kept().splitlines()) < 2:      # journald writes when it comes to it
        pass
    t.eq(check(t, t.write("kept", kept()))[0], "good lines: 2")
    found = json.loads(ask("-o", "json", "MINIVISOR_DECISION=deny"))
    t.eq((found["MINIVISOR_IDENTITY"], found["SYSLOG_IDENTIFIER"], found["PRIORITY"]), (MALLORY_DN, "minivisor", "4"))


def test_bad_files(t):
    "a link, a device, a file of something else and a file in use are refused at the start"
    t.requires_minivisor("QEMU has none")
    os.symlink(t.path("target"), t.path("link"))
    t.write("other", "hello\n")
    t.start("-audit", t.path("used"), name="user")
    for path, reason in ((t.path("link"), "it is a symbolic link"), ("/dev/full", "it is no regular file"),
                         (t.path("other"), "its last line cannot be gone on from: it is no line of an audit trail"),
                         (t.path("used"), "another process writes it")):
        words = t.start("-audit", path, qmp=0, name="bad%d" % len(t.instances)).wait_exit(1)
        t.has(words, "Audit file '%s': %s" % (path, reason))
    words = t.start("-audit", "journal=" + t.path("none"), qmp=0, name="nojournal").wait_exit(1)
    t.has(words, "Audit journal '%s': it cannot be reached: No such file or directory" % t.path("none"))
    for option, reason in (("required=on", "Parameter 'file' is missing"), ("file=x,required=perhaps", "Parameter 'required' expects 'on' or 'off'"),
                           ("file=x,colour=red", "Invalid parameter 'colour'"),
                           ("journal=off", "Parameter 'file' is missing"), ("journal=maybe", "Parameter 'journal' expects 'on' or 'off'"),
                           ("file=x,journal=on", "Parameters 'file' and 'journal' are two trails: give -audit twice")):
        t.has(t.start("-audit", option, qmp=0, name="bad%d" % len(t.instances)).wait_exit(1), "-audit %s: %s" % (option, reason))
