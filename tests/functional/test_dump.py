# SPDX-License-Identifier: GPL-3.0-or-later
"""dump-guest-memory: core files that gdb reads, and what is refused."""
import os
import shutil
import socket
import subprocess

from harness import migration

TEXT = b"Hello from the guest"


def with_memory(t, *more, **options):
    image = t.write("ram.img", bytes(0x100) + TEXT + bytes(1))
    return t.start("-m", "16M", *migration.loader(image), *more, **options)


def dump(vm, **arguments):
    arguments.setdefault("paging", False)
    return vm.qmp.cmd("dump-guest-memory", **arguments)


def load_at(t, path, address, length):
    """Guest memory out of a core file: what its program headers say that stands at this physical address."""
    with open(path, "rb") as file:
        core = file.read()
    t.eq(core[:4], b"\x7fELF", "magic")
    number = int.from_bytes
    wide = core[4] == 2
    at, size, count = (number(core[32:40], "little"), 56, number(core[56:58], "little")) if wide else (
        number(core[28:32], "little"), 32, number(core[44:46], "little"))
    for i in range(count):
        header = core[at + i * size:at + (i + 1) * size]
        fields = ([number(header[k:k + 8], "little") for k in (8, 24, 32)] if wide
                  else [number(header[k:k + 4], "little") for k in (4, 12, 16)])
        offset, start, length_there = fields
        if number(header[:4], "little") == 1 and start <= address and address + length <= start + length_there:
            return core[offset + address - start:offset + address - start + length]
    t.check(False, "nothing in the core file at 0x%x" % address)


def test_whole_memory(t):
    "a running guest is stopped, its memory written, and it goes on"
    vm = with_memory(t)
    t.eq(vm.qmp.cmd("query-dump"), {"status": "none", "completed": 0, "total": 0})
    dump(vm, protocol="file:" + t.path("core"))
    t.eq(load_at(t, t.path("core"), 0x100, len(TEXT)), TEXT)
    size = 16 << 20
    result = {"status": "completed", "completed": size, "total": size}
    vm.qmp.wait_event("STOP")
    seen = vm.qmp.collect_events("RESUME")
    t.eq(seen, [("DUMP_COMPLETED", {"result": result}), ("RESUME", {})])
    t.eq(vm.qmp.cmd("query-dump"), result)
    t.eq(vm.qmp.cmd("query-status")["status"], "running")


def test_gdb(t):
    "gdb reads memory out of a core file"
    t.requires_minivisor("QEMU's file has 32 bits where there is no CPU")
    gdb = shutil.which("gdb")
    if not gdb:
        t.skip("gdb is not installed")
    vm = with_memory(t, "-S")
    dump(vm, protocol="file:" + t.path("core"))
    said = subprocess.run([gdb, "-nx", "-batch", "-ex", "x/s 0x100", "-c", t.path("core")],
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=30)
    t.has(said.stdout, '"%s"' % TEXT.decode())


def test_part(t):
    "begin and length choose a part"
    vm = with_memory(t, "-S")
    dump(vm, protocol="file:" + t.path("core"), begin=0x106, length=4)
    t.eq(load_at(t, t.path("core"), 0x106, 4), TEXT[6:10])
    t.eq(vm.qmp.cmd("query-dump")["total"], 4)
    t.eq(vm.qmp.cmd("query-status")["status"], "prelaunch")


def test_detached(t):
    "a detached dump tells its end by an event; one at a time, and the guest stays as it is"
    vm = with_memory(t, "-S", qmp=2)
    os.mkfifo(t.path("fifo"))
    reader = os.open(t.path("fifo"), os.O_RDONLY | os.O_NONBLOCK)
    t.cleanups.append(lambda: os.close(reader))
    dump(vm, protocol="file:" + t.path("fifo"), detach=True)
    t.eq(vm.qmp.cmd("query-dump")["status"], "active")
    busy = "There is a dump in process, please wait."
    for command, arguments in (("cont", {}), ("stop", {}), ("dump-guest-memory", {"paging": False, "protocol": "file:x"})):
        t.eq(vm.qmp.error(command, **arguments), busy, command)
    t.check(vm.monitors[1].hmp("info dump")[0] == "Status: active", "info dump")
    reason = "Live migration disabled: dump-guest-memory in progress"
    t.eq(vm.qmp.error("migrate", uri="tcp:127.0.0.1:1"), reason)
    t.eq(vm.qmp.cmd("query-migrate"), {"blocked-reasons": [reason]})
    os.set_blocking(reader, True)
    size = 0
    while True:
        piece = os.read(reader, 1 << 16)
        if not piece:
            break
        size += len(piece)
    t.check(size > 16 << 20, "%d bytes came" % size)
    t.eq(vm.qmp.wait_event("DUMP_COMPLETED")["data"]["result"]["status"], "completed")
    t.eq(vm.qmp.cmd("query-migrate"), {})
    vm.qmp.cmd("cont")


