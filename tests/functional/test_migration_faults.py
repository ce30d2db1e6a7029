# SPDX-License-Identifier: GPL-3.0-or-later
"""Migrations that go wrong: a side that dies, a stream that is cut or corrupted, exit-on-error."""
import contextlib
import random
import socket
import struct
import threading

from harness import migration
from test_migration import finish, over, pair


def recorded(t, mib=2, memory="64M", capabilities=()):
    """A whole stream of a source, as bytes, and the digest of its memory."""
    source = t.start("-m", memory, *migration.loader(migration.ram_image(t, "rec.bin", mib=mib, seed=9)), name="recorder")
    if capabilities:
        migration.set_capabilities(source, *capabilities)
    found = migration.digest(source, int(memory[:-1]))
    source.qmp.cmd("migrate", uri="exec:cat > " + t.path("stream"))
    migration.wait_status(source, "completed")
    source.qmp.cmd("quit")
    source.wait_exit(0)
    with open(t.path("stream"), "rb") as data:
        return data.read(), found


def play(address, data, close=True):
    """Sends a stream to a listening destination. A refused write is no fault here."""
    sock = migration.knock(address)
    try:
        sock.sendall(data)
    except OSError:
        pass
    if close:
        sock.close()
    return sock


def test_the_destination_dies(t):
    "a destination that is killed half-way: the source says why, and its guest runs on"
    source, target = pair(t, mib=32)
    migration.set_parameters(source, max_bandwidth=4 << 20)
    over(t, "tcp", source, target)
    migration.wait_status(source, "active")
    target.kill()
    reply = migration.wait_status(source, "failed")
    if t.minivisor():
        t.check(reply.get("error-desc"), "a reason")
    t.eq(migration.wait_run_state(source, "running"), "running")
    second = t.start("-m", "64M", "-incoming", "unix:" + t.path("second.sock"), name="second")
    migration.set_parameters(source, max_bandwidth=0)
    source.qmp.cmd("migrate", uri="unix:" + t.path("second.sock"))
    finish(t, source, second)


def test_the_source_dies(t):
    "a source that is killed half-way: the destination reports a failed load and can be used again"
    t.requires_minivisor("QEMU ends")
    source, target = pair(t, mib=32)
    migration.set_parameters(source, max_bandwidth=4 << 20)
    over(t, "tcp", source, target)
    migration.wait_status(target, "active")
    source.kill()
    t.check(migration.wait_status(target, "failed")["error-desc"], "a reason")
    t.eq(target.qmp.cmd("query-status")["status"], "inmigrate")
    address = migration.listen(target)
    again = t.start("-m", "64M", *migration.loader(migration.ram_image(t, "b.bin", seed=3)), name="again")
    again.qmp.cmd("migrate", uri=address)
    finish(t, again, target)


