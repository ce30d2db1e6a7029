#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is said of a command line that is wrong, or that asks for help, beside a real QEMU: text and exit status.

The lines are in command_lines.txt; each ends both programs before they wait for anything. Without a machine in it a line
runs on machine none.
"""
import argparse
import os
import re
import shlex
import shutil
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))


def said(binary, line):
    """The exit status, and standard output and error together with the program's name taken out."""
    machine = [] if re.search(r"-M\b|-machine\b", line) else ["-M", "none"]
    try:
        done = subprocess.run([binary, "-display", "none"] + machine + shlex.split(line), stdin=subprocess.DEVNULL,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=60, check=False)
    except subprocess.TimeoutExpired:
        return "it goes on", ""
    text = done.stdout.decode("utf-8", "replace")
    return done.returncode, text.replace(binary, "PROGRAM").replace(os.path.basename(binary), "PROGRAM").strip()


def main():
    parser = argparse.ArgumentParser(description="compare with a real QEMU over wrong command lines")
    parser.add_argument("--binary", default=os.path.join(ROOT, "build", "minivisor"))
    parser.add_argument("--qemu", default=shutil.which("qemu-system-x86_64"))
    parser.add_argument("--line", help="this one alone, with both answers")
    options = parser.parse_args()
    if not options.qemu:
        print("SKIP command lines: qemu-system-x86_64 is not installed")
        print("0 passed, 0 failed, 1 skipped")
        return 0
    binary = os.path.abspath(options.binary)
    if options.line:
        print("QEMU:     ", said(options.qemu, options.line))
        print("minivisor:", said(binary, options.line))
        return 0
    with open(os.path.join(HERE, "command_lines.txt"), encoding="utf-8") as lines:
        lines = [line.strip() for line in lines if line.strip() and not line.startswith("#")]
    failed = 0
    for line in lines:
        theirs, ours = said(options.qemu, line), said(binary, line)
        if theirs != ours:
            failed += 1
            print("FAIL command lines: %s\n     QEMU:      %s\n     minivisor: %s" % (line, theirs, ours))
    print("ok   command lines: %d of %d have QEMU's answer" % (len(lines) - failed, len(lines)))
    print("%d passed, %d failed, 0 skipped" % (len(lines) - failed, failed))
    return 1 if failed or not lines else 0


if __name__ == "__main__":
    sys.exit(main())
