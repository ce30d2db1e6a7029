# SPDX-License-Identifier: GPL-3.0-or-later
"""Credentials of a running process: files that are followed, ends that are announced, and the kinds of objects beside them."""
import ctypes
import os
import shutil
import socket
import ssl

from harness import migration
from test_pki import HOSTS, NAME, pki

RELOAD, EXPIRY = "__org.minivisor_TLS_CREDS_RELOAD", "__org.minivisor_TLS_CERTIFICATE_EXPIRY"


def rename_into(source, target, *names):
    """Puts files of one folder into the place of another's, each by a rename."""
    for name in names or sorted(os.listdir(source)):
        shutil.copy(os.path.join(source, name), os.path.join(target, name + ".new"))
        os.rename(os.path.join(target, name + ".new"), os.path.join(target, name))


def follow(vm, kind, folder):
    """A server's credentials that are loaded anew whenever their files change."""
    added = vm.qmp.execute("object-add", {"qom-type": kind, "id": "tls0", "endpoint": "server", "dir": folder,
                                          "__org.minivisor_refresh": True})
    vm.test.eq(added.get("return"), {}, str(added))
    migration.set_parameters(vm, tls_creds="tls0")


def loaded(vm):
    """Waits for a load that succeeds. How many it takes depends on how fast several files are replaced."""
    while True:
        data = vm.qmp.wait_event(RELOAD)["data"]
        if "error" not in data:
            return data["generation"]


def failed(vm):
    """Waits for a load that fails; the reason."""
    while True:
        data = vm.qmp.wait_event(RELOAD)["data"]
        if "error" in data:
            return data["error"]


def creds_of(vm):
    return vm.qmp.cmd("__org.minivisor_query-tls-creds")[0]


def test_files_are_followed(t):
    "with __org.minivisor_refresh what is put into the folder is loaded, by event and in info tls; a mistake changes nothing"
    t.requires_minivisor("QEMU has no such property")
    folder, second = t.pki.server("first"), t.pki.server("second", dn=[("CN", "second")])
    vm = t.start("-object", "tls-creds-x509,id=tls0,endpoint=server,__org.minivisor_refresh=on,dir=" + folder)
    t.eq(vm.qmp.cmd("qom-get", path="tls0", property="__org.minivisor_refresh"), True)
    t.eq((creds_of(vm)["generation"], creds_of(vm)["refresh"]), (1, True))

    rename_into(second, folder)
    generation = loaded(vm)
    t.check(generation >= 2, generation)
    t.eq(creds_of(vm)["certificates"][0]["subject"], "CN=second")
    vm.wait_stderr("The TLS credentials 'tls0' were loaded anew")
    t.has(vm.qmp.hmp("info tls")[0], ", follows its files")

    rename_into(t.pki.server("third", serial_of="third"), folder, "server-key.pem")
    reason = "Cannot load certificate '%s/server-cert.pem' & key '%s/server-key.pem': " \
             "The certificate and the given key do not match." % (folder, folder)
    t.eq(failed(vm), reason)
    vm.wait_stderr("The TLS credentials 'tls0' cannot be loaded anew, the last good ones stay in force: " + reason)
    t.eq((creds_of(vm)["error"], creds_of(vm)["certificates"][0]["subject"]), (reason, "CN=second"))
    t.eq(vm.qmp.hmp("info tls")[1], "  loading it anew failed: " + reason)
    t.eq(vm.qmp.error("__org.minivisor_tls-creds-reload", id="tls0"), reason)
    t.eq(failed(vm), reason)

    rename_into(second, folder, "server-key.pem")
    t.check(loaded(vm) > generation, "a further generation")
    t.check("error" not in creds_of(vm), creds_of(vm))
    vm.qmp.cmd("object-del", id="tls0")
    t.eq(vm.qmp.cmd("__org.minivisor_query-tls-creds"), [])


def test_a_revocation_takes_effect(t):
    "a client that was in is refused as soon as a followed revocation list names it"
    t.requires_minivisor("QEMU has no such property")
    for step in (("init", "ca"), ("server", "ca", "dest", *HOSTS), ("client", "ca", "source", NAME)):
        pki(t, *step)
    target = t.start("-incoming", "defer", name="target")
    source = t.start(name="source")
    follow(target, "tls-creds-x509", t.path("dest"))
    migration.add_creds(source, "client", t.path("source"))
    uri = migration.listen(target)
    with migration.tls_knock(uri, t.path("source")) as sock:
        sock.sendall(b"x")
    pki(t, "revoke", "ca", NAME, "--update", "dest")
    loaded(target)
    source.qmp.cmd("migrate", uri=uri)
    migration.wait_status(source, "failed")
    target.wait_stderr("The certificate has been revoked")


