# SPDX-License-Identifier: GPL-3.0-or-later
"""No path of somebody's machine, and no promise without the number of its issue."""
import re

from tree import files, line_of, read

# Written in pieces, so that this file passes its own test.
PATHS = re.compile(r"(?<![\w.}])/(?:" + "|".join(("wo" "rk", "ho" "me", "ro" "ot", "Us" "ers")) + r")/\w")
MARKS = re.compile(r"\b(?:" + "|".join(("TO" "DO", "FIX" "ME", "XX" "X", "HA" "CK")) + r")\b(?![^\n]*(?:#|issue )\d)")
SKIPPED = ("LICENSE",)


def check(root):
    faults = []
    for path in files(root):
        if path in SKIPPED or "/corpus/" in path or path.endswith((".gz", ".png", ".bin", ".img", ".gif")):
            continue
        text = read(root, path)
        if "\0" in text:
            continue
        for found in PATHS.finditer(text):
            faults.append("%s:%d: a path of one machine: %s" % (path, line_of(text, found.start()), found.group(0)))
        for found in MARKS.finditer(text):
            faults.append("%s:%d: %s without the number of an issue" % (path, line_of(text, found.start()), found.group(0)))
    return faults
