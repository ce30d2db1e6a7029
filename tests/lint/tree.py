# SPDX-License-Identifier: GPL-3.0-or-later
"""What the lints share: the files of the tree, and C++ text without comments and literals."""
import os
import re

FLOORS = {"util": 1, "qapi": 2, "qom": 3, "machine": 4, "crypto": 4, "authz": 4, "io": 5, "accel": 5,
          "migration": 6, "monitor": 6, "hw": 6, "qmp": 7, "hmp": 7, "main": 8, "tools": 8}
SKIPPED = {".git", ".cache", "__pycache__", "subprojects"}


def files(root, *endings):
    """Paths relative to root, sorted; build folders and caches are left out."""
    found = []
    for where, folders, names in os.walk(root):
        folders[:] = sorted(f for f in folders if f not in SKIPPED and not (where == root and f.startswith("build")))
        for name in sorted(set(names) - SKIPPED):
            if not endings or name.endswith(endings):
                found.append(os.path.relpath(os.path.join(where, name), root))
    return found


def read(root, path):
    with open(os.path.join(root, path), encoding="utf-8", errors="surrogateescape") as text:
        return text.read()


def line_of(text, position):
    return text.count("\n", 0, position) + 1


TOKEN = re.compile(r"""//[^\n]*|/\*.*?\*/|R"([^()\\\s]{0,16})\(.*?\)\1"|"(?:\\.|[^"\\\n])*"|(?<![0-9A-Fa-f])'(?:\\.|[^'\\\n])+'""", re.S)


def blank(code):
    """The text with comments and literals blanked; lines and positions stay the same."""
    def cover(found):
        text = found.group(0)
        inner = re.sub(r"[^\n]", " ", text)
        return '"' + inner[1:-1] + '"' if text[0] in "R\"'" and len(text) > 1 else inner
    return TOKEN.sub(cover, code)


PAIRS = {"(": ")", "[": "]", "{": "}"}


def closing(code, position):
    """Where the bracket that opens at `position` closes, or the end of the text."""
    depth = 0
    for i in range(position, len(code)):
        if code[i] in "([{":
            depth += 1
        elif code[i] in ")]}":
            depth -= 1
            if depth == 0:
                return i
    return len(code)
