# SPDX-License-Identifier: GPL-3.0-or-later
"""Migration over TLS: who gets in, who is refused, and what each side says about it."""
import os
import socket
import threading
import time

from harness import migration
from harness.process import SCALE, Deadline
from harness.tls import CLIENT_DN, Pki
from test_migration import descriptors, finish, over, pair

GOOD = Pki.identity(CLIENT_DN)
MALLORY = Pki.dn("C=GB,O=Example Org,CN=mallory")


def secure(t, source, target, identity=GOOD, **client):
    """Credentials on both sides and, with an identity, an authorization object."""
    migration.add_creds(target, "server", t.pki.server())
    migration.add_creds(source, "client", t.pki.client(**client))
    if identity is not None:
        migration.allow(target, identity)


def encrypted(t, transport):
    source, target = pair(t)
    secure(t, source, target)
    if not transport == "tcp":
        migration.set_parameters(source, tls_hostname="localhost")
    over(t, transport, source, target)
    finish(t, source, target)


def test_tcp(t):
    "the memory arrives over TLS and tcp:, the sender authorized"
    encrypted(t, "tcp")


def test_unix(t):
    "the memory arrives over TLS and unix:"
    encrypted(t, "unix")


def test_fd(t):
    "the memory arrives over TLS and fd:"
    encrypted(t, "fd")


def test_fd_refused(t):
    "over fd: a refusal is told as at a socket: who, how far it came, and what the object found; it is a failed load there"
    t.requires_minivisor("query-migrate tells QEMU's users the sentence only")
    source, target = pair(t)
    secure(t, source, target, dn=MALLORY)
    migration.set_parameters(source, tls_hostname="localhost")
    descriptors(t, source, target)
    target.qmp.cmd("migrate-incoming", uri="fd:mig", exit_on_error=False)
    source.qmp.cmd("migrate", uri="fd:mig")
    told = target.qmp.wait_event("__org.minivisor_MIGRATION_REFUSED")["data"]
    info = migration.wait_status(target, "failed")
    t.eq(info["__org.minivisor_last-refusal"], told)
    t.eq(info["__org.minivisor_refusals"], 1)
    t.eq((told["stage"], told["identity"], told["reason"]), ("authorize", Pki.identity(MALLORY), info["error-desc"]))
    t.eq(set(told), {"peer", "stage", "identity", "reason", "not-before", "not-after", "decision"})
    target.wait_stderr("migration: refused .+ \\(stage authorize, identity %s, .*\\)$" % Pki.identity(MALLORY))
    target.wait_stderr("^[^ ]+: %s$" % told["reason"])
    t.eq(target.stderr().count(told["reason"]), 1)
    t.has(migration.wait_status(source, "failed")["error-desc"], "not authorized")


def test_exec(t):
    "the memory arrives over TLS and an exec: command that carries both ways"
    encrypted(t, "exec-two-way")


def test_file(t):
    "file: with credentials is refused with a reason: there is no one to shake hands with"
    t.requires_minivisor("file: came with QEMU 8.2")
    source, target = pair(t)
    secure(t, source, target)
    reply = source.qmp.execute("migrate", {"uri": "file:" + t.path("stream")})
    reason = reply["error"]["desc"] if "error" in reply else migration.wait_status(source, "failed")["error-desc"]
    t.has(reason, "TLS")
    t.check(not os.path.exists(t.path("stream")) or os.path.getsize(t.path("stream")) == 0, "nothing was written in clear")


def test_no_authorization_object(t):
    "without tls-authz any sender with a certificate of the CA gets in"
    source, target = pair(t)
    secure(t, source, target, None)
    over(t, "tcp", source, target)
    finish(t, source, target)


def test_nothing_goes_in_clear(t):
    "the guest's memory is not readable on the wire"
    relay_in, relay_out = t.path("in.sock"), t.path("out.sock")
    source, target = pair(t, mib=1)
    marker = open(t.path("ram.bin"), "rb").read(4096)
    secure(t, source, target)
    migration.set_parameters(source, tls_hostname="localhost")
    migration.listen(target, "unix:" + relay_out)
    door = socket.socket(socket.AF_UNIX)
    door.bind(relay_in)
    door.listen(1)
    seen = []

    def carry(a, b, keep):
        while True:
            data = a.recv(65536)
            if keep:
                seen.append(data)
            if not data:
                break
            b.sendall(data)
        b.shutdown(socket.SHUT_WR)

    def relay():
        a = door.accept()[0]
        b = socket.socket(socket.AF_UNIX)
        b.connect(relay_out)
        threading.Thread(target=carry, args=(b, a, False), daemon=True).start()
        carry(a, b, True)
    thread = threading.Thread(target=relay, daemon=True)
    thread.start()
    source.qmp.cmd("migrate", uri="unix:" + relay_in)
    finish(t, source, target)
    source.qmp.cmd("quit")
    source.wait_exit(0)
    thread.join(10)
    wire = b"".join(seen)
    t.check(len(wire) > 1 << 20, "%d bytes went through the relay" % len(wire))
    t.check(marker[:64] not in wire and b"QEVM" not in wire, "the wire carries clear text")


