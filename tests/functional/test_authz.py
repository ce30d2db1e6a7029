# SPDX-License-Identifier: GPL-3.0-or-later
"""Questions about access control that are asked beforehand: the identity in a file, who would come in and why not."""
import json
import os
import re
import shutil
import subprocess

from harness import migration
from test_pki import pki

NAME = "C=GB,O=Example Org,CN=laptop"
RULES = {"policy": "deny", "rules": [
    {"match": "CN=laptop,O=Example Org,C=GB", "policy": "allow"},
    {"match": "c=gb, o=example org, CN=laptop", "policy": "allow"},
    {"match": "C=GB*", "policy": "allow", "format": "exact"},
    {"match": "C=FR*", "policy": "allow", "format": "glob"}]}
CLOSE = ["rule 0 ('CN=laptop,O=Example Org,C=GB'): the order of the parts is turned round",
         "rule 1 ('c=gb, o=example org, CN=laptop'): upper and lower case, blanks",
         "rule 2 ('C=GB*'): it is a pattern, and the rule's format is exact"]


def rule_file(t):
    path = t.path("acl.json")
    with open(path, "w", encoding="utf-8") as out:
        json.dump(RULES, out)
    return path


def certificate(t):
    folder = t.pki.client("client", dn=[("C", "GB"), ("O", "Example Org"), ("CN", "laptop")])
    return os.path.join(folder, "client-cert.pem")


def test_explain(t):
    "a refused name is told with what came close: order, case, blanks, a pattern that is none"
    t.requires_minivisor("QEMU has no words for it")
    vm = t.start("-object", "authz-list-file,id=auth0,filename=" + rule_file(t))
    wanted = {"allowed": False, "identity": NAME, "reason": "no rule matches it", "near-misses": CLOSE}
    t.eq(vm.qmp.cmd("__org.minivisor_authz-explain", id="auth0", identity=NAME), wanted)
    t.eq(vm.qmp.cmd("__org.minivisor_authz-explain", id="auth0", filename=certificate(t)), wanted)
    t.eq(vm.qmp.cmd("__org.minivisor_authz-explain", id="auth0", identity="C=FR,CN=x"),
         {"allowed": True, "identity": "C=FR,CN=x", "reason": "rule 3 allows it", "near-misses": []})
    t.eq(vm.qmp.hmp("authz_explain auth0 " + NAME),
         ["denied: " + NAME, "reason: no rule matches it"] + ["close: " + c for c in CLOSE])


