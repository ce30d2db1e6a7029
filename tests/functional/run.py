#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs the functional tests of this folder; see --help, and tests/harness for what they are made of."""
import os
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.dirname(HERE))
sys.dont_write_bytecode = True
from harness import runner  # noqa: E402

if __name__ == "__main__":
    sys.exit(runner.main(HERE))
