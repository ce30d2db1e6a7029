# SPDX-License-Identifier: GPL-3.0-or-later
"""A source file has 400 lines at most, a test 600."""
from tree import files, read

LIMIT, TEST_LIMIT = 400, 600


def check(root):
    faults = []
    for path in files(root, ".cpp", ".hpp", ".py"):
        lines = read(root, path).count("\n")
        limit = TEST_LIMIT if path.startswith("tests/") else LIMIT
        if lines > limit:
            faults.append("%s: %d lines, the limit is %d: split it by meaning" % (path, lines, limit))
    return faults
