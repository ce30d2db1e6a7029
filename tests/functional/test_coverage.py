# SPDX-License-Identifier: GPL-3.0-or-later
"""Nothing is declared and left unbound, bound and left untried (harness.coverage)."""
import os

from harness import coverage
from harness.schema import Schema

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))


def test_every_declaration_is_bound(t):
    "every command and event that qapi/schema declares is bound, and there are no others"
    t.requires_minivisor("the declarations are its own")
    commands, events = coverage.declared(ROOT)
    t.check(len(commands) > 40 and "object-add" in commands and "STOP" in events, "the declarations were read")
    t.eq(coverage.unbound(commands, events, t.schema(t.binary)), [])


def test_what_is_missing_is_named(t):
    "a command that is unbound, undeclared or tried by no test is named, and so is an event"
    schema = Schema([{"meta-type": "command", "name": "stop"}, {"meta-type": "command", "name": "cont"},
                     {"meta-type": "event", "name": "STOP"}])
    t.eq(coverage.unbound({"stop", "new-one"}, {"STOP", "NEW_ONE"}, schema),
         ["command 'new-one' is declared in qapi/schema, but bound nowhere",
          "event 'NEW_ONE' is declared in qapi/schema, but no registry has it",
          "command 'cont' is bound, but not declared in qapi/schema"])
    t.eq(coverage.unbound({"stop", "cont"}, set(), schema), ["event 'STOP' is emitted, but not declared in qapi/schema"])
    t.eq(coverage.untested(schema, {"stop"}), ["command 'cont' is executed by no functional test"])
    t.eq(coverage.untested(schema, {"stop", "cont", "gone"}), [])


def test_what_is_sent_is_recorded(t):
    "the client records what it sends, in whatever form"
    from harness.qmp import EXECUTED
    EXECUTED.clear()
    vm = t.start()
    vm.qmp.cmd("query-name")
    vm.qmp.raw('{"execute" : "query-uuid"}\n')
    t.eq(EXECUTED, {"qmp_capabilities", "query-name", "query-uuid"})
