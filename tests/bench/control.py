# SPDX-License-Identifier: GPL-3.0-or-later
"""The control plane: how long a query-status takes, the whole schema, and many objects."""
import json
import time

OBJECTS = 10000


def ask(sock, data, replies):
    """Sends the requests, reads so many lines of replies."""
    sock.sendall(data)
    while replies > 0:
        chunk = sock.recv(1 << 20)
        if not chunk or chunk.startswith(b'{"error"') or b'\n{"error"' in chunk:
            raise RuntimeError("%r is answered by %r" % (data[:200], chunk[:200]))
        replies -= chunk.count(b"\n")


def percentiles(bench, who, in_flight, count=6000):
    """The median and the 99th percentile, in microseconds, of a query-status with so many on their way."""
    vm = bench.start(who)
    sock, request = vm.qmp.sock, b'{"execute":"query-status"}'
    sent, taken = [], []
    while len(taken) < count:
        while len(sent) - len(taken) < in_flight and len(sent) < count:
            more = in_flight - (len(sent) - len(taken))
            now = time.perf_counter()
            sock.sendall(request * more)
            sent += [now] * more
        lines = sock.recv(1 << 16).count(b"\n")
        now = time.perf_counter()
        taken += [now - at for at in sent[len(taken):len(taken) + lines]]
    bench.end(vm)
    taken = sorted(taken)
    return taken[len(taken) // 2] * 1e6, taken[len(taken) * 99 // 100] * 1e6


def schema(bench, who):
    """Milliseconds from asking for the schema to its last byte."""
    vm = bench.start(who)
    times = []
    for _ in range(20):
        began = time.perf_counter()
        ask(vm.qmp.sock, b'{"execute":"query-qmp-schema"}', 1)
        times.append(time.perf_counter() - began)
    bench.end(vm)
    return min(times) * 1000


def objects(bench, who, count):
    """Seconds to add so many objects, with 50 requests on their way, to list them, and to delete them."""
    vm = bench.start(who)
    sock = vm.qmp.sock
    adding = [json.dumps({"execute": "object-add", "arguments": {"qom-type": "authz-simple", "id": "o%d" % i, "identity": "x"}}).encode()
              for i in range(count)]
    deleting = [json.dumps({"execute": "object-del", "arguments": {"id": "o%d" % i}}).encode() for i in range(count)]
    times = []
    for requests in (adding, [b'{"execute":"qom-list","arguments":{"path":"/objects"}}'], deleting):
        began = time.perf_counter()
        for at in range(0, len(requests), 50):
            some = requests[at:at + 50]
            ask(sock, b"".join(some), len(some))
        times.append(time.perf_counter() - began)
    bench.end(vm)
    return times


def run(bench, wanted):
    if wanted("qmp"):
        for in_flight, factor in ((1, 5), (64, 20)):
            found = bench.best(lambda who: percentiles(bench, who, in_flight), min)
            for place, name in enumerate(("p50", "p99")):
                us = {who: pair[place] for who, pair in found.items()}
                bench.row("query-status %s, %d in flight" % (name, in_flight), "us", us, "a %s of QEMU's" % {5: "fifth", 20: "20th"}[factor],
                          us["minivisor"] * factor <= us.get("qemu", 1e9))
    if wanted("schema"):
        ms = bench.best(lambda who: schema(bench, who), min)
        bench.row("query-qmp-schema", "ms", ms, "2 ms", ms["minivisor"] <= 2)
    if wanted("objects"):
        few = bench.best(lambda who: objects(bench, who, OBJECTS // 10), min)
        many = bench.best(lambda who: objects(bench, who, OBJECTS), min)
        for place, what in enumerate(("add", "list", "delete")):
            ms = {who: times[place] * 1000 for who, times in many.items()}
            bench.row("%s %d objects" % (what, OBJECTS), "ms", ms)
        whole = {who: sum(times) * 1000 for who, times in many.items()}
        bench.row("add, list and delete %d objects" % OBJECTS, "ms", whole, "a tenth of QEMU's",
                  whole["minivisor"] * 10 <= whole.get("qemu", 1e9))
        growth = {who: sum(many[who]) / sum(few[who]) for who in many}
        bench.row("%d objects' time to that of %d" % (OBJECTS, OBJECTS // 10), "times", growth, "linear: 10, at most 13", growth["minivisor"] <= 13)
