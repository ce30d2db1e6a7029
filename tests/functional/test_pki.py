# SPDX-License-Identifier: GPL-3.0-or-later
"""minivisor-pki: what it makes lets the right ones in, here and at QEMU, and it never does harm unasked."""
import os
import shutil
import stat
import subprocess

from harness import migration
from test_golden import compare
from test_migration import finish
from test_migration_qemu import moved, peers

NAME = "C=GB,O=Example Org,CN=laptop.example.com"
HOSTS = ("localhost", "127.0.0.1", "::1")
KEYS = ("p256", "p384", "rsa", "ed25519")


def run(t, *words, umask=0o022):
    t.requires_minivisor("the program is its own")
    tool = os.path.join(os.path.dirname(t.binary), "minivisor-pki")
    return subprocess.run([tool, *words], cwd=t.dir, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE, text=True, timeout=30, umask=umask)


def pki(t, *words, **more):
    """Runs a command that must succeed in silence; its lines without their indentation."""
    done = run(t, *words, **more)
    t.eq((done.returncode, done.stderr), (0, ""), " ".join(words))
    return [line.lstrip() for line in done.stdout.splitlines()]


def refusal(t, *words):
    """Runs a command that must fail; the error's lines."""
    done = run(t, *words)
    t.eq(done.returncode, 1, " ".join(words))
    t.check(done.stderr.startswith("minivisor-pki: "), done.stderr)
    return done.stderr[len("minivisor-pki: "):].rstrip("\n")


def objects(lines):
    """The console lines among what was printed."""
    return [line for line in lines if line.startswith("object_add ")]


def make(t, *options):
    """An authority with a server and a client; what was printed about those two."""
    pki(t, "init", "ca", "--days", "2")
    return pki(t, "server", "ca", "dest", *HOSTS, *options), pki(t, "client", "ca", "source", NAME, *options)


def contents(folder):
    return {name: open(os.path.join(folder, name), "rb").read() for name in os.listdir(folder)
            if os.path.isfile(os.path.join(folder, name))}


def test_migration(t):
    "pasted as they are printed, its lines let the one client in and keep the other out, until that is revoked"
    server, client = make(t)
    stranger = pki(t, "client", "ca", "stranger", NAME.replace("laptop", "stranger"))
    target = t.start("-m", "64M", "-incoming", "defer", name="target")
    source = t.start("-m", "64M", *migration.loader(migration.ram_image(t)), name="source")
    for instance, line in ((target, objects(server)[0]), (target, objects(client)[1])):
        t.eq(instance.qmp.hmp(line), [], line)
    migration.set_parameters(target, tls_creds="tls0", tls_authz="auth0")
    uri = migration.listen(target)

    def refused(reason):
        source.qmp.cmd("migrate", uri=uri)
        migration.wait_status(source, "failed")
        target.wait_stderr(reason)
    migration.set_parameters(source, tls_creds="tls0")
    t.eq(source.qmp.hmp(objects(stranger)[0]), [])
    refused("TLS x509 authz check for %s is denied" % NAME.replace("laptop", "stranger"))

    pki(t, "revoke", "ca", NAME.replace("laptop", "stranger"), "--update", "dest")
    t.eq(target.qmp.hmp("tls_creds_reload tls0"), [])
    refused("The certificate has been revoked")
    source.qmp.cmd("object-del", id="tls0")
    t.eq(source.qmp.hmp(objects(client)[0]), [])
    source.qmp.cmd("migrate", uri=uri)
    finish(t, source, target)


