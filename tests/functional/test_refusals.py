# SPDX-License-Identifier: GPL-3.0-or-later
"""Every way to be refused at a destination's door, with the words of both sides: the table in docs/security.md.

Each row of the table is a test. MINIVISOR_ACCEPT=1 with --jobs 1 writes what is said now into the table.
"""
import os
import re

from harness import migration
from harness.tls import CLIENT_DN, Pki

PAGE = os.path.join(os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))), "docs", "security.md")
GOOD = Pki.identity(CLIENT_DN)
MALLORY = Pki.dn("C=GB,O=Example Org,CN=mallory.example.com")
KEY = "a" * 64


# -- credentials: functions that give them to an instance

def server(priority="NORMAL", **leaf):
    return lambda t, vm: migration.add_creds(vm, "server", t.pki.server("server-of-" + vm.name, **leaf), sanity_check=False,
                                             priority=priority)


def client(priority="NORMAL", **leaf):
    return lambda t, vm: migration.add_creds(vm, "client", t.pki.client("client-of-" + vm.name, **leaf), sanity_check=False,
                                             priority=priority)


def borrowed(role, as_role):
    """The certificate of one role, with all that the other would need but the usage, under the file names of the other."""
    def give(t, vm):
        folder = getattr(t.pki, role)("borrowed", dn=CLIENT_DN, san="DNS:localhost", critical_usage=True)
        for kind in ("cert", "key"):
            os.rename(os.path.join(folder, "%s-%s.pem" % (role, kind)), os.path.join(folder, "%s-%s.pem" % (as_role, kind)))
        migration.add_creds(vm, as_role, folder, sanity_check=False)
    return give


def psk(endpoint, user, key=KEY):
    def give(t, vm):
        folder = t.path("psk-" + vm.name)
        os.makedirs(folder)
        with open(os.path.join(folder, "keys.psk"), "w", encoding="ascii") as out:
            out.write("%s:%s\n" % (user, key))
        more = {"username": user} if endpoint == "client" else {}
        vm.qmp.cmd("object-add", qom_type="tls-creds-psk", id_="tls0", endpoint=endpoint, dir_=folder, **more)
        migration.set_parameters(vm, tls_creds="tls0")
    return give


def anonymous(endpoint):
    def give(t, vm):
        vm.qmp.cmd("object-add", qom_type="tls-creds-anon", id_="tls0", endpoint=endpoint)
        migration.set_parameters(vm, tls_creds="tls0")
    return give


def nothing(t, vm):
    pass


# -- who may come in

def only(identity=GOOD):
    return lambda t, vm: migration.allow(vm, identity)


def rules(*rules, policy="deny"):
    def give(t, vm):
        vm.qmp.cmd("object-add", qom_type="authz-list", id_="auth0", policy=policy,
                   rules=[{"match": match, "policy": verdict, "format": "glob"} for match, verdict in rules])
        migration.set_parameters(vm, tls_authz="auth0")
    return give


def broken_file(t, vm):
    path = t.write("rules.json", '{"rules": [{"match": "*", "policy": "allow", "format": "glob"}], "policy": "deny"}')
    vm.qmp.cmd("object-add", qom_type="authz-list-file", id_="auth0", filename=path)
    migration.set_parameters(vm, tls_authz="auth0")
    t.write("rules.new", '{"rules": [{"match": "*", "pol')
    os.rename(t.path("rules.new"), path)
    vm.wait_stderr("JSON parse error")


def gone(t, vm):
    migration.allow(vm, GOOD)
    vm.qmp.cmd("object-del", id_="auth0")


def named(id_):
    return lambda t, vm: migration.set_parameters(vm, tls_authz=id_)


def no_credentials(t, vm):
    migration.set_parameters(vm, tls_creds="")


def told_beside(t, target, refusal):
    """Who has shown a certificate is refused with its validity, and whom an object has refused with what it found."""
    judged = refusal["stage"] in ("verify", "authorize")
    shown = judged and "No certificate" not in refusal["reason"]
    t.eq(["not-before" in refusal, "not-after" in refusal], [shown, shown])
    t.eq("decision" in refusal, refusal["stage"] == "authorize" and "empty subject" not in refusal["reason"])
    lines = []
    if shown:
        lines.append("certificate valid from %(not-before)s until %(not-after)s" % refusal)
    if "decision" in refusal:
        lines.append("decision: " + refusal["decision"])
    for line in lines:
        t.has(target.qmp.hmp("info migrate"), "  " + line)
    target.wait_stderr("".join(["refused .*stage %s.*" % refusal["stage"], *(", " + re.escape(line) for line in lines), r"\)"]))


class Case:
    def __init__(self, title, server=server(), client=client(), authz=only(), late=nothing, host="localhost", says=None):
        self.title, self.server, self.client, self.authz, self.late, self.host, self.says = \
            title, server, client, authz, late, host, says

    def words(self, t):
        """How far the peer came, and what the destination and the source say."""
        target = t.start("-m", "64M", "-incoming", "defer", name="target")
        self.server(t, target)
        self.authz(t, target)
        address = migration.listen(target)
        self.late(t, target)
        source_says = "-"
        if self.says is not None:
            migration.knock(address, self.says).close()
        else:
            source = t.start("-m", "64M", name="source")
            self.client(t, source)
            migration.set_parameters(source, tls_hostname=self.host)
            source.qmp.cmd("migrate", uri=address)
            source_says = migration.wait_status(source, "failed")["error-desc"]
            t.eq(migration.wait_run_state(source, "running"), "running", "the guest goes on at the source")
            if re.match("The certificate|Certificate", source_says):        # it was the source that judged
                source.wait_stderr("the destination's certificate .* is valid from 2.*Z until 2.*Z")
        refusal = target.qmp.wait_event("__org.minivisor_MIGRATION_REFUSED")["data"]
        said = target.qmp.cmd("query-migrate")
        t.eq(said["error-desc"], refusal["reason"], "query-migrate and the event")
        t.eq(said["__org.minivisor_last-refusal"], refusal)
        t.has(target.qmp.hmp("info migrate"), refusal["reason"], "info migrate")
        target.wait_stderr(re.escape(refusal["reason"].split(";")[0]))
        told_beside(t, target, refusal)
        t.eq(target.qmp.cmd("query-status")["status"], "inmigrate", "the destination waits on")
        return refusal["stage"], plain(t, refusal["reason"]), BROKEN.sub("(that the connection broke)", plain(t, source_says))

    def row(self, stage, destination, source):
        return "| %s | %s | %s | %s |" % (self.title, stage, *(text.replace("|", "\\|") for text in (destination, source)))


