# SPDX-License-Identifier: GPL-3.0-or-later
"""A file includes only from its own folder or from lower floors; no circle; no allow-list.

The fronts (qmp, hmp) see only monitor/session.hpp, qapi and util, and no Asio but in hmp/console.
A folder's meson.build links only lower floors and names each of its sources. A unit test of a folder sees what
the folder's floor may see.
"""
import os
import re

from tree import FLOORS, files, line_of, read

INCLUDE = re.compile(r'^[ \t]*#[ \t]*include[ \t]*(["<])([^">\n]+)[">]', re.M)
FRONTS = ("qmp", "hmp")


def judge(folder, target, in_test=False):
    """None when a file of `folder` may include `target`, else the reason why not."""
    to = target.split("/")[0]
    if to == folder:
        return None
    if folder in FRONTS and not in_test:
        if to in ("util", "qapi") or target == "monitor/session.hpp":
            return None
        return "%s may include only monitor/session.hpp, qapi and util" % folder
    if FLOORS[to] < FLOORS[folder]:
        return None
    return "%s (floor %d) may not include %s (floor %d)" % (folder, FLOORS[folder], to, FLOORS[to])


def circles(graph):
    """Each circle of includes once, as a list of paths."""
    state, stack, found = {}, [], []

    def visit(node):
        state[node] = 1
        stack.append(node)
        for following in graph.get(node, ()):
            if state.get(following) == 1:
                found.append(stack[stack.index(following):] + [following])
            elif following not in state:
                visit(following)
        stack.pop()
        state[node] = 2
    for node in sorted(graph):
        if node not in state:
            visit(node)
    return found


def check_includes(root, faults):
    graph = {}
    for path in files(root, ".cpp", ".hpp"):
        parts = path.split(os.sep)
        in_test = parts[0] == "tests" and parts[1] == "unit" and len(parts) > 3
        folder = parts[2] if in_test else parts[0]
        text = read(root, path)
        for found in INCLUDE.finditer(text):
            quoted, target = found.group(1) == '"', found.group(2)
            to = target.split("/")[0]
            where = "%s:%d: " % (path, line_of(text, found.start()))
            if quoted and "/" not in target and in_test and \
                    os.path.exists(os.path.join(root, os.path.dirname(path), target)):
                continue    # a helper beside the test
            if quoted and "/" not in target:
                faults.append(where + '"%s": includes are written from the root, such as "util/%s"' % (target, target))
            elif quoted and (".." in target or to not in FLOORS and to not in ("pch", "tests")):
                faults.append(where + '"%s" is not of this project: write it in <>' % target)
            elif not quoted and to in FLOORS and target.endswith(".hpp"):
                faults.append(where + "<%s> is of this project: write it in quotes" % target)
            elif folder not in FLOORS or not quoted:
                if not quoted and folder in FRONTS and not in_test and re.match(r"boost/asio", target) \
                        and target != "boost/asio/awaitable.hpp" and not path.startswith(os.path.join("hmp", "console")):
                    faults.append(where + "%s holds no Asio" % folder)
                continue
            elif to == "pch" or to == "tests" and not in_test:
                faults.append(where + '"%s" may not be included here' % target)
            elif to in FLOORS:
                reason = judge(folder, target, in_test)
                if reason:
                    faults.append(where + reason)
                graph.setdefault(path, []).append(target)
    faults += ["include circle: " + " -> ".join(circle) for circle in circles(graph)]


def check_meson(root, faults):
    for folder, floor in sorted(FLOORS.items()):
        path = os.path.join(folder, "meson.build")
        if not os.path.exists(os.path.join(root, path)):
            continue
        text = re.sub(r"#[^\n]*", "", read(root, path))
        for name in sorted(set(re.findall(r"\b([a-z0-9_]+)_(?:dep|lib)\b", text))):
            to = max((f for f in FLOORS if name == f or name.startswith(f + "_")), key=len, default=None)
            if to is None or to == folder:
                continue
            if folder in FRONTS:
                if to not in ("util", "qapi", "monitor"):
                    faults.append("%s: %s may link only monitor, qapi and util, not %s" % (path, folder, to))
            elif FLOORS[to] >= floor:
                faults.append("%s: %s (floor %d) may not link %s (floor %d)" % (path, folder, floor, to, FLOORS[to]))
        built = text + read_top(root)
        for source in files(os.path.join(root, folder), ".cpp"):
            if os.path.basename(source) not in built:
                faults.append("%s: %s/%s is not built" % (path, folder, source))


def read_top(root):
    return read(root, "meson.build") if os.path.exists(os.path.join(root, "meson.build")) else ""


def check(root):
    faults = []
    check_includes(root, faults)
    check_meson(root, faults)
    return faults
