# SPDX-License-Identifier: GPL-3.0-or-later
"""A real QEMU as the peer, in both directions, plain and over TLS with authorization; and the stream byte by byte."""
import json
import os
import subprocess
import sys

from harness import migration
from harness.tls import Pki
from test_migration import over
from test_migration_tls import GOOD

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))


def peers(t, sender, *more):
    """(source, target): one of them is QEMU, -M none -m 64M."""
    t.requires_minivisor("QEMU with itself proves nothing")
    qemu = t.real_qemu()
    binaries = {"qemu": qemu, "minivisor": t.binary}
    receiver = "minivisor" if sender == "qemu" else "qemu"
    target = t.start("-m", "64M", "-incoming", "defer", *more, name=receiver + "-target", binary=binaries[receiver])
    source = t.start("-m", "64M", *migration.loader(migration.ram_image(t)), *more, name=sender + "-source", binary=binaries[sender])
    return source, target


def moved(t, source, target):
    migration.wait_status(source, "completed")
    migration.wait_run_state(target, "running")
    t.eq(migration.digest(target), migration.digest(source), "memory")


def use_certificates(t, sender, source, target):
    migration.add_creds(target, "server", t.pki.server(sender + "-server"))
    migration.add_creds(source, "client", t.pki.client(sender + "-client"))
    migration.allow(target, GOOD)
    migration.set_parameters(source, tls_hostname="localhost")


def use_keys(t, sender, source, target):
    folder = t.path("psk")
    os.makedirs(folder, exist_ok=True)
    with open(os.path.join(folder, "keys.psk"), "w", encoding="ascii") as out:
        out.write("alice:00112233445566778899aabbccddeeff\nbob:ffeeddccbbaa99887766554433221100\n")
    for instance, more in ((target, {"endpoint": "server"}), (source, {"endpoint": "client", "username": "bob"})):
        instance.qmp.cmd("object-add", qom_type="tls-creds-psk", id_="tls0", dir_=folder, **more)
        migration.set_parameters(instance, tls_creds="tls0")


def use_nothing(t, sender, source, target):
    for instance, endpoint in ((target, "server"), (source, "client")):
        instance.qmp.cmd("object-add", qom_type="tls-creds-anon", id_="tls0", endpoint=endpoint)
        migration.set_parameters(instance, tls_creds="tls0")


def both_ways(t, transport, capabilities=(), credentials=None):
    for sender in ("qemu", "minivisor"):
        source, target = peers(t, sender)
        for instance in (source, target):
            if capabilities:
                migration.set_capabilities(instance, *capabilities)
        if credentials:
            credentials(t, sender, source, target)
        over(t, transport, source, target)
        moved(t, source, target)
        for instance in (source, target):
            instance.qmp.cmd("quit")
            instance.wait_exit(0)
        for name in ("fifo", "mig.sock"):
            if os.path.exists(t.path(name)):
                os.unlink(t.path(name))


def test_plain_tcp(t):
    "memory moves from QEMU to minivisor and back over tcp:"
    both_ways(t, "tcp")


def test_plain_unix(t):
    "memory moves from QEMU to minivisor and back over unix:"
    both_ways(t, "unix")


def test_plain_exec(t):
    "memory moves from QEMU to minivisor and back over exec:"
    both_ways(t, "exec")


def test_plain_fd(t):
    "memory moves from QEMU to minivisor and back over fd:"
    both_ways(t, "fd")


def test_return_path(t):
    "memory moves from QEMU to minivisor and back with the return-path capability"
    both_ways(t, "tcp", ("return-path",))


def test_tls(t):
    "memory moves from QEMU to minivisor and back over TLS with authorization"
    both_ways(t, "tcp", credentials=use_certificates)


def test_tls_return_path(t):
    "memory moves from QEMU to minivisor and back over TLS with the return-path capability"
    both_ways(t, "tcp", ("return-path",), credentials=use_certificates)


