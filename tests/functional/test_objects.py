# SPDX-License-Identifier: GPL-3.0-or-later
"""The object tree and user-creatable objects over QMP and on the command line."""
import json
import os

from harness.tls import Pki


def children(vm, path="/objects"):
    reply = vm.qmp.execute("qom-list", {"path": path})
    return sorted(p["name"] for p in reply.get("return", []) if p["type"].startswith("child<"))


def test_add_get_set_delete(t):
    "an object is added, read, changed and deleted"
    vm = t.start()
    vm.qmp.cmd("object-add", qom_type="authz-simple", id_="a0", identity="CN=x")
    t.eq(vm.qmp.cmd("qom-get", path="/objects/a0", property="identity"), "CN=x")
    t.eq(vm.qmp.cmd("qom-get", path="a0", property="type"), "authz-simple")
    vm.qmp.cmd("qom-set", path="a0", property="identity", value="CN=y")
    t.eq(vm.qmp.cmd("qom-get", path="a0", property="identity"), "CN=y")
    t.eq(children(vm), ["a0"])
    vm.qmp.cmd("object-del", id_="a0")
    t.eq(children(vm), [])
    t.eq(vm.qmp.error("object-del", id_="a0"), "object 'a0' not found")


def test_creation_is_atomic(t):
    "an object that cannot be completed leaves nothing behind, and its id can be used again"
    vm = t.start()
    empty = t.path("empty")
    os.mkdir(empty)
    error = vm.qmp.error("object-add", qom_type="tls-creds-x509", id_="tls0", dir_=empty, endpoint="server")
    t.eq(error, "Unable to access credentials %s/ca-cert.pem: No such file or directory" % empty)
    t.eq(children(vm), [])
    vm.qmp.cmd("object-add", qom_type="tls-creds-x509", id_="tls0", dir_=t.pki.server(), endpoint="server")
    t.eq(children(vm), ["tls0"])
    t.eq(vm.qmp.cmd("qom-get", path="tls0", property="loaded"), True)


def test_refused_additions(t):
    "object-add refuses in QEMU's words and adds nothing"
    vm = t.start("-object", "authz-simple,id=taken,identity=x")
    for arguments, wanted in (
            ({"qom-type": "nope", "id": "x"}, "Parameter 'qom-type' does not accept value 'nope'"),
            ({"qom-type": "authz", "id": "x"}, "Parameter 'qom-type' does not accept value 'authz'"),
            ({"id": "x"}, "Parameter 'qom-type' is missing"),
            ({"qom-type": "authz-simple"}, "Parameter 'id' is missing"),
            ({"qom-type": "authz-simple", "id": "x"}, "Parameter 'identity' is missing"),
            ({"qom-type": "authz-simple", "id": "x", "identity": 1}, "Invalid parameter type for 'identity', expected: string"),
            ({"qom-type": "authz-simple", "id": "x", "identity": "a", "bogus": 1}, "Parameter 'bogus' is unexpected"),
            ({"qom-type": "authz-simple", "id": "1x", "identity": "a"}, "Parameter 'id' expects an identifier"),
            ({"qom-type": "authz-simple", "id": "", "identity": "a"}, "Parameter 'id' expects an identifier"),
            ({"qom-type": "authz-simple", "id": "taken", "identity": "a"},
             "attempt to add duplicate property 'taken' to object (type 'container')"),
            ({"qom-type": "tls-creds-x509", "id": "x", "dir": t.dir, "endpoint": "both"},
             "Parameter 'endpoint' does not accept value 'both'"),
            ({"qom-type": "tls-creds-x509", "id": "x", "endpoint": "server"}, "Missing 'dir' property value")):
        t.eq(vm.qmp.execute("object-add", arguments).get("error", {}).get("desc"), wanted, json.dumps(arguments))
    t.eq(children(vm), ["taken"])


