# SPDX-License-Identifier: GPL-3.0-or-later
"""What is kept of authorization decisions: counters and last refusals, events, and the audit trail."""
import hashlib
import json
import os
import signal
import ssl

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
    for option, reason in (("required=on", "Parameter 'file' is missing"), ("file=x,required=perhaps", "Parameter 'required' expects 'on' or 'off'"),
                           ("file=x,colour=red", "Invalid parameter 'colour'")):
        t.has(t.start("-audit", option, qmp=0, name="bad%d" % len(t.instances)).wait_exit(1), "-audit %s: %s" % (option, reason))
