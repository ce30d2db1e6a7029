# SPDX-License-Identifier: GPL-3.0-or-later
"""HMP on a terminal: line editing, history, completion, Ctrl-C, the progress line."""
import os
import re
import stat

from harness import migration


def history(t):
    return os.path.join(t.dir, "state", "minivisor", "history")


def test_a_line_on_a_terminal(t):
    "a command typed on a terminal prints its answer and the next prompt"
    vm = t.start(hmp="pty", qmp=0)
    t.eq(vm.hmp.send("info status"), ["VM status: running"])
    t.eq(vm.hmp.send("bogus"), ["unknown command: 'bogus'"])


def test_line_editing(t):
    "a line can be corrected: left, right, Ctrl-A, Ctrl-E, backspace"
    vm = t.start(hmp="pty", qmp=0)
    t.eq(vm.hmp.send("nfo statuX\x7f\x01i\x05s"), ["VM status: running"])
    t.eq(vm.hmp.send("info satus\x1b[D\x1b[D\x1b[D\x1b[Dt"), ["VM status: running"])


def test_more_editing_keys(t):
    "Ctrl-U, Ctrl-W and Ctrl-R work as in a shell"
    t.requires_minivisor("QEMU does not bind Ctrl-U and Ctrl-R")
    vm = t.start(hmp="pty", qmp=0)
    t.eq(vm.hmp.send("rubbish\x15info status"), ["VM status: running"])
    t.eq(vm.hmp.send("info name\x17status"), ["VM status: running"])
    vm.hmp.type("\x12stat")
    vm.hmp.wait(lambda lines: "info" in lines[-1])
    t.eq(vm.hmp.send(""), ["VM status: running"])


def test_history_within_a_session(t):
    "the arrow up brings the last line back"
    vm = t.start(hmp="pty", qmp=0)
    vm.hmp.send("info status")
    t.eq(vm.hmp.send("\x1b[A"), ["VM status: running"])


def test_history_across_sessions(t):
    "the history is kept in a state file of mode 0600 and is there in the next session"
    t.requires_minivisor("QEMU keeps no history")
    vm = t.start(hmp="pty", qmp=0)
    vm.hmp.send("info version")
    vm.hmp.type("quit\r")
    vm.wait_exit(0)
    t.eq(stat.S_IMODE(os.stat(history(t)).st_mode), 0o600)
    with open(history(t), encoding="utf-8") as text:
        t.has(text.read(), "info version")
    vm = t.start(hmp="pty", qmp=0)
    vm.hmp.type("\x1b[A\x1b[A")
    vm.hmp.wait(lambda lines: lines[-1] == "(qemu) info version", what="the line of the session before")


def test_no_secrets_in_the_history(t):
    "a line with data= is not stored, neither at the end nor when the process is killed"
    t.requires_minivisor("QEMU keeps no history")
    vm = t.start(hmp="pty", qmp=0)
    vm.hmp.send("object_add secret,id=s0,data=very-secret-word")
    vm.hmp.send("object_add secret,id=s1,format=raw, data=very-secret-word")
    vm.hmp.send("info status")
    vm.hmp.type("quit\r")
    vm.wait_exit(0)
    with open(history(t), encoding="utf-8") as text:
        kept = text.read()
    t.has(kept, "info status")
    t.lacks(kept, "very-secret-word")


def test_a_readable_history_is_repaired(t):
    "a history file that others could read gets mode 0600 again"
    t.requires_minivisor("QEMU keeps no history")
    os.makedirs(os.path.dirname(history(t)))
    with open(history(t), "w", encoding="utf-8") as out:
        out.write("info name\n")
    os.chmod(history(t), 0o644)
    vm = t.start(hmp="pty", qmp=0)
    vm.hmp.send("info status")
    vm.hmp.type("quit\r")
    vm.wait_exit(0)
    t.eq(stat.S_IMODE(os.stat(history(t)).st_mode), 0o600)


