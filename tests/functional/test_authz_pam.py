# SPDX-License-Identifier: GPL-3.0-or-later
"""authz-pam with the system's PAM: what its modules say decides, also when they take their time or hang."""
import os

from harness import migration
from test_migration import descriptors, finish, pair
from test_migration_tls import GOOD, over, secure, then_the_right_one

MALLORY = [("C", "GB"), ("O", "Example Org"), ("CN", "mallory")]
MALLORY_DN = "C=GB,O=Example Org,CN=mallory"


def service(t, *stack):
    """A service file in the test's folder; the arguments of the object that asks it."""
    os.makedirs(t.path("pam.d"), exist_ok=True)
    t.write("pam.d/gate", "".join("account required %s\n" % line for line in stack))
    return {"qom-type": "authz-pam", "id": "auth0", "service": "gate", "__org.minivisor_directory": t.path("pam.d")}


def friends(t):
    t.write("friends", GOOD + "\n")
    return service(t, "pam_listfile.so item=user sense=allow onerr=fail file=" + t.path("friends"))


def script(t, text):
    path = t.write("judge", "#!/bin/sh\n" + text)
    os.chmod(path, 0o700)
    return service(t, "pam_exec.so quiet " + path)


def hangs_for(t, who):
    """A module that never ends for one identity and allows all others."""
    os.mkfifo(t.path("fifo"))
    fifo = os.open(t.path("fifo"), os.O_RDWR)
    t.cleanups.append(lambda: os.close(fifo))      # what still waits there ends
    return script(t, "[ \"$PAM_USER\" != '%s' ] || exec cat <%s >/dev/null\n" % (who, t.path("fifo")))


def authorize(vm, object_):
    vm.qmp.execute("object-add", object_)
    migration.set_parameters(vm, tls_authz="auth0")


def mallory(t, address):
    """A source whose certificate is good and whose name is not, on its way."""
    source = t.start("-m", "64M", name="mallory")
    migration.add_creds(source, "client", t.pki.client("mallory", dn=MALLORY))
    source.qmp.cmd("migrate", uri=address)
    return source


def test_migration(t):
    "a PAM account stack lets the right sender in and refuses another one, which learns it from the handshake"
    target = t.start("-m", "64M", "-incoming", "defer", name="target")
    t.requires_minivisor("Debian's QEMU is built without PAM")
    migration.add_creds(target, "server", t.pki.server())
    authorize(target, friends(t))
    address = migration.listen(target)
    said = migration.wait_status(mallory(t, address), "failed")["error-desc"]
    t.has(said, "not authorized")
    target.wait_stderr("^[^ ]+: Unable to authorize user '%s': " % MALLORY_DN)
    then_the_right_one(t, target, address)


def test_a_descriptor(t):
    "a sender on a descriptor that was passed is asked about in the same way"
    t.requires_minivisor("Debian's QEMU is built without PAM")
    source, target = pair(t)
    secure(t, source, target, None)
    migration.set_parameters(source, tls_hostname="localhost")
    authorize(target, friends(t))
    over(t, "fd", source, target)
    finish(t, source, target)


def test_a_descriptor_refused(t):
    "and is refused in the same way, which is a failed load there"
    t.requires_minivisor("Debian's QEMU is built without PAM")
    source, target = pair(t)
    secure(t, source, target, None, dn=MALLORY)
    migration.set_parameters(source, tls_hostname="localhost")
    authorize(target, friends(t))
    descriptors(t, source, target)
    target.qmp.cmd("migrate-incoming", uri="fd:mig", exit_on_error=False)
    source.qmp.cmd("migrate", uri="fd:mig")
    t.has(migration.wait_status(target, "failed")["error-desc"], "Unable to authorize user '%s': " % MALLORY_DN)
    t.has(migration.wait_status(source, "failed")["error-desc"], "not authorized")


