# SPDX-License-Identifier: GPL-3.0-or-later
"""A file system without room: rules that an editor cannot write whole, and an audit trail that cannot grow."""
import errno
import json
import os
import re
import subprocess

from harness import migration
from test_authz_trail import EVENT, check, knock, refused, trail, waiting
from test_migration_tls import GOOD, then_the_right_one

MOUNT = ("unshare", "-m", "sh", "-c", 'mount -t tmpfs -o size=64k tmpfs "$0" && exec "$@"')


def on_a_small_disk(t):
    """The folder of a disk of 64 KiB that only the instance sees, and what it is started with; see seen_by()."""
    os.mkdir(t.path("disk"))
    tried = subprocess.run([*MOUNT, t.path("disk"), "true"], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    if tried.returncode:
        t.skip("no file system can be mounted here: " + tried.stdout.decode("utf-8", "replace").strip())
    return t.path("disk"), {"wrapper": (*MOUNT, t.path("disk"))}


def seen_by(vm, path):
    return "/proc/%d/root%s" % (vm.pid, path)


def put(path, data):
    """Writes a file in place, as editors do that make no copy: how many of its bytes there was room for."""
    done = 0
    with open(path, "wb", buffering=0) as out:
        try:
            while done < len(data):
                done += out.write(data[done:])
        except OSError as error:
            if error.errno != errno.ENOSPC:
                raise
    return done


def fill(disk):
    return put(os.path.join(disk, "filler"), bytes(1 << 20))


def rules(*more):
    return json.dumps({"policy": "deny", "rules": [{"match": GOOD, "policy": "allow"}, *more]}).encode()


LONG = rules(*({"match": "CN=guest %d" % n, "policy": "allow"} for n in range(4000)))


def listening(t):
    """A destination whose file of rules lets the right one in, the file, and the address."""
    disk, how = on_a_small_disk(t)
    vm = t.start("-m", "64M", "-incoming", "defer", name="target", **how)
    file = seen_by(vm, disk + "/rules")
    put(file, rules())
    migration.add_creds(vm, "server", t.pki.server())
    vm.qmp.cmd("object-add", qom_type="authz-list-file", id_="auth0", filename=disk + "/rules", refresh=True)
    migration.set_parameters(vm, tls_authz="auth0")
    t.check(explained(vm)["allowed"], "the right one is allowed")
    return vm, file, migration.listen(vm)


def explained(vm):
    return vm.qmp.cmd("__org.minivisor_authz-explain", id_="auth0", identity=GOOD)


def cut_short(t, vm, file, least):
    """What a full disk leaves of the file lets nobody in."""
    done = put(file, LONG)
    t.check(least <= done < len(LONG) and os.path.getsize(file) == done, "%d bytes of %d" % (done, len(LONG)))
    vm.wait_stderr("Nobody is let in by the rules in '.*/disk/rules' until they can be read")
    answer = explained(vm)
    t.check(not answer["allowed"], answer)
    reason = answer["reason"].partition("its file cannot be used: ")[2]
    vm.wait_stderr("minivisor: " + re.escape(reason) + "$")


def test_rules_that_are_cut_short(t):
    """rules that a full disk cuts short let nobody in, not even whom the part that is there allows; the reason is logged, the
    monitor answers, and once they are written whole they count"""
    t.requires_minivisor("QEMU has other words, and no way to ask")
    vm, file, uri = listening(t)
    cut_short(t, vm, file, len(rules()) + 1000)
    source = t.start("-m", "64M", name="source")
    migration.add_creds(source, "client", t.pki.client("right"))
    source.qmp.cmd("migrate", uri=uri)
    t.has(migration.wait_status(source, "failed")["error-desc"], "not authorized")
    data = vm.qmp.wait_event(EVENT)["data"]
    t.eq((data["decision"], data["identity"]), ("deny", GOOD))
    t.has(data["reason"], "its file cannot be used: ")
    put(file, rules())
    while not explained(vm)["allowed"]:         # until it is loaded
        pass
    then_the_right_one(t, vm, uri)


def test_rules_of_which_nothing_is_left(t):
    "a file of rules that a full disk leaves empty lets nobody in"
    t.requires_minivisor("QEMU has other words, and no way to ask")
    vm, file, _ = listening(t)
    with open(file, "wb"):          # its page goes to the filler before the editor writes
        fill(os.path.dirname(file))
    cut_short(t, vm, file, 0)


def test_rules_beside_which_there_is_no_room(t):
    "an editor that writes a copy first fails with the copy: the rules stay in force, and nothing is loaded"
    t.requires_minivisor("QEMU has no way to ask")
    vm, file, uri = listening(t)
    before = vm.qmp.cmd("__org.minivisor_query-authz")[0]["generation"]
    t.check(put(file + ".new", LONG) < len(LONG), "there was room")
    os.unlink(file + ".new")
    then_the_right_one(t, vm, uri)
    t.eq(vm.qmp.cmd("__org.minivisor_query-authz")[0]["generation"], before)


def test_a_trail_on_a_full_disk(t):
    """when the disk of the audit trail is full nobody gets in, and of the line nothing stays; when there is room again the
    chain goes on, says how many decisions it lacks, and verifies"""
    t.requires_minivisor("QEMU has none")
    disk, how = on_a_small_disk(t)
    target, address = waiting(t, "-audit", disk + "/audit", **how)
    knock(t, address)
    audit, filler = seen_by(target, disk + "/audit"), seen_by(target, disk + "/filler")
    fill(os.path.dirname(filler))
    while "No space left" not in target.stderr():           # the page that the file has is used up first
        knock(t, address)
    whole = trail(audit)
    target.qmp.drain()
    reason = "Audit file '%s/audit': Failed to write: No space left on device" % disk
    refused(t, target, address, reason)
    t.eq(trail(audit), whole)
    os.unlink(filler)
    then_the_right_one(t, target, address)
    last = trail(audit)[-1]
    t.eq((last["decision"], last["number"]), ("allow", len(whole) + 1))
    t.check(last["lost"] >= 2, last)            # one that knocked, and the right one
    with open(audit, "rb") as data:
        t.eq(check(t, t.write("copy", data.read()))[0], "good lines: %d" % (len(whole) + 1))
