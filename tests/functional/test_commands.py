# SPDX-License-Identifier: GPL-3.0-or-later
"""Commands with little to them: each does what it says, and refuses what it should."""
import os
import re

from harness import migration


def test_reset_and_powerdown(t):
    "system_reset and system_powerdown emit RESET and POWERDOWN, and the guest runs on"
    vm = t.start()
    vm.qmp.cmd("system_reset")
    t.eq(vm.qmp.wait_event("RESET")["data"], {"guest": False, "reason": "host-qmp-system-reset"})
    vm.qmp.cmd("system_powerdown")
    vm.qmp.wait_event("POWERDOWN")
    t.eq(vm.qmp.cmd("query-status")["running"], True)


def test_no_iothreads(t):
    "query-iothreads lists none"
    t.eq(t.start().qmp.cmd("query-iothreads"), [])


def test_memory_backends_are_listed(t):
    "query-memdev lists the memory backends with what they were made with"
    vm = t.start("-object", "memory-backend-ram,id=m0,size=2M,merge=off,share=on")
    found = vm.qmp.cmd("query-memdev")
    t.eq(len(found), 1)
    t.eq({k: found[0][k] for k in ("id", "size", "merge", "share", "prealloc", "policy")},
         {"id": "m0", "size": 2 << 20, "merge": False, "share": True, "prealloc": False, "policy": "default"})


def test_capabilities_of_migration(t):
    "query-migrate-capabilities tells what was set"
    vm = t.start()
    state = lambda: {c["capability"]: c["state"] for c in vm.qmp.cmd("query-migrate-capabilities")}
    t.eq(state()["events"], False)
    migration.set_capabilities(vm, "events", "pause-before-switchover")
    t.eq([name for name, on in state().items() if on], ["events", "pause-before-switchover"])


def test_postcopy_commands_without_postcopy(t):
    "the commands of postcopy refuse where there is none"
    vm = t.start()
    t.has(vm.qmp.error("migrate-start-postcopy"), "Enable postcopy with migrate_set_capability")
    for name in ("postcopy-ram", "dirty-bitmaps"):
        migration.set_capabilities(vm, name)
        t.eq(vm.qmp.error("migrate-start-postcopy"), "Postcopy must be started after migration has been started", name)
        migration.set_capabilities(vm, name, state=False)
    t.has(vm.qmp.error("migrate-pause"), "migrate-pause")
    t.has(vm.qmp.error("migrate-recover", uri="unix:" + t.path("r")), "recover")


def test_closefd(t):
    "closefd closes a descriptor that getfd has named, once"
    vm = t.start()
    receive, send = os.pipe()
    vm.qmp.cmd("getfd", fds=[send], fdname="f0")
    os.close(send)
    vm.qmp.cmd("closefd", fdname="f0")
    t.eq(os.read(receive, 1), b"", "the last write end is closed")
    t.has(vm.qmp.error("closefd", fdname="f0"), "'f0' not found")
    os.close(receive)


def test_guest_memory_in_hexadecimal(t):
    "__org.minivisor_read-physical-memory gives bytes, and fewer where memory ends"
    t.requires_minivisor("the command is its own")
    image = t.write("image", bytes(range(16)))
    vm = t.start("-m", "1M", *migration.loader(image, 0x1000))
    read = lambda address, size: vm.qmp.cmd("__org.minivisor_read-physical-memory", address=address, size=size)["hex"]
    t.eq(read(0x1000, 16), bytes(range(16)).hex())
    t.eq(read((1 << 20) - 2, 16), "0000")


def test_objects_by_text(t):
    "__org.minivisor_object-add-text creates as object_add does, and answers help with lines"
    t.requires_minivisor("the command is its own")
    vm = t.start()
    add = lambda text: vm.qmp.cmd("__org.minivisor_object-add-text", text=text)
    t.eq(add("authz-simple,id=a0,identity=CN=x,,O=y"), "")
    t.eq(vm.qmp.cmd("qom-get", path="/objects/a0", property="identity"), "CN=x,O=y")
    t.has(add("authz-simple,help"), "identity=<string>")


def test_ranges_of_the_manual(t):
    "the ranges that the manual names for migration parameters are those that are checked"
    t.requires_minivisor("the manual is minivisor's")
    page = t.start("-manual", "qmp", qmp=0, base=(), name="manual")
    page.wait_exit(0)
    part = page.out.text().split("## migrate-set-parameters", 1)[-1].split("\n#", 1)[0]
    ranges = re.findall(r"^- `([a-z-]+)` .*[ ,](\d+) to (\d+)(?:;|$)", part, re.M)
    t.check(len(ranges) >= 13, ranges)
    vm = t.start()
    for name, low, high in ranges:
        for value in (int(low), int(high)):
            t.eq(vm.qmp.execute("migrate-set-parameters", {name: value}).get("return"), {}, "%s %d" % (name, value))
        for value in (int(low) - 1, int(high) + 1):
            if value >= 0:
                t.has(vm.qmp.execute("migrate-set-parameters", {name: value})["error"]["desc"], "expects", "%s %d" % (name, value))
