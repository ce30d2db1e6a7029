# SPDX-License-Identifier: GPL-3.0-or-later
"""What management software asks beside status and objects: machines, devices, disks, threads, descriptors, rates."""
import os
import socket

from harness import migration
from harness.process import Deadline
from harness.qmp import QmpError


def failure(vm, command, **arguments):
    """Class and sentence of a refusal."""
    try:
        vm.qmp.cmd(command, **arguments)
    except QmpError as error:
        return error.error_class, error.desc
    return None


def test_mtree(t):
    "info mtree shows which address belongs to what"
    vm = t.start("-m", "64M")
    lines = [line for line in vm.qmp.hmp("info mtree") if line]
    t.eq(sorted(lines), sorted(["address-space: memory",
                 "  0000000000000000-ffffffffffffffff (prio 0, i/o): system",
                 "    0000000000000000-0000000003ffffff (prio 0, ram): ram",
                 "address-space: I/O",
                 "  0000000000000000-000000000000ffff (prio 0, i/o): io"]))
    flat = vm.qmp.hmp("info mtree -f")
    t.has(flat, "  0000000000000000-0000000003ffffff (prio 0, ram): ram")
    if t.minivisor():
        t.has(vm.qmp.cmd("__org.minivisor_query-mtree", flat=True)["human-readable-text"], "FlatView")


def test_target_and_machines(t):
    "query-target and query-machines tell what the emulator is for"
    vm = t.start()
    t.eq(vm.qmp.cmd("query-target"), {"arch": "x86_64"})
    machines = {m["name"]: m for m in vm.qmp.cmd("query-machines")}
    none = machines["none"]
    t.eq((none["cpu-max"], none["hotpluggable-cpus"], none["numa-mem-supported"], none["deprecated"]), (1, False, False, False))
    t.eq(none["default-ram-id"], "ram")
    t.eq(vm.qmp.cmd("query-current-machine"), {"wakeup-suspend-support": False})
    if t.minivisor():
        t.eq(sorted(machines), ["mini", "none"])
        t.eq([name for name, m in machines.items() if m.get("is-default")], ["none"])


def test_nothing_to_list(t):
    "without CPUs, disks and jobs the lists are empty, and console and QMP say so alike"
    vm = t.start()
    for command in ("query-cpus-fast", "query-block", "query-blockstats", "query-named-block-nodes", "query-block-jobs", "query-jobs"):
        t.eq(vm.qmp.cmd(command), [], command)
    t.eq(vm.qmp.cmd("query-named-block-nodes", flat=True), [])
    for line in ("info cpus", "info block"):
        t.eq(vm.qmp.hmp(line), [], line)
    t.eq(vm.qmp.hmp("info block-jobs"), ["No active jobs"])
    t.eq(vm.qmp.hmp("cpu 0"), ["invalid CPU index"])
    t.eq(vm.qmp.hmp("x /4xb 0"), ["Can not dump without CPU"])


def test_no_wakeup_and_no_nmi(t):
    "what needs a CPU or a sleeping guest is refused in QEMU's words; announcing without network cards does nothing"
    vm = t.start()
    t.eq(failure(vm, "system_wakeup"), ("GenericError", "wake-up from suspend is not supported by this guest"))
    t.eq(vm.qmp.hmp("system_wakeup"), ["Error: wake-up from suspend is not supported by this guest"])
    t.eq(failure(vm, "inject-nmi"), ("GenericError", "this feature or command is not currently supported"))
    t.eq(vm.qmp.hmp("nmi"), ["Error: this feature or command is not currently supported"])
    t.eq(failure(vm, "announce-self", initial=1, max=2, rounds=3), ("GenericError", "Parameter 'step' is missing"))
    t.eq(vm.qmp.cmd("announce-self", initial=50, max=550, rounds=5, step=50, interfaces=["a"], id="x"), {})
    t.eq(vm.qmp.hmp("announce_self a b"), [])
    t.eq(vm.qmp.hmp("announce_self a b c")[0], "announce_self: extraneous characters at the end of line")


