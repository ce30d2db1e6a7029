# SPDX-License-Identifier: GPL-3.0-or-later
"""QMP: greeting, negotiation, framing, ids, events, limits, several clients."""
import json
import signal
import socket
import time

from harness import migration
from harness.process import SCALE, connect_unix
from harness.qmp import Qmp


def test_greeting(t):
    "the greeting names version and capabilities, and comes first"
    vm = t.start(negotiate=False)
    hello = vm.qmp.greet()["QMP"]
    t.eq((hello["version"]["qemu"]["major"], hello["version"]["qemu"]["minor"]), (7, 2))
    t.eq(hello["capabilities"], ["oob"])
    t.check(vm.qmp.last_line.endswith("\r\n"), "a line ends in CR LF")


def test_package_names_the_program(t):
    "query-version reports the language level, and minivisor as its package"
    t.requires_minivisor()
    version = t.start().qmp.cmd("query-version")
    t.eq(version["qemu"], {"major": 7, "minor": 2, "micro": 0})
    t.has(version["package"], "minivisor")


def test_nothing_before_negotiation(t):
    "before negotiation nothing but qmp_capabilities is answered"
    vm = t.start(negotiate=False)
    vm.qmp.greet()
    for command in ("query-name", "no-such-command", "quit"):
        error = vm.qmp.execute(command)["error"]
        t.eq(error, {"class": "CommandNotFound", "desc": "Expecting capabilities negotiation with 'qmp_capabilities'"})
    vm.qmp.cmd("qmp_capabilities")
    t.eq(vm.qmp.cmd("query-name"), {})


def test_negotiation_once(t):
    "a second qmp_capabilities is refused and changes nothing"
    vm = t.start()
    t.eq(vm.qmp.execute("qmp_capabilities")["error"],
         {"class": "CommandNotFound", "desc": "Capabilities negotiation is already complete, command ignored"})
    t.eq(vm.qmp.cmd("query-name"), {})


def test_oob_must_be_negotiated(t):
    "exec-oob needs the oob capability, and then an in-band command is refused out of band"
    vm = t.start(negotiate=False)
    vm.qmp.greet()
    vm.qmp.cmd("qmp_capabilities")
    t.eq(vm.qmp.raw('{"exec-oob":"query-name"}')[0]["error"]["desc"], "QMP input member 'exec-oob' is unexpected")
    vm2 = t.start(negotiate=False)
    vm2.qmp.negotiate(enable=["oob"])
    t.eq(vm2.qmp.execute("query-name", oob=True)["error"]["desc"], "The command query-name does not support OOB")


def test_ids_of_any_kind_come_back(t):
    "an id of any JSON type comes back untouched, and only where there was one"
    vm = t.start()
    for value in (1, -7, "x", "", True, None, 1.5, [1, {"a": []}], {"b": "ü\u0001"}):
        reply = vm.qmp.raw(json.dumps({"execute": "query-name", "id": value}))[0]
        t.eq(reply, {"return": {}, "id": value})
    t.eq(vm.qmp.raw('{"execute":"query-name"}')[0], {"return": {}})
    t.eq(vm.qmp.raw('{"execute":"nope","id":[3]}')[0]["id"], [3], "an error's id")


def test_split_and_joined_input(t):
    "input is a stream: a request may come byte by byte, and many may come in one piece"
    vm = t.start()
    for byte in '{"execute": "query-name",\n "id": "slow"}':
        vm.qmp.send_raw(byte)
    t.eq(vm.qmp.receive_reply(), {"return": {}, "id": "slow"})
    text = "".join('{"execute":"query-name","id":%d}' % i for i in range(200))
    t.eq([r["id"] for r in vm.qmp.raw(text, 200)], list(range(200)), "replies in the order of requests")


def test_reaction_to_the_closing_brace(t):
    "a request is answered when its brace closes, without a newline; an unfinished one waits"
    vm = t.start()
    t.eq(vm.qmp.raw("{'execute':'query-name'}"), [{"return": {}}])
    vm.qmp.send_raw('{"execute":"query-na')
    other = vm.connect(vm.paths[0]) if t.minivisor() else None
    if other:
        t.eq(other.cmd("query-name"), {}, "another client meanwhile")
    vm.qmp.send_raw('me"}')
    t.eq(vm.qmp.receive_reply(), {"return": {}})