def test_an_unwritable_state_folder(t):
    "a console works without a place for its history"
    t.requires_minivisor("QEMU keeps no history")
    blocked = t.write("blocked", "a file")
    vm = t.start(hmp="pty", qmp=0, env={"XDG_STATE_HOME": blocked})
    t.eq(vm.hmp.send("info status"), ["VM status: running"])


def test_completion_of_one_candidate(t):
    "Tab completes commands, and a sub-command of info"
    vm = t.start(hmp="pty", qmp=0)
    vm.hmp.type("migrate_inc\t")
    vm.hmp.wait(lambda lines: lines[-1] == "(qemu) migrate_incoming ", what="the completed command")
    vm.hmp.type("\x15")
    vm.hmp.wait(lambda lines: lines[-1] == "(qemu) ", what="an empty line")
    t.eq(vm.hmp.send("info stat\t" if t.minivisor() else "info statu\t"), ["VM status: running"])


def completes(t, vm, typed, wanted):
    """Typing and Tab must give this line; then the line is discarded with Ctrl-C."""
    vm.hmp.type(typed + "\t")
    vm.hmp.wait(lambda lines: lines[-1] == "(qemu) " + wanted, what="'%s' completed to '%s'" % (typed, wanted))
    row = vm.hmp.screen.row
    vm.hmp.type("\x03")
    vm.hmp.wait_prompt(row + 1)


def test_completion_of_arguments(t):
    "Tab knows object types, ids, property names, parameters, capabilities and files"
    t.requires_minivisor("QEMU completes less")
    t.write("image.bin", "x")
    vm = t.start("-object", "authz-simple,id=auth0,identity=x", hmp="pty", qmp=0)
    completes(t, vm, "object_add authz-s", "object_add authz-simple")
    completes(t, vm, "object_del au", "object_del auth0 ")
    completes(t, vm, "qom-get auth0 ident", "qom-get auth0 identity ")
    completes(t, vm, "migrate_set_parameter tls-cr", "migrate_set_parameter tls-creds ")
    completes(t, vm, "migrate_set_capability ev", "migrate_set_capability events ")
    completes(t, vm, "migrate_set_capability events of", "migrate_set_capability events off ")
    completes(t, vm, "object_add tls-creds-x509,id=a,endp", "object_add tls-creds-x509,id=a,endpoint=")
    completes(t, vm, "pmemsave 0 10 %s/ima" % t.dir, "pmemsave 0 10 %s/image.bin " % t.dir)


def test_completion_of_several_candidates(t):
    "Tab with several candidates lists them and keeps the line"
    vm = t.start(hmp="pty", qmp=0)
    vm.hmp.type("migrate_set_c\x7f\t\t")
    vm.hmp.wait(lambda lines: any("migrate_set_capability" in line and "migrate_set_parameter" in line for line in lines)
                or {"migrate_set_capability", "migrate_set_parameter"} <= {w for line in lines for w in line.split()})
    vm.hmp.wait(lambda lines: lines[-1] == "(qemu) migrate_set_")


def test_ctrl_c_discards_the_line(t):
    "Ctrl-C discards the line and never ends the program"
    t.requires_minivisor("QEMU ends")
    vm = t.start(hmp="pty")
    vm.hmp.type("stop")
    vm.hmp.wait(lambda lines: lines[-1] == "(qemu) stop")
    row = vm.hmp.screen.row
    vm.hmp.type("\x03")
    vm.hmp.wait_prompt(row + 1)
    t.eq(vm.hmp.send("info status"), ["VM status: running"])
    for _ in range(3):
        row = vm.hmp.screen.row
        vm.hmp.type("\x03")
        vm.hmp.wait_prompt(row + 1)
    t.check(vm.running(), "it ended")