def test_devices(t):
    "device-list-properties knows the loader, and tells unknown types from those that are no device"
    vm = t.start()
    properties = {p["name"]: p for p in vm.qmp.cmd("device-list-properties", typename_="loader")}
    t.eq(properties["addr"], {"name": "addr", "type": "uint64", "default-value": 0})
    t.eq(properties["file"], {"name": "file", "type": "str"})
    t.eq(properties["force-raw"], {"name": "force-raw", "type": "bool", "default-value": False})
    t.eq(failure(vm, "device-list-properties", typename_="nope"), ("DeviceNotFound", "Device 'nope' not found"))
    for name in ("device", "secret", "none-machine"):
        t.eq(failure(vm, "device-list-properties", typename_=name),
             ("GenericError", "Parameter 'typename' expects a non-abstract device type"))
    t.has(vm.qmp.hmp("info qdm"), 'name "loader"')


def test_ram_blocks(t):
    "the table of RAM blocks has one line a block"
    vm = t.start("-m", "16")
    line = "                     ram    4 KiB  0x0000000000000000 0x0000000001000000 0x0000000001000000"
    t.eq(vm.qmp.hmp("info ramblock")[1], line)
    t.eq(vm.qmp.cmd("x-query-ramblock")["human-readable-text"].split("\n")[1], line)


def test_io_threads(t):
    "an iothread is a thread of this process, with QEMU's defaults, and goes with its object"
    vm = t.start()
    vm.qmp.cmd("object-add", qom_type="iothread", id="a")
    vm.qmp.cmd("object-add", qom_type="iothread", id="b", poll_max_ns=5, poll_grow=2, aio_max_batch=3)
    threads = {x["id"]: x for x in vm.qmp.cmd("query-iothreads")}
    ids = [threads[name].pop("thread-id") for name in "ab"]
    t.eq(threads["a"], {"id": "a", "poll-max-ns": 32768, "poll-grow": 0, "poll-shrink": 0, "aio-max-batch": 0})
    t.eq(threads["b"], {"id": "b", "poll-max-ns": 5, "poll-grow": 2, "poll-shrink": 0, "aio-max-batch": 3})
    tasks = "/proc/%d/task" % vm.process.pid
    t.check(all(str(i) in os.listdir(tasks) for i in ids), "the threads are there")
    t.has(vm.qmp.hmp("info iothreads"), "  thread_id=%d" % ids[1])
    t.eq(failure(vm, "object-add", qom_type="iothread", id="c", poll_max_ns=-1)[1],
         "poll-max-ns value must be in range [0, 9223372036854775807]")
    t.eq(failure(vm, "qom-set", path="a", property="thread-pool-min", value=65)[1],
         "bad thread-pool-min/thread-pool-max values")
    vm.qmp.cmd("qom-set", path="a", property="poll-max-ns", value=7)
    vm.qmp.cmd("object-del", id="b")
    t.check(str(ids[1]) not in os.listdir(tasks), "its thread is gone")
    t.eq([x["poll-max-ns"] for x in vm.qmp.cmd("query-iothreads")], [7])


def passed(vm, fd, command, **arguments):
    """Runs a command with a descriptor beside it."""
    return vm.qmp.cmd(command, fds=[fd], **arguments)


def test_fd_sets(t):
    "descriptors passed over the socket go into sets, are listed with their texts, and are closed when they are removed"
    vm = t.start()
    reader, writer = os.pipe()
    with open("/dev/null", "rb") as null:
        first = passed(vm, null.fileno(), "add-fd")
        t.eq(first["fdset-id"], 0)
        t.eq(passed(vm, null.fileno(), "add-fd", opaque="o", fdset_id=5)["fdset-id"], 5)
        pipe = passed(vm, writer, "add-fd")
    os.close(writer)
    t.eq(pipe["fdset-id"], 1)
    sets = {s["fdset-id"]: s["fds"] for s in vm.qmp.cmd("query-fdsets")}
    t.eq(sorted(sets), [0, 1, 5])
    t.eq([x["opaque"] for x in sets[5]], ["o"])
    t.eq(failure(vm, "remove-fd", fdset_id=0, fd=99999)[1], "File descriptor named 'fdset-id:0, fd:99999' not found")
    t.eq(failure(vm, "remove-fd", fdset_id=7)[1], "File descriptor named 'fdset-id:7' not found")
    t.eq(failure(vm, "add-fd")[1], "No file descriptor supplied via SCM_RIGHTS")
    t.requires_minivisor("QEMU closes what was removed only while the guest runs")
    vm.qmp.cmd("remove-fd", fdset_id=1, fd=pipe["fd"])
    t.eq(os.read(reader, 1), b"", "the other end of the pipe reads its end")
    os.close(reader)
    t.eq(failure(vm, "remove-fd", fdset_id=1)[1], "File descriptor named 'fdset-id:1' not found")


