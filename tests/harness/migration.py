# SPDX-License-Identifier: GPL-3.0-or-later
"""Helpers around migrations: memory with content, waiting, digests, addresses, rude peers."""
import contextlib
import hashlib
import os
import random
import select
import socket
import ssl

from harness.process import Deadline, Timeout

ENDS = ("completed", "failed", "cancelled")
MIB = 1 << 20


def ram_image(test, name="ram.bin", mib=8, seed=1):
    """A file of random bytes, the same for the same seed; for -device loader,file=...,addr=0."""
    path = os.path.join(test.dir, name)
    with open(path, "wb") as out:
        out.write(random.Random(seed).randbytes(mib * MIB))
    return path


def loader(path, address=0):
    return ("-device", "loader,file=%s,addr=%#x,force-raw=on" % (path, address))


def digest(instance, mib=64, address=0):
    """SHA-256 of guest memory, read with pmemsave."""
    path = os.path.join(instance.test.dir, "%s-%x.mem" % (instance.name, address))
    instance.qmp.cmd("pmemsave", val=address, size=mib * MIB, filename=path)
    with open(path, "rb") as data:
        found = hashlib.file_digest(data, "sha256").hexdigest()
    os.unlink(path)
    return found


def wait_status(instance, *wanted, seconds=30):
    """Waits until query-migrate has one of these statuses; any other end is an error. Returns the reply."""
    deadline = Deadline(seconds)
    while True:
        reply = instance.qmp.cmd("query-migrate")
        status = reply.get("status")
        if status in wanted:
            return reply
        if status in ENDS or deadline.over():
            raise Timeout("[%s] the migration is '%s', not %s: %s%s" % (
                instance.name, status, "/".join(wanted), reply, instance.last_words()))
        # An event may cut the wait short; without one, ask again.
        select.select([instance.qmp.sock], [], [], 0.005)


def wait_run_state(instance, *wanted, seconds=20):
    deadline = Deadline(seconds)
    while True:
        status = instance.qmp.cmd("query-status")["status"]
        if status in wanted:
            return status
        if deadline.over():
            raise Timeout("[%s] the run state is '%s', not %s" % (instance.name, status, "/".join(wanted)))
        select.select([instance.qmp.sock], [], [], 0.005)


def listen(instance, uri="tcp:127.0.0.1:0", keep=True):
    """migrate-incoming; returns the URI for the source, with the port that was picked."""
    more = {"exit_on_error": False} if keep and instance.test.minivisor(instance) else {}
    instance.qmp.cmd("migrate-incoming", uri=uri, **more)
    if not uri.startswith("tcp:"):
        return uri
    address = instance.qmp.cmd("query-migrate")["socket-address"][0]
    return "tcp:%s:%s" % (uri.split(":")[1], address["port"])


def set_parameters(instance, **values):
    instance.qmp.cmd("migrate-set-parameters", **values)


def set_capabilities(instance, *names, state=True):
    instance.qmp.cmd("migrate-set-capabilities", capabilities=[{"capability": n, "state": state} for n in names])


def add_creds(instance, endpoint, directory, id_="tls0", **more):
    """A tls-creds-x509 object, and the parameter that names it."""
    instance.qmp.cmd("object-add", qom_type="tls-creds-x509", id_=id_, endpoint=endpoint, dir_=directory, **more)
    set_parameters(instance, tls_creds=id_)


def allow(instance, identity, id_="auth0"):
    instance.qmp.cmd("object-add", qom_type="authz-simple", id_=id_, identity=identity)
    set_parameters(instance, tls_authz=id_)


def port_of(uri):
    return int(uri.rsplit(":", 1)[1])


def knock(uri, data=b""):
    """A stranger's connection to a tcp: or unix: URI; sends bytes and stays open."""
    if uri.startswith("unix:"):
        sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        sock.connect(uri[5:])
    else:
        host, port = uri[4:].rsplit(":", 1)
        sock = socket.create_connection((host, int(port)), 10)
    if data:
        with contextlib.suppress(OSError):
            sock.sendall(data)
    return sock


def tls_knock(uri, directory=None, name="localhost"):
    """A TLS client with the client credentials of a folder (or none). Returns the stream, after the handshake."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    if directory:
        context.load_cert_chain(os.path.join(directory, "client-cert.pem"), os.path.join(directory, "client-key.pem"))
    return context.wrap_socket(knock(uri), server_hostname=name)