def test_keys_are_followed(t):
    "a pre-shared key that is added to a followed keys.psk counts from then on"
    t.requires_minivisor("QEMU has no such property")
    pki(t, "psk", "keys", "alice")
    target, source = t.start("-incoming", "defer", name="target"), t.start(name="source")
    follow(target, "tls-creds-psk", t.path("keys"))
    pki(t, "psk", "keys", "bob")
    loaded(target)
    source.qmp.cmd("object-add", qom_type="tls-creds-psk", id_="tls0", dir_=t.path("keys"), username="bob")
    migration.set_parameters(source, tls_creds="tls0")
    source.qmp.cmd("migrate", uri=migration.listen(target))
    migration.wait_status(source, "completed")


def test_ends_are_announced(t):
    "a certificate that ends within a week is announced when it is loaded, by event and in the log"
    t.requires_minivisor("QEMU has no such event")
    pki(t, "init", "ca")
    pki(t, "server", "ca", "dest", *HOSTS, "--days", "5")
    vm = t.start()
    migration.add_creds(vm, "server", t.path("dest"))
    data = vm.qmp.wait_event(EXPIRY)["data"]
    t.eq((data["id"], data["days"], data["certificate"]["subject"], data["certificate"]["role"]), ("tls0", 7, "CN=localhost", "own"))
    t.check(4 * 86400 < data["certificate"]["seconds-left"] <= 5 * 86400, data)
    vm.wait_stderr("warning: The certificate CN=localhost of the TLS credentials 'tls0' expires within 7 days: it is valid until ")
    vm.qmp.cmd("object-del", id="tls0")
    migration.add_creds(vm, "server", t.pki.server("old", expired=True), sanity_check=False)
    data = vm.qmp.wait_event(EXPIRY)["data"]
    t.eq(data["days"], 0)
    vm.wait_stderr("of the TLS credentials 'tls0' has expired: it was valid until ")


def test_all_ends_are_shown_and_announced(t):
    "issuers that go with our own certificate, all of ca-cert.pem and revocation lists: info tls shows them, events announce them"
    t.requires_minivisor("QEMU has no such event")
    pki(t, "init", "ca")
    pki(t, "init", "soon", "--days", "6", "--name", "CN=Soon")
    pki(t, "server", "ca", "dest", *HOSTS)
    pki(t, "client", "ca", "source", NAME)
    for source, target in (("soon/ca-cert.pem", "dest/ca-cert.pem"), ("soon/ca-cert.pem", "dest/server-cert.pem")):
        with open(t.path(source), encoding="ascii") as more, open(t.path(target), "a", encoding="ascii") as out:
            out.write(more.read())
    vm = t.start()
    migration.add_creds(vm, "server", t.path("dest"), sanity_check=False)
    data = vm.qmp.wait_event(EXPIRY)["data"]
    t.eq((data["days"], data["certificate"]["subject"], data["certificate"]["role"]), (7, "CN=Soon", "issuer"))
    vm.wait_stderr("warning: The issuer's certificate CN=Soon of the TLS credentials 'tls0' expires within 7 days: ")
    t.eq([c["role"] for c in creds_of(vm)["certificates"]], ["own", "issuer", "ca", "ca"])
    t.eq(sorted(line for line in vm.qmp.hmp("info tls") if "CN=Soon" in line), ["  CA  CN=Soon", "  by  CN=Soon"])
    lists = creds_of(vm)["revocation-lists"]
    t.eq([crl["revoked"] for crl in lists], [0])

    crl = t.pki.server("listed", revoked=[t.pki.leaf("client")], crl_days=5)
    vm.qmp.cmd("object-del", id="tls0")
    migration.add_creds(vm, "server", crl)
    data = vm.qmp.wait_event("__org.minivisor_TLS_REVOCATION_LIST_EXPIRY")["data"]
    told = data["revocation-list"]
    t.eq((data["id"], data["days"], told["issuer"], told["revoked"]), ("tls0", 7, "CN=Test CA main", 1))
    t.check(4 * 86400 < told["seconds-left"] <= 5 * 86400, told)
    vm.wait_stderr("warning: The revocation list of CN=Test CA main of the TLS credentials 'tls0' ends within 7 days: ")
    shown = vm.qmp.hmp("info tls")
    at = shown.index("  CRL CN=Test CA main")
    t.has(shown[at + 1], "1 certificate revoked, until " + told["next-update"])
    t.eq(shown[at + 2], "      SHA-256 " + told["fingerprint"])


