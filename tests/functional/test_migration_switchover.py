# SPDX-License-Identifier: GPL-3.0-or-later
"""switchover-ack: the source's guest is stopped only once the destination has said that it is ready."""
import os
import socket
import struct
import threading

from harness import migration
from test_migration import finish, over, pair

WHY = "a capability of QEMU 8.1"
ACK = struct.pack(">HH", 7, 0)
OPEN_RETURN_PATH = struct.pack(">BHH", 8, 1, 0)


def ping(value):
    return struct.pack(">BHHI", 8, 2, 4, value)


class Destination:
    """Reads a stream to its end and answers pings, and beyond that says only what it is told to say."""

    def __init__(self, *first):
        self.door = socket.create_server(("127.0.0.1", 0))
        self.uri = "tcp:127.0.0.1:%d" % self.door.getsockname()[1]
        self.first, self.sock, self.there = first, None, threading.Event()
        threading.Thread(target=self._run, daemon=True).start()

    def _run(self):
        self.sock = self.door.accept()[0]
        for message in self.first:
            self.sock.sendall(message)
        self.there.set()
        data, asked = b"", [1, 2]
        while True:
            try:
                chunk = self.sock.recv(1 << 20)
            except OSError:
                return
            data += chunk
            while asked and ping(asked[0]) in data:
                self.sock.sendall(struct.pack(">HHI", 2, 4, asked.pop(0)))
            if not chunk:
                return
            at = data.rfind(b"\x00\x06")      # the stream ends with a JSON object behind this and its length
            if at > 0 and len(data) >= at + 6 and len(data) == at + 6 + struct.unpack(">I", data[at + 2:at + 6])[0]:
                self.sock.sendall(struct.pack(">HHI", 1, 4, 0))

    def say(self, message):
        self.there.wait(30)
        self.sock.sendall(message)

    def leave(self):
        self.there.wait(30)
        self.sock.shutdown(socket.SHUT_RDWR)


def source(t, *more, name="source", capabilities=("events", "return-path", "switchover-ack")):
    vm = t.start("-m", "16M", *migration.loader(migration.ram_image(t, mib=1)), *more, name=name)
    migration.set_capabilities(vm, *capabilities)
    return vm


def held(t, *first):
    """A source that would be done if its destination said that it is ready."""
    vm, peer = source(t), Destination(*first)
    vm.qmp.cmd("migrate", uri=peer.uri)
    vm.qmp.wait_event("MIGRATION_PASS", {"pass": 5})
    t.eq(vm.qmp.cmd("query-status")["status"], "running")
    return vm, peer


def agree(t, transport):
    ends = pair(t, mib=2)
    for vm in ends:
        migration.set_capabilities(vm, "return-path", "switchover-ack")
    over(t, transport, *ends)
    finish(t, *ends)


def test_tcp(t):
    "two ends with switchover-ack agree over tcp:"
    t.requires_minivisor(WHY)
    agree(t, "tcp")


def test_command(t):
    "two ends with switchover-ack agree over the pipes of a command"
    t.requires_minivisor(WHY)
    agree(t, "exec-two-way")


def test_withheld(t):
    "while the destination is not ready the guest runs and round follows round; its word ends that"
    t.requires_minivisor(WHY)
    vm, peer = held(t)
    t.eq(vm.qmp.cmd("query-migrate")["status"], "active")
    peer.say(ACK)
    migration.wait_status(vm, "completed")
    t.eq(vm.qmp.cmd("query-status")["status"], "postmigrate")


def test_memory_written_while_it_waits(t):
    "what is written while the destination is not ready gets there"
    t.requires_minivisor("memory-dirtier")
    vm = source(t, "-object", "memory-dirtier,id=d,rate=2000,address=1M,size=4M")
    target = t.start("-m", "16M", "-incoming", "unix:" + t.path("mig"), name="target")
    migration.set_capabilities(target, "return-path", "switchover-ack")
    vm.qmp.cmd("migrate", uri="unix:" + t.path("mig"))
    migration.wait_status(vm, "completed")
    migration.wait_run_state(target, "running")
    t.eq(migration.digest(target, mib=16), migration.digest(vm, mib=16), "memory")