def test_with_qemu(t):
    "a real QEMU takes its files, as source and as destination, whatever kind of key"
    t.requires_minivisor("QEMU is the peer")
    make(t)
    for sender in ("qemu", "minivisor"):
        source, target = peers(t, sender)
        migration.add_creds(target, "server", t.path("dest"))
        migration.add_creds(source, "client", t.path("source"))
        migration.allow(target, NAME)
        source.qmp.cmd("migrate", uri=migration.listen(target))
        moved(t, source, target)
        for instance in (source, target):
            instance.qmp.cmd("quit")
            instance.wait_exit(0)
    qemu = t.start(name="qemu", binary=t.real_qemu())
    ours = t.start(name="ours")
    for key in KEYS:
        pki(t, "server", "ca", "dest-" + key, *HOSTS, "--key", key)
        pki(t, "client", "ca", "source-" + key, NAME, "--key", key)
        for vm in (qemu, ours):
            migration.add_creds(vm, "server", t.path("dest-" + key), id_="s-" + key)
            migration.add_creds(vm, "client", t.path("source-" + key), id_="c-" + key)


def test_keys_with_qemu(t):
    "a migration from QEMU comes in with a key of its keys.psk"
    lines = pki(t, "psk", "keys", "alice")
    pki(t, "psk", "keys")
    source, target = peers(t, "qemu")
    t.eq(target.qmp.hmp(objects(lines)[1]), [])
    t.eq(source.qmp.hmp(objects(lines)[0]), [])
    for instance in (source, target):
        migration.set_parameters(instance, tls_creds="tls0")
    source.qmp.cmd("migrate", uri=migration.listen(target))
    moved(t, source, target)


def test_gnutls_agrees(t):
    "certtool trusts what it makes, and knows of what is revoked"
    if not shutil.which("certtool"):
        t.skip("certtool is not installed")
    make(t)

    def verdict(role, folder):
        return subprocess.run(["certtool", "--verify", "--load-ca-certificate", "ca/ca-cert.pem", "--load-crl", "ca/ca-crl.pem",
                               "--verify-profile", "medium", "--infile", "%s/%s-cert.pem" % (folder, role)], cwd=t.dir,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True).stdout
    for role, folder in (("server", "dest"), ("client", "source")):
        t.has(verdict(role, folder), "The certificate is trusted")
    pki(t, "revoke", "ca", "source/client-cert.pem")
    t.has(verdict("client", "source"), "revoked")
    t.has(verdict("server", "dest"), "The certificate is trusted")


def test_who_may_read(t):
    "keys are their owner's alone and nothing can be written by others, whatever the shell's mask says"
    for step in (("init", "ca"), ("server", "ca", "both", *HOSTS), ("client", "ca", "both", NAME), ("psk", "keys")):
        pki(t, *step, umask=0)
    for folder in ("ca", "both", "keys", "ca/issued"):
        for name in os.listdir(t.path(folder)):
            mode = stat.S_IMODE(os.lstat(os.path.join(t.path(folder), name)).st_mode)
            secret = "key" in name
            t.eq(mode, 0o600 if secret else 0o700 if name == "issued" else 0o644, folder + "/" + name)
    t.eq(sorted(os.listdir(t.path("both"))), ["ca-cert.pem", "ca-crl.pem", "client-cert.pem", "client-key.pem",
                                              "server-cert.pem", "server-key.pem"])
    pki(t, "server", "ca", "mine", *HOSTS, umask=0o077)
    t.eq(stat.S_IMODE(os.lstat(t.path("mine/server-cert.pem")).st_mode), 0o600, "a stricter mask counts")