def test_add_fd_option(t):
    "-add-fd puts an inherited descriptor into a set, and refuses what is none in QEMU's words"
    reader, writer = os.pipe()
    option = "fd=%d,set=2,opaque=x" % writer
    vm = t.start("-add-fd", option, "-add-fd", "fd=%d,set=3" % writer, pass_fds=(writer,))
    os.close(writer)
    sets = {s["fdset-id"]: s["fds"] for s in vm.qmp.cmd("query-fdsets")}
    t.eq([(number, [x.get("opaque") for x in fds]) for number, fds in sorted(sets.items())], [(2, ["x"]), (3, [None])])
    for option, why in (("fd=1,set=1", "fd cannot be a standard I/O stream"), ("fd=999,set=1", "fd is not valid or already in use"),
                        ("set=1", "fd option is required and must be non-negative"),
                        ("fd=-1,set=1", "fd option is required and must be non-negative"),
                        ("fd=x,set=1", "Parameter 'fd' expects a number"), ("fd=99,set=1,foo=x", "Invalid parameter 'foo'")):
        t.has(t.start("-add-fd", option, qmp=0).wait_exit(1), "-add-fd %s: %s" % (option, why))
    vm.qmp.cmd("cont")
    for number in (2, 3):
        vm.qmp.cmd("remove-fd", fdset_id=number)
    t.eq(os.read(reader, 1), b"", "nothing holds the pipe any more")
    os.close(reader)


def test_command_line_options(t):
    "query-command-line-options lists options with the keys of their arguments, or one of them"
    vm = t.start()
    options = {o["option"]: {p["name"]: p["type"] for p in o["parameters"]} for o in vm.qmp.cmd("query-command-line-options")}
    t.eq(options["name"], {"guest": "string", "process": "string", "debug-threads": "boolean"})
    t.eq(options["add-fd"], {"fd": "number", "set": "number", "opaque": "string"})
    t.eq(options["mon"], {"chardev": "string", "mode": "string", "pretty": "boolean"})
    t.eq(options["memory"]["size"], "size")
    t.eq((options["object"], options["device"]), ({}, {}))
    one = vm.qmp.cmd("query-command-line-options", option="name")
    t.eq([o["option"] for o in one], ["name"])
    t.eq(failure(vm, "query-command-line-options", option="m"), ("GenericError", "invalid option name: m"))


def test_migration_through_a_set(t):
    "file:/dev/fdset/N writes and reads a stream through descriptors that were handed over"
    t.requires_minivisor("file: came with QEMU 8.2")
    path = t.write("stream", b"old" * 100)
    vm = t.start("-m", "4M")
    with open(path, "r+b") as file:
        number = passed(vm, file.fileno(), "add-fd")["fdset-id"]
        with open(path, "wb") as write_only:
            passed(vm, write_only.fileno(), "add-fd", fdset_id=number)
    vm.qmp.cmd("migrate", uri="file:/dev/fdset/%d" % number)
    migration.wait_status(vm, "completed")
    t.eq(failure(t.start("-m", "4M"), "migrate", uri="file:/dev/fdset/3")[1],
         "Could not open '/dev/fdset/3': No such file or directory")
    dst = t.start("-m", "4M", "-incoming", "defer", name="dst")
    with open(path, "rb") as file:
        number = passed(dst, file.fileno(), "add-fd")["fdset-id"]
    dst.qmp.cmd("migrate-incoming", uri="file:/dev/fdset/%d" % number)
    migration.wait_status(dst, "completed")


