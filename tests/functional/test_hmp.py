# SPDX-License-Identifier: GPL-3.0-or-later
"""HMP in line mode (pipes, sockets) and through human-monitor-command."""
from harness import migration
from harness.process import connect_unix


def test_banner_and_prompt(t):
    "the banner comes first, then the prompt"
    vm = t.start(hmp="pipe")
    t.eq(len(vm.banner), 1, "lines before the prompt: %s" % vm.banner)
    t.has(vm.banner[0], " monitor - type 'help' for more information")


def test_line_mode_echo(t):
    "in line mode a line is echoed behind the prompt and answered after it"
    vm = t.start(hmp="pipe", qmp=0)
    vm.hmp.send("info status")
    t.has(vm.hmp.screen.lines(), "(qemu) info status")


def test_info(t):
    "info status, version, name and uuid print what QMP reports"
    vm = t.start("-name", "gw1", "-uuid", "01234567-89AB-cdef-0123-456789abcdef", hmp="pipe")
    t.eq(vm.hmp.send("info status"), ["VM status: running"])
    t.eq(vm.hmp.send("info name"), ["gw1"])
    t.eq(vm.hmp.send("info uuid"), ["01234567-89ab-cdef-0123-456789abcdef"])
    version = vm.qmp.cmd("query-version")
    wanted = "%(major)d.%(minor)d.%(micro)d" % version["qemu"] + version["package"]
    t.eq(vm.hmp.send("info version"), [wanted])
    t.eq(vm.hmp.send("info vnc"), ["None"], "as without a display")


def test_stop_and_cont(t):
    "stop and cont act on the same machine as QMP, aliases too"
    vm = t.start(hmp="pipe")
    t.eq(vm.hmp.send("stop"), [])
    t.eq(vm.qmp.wait_event("STOP")["event"], "STOP")
    t.eq(vm.hmp.send("info status"), ["VM status: paused"])
    t.eq(vm.hmp.send("c"), [])
    t.eq(vm.qmp.cmd("query-status")["running"], True)


def test_unknown_commands(t):
    "an unknown command or topic is named; an empty line does nothing"
    vm = t.start(hmp="pipe", qmp=0)
    t.eq(vm.hmp.send("bogus 1 2"), ["unknown command: 'bogus'"])
    t.eq(vm.hmp.send("info bogus"), ["unknown command: 'info bogus'"])
    t.eq(vm.hmp.send(""), [])
    t.eq(vm.hmp.send("   "), [])


def test_help(t):
    "help lists the commands with parameters; help NAME gives one line; ? is an alias"
    vm = t.start(hmp="pipe", qmp=0)
    lines = vm.hmp.send("help")
    for name in ("migrate ", "object_add ", "quit|q", "info ", "stop|s", "cont|c", "migrate_incoming "):
        t.check(any(line.startswith(name) for line in lines), "'%s' is not in help" % name)
    t.check(not any("migrate_set_str_parameter" in line for line in lines), "the seed's alias is not listed")
    one = vm.hmp.send("help migrate_cancel")
    t.check(len(one) == 1 and one[0].startswith("migrate_cancel") and " -- " in one[0], one)
    t.eq(vm.hmp.send("? migrate_cancel"), one)


def test_argument_errors(t):
    "argument errors name the command and point to its help"
    vm = t.start(hmp="pipe", qmp=0)
    t.eq(vm.hmp.send("stop now"), ["stop|s: extraneous characters at the end of line", 'Try "help stop" for more information'])
    t.eq(vm.hmp.send("migrate -x tcp:a:1"), ["migrate: unsupported option -x", 'Try "help migrate" for more information'])
    lines = vm.hmp.send("migrate_incoming")
    t.eq(lines[-1], 'Try "help migrate_incoming" for more information')


