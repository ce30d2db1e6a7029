# SPDX-License-Identifier: GPL-3.0-or-later
"""Monitors over TLS: who gets in, who is refused, and what each side sees of it. The client is Python's OpenSSL."""
import os
import socket
import ssl

from harness.process import SCALE, Deadline
from harness.qmp import Qmp
from harness.tls import CLIENT_DN, Pki

GOOD = Pki.identity(CLIENT_DN)
REFUSED = "__org.minivisor_CHARDEV_REFUSED"


def serve(t, *more, mode="control", authz=True, allowed=GOOD, creds="", name="vm"):
    """An instance with a monitor of its own and one over TLS; returns it and the port of the latter."""
    t.requires_minivisor("QEMU serves one at a time, refuses after the handshake, and tells nobody")
    vm = t.start("-object", "tls-creds-x509,id=tls0,endpoint=server,dir=%s%s" % (t.pki.server(), creds),
                 "-object", "authz-simple,id=auth0,identity=" + allowed.replace(",", ",,"),
                 "-chardev", "socket,id=c0,host=127.0.0.1,port=0,server=on,wait=off,tls-creds=tls0"
                 + (",tls-authz=auth0" if authz else ""), "-mon", "c0,mode=" + mode, *more, name=name)
    filename = {d["label"]: d["filename"] for d in vm.qmp.cmd("query-chardev")}["c0"]
    return vm, int(filename.removesuffix(",server=on").rsplit(":", 1)[1])


def client_context(folder=None, ca=None):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.load_verify_locations(os.path.join(ca or folder, "ca-cert.pem"))
    if folder:
        context.load_cert_chain(os.path.join(folder, "client-cert.pem"), os.path.join(folder, "client-key.pem"))
    return context


def knock(port):
    sock = socket.create_connection(("127.0.0.1", port), 20 * SCALE)
    return sock


def enter(t, port, folder=None):
    """A TLS client with the right credentials."""
    return client_context(folder or t.pki.client()).wrap_socket(knock(port), server_hostname="localhost")


def is_refused(t, port, context):
    """Why the client was not let in, as it sees it: the alert comes in TLS 1.3 after its own handshake."""
    try:
        with context.wrap_socket(knock(port), server_hostname="localhost") as tls:
            got = tls.recv(100)
    except (ssl.SSLError, ConnectionResetError) as error:
        return str(error)
    t.check(False, "not refused; it got %r" % got)


def test_qmp(t):
    "an authorized client talks QMP over TLS, is listed, and hears the end when it or we say goodbye"
    vm, port = serve(t)
    with enter(t, port) as tls:
        client = Qmp(tls)
        client.negotiate()
        t.eq(client.cmd("query-status")["status"], "running")
        names = {d["label"]: d["filename"] for d in vm.qmp.cmd("query-chardev")}
        t.eq(names["c0"], "tcp:127.0.0.1:%d,server=on <-> 127.0.0.1:%d" % (port, tls.getsockname()[1]))
        vm.qmp.cmd("stop")
        client.wait_event("STOP")
        t.check(len(client.cmd("query-qmp-schema")) > 100, "a long answer")
        tls.unwrap().close()  # close_notify goes both ways
    with enter(t, port) as tls:
        client = Qmp(tls)
        client.negotiate()
        vm.qmp.cmd("quit")
        client.wait_event("SHUTDOWN")
        t.check(client.receive() is None, "a clean end")  # an unclean one raises
    vm.wait_exit(0)


def test_hmp(t):
    "an authorized client has a console over TLS"
    vm, port = serve(t, mode="readline")
    with enter(t, port) as tls:
        data = b""
        while not data.endswith(b"(qemu) "):
            data += tls.recv(4096)
        tls.sendall(b"info status\n")
        while data.count(b"(qemu) ") < 2:
            data += tls.recv(4096)
        t.has(data.decode(), "VM status: running\r\n")


def test_refused_by_authorization(t):
    "a client whose name is not on the list gets an alert and no greeting, and the operator the reason"
    vm, port = serve(t, allowed="CN=somebody else")
    t.has(is_refused(t, port, client_context(t.pki.client())), "handshake failure")
    data = vm.qmp.wait_event(REFUSED)["data"]
    t.eq((data["label"], data["stage"], data["identity"]), ("c0", "authorize", GOOD))
    t.eq(data["reason"], "TLS x509 authz check for %s is denied" % GOOD)
    vm.wait_stderr("TLS x509 authz check for %s is denied" % GOOD)
    vm.wait_stderr(r"chardev c0: refused 127\.0\.0\.1:\d+ \(stage authorize, identity %s, certificate valid from 2.*Z until 2.*Z, "
                   r"decision: it allows only 'CN=somebody else'\)" % GOOD)


def test_no_certificate(t):
    "a client without a certificate is refused"
    vm, port = serve(t)
    t.has(is_refused(t, port, client_context(ca=t.pki.client())), "alert")
    data = vm.qmp.wait_event(REFUSED)["data"]
    t.eq((data["stage"], data["reason"]), ("verify", "Verify failed: No certificate was found."))


