# SPDX-License-Identifier: GPL-3.0-or-later
"""Guest memory: backends, images loaded into it, pmemsave and xp."""
import hashlib
import os

from harness import migration

MIB = 1 << 20


def saved(t, vm, address, size):
    path = t.path("saved")
    vm.qmp.cmd("pmemsave", val=address, size=size, filename=path)
    with open(path, "rb") as data:
        return data.read()


def test_loader_and_pmemsave(t):
    "an image is loaded at its address, byte for byte, and the rest of the memory is zero"
    image = os.urandom(3 * 4096 + 123)
    path = t.write("image", image)
    vm = t.start("-m", "1M", *migration.loader(path, 0x12345))
    whole = saved(t, vm, 0, MIB)
    t.check(whole[0x12345:0x12345 + len(image)] == image, "the image is not where it should be")
    t.check(not any(whole[:0x12345]) and not any(whole[0x12345 + len(image):]), "the rest is not zero")


def test_two_images(t):
    "several images stand side by side"
    a, b = t.write("a", b"A" * 5000), t.write("b", b"B" * 5000)
    vm = t.start("-m", "1M", *migration.loader(a, 0), *migration.loader(b, 0x80000))
    t.eq(saved(t, vm, 4999, 2).hex(), "4100")
    t.eq(saved(t, vm, 0x80000, 3).hex(), "424242")


def test_bad_images(t):
    "an image that is absent, or does not fit, ends the program with status 1"
    t.has(t.start("-m", "1M", *migration.loader(t.path("absent")), qmp=0).wait_exit(1), "absent")
    t.requires_minivisor("QEMU loads past the end without a word")
    big = t.write("big", b"x" * (2 * MIB))
    t.check(t.start("-m", "1M", *migration.loader(big), qmp=0).wait_exit(1), "a reason")


def test_xp(t):
    "xp prints memory in QEMU's formats"
    path = t.write("image", bytes(range(256)))
    vm = t.start("-m", "1M", *migration.loader(path, 0x1000), hmp="pipe")
    t.eq(vm.hmp.send("xp /4xb 0x1000"), ["0000000000001000: 0x00 0x01 0x02 0x03"])
    t.eq(vm.hmp.send("xp /2xw 0x1004"), ["0000000000001004: 0x07060504 0x0b0a0908"])
    t.eq(vm.hmp.send("xp /1xg 0x1010"), ["0000000000001010: 0x1716151413121110"])
    t.eq(vm.hmp.send("xp /3cb 0x1041"), ["0000000000001041: 'A' 'B' 'C'"])
    lines = vm.hmp.send("xp /4xb 0x200000")
    t.has(lines, "Cannot access memory")


def test_pmemsave_errors(t):
    "pmemsave into a file that cannot be made is refused; past the end of the memory it reads zeros"
    vm = t.start("-m", "1M")
    t.has(vm.qmp.error("pmemsave", val=0, size=4096, filename="/no/such/folder/x"), "/no/such/folder/x")
    vm.qmp.cmd("pmemsave", val=MIB - 1, size=4097, filename=t.path("out"))
    with open(t.path("out"), "rb") as data:
        t.check(data.read() == bytes(4097), "zeros")
    t.check(vm.qmp.error("pmemsave", val=2**63, size=4096, filename=t.path("out")), "a reason")
    t.eq(vm.qmp.cmd("query-status")["running"], True)


def test_pmemsave_from_the_console(t):
    "pmemsave works from the console, with the file name in quotes"
    path = t.write("image", b"hello")
    vm = t.start("-m", "1M", *migration.loader(path), hmp="pipe")
    t.eq(vm.hmp.send('pmemsave 0 5 "%s"' % t.path("out")), [])
    with open(t.path("out"), "rb") as data:
        t.eq(data.read().decode(), "hello")


def test_memory_backends(t):
    "the machine's memory can be a ram, a file or a memfd backend"
    image = t.write("image", b"content" * 100)
    for backend in ("memory-backend-ram,id=m0,size=1M", "memory-backend-memfd,id=m0,size=1M",
                    "memory-backend-file,id=m0,size=1M,share=on,mem-path=" + t.path("ram.file")):
        vm = t.start("-object", backend, "-machine", "none,memory-backend=m0", "-m", "1M", *migration.loader(image, 4096),
                     base=("-nodefaults", "-display", "none"))
        t.eq(hashlib.sha256(saved(t, vm, 4096, 700)).hexdigest(), hashlib.sha256(b"content" * 100).hexdigest(), backend)
        t.has(vm.qmp.error("object-del", id_="m0"), "is in use")
    with open(t.path("ram.file"), "rb") as data:
        t.check(data.read()[4096:4103] == b"content", "the file holds the memory")


def test_backend_errors(t):
    "a backend of no size, without a file, or unknown, is refused"
    vm = t.start()
    t.eq(vm.qmp.error("object-add", qom_type="memory-backend-ram", id_="m0"), "Parameter 'size' is missing")
    t.eq(vm.qmp.error("object-add", qom_type="memory-backend-ram", id_="m0", size=0),
         "property 'size' of memory-backend-ram doesn't take value '0'")
    t.eq(vm.qmp.error("object-add", qom_type="memory-backend-file", id_="m0", size=MIB), "Parameter 'mem-path' is missing")
    t.has(vm.qmp.error("object-add", qom_type="memory-backend-file", id_="m0", size=MIB, mem_path="/no/such/folder/x"),
          "can't open backing store /no/such/folder/x for guest RAM: ")
    t.check(t.start("-machine", "none,memory-backend=nope", qmp=0, base=()).wait_exit(1), "a reason")


def test_backends_come_and_go(t):
    "a backend that no machine uses is added and deleted"
    vm = t.start()
    vm.qmp.cmd("object-add", qom_type="memory-backend-ram", id_="m0", size=MIB)
    t.eq(vm.qmp.cmd("qom-get", path="m0", property="size"), MIB)
    vm.qmp.cmd("object-del", id_="m0")


def test_no_memory(t):
    "without -m or a backend there is no memory"
    t.requires_minivisor("QEMU's machine none has a default size")
    vm = t.start()
    t.eq(vm.qmp.cmd("query-memory-size-summary")["base-memory"], 0)


def test_nodes_as_text(t):
    "on the command line the nodes of a memory backend are a number or a range"
    vm = t.start("-object", "memory-backend-ram,id=one,size=1M,host-nodes=0,policy=bind",
                 "-object", "memory-backend-ram,id=range,size=1M,host-nodes=0-0,policy=preferred")
    nodes = {one["id"]: one["host-nodes"] for one in vm.qmp.cmd("query-memdev")}
    t.eq(nodes, {"one": [0], "range": [0]})
    for text in ("x", "", "3-1", "0-", "-1", "0-99999999"):
        if text == "0-99999999" and not t.minivisor():
            continue # QEMU makes a list of so many
        vm = t.start("-object", "memory-backend-ram,id=m,size=1M,host-nodes=%s,policy=bind" % text, qmp=0)
        t.has(vm.wait_exit(1), "Parameter 'host-nodes' expects a uint64 value or range")
