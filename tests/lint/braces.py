# SPDX-License-Identifier: GPL-3.0-or-later
"""No TRY behind another initializer in the same braces: when it returns, g++ 12 leaks what stands before it."""
import re

from tree import blank, files, line_of, read

TRY = re.compile(r"(?<!\w)TRY\(")


def opens_braces(code, position):
    """Whether the initializer at `position` stands behind another one in braces."""
    behind = False
    depth = 0
    for i in range(position - 1, -1, -1):
        c = code[i]
        if c in ")]}":
            depth += 1
        elif depth and c in "([{":
            depth -= 1
        elif depth:
            continue
        elif c in ";([":
            return False
        elif c == ",":
            behind = True
        elif c == "{":
            return behind
    return False


def check(root):
    faults = []
    for path in files(root, ".cpp", ".hpp"):
        code = blank(read(root, path))
        faults += ["%s:%d: a TRY behind another initializer in braces leaks that one (g++ 12): name its value first"
                   % (path, line_of(code, found.start()))
                   for found in TRY.finditer(code) if opens_braces(code, found.start())]
    return faults