def test_two_kinds_of_identity(t):
    "an ECDSA and an RSA identity side by side: each peer is shown the first one that it can check"
    t.requires_minivisor("QEMU 7.2 has one")
    pki(t, "init", "ca")
    pki(t, "server", "ca", "dest", *HOSTS, "--subject", "ecdsa")
    pki(t, "server", "ca", "dest", *HOSTS, "--subject", "rsa", "--number", "0", "--key", "rsa")
    vm = t.start("-incoming", "defer")
    migration.add_creds(vm, "server", t.path("dest"), verify_peer=False)
    t.eq([c["subject"] for c in creds_of(vm)["certificates"] if c["role"] == "own"], ["CN=ecdsa", "CN=rsa"])
    uri = migration.listen(vm)
    for ciphers, wanted in (("ECDHE+AESGCM", "ecdsa"), ("ECDHE-RSA-AES256-GCM-SHA384", "rsa")):
        context = ssl.create_default_context(cafile=t.path("dest/ca-cert.pem"))
        context.maximum_version = ssl.TLSVersion.TLSv1_2
        context.set_ciphers(ciphers)
        with context.wrap_socket(migration.knock(uri), server_hostname="localhost") as sock:
            t.eq(sock.getpeercert()["subject"], ((("commonName", wanted),),))


def test_cipher_suites(t):
    "tls-cipher-suites needs a priority, has the members of credentials, and is none"
    vm = t.start()
    add = lambda id_, **more: vm.qmp.execute("object-add", dict({"qom-type": "tls-cipher-suites", "id": id_}, **more))
    t.eq(add("c0")["error"]["desc"], "'priority' property is not set")
    t.eq(add("c0", priority="NORMAL", nope=1)["error"]["desc"], "Parameter 'nope' is unexpected")
    t.eq(add("c0", priority="SECURE192:-VERS-ALL:+VERS-TLS1.3").get("return"), {})
    t.eq(add("c1", priority="NORMAL", endpoint="server").get("return"), {})
    t.eq(vm.qmp.cmd("qom-get", path="/objects/c0", property="priority"), "SECURE192:-VERS-ALL:+VERS-TLS1.3")
    with socket.create_server(("127.0.0.1", 0)) as door:
        for id_, reason in (("c0", "Unsupported TLS credentials type tls-cipher-suites"),
                            ("c1", "Expected TLS credentials for a client endpoint")):
            migration.set_parameters(vm, tls_creds=id_, tls_hostname="localhost")
            reply = vm.qmp.execute("migrate", {"uri": "tcp:127.0.0.1:%d" % door.getsockname()[1]})
            t.eq(reply["error"]["desc"] if "error" in reply else migration.wait_status(vm, "failed")["error-desc"], reason)
    if t.minivisor():
        t.has(add("c2", priority="NONSENSE")["error"]["desc"], "Cannot set default TLS session priority NONSENSE")


def test_a_secret_of_the_kernel(t):
    "secret_keyring takes what the kernel keeps under a serial number"
    vm = t.start()
    add = lambda id_, **more: vm.qmp.execute("object-add", dict({"qom-type": "secret_keyring", "id": id_}, **more))
    t.eq(add("k")["error"]["desc"], "Parameter 'serial' is missing")
    t.eq(add("k", serial=0)["error"]["desc"], "'serial' should not be equal to 0")
    t.eq(add("k", serial=5000000000)["error"]["desc"], "Parameter 'serial' expects int32_t")
    t.has(add("k", serial=1)["error"]["desc"], "Unable to read serial key 00000001: ")
    # A key of the session's keyring, which the process inherits with the test's session. x86-64's numbers.
    serial = ctypes.CDLL(None, use_errno=True).syscall(248, b"user", b"minivisor-test-%d" % os.getpid(), b"letmein", 7, -4)
    if serial < 0:
        t.skip("the kernel keeps no keys for this process: " + os.strerror(ctypes.get_errno()))
    t.cleanups.append(lambda: ctypes.CDLL(None).syscall(250, 3, serial))       # KEYCTL_REVOKE
    t.eq(add("k", serial=serial).get("return"), {})
    t.eq(vm.qmp.cmd("qom-get", path="/objects/k", property="serial"), serial)
    folder = t.pki.server(password="letmein")
    migration.add_creds(vm, "server", folder, passwordid="k")