def test_props_form(t):
    "object-add takes the members under props too, and refuses one that is given twice"
    t.requires_minivisor()
    vm = t.start()
    vm.qmp.cmd("object-add", qom_type="authz-simple", id_="a0", props={"identity": "CN=x"})
    t.eq(vm.qmp.cmd("qom-get", path="a0", property="identity"), "CN=x")
    t.check("error" in vm.qmp.execute("object-add", {"qom-type": "authz-simple", "id": "a1", "identity": "a",
                                                     "props": {"identity": "b"}}), "given in both places")
    t.eq(vm.qmp.error("object-add", qom_type="authz-simple", id_="a1", props={"bogus": 1, "identity": "x"}),
         "Parameter 'bogus' is unexpected")
    t.eq(children(vm), ["a0"])


def test_paths(t):
    "absolute, partial and sloppy paths find the same object; unknown ones are DeviceNotFound"
    vm = t.start("-object", "authz-simple,id=a0,identity=x")
    for path in ("/objects/a0", "a0", "objects/a0", "//objects//a0"):
        t.eq(vm.qmp.cmd("qom-get", path=path, property="identity"), "x", path)
    t.eq(vm.qmp.execute("qom-list", {"path": "/nope"})["error"], {"class": "DeviceNotFound", "desc": "Device '/nope' not found"})
    t.eq(vm.qmp.error("qom-get", path="a0", property="nope"), "Property 'authz-simple.nope' not found")
    t.eq(vm.qmp.error("qom-set", path="a0", property="type", value="x"), "Property 'authz-simple.type' is not writable")
    t.eq(vm.qmp.cmd("qom-get", path="/", property="objects"), "/objects")


def test_types(t):
    "qom-list-types lists what object-add accepts"
    vm = t.start()
    names = {e["name"] for e in vm.qmp.cmd("qom-list-types", implements="user-creatable")}
    for name in ("authz-simple", "tls-creds-x509", "memory-backend-ram", "memory-backend-file", "memory-backend-memfd"):
        t.check(name in names, name + " is missing")
    t.check("authz-simple" in {e["name"] for e in vm.qmp.cmd("qom-list-types", implements="authz")}, "as authz")
    t.eq(vm.qmp.execute("qom-list-properties", {"typename": "nope"})["error"]["class"], "DeviceNotFound")
    props = {p["name"] for p in vm.qmp.cmd("qom-list-properties", typename="tls-creds-x509")}
    t.check({"dir", "endpoint", "verify-peer", "sanity-check", "priority", "passwordid", "loaded"} <= props, props)


def test_object_option_forms(t):
    "-object takes keyval text and JSON, with doubled commas, in the order given"
    vm = t.start("-object", "authz-simple,id=a0,identity=CN=x,,O=y",
                 "-object", "qom-type=authz-simple,id=a1,identity=z",
                 "-object", '{"qom-type":"authz-simple","id":"a2","identity":"{,}"}',
                 "--object", "tls-creds-x509,id=tls0,endpoint=server,verify-peer=no,dir=" + t.pki.server())
    t.eq(children(vm), ["a0", "a1", "a2", "tls0"])
    t.eq(vm.qmp.cmd("qom-get", path="a0", property="identity"), "CN=x,O=y")
    t.eq(vm.qmp.cmd("qom-get", path="a2", property="identity"), "{,}")
    t.eq(vm.qmp.cmd("qom-get", path="tls0", property="verify-peer"), False)


def test_bad_object_options(t):
    "a bad -object ends the program with status 1 and its reason"
    for text, wanted in (("nope,id=x", "nope"), ("authz-simple,id=x", "Parameter 'identity' is missing"),
                         ("{", "JSON parse error"), ("authz-simple,identity=x", "Parameter 'id' is missing"),
                         ('{"qom-type":"authz-simple","id":"x","identity":1}', "expected: string")):
        vm = t.start("-object", text, qmp=0)
        t.has(vm.wait_exit(1), wanted, text)