def test_psk(t):
    "memory moves from QEMU to minivisor and back over TLS with a key that both have"
    both_ways(t, "tcp", credentials=use_keys)


def test_anonymous(t):
    "memory moves from QEMU to minivisor and back over TLS without any identity"
    both_ways(t, "tcp", credentials=use_nothing)


def test_a_qemu_that_is_refused(t):
    "a QEMU with the wrong identity is refused by minivisor, and its guest runs on"
    source, target = peers(t, "qemu")
    migration.add_creds(target, "server", t.pki.server())
    migration.allow(target, GOOD)
    migration.add_creds(source, "client", t.pki.client("wrong", dn=Pki.dn("CN=mallory")))
    source.qmp.cmd("migrate", uri=migration.listen(target))
    migration.wait_status(source, "failed")
    target.wait_stderr("TLS x509 authz check for CN=mallory is denied")
    t.eq(migration.wait_run_state(source, "running"), "running")
    t.eq(target.qmp.cmd("query-status")["status"], "inmigrate")


def test_refused_by_a_qemu(t):
    "minivisor with the wrong identity is refused by a QEMU, says a true sentence, and its guest runs on"
    source, target = peers(t, "minivisor")
    migration.add_creds(target, "server", t.pki.server())
    migration.allow(target, GOOD)
    migration.add_creds(source, "client", t.pki.client("wrong", dn=Pki.dn("CN=mallory")))
    source.qmp.cmd("migrate", uri=migration.listen(target, keep=False))
    words = migration.wait_status(source, "failed")["error-desc"]
    t.check(words and "Input/output error" not in words, words)
    target.wait_stderr("TLS x509 authz check for CN=mallory is denied")
    t.eq(migration.wait_run_state(source, "running"), "running")


def test_a_stopped_guest(t):
    "a stopped guest arrives stopped at a QEMU, and from it"
    for sender in ("qemu", "minivisor"):
        source, target = peers(t, sender)
        source.qmp.cmd("stop")
        over(t, "tcp", source, target)
        migration.wait_status(source, "completed")
        migration.wait_run_state(target, "paused")


def test_the_stream_is_accounted_for(t):
    "every byte of minivisor's stream is accounted for, and its blocks have the memory's digest"
    suite = os.environ.get("MINIVISOR_CONFORMANCE", os.path.join(ROOT, os.pardir, "shared", "conformance"))
    tool = os.path.join(suite, "tools", "streamdump.py")
    if not os.path.exists(tool):
        t.skip("streamdump.py is not there (MINIVISOR_CONFORMANCE names the suite's folder)")
    for capabilities in ((), ("return-path",)):
        vm = t.start("-m", "64M", *migration.loader(migration.ram_image(t)), name="vm%d" % len(capabilities))
        digest = migration.digest(vm)
        if capabilities and t.minivisor():
            migration.set_capabilities(vm, "events")
        vm.qmp.cmd("migrate", uri="exec:cat > " + t.path("stream"))
        migration.wait_status(vm, "completed")
        done = subprocess.run([sys.executable, tool, "--json", t.path("stream")], stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        t.check(done.returncode == 0, "streamdump says: %s" % done.stdout.decode()[-1500:])
        said = json.loads(done.stdout)
        t.check("error" not in said or not said["error"], said.get("error"))
        t.has(json.dumps(said), digest, "the digest of the reconstructed block")


def test_the_stream_of_qemu(t):
    "a stream that QEMU wrote to a file loads in minivisor, and minivisor's in QEMU"
    for sender in ("qemu", "minivisor"):
        source, target = peers(t, sender)
        before = migration.digest(source)
        path = t.path(sender + ".stream")
        source.qmp.cmd("migrate", uri="exec:cat > " + path)
        migration.wait_status(source, "completed")
        migration.listen(target, "exec:cat " + path)
        migration.wait_run_state(target, "running")
        t.eq(migration.digest(target), before)
