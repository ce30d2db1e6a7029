# SPDX-License-Identifier: GPL-3.0-or-later
"""The guests of tests/guests, as they were assembled beside the binary under test."""
import os
import socket
import struct

from harness.process import HarnessError

PARAMETERS = {
    "counter": ("pace",),
    "walker": ("first", "pages", "pace", "rest"),
    "walker2": ("first", "pages", "pace", "rest"),
    "timer": ("divisor", "every"),
    "exit": ("value", "port"),
    "poweroff": ("value", "port"),
    "cpuid": ("leaf",),
    "rubbish": ("seed",),
    "flood": ("lines",),
    "outside": ("address", "port"),
}


def image(t, name, form="img", **parameters):
    """The path of a copy, in the test's folder, of a guest ("img": boot sector, "bin": firmware, or
    another that it comes in) with these parameters."""
    source = os.path.join(os.path.dirname(os.path.abspath(t.binary)), "tests", "guests", "%s.%s" % (name, form))
    if not os.path.exists(source):
        t.skip("%s is not there: the guests were not assembled" % source)
    with open(source, "rb") as file:
        data = bytearray(file.read())
    for key, value in parameters.items():
        offset = {"img": 0, "bin": 0x7c00}[form] + 4 + 4 * PARAMETERS[name].index(key)
        struct.pack_into("<I", data, offset, value)
    path = t.path("%s-%d.%s" % (name, len(os.listdir(t.dir)), form))
    with open(path, "wb") as file:
        file.write(data)
    return path


def poke(path, address, data):
    """Writes guest memory by the gdb protocol at a UNIX socket, and leaves."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as sock:
        sock.settimeout(10)
        sock.connect(path)
        for text in (b"M%x,%x:%s" % (address, len(data), data.hex().encode()), b"D"):
            sock.sendall(b"$%s#%02x" % (text, sum(text) % 256))
            answer = b""
            while not answer.endswith(b"#9a"):
                piece = sock.recv(256)
                if not piece:
                    raise HarnessError("the gdb stub closed the connection after %r" % answer)
                answer += piece
            sock.sendall(b"+")