def test_object_commands(t):
    "object_add, qom-get, qom-set, qom-list, info qom-tree and object_del work on one object"
    vm = t.start(hmp="pipe")
    t.eq(vm.hmp.send("object_add authz-simple,id=a0,identity=CN=x,,O=y"), [])
    t.eq(vm.hmp.send("qom-get a0 identity"), ['"CN=x,O=y"'])
    t.eq(vm.hmp.send("qom-set a0 identity CN=z"), [])
    t.eq(vm.qmp.cmd("qom-get", path="/objects/a0", property="identity"), "CN=z")
    t.has(vm.hmp.send("qom-list /objects"), "a0 (child<authz-simple>)")
    t.has(vm.hmp.send("info qom-tree /objects"), "  /a0 (authz-simple)")
    t.eq(vm.hmp.send("info qom-tree /nope"), ["Path '/nope' could not be resolved."])
    t.eq(vm.hmp.send("object_del a0"), [])
    t.eq(vm.hmp.send("object_del a0"), ["Error: object 'a0' not found"])


def test_object_add_errors(t):
    "object_add refuses in QEMU's words and adds nothing"
    vm = t.start(hmp="pipe")
    for text, wanted in (
            ("nope,id=x", "Error: Parameter 'qom-type' does not accept value 'nope'"),
            ("authz-simple,id=x", "Error: Parameter 'identity' is missing"),
            ("authz-simple,identity=x", "Error: Parameter 'id' is missing"),
            ("authz-simple,id=1x,identity=x", "Error: Parameter 'id' expects an identifier"),
            ("authz-simple,id=x,identity=y,bogus=1", "Error: Parameter 'bogus' is unexpected"),
            ("tls-creds-x509,id=x,dir=%s,verify-peer" % t.dir, "Error: Expected '=' after parameter 'verify-peer'"),
            ("tls-creds-x509,id=x,dir=%s,verify-peer=maybe" % t.dir, "Error: Parameter 'verify-peer' expects 'on' or 'off'")):
        t.eq(vm.hmp.send("object_add " + text)[0], wanted, text)
    t.lacks(vm.hmp.send("info qom-tree /"), "/x (")


def test_migration_parameters(t):
    "migrate_set_parameter and _capability change what info and QMP report"
    vm = t.start(hmp="pipe")
    t.eq(vm.hmp.send("migrate_set_parameter max-bandwidth 10"), [])
    t.eq(vm.hmp.send("migrate_set_parameter tls-authz auth0"), [])
    t.eq(vm.hmp.send("migrate_set_parameter downtime-limit 500"), [])
    t.eq(vm.hmp.send("migrate_set_capability events on"), [])
    values = vm.qmp.cmd("query-migrate-parameters")
    t.eq((values["max-bandwidth"], values["tls-authz"], values["downtime-limit"]), (10 << 20, "auth0", 500))
    lines = vm.hmp.send("info migrate_parameters")
    for line in ("max-bandwidth: 10485760 bytes/second", "downtime-limit: 500 ms", "tls-creds: ''", "tls-authz: 'auth0'"):
        t.check(line in lines, "%s is not in %s" % (line, lines))
    t.has(vm.hmp.send("info migrate_capabilities"), "events: on")
    t.eq(vm.hmp.send("migrate_set_capability events yes")[0],
         "Expected 'on' or 'off'")
    t.eq(vm.hmp.send("migrate_set_parameter foo 1"), ["Error: invalid parameter value: foo"])
    t.eq(vm.hmp.send('migrate_set_parameter tls-authz ""'), [])


def test_old_name_of_set_parameter(t):
    "migrate_set_str_parameter is migrate_set_parameter under its old name"
    t.requires_minivisor()
    vm = t.start(hmp="pipe")
    t.eq(vm.hmp.send("migrate_set_str_parameter tls-hostname gw.example"), [])
    t.eq(vm.qmp.cmd("query-migrate-parameters")["tls-hostname"], "gw.example")


def test_info_migrate_of_a_failure(t):
    "info migrate of a failed migration gives its reason"
    vm = t.start("-m", "16M", hmp="pipe")
    vm.hmp.send("migrate -d tcp:127.0.0.1:1")
    lines = vm.hmp.wait_for("info migrate", "Migration status: failed")
    t.has(lines, "onnect")
    if t.minivisor():
        t.check(any(line.startswith("error description: ") for line in lines), lines)


