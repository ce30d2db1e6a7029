# SPDX-License-Identifier: GPL-3.0-or-later
"""The demonstration that ./dev demo shows."""
import os
import subprocess
import sys

DEMO = os.path.join(os.path.dirname(os.path.abspath(__file__)), os.pardir, os.pardir, "tools", "demo.py")


def test_demo(t):
    "the demo shows the refused and the allowed sender, ends with 0, and is free of escape sequences in a pipe"
    t.requires_minivisor("it uses exit-on-error")
    done = subprocess.run([sys.executable, DEMO, "--binary", t.binary], stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                          stdin=subprocess.DEVNULL, timeout=50, env=dict(os.environ, TMPDIR=t.dir))
    said = done.stdout.decode()
    t.eq(done.returncode, 0, said[-3000:])
    for text in ("TLS x509 authz check for CN=stranger.example.com,", "sha256 on the destination", "100 %", "Done: "):
        t.has(said, text)
    t.lacks(said, "\x1b")
    t.eq([n for n in os.listdir(t.dir) if n.startswith("minivisor-demo")], [], "left behind")


def test_demo_fails_honestly(t):
    "the demo ends with 1 and the reason where the program is not what it should be"
    done = subprocess.run([sys.executable, DEMO, "--binary", "/bin/false"], stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                          stdin=subprocess.DEVNULL, timeout=50, env=dict(os.environ, TMPDIR=t.dir))
    t.eq(done.returncode, 1)
    t.has(done.stdout.decode(), "Not as it should be: ")