def refused(t, what, source_says, target_says, client=None, server=None, prepare=None, creds=True, uri="tcp", name="",
            told=True, **objects):
    """One sender that must be refused, and then the right one that must get in through the same door."""
    target = t.start("-m", "64M", "-incoming", "defer", name="target")
    migration.add_creds(target, "server", t.pki.server(**(server or {})))
    migration.allow(target, GOOD)
    if prepare:
        prepare(target)
    address = migration.listen(target, "tcp:127.0.0.1:0" if uri == "tcp" else "unix:" + t.path("m.sock"))
    source = t.start("-m", "64M", *migration.loader(migration.ram_image(t, mib=4)), name="source")
    if creds:
        migration.add_creds(source, "client", t.pki.client("refused", **(client or {})), **objects)
    if name:
        migration.set_parameters(source, tls_hostname=name)
    source.qmp.cmd("migrate", uri=address)
    reply = migration.wait_status(source, "failed")
    t.eq(migration.wait_run_state(source, "running"), "running")
    if t.minivisor():
        t.check(reply.get("error-desc"), "%s: the source has no reason" % what)
        t.lacks(reply["error-desc"], "Input/output error", what)
        if source_says:
            t.has(reply["error-desc"], source_says, what + ", the source")
    if target_says:
        target.wait_stderr(target_says)
    t.eq(target.qmp.cmd("query-status")["status"], "inmigrate", what)
    if t.minivisor() and told:
        said, deadline = {}, Deadline(10)
        while "error-desc" not in said:
            t.check(not deadline.over(), "the destination's query-migrate does not tell of the refusal: %s" % said)
            said = target.qmp.cmd("query-migrate")
        t.check(said.get("status") != "failed", "a refused stranger is no failed load: %s" % said)
        t.has(target.qmp.hmp("info migrate"), said["error-desc"], "info migrate tells of the refusal")
    return source, target, address


def then_the_right_one(t, target, address):
    good = t.start("-m", "64M", *migration.loader(migration.ram_image(t, "good.bin", seed=2, mib=4)), name="good")
    migration.add_creds(good, "client", t.pki.client("right"))
    migration.set_parameters(good, tls_hostname="localhost")
    good.qmp.cmd("migrate", uri=address)
    finish(t, good, target)


def test_denied_by_authorization(t):
    "a sender whose identity is not the allowed one is refused, told so, and the right one gets in after it"
    dn = Pki.dn("C=GB,O=Example Org,CN=mallory.example.com")
    _, target, address = refused(t, "authz", "", "TLS x509 authz check for C=GB,O=Example Org,CN=mallory.example.com is denied",
                                 client={"dn": dn})
    then_the_right_one(t, target, address)


def test_the_refused_learns_that_authorization_refused(t):
    "the source of a denied sender says that authorization refused it"
    t.requires_minivisor("QEMU says Input/output error")
    source, _, _ = refused(t, "authz", "", "is denied", client={"dn": Pki.dn("CN=mallory")})
    words = source.qmp.cmd("query-migrate")["error-desc"].lower()
    t.check("authoriz" in words or "refused" in words or "denied" in words, words)


def test_absent_authorization_object(t):
    "a tls-authz that names no object refuses everybody"
    _, target, _ = refused(t, "no object", "", "Cannot find QAuthZ object ID auth0",
                           prepare=lambda target: target.qmp.cmd("object-del", id_="auth0"))
    migration.allow(target, GOOD)


def test_wrong_kind_of_authorization_object(t):
    "a tls-authz that names something else refuses everybody"
    refused(t, "wrong kind", "", "Object 'tls0' is not a QAuthZ subclass",
            prepare=lambda target: migration.set_parameters(target, tls_authz="tls0"))