def test_a_module_that_hangs(t):
    "while a module hangs about one sender the monitor answers and the right one gets in; the time-out is a no"
    t.requires_minivisor("Debian's QEMU is built without PAM")
    target = t.start("-m", "64M", "-incoming", "defer", name="target")
    migration.add_creds(target, "server", t.pki.server())
    object_ = hangs_for(t, MALLORY_DN)
    object_["__org.minivisor_timeout"] = 1000
    authorize(target, object_)
    address = migration.listen(target)
    source = mallory(t, address)
    while target.qmp.cmd("query-migrate").get("__org.minivisor_refusals", 0) == 0:
        target.qmp.cmd("query-status", seconds=1)
    t.has(migration.wait_status(source, "failed")["error-desc"], "not authorized")
    refusal = target.qmp.cmd("query-migrate")["__org.minivisor_last-refusal"]
    t.eq(refusal["stage"], "authorize")
    t.eq(refusal["identity"], MALLORY_DN)
    t.eq(refusal["reason"], "Unable to authorize user '%s': PAM did not answer within 1000 ms" % MALLORY_DN)
    then_the_right_one(t, target, address)


def test_the_right_one_overtakes(t):
    "a sender that PAM says yes to gets in while another one's answer is still open"
    t.requires_minivisor("Debian's QEMU is built without PAM")
    target = t.start("-m", "64M", "-incoming", "defer", name="target")
    migration.add_creds(target, "server", t.pki.server())
    object_ = hangs_for(t, MALLORY_DN)
    object_["__org.minivisor_timeout"] = 60000
    authorize(target, object_)
    address = migration.listen(target)
    source = mallory(t, address)
    then_the_right_one(t, target, address)
    migration.wait_status(source, "failed")


def test_the_end_waits_for_no_module(t):
    "quit ends the program at once while modules hang"
    t.requires_minivisor("Debian's QEMU is built without PAM")
    vm = t.start(qmp=2)
    object_ = hangs_for(t, "x")
    object_["__org.minivisor_timeout"] = 60000
    vm.qmp.execute("object-add", object_)
    vm.qmp.send_raw('{"execute": "__org.minivisor_authz-explain", "arguments": {"id": "auth0", "identity": "x"}}\n')
    other = vm.monitors[1]
    t.eq(other.cmd("__org.minivisor_authz-explain", id="auth0", identity="y")["allowed"], True)
    other.cmd("quit")
    vm.wait_exit(0)


def test_explain(t):
    "authz_explain, in QMP and on the console, and -check-authz ask PAM and tell its words"
    t.requires_minivisor("Debian's QEMU is built without PAM")
    vm = t.start()
    object_ = friends(t)
    vm.qmp.execute("object-add", object_)
    t.eq(vm.qmp.cmd("__org.minivisor_authz-explain", id="auth0", identity=GOOD),
         {"allowed": True, "identity": GOOD, "reason": "PAM service 'gate' allows it", "near-misses": []})
    no = vm.qmp.cmd("__org.minivisor_authz-explain", id="auth0", identity="CN=x")
    t.eq(no["allowed"], False)
    t.has(no["reason"], "PAM service 'gate' denies it: ")
    t.eq(vm.qmp.hmp("authz_explain auth0 " + GOOD), ["allowed: " + GOOD, "reason: PAM service 'gate' allows it"])
    option = "authz-pam,id=auth0,service=gate,__org.minivisor_directory=" + t.path("pam.d")
    for identity, status, word in ((GOOD.replace(",", ",,"), 0, "allowed: "), ("CN=x", 2, "denied: ")):
        asked = t.start("-object", option, "-check-authz", "auth0,identity=" + identity, qmp=0, base=())
        asked.wait_exit(status)
        t.has(asked.out.text(), word)


def test_a_module_that_does_not_work(t):
    "a module that is not there is an error, and a no"
    t.requires_minivisor("Debian's QEMU is built without PAM")
    vm = t.start()
    vm.qmp.execute("object-add", service(t, "pam_no_such_module.so"))
    t.has(vm.qmp.error("__org.minivisor_authz-explain", id="auth0", identity="x"), "Unable to authorize user 'x': ")


def test_the_systems_services(t):
    "without a folder of its own the object asks the system's services; one that is not there is a no"
    t.requires_minivisor("Debian's QEMU is built without PAM")
    vm = t.start("-object", "authz-pam,id=auth0,service=minivisor-has-no-such-service")
    reply = vm.qmp.execute("__org.minivisor_authz-explain", {"id": "auth0", "identity": "CN=nobody"})
    t.check("error" in reply or not reply["return"]["allowed"], str(reply))
    t.eq(vm.qmp.cmd("qom-get", path="/objects/auth0", property="service"), "minivisor-has-no-such-service")