def test_exit_on_error(t):
    "exit-on-error, the default: a failed load of an accepted sender ends the process with status 1 and the reason"
    stream, _ = recorded(t)
    target = t.start("-m", "64M", "-incoming", "tcp:127.0.0.1:0", name="target")
    address = "tcp:127.0.0.1:%s" % target.qmp.cmd("query-migrate")["socket-address"][0]["port"]
    play(address, stream[:len(stream) // 2])
    t.check(target.wait_exit(1).strip(), "a reason on standard error")


def test_exit_on_error_false(t):
    "exit-on-error false: the process stays, status failed with the reason, MIGRATION failed, ready for another"
    t.requires_minivisor("it came with QEMU 9.1")
    stream, digest = recorded(t)
    target = t.start("-m", "64M", "-incoming", "defer", name="target")
    migration.set_capabilities(target, "events")
    play(migration.listen(target), stream[:len(stream) // 2])
    target.qmp.wait_event("MIGRATION", {"status": "failed"})
    t.check(target.qmp.cmd("query-migrate")["error-desc"], "a reason")
    play(migration.listen(target), stream)
    migration.wait_run_state(target, "running")
    t.eq(migration.digest(target), digest)


def test_incoming_keep(t):
    "-incoming-keep on the command line is exit-on-error false"
    t.requires_minivisor("it is minivisor's own")
    stream, _ = recorded(t)
    target = t.start("-m", "64M", "-incoming", "tcp:127.0.0.1:0", "-incoming-keep", name="target")
    address = "tcp:127.0.0.1:%s" % target.qmp.cmd("query-migrate")["socket-address"][0]["port"]
    play(address, stream[:len(stream) // 2])
    migration.wait_status(target, "failed")
    t.check(target.running(), "it ended")


def test_console_keep(t):
    "migrate_incoming -k on the console is exit-on-error false; without -k it ends the process"
    t.requires_minivisor("it is minivisor's own")
    stream, _ = recorded(t)
    for flag, stays in (("-k ", True), ("", False)):
        target = t.start("-m", "64M", "-incoming", "defer", hmp="pipe", name="target" + flag.strip())
        path = t.path("m%s.sock" % flag.strip())
        t.eq(target.hmp.send("migrate_incoming %sunix:%s" % (flag, path)), [])
        play("unix:" + path, stream[:len(stream) // 2])
        if stays:
            migration.wait_status(target, "failed")
        else:
            target.wait_exit(1)


def test_cut_anywhere(t):
    "a stream cut at any place is a failed load with a reason, never a crash or a guest that runs"
    t.requires_minivisor("QEMU ends at each")
    stream, digest = recorded(t)
    target = t.start("-m", "64M", "-incoming", "defer", name="target")
    places = sorted({9, 12, 20, 30, 40, 60, 100, len(stream) // 3, len(stream) // 2, len(stream) - 2000})
    for place in places:
        play(migration.listen(target), stream[:place])
        reply = migration.wait_status(target, "failed")
        t.check(reply["error-desc"], "a reason for the cut at %d" % place)
        t.check(target.qmp.cmd("query-status")["running"] is False, "it runs after a cut at %d" % place)
    play(migration.listen(target), stream)
    migration.wait_run_state(target, "running")
    t.eq(migration.digest(target), digest, "the whole stream after all the cuts")


def test_corrupted_framing(t):
    "damaged framing (section kinds, ids, lengths, names, offsets) is refused with a reason"
    t.requires_minivisor("QEMU ends at each")
    stream, _ = recorded(t)
    name = stream.index(b"none", 8)
    ram = stream.index(b"\x03ram")
    block = ram + 4 + 8 + 8         # behind instance and version, and the total size
    cases = {
        "the length of the machine's name": (9, struct.pack(">I", 0xFFFFFFFF)),
        "the machine's name": (name, b"nine"),
        "the kind of a section": (name + 4, b"\x55"),
        "the name of the section": (ram + 1, b"rom"),
        "the version of the section": (ram + 8, struct.pack(">I", 99)),
        "the total size": (ram + 12, struct.pack(">Q", 0x7FFFFFFFFFFFF004)),
        "the block's name": (block + 1, b"\xff"),
        "the block's length": (block + 1 + stream[block], struct.pack(">Q", 1 << 62)),
        "the flags of a page": (block + 1 + stream[block] + 8 + 8 + 5 + 5, b"\xff" * 8),
    }
    target = t.start("-m", "64M", "-incoming", "defer", name="target")
    for what, (at, data) in cases.items():
        damaged = stream[:at] + data + stream[at + len(data):]
        play(migration.listen(target), damaged)
        t.check(migration.wait_status(target, "failed")["error-desc"], what)
        t.eq(target.qmp.cmd("query-status")["status"], "inmigrate", what)


def test_random_damage(t):
    "random damage anywhere neither crashes nor hangs the destination, and the monitor stays there"
    t.requires_minivisor("QEMU ends")
    stream, _ = recorded(t, mib=1, memory="2M")
    target = t.start("-m", "2M", "-incoming", "defer", name="target")
    dice = random.Random(20)
    for round_ in range(40):
        data = bytearray(stream)
        for _ in range(dice.choice((1, 3, 50))):
            # Half of the damage goes to the framing at the beginning and at the end.
            where = dice.choice((dice.randrange(8, 200), dice.randrange(len(data) - 1500, len(data)), dice.randrange(8, len(data))))
            data[where] = dice.randrange(256)
        play(migration.listen(target), bytes(data))
        status = migration.wait_status(target, "failed", "completed").get("status")
        if status == "completed":       # the damage was in a page: nobody can notice
            target.qmp.cmd("quit")
            target.wait_exit(0)
            target = t.start("-m", "2M", "-incoming", "defer", name="target%d" % round_)


def test_other_machine(t):
    "a stream of another machine, or of other memory, is refused with both named"
    t.requires_minivisor("QEMU ends")
    stream, _ = recorded(t, memory="32M")
    target = t.start("-m", "64M", "-incoming", "defer", name="target")
    play(migration.listen(target), stream)
    words = migration.wait_status(target, "failed")["error-desc"]
    t.check("ram" in words.lower() or "size" in words.lower() or "length" in words.lower(), words)
    at = stream.index(b"none", 8)
    play(migration.listen(target), stream[:at] + b"nina" + stream[at + 4:])
    t.has(migration.wait_status(target, "failed")["error-desc"], "nina")


def test_a_sender_that_stalls(t):
    "an accepted sender that stalls in the middle blocks neither the monitor nor the end of the program"
    stream, _ = recorded(t)
    target = t.start("-m", "64M", "-incoming", "defer", name="target")
    sock = play(migration.listen(target), stream[:len(stream) // 2], close=False)
    migration.wait_status(target, "active")
    for _ in range(20):
        t.eq(target.qmp.cmd("query-status")["status"], "inmigrate")
    target.qmp.cmd("quit")
    target.wait_exit(0 if t.minivisor() else None)
    sock.close()


class Peer:
    """A destination of our own that reads a stream and answers on the return path as told."""

    def __init__(self, answer, read_all=True):
        self.door = socket.create_server(("127.0.0.1", 0))
        self.uri = "tcp:127.0.0.1:%d" % self.door.getsockname()[1]
        self.answer, self.read_all, self.data = answer, read_all, b""
        self.thread = threading.Thread(target=self._run, daemon=True)
        self.thread.start()

    def _run(self):
        sock = self.door.accept()[0]
        while True:
            chunk = sock.recv(1 << 20)
            self.data += chunk
            # The stream ends with the vmdescription: a JSON object behind "\0\6" and its length.
            at = self.data.rfind(b"\x00\x06")
            if not chunk or at > 0 and len(self.data) >= at + 6 and \
                    len(self.data) == at + 6 + struct.unpack(">I", self.data[at + 2:at + 6])[0]:
                break
            if not self.read_all:
                break
        if self.answer is not None:
            sock.sendall(struct.pack(">HHI", 1, 4, self.answer))
        sock.close()


def test_the_destination_says_no(t):
    "with a return path, a destination's final no brings the guest back on the source"
    source = t.start("-m", "64M", *migration.loader(migration.ram_image(t, mib=1)), name="source")
    migration.set_capabilities(source, "return-path")
    source.qmp.cmd("migrate", uri=Peer(1).uri)
    reply = migration.wait_status(source, "failed")
    if t.minivisor():
        t.check(reply["error-desc"], "a reason")
    t.eq(migration.wait_run_state(source, "running"), "running")


def test_the_destination_says_yes(t):
    "with a return path, the source completes only when the destination has said yes"
    source = t.start("-m", "64M", *migration.loader(migration.ram_image(t, mib=1)), name="source")
    migration.set_capabilities(source, "return-path")
    source.qmp.cmd("migrate", uri=Peer(0).uri)
    migration.wait_status(source, "completed")


def test_no_word_from_the_destination(t):
    "a source that has sent all and hears nothing does not resume by itself: it stays paused and says the outcome is unknown"
    t.requires_minivisor("QEMU resumes, and two copies may run")
    source = t.start("-m", "64M", *migration.loader(migration.ram_image(t, mib=1)), name="source")
    migration.set_capabilities(source, "return-path")
    source.qmp.cmd("migrate", uri=Peer(None).uri)
    words = migration.wait_status(source, "failed")["error-desc"]
    t.has(words, "unknown")
    t.check(source.qmp.cmd("query-status")["running"] is False, "it runs")
    source.qmp.cmd("cont")
    t.eq(source.qmp.cmd("query-status")["status"], "running")


def test_a_peer_that_hangs_up_at_once(t):
    "a peer that accepts and hangs up makes the migration fail, before anything was lost"
    source = t.start("-m", "64M", *migration.loader(migration.ram_image(t, mib=16)), name="source")
    source.qmp.cmd("migrate", uri=Peer(None, read_all=False).uri)
    migration.wait_status(source, "failed")
    t.eq(migration.wait_run_state(source, "running"), "running")


def test_exec_that_fails(t):
    "an exec: command that fails is a failed migration with a reason, on either side"
    t.requires_minivisor("QEMU says completed")
    source = t.start("-m", "64M", *migration.loader(migration.ram_image(t, mib=4)), name="source")
    source.qmp.cmd("migrate", uri="exec:exit 3")
    t.check(migration.wait_status(source, "failed")["error-desc"], "a reason")
    t.eq(migration.wait_run_state(source, "running"), "running")
    target = t.start("-m", "64M", "-incoming", "defer", name="target")
    migration.listen(target, "exec:exit 3")
    t.check(migration.wait_status(target, "failed")["error-desc"], "a reason")


def test_files_that_cannot_be(t):
    "file: of an absent or unwritable file is refused with its name"
    t.requires_minivisor("file: came with QEMU 8.2")
    source = t.start("-m", "64M", name="source")
    reply = source.qmp.execute("migrate", {"uri": "file:/no/such/folder/x"})
    words = reply["error"]["desc"] if "error" in reply else migration.wait_status(source, "failed")["error-desc"]
    t.has(words, "/no/such/folder/x")
    target = t.start("-m", "64M", "-incoming", "defer", name="target")
    reply = target.qmp.execute("migrate-incoming", {"uri": "file:/no/such/file", "exit-on-error": False})
    words = reply["error"]["desc"] if "error" in reply else migration.wait_status(target, "failed")["error-desc"]
    t.has(words, "/no/such/file")


def test_refusals_are_told_at_a_rate(t):
    "of a stranger's many knocks the first is an event at once, and the newest in the end; query-migrate counts them all"
    t.requires_minivisor("refusals are no event in QEMU")
    dst = t.start("-m", "4M", "-incoming", "defer")
    uri = migration.listen(dst)
    name, knocks = "__org.minivisor_MIGRATION_REFUSED", 20
    for _ in range(knocks):
        with migration.knock(uri, b"x" * 64) as stranger:
            with contextlib.suppress(ConnectionResetError):
                stranger.recv(1)        # until it is refused
    first = dst.qmp.wait_event(name)["data"]
    t.eq(first["stage"], "header")
    info = dst.qmp.cmd("query-migrate")
    t.eq(info["__org.minivisor_refusals"], knocks)
    last = info["__org.minivisor_last-refusal"]
    t.check(first["peer"] != last["peer"], "the first of all")
    dst.qmp.wait_event(name, where={"peer": last["peer"]})
    t.check(len(dst.qmp.events) == 0, "nothing after the newest")