def test_ctrl_c_detaches_a_blocking_migrate(t):
    "Ctrl-C during a blocking migrate gives the prompt back; the migration goes on"
    t.requires_minivisor("QEMU ends")
    target = t.start("-m", "64M", "-incoming", "defer", name="target")
    uri = migration.listen(target)
    vm = t.start("-m", "64M", *migration.loader(migration.ram_image(t, mib=32)), hmp="pty")
    vm.hmp.send("migrate_set_parameter max-bandwidth 1")
    row = vm.hmp.screen.row
    vm.hmp.type("migrate %s\r" % uri)
    migration.wait_status(vm, "active")
    vm.hmp.type("\x03")
    vm.hmp.wait_prompt(row + 1)
    t.eq(vm.qmp.cmd("query-migrate")["status"], "active")
    vm.hmp.send("migrate_set_parameter max-bandwidth 0")
    migration.wait_status(vm, "completed")
    migration.wait_status(target, "completed")


def test_progress_line(t):
    "a blocking migrate draws a progress line: done, total, rate, remaining time"
    t.requires_minivisor("QEMU draws none")
    target = t.start("-m", "64M", "-incoming", "defer", name="target")
    uri = migration.listen(target)
    vm = t.start("-m", "64M", *migration.loader(migration.ram_image(t, mib=32)), hmp="pty", columns=100)
    vm.hmp.send("migrate_set_parameter max-bandwidth 20")
    row = vm.hmp.screen.row
    vm.hmp.type("migrate %s\r" % uri)
    seen = []
    vm.hmp.wait(lambda lines: seen.append(lines[-1]) or re.search(r"\d.*MiB.*/s", lines[-1]), what="a progress line")
    t.check(len(vm.hmp.current()) <= 100, "the progress line fits the terminal: %r" % vm.hmp.current())
    vm.qmp.cmd("migrate-set-parameters", max_bandwidth=0)
    vm.hmp.wait_prompt(row + 1, 30)
    t.eq(vm.qmp.cmd("query-migrate")["status"], "completed")
    t.check(len(vm.hmp.screen.rows) - row < 8, "it draws in one row: %s" % vm.hmp.screen.lines()[row:])


def test_no_color(t):
    "the progress line is coloured, but not where NO_COLOR is set or the terminal is dumb"
    t.requires_minivisor("QEMU draws none")
    for name, env, coloured in (("plain", {}, True), ("no-color", {"NO_COLOR": "1"}, False), ("dumb", {"TERM": "dumb"}, False)):
        target = t.start("-m", "64M", "-incoming", "defer", name="target-" + name)
        uri = migration.listen(target)
        vm = t.start("-m", "64M", hmp="pty", columns=100, env=env, name=name)
        text, feed = [], vm.hmp.screen.feed
        vm.hmp.screen.feed = lambda piece: text.append(piece) or feed(piece)
        row = vm.hmp.screen.row
        vm.hmp.type("migrate %s\r" % uri)
        vm.hmp.wait_prompt(row + 1, 30)
        t.check("[" in "".join(text) and "##" in "".join(text), "a bar")
        t.eq("\x1b[32m" in "".join(text), coloured, name)


def test_an_event_does_not_spoil_the_line(t):
    "what another monitor does leaves the half-typed line as it is"
    vm = t.start(hmp="pty")
    vm.hmp.type("info sta")
    vm.hmp.wait(lambda lines: lines[-1] == "(qemu) info sta")
    vm.qmp.cmd("stop")
    t.eq(vm.hmp.send("tus"), ["VM status: paused"])


def test_the_terminal_is_restored(t):
    "after quit, and after SIGTERM, the terminal has its settings back"
    import termios
    for how in ("quit", "signal"):
        vm = t.start(hmp="pty", qmp=0)
        vm.hmp.send("info status")
        vm.hmp.type("quit\r") if how == "quit" else vm.signal(15)
        vm.process.wait(10)
        flags = termios.tcgetattr(vm.input)[3]
        t.check(flags & termios.ICANON and flags & termios.ECHO, "after %s the terminal is raw" % how)
        vm.wait_exit(0)