def test_empty_authorization_id(t):
    "a tls-authz of the empty string names an object with an empty id, and refuses everybody"
    refused(t, "empty id", "", "Cannot find QAuthZ object ID",
            prepare=lambda target: migration.set_parameters(target, tls_authz=""))


def test_no_client_certificate(t):
    "a sender without a certificate is refused"
    _, target, address = refused(t, "no certificate", "", "No certificate was found",
                                 client={"omit": ["client-cert.pem", "client-key.pem"]})
    then_the_right_one(t, target, address)


def test_revoked_client(t):
    "a sender whose certificate is revoked is refused"
    leaf = t.pki.leaf("client", dn=Pki.dn("CN=lost.example.com"))
    refused(t, "revoked", "", "The certificate has been revoked", client={"dn": Pki.dn("CN=lost.example.com")},
            server={"revoked": [leaf]})


def test_client_of_another_ca(t):
    "a sender with a certificate of another CA is refused"
    _, target, address = refused(t, "other CA", "", "erif|issuer|trust|alert|unknown ca", client={"ca": "other", "trust": "main"},
                                 sanity_check=False)
    then_the_right_one(t, target, address)


def test_expired_client(t):
    "a sender whose certificate has expired is refused"
    directory = t.pki.client("old", expired=True)
    target = t.start("-m", "64M", "-incoming", "defer", name="target")
    migration.add_creds(target, "server", t.pki.server())
    address = migration.listen(target)
    source = t.start("-m", "64M", name="source")
    migration.add_creds(source, "client", directory, sanity_check=False)
    source.qmp.cmd("migrate", uri=address)
    t.check(migration.wait_status(source, "failed").get("error-desc") or not t.minivisor(), "a reason")
    target.wait_stderr("expired|not trusted")
    t.eq(target.qmp.cmd("query-status")["status"], "inmigrate")


def test_wrong_host_name(t):
    "a source that finds another name in the server's certificate stops, and the destination waits on"
    t.requires_minivisor("QEMU's destination ends")
    _, target, address = refused(t, "host name", "Certificate does not match the hostname elsewhere.example.com", "", name="elsewhere.example.com")
    then_the_right_one(t, target, address)


def test_expired_server(t):
    "a source that finds an expired server certificate stops, and the destination waits on"
    t.requires_minivisor("QEMU's destination ends")
    target = t.start("-m", "64M", "-incoming", "defer", name="target")
    migration.add_creds(target, "server", t.pki.server("old", expired=True), sanity_check=False)
    address = migration.listen(target)
    source = t.start("-m", "64M", name="source")
    migration.add_creds(source, "client", t.pki.client())
    source.qmp.cmd("migrate", uri=address)
    words = migration.wait_status(source, "failed")["error-desc"]
    t.check("expired" in words or "not trusted" in words, words)
    t.eq(target.qmp.cmd("query-status")["status"], "inmigrate")


def test_server_of_another_ca(t):
    "a source that does not know the server's CA stops with that reason"
    t.requires_minivisor("QEMU's destination ends")
    refused(t, "server's CA", "The certificate hasn't got a known issuer", "", client={"ca": "other"})


def test_no_host_name(t):
    "TLS over unix: without tls-hostname has nothing to check the certificate against"
    t.requires_minivisor("QEMU's destination ends")
    refused(t, "no name", "No hostname for certificate validation", "", uri="unix", told=False)


def test_plain_sender_at_a_tls_door(t):
    "a sender without TLS at a TLS door is refused, and the right one gets in after it"
    _, target, address = refused(t, "plain sender", "", "TLS handshake failed", creds=False)
    then_the_right_one(t, target, address)


def test_tls_sender_at_a_plain_door(t):
    "a TLS sender at a plain door fails with a reason, and the destination waits on"
    t.requires_minivisor("QEMU's destination ends")
    target = t.start("-m", "64M", "-incoming", "defer", name="target")
    address = migration.listen(target)
    source = t.start("-m", "64M", name="source")
    migration.add_creds(source, "client", t.pki.client())
    source.qmp.cmd("migrate", uri=address)
    t.has(migration.wait_status(source, "failed")["error-desc"], "TLS")
    t.eq(target.qmp.cmd("query-status")["status"], "inmigrate")


