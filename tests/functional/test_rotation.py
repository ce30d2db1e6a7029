# SPDX-License-Identifier: GPL-3.0-or-later
"""Credentials and rules that change a thousand times while guests move and clients knock."""
import json
import os
import ssl
import sys
import threading

from harness import migration
from harness.process import SCALE, Deadline
from test_authz_trail import MALLORY, MALLORY_DN
from test_chardev_tls import client_context
from test_migration_tls import GOOD
from test_tls_change import RELOAD, rename_into

RELOADS, MOVES = 1000, 36
CHARDEV_REFUSED, MIGRATION_REFUSED = "__org.minivisor_CHARDEV_REFUSED", "__org.minivisor_MIGRATION_REFUSED"


def descriptors(vm):
    return len(os.listdir("/proc/%d/fd" % vm.pid))


class Files:
    """Two folders of credentials and a file of rules, which change under those who use them."""

    def __init__(self, t):
        self.t, self.lock = t, threading.Lock()
        self.folders = {"server": t.pki.server("server-used"), "client": t.pki.client("client-used")}
        self.states = {"server": (t.pki.server("server-1"), t.pki.server("server-2", serial_of="2")),
                       "client": (t.pki.client("client-1"), t.pki.client("client-2", serial_of="2"))}
        self.rules(0)

    def rules(self, number):
        """Rules that always allow the one and never the other: by a rule, or since none matches."""
        rules = [{"match": "CN=filler %d" % n, "policy": "deny"} for n in range(number % 7)]
        rules += [{"match": MALLORY_DN, "policy": "deny"}] * (number % 2) + [{"match": GOOD, "policy": "allow"}]
        self.t.write("rules.new", json.dumps({"policy": "deny", "rules": rules}))
        os.rename(self.t.path("rules.new"), self.t.path("rules"))

    def credentials(self, number):
        # Who starts meanwhile must not find the one's key beside the other's certificate.
        with self.lock:
            for role, states in self.states.items():
                rename_into(states[number % 2], self.folders[role], role + "-key.pem", role + "-cert.pem")

    def add(self, vm, role, id_, **more):
        arguments = {"qom-type": "tls-creds-x509", "id": id_, "endpoint": role, "dir": self.folders[role]}
        with self.lock:
            self.t.eq(vm.qmp.execute("object-add", arguments | more).get("return"), {})

    def add_rules(self, vm):
        vm.qmp.cmd("object-add", qom_type="authz-list-file", id_="auth0", filename=self.t.path("rules"), refresh=True)
        migration.set_parameters(vm, tls_authz="auth0")


class Clients:
    """Those who knock at two doors without a pause: at each one that is allowed, and at both one that is not."""

    def __init__(self, t, uri, monitor):
        self.uri, self.monitor, self.stop = uri, monitor, threading.Event()
        self.faults, self.count, self.certificates = [], {"sender": 0, "monitor": 0, "mallory": 0}, set()
        right = client_context(t.pki.client("client-knocks"))
        wrong = client_context(t.pki.client("mallory", dn=MALLORY))
        self.works = {"sender": lambda: self.send(right), "monitor": lambda: self.greet(right), "mallory": lambda: self.refused(wrong)}
        self.thread = threading.Thread(target=self.knock, daemon=True)
        self.thread.start()

    def knock(self):
        who = ""
        try:
            while not self.stop.is_set():
                for who, work in self.works.items():
                    work()
                    self.count[who] += 1
        except Exception as error:          # noqa: BLE001 - whatever it is, it is the test's failure
            self.faults.append("%s: %r" % (who, error))

    def send(self, context):
        with context.wrap_socket(migration.knock(self.uri), server_hostname="localhost") as sock:
            self.certificates.add(sock.getpeercert(True))
            try:
                sock.sendall(b"rubbish!")        # no migration stream: the door stays open for the next one
                while sock.recv(4096):
                    pass
            except ConnectionResetError:         # hung up on before all was read, which comes behind an authorization
                pass

    def greet(self, context):
        with context.wrap_socket(migration.knock(self.monitor), server_hostname="localhost") as sock:
            self.certificates.add(sock.getpeercert(True))
            if not sock.recv(4096).startswith(b'{"QMP"'):
                raise OSError("no greeting")

    def refused(self, context):
        for door in (self.uri, self.monitor):
            try:
                with context.wrap_socket(migration.knock(door), server_hostname="localhost") as sock:
                    raise AssertionError("not refused at %s: %r" % (door, sock.recv(4096)))
            except ssl.SSLError as error:
                if "handshake failure" not in str(error):
                    raise

    def end(self):
        self.stop.set()
        self.thread.join(20 * SCALE)


class Rotation:
    """Changes the files again and again; each change of rules is waited for, credentials are loaded by command, and
    where they are followed whenever it suits."""

    def __init__(self, files, waiting, source):
        self.files, self.waiting, self.source = files, waiting.monitors[1], source.monitors[1]
        self.turns, self.moves, self.faults = 0, 0, []
        self.warm, self.process = None, waiting
        self.thread = threading.Thread(target=self.run, daemon=True)
        self.thread.start()

    def run(self):
        try:
            while self.turns < RELOADS or self.moves < MOVES:
                self.turns += 1
                self.turn()
                if self.turns == RELOADS // 5:
                    self.warm = self.process.resident()
        except Exception as error:          # noqa: BLE001 - whatever it is, it is the test's failure
            self.faults.append(repr(error))

    def turn(self):
        self.files.credentials(self.turns)
        self.waiting.cmd("__org.minivisor_tls-creds-reload", id="tls0")
        self.source.cmd("__org.minivisor_tls-creds-reload", id="tls0")
        before = self.generation()
        self.files.rules(self.turns)
        deadline = Deadline(10)
        while self.generation() == before:
            if deadline.over():
                raise TimeoutError("rules that were not loaded")

    def generation(self):
        return self.waiting.cmd("__org.minivisor_query-authz")[0]["generation"]