def test_rule_files_that_are_none(t):
    "a file of rules that is longer than 256 MiB, or was cut short, makes no object"
    t.requires_minivisor("QEMU has no limit, and other words")
    vm = t.start()
    def refusal(path):
        return vm.qmp.error("object-add", **{"qom-type": "authz-list-file", "id": "auth0", "filename": path})
    long = t.path("long")
    with open(long, "wb") as out:
        out.truncate((256 << 20) + 1)
    t.eq(refusal(long), "Unable to read '%s': File '%s' is longer than 268435456 bytes" % (long, long))
    with open(rule_file(t), encoding="utf-8") as whole:
        text = whole.read()
    for part in ("", text[:len(text) // 2], text[:-1]):
        t.check(refusal(t.write("short", part.encode())), "cut short")
    t.check("auth0" not in str(vm.qmp.cmd("qom-list", path="/objects")), "an object")


def test_explain_refuses(t):
    "a question about nobody, about two at once, or to no authorization object is refused"
    t.requires_minivisor("QEMU has no words for it")
    vm = t.start("-object", "secret,id=s,data=x", "-object", "authz-simple,id=a,identity=x")
    for arguments, reason in (({"id": "a"}, "Either 'identity' or 'filename' must be provided"),
                              ({"id": "a", "identity": "x", "filename": "y"}, "Either 'identity' or 'filename' must be provided"),
                              ({"id": "s", "identity": "x"}, "Object 's' is not a QAuthZ subclass"),
                              ({"id": "b", "identity": "x"}, "Cannot find QAuthZ object ID b"),
                              ({"id": "a", "filename": "/none"}, "Failed to open file '/none': No such file or directory")):
        t.eq(vm.qmp.error("__org.minivisor_authz-explain", **arguments), reason)


def test_identity_of_a_file(t):
    "-identity, x509_identity and the QMP command print the name as rules have to spell it"
    t.requires_minivisor("QEMU has no words for it")
    path = certificate(t)
    asked = t.start("-identity", path, qmp=0, base=())
    asked.wait_exit(0)
    t.eq(asked.out.text(), NAME + "\n")
    vm = t.start()
    t.eq(vm.qmp.cmd("__org.minivisor_x509-identity", filename=path), NAME)
    t.eq(vm.qmp.hmp("x509_identity " + path), [NAME])


def test_check_authz_option(t):
    "-check-authz answers without a monitor: status 0 for yes, 2 for no, 1 for an error"
    t.requires_minivisor("QEMU has no words for it")
    rules = ("-object", "authz-list-file,id=auth0,filename=" + rule_file(t))
    for question, status, words in (("auth0,identity=C=FR,,CN=x", 0, ["allowed: C=FR,CN=x", "reason: rule 3 allows it"]),
                                    ("auth0,filename=" + certificate(t), 2, ["denied: " + NAME, "reason: no rule matches it"])):
        asked = t.start(*rules, "-check-authz", question, qmp=0, base=())
        asked.wait_exit(status)
        t.eq(asked.out.text().splitlines()[:2], words)
    t.has(t.start(*rules, "-check-authz", "nope,identity=x", qmp=0, base=()).wait_exit(1), "Cannot find QAuthZ object ID nope")


def test_secrets_do_not_come_back(t):
    "a secret's data is nowhere to be read: not by qom-get, not in what refuses it"
    t.requires_minivisor("QEMU gives it back")
    vm = t.start("-object", "secret,id=s,data=letmein")
    for listed in vm.qmp.cmd("qom-list", path="/objects/s"):
        value = vm.qmp.cmd("qom-get", path="/objects/s", property=listed["name"])
        t.check("letmein" not in str(value), listed["name"])
    reason = vm.qmp.error("object-add", qom_type="secret", id="t", data="letmein!", format="base64")
    t.check("letmein" not in reason, reason)
    t.check("letmein" not in vm.err.text(), "standard error")


def core_of(t, vm):
    """What a core dump of the process would hold."""
    if not shutil.which("gdb"):
        t.skip("gdb is not installed")
    path = t.path("core")
    subprocess.run(["gdb", "-nx", "-batch", "-p", str(vm.pid), "-ex", "generate-core-file " + path], stdin=subprocess.DEVNULL,
                   stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    if not os.path.exists(path):
        t.skip("gdb may not look into the process here")
    with open(path, "rb") as core:
        return core.read()


def bytes_of(path, words=()):
    """The private number of an EC key in a PEM file, as it is written and as OpenSSL computes with it."""
    text = subprocess.run(["openssl", "pkey", "-in", path, "-noout", "-text", *words], stdout=subprocess.PIPE, check=True, text=True).stdout
    number = bytes.fromhex(re.sub("[^0-9a-f]", "", text.split("priv:")[1].split("pub:")[0]))
    return [number, number[::-1]]


def test_secrets_are_in_no_core_dump(t):
    "a core dump holds no secret, no private key and no pre-shared key, though they are in use and were loaded anew"
    t.requires_minivisor("QEMU has them there")
    t.requires_plain_build("its core dump has terabytes")
    secret = b"letmein-but-nobody-else-0123456789"
    t.write("password", secret)
    pki(t, "psk", "keys", "alice")
    folder = t.pki.server(password=secret.decode(), key="ec")
    plain = t.pki.client("source")
    vm = t.start("-incoming", "defer", "-object", "secret,id=s,file=" + t.path("password"),
                 "-object", "tls-creds-x509,id=tls0,endpoint=server,passwordid=s,dir=" + folder,
                 "-object", "tls-creds-psk,id=psk0,endpoint=server,dir=" + t.path("keys"))
    migration.set_parameters(vm, tls_creds="tls0")
    uri = migration.listen(vm)
    with migration.tls_knock(uri, plain) as stream:
        stream.sendall(b"x")
    vm.qmp.cmd("__org.minivisor_tls-creds-reload", id="tls0")
    with migration.tls_knock(uri, plain) as stream:
        stream.sendall(b"x")
    core = core_of(t, vm)
    t.check(b"server-key.pem" in core, "it is the core of that process")
    with open(t.path("keys/keys.psk"), encoding="ascii") as keys:
        shared = keys.read().split(":")[1].strip()
    key = bytes_of(os.path.join(folder, "server-key.pem"), ("-passin", "pass:" + secret.decode()))
    for what, found in (("the secret", [secret]), ("the key", key), ("the shared key", [shared.encode(), bytes.fromhex(shared)])):
        for form in found:
            t.eq(core.count(form), 0, what)


def put_folder(source, target):
    """Replaces the files of a credentials folder."""
    for name in os.listdir(source):
        with open(os.path.join(source, name), "rb") as data, open(os.path.join(target, name), "wb") as out:
            out.write(data.read())


def test_reload_of_credentials(t):
    "credentials are loaded anew by command, all or nothing, and info tls shows which ones are in force"
    t.requires_minivisor("QEMU has no such command")
    folder, other = t.pki.server("first"), t.pki.server("second", dn=[("CN", "second")])
    vm = t.start("-object", "tls-creds-x509,id=tls0,endpoint=server,dir=" + folder)
    before = vm.qmp.cmd("__org.minivisor_query-tls-creds")
    t.eq([(c["id"], c["type"], c["endpoint"], c["generation"]) for c in before], [("tls0", "tls-creds-x509", "server", 1)])
    t.eq([c["role"] for c in before[0]["certificates"]], ["own", "ca"])
    t.eq(before[0]["certificates"][0]["subject"], "CN=localhost")
    t.check(before[0]["certificates"][0]["seconds-left"] > 300 * 86400, "a year at most, and most of it left")

    put_folder(other, folder)
    t.eq(vm.qmp.hmp("tls_creds_reload tls0"), [])
    after = vm.qmp.cmd("__org.minivisor_query-tls-creds")
    t.eq((after[0]["generation"], after[0]["certificates"][0]["subject"]), (2, "CN=second"))
    t.check(after[0]["certificates"][0]["fingerprint"] != before[0]["certificates"][0]["fingerprint"], "another certificate")
    t.eq(vm.qmp.hmp("info tls")[:2], ["tls0: tls-creds-x509, server, generation 2", "  own CN=second"])

    os.unlink(os.path.join(folder, "server-key.pem"))
    reason = vm.qmp.error("__org.minivisor_tls-creds-reload", id="tls0")
    t.eq(reason, "Unable to access credentials %s/server-key.pem: No such file or directory" % folder)
    t.eq(vm.qmp.cmd("__org.minivisor_query-tls-creds")[0]["generation"], 2)
    t.eq(vm.qmp.error("__org.minivisor_tls-creds-reload", id="nope"), "No TLS credentials with id 'nope'")


def test_a_reload_counts_from_the_next_connection_on(t):
    "a waiting destination shows its new certificate to the next source, without listening anew"
    t.requires_minivisor("QEMU has no such command")
    folder = t.pki.server("old", expired=False, dn=[("CN", "localhost")])
    target = t.start("-incoming", "defer")
    source = t.start()
    migration.add_creds(target, "server", folder)
    migration.add_creds(source, "client", t.pki.client("client"))
    uri = migration.listen(target)
    put_folder(t.pki.server("new", san="DNS:elsewhere"), folder)
    target.qmp.cmd("__org.minivisor_tls-creds-reload", id="tls0")
    source.qmp.cmd("migrate", uri=uri)
    migration.wait_status(source, "failed")
    t.eq(source.qmp.cmd("query-migrate")["error-desc"], "Certificate does not match the hostname 127.0.0.1")
    put_folder(t.pki.server("newer"), folder)
    target.qmp.cmd("__org.minivisor_tls-creds-reload", id="tls0")
    source.qmp.cmd("migrate", uri=uri)
    migration.wait_status(source, "completed")
