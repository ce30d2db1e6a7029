# SPDX-License-Identifier: GPL-3.0-or-later
"""Keeps a command from being declared and not bound, or bound and not tried by any functional test.

What is not documented the program itself refuses to write a manual of (main/manual), which tests/functional/test_golden
sees; here is the rest.
"""
import os
import re

DECLARED = re.compile(r":\s*(?:qapi::)?(Command|Event)<\s*\"([^\"]+)\"")


def declared(root):
    """The names of the commands and of the events that qapi/schema declares, as two sets."""
    folder = os.path.join(root, "qapi", "schema")
    found = {"Command": set(), "Event": set()}
    for name in os.listdir(folder):
        with open(os.path.join(folder, name), encoding="utf-8") as text:
            for kind, wire_name in DECLARED.findall(text.read()):
                found[kind].add(wire_name)
    return found["Command"], found["Event"]


def unbound(commands, events, schema):
    """Declared commands and events that the program's schema lacks, and the other way round, each named."""
    faults = ["command '%s' is declared in qapi/schema, but bound nowhere" % n for n in sorted(commands - set(schema.commands))]
    faults += ["event '%s' is declared in qapi/schema, but no registry has it" % n for n in sorted(events - set(schema.events))]
    faults += ["command '%s' is bound, but not declared in qapi/schema" % n for n in sorted(set(schema.commands) - commands)]
    return faults + ["event '%s' is emitted, but not declared in qapi/schema" % n for n in sorted(set(schema.events) - events)]


def untested(schema, executed):
    "every command that query-commands lists is executed by a functional test"
    return ["command '%s' is executed by no functional test" % n for n in sorted(set(schema.commands) - set(executed))]


def is_due(options, tests):
    """Whether a run has tried everything: no filter, and minivisor itself."""
    return not options.filter and bool(tests) and not os.path.basename(options.binary).startswith("qemu-system")
