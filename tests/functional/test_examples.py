# SPDX-License-Identifier: GPL-3.0-or-later
"""The examples of tests/harness work as they stand."""
import os
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
EXAMPLES = os.path.join(os.path.dirname(HERE), "harness", "examples")


def run(t, name, *args):
    done = subprocess.run([sys.executable, os.path.join(EXAMPLES, name), *args], cwd=t.dir, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, env=dict(os.environ, MINIVISOR=t.binary, PYTHONDONTWRITEBYTECODE="1"))
    text = done.stdout.decode("utf-8", "replace")
    t.eq(done.returncode, 0, text)
    return text


def test_the_refusal(t):
    "examples/tls_refusal.py: a stranger is refused over TLS, a friend comes in"
    t.requires_minivisor("it reads minivisor's event")
    t.eq(run(t, "tls_refusal.py", t.binary),
         "refused: O=Example Org,CN=stranger.example.com; came in: O=Example Org,CN=friend.example.com\n")


def test_the_test_case(t):
    "examples/monitor.py: a unittest.TestCase with minivisor as its peer"
    t.has(run(t, "monitor.py"), "Ran 4 tests")


def test_a_testbed_tells_of_a_bad_end(t):
    "a testbed that is left while an instance has ended by itself says so"
    from harness import HarnessError, testbed
    said = ""
    try:
        with testbed(t.binary) as bed:
            bed.start("-no-such-option", qmp=0).process.wait(10)
    except HarnessError as error:
        said = str(error)
    t.has(said, "ended by itself with status 1")
