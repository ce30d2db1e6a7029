# SPDX-License-Identifier: GPL-3.0-or-later
"""The transcripts that the project was made from, typed as they stand there.

Changed are only the folder of the credentials, the host's name and the port, which belong to the writers' machines;
continuation lines are joined; and the two migrate_set_parameter lines are added without which
neither TLS nor the check would be in force.
"""
from harness import migration

# The identity in the order in which the transcript writes it: the certificate is encoded so.
LAPTOP = "CN=laptop.example.com,O=Example Org,L=London,ST=London,C=GB"


def joined(text):
    """Console lines of a transcript: what stands behind the prompt, with continuation lines joined."""
    lines = []
    for line in text.strip().splitlines():
        line = line.strip()
        if line.startswith("(qemu) "):
            lines.append(line[len("(qemu) "):])
        else:
            lines[-1] += line
        lines[-1] = lines[-1].rstrip("\\").rstrip() if lines[-1].endswith("\\") else lines[-1]
    return lines


AUTHZ = r"""
     (qemu) object_add tls-creds-x509,id=tls0,dir=CREDENTIALS,\
                endpoint=server,verify-peer=yes \
     (qemu) object_add authz-simple,id=auth0,identity=CN=laptop.example.com,,\
                O=Example Org,,L=London,,ST=London,,C=GB \
"""
INCOMING = "migrate_incoming tcp:localhost:9000"


def run(t, vm, lines):
    for line in lines:
        t.eq(vm.hmp.send(line), [], line)


def destination(t):
    """The transcript's destination, with its two added lines; returns it and the address for the source."""
    vm = t.start("-m", "64M", "-incoming", "defer", name="destination", hmp="pipe")
    lines = joined(AUTHZ.replace("CREDENTIALS", t.pki.server("qemutls")))
    t.eq(lines[1], "object_add authz-simple,id=auth0,identity=CN=laptop.example.com,,O=Example Org,,L=London,,ST=London,,C=GB")
    run(t, vm, lines + ["migrate_set_parameter tls-creds tls0", "migrate_set_parameter tls-authz auth0",
                        INCOMING.replace("9000", "0")])
    address = [line.strip() for line in vm.hmp.send("info migrate") if line.strip().startswith("tcp:")]
    return vm, "tcp:localhost:" + address[0].rsplit(":", 1)[1]


def source(t, dn, name):
    vm = t.start("-m", "64M", *migration.loader(migration.ram_image(t, name + ".ram", mib=4)), name=name, hmp="pipe")
    run(t, vm, ["object_add tls-creds-x509,dir=%s,endpoint=client,id=tls0" % t.pki.client(name, dn=t.pki.dn(dn)),
                "migrate_set_parameter tls-creds tls0"])
    return vm


def test_the_first_transcript(t):
    "seed 000: the sender of the transcript's identity gets in, another is refused and told apart"
    vm, uri = destination(t)
    stranger = source(t, "CN=desktop.example.com,O=Example Org,L=London,ST=London,C=GB", "stranger")
    stranger.hmp.send("migrate -d " + uri)
    migration.wait_status(stranger, "failed")
    vm.wait_stderr("TLS x509 authz check for CN=desktop.example.com,O=Example Org,L=London,ST=London,C=GB is denied")
    t.eq(vm.qmp.cmd("query-status")["status"], "inmigrate")
    sender = source(t, LAPTOP, "laptop")
    sender.hmp.send("migrate -d " + uri)
    migration.wait_status(sender, "completed")
    migration.wait_run_state(vm, "running")
    t.eq(migration.digest(vm), migration.digest(sender), "the memory of both")


def test_the_order_of_the_identity_matters(t):
    "seed 000: a certificate with the same names in another order is refused"
    vm, uri = destination(t)
    turned = source(t, ",".join(reversed(LAPTOP.split(","))), "turned")
    turned.hmp.send("migrate -d " + uri)
    migration.wait_status(turned, "failed")
    vm.wait_stderr("TLS x509 authz check for C=GB,ST=London,L=London,O=Example Org,CN=laptop.example.com is denied")


def test_the_second_transcript(t):
    "seed 001: migrate_set_str_parameter on both hosts, then migrate_incoming and migrate"
    t.requires_minivisor("QEMU 7.2 has no migrate_set_str_parameter")
    target = t.start("-m", "64M", "-incoming", "defer", "-object",
                     "tls-creds-x509,dir=%s,endpoint=server,id=tls0" % t.pki.server("target-tls"), name="target", hmp="pipe")
    run(t, target, ["migrate_set_str_parameter tls-creds tls0", "migrate_incoming tcp:localhost:0"])
    uri = "tcp:localhost:%s" % target.qmp.cmd("query-migrate")["socket-address"][0]["port"]
    vm = t.start("-m", "64M", "-object", "tls-creds-x509,dir=%s,endpoint=client,id=tls0" % t.pki.client("source-tls"),
                 *migration.loader(migration.ram_image(t, mib=4)), name="source", hmp="pipe")
    run(t, vm, ["migrate_set_str_parameter tls-creds tls0"])
    t.eq(vm.hmp.send("migrate " + uri), [])
    migration.wait_status(vm, "completed")
    migration.wait_run_state(target, "running")
    t.eq(migration.digest(target), migration.digest(vm), "the memory of both")


def test_the_second_transcripts_failure(t):
    "seed 001: a wrong host name fails, and info migrate says so in the transcript's line"
    t.requires_minivisor("QEMU 7.2 prints the reason in brackets only, and the destination ends")
    target = t.start("-m", "64M", "-incoming", "defer", "-object", "tls-creds-x509,dir=%s,endpoint=server,id=tls0"
                     % t.pki.server("target-tls", dn=t.pki.dn("CN=otherhostname"), san="DNS:otherhostname"), name="target", hmp="pipe")
    run(t, target, ["migrate_set_str_parameter tls-creds tls0", "migrate_incoming -k tcp:localhost:0"])
    uri = "tcp:localhost:%s" % target.qmp.cmd("query-migrate")["socket-address"][0]["port"]
    vm = t.start("-m", "64M", "-object", "tls-creds-x509,dir=%s,endpoint=client,id=tls0" % t.pki.client("source-tls"),
                 name="source", hmp="pipe")
    run(t, vm, ["migrate_set_str_parameter tls-creds tls0", "migrate -d " + uri])
    lines = vm.hmp.wait_for("info migrate", "failed")
    t.check("Migration status: failed (Certificate does not match the hostname localhost)" in lines, lines)
    t.check("error description: Certificate does not match the hostname localhost" in lines, lines)
    t.check(any(line.startswith("total time: ") and line.endswith(" ms") for line in lines), lines)
    t.eq(target.qmp.cmd("query-status")["status"], "inmigrate")
    # With the right name it gets in.
    run(t, vm, ["migrate_set_str_parameter tls-hostname otherhostname", "migrate -d " + uri])
    migration.wait_status(vm, "completed")