def test_malformed_requests(t):
    "a request that is no proper one is refused in QEMU's words, and the session goes on"
    vm = t.start()
    for text, wanted in (
            ("[]", "QMP input must be a JSON object"), ("7 ", "QMP input must be a JSON object"),
            ("{}", "QMP input lacks member 'execute'"),
            ('{"execute":1}', "QMP input member 'execute' must be a string"),
            ('{"execute":"query-name","arguments":[]}', "QMP input member 'arguments' must be an object"),
            ('{"execute":"query-name","arguments":null}', "QMP input member 'arguments' must be an object"),
            ('{"execute":"query-name","extra":1}', "QMP input member 'extra' is unexpected"),
            ('{"execute":"query-name","arguments":{"x":1}}', "Parameter 'x' is unexpected"),
            ('{"execute":"migrate"}', "Parameter 'uri' is missing"),
            ('{"execute":"migrate","arguments":{"uri":1}}', "Invalid parameter type for 'uri', expected: string"),
            ('{"execute":"migrate-continue","arguments":{"state":"foo"}}', "Parameter 'state' does not accept value 'foo'")):
        t.eq(vm.qmp.raw(text)[0]["error"], {"class": "GenericError", "desc": wanted}, text)
    t.eq(vm.qmp.raw('{"execute":"foo"}')[0]["error"],
         {"class": "CommandNotFound", "desc": "The command foo has not been found"})
    t.eq(vm.qmp.cmd("query-name"), {})


def test_json_errors(t):
    "broken JSON is named, and what follows it is read again"
    vm = t.start()
    for text, wanted in (
            ('{"execute":"query-name","execute":"query-name"}', "JSON parse error, duplicate key"),
            ('{"execute":"query-name",}', "JSON parse error, expecting value"),
            ('{"a" 1}', "JSON parse error, missing : in object pair"),
            ("{1:2}", "JSON parse error, key is not a string in object"),
            ("[1 2]", "JSON parse error, expected separator in list"),
            ("[nul]", "JSON parse error, invalid keyword 'nul'"),
            ('["\\ud800"]', None)):
        error = vm.qmp.raw(text)[0]["error"]
        t.eq(error["class"], "GenericError", text)
        if wanted:
            t.eq(error["desc"], wanted, text)
        vm.qmp.send_raw('{"execute":"query-name","id":"after"}')
        while vm.qmp.receive_reply().get("id") != "after":
            pass


def test_reset_byte(t):
    "byte 0xFF drops an unfinished request, and the next one is read"
    vm = t.start()
    vm.qmp.send_raw(b'{"execute": ["' + b"x" * 1000)
    vm.qmp.send_raw(b'\xff\n{"execute":"query-name","id":"after"}')
    seen = []
    while not seen or seen[-1].get("id") != "after":
        seen.append(vm.qmp.receive_reply())
    t.check(len(seen) > 1 and "error" in seen[0], "the drop is reported: %s" % seen)


def test_nesting_limit(t):
    "JSON is read to a depth of 1024 and refused past it"
    vm = t.start()
    deep = lambda n: '{"execute":"query-name","id":%s%s}' % ("[" * (n - 1), "]" * (n - 1))
    t.check("return" in vm.qmp.raw(deep(1024))[0], "1024 levels are fine")
    vm.qmp.send_raw(deep(1025))
    t.eq(vm.qmp.receive_reply()["error"]["desc"], "JSON nesting depth limit exceeded")
    vm.qmp.send_raw('{"execute":"query-name","id":"after"}')
    while vm.qmp.receive_reply().get("id") != "after":
        pass


def test_overlong_string(t):
    "a text of more than 64 MiB is refused without its memory being kept, and the session goes on"
    t.requires_minivisor("QEMU takes minutes for it")
    vm = t.start()
    vm.qmp.send_raw('["')
    block = "x" * (1 << 20)
    for _ in range(66):
        vm.qmp.send_raw(block)
    vm.qmp.send_raw('"]\n')
    t.eq(vm.qmp.receive_reply(30)["error"]["desc"], "JSON token size limit exceeded")
    vm.qmp.send_raw(b'\xff{"execute":"query-name","id":"after"}')
    while vm.qmp.receive_reply(30).get("id") != "after":
        pass
    if t.minivisor():
        t.grew_less(vm.resident(), 120 << 20, "resident after it")


def test_output_is_ascii(t):
    "output is ASCII: other characters come as \\uXXXX, in pairs above U+FFFF"
    vm = t.start()
    vm.qmp.raw('{"execute":"query-name","id":"ü\\u007f😀"}')
    t.check(vm.qmp.last_line.isascii(), vm.qmp.last_line)
    t.has(vm.qmp.last_line, "\\u00FC\\u007F\\uD83D\\uDE00")


def test_stop_and_cont_events(t):
    "STOP and RESUME come at a change of state only, before the reply"
    vm = t.start()
    for command, event in (("stop", "STOP"), ("stop", None), ("cont", "RESUME"), ("cont", None)):
        vm.qmp.cmd(command)
        t.eq(vm.qmp.drain(), [event] if event else [], command)


