# SPDX-License-Identifier: GPL-3.0-or-later
"""Who may come in: decisions, rules, credentials and handshakes."""
import json
import os
import subprocess
import time

from harness import migration
from harness.tls import CLIENT_DN, Pki

HERE = os.path.dirname(os.path.abspath(__file__))
MILLION = 1000000
HANDSHAKES = 1500


def words(*argv):
    return subprocess.run([str(word) for word in argv], check=True, stdout=subprocess.PIPE).stdout


def cpu_seconds(pid):
    with open("/proc/%d/stat" % pid, encoding="ascii") as stat:
        fields = stat.read().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


class Handshakes:
    """The program that knocks, and serves barely; see handshakes.cpp."""

    def __init__(self, bench):
        directory = bench.test.dir
        self.program, self.bench = os.path.join(directory, "handshakes"), bench
        subprocess.run(["g++", "-std=c++20", "-O2", "-pthread", os.path.join(HERE, "handshakes.cpp"), "-o", self.program,
                        "-lssl", "-lcrypto"], check=True)
        self.server, self.client = bench.test.pki.server("bench-server"), bench.test.pki.client("bench-client")

    def knock(self, pid, port):
        """Handshakes a second, and the milliseconds of CPU time that each costs the server."""
        before = cpu_seconds(pid)
        rate = float(words(self.program, "client", self.client, port, HANDSHAKES, 4))
        return rate, (cpu_seconds(pid) - before) * 1000 / HANDSHAKES

    def bare(self, how):
        server = subprocess.Popen([self.program, "server", self.server, how], stdout=subprocess.PIPE)
        try:
            return self.knock(server.pid, int(server.stdout.readline()))
        finally:
            server.kill()
            server.wait()
            server.stdout.close()

    def accepted(self):
        """By a monitor that is served over TLS, up to its greeting."""
        vm = self.bench.start("minivisor", "-object", "tls-creds-x509,id=tls0,endpoint=server,dir=" + self.server,
                              "-object", "authz-simple,id=auth0,identity=" + Pki.identity(CLIENT_DN).replace(",", ",,"), "-chardev",
                              "socket,id=c0,host=127.0.0.1,port=0,server=on,wait=off,tls-creds=tls0,tls-authz=auth0", "-mon", "c0,mode=control")
        filename = {d["label"]: d["filename"] for d in vm.qmp.cmd("query-chardev")}["c0"]
        found = self.knock(vm.pid, int(filename.removesuffix(",server=on").rsplit(":", 1)[1]))
        self.bench.end(vm)
        return found

    def refused(self):
        """By a target that awaits its migration, whose authorization says no."""
        vm = self.bench.start("minivisor", "-incoming", "defer")
        migration.add_creds(vm, "server", self.server)
        migration.allow(vm, "CN=somebody else")
        measured = self.knock(vm.pid, migration.port_of(migration.listen(vm)))
        found = vm.qmp.cmd("__org.minivisor_query-authz")
        if found[0]["denied"] < HANDSHAKES:
            raise RuntimeError("not each one was refused: %s" % found)
        self.bench.end(vm)
        return measured


def credentials(bench, who):
    """Milliseconds to make credentials of a server."""
    folder = bench.test.pki.server("bench-server")
    vm = bench.start(who)
    times = []
    for _ in range(10):
        began = time.perf_counter()
        vm.qmp.cmd("object-add", qom_type="tls-creds-x509", id_="tls0", endpoint="server", dir_=folder)
        times.append(time.perf_counter() - began)
        vm.qmp.cmd("object-del", id_="tls0")
    bench.end(vm)
    return min(times) * 1000


def load(bench):
    """Seconds to load a million rules (some 83 MB), and the bytes of memory that each then takes."""
    path = os.path.join(bench.test.dir, "million.json")
    if not os.path.exists(path):
        with open(path, "w", encoding="utf-8") as out:
            json.dump({"policy": "deny", "rules": [
                {"match": "CN=client-%d.example.com,O=Example Org,C=GB" % i, "policy": "allow"} for i in range(MILLION)]}, out)
    vm = bench.start("minivisor")
    before = vm.resident()
    began = time.perf_counter()
    vm.qmp.cmd("object-add", qom_type="authz-list-file", id_="list", filename=path, refresh=False)
    taken = time.perf_counter() - began
    grown = vm.resident() - before
    bench.end(vm)
    return taken, grown / MILLION


def run(bench, wanted):
    rounds = range(bench.options.rounds)
    if wanted("decisions"):
        program = os.path.join(os.path.dirname(bench.options.binary), "tests", "bench", "decisions")
        if not os.path.exists(program):
            raise SystemExit("%s is not there: ninja -C BUILD tests/bench/decisions, or ./dev bench" % program)
        for kind, counts in (("exact", (10, 1000, 100000, MILLION)), ("glob", (10, 1000, 100000))):
            for count in counts:
                rate = max(float(words(program, kind, count)) for _ in rounds)
                bench.row("decisions/s, %d %s rules" % (count, kind), "", {"minivisor": rate}, *(("1 us each", rate >= 1e6) if kind == "exact" else ()))
        few = {count: max(float(words(program, "exact", count, 10)) for _ in rounds) for count in (10, MILLION)}
        bench.row("the same, a million, 10 callers", "", {"minivisor": few[MILLION]}, "2/3 of 10 rules", few[MILLION] >= few[10] * 2 / 3)
    if wanted("load"):
        found = [load(bench) for _ in rounds]
        seconds, size = min(one[0] for one in found), min(one[1] for one in found)
        bench.row("load a million rules", "s", {"minivisor": seconds}, "1 s", seconds <= 1)
        bench.row("memory of a rule", "bytes", {"minivisor": size}, "200 bytes", size <= 200)
    if wanted("credentials"):
        ms = bench.best(lambda who: credentials(bench, who), min)
        bench.row("server credentials", "ms", ms, "5 ms", ms["minivisor"] <= 5)
    if wanted("handshakes"):
        shakes = Handshakes(bench)
        for what, measure, how in (("accepted", shakes.accepted, "accept"), ("refused", shakes.refused, "refuse")):
            # One after the other in each round, so that a busy time of the machine strikes both.
            found = [(measure(), shakes.bare(how)) for _ in rounds]
            mine, limit = max(one[0][0] for one in found), max(one[1][0] for one in found)
            bench.row("TLS handshakes %s/s" % what, "", {"minivisor": mine}, "80 % of bare OpenSSL", mine >= 0.8 * limit, limit, "bare OpenSSL")
            mine, limit = min(one[0][1] for one in found), min(one[1][1] for one in found)
            bench.row("CPU of a TLS handshake %s" % what, "ms", {"minivisor": mine}, "1.25 times bare OpenSSL's", mine <= 1.25 * limit, limit, "bare OpenSSL")