def test_other_authority(t):
    "a client of another authority is refused"
    vm, port = serve(t)
    stranger = t.pki.client("stranger", ca="other", trust="main")
    t.has(is_refused(t, port, client_context(stranger)), "alert")
    data = vm.qmp.wait_event(REFUSED)["data"]
    t.eq((data["stage"], data["reason"]), ("verify", "The certificate hasn't got a known issuer"))


def test_plain_text(t):
    "plain text is refused, and nothing of it is run"
    vm, port = serve(t)
    with knock(port) as sock:
        sock.sendall(b'{"execute":"qmp_capabilities"}{"execute":"quit"}\n' * 3)
        data = b""
        try:
            while chunk := sock.recv(4096):
                data += chunk
        except ConnectionResetError:
            pass
        t.lacks(data.decode("latin-1"), "QMP")
    t.eq(vm.qmp.wait_event(REFUSED)["data"]["stage"], "handshake")
    vm.qmp.cmd("query-status")


def test_objects_are_looked_up_each_time(t):
    "credentials or an authorization object that go and come back count for the next client"
    vm, port = serve(t)
    context = client_context(t.pki.client())
    vm.qmp.cmd("object-del", id_="auth0")
    t.has(is_refused(t, port, context), "handshake failure")
    t.eq(vm.qmp.wait_event(REFUSED)["data"]["reason"], "Cannot find QAuthZ object ID auth0")
    vm.qmp.cmd("object-add", qom_type="authz-simple", id_="auth0", identity=GOOD)
    with enter(t, port) as tls:
        client = Qmp(tls)
        client.negotiate()
        vm.qmp.cmd("object-del", id_="tls0")
        t.check(is_refused(t, port, context), "no credentials, nobody comes in")
        t.eq(vm.qmp.wait_event(REFUSED)["data"]["reason"], "No TLS credentials with id 'tls0'")
        client.cmd("query-status")  # who is in stays in


def test_nobody_would_be_known(t):
    "authorization without a verified peer is refused at the start"
    t.requires_minivisor("QEMU lets everybody in")
    for creds in (",verify-peer=off",):
        vm = t.start("-object", "tls-creds-x509,id=tls0,endpoint=server,dir=%s%s" % (t.pki.server(), creds),
                     "-object", "authz-simple,id=auth0,identity=x",
                     "-chardev", "socket,id=c,host=127.0.0.1,port=0,server=on,wait=off,tls-creds=tls0,tls-authz=auth0", qmp=0)
        t.has(vm.wait_exit(1), "nobody's identity would be known")


def test_silent_peers(t):
    "a hundred silent, refused and half-shaken peers keep nobody out and hold up nobody"
    vm, port = serve(t)
    hello = b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"  # the begin of a ClientHello
    silent = [knock(port) for _ in range(50)]
    half = [knock(port) for _ in range(50)]
    for sock in half:
        sock.sendall(hello)
    for _ in range(5):
        is_refused(t, port, client_context(ca=t.pki.client()))
    with enter(t, port) as tls:
        client = Qmp(tls)
        client.negotiate()
        t.eq(client.cmd("query-status")["status"], "running")
    vm.qmp.cmd("query-status")
    for sock in silent + half:
        sock.close()


def test_come_and_go(t):
    "clients that leave at any moment of the handshake or after it leave no descriptor behind"
    vm, port = serve(t)
    context = client_context(t.pki.client())
    fds = lambda: len(os.listdir("/proc/%d/fd" % vm.pid))
    before = fds()
    for i in range(120):
        sock = knock(port)
        if i % 4 == 1:
            sock.sendall(b"\x16\x03\x01\x02\x00"[:i % 6])
        elif i % 4 == 2:
            context.wrap_socket(sock, server_hostname="localhost").close()
        elif i % 4 == 3:
            tls = context.wrap_socket(sock, server_hostname="localhost")
            tls.sendall(b'{"execute":"qmp_capabilities"}{"execute":"query-qmp-schema"}' * (i % 5))
            if i % 3:
                tls.recv(10)
            tls.close()
        sock.close()
    deadline = Deadline(20)
    while fds() != before:
        t.check(not deadline.over(), "%d descriptors are open, not %d" % (fds(), before))
        vm.qmp.cmd("query-status")


def test_tls_client(t):
    "a monitor calls its client over TLS, and checks who answers"
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    folder = t.pki.server()
    server.load_cert_chain(os.path.join(folder, "server-cert.pem"), os.path.join(folder, "server-key.pem"))
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port = listening.getsockname()[1]
        vm = t.start("-object", "tls-creds-x509,id=tls0,endpoint=client,dir=" + t.pki.client(),
                     "-chardev", "socket,id=c,host=localhost,port=%d,ipv4=on,tls-creds=tls0,reconnect=1" % port,
                     "-mon", "c,mode=control")
        sock, _ = listening.accept()
        with server.wrap_socket(sock, server_side=True) as tls:
            Qmp(tls).negotiate()
        other = t.pki.server("impostor", ca="other")
        server.load_cert_chain(os.path.join(other, "server-cert.pem"), os.path.join(other, "server-key.pem"))
        sock, _ = listening.accept()
        try:
            server.wrap_socket(sock, server_side=True).recv(1)
        except (ssl.SSLError, ConnectionResetError) as error:
            t.has(str(error).lower(), "alert")
        vm.wait_stderr("Unable to connect character device c: The certificate hasn't got a known issuer")
