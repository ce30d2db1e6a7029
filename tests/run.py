#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs the test suites and adds them up: lint, unit, functional, conformance.

usage: run.py --build DIR [SUITE] [FILTER]

Without a suite all of them run; FILTER keeps the tests whose name contains it. The last line
is always "N passed, N failed, N skipped"; the exit status is 0 only when nothing failed and
something ran. `--write-sums FILE` leaves the three numbers in a file, for .ci/run.
"""
import argparse
import json
import os
import re
import subprocess
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(HERE)
SUITES = ("lint", "unit", "functional", "conformance")
SUMS = re.compile(r"(\d+) passed, (\d+) failed, (\d+) skipped")


def streamed(argv):
    """Runs a suite that prints its own sums last; returns them. A suite that ends badly counts one failure."""
    proc = subprocess.Popen(argv, stdout=subprocess.PIPE, text=True, errors="replace", cwd=ROOT)
    last = ""
    for line in proc.stdout:
        if last:
            print(last, flush=True)
        last = line.rstrip("\n")
    status = proc.wait()
    found = SUMS.fullmatch(last)
    if not found:
        if last:
            print(last)
        print("FAIL %s ended with status %d and no sums" % (os.path.basename(argv[1]), status))
        return 0, 1, 0
    sums = tuple(int(x) for x in found.groups())
    if status and not sums[1] and sums[0]:
        print("FAIL %s ended with status %d" % (os.path.basename(argv[1]), status))
        return sums[0], 1, sums[2]
    return sums


def lint(options):
    return streamed([sys.executable, os.path.join(HERE, "lint", "run.py")]
                    + (["--filter", options.filter] if options.filter else []))


def unit_runners(build):
    """The tests that know Catch2's filters; a fuzzer's replay takes another argument."""
    with open(os.path.join(build, "meson-info", "intro-tests.json"), encoding="utf-8") as tests:
        return [test["name"] for test in json.load(tests) if test["name"].startswith("unit-")]


def unit(options):
    """meson test; counts Catch2's test cases rather than its executables."""
    argv = ["meson", "test", "-C", options.build, "--no-rebuild", "--num-processes", str(options.jobs)]
    if options.timeout_multiplier != 1:
        argv += ["--timeout-multiplier", str(options.timeout_multiplier)]
    if options.filter:
        argv += ["--test-args", "*%s*" % options.filter] + unit_runners(options.build)
    log = os.path.join(options.build, "meson-logs", "testlog.json")
    if os.path.exists(log):
        os.unlink(log)
    done = subprocess.run(argv, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace")
    passed = failed = skipped = 0
    if not os.path.exists(log):
        if "No tests defined" in done.stdout:
            print("SKIP unit: no unit tests are built here")
            return 0, 0, 1
        print(done.stdout)
        print("FAIL unit: meson test left no log")
        return 0, 1, 0
    with open(log, encoding="utf-8") as lines:
        results = [json.loads(line) for line in lines if line.strip()]
    for result in results:
        name, out = result["name"].split(" / ")[-1], result.get("stdout") or ""
        good = re.search(r"All tests passed \(.*? in (\d+) test cases?\)", out)
        mixed = re.search(r"^test cases: (.*)$", out, re.M)
        if result["result"] == "OK":
            count = int(good.group(1)) if good else 0 if re.search("No test(s ran| cases matched)", out) else 1
            passed += count
            if count:
                print("ok   %s: %d (%.2f s)" % (name, count, result["duration"]))
            continue
        if result["result"] == "SKIP":
            skipped += 1
            print("SKIP %s: it asked to be skipped" % name)
            continue
        counts = dict((word, int(number)) for number, word in re.findall(r"(\d+) (passed|failed)", mixed.group(1))) if mixed else {}
        passed += counts.get("passed", 0)
        failed += max(1, counts.get("failed", 0))
        print("FAIL %s: %s" % (name, result["result"]))
        for text in (out, result.get("stderr") or ""):
            print("".join("     %s\n" % line for line in text.splitlines()[-60:]), end="")
    return passed, failed, skipped


def functional(options):
    return streamed([sys.executable, os.path.join(HERE, "functional", "run.py"),
                     "--binary", os.path.join(options.build, "minivisor"), "--jobs", str(options.jobs)]
                    + (["--filter", options.filter] if options.filter else []))


def conformance(options):
    binary = os.path.join(options.build, "minivisor")
    sums = streamed([sys.executable, os.path.join(HERE, "conformance", "run.py"), "--binary", binary, "--jobs", str(options.jobs)]
                    + (["--filter", options.filter] if options.filter else []))
    for script in ("differential", "command_lines"):
        if not options.filter or options.filter in script:
            more = streamed([sys.executable, os.path.join(HERE, "conformance", script + ".py"), "--binary", binary])
            sums = tuple(a + b for a, b in zip(sums, more))
    return sums


def main():
    parser = argparse.ArgumentParser(description="run the test suites")
    parser.add_argument("--build", default=os.path.join(ROOT, "build"))
    parser.add_argument("--jobs", type=int, default=int(os.environ.get("MINIVISOR_JOBS", "2")))
    parser.add_argument("--timeout-multiplier", type=float,
                        default=float(os.environ.get("MINIVISOR_TIMEOUT_SCALE", "1")))
    parser.add_argument("--write-sums")
    parser.add_argument("words", nargs="*", metavar="SUITE|FILTER")
    options = parser.parse_args()
    words = list(options.words)
    suites = [words.pop(0)] if words and words[0] in SUITES else list(SUITES)
    if len(words) > 1:
        parser.error("one filter at most; the suites are %s" % ", ".join(SUITES))
    options.filter = words[0] if words else ""
    options.build = os.path.abspath(options.build)

    total = [0, 0, 0]
    for suite in suites:
        print("== %s" % suite, flush=True)
        began = time.monotonic()
        sums = globals()[suite](options)
        total = [a + b for a, b in zip(total, sums)]
        print("   %s: %d passed, %d failed, %d skipped in %.1f s" % ((suite,) + tuple(sums) + (time.monotonic() - began,)),
              flush=True)
    if not total[0] and not total[1]:
        print("nothing ran" + (": no test has '%s' in its name" % options.filter if options.filter else ""))
    if options.write_sums:
        with open(options.write_sums, "w", encoding="utf-8") as out:
            out.write("%d %d %d\n" % tuple(total))
    print("%d passed, %d failed, %d skipped" % tuple(total))
    return 1 if total[1] or not total[0] else 0


if __name__ == "__main__":
    sys.exit(main())