def test_broken_credentials(t):
    "missing, unreadable, expired and foreign credentials are refused with QEMU's sentences"
    vm = t.start()
    expired = t.pki.server("expired", expired=True)
    future = t.pki.server("future", not_yet=True)
    foreign = t.pki.server("foreign", trust="other")
    no_key = t.pki.server("nokey", omit=["server-key.pem"])
    no_ca = t.pki.server("noca", omit=["ca-cert.pem"])
    junk = t.pki.server("junk")
    t.write("junk/server-cert.pem", "no certificate")
    wrong_key = t.pki.server("wrongkey")
    t.write("wrongkey/server-key.pem", open(os.path.join(t.pki.leaf("server", dn=Pki.dn("CN=b")), "key.pem"), "rb").read())
    for directory, wanted in (
            (expired, "The server certificate %s/server-cert.pem has expired" % expired),
            (future, "The server certificate %s/server-cert.pem is not yet active" % future),
            (foreign, "Our own certificate %s/server-cert.pem failed validation against %s/ca-cert.pem: " % (foreign, foreign)),
            (no_key, "Unable to access credentials %s/server-key.pem: No such file or directory" % no_key),
            (no_ca, "Unable to access credentials %s/ca-cert.pem: No such file or directory" % no_ca),
            (junk, "Unable to import server certificate %s/server-cert.pem" % junk),
            (wrong_key, "The certificate and the given key do not match.")):
        error = vm.qmp.error("object-add", qom_type="tls-creds-x509", id_="x", dir_=directory, endpoint="server")
        t.has(error, wanted, os.path.basename(directory))
    t.eq(children(vm), [])


def test_an_unreadable_key(t):
    "a key that may not be read is refused with its path"
    if os.geteuid() == 0:
        t.skip("root reads every file")
    vm = t.start()
    directory = t.pki.server()
    os.chmod(os.path.join(directory, "server-key.pem"), 0)
    t.has(vm.qmp.error("object-add", qom_type="tls-creds-x509", id_="x", dir_=directory, endpoint="server"), "server-key.pem")


def test_credentials_without_checks(t):
    "sanity-check=off takes an expired certificate"
    vm = t.start()
    vm.qmp.cmd("object-add", qom_type="tls-creds-x509", id_="x", dir_=t.pki.server("e", expired=True), endpoint="server",
               sanity_check=False)
    t.eq(children(vm), ["x"])


def test_a_client_may_have_no_certificate(t):
    "client credentials need only the CA's certificate"
    vm = t.start()
    directory = t.pki.client("bare", omit=["client-cert.pem", "client-key.pem"])
    vm.qmp.cmd("object-add", qom_type="tls-creds-x509", id_="x", dir_=directory, endpoint="client")
    t.eq(vm.qmp.cmd("qom-get", path="x", property="endpoint"), "client")


def test_many_objects(t):
    "a thousand objects are added, listed and deleted"
    vm = t.start()
    add = "".join(json.dumps({"execute": "object-add", "arguments": {
        "qom-type": "authz-simple", "id": "a%d" % i, "identity": "x"}}) for i in range(1000))
    t.eq(vm.qmp.raw(add, 1000), [{"return": {}}] * 1000)
    t.eq(len(children(vm)), 1000)
    drop = "".join(json.dumps({"execute": "object-del", "arguments": {"id": "a%d" % i}}) for i in range(1000))
    t.eq(vm.qmp.raw(drop, 1000), [{"return": {}}] * 1000)
    t.eq(children(vm), [])


def test_one_type_over_all_doors(t):
    "object-add, object_add and -object make the same object"
    vm = t.start("-object", "authz-simple,id=a0,identity=CN=x,,O=y", hmp="pipe")
    vm.qmp.cmd("object-add", qom_type="authz-simple", id_="a1", identity="CN=x,O=y")
    vm.hmp.send("object_add authz-simple,id=a2,identity=CN=x,,O=y")
    lists = [vm.qmp.cmd("qom-list", path="/objects/a%d" % i) for i in range(3)]
    t.check(lists[0] == lists[1] == lists[2], lists)
    t.eq({vm.qmp.cmd("qom-get", path="a%d" % i, property="identity") for i in range(3)} == {"CN=x,O=y"}, True)
