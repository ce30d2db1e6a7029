# SPDX-License-Identifier: GPL-3.0-or-later
"""A multiboot kernel is handed the same by minivisor and by a real QEMU, and runs."""
import os
import re

from harness import guests


def boot(t, form, machine, memory="16M", more=(), **how):
    if not os.access("/dev/kvm", os.R_OK | os.W_OK):
        t.skip("/dev/kvm cannot be used")
    one, two = t.write("one", b"AAAA"), t.write("two", b"BBBB and more")
    vm = t.start("-M", machine, "-accel", "kvm", "-m", memory, "-kernel", guests.image(t, "multiboot", form),
                 "-append", "a  b=c", "-initrd", "%s first words,%s" % (one, two), "-serial", "stdio", "-display", "none",
                 *more, qmp=0, **how)
    vm.out.wait(lambda data: b"\nB" in data and data.endswith(b"\n"), 30, "all that it prints")
    return re.sub(r"multiboot-\d+", "multiboot", vm.out.text().replace(t.dir, "DIR")).split("\n")


def expected(form, upper="00003c00"):
    return ["M 2badb002 0000024f " + upper, "DIR/multiboot.%s a  b=c" % form, "S 41414141 DIR/one first words",
            "S 42424242 DIR/two", "B 00000000", ""]


def test_multiboot(t):
    "a plain multiboot kernel and an ELF one find their words, their modules and their memory cleared"
    t.requires_minivisor("machine mini")
    for form in ("bin", "elf"):
        t.eq(boot(t, form, "mini"), expected(form))


def test_multiboot_in_qemu(t):
    "so they do in a real QEMU"
    t.requires_minivisor("the guests lie beside minivisor")
    lines = boot(t, "elf", "microvm", more=("-nodefaults", "-monitor", "none"), binary=t.real_qemu(), base=())
    t.eq(lines, expected("elf"))


def test_multiboot_memory(t):
    "the memory above 1 MiB is told in KiB"
    t.requires_minivisor("machine mini")
    lines = boot(t, "elf", "mini", memory="64M")
    t.eq(lines[0], expected("elf", "0000fc00")[0])