# A connection that is closed shows itself as one of these, as the scheduler wills.
BROKEN = re.compile(r"(TLS handshake failed|Unable to (read from|write to) socket): (Connection reset by peer|Broken pipe)|"
                    r"TLS handshake failed: The TLS connection was non-properly terminated\.|"
                    r"The destination closed the connection before it said that it has the guest")


def plain(t, text):
    """Without what differs from run to run."""
    text = text.replace(t.dir, "DIR")
    text = re.sub(r"\d{4}-\d\d-\d\d[ T]\d\d:\d\d:\d\dZ?", "DATE", text)
    return re.sub(r"127\.0\.0\.1:\d+", "ADDRESS", text)


CASES = [
    Case("an identity that `authz-simple` does not name", client=client(dn=MALLORY)),
    Case("an identity that a rule denies", authz=rules(("*CN=client.*", "deny"))),
    Case("an identity that no rule matches", authz=rules(("CN=admin*", "allow"))),
    Case("a file of rules that cannot be read as such", authz=broken_file),
    Case("`tls-authz` names no object", authz=gone),
    Case("`tls-authz` names an object of another kind", authz=named("tls0")),
    Case("`tls-authz` is the empty string", authz=named("")),
    Case("`tls-authz` was set when plain peers were waited for", server=nothing, client=nothing, authz=nothing, late=only()),
    Case("the credentials were taken away", authz=nothing, late=no_credentials),
    Case("a sender without a certificate", client=client(omit=["client-cert.pem", "client-key.pem"])),
    Case("a sender's certificate of another CA", client=client(ca="other", trust="main")),
    Case("a sender's certificate that has expired", client=client(expired=True)),
    Case("a sender's certificate of tomorrow", client=client(not_yet=True)),
    Case("a sender's certificate that is revoked",
         server=lambda t, vm: server(revoked=[t.pki.leaf("client", dn=MALLORY)])(t, vm), client=client(dn=MALLORY)),
    Case("a server's certificate in the hands of a sender", client=borrowed("server", "client")),
    Case("a sender's certificate without a name", client=client(dn=[])),
    Case("the destination's certificate has another name", host="elsewhere.example.com"),
    Case("the destination's certificate has expired", server=server(expired=True)),
    Case("the destination's certificate is of another CA", server=server(ca="other", trust="main")),
    Case("the destination's certificate is revoked", client=lambda t, vm: client(revoked=[t.pki.leaf("server")])(t, vm)),
    Case("a client's certificate in the hands of the destination", server=borrowed("client", "server")),
    Case("no version of TLS in common", server=server("NORMAL:-VERS-TLS1.2"), client=client("NORMAL:-VERS-TLS1.3")),
    Case("a key for PSK that is another", server=psk("server", "alice"), client=psk("client", "alice", "b" * 64), authz=nothing),
    Case("a user of PSK without a key", server=psk("server", "alice"), client=psk("client", "bob"), authz=nothing),
    Case("a sender with PSK where certificates are wanted", client=psk("client", "alice")),
    Case("a sender with a certificate where PSK is wanted", server=psk("server", "alice"), authz=nothing),
    Case("an anonymous sender where certificates are wanted", client=anonymous("client")),
    Case("a sender without TLS", client=nothing),
    Case("a sender with TLS at a plain door", server=nothing, authz=nothing),
    Case("a peer that speaks something else", says=b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"),
    Case("a peer that hangs up without a word", says=b""),
    Case("something else at a plain door", server=nothing, authz=nothing, says=b"SSH-2.0-OpenSSH_9.2\r\n"),
]


def make_test(case):
    def test(t):
        t.requires_minivisor("the sentences are its own")
        found = case.row(*case.words(t))
        with open(PAGE, encoding="utf-8") as page:
            text = page.read()
        wanted = next((line for line in text.splitlines() if line.startswith("| %s |" % case.title)), None)
        t.check(wanted, "docs/security.md has no row: " + found)
        if os.environ.get("MINIVISOR_ACCEPT") == "1":
            with open(PAGE, "w", encoding="utf-8") as page:
                page.write(text.replace(wanted, found))
            t.skip("accepted as the row in docs/security.md")
        t.eq(found, wanted, "docs/security.md")
    test.__doc__ = "refused, and both sides say so: " + case.title.replace("`", "")
    return test


for number, case in enumerate(CASES):
    globals()["test_%02d" % number] = make_test(case)



def test_the_table(t):
    "the table of refusals in docs/security.md has the rows that are tested, in that order, and no other"
    with open(PAGE, encoding="utf-8") as page:
        table = page.read().split("## What a refused peer is told, and what the destination says\n")[1].split("\n## ")[0]
    rows = [line.split(" | ")[0][2:] for line in table.splitlines() if line.startswith("| ")][2:]
    t.eq(rows, [case.title for case in CASES])