def test_wrong_endpoint_at_the_source(t):
    "server credentials at a source are refused in QEMU's words"
    source = t.start("-m", "64M", name="source")
    migration.add_creds(source, "server", t.pki.server())
    peer = socket.create_server(("127.0.0.1", 0))
    reply = source.qmp.execute("migrate", {"uri": "tcp:127.0.0.1:%d" % peer.getsockname()[1]})
    words = reply["error"]["desc"] if "error" in reply else migration.wait_status(source, "failed")["error-desc"]
    t.has(words, "Expected TLS credentials for a client endpoint")


def test_unknown_credentials_at_the_source(t):
    "a tls-creds that names nothing, or something else, is refused in QEMU's words"
    source = t.start("-m", "64M", "-object", "authz-simple,id=a0,identity=x", name="source")
    peer = socket.create_server(("127.0.0.1", 0))
    for id_, wanted in (("nope", "No TLS credentials with id 'nope'"), ("a0", "Object with id 'a0' is not TLS credentials")):
        migration.set_parameters(source, tls_creds=id_)
        reply = source.qmp.execute("migrate", {"uri": "tcp:127.0.0.1:%d" % peer.getsockname()[1]})
        words = reply["error"]["desc"] if "error" in reply else migration.wait_status(source, "failed")["error-desc"]
        t.has(words, wanted)


# -- what QEMU lets through

def test_authorization_without_tls(t):
    "tls-authz without tls-creds: migrate-incoming refuses at once"
    t.requires_minivisor("QEMU lets everybody in")
    target = t.start("-m", "64M", "-incoming", "defer")
    migration.allow(target, GOOD)
    t.has(target.qmp.error("migrate-incoming", uri="tcp:127.0.0.1:0"), "tls-authz")
    t.eq(target.qmp.cmd("query-status")["status"], "inmigrate")


def test_authorization_without_verification(t):
    "tls-authz with verify-peer off, a pre-shared key or anonymous credentials: migrate-incoming refuses at once and says why"
    t.requires_minivisor("QEMU lets everybody in")
    t.write("keys.psk", "alice:0123456789abcdef\n")
    target = t.start("-m", "64M", "-incoming", "defer")
    migration.allow(target, GOOD)
    for kind, more, what in (("x509", {"dir": t.pki.server(), "verify-peer": False}, "have verify-peer=off"),
                             ("psk", {"dir": t.dir}, "are pre-shared keys"), ("anon", {}, "are anonymous")):
        added = {"qom-type": "tls-creds-" + kind, "id": kind, "endpoint": "server", **more}
        t.eq(target.qmp.execute("object-add", added).get("return"), {})
        migration.set_parameters(target, tls_creds=kind)
        t.eq(target.qmp.error("migrate-incoming", uri="tcp:127.0.0.1:0"),
             "Parameter 'tls-authz' is set, but the TLS credentials %s: nobody's identity would be known" % what)


def test_authorization_set_while_waiting(t):
    "tls-authz set after migrate-incoming is in force for the next connection, also where it cannot be applied"
    t.requires_minivisor("QEMU lets everybody in")
    target = t.start("-m", "64M", "-incoming", "defer", name="target")
    address = migration.listen(target)
    migration.allow(target, GOOD)
    source = t.start("-m", "64M", name="source")
    source.qmp.cmd("migrate", uri=address)
    t.check(migration.wait_status(source, "failed"), "it got in")
    t.eq(target.qmp.cmd("query-status")["status"], "inmigrate")
    target.wait_stderr("tls-authz|authoriz")


def test_credentials_taken_away_while_waiting(t):
    "credentials that were set at migrate-incoming and are gone when a peer arrives: refused, not plain"
    t.requires_minivisor("QEMU goes on in clear")
    target = t.start("-m", "64M", "-incoming", "defer", name="target")
    migration.add_creds(target, "server", t.pki.server())
    address = migration.listen(target)
    migration.set_parameters(target, tls_creds="")
    source = t.start("-m", "64M", name="source")
    source.qmp.cmd("migrate", uri=address)
    migration.wait_status(source, "failed")
    t.eq(target.qmp.cmd("query-status")["status"], "inmigrate")


