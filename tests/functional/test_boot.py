# SPDX-License-Identifier: GPL-3.0-or-later
"""Images are started, and their instructions shown, as by a real QEMU."""
import glob
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


def test_instructions(t):
    "x/i and xp/i print what a real QEMU prints, at the guest's addresses and at physical ones"
    t.requires_minivisor("it is compared with QEMU here")
    image = guests.image(t, "walker", "bin")
    common = ("-accel", "kvm", "-m", "16M", "-bios", image, "-S", "-serial", "null")
    ours = t.start("-M", "mini", *common)
    theirs = t.start("-M", "microvm", "-nodefaults", "-display", "none", *common, binary=t.real_qemu(), base=())
    for line in ("x/20i 0xf7c00", "xp/20i 0xf7c14", "x/2i 0xffff0", "x/i $pc", "x/i $eip+$cs.base", "print $cs", "print /d $cs.limit",
                 "print $eflags", "print $sp+$fp*$r8", "print $rip", "print $ds.base + 1", "p $fs.limit-$", "print $eip.x",
                  "x/0i 0xffff0", "x/3i 0x50000000"):
        t.eq(ours.qmp.hmp(line), theirs.qmp.hmp(line), line)
    t.eq(ours.qmp.hmp("x/2i 0xffff0"), ["0x000ffff0:  ea 00 ff 00 f0           ljmpw    $0xf000:$0xff00",
                                        "0x000ffff5:  00 00                    addb     %al, (%bx, %si)"])
    t.eq(ours.qmp.hmp("x/5000i 0"), ["Error: Parameter 'count' expects at most 4096"])
    t.eq(ours.qmp.cmd("__org.minivisor_disassemble", address=0xffff0, count=1, **{"cpu-index": 0}),
         {"human-readable-text": "0x000ffff0:  ea 00 ff 00 f0           ljmpw    $0xf000:$0xff00\n"})
    t.eq(ours.qmp.error("__org.minivisor_disassemble", address=0, count=1, **{"cpu-index": 1}),
         "Parameter 'cpu-index' expects a CPU number")
    held = {r["name"]: r["value"] for r in ours.qmp.cmd("__org.minivisor_query-register-values", **{"cpu-index": 0})}
    t.eq((held["eip"], held["pc"], held["cs"], held["cs.limit"]), (0xfff0, 0xfffffff0, 0xf000, 0xffff))
    t.eq(ours.qmp.error("__org.minivisor_query-register-values", **{"cpu-index": 1}),
         "Parameter 'cpu-index' expects a CPU number")
    blind = t.start("-M", "none", "-m", "16M")
    t.eq(blind.qmp.hmp("xp/i 0"), ["Can not dump without CPU"])


def test_multiboot_memory(t):
    "the memory above 1 MiB is told in KiB"
    t.requires_minivisor("machine mini")
    lines = boot(t, "elf", "mini", memory="64M")
    t.eq(lines[0], expected("elf", "0000fc00")[0])


def kernel_of_the_host(t):
    """The newest Linux kernel of this machine, or the one that MINIVISOR_TEST_KERNEL names."""
    named = os.environ.get("MINIVISOR_TEST_KERNEL")
    found = [named] if named else sorted(glob.glob("/boot/vmlinuz-*"), key=os.path.getmtime)
    found = [path for path in found if os.access(path, os.R_OK)]
    if not found:
        t.skip("there is no Linux kernel to boot: no readable /boot/vmlinuz-*, and MINIVISOR_TEST_KERNEL is not set")
    return found[-1]


def test_linux(t):
    "Linux boots by its 64-bit protocol, with its command line, and finds its memory"
    t.requires_minivisor("machine mini")
    with open("/proc/cpuinfo") as info:
        flags = re.search(r"^flags\s*:(.*)$", info.read(), re.M).group(1).split()
    if not {"vmx", "svm"} & set(flags) or not os.access("/dev/kvm", os.R_OK | os.W_OK):
        t.skip("KVM here does not run on the CPU's own virtualization, and knows no long mode")
    vm = t.start("-M", "mini", "-accel", "kvm", "-m", "512M", "-kernel", kernel_of_the_host(t), "-serial", "stdio",
                 "-append", "earlyprintk=serial,ttyS0,115200 console=ttyS0 panic=-1 minivisor.word=1")
    for pattern in (rb"Linux version", rb"Command line: .*minivisor\.word=1", rb"BIOS-e820: \[mem 0x0000000000100000-0x000000001fffffff\] usable"):
        vm.out.wait(lambda data: re.search(pattern, data), 60, pattern.decode())
    t.eq(vm.qmp.cmd("query-status")["status"], "running")