def test_quit(t):
    "quit sends SHUTDOWN, then its reply, then the end of the connection; the status is 0"
    vm = t.start()
    vm.qmp.send_raw('{"execute":"quit","id":"q"}')
    event = vm.qmp.receive()
    t.eq((event.get("event"), event.get("data")), ("SHUTDOWN", {"guest": False, "reason": "host-qmp-quit"}))
    t.eq(vm.qmp.receive(), {"return": {}, "id": "q"})
    t.eq(vm.qmp.receive(), None)
    vm.wait_exit(0)


def test_signals(t):
    "SIGTERM and SIGINT end the program: SHUTDOWN with host-signal, status 0"
    for number in (signal.SIGTERM, signal.SIGINT):
        vm = t.start()
        vm.signal(number)
        t.eq(vm.qmp.wait_event("SHUTDOWN")["data"], {"guest": False, "reason": "host-signal"})
        vm.qmp.wait_closed()
        vm.wait_exit(0)


def test_several_clients(t):
    "several clients share one socket: each negotiates for itself, all see events"
    t.requires_minivisor("QEMU serves one client at a time")
    vm = t.start()
    others = [vm.connect(vm.paths[0]) for _ in range(20)]
    fresh = vm.connect(vm.paths[0], negotiate=False)
    fresh.greet()
    vm.qmp.cmd("stop")
    for client in others:
        t.eq(client.wait_event("STOP")["event"], "STOP")
    t.eq(fresh.execute("query-name")["error"]["class"], "CommandNotFound", "the one without negotiation")
    t.eq(fresh.events, [], "events before negotiation")
    for client in others[::2]:
        client.close()
    t.eq(others[1].cmd("query-status")["status"], "paused")


def test_two_sockets(t):
    "two -qmp sockets are two monitors"
    vm = t.start(qmp=2)
    vm.monitors[1].cmd("stop")
    t.eq(vm.qmp.wait_event("STOP")["event"], "STOP")


def test_reconnecting(t):
    "after a client leaves, the next one is greeted anew and must negotiate"
    vm = t.start()
    vm.qmp.close()
    client = vm.connect(vm.paths[0], negotiate=False)
    client.greet()
    t.eq(client.execute("query-name")["error"]["class"], "CommandNotFound")
    client.cmd("qmp_capabilities")
    t.eq(client.cmd("query-name"), {})


def test_a_client_that_leaves_in_the_middle(t):
    "a client that leaves in the middle of a request, or before reading its reply, harms nobody"
    t.requires_minivisor("QEMU gives such replies to the next client")
    vm = t.start()
    vm.qmp.send_raw('{"execute":"query-na')
    vm.qmp.close()
    for _ in range(5):
        client = vm.connect(vm.paths[0])
        client.send_raw('{"execute":"query-qmp-schema"}' * 3)
        client.close()
    t.eq(vm.connect(vm.paths[0]).cmd("query-name"), {})


def test_tcp_monitor(t):
    "-qmp tcp: serves the same over TCP"
    free = socket.create_server(("127.0.0.1", 0))
    port = free.getsockname()[1]
    free.close()
    vm = t.start("-qmp", "tcp:127.0.0.1:%d,server=on,wait=off" % port)
    vm.qmp.cmd("query-name")        # it answers, so its sockets are there
    sock = socket.create_connection(("127.0.0.1", port), 10)
    client = Qmp(sock, vm, t.schema(t.binary))
    client.negotiate()
    t.eq(client.cmd("query-name"), {})
    client.close()


def test_stdio_monitor(t):
    "-qmp stdio serves QMP on standard input and output"
    vm = t.start("-qmp", "stdio", qmp=0)
    vm.write(b'{"execute":"qmp_capabilities"}{"execute":"query-name","id":1}{"execute":"quit"}')
    vm.wait_exit(0)
    lines = [json.loads(line) for line in vm.out.text().splitlines()]
    t.check("QMP" in lines[0], "greeting first")
    t.check({"return": {}, "id": 1} in lines, lines)


def test_pretty(t):
    "-qmp-pretty spreads each message over lines, indented by four"
    path = t.path("pretty.sock")
    vm = t.start("-qmp-pretty", "unix:%s,server=on,wait=off" % path)
    sock = connect_unix(path, vm.pidfd)
    data = b""
    while not data.rstrip().endswith(b"\n}"):
        data += sock.recv(65536)
    sock.close()
    t.has(data.decode(), '{\r\n    "QMP": {\r\n        "version": {')


def test_chardev_and_mon(t):
    "-chardev and -mon make the same monitor as -qmp"
    path = t.path("c.sock")
    vm = t.start("-chardev", "socket,id=c0,path=%s,server=on,wait=off" % path, "-mon", "chardev=c0,mode=control,pretty=on")
    sock = connect_unix(path, vm.pidfd)
    sock.sendall(b'{"execute":"qmp_capabilities"}')
    data = b""
    while b'"return": {\r\n    }' not in data and b'"return": {}' not in data:
        chunk = sock.recv(65536)
        t.check(chunk, "the connection ended: %r" % data)
        data += chunk
    sock.close()