def test_a_destination_without_it(t):
    "a destination that has the capability off never says that it is ready: the guest runs on, and a cancel ends it"
    t.requires_minivisor(WHY)
    vm = source(t)
    target = t.start("-m", "16M", "-incoming", "tcp:127.0.0.1:0", "-incoming-keep", name="target")
    vm.qmp.cmd("migrate", uri="tcp:127.0.0.1:%s" % target.qmp.cmd("query-migrate")["socket-address"][0]["port"])
    vm.qmp.wait_event("MIGRATION_PASS", {"pass": 5})
    vm.qmp.cmd("migrate_cancel")
    migration.wait_status(vm, "cancelled")
    t.eq(vm.qmp.cmd("query-status")["status"], "running")
    t.eq([e for e in vm.qmp.events if e["event"] == "STOP"], [], "it never stood still")


def test_the_destination_leaves(t):
    "a destination that goes away rather than get ready leaves the guest running"
    t.requires_minivisor(WHY)
    vm, peer = held(t)
    peer.leave()
    t.has(migration.wait_status(vm, "failed")["error-desc"], "closed the connection")
    t.eq(vm.qmp.cmd("query-status")["status"], "running")


def test_a_guest_that_stands(t):
    "a guest that does not run is not waited for, whether it stood before or is stopped meanwhile"
    t.requires_minivisor(WHY)
    vm, peer = source(t, "-S", name="stopped"), Destination()
    vm.qmp.cmd("migrate", uri=peer.uri)
    migration.wait_status(vm, "completed")
    vm, peer = held(t)
    vm.qmp.cmd("stop")
    migration.wait_status(vm, "completed")


def test_unasked(t):
    "a destination that says it is ready unasked, or twice, or before all else, is heard"
    t.requires_minivisor(WHY)
    for more in ((), ("switchover-ack",)):
        vm, peer = source(t, name="source%d" % len(more), capabilities=("return-path", *more)), Destination(ACK, ACK)
        vm.qmp.cmd("migrate", uri=peer.uri)
        migration.wait_status(vm, "completed")


def test_longer_than_it_is(t):
    "the destination's word with bytes behind it is a broken message: the migration fails, and the guest runs on"
    t.requires_minivisor(WHY)
    vm, peer = held(t)
    peer.say(struct.pack(">HHI", 7, 4, 0))
    t.eq(migration.wait_status(vm, "failed")["error-desc"],
         "RP: Received 'SWITCHOVER_ACK' message (0x7) with incorrect length 4 expecting 0")
    t.eq(vm.qmp.cmd("query-status")["status"], "running")


def test_what_a_destination_says(t):
    "a destination says it as soon as it can answer, if the capability is on by then, and else not at all"
    t.requires_minivisor(WHY)
    hello = b"QEVM\0\0\0\3" + struct.pack(">BI", 7, 4) + b"none" + OPEN_RETURN_PATH + ping(1)
    pong = struct.pack(">HHI", 2, 4, 1)
    for on, wanted in ((True, ACK + pong), (False, pong)):
        target = t.start("-m", "16M", "-incoming", "defer", name="target%d" % on)
        uri = migration.listen(target)
        if on:
            migration.set_capabilities(target, "return-path", "switchover-ack")
        with migration.knock(uri, hello) as sock:
            sock.settimeout(30)
            heard = b""
            while not heard.endswith(pong):
                heard += sock.recv(64)
            t.eq(heard, wanted)


def test_no_way_back(t):
    "where nothing can come back from, the migration fails before the guest is stopped, and nothing is written"
    t.requires_minivisor(WHY)
    vm = source(t)
    vm.qmp.cmd("migrate", uri="file:" + t.path("out"))
    t.has(migration.wait_status(vm, "failed")["error-desc"], "'switchover-ack' is on, and nothing can come back")
    t.eq((vm.qmp.cmd("query-status")["status"], os.path.getsize(t.path("out"))), ("running", 0))
