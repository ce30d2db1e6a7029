# SPDX-License-Identifier: GPL-3.0-or-later
"""Drives minivisor, or a real QEMU, in tests: instances, QMP, HMP, credentials, migrations.

Standard library only. A functional test is a function `test_*(t)` in tests/functional; `t` is
harness.runner.Test:

    def test_a_name_is_reported(t):
        "-name is reported by query-name"
        vm = t.start("-name", "gw1")
        t.eq(vm.qmp.cmd("query-name"), {"name": "gw1"})

Programs of others, outside of these tests, open a testbed() instead; README.md says how. What the pieces do is in their own docstrings: process.Instance, qmp.Qmp, hmp.Hmp, tls.Pki, migration.
Nothing here sleeps: every wait is for bytes, for the end of a process, or for a condition that
is asked again until a deadline. What a test starts ends with it; a sanitizer's report, a crash, or an
end that the test did not expect makes it fail. Every reply and event is checked against the
program's own query-qmp-schema.
"""
import os
import sys

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

from harness.process import HarnessError, Instance, Timeout  # noqa: E402,F401
from harness.qmp import Qmp, QmpError  # noqa: E402,F401
from harness.tls import Pki  # noqa: E402,F401
from harness.runner import testbed  # noqa: E402,F401
