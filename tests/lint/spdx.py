# SPDX-License-Identifier: GPL-3.0-or-later
"""Each source file says its licence in the first line (the second after #!); each header has #pragma once."""
import os
import re

from tree import files, read

LINE = "SPDX-License-Identifier: GPL-3.0-or-later"


def check(root):
    faults = []
    for path in files(root):
        name = os.path.basename(path)
        source = name.endswith((".cpp", ".hpp", ".py", ".sh")) or name in ("meson.build", "meson_options.txt", "dev")
        if not source and os.access(os.path.join(root, path), os.X_OK):
            source = read(root, path).startswith("#!")
        if not source or name == "meson.build" and os.path.dirname(path):
            continue
        text = read(root, path)
        lines = text.split("\n")[:2]
        mark = lines[1] if lines[0].startswith("#!") and len(lines) > 1 else lines[0]
        if not re.fullmatch(r"(//|#) " + re.escape(LINE), mark):
            faults.append("%s:1: the line '%s' is missing" % (path, LINE))
        if name.endswith(".hpp") and not path.startswith("pch" + os.sep) and "#pragma once" not in text:
            faults.append("%s: no #pragma once" % path)
    return faults
