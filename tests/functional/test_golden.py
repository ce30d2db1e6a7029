# SPDX-License-Identifier: GPL-3.0-or-later
"""Texts that people and programs read, compared with the files in tests/golden and docs/reference; MINIVISOR_ACCEPT=1
renews those."""
import difflib
import os
import shutil
import subprocess

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
PAGES = {"qmp": "qmp.md", "hmp": "hmp.md", "options": "options.md", "objects": "objects.md",
         "minivisor.1": "minivisor.1", "minivisor-qmp.7": "minivisor-qmp.7"}


def compare(t, name, text, folder="tests/golden"):
    t.requires_minivisor("the texts are its own")
    name = os.path.join(folder, name)
    path = os.path.join(ROOT, name)
    if os.environ.get("MINIVISOR_ACCEPT") == "1":
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "w", encoding="utf-8") as out:
            out.write(text)
        t.skip("accepted as the new " + name)
    t.check(os.path.exists(path), "%s is not there yet; MINIVISOR_ACCEPT=1 writes it" % name)
    with open(path, encoding="utf-8") as kept:
        wanted = kept.read()
    difference = "\n    ".join(difflib.unified_diff(wanted.splitlines(), text.splitlines(), "golden", "now", lineterm="", n=1))
    t.check(wanted == text, "%s differs (MINIVISOR_ACCEPT=1 if that is right):\n    %s" % (name, difference[:3000]))


def manual_page(t, name):
    t.requires_minivisor("the manual is its own")
    vm = t.start("-manual", name, qmp=0)
    vm.wait_exit(0)
    return vm.out.text()


def test_the_manual_of_qmp(t):
    "docs/reference/qmp.md is what the program says of its commands, events and types"
    compare(t, PAGES["qmp"], manual_page(t, "qmp"), "docs/reference")


def test_the_manual_of_the_console(t):
    "docs/reference/hmp.md is what the program says of its console"
    compare(t, PAGES["hmp"], manual_page(t, "hmp"), "docs/reference")


def test_the_manual_of_options(t):
    "docs/reference/options.md is what the program says of its options"
    compare(t, PAGES["options"], manual_page(t, "options"), "docs/reference")


def test_the_manual_of_objects(t):
    "docs/reference/objects.md is what the program says of its object types"
    compare(t, PAGES["objects"], manual_page(t, "objects"), "docs/reference")


def test_the_man_page_of_the_program(t):
    "docs/reference/minivisor.1 is what the program says of its options and console"
    compare(t, PAGES["minivisor.1"], manual_page(t, "minivisor.1"), "docs/reference")


def test_the_man_page_of_qmp(t):
    "docs/reference/minivisor-qmp.7 is what the program says of QMP"
    compare(t, PAGES["minivisor-qmp.7"], manual_page(t, "minivisor-qmp.7"), "docs/reference")


def test_the_man_pages_are_sound(t):
    "the man pages are formatted without a warning"
    if not shutil.which("groff"):
        t.skip("groff is not installed")
    for name in ("minivisor.1", "minivisor-qmp.7"):
        path = t.write(name, manual_page(t, name))
        done = subprocess.run(["groff", "-man", "-Tascii", "-ww", "-z", path], stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        t.eq(done.stdout.decode(), "", name)


def test_a_page_that_is_not_there(t):
    "a page that the manual does not have is refused, with those that it has"
    t.requires_minivisor("the manual is its own")
    t.has(t.start("-manual", "nope", qmp=0).wait_exit(1), "there is no page 'nope': qmp, hmp")


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