def test_nothing_is_overwritten(t):
    "what is there stays until --force says otherwise, and a refusal leaves nothing half done"
    make(t)
    pki(t, "psk", "keys", "alice")
    before = {folder: contents(t.path(folder)) for folder in ("ca", "ca/issued", "dest", "source", "keys")}
    pki(t, "init", "other")
    for words, file in ((("init", "ca"), "ca/ca-key.pem"), (("server", "ca", "dest", *HOSTS), "dest/server-cert.pem"),
                        (("client", "ca", "source", NAME), "source/client-cert.pem"),
                        (("client", "other", "dest", NAME), "dest/ca-cert.pem")):
        t.eq(refusal(t, *words), "%s is there already; --force replaces it" % t.path(file))
    t.eq(refusal(t, "psk", "keys", "alice"), "%s has a key for 'alice' already; --force replaces it" % t.path("keys/keys.psk"))
    for folder, held in before.items():
        t.eq(contents(t.path(folder)) == held, True, folder)

    pki(t, "psk", "keys", "bob")
    added = contents(t.path("keys"))["keys.psk"]
    t.check(added.startswith(before["keys"]["keys.psk"]), "the first key is kept")
    pki(t, "psk", "keys", "alice", "--force")
    t.eq([line.split(b":")[0] for line in contents(t.path("keys"))["keys.psk"].split()], [b"bob", b"alice"])
    pki(t, "client", "ca", "source", NAME, "--force")
    t.check(contents(t.path("source"))["client-key.pem"] != before["source"]["client-key.pem"], "a new key")
    pki(t, "client", "other", "dest", NAME, "--force")
    t.eq(contents(t.path("dest"))["ca-cert.pem"], contents(t.path("other"))["ca-cert.pem"])


def test_the_printed_identity(t):
    "a name with odd characters becomes exactly the identity that was typed, for minivisor and in its printed lines"
    pki(t, "init", "ca")
    names = ("CN=a\\,b\\+c\\=d,O=x", "O=a+OU=b,CN=c", "DC=example,DC=com,UID=jo", "EMAIL=a@example.com", "CN=\\ a \\#\\ ",
             "CN=\\#1", "CN=Jürgen 日本,O=it's;".replace(";", "\\;"), "C=GB,serialNumber=17,title=Dr", "2.5.4.97=VAT")
    for i, name in enumerate(names):
        lines = pki(t, "client", "ca", "c%d" % i, name)
        asked = t.start("-identity", t.path("c%d/client-cert.pem" % i), qmp=0, base=())
        asked.wait_exit(0)
        found = asked.out.text().rstrip("\n")
        wanted = "2.5.4.97=#0c03564154" if name.startswith("2.5") else name.replace("\\=", "=").replace("a \\#", "a #")
        t.eq(found, wanted)
        t.has(lines, "identity   " + wanted)
        vm = t.start(name="vm%d" % i)
        t.eq(vm.qmp.hmp(objects(lines)[1]), [])
        t.eq(vm.qmp.cmd("qom-get", path="/objects/auth0", property="identity"), found)
        option = next(line for line in lines if line.startswith("-object 'authz-simple"))
        asked = subprocess.run(["sh", "-c", '"$0" %s -check-authz "auth0,filename=$1"' % option, t.binary,
                                t.path("c%d/client-cert.pem" % i)], stdout=subprocess.PIPE, text=True)
        t.eq((asked.returncode, asked.stdout.splitlines()[0]), (0, "allowed: " + found))


def test_show(t):
    "show tells what is in an authority, in credentials and in a file, and whether they are usable"
    make(t)
    pki(t, "psk", "source", "alice")
    pki(t, "revoke", "ca", NAME)
    shown = pki(t, "show", "ca")
    t.has(shown, NAME + ": REVOKED")
    t.eq("CN=localhost" in shown, True)
    shown = pki(t, "show", "source", "dest/server-cert.pem")
    for line in ("usable     yes", "identity   " + NAME, "hosts      localhost, 127.0.0.1, ::1", "user       alice"):
        t.eq(line in shown, True, line)
    t.lacks(shown, contents(t.path("source"))["keys.psk"].split(b":")[1].decode().strip())
    shutil.copy(t.path("dest/server-key.pem"), t.path("source/client-key.pem"))
    t.has(pki(t, "show", "source"), "The certificate and the given key do not match.")
    t.eq(refusal(t, "show", "."), "%s holds neither an authority nor credentials" % t.dir)
    t.eq(refusal(t, "show", "dest/server-key.pem"), "%s holds no certificate" % t.path("dest/server-key.pem"))


