#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""A unittest.TestCase of a management program that has minivisor as its peer.

    MINIVISOR=build/minivisor tests/harness/examples/monitor.py

Every reply and event is checked against query-qmp-schema on the way; an instance that crashes, or ends otherwise than
expected, makes the test fail at its end.
"""
import os
import sys
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), os.pardir, os.pardir))

from harness import QmpError, testbed  # noqa: E402


class MonitorTest(unittest.TestCase):
    def setUp(self):
        opened = testbed(os.environ["MINIVISOR"])
        self.bed = opened.__enter__()
        self.addCleanup(opened.__exit__, None, None, None)
        self.vm = self.bed.start("-name", "web", "-m", "16M", hmp="pipe")

    def test_what_is_asked_is_answered(self):
        self.assertEqual(self.vm.qmp.cmd("query-name"), {"name": "web"})
        self.assertEqual(self.vm.hmp.send("info name"), ["web"])

    def test_events_are_waited_for(self):
        self.vm.qmp.cmd("stop")
        self.vm.qmp.wait_event("STOP")
        self.assertEqual(self.vm.qmp.cmd("query-status")["status"], "paused")
        self.vm.hmp.send("cont")
        self.vm.qmp.wait_event("RESUME")

    def test_a_refusal_is_an_exception(self):
        with self.assertRaises(QmpError) as caught:
            self.vm.qmp.cmd("object-del", id_="nope")
        self.assertEqual((caught.exception.error_class, caught.exception.desc), ("GenericError", "object 'nope' not found"))

    def test_an_object_is_made_and_read(self):
        self.vm.qmp.cmd("object-add", qom_type="authz-simple", id_="a0", identity="CN=x")
        self.assertEqual(self.vm.qmp.cmd("qom-get", path="/objects/a0", property="identity"), "CN=x")


if __name__ == "__main__":
    unittest.main()
