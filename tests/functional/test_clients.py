# SPDX-License-Identifier: GPL-3.0-or-later
"""Clients that behave badly: none of them leaves anything behind, or is noticed by the others."""
import os
import random
import socket

from harness.process import Deadline, connect_unix
from harness.qmp import Qmp

NEGOTIATE = b'{"execute":"qmp_capabilities"}'
PIECES = (b"", b"{", b'{"execute":', NEGOTIATE, NEGOTIATE + b'{"execute":"query-qmp-schema"}' * 20, b"\xff\x00\n", b"]" * 100,
          NEGOTIATE + b'{"execute":"query-status","id":', b'{"execute":"qmp_capabilities"}' + b" " * 5000)


def descriptors(vm):
    return len(os.listdir("/proc/%d/fd" % vm.pid))


def wait_descriptors(t, vm, wanted):
    """The end of a connection has no sign but this one; each look is a whole command, so it is no busy wait."""
    deadline = Deadline(20)
    while descriptors(vm) != wanted:
        t.check(not deadline.over(), "%d descriptors are open, not %d" % (descriptors(vm), wanted))
        vm.qmp.cmd("query-status")


def visit(t, vm, path, kept):
    """One bad client: leaves at some moment, in some way, or stays among `kept`."""
    chance = random.Random(visit.count)
    visit.count += 1
    sock = connect_unix(path, vm.pidfd)
    sock.setblocking(False)
    try:
        sock.send(chance.choice(PIECES))
        if chance.random() < 0.3:
            sock.recv(chance.choice((1, 100, 65536)))
    except OSError:
        pass  # nothing there yet, or no room
    if chance.random() < 0.2:
        sock.shutdown(chance.choice((socket.SHUT_RD, socket.SHUT_WR)))
    kept.append(sock)
    while len(kept) > 50:
        kept.pop(chance.randrange(len(kept))).close()


def come_and_go(t, vm, path, count):
    visit.count = 0
    kept = []
    for i in range(count):
        visit(t, vm, path, kept)
        if i % 100 == 99:
            t.eq(vm.qmp.cmd("query-status")["status"], "running")
    for sock in kept:
        sock.close()


def test_come_and_go(t):
    "thousands of clients that come, stop half-way and leave leave no descriptor and no memory behind"
    vm = t.start(qmp=2)
    path = vm.paths[1]
    before = descriptors(vm)
    come_and_go(t, vm, path, 200)  # what is allocated once
    wait_descriptors(t, vm, before)
    sizes = []
    for _ in range(4):
        come_and_go(t, vm, path, 1000)
        wait_descriptors(t, vm, before)
        sizes.append(vm.resident())
    # The heap gives back what is free at its end only, so that one measure may be megabytes too high. What is lost for
    # good is in all that come later.
    t.grew_less(min(sizes[1:]) - sizes[0], 1 << 20, "grew by")


def test_slow_reader(t):
    "a client that asks for much and reads late gets all of it, and is not read from meanwhile"
    vm = t.start(qmp=2)
    slow = vm.monitors[1]
    count = 2000
    slow.sock.setblocking(False)
    request = b'{"execute":"query-qmp-schema"}' * count
    sent = 0
    deadline = Deadline(20)
    while sent < len(request) and not deadline.over():
        try:
            sent += slow.sock.send(request[sent:])
        except BlockingIOError:
            break  # it is not read any more
    vm.qmp.cmd("query-status")
    t.grew_less(vm.resident(), 100 << 20, "grew to")
    slow.sock.setblocking(True)
    for _ in range(sent // len(b'{"execute":"query-qmp-schema"}')):
        t.check(slow.receive_reply() is not None, "an answer is missing")


def test_events_to_a_deaf_client(t):
    "a client that never reads its events is hung up on before they fill the memory, and the others get theirs"
    vm = t.start(qmp=2)
    deaf = vm.monitors[1]
    size = vm.resident()
    pair = b'{"execute":"stop"}{"execute":"cont"}'
    for _ in range(400):
        vm.qmp.send_raw(pair * 100)
        for _ in range(200):
            vm.qmp.receive_reply()
        vm.qmp.events.clear()
        if "hanging up on it" in vm.stderr():
            break
    vm.wait_stderr("a monitor client does not read what it is sent; hanging up on it")
    t.grew_less(vm.resident() - size, 40 << 20, "grew by")
    deaf.wait_closed(30)
    t.eq(vm.qmp.cmd("query-status")["status"], "running")


def test_greedy_client(t):
    "a client that never stops asking holds up nobody else"
    vm = t.start(qmp=2)
    greedy = vm.monitors[1].sock
    greedy.setblocking(False)
    asked = NEGOTIATE * 1000
    for _ in range(200):
        for step in (lambda: greedy.send(asked), lambda: greedy.recv(1 << 20)):
            try:
                step()
            except BlockingIOError:
                pass
        vm.qmp.cmd("query-status")
