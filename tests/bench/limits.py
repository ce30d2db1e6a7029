# SPDX-License-Identifier: GPL-3.0-or-later
"""What the machine itself can do, measured with the small program pipe.cpp: GB/s of "tcp", "tls" and "read"."""
import os
import subprocess

from harness.tls import Pki

HERE = os.path.dirname(os.path.abspath(__file__))


def limits(directory, memory, rounds):
    program = os.path.join(directory, "pipe")
    subprocess.run(["g++", "-std=c++20", "-O3", "-march=native", "-pthread", os.path.join(HERE, "pipe.cpp"), "-o", program,
                    "-lssl", "-lcrypto"], check=True)
    server = Pki(directory, directory).server("limit-tls")
    argv = {"tcp": ["tcp"], "tls": ["tls"], "read": ["read"]}
    more = [os.path.join(server, "server-cert.pem"), os.path.join(server, "server-key.pem")]
    found = {}
    for name, words in argv.items():
        found[name] = max(float(subprocess.run([program] + words + [str(memory)] + more, check=True, stdout=subprocess.PIPE).stdout)
                          for _ in range(rounds))
    return found