def there_and_back(t, files, source, memory):
    """Moves the source's guest to a new instance and from there to another one, and starts the source again."""
    sender = source
    ends = []
    for name in ("there", "back"):
        target = t.start("-m", "16M", "-incoming", "defer", name=name)
        ends.append(target)
        files.add(target, "server", "tls1")
        files.add(target, "client", "tls0")
        files.add_rules(target)
        migration.set_parameters(target, tls_creds="tls1")
        sender.qmp.cmd("migrate", uri=migration.listen(target, keep=False))
        migration.wait_status(sender, "completed")
        migration.wait_status(target, "completed")
        migration.wait_run_state(target, "running")
        migration.set_parameters(target, tls_creds="tls0", tls_authz="")
        sender = target
    t.eq(migration.digest(sender, 16), memory, "memory after two moves")
    for end in ends:
        t.eq(end.stop(), [])
        t.instances.remove(end)
    source.qmp.cmd("cont")
    return len(ends)


def at_rest(t, vm, wanted):
    """As many descriptors as before, once the last clients' ends have been seen."""
    deadline = Deadline(10)
    while descriptors(vm) != wanted and not deadline.over():
        vm.qmp.cmd("query-status")
    t.eq(descriptors(vm), wanted, "descriptors of " + vm.name)


def test_rotation_under_load(t):
    """1,000 reloads of credentials and of rules while guests move and clients knock: each move completes, nobody who may
    come in is refused, nobody else is let in, nothing leaks"""
    t.requires_minivisor("QEMU has no such command")
    sys.setswitchinterval(0.0005)        # three threads wait for answers: the first one that has its own goes on
    files = Files(t)
    source = t.start("-m", "16M", *migration.loader(migration.ram_image(t, mib=2)), name="source", qmp=2)
    files.add(source, "client", "tls0")
    migration.set_parameters(source, tls_creds="tls0")
    server = "tls-creds-x509,endpoint=server,dir=%s,id=" % files.folders["server"]
    waiting = t.start(
        "-incoming", "defer", "-object", server + "tls0", "-object", server + "tls1,__org.minivisor_refresh=on",
        "-object", "authz-list-file,id=auth0,filename=" + t.path("rules"), "-chardev",
        "socket,id=c0,host=127.0.0.1,port=0,server=on,wait=off,tls-creds=tls1,tls-authz=auth0", "-mon", "c0,mode=control",
        name="waiting", qmp=2)
    migration.set_parameters(waiting, tls_creds="tls0", tls_authz="auth0")
    uri = migration.listen(waiting)
    label = {d["label"]: d["filename"] for d in waiting.qmp.cmd("query-chardev")}["c0"]
    memory = migration.digest(source, 16)
    there_and_back(t, files, source, memory)         # so that what is made once is there
    idle = descriptors(waiting), descriptors(source)

    clients = Clients(t, uri, "tcp:127.0.0.1:" + label.removesuffix(",server=on").rsplit(":", 1)[1])
    rotation = Rotation(files, waiting, source)
    events, resident = [], None
    while rotation.thread.is_alive():
        t.eq(clients.faults, [])
        rotation.moves += there_and_back(t, files, source, memory)
        resident = resident or source.resident()
        waiting.qmp.cmd("query-status")
        source.qmp.drain()
        events += waiting.qmp.events
        waiting.qmp.events.clear()
    rotation.thread.join(20 * SCALE)
    clients.end()
    t.eq((clients.faults, rotation.faults), ([], []))

    t.check(min(clients.count.values()) > 50 and len(clients.certificates) == 2, clients.count)
    creds = {c["id"]: c["generation"] for c in waiting.qmp.cmd("__org.minivisor_query-tls-creds")}
    t.eq(creds["tls0"], 1 + rotation.turns)
    t.check(creds["tls1"] > 1, "nothing was loaded by following the files")
    at_rest(t, waiting, idle[0])
    at_rest(t, source, idle[1])
    asked = waiting.qmp.cmd("__org.minivisor_query-authz")[0]
    t.eq((asked["denied"], asked["errors"]), (2 * clients.count["mallory"], 0))
    t.eq(asked["allowed"], clients.count["sender"] + clients.count["monitor"])
    refusals = [(e["data"]["stage"], e["data"].get("identity")) for e in events if e["event"] in (CHARDEV_REFUSED, MIGRATION_REFUSED)]
    t.eq(set(refusals), {("authorize", MALLORY_DN), ("header", GOOD)})
    t.eq([e["data"] for e in events if e["event"] == RELOAD and e["data"]["id"] == "tls0" and "error" in e["data"]], [])
    for vm, warm in ((waiting, rotation.warm), (source, resident)):
        t.grew_less(vm.resident() - warm, 4 << 20, vm.name + " grew by")


test_rotation_under_load.seconds = 180