def test_chardevs_are_listed(t):
    "query-chardev and info chardev name each device, what it is and who is at the other end"
    idle, quiet = t.path("idle.sock"), t.path("quiet.sock")
    vm = t.start("-chardev", "socket,id=tcp,host=127.0.0.1,port=0,server=on,wait=off", "-mon", "tcp,mode=control",
                 "-chardev", "null,id=n0", "-chardev", "null,id=n1", "-mon", "n1",
                 "-chardev", "socket,id=idle,path=%s,server=on,wait=off" % idle,
                 "-chardev", "socket,id=quiet,path=%s,server=on,wait=off" % quiet, "-mon", "quiet,mode=control")

    def filenames():
        return {d["label"]: d["filename"] for d in vm.qmp.cmd("query-chardev")}

    names = filenames()
    t.eq(names["n0"], "null")
    t.eq(names["idle"], "disconnected:unix:%s,server=on" % idle)
    t.eq(names["quiet"], "disconnected:unix:%s,server=on" % quiet)
    t.eq(names["compat_monitor0"], "unix:%s,server=on" % vm.qmp.sock.getpeername())
    used = {d["label"] for d in vm.qmp.cmd("query-chardev") if d["frontend-open"]}
    t.eq(used, {"compat_monitor0", "tcp", "n1", "quiet"})
    with connect_unix(quiet, vm.pidfd) as client:
        Qmp(client).negotiate()
        t.eq(filenames()["quiet"], "unix:%s,server=on" % quiet)
    if t.minivisor():  # QEMU shows port 0, which was asked for
        port = int(names["tcp"].removeprefix("disconnected:tcp:127.0.0.1:").removesuffix(",server=on"))
        with socket.create_connection(("127.0.0.1", port)) as client:
            Qmp(client).negotiate()
            t.eq(filenames()["tcp"], "tcp:127.0.0.1:%d,server=on <-> %s:%d" % (port, *client.getsockname()))
    t.check("n1: filename=null" in vm.qmp.hmp("info chardev"), "info chardev")


def test_schema_is_complete(t):
    "query-qmp-schema has every command of query-commands, and each type that it names"
    vm = t.start()
    schema = t.schema(t.binary)
    commands = {c["name"] for c in vm.qmp.cmd("query-commands")}
    t.eq(sorted(commands ^ set(schema.commands)), [])
    for name in ("object-add", "object-del", "qom-list", "qom-get", "qom-set", "migrate", "migrate-incoming", "migrate_cancel",
                 "migrate-set-parameters", "query-migrate-parameters", "migrate-set-capabilities", "migrate-continue",
                 "query-migrate", "query-status", "stop", "cont", "quit", "pmemsave", "human-monitor-command"):
        t.check(name in commands, "%s is missing" % name)
    for name in ("STOP", "RESUME", "SHUTDOWN", "RESET", "MIGRATION"):
        t.check(name in schema.events, "%s is missing" % name)
    for kind in schema.types.values():
        wanted = [m["type"] for m in kind.get("members", []) if "type" in m] + [v["type"] for v in kind.get("variants", [])]
        wanted += [kind["element-type"]] if "element-type" in kind else []
        for name in wanted:
            t.check(name in schema.types, "type %s is named and absent" % name)
    for command in schema.commands.values():
        t.check(command["arg-type"] in schema.types and command["ret-type"] in schema.types, command)


def test_removed_names(t):
    "what QEMU 7.2 no longer has is not found"
    vm = t.start()
    for name in ("query-events", "query-cpus", "change", "object_add"):
        t.eq(vm.qmp.execute(name)["error"]["class"], "CommandNotFound", name)


def test_monitor_answers_while_a_migration_waits(t):
    "the monitor answers within 100 ms while a migration waits for a silent peer"
    peer = socket.create_server(("127.0.0.1", 0))
    vm = t.start("-m", "64M", *migration.loader(migration.ram_image(t, mib=32)))
    vm.qmp.cmd("migrate", uri="tcp:127.0.0.1:%d" % peer.getsockname()[1])
    migration.wait_status(vm, "active")
    worst = 0.0
    for _ in range(50):
        began = time.monotonic()
        vm.qmp.cmd("query-migrate")
        worst = max(worst, time.monotonic() - began)
    vm.qmp.cmd("migrate_cancel")
    migration.wait_status(vm, "cancelled")
    peer.close()
    t.check(worst < 0.1 * SCALE, "the slowest answer took %.0f ms" % (worst * 1000))