def test_migrate_incoming(t):
    "migrate_incoming listens, info migrate shows the address; -k keeps the process after a failed load"
    t.requires_minivisor("-k is not QEMU's")
    vm = t.start("-m", "16M", "-incoming", "defer", hmp="pipe")
    t.eq(vm.hmp.send("migrate_incoming -k tcp:127.0.0.1:0"), [])
    lines = vm.hmp.send("info migrate")
    t.check("socket address: [" in lines and any(line.startswith("\ttcp:127.0.0.1:") for line in lines) or
            any("tcp:127.0.0.1:" in line for line in lines), lines)
    t.eq(vm.qmp.cmd("query-status")["status"], "inmigrate")


def test_blocking_migrate_holds_the_prompt(t):
    "migrate without -d gives no prompt before the migration has ended, while QMP answers"
    t.requires_minivisor("QEMU detaches where there is no terminal")
    target = t.start("-m", "64M", "-incoming", "defer", name="target")
    uri = migration.listen(target)
    source = t.start("-m", "64M", *migration.loader(migration.ram_image(t, mib=8)), hmp="pipe")
    lines = source.hmp.send("migrate " + uri, 30)
    t.lacks("\n".join(lines), "rror")
    t.eq(source.qmp.cmd("query-migrate")["status"], "completed")


def test_monitor_on_a_socket(t):
    "-monitor unix: serves the console on a socket, to one client after another"
    path = t.path("mon.sock")
    vm = t.start("-monitor", "unix:%s,server=on,wait=off" % path)
    for _ in range(2):
        sock = connect_unix(path, vm.pidfd)
        data = b""
        while not data.endswith(b"(qemu) "):
            data += sock.recv(4096)
        t.has(data.decode(), "monitor - type 'help'")
        sock.sendall(b"info status\n")
        data = b""
        while not data.endswith(b"\n(qemu) "):
            chunk = sock.recv(4096)
            t.check(chunk, "the connection ended")
            data += chunk
        t.has(data.decode(), "VM status: running\r\n")
        sock.close()


def test_mon_readline(t):
    "-mon mode=readline on a chardev makes a console"
    path = t.path("c.sock")
    vm = t.start("-chardev", "socket,id=c0,path=%s,server=on,wait=off" % path, "-mon", "chardev=c0,mode=readline")
    sock = connect_unix(path, vm.pidfd)
    data = b""
    while not data.endswith(b"(qemu) "):
        data += sock.recv(4096)
    sock.close()


def test_human_monitor_command(t):
    "human-monitor-command returns the printed text with CR LF, errors included"
    vm = t.start()
    t.eq(vm.qmp.cmd("human-monitor-command", command_line="info status"), "VM status: running\r\n")
    t.eq(vm.qmp.hmp("object_del nope"), ["Error: object 'nope' not found"])
    t.eq(vm.qmp.hmp("bogus"), ["unknown command: 'bogus'"])
    t.eq(vm.qmp.cmd("human-monitor-command", command_line=""), "")


def test_quit(t):
    "quit on the console ends the program with status 0"
    vm = t.start(hmp="pipe")
    vm.hmp.type("quit\n")
    vm.qmp.wait_event("SHUTDOWN", {"reason": "host-qmp-quit"})
    vm.wait_exit(0)


def test_end_of_input(t):
    "the end of its input does not end the program"
    vm = t.start(hmp="pipe")
    vm.process.stdin.close()
    t.eq(vm.qmp.cmd("query-status")["running"], True)


def test_long_line(t):
    "a line past the limit of 4095 is no crash, and the next line is read"
    t.requires_minivisor("QEMU echoes it in quadratic time")
    vm = t.start(hmp="pipe")
    vm.hmp.type("x" * 10000 + "\n")
    t.eq(vm.qmp.cmd("query-name"), {})
    vm.hmp.type("\ninfo status\n")
    vm.out.wait(lambda data: b"VM status: running" in data, 10, "the answer after a long line")