def test_revoke(t):
    "revoking finds a certificate by name, serial number or file, takes what was revoked before, and no stranger's"
    make(t)
    pki(t, "client", "ca", "second", "second")
    t.has(pki(t, "revoke", "ca", "second"), "revoked: CN=second")
    serial = [line.split()[1] for line in pki(t, "show", "source/client-cert.pem") if line.startswith("serial")][0]
    t.has(pki(t, "revoke", "ca", serial, NAME, "second"), "was revoked before: CN=second")
    t.eq(pki(t, "show", "ca").count(NAME + ": REVOKED"), 1)
    pki(t, "init", "other")
    pki(t, "client", "other", "third", "third")
    t.eq(refusal(t, "revoke", "ca", "third/client-cert.pem"), "third/client-cert.pem is of another authority")
    t.has(refusal(t, "revoke", "ca", "nobody"), "Nothing was issued to 'nobody'\nIt has issued: ")
    t.has(refusal(t, "revoke", "ca", "second", "--update", "third"), "does not trust this authority")


def test_bad_input(t):
    "what cannot be made is refused with the reason, and leaves no folder behind"
    pki(t, "init", "ca")
    t.write("file", "")
    for words, reason in (
            (("client", "ca", "x", "SN=Doe"), "'SN' is no attribute of a name"), (("client", "ca", "x", "C=GBR"), "C=GBR: string too long"),
            (("client", "ca", "x", "CN=" + 65 * "a"), "string too long"), (("client", "ca", "x", "CN=a,O="), "the attribute O has no value"),
            (("client", "ca", "x", "CN=a\nO=b"), "without control characters"), (("client", "ca", "x", "a\\,b=c"), "is no attribute"),
            (("client", "ca", "x", "CN=a\\"), "a backslash stands before"), (("client", "ca", "x", ""), "an argument is empty"),
            (("server", "ca", "x", "a,IP:1.2.3.4"), "is neither an address nor a host name"),
            (("server", "ca", "x", "host", "bücher.example"), "xn--"), (("server", "ca", "x"), "it is written: minivisor-pki server"),
            (("client", "ca", "x", "a", "--days", "0"), "--days is a number from 1 to 36500"),
            (("client", "ca", "x", "a", "--key", "dsa"), "'dsa' is no kind of key"), (("client", "ca", "x", "a", "--hosts", "b"), "has no option --hosts"),
            (("server", "ca", "x", "host", "-x"), "server has no option -x"),
            (("client", "ca", "x", "a", "--days"), "needs a value"), (("client", "ca", "x", "a", "--days=1", "--days=2"), "is there twice"),
            (("client", "none", "x", "a"), "holds no certificate authority"), (("client", "ca", "file/x", "a"), "Not a directory"),
            (("psk", "keys", "a:b"), "a user is text"), (("psk", "keys", 129 * "a"), "a user is text"),
            (("show", "nothing"), "No such file or directory"), (("frob",), "there is no command 'frob'")):
        t.has(refusal(t, *words), reason, " ".join(words))
    t.eq(sorted(os.listdir(t.dir)), ["ca", "file"])
    shutil.copy(t.path("ca/ca-key.pem"), t.path("kept"))
    pki(t, "init", "other")
    shutil.copy(t.path("other/ca-key.pem"), t.path("ca/ca-key.pem"))
    t.has(refusal(t, "client", "ca", "x", "a"), "do not belong together")


def test_no_longer_than_the_authority(t):
    "a certificate ends with its authority at the latest"
    pki(t, "init", "ca", "--days", "3")
    ends = [next(line for line in lines if line.startswith("until")).split()[1] for lines in
            (pki(t, "show", "ca"), pki(t, "client", "ca", "long", "long"), pki(t, "client", "ca", "short", "short", "--days", "1"))]
    t.eq(ends[0], ends[1])
    t.check(ends[2] < ends[0], ends)


def test_help(t):
    "--help of minivisor-pki reads as kept"
    compare(t, "pki.txt", run(t, "--help").stdout)