def test_the_switch_for_compatibility(t):
    "with -authz-fail-open the four cases are as in QEMU, and each sender is warned of; what can be checked still is"
    t.requires_minivisor("its switch")

    def moves(name, creds, take_away=False, authz=GOOD, plain=False):
        target = t.start("-m", "64M", "-incoming", "defer", "-authz-fail-open", name="target-" + name)
        source = t.start("-m", "64M", name="source-" + name)
        if creds:
            creds(target, source)
        if authz:
            migration.allow(target, authz)
        address = migration.listen(target)
        if take_away:
            migration.set_parameters(target, tls_creds="")
        if plain:
            migration.set_parameters(source, tls_creds="")
        source.qmp.cmd("migrate", uri=address)
        found = migration.wait_status(source, "completed", "failed")["status"] == "completed"
        words = target.stderr()
        t.has(words, "warning: -authz-fail-open: where nobody's identity can be known")
        t.eq("a sender comes in without being authorized" in words, found and authz is not None)
        return found

    def unverified(target, source):
        migration.add_creds(target, "server", t.pki.server(), verify_peer=False)
        migration.add_creds(source, "client", t.pki.client())
        migration.set_parameters(source, tls_hostname="localhost")

    def verified(target, source):
        migration.add_creds(target, "server", t.pki.server())
        migration.add_creds(source, "client", t.pki.client())
        migration.set_parameters(source, tls_hostname="localhost")

    def anonymous(target, source):
        for vm, endpoint in ((target, "server"), (source, "client")):
            vm.qmp.cmd("object-add", **{"qom-type": "tls-creds-anon", "id": "tls0", "endpoint": endpoint})
            migration.set_parameters(vm, tls_creds="tls0")

    t.check(moves("plain", None), "no tls-creds")
    t.check(moves("unverified", unverified), "verify-peer off")
    t.check(moves("anonymous", anonymous), "anonymous credentials")
    t.check(moves("away", verified, take_away=True, authz=None, plain=True), "credentials that were taken back")
    t.check(not moves("refused", verified, authz="CN=somebody else"), "a sender whose identity is known and not allowed")


# -- many strangers

def test_the_right_sender_gets_in_among_a_hundred(t):
    "the right sender gets in while 100 refused, broken and silent peers are open, and the monitor answers meanwhile"
    t.requires_minivisor("QEMU takes one at a time, or ends")
    target = t.start("-m", "64M", "-incoming", "defer", name="target")
    migration.add_creds(target, "server", t.pki.server())
    migration.allow(target, GOOD)
    address = migration.listen(target)
    wrong = t.pki.client("wrong", dn=Pki.dn("CN=mallory"))
    open_ = []
    for i in range(100):
        if i % 4 == 0:
            open_.append(migration.knock(address))                                  # silent
        elif i % 4 == 1:
            open_.append(migration.knock(address, b"QEVM\0\0\0\3"))                # plain
        elif i % 4 == 2:
            open_.append(migration.knock(address, b"\x16\x03\x01\x02\x00\x01"))    # half a hello
        else:
            try:
                open_.append(migration.tls_knock(address, wrong))                   # refused
            except OSError:
                pass
        began = time.monotonic()
        target.qmp.cmd("query-status")
        t.check(time.monotonic() - began < 0.1 * SCALE, "the monitor took %.0f ms" % ((time.monotonic() - began) * 1000))
    t.eq(target.qmp.cmd("query-status")["status"], "inmigrate")
    then_the_right_one(t, target, address)
    for sock in open_:
        sock.close()


def test_more_than_the_limit_of_strangers(t):
    "past 128 unauthenticated peers the oldest goes, and the right sender still gets in"
    t.requires_minivisor("QEMU takes one at a time")
    target = t.start("-m", "64M", "-incoming", "defer", name="target")
    migration.add_creds(target, "server", t.pki.server())
    migration.allow(target, GOOD)
    address = migration.listen(target)
    silent = [migration.knock(address) for _ in range(200)]
    then_the_right_one(t, target, address)
    silent[0].settimeout(10)
    t.check(silent[0].recv(1) == b"", "the oldest was hung up")
    for sock in silent:
        sock.close()


def test_strangers_at_a_plain_door(t):
    "strangers at a plain door (silence, garbage, a wrong version) never end the wait"
    t.requires_minivisor("QEMU ends")
    target = t.start("-m", "64M", "-incoming", "defer", name="target")
    address = migration.listen(target)
    silent = [migration.knock(address) for _ in range(20)]
    for data in (b"GET / HTTP/1.0\r\n\r\n", b"", b"Q", b"QEVM\0\0\0\2", os.urandom(100000)):
        migration.knock(address, data).close()
    t.eq(target.qmp.cmd("query-status")["status"], "inmigrate")
    source = t.start("-m", "64M", *migration.loader(migration.ram_image(t)), name="source")
    source.qmp.cmd("migrate", uri=address)
    finish(t, source, target)
    for sock in silent:
        sock.close()
