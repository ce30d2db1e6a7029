#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs the lints over the repository, and the tests that prove that each lint can fail."""
import argparse
import os
import sys
import unittest

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE)
sys.dont_write_bytecode = True
import braces  # noqa: E402
import coroutines  # noqa: E402
import floors  # noqa: E402
import formatting  # noqa: E402
import length  # noqa: E402
import spdx  # noqa: E402
import test_lints  # noqa: E402
import words  # noqa: E402

LINTS = (floors, coroutines, braces, length, spdx, words, formatting)


def main():
    parser = argparse.ArgumentParser(description="check the tree")
    parser.add_argument("--filter", default="", help="only lints whose name contains this")
    parser.add_argument("root", nargs="?", default=os.path.dirname(os.path.dirname(HERE)))
    options = parser.parse_args()
    passed = failed = skipped = 0
    for lint in LINTS:
        name = "lint " + lint.__name__
        if options.filter not in name:
            continue
        try:
            faults = lint.check(options.root)
        except formatting.Absent as absent:
            skipped += 1
            print("SKIP %s: %s" % (name, absent))
            continue
        for fault in faults:
            print(fault)
        if faults:
            failed += 1
            print("FAIL %s: %d faults" % (name, len(faults)))
        else:
            passed += 1
            print("ok   %s: %s" % (name, lint.__doc__.split("\n")[0].rstrip(".")))

    for test in unittest.defaultTestLoader.loadTestsFromModule(test_lints):
        for case in test:
            if options.filter not in case.id():
                continue
            result = unittest.TestResult()
            case.run(result)
            bad = result.failures + result.errors
            for _, text in bad:
                print("FAIL %s\n%s" % (case.id(), text))
            skipped += len(result.skipped)
            for _, why in result.skipped:
                print("SKIP %s: %s" % (case.id(), why))
            failed += bool(bad)
            passed += not bad and not result.skipped
    print("%d passed, %d failed, %d skipped" % (passed, failed, skipped))
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