def test_dirty_rate_arguments(t):
    "calc-dirty-rate checks its arguments in QEMU's words, on the console too"
    vm = t.start()
    t.eq(vm.qmp.cmd("query-dirty-rate"),
         {"status": "unstarted", "sample-pages": 0, "mode": "page-sampling", "start-time": 0, "calc-time": 0})
    for arguments, text in (({"calc_time": 0}, "calc-time is out of range[1, 60]."),
                            ({"calc_time": 61}, "calc-time is out of range[1, 60]."),
                            ({"calc_time": 1, "sample_pages": 1}, "sample-pages is out of range[128, 16384]."),
                            ({"calc_time": 1, "mode": "x"}, "Parameter 'mode' does not accept value 'x'"),
                            ({}, "Parameter 'calc-time' is missing")):
        t.eq(failure(vm, "calc-dirty-rate", **arguments), ("GenericError", text))
    t.eq(vm.qmp.hmp("calc_dirty_rate 0"), ["Incorrect period length specified!"])
    t.eq(vm.qmp.hmp("calc_dirty_rate -r -b 1"), ["Either dirty ring or dirty bitmap can be specified!"])
    t.eq(vm.qmp.hmp("calc_dirty_rate 1 1"), ["Error: sample-pages is out of range[128, 16384]."])
    t.eq(vm.qmp.hmp("info dirty_rate"), ["Status: unstarted", "Start Time: 0 (ms)", "Sample Pages: 0 (per GB)",
                                         "Period: 0 (sec)", "Mode: page-sampling", "Dirty rate: (not ready)"])


def measured(vm):
    """The rate, once it is there."""
    deadline = Deadline(30)
    while not deadline.over():
        info = vm.qmp.cmd("query-dirty-rate")
        if info["status"] == "measured":
            return info
        vm.qmp.validate = False     # the same reply a thousand times
    raise AssertionError("nothing was measured")


def test_dirty_rate(t):
    "the dirty rate of memory that another process writes is found, and that of quiet memory is 0"
    t.requires_minivisor("QEMU looks at no block below 128 MiB")
    path = t.write("ram", bytes(64 << 20))
    vm = t.start("-object", "memory-backend-file,id=ram,size=64M,share=on,mem-path=" + path,
                 "-machine", "none,memory-backend=ram")
    t.eq(vm.qmp.cmd("calc-dirty-rate", calc_time=1, sample_pages=4096), {})
    t.eq(failure(vm, "calc-dirty-rate", calc_time=1)[1], "the dirty rate is already being measured.")
    info = measured(vm)
    t.eq((info["dirty-rate"], info["sample-pages"], info["calc-time"]), (0, 4096, 1))
    t.eq(vm.qmp.hmp("calc_dirty_rate 1"), ["Starting dirty rate measurement with period 1 seconds",
                                           "[Please use 'info dirty_rate' to check results]"])
    written, deadline = 0, Deadline(30)
    with open(path, "r+b") as ram:
        while vm.qmp.cmd("query-dirty-rate")["status"] == "measuring" and not deadline.over():
            written = written % 255 + 1
            ram.seek(0)
            ram.write(bytes([written]) * (64 << 20))
    rate = vm.qmp.cmd("query-dirty-rate")["dirty-rate"]
    t.check(16 <= rate <= 64, "a rate of %d MiB/s for 64 MiB that change all the time" % rate)


