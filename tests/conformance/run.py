#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs the recorded conversations of the conformance suite and compares with expected.txt.

The suite is a folder of its own (MINIVISOR_CONFORMANCE, by default ../shared/conformance beside
the repository); where it is absent this says so as one skip. expected.txt names what is known
not to pass yet: a listed case that fails counts as skipped, with its reason; a listed case
that passes is a failure, so that the list can only tell the truth.

`--list-failing` prints the failing cases that are not listed, in the form of expected.txt.
"""
import argparse
import os
import re
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
EXPECTED = os.path.join(HERE, "expected.txt")
RESULT = re.compile(r"(ok  |FAIL|SKIP) ([\w.+-]+/[\w.+-]+)(.*)")


def read_expected(path):
    """AREA/CASE issue N: REASON, or AREA/CASE on purpose: REASON, one a line; # starts a comment."""
    expected, faults = {}, []
    with open(path, encoding="utf-8") as lines:
        for number, line in enumerate(lines, 1):
            line = line.strip()
            if not line or line.startswith("#"):
                continue
            found = re.fullmatch(r"(\S+/\S+)\s+(issue \d+|on purpose): (\S.*)", line)
            if not found:
                faults.append("%s:%d: not 'AREA/CASE issue N: REASON' nor 'AREA/CASE on purpose: REASON'" % (os.path.basename(path), number))
            elif found.group(1) in expected:
                faults.append("%s:%d: %s is listed twice" % (os.path.basename(path), number, found.group(1)))
            else:
                expected[found.group(1)] = "%s: %s" % (found.group(2), found.group(3))
    return expected, faults


class Judge:
    """Turns the runner's lines into ours."""

    def __init__(self, expected):
        self.expected = expected
        self.seen = {}
        self.passed = self.failed = self.skipped = 0
        self.muted = False
        self.unlisted = []

    def line(self, line):
        found = RESULT.match(line)
        if not found:
            if not self.muted and not line.startswith("ok "):
                print(line, flush=True)
            return
        verdict, name, rest = found.group(1).strip(), found.group(2), found.group(3)
        why = self.expected.get(name)
        self.seen[name] = verdict
        self.muted = False
        if verdict == "ok" and why:
            self.failed += 1
            print("FAIL %s: it passes now; remove it from tests/conformance/expected.txt (%s)" % (name, why))
        elif verdict == "ok":
            self.passed += 1
            self.muted = True
        elif verdict == "SKIP":
            self.skipped += 1
            print(line)
        elif why:
            self.skipped += 1
            self.muted = True
            print("SKIP %s: %s" % (name, why))
        else:
            self.failed += 1
            self.unlisted.append((name, rest.lstrip(": ")))
            print(line)
        sys.stdout.flush()


def main():
    parser = argparse.ArgumentParser(description="run the conformance suite")
    parser.add_argument("--binary", default=os.path.join(ROOT, "build", "minivisor"))
    parser.add_argument("--jobs", default="2")
    parser.add_argument("--filter", default="")
    parser.add_argument("--list-failing", action="store_true")
    parser.add_argument("--expected", default=EXPECTED)
    options = parser.parse_args()

    suite = os.environ.get("MINIVISOR_CONFORMANCE", os.path.join(ROOT, os.pardir, "shared", "conformance"))
    runner = os.path.join(suite, "run.py")
    if not os.path.exists(runner):
        print("SKIP conformance: the suite is not at %s (MINIVISOR_CONFORMANCE names its folder)" % os.path.normpath(suite))
        print("0 passed, 0 failed, 1 skipped")
        return 0
    expected, faults = read_expected(options.expected)
    for fault in faults:
        print("FAIL " + fault)
    if os.path.basename(options.binary).startswith("qemu-system"):
        expected = {}
    argv = [sys.executable, runner, "--binary", options.binary, "--jobs", options.jobs, "--verbose",
            "--filter", options.filter]
    if os.environ.get("MINIVISOR_TIMEOUT_SCALE"):
        argv += ["--start-timeout", str(8 * float(os.environ["MINIVISOR_TIMEOUT_SCALE"]))]
    judge = Judge(expected)
    judge.failed += len(faults)
    proc = subprocess.Popen(argv + [os.path.join(suite, "cases")], stdout=subprocess.PIPE, text=True, errors="replace")
    last = ""
    for line in proc.stdout:
        if last:
            judge.line(last)
        last = line.rstrip("\n")
    proc.wait()
    if not re.fullmatch(r"\d+ passed, \d+ failed, \d+ skipped", last):
        judge.failed += 1
        print("FAIL the conformance runner ended early: %s" % last)
    elif not options.filter:
        for name in sorted(set(expected) - set(judge.seen)):
            judge.failed += 1
            print("FAIL expected.txt names %s, and there is no such case" % name)
    if options.list_failing:
        for name, why in judge.unlisted:
            print("%s issue N: %s" % (name, why[:100]))
    print("%d passed, %d failed, %d skipped" % (judge.passed, judge.failed, judge.skipped))
    return 1 if judge.failed else 0


if __name__ == "__main__":
    sys.exit(main())
