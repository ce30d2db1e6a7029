# SPDX-License-Identifier: GPL-3.0-or-later
"""Texts that people and programs read, compared with the files in tests/golden; MINIVISOR_ACCEPT=1 renews those."""
import difflib
import os

GOLDEN = os.path.join(os.path.dirname(os.path.abspath(__file__)), os.pardir, "golden")


def compare(t, name, text):
    t.requires_minivisor("the texts are its own")
    path = os.path.join(GOLDEN, name)
    if os.environ.get("MINIVISOR_ACCEPT") == "1":
        os.makedirs(GOLDEN, exist_ok=True)
        with open(path, "w", encoding="utf-8") as out:
            out.write(text)
        t.skip("accepted as the new tests/golden/" + name)
    t.check(os.path.exists(path), "tests/golden/%s is not there yet; MINIVISOR_ACCEPT=1 writes it" % name)
    with open(path, encoding="utf-8") as kept:
        wanted = kept.read()
    difference = "\n    ".join(difflib.unified_diff(wanted.splitlines(), text.splitlines(), "golden", "now", lineterm="", n=1))
    t.check(wanted == text, "tests/golden/%s differs (MINIVISOR_ACCEPT=1 if that is right):\n    %s" % (name, difference[:3000]))


def test_help_of_the_console(t):
    "help and info on the console read as kept"
    vm = t.start(hmp="pipe", qmp=0)
    compare(t, "help.txt", "\n".join(vm.hmp.send("help") + [""] + vm.hmp.send("info")) + "\n")


def test_help_of_the_command_line(t):
    "-help reads as kept"
    vm = t.start("-help", qmp=0, base=())
    vm.wait_exit(0)
    compare(t, "options.txt", vm.out.text().replace(t.binary, "minivisor"))


def view(schema, name, depth=0):
    """A type of the schema in one line, opaque names resolved."""
    kind = schema.types[name]
    meta = kind["meta-type"]
    if meta == "builtin":
        return name
    if meta == "array":
        return "[%s]" % view(schema, kind["element-type"], depth)
    if meta == "enum":
        return "|".join(kind.get("values") or [m["name"] for m in kind["members"]])
    if meta == "alternate":
        return "/".join(view(schema, m["type"], depth + 1) for m in kind["members"])
    if depth > 3:
        return "{...}"
    members = ["%s%s: %s" % (m["name"], "?" if "default" in m else "", view(schema, m["type"], depth + 1)) for m in kind["members"]]
    members += ["%s=%s: %s" % (kind["tag"], v["case"], view(schema, v["type"], depth + 1)) for v in kind.get("variants", ())]
    return "{%s}" % ", ".join(members)


def test_the_schema(t):
    "query-qmp-schema says what is kept, of every command and event"
    t.requires_minivisor("the texts are its own")
    schema = t.schema(t.binary)
    lines = ["%s %s -> %s" % (n, view(schema, c["arg-type"]), view(schema, c["ret-type"])) for n, c in sorted(schema.commands.items())]
    lines += ["%s %s" % (n, view(schema, e["arg-type"])) for n, e in sorted(schema.events.items())]
    compare(t, "schema.txt", "\n".join(lines) + "\n")