def test_yank(t):
    "yank pulls the connection of a migration: it fails, and the guest runs on"
    t.requires_minivisor("the peer that is silent here is refused by none")
    vm = t.start("-m", "64M")
    vm.qmp.cmd("cont")
    t.eq(vm.qmp.cmd("yank", instances=[]), {})
    for instance in ({"type": "migration"}, {"type": "chardev", "id": "nope"}, {"type": "block-node", "node-name": "x"}):
        t.eq(failure(vm, "yank", instances=[instance]), ("DeviceNotFound", "Instance not found"))
    t.eq(failure(vm, "yank", instances=[{"type": "chardev"}])[1], "Parameter 'instances[0].id' is missing")
    with socket.create_server(("127.0.0.1", 0)) as silent:      # takes the connection and never reads
        vm.qmp.cmd("migrate-set-parameters", max_bandwidth=1 << 20)
        vm.qmp.cmd("migrate", uri="tcp:127.0.0.1:%d" % silent.getsockname()[1])
        migration.wait_status(vm, "active")
        t.has(str(vm.qmp.cmd("query-yank")), "migration")
        vm.qmp.cmd("yank", instances=[{"type": "migration"}])
        migration.wait_status(vm, "failed")
    t.eq(vm.qmp.cmd("query-status")["status"], "running")
    t.lacks(str(vm.qmp.cmd("query-yank")), "migration")


def test_yank_of_chardevs(t):
    "character devices over sockets can be yanked: the connections end, the devices stay, and a client that reconnects is back"
    listening = socket.socket(socket.AF_UNIX)
    listening.bind(t.path("peer"))
    listening.listen(4)
    vm = t.start("-chardev", "socket,id=srv,path=%s,server=on,wait=off" % t.path("srv"), "-mon", "chardev=srv,mode=control",
                 "-chardev", "socket,id=cli,path=%s,reconnect=1" % t.path("peer"), "-chardev", "null,id=n")
    chardevs = lambda: sorted(i["id"] for i in vm.qmp.cmd("query-yank"))
    base = [i for i in chardevs() if i not in ("srv", "cli")]      # the monitor of the tests
    t.eq(chardevs(), sorted(base + ["cli", "srv"]))
    t.eq(failure(vm, "yank", instances=[{"type": "chardev", "id": "n"}]), ("DeviceNotFound", "Instance not found"))
    first = vm.connect(t.path("srv"))
    peer, _ = listening.accept()
    t.eq(failure(vm, "yank", instances=[{"type": "chardev", "id": "srv"}, {"type": "chardev", "id": "zz"}]),
         ("DeviceNotFound", "Instance not found"))
    t.eq(first.cmd("query-name"), {}, "none or all")
    for id_ in ("srv", "cli"):
        t.eq(vm.qmp.cmd("yank", instances=[{"type": "chardev", "id": id_}]), {})
    first.wait_closed()
    peer.settimeout(20)
    t.eq(peer.recv(1), b"")
    listening.accept()[0].close()
    t.eq(vm.connect(t.path("srv")).cmd("query-name"), {}, "the next one is served")
    t.eq(chardevs(), sorted(base + ["cli", "srv"]))
    vm.qmp.cmd("chardev-remove", id="cli")
    t.eq(chardevs(), sorted(base + ["srv"]))


def test_target(t):
    "the architecture is one of an enumeration, as in QEMU's schema"
    vm = t.start()
    schema = {entry["name"]: entry for entry in vm.qmp.cmd("query-qmp-schema")}
    arch = schema[schema["query-target"]["ret-type"]]["members"][0]
    t.eq(arch["name"], "arch")
    values = schema[arch["type"]]["values"]
    t.eq((len(values), values[0], values[-1]), (31, "aarch64", "xtensaeb"))
    t.check(vm.qmp.cmd("query-target")["arch"] == "x86_64" in values, values)


def test_schema_of_one_command(t):
    "one more command gives the part of the schema that belongs to one command or event"
    t.requires_minivisor("an addition")
    vm = t.start()
    whole = {e["name"]: e for e in vm.qmp.cmd("query-qmp-schema")}
    reply = vm.qmp.execute("__org.minivisor_query-command-schema", {"name": "qom-get"})["return"]
    part = {e["name"]: e for e in reply}
    members = part[part["qom-get"]["arg-type"]]["members"]
    t.eq([m["name"] for m in members], ["path", "property"])
    t.eq(part["qom-get"]["meta-type"], whole["qom-get"]["meta-type"])
    t.check(len(part) < 10, "no more than it takes")
    error = vm.qmp.execute("__org.minivisor_query-command-schema", {"name": "nope"})["error"]
    t.eq(error["desc"], "There is no command or event 'nope'")