def test_during_a_migration(t):
    "a guest on its way is not dumped, and no file is made here"
    vm = with_memory(t)
    with socket.create_server(("127.0.0.1", 0)) as silent:      # takes the connection and never reads
        vm.qmp.cmd("migrate-set-parameters", **{"max-bandwidth": 4096})
        vm.qmp.cmd("migrate", uri="tcp:127.0.0.1:%d" % silent.getsockname()[1])
        t.eq(vm.qmp.error("dump-guest-memory", paging=False, protocol="file:" + t.path("core")),
             "disallowing migration blocker (migration/snapshot in progress) for: "
             "Live migration disabled: dump-guest-memory in progress")
        t.eq(os.path.exists(t.path("core")), not t.minivisor(), "a file")
        vm.qmp.cmd("migrate_cancel")
        migration.wait_status(vm, "cancelled")
    t.eq(vm.qmp.cmd("query-status")["status"], "running")
    dump(vm, protocol="file:" + t.path("core"))


def test_quit_while_dumping(t):
    "a dump that nobody reads does not hold up the end"
    t.requires_minivisor("QEMU waits for its reader")
    vm = with_memory(t)
    os.mkfifo(t.path("fifo"))
    reader = os.open(t.path("fifo"), os.O_RDONLY | os.O_NONBLOCK)
    t.cleanups.append(lambda: os.close(reader))
    dump(vm, protocol="file:" + t.path("fifo"), detach=True)
    vm.qmp.cmd("quit")
    vm.wait_exit(0)


def test_descriptor(t):
    "fd: writes to a descriptor that the client has passed, once"
    vm = with_memory(t, "-S")
    with open(t.path("core"), "wb") as out:
        vm.qmp.cmd("getfd", fdname="out", fds=[out.fileno()])
    dump(vm, protocol="fd:out")
    t.eq(load_at(t, t.path("core"), 0x100, len(TEXT)), TEXT)
    t.eq(vm.qmp.error("dump-guest-memory", paging=False, protocol="fd:out"),
         "File descriptor named 'out' has not been found")


def test_refusals(t):
    "what cannot be done is refused in QEMU's words, and no file is made"
    vm = with_memory(t, "-S")
    core = "file:" + t.path("none")
    for wanted, arguments in (
            ("Invalid parameter 'protocol'", {"protocol": t.path("none")}),
            ("Could not open '/nonexistent/x': No such file or directory", {"protocol": "file:/nonexistent/x"}),
            ("File descriptor named 'nope' has not been found", {"protocol": "fd:nope"}),
            ("Parameter 'length' is missing", {"protocol": core, "begin": 0}),
            ("Parameter 'begin' is missing", {"protocol": core, "length": 1}),
            ("Invalid parameter 'length'", {"protocol": core, "begin": 0, "length": 0}),
            ("kdump-compressed format doesn't support paging or filter",
             {"protocol": core, "begin": 0, "length": 1, "format": "kdump-zlib"}),
            ("Invalid parameter 'protocol'", {"protocol": "nowhere", "format": "kdump-zlib"}),
            ("kdump-lzo is not available now", {"protocol": "nowhere", "format": "kdump-lzo"}),
            ("kdump-lzo is not available now", {"protocol": core, "format": "kdump-lzo"})):
        t.eq(vm.qmp.error("dump-guest-memory", **dict({"paging": False}, **arguments)), wanted)
    t.check(not t.minivisor() or not os.path.exists(t.path("none")), "a refused dump made a file")
    t.check("elf" in vm.qmp.cmd("query-dump-guest-memory-capability")["formats"], "elf is known")


def test_outside(t):
    "a part without memory is refused"
    vm = with_memory(t, "-S")
    t.eq(vm.qmp.error("dump-guest-memory", paging=False, protocol="file:" + t.path("core"), begin=1 << 40, length=4096),
         "dump: no guest memory to dump")


def test_incoming(t):
    "while a guest is awaited there is nothing to dump"
    vm = t.start("-m", "16M", "-incoming", "defer")
    t.eq(vm.qmp.error("dump-guest-memory", paging=False, protocol="file:" + t.path("core")),
         "Dump not allowed during incoming migration.")


def test_full(t):
    "a failed write is told by the reply, the event and query-dump"
    vm = with_memory(t, "-S")
    why = "dump: failed to write elf header: No space left on device"
    t.eq(vm.qmp.error("dump-guest-memory", paging=False, protocol="file:/dev/full"), why)
    event = vm.qmp.wait_event("DUMP_COMPLETED")["data"]
    t.eq((event["error"], event["result"]["status"]), (why, "failed"))
    t.eq(vm.qmp.hmp("info dump"), ["Status: failed"])


def test_hmp(t):
    "the console dumps, with a part and without; only one format at a time"
    vm = with_memory(t, "-S")
    t.eq(vm.qmp.hmp("info dump"), ["Status: none"])
    t.eq(vm.qmp.hmp("dump-guest-memory %s" % t.path("core")), [])
    t.eq(load_at(t, t.path("core"), 0x100, len(TEXT)), TEXT)
    t.eq(vm.qmp.hmp("dump-guest-memory %s 0x100 20" % t.path("part")), [])
    t.eq(load_at(t, t.path("part"), 0x100, len(TEXT)), TEXT)
    t.eq(vm.qmp.hmp("info dump"), ["Status: completed"])
    t.eq(vm.qmp.hmp("dump-guest-memory -z -l x"), ["Error: only one of '-z|-l|-s|-w' can be set"])
    t.eq(vm.qmp.hmp("dump-guest-memory x 0"), ["Error: Parameter 'length' is missing"])
