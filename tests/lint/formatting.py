# SPDX-License-Identifier: GPL-3.0-or-later
"""All C++ files are as clang-format 14 leaves them (./dev fmt does it)."""
import concurrent.futures
import os
import re
import shutil
import subprocess

from tree import files


class Absent(Exception):
    """The tool is not installed: a skip, with its reason."""


def check(root):
    tool = next((t for t in ("clang-format-14", "clang-format") if shutil.which(t)), None)
    if tool is None:
        raise Absent("clang-format-14 is not installed (./dev setup)")
    version = subprocess.run([tool, "--version"], stdout=subprocess.PIPE, text=True).stdout
    if "version 14." not in version:
        raise Absent("clang-format 14 is wanted, here is %s" % version.strip())
    paths = files(root, ".cpp", ".hpp")
    if not paths:
        return []
    jobs = max(2, os.cpu_count() or 2)
    chunks = [paths[i::jobs] for i in range(jobs) if paths[i::jobs]]

    def one(chunk):
        return subprocess.run([tool, "--dry-run", "-Werror", "--ferror-limit=1"] + chunk, cwd=root,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace")
    with concurrent.futures.ThreadPoolExecutor(jobs) as pool:
        faults = []
        for done in pool.map(one, chunks):
            found = re.findall(r"^(\S+?):(\d+):\d+: error: code should be clang-formatted", done.stdout, re.M)
            faults += ["%s:%s: not formatted (./dev fmt)" % at for at in found]
            if done.returncode and not found:
                faults.append("clang-format: " + done.stdout.strip()[:400])
    return sorted(faults)
