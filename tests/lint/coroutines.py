# SPDX-License-Identifier: GPL-3.0-or-later
"""The shapes of coroutines that g++ 12 miscompiles or that outlive what they hold.

1. A braced aggregate inside a co_await expression is freed twice: name it first, then move it.
   Braces of std types (but std::array) and of numbers are constructors, and safe.
2. co_await inside TRY or another statement expression crashes the compiler: CO_TRY, CO_CHECK.
3. A capturing lambda that is a coroutine dies before its frame, except as an immediate
   argument of spawn (which keeps it), or of bind or AsyncHandler (the registry keeps it).
"""
import re

from tree import blank, closing, files, line_of, read

SAFE_TYPE = re.compile(r"(?:std::(?!array\b)[\w:]+(?:<[^{}();]*>)?|(?:std::)?(?:u?int\d+_t|size_t)|bool|char|int|unsigned|double)$")
LAMBDA = re.compile(r"\[([^\[\]]*)\]\s*(?=[({<]|mutable\b|->)")
AWAIT = re.compile(r"\bco_await\b")


def expression_end(code, start):
    """The end of the expression that begins at `start`: `;`, or `,` or a closing bracket of its surroundings."""
    i = start
    while i < len(code):
        if code[i] in "([{":
            i = closing(code, i)
        elif code[i] in ")]};,":
            return i
        i += 1
    return i


def lambda_bodies(code):
    """(start of [, captures, start of {, end of }) of every lambda."""
    for found in LAMBDA.finditer(code):
        before = code[:found.start()].rstrip()
        if before and (before[-1].isalnum() or before[-1] in "_])\"") and not before.endswith(("return", "co_return", "co_await")):
            continue    # a subscript, or an attribute's end
        if before.endswith("["):
            continue    # an attribute
        i = found.end()
        if i < len(code) and code[i] == "<":
            i = code.find(">", i) + 1
            while i < len(code) and code[i].isspace():
                i += 1
        if i < len(code) and code[i] == "(":
            i = closing(code, i) + 1
        body = code.find("{", i)
        if body < 0 or re.search(r"[;)}]", re.sub(r"\([^()]*\)", "", code[i:body])):
            continue
        yield found.start(), found.group(1).strip(), body, closing(code, body)


def braces_in_await(path, code, bodies, faults):
    body_starts = {body: end for _, _, body, end in bodies}
    for found in AWAIT.finditer(code):
        end = expression_end(code, found.end())
        i = found.end()
        while i < end:
            if code[i] == "{":
                if i in body_starts:
                    i = body_starts[i] + 1
                    continue
                before = code[found.end():i].rstrip()
                name = re.search(r"[\w:]+(?:<[^{}();]*>)?$", before)
                if not (name and SAFE_TYPE.match(name.group(0))):
                    faults.append("%s:%d: braces inside a co_await expression (g++ 12 frees an aggregate twice): "
                                  "name the value first, then std::move it" % (path, line_of(code, i)))
                i = closing(code, i)
            i += 1


def await_in_statement_expression(path, code, faults):
    for found in re.finditer(r"(?<![\w])TRY\s*\(", code):
        line = code[code.rfind("\n", 0, found.start()) + 1:found.start()]
        if re.match(r"\s*#\s*define\b", line):
            continue
        if AWAIT.search(code, found.end() - 1, closing(code, found.end() - 1)):
            faults.append("%s:%d: co_await inside TRY (it crashes g++ 12): use CO_TRY or CO_CHECK" % (path, line_of(code, found.start())))
    for found in re.finditer(r"\(\s*\{", code):
        inner = code[found.end():closing(code, found.end() - 1)]
        if ";" in inner and AWAIT.search(inner):
            faults.append("%s:%d: co_await inside a statement expression crashes g++ 12" % (path, line_of(code, found.start())))


def called(code, position):
    """The name of the call that the text at `position` is an immediate argument of, or ''."""
    i = position - 1
    while i >= 0:
        if code[i] in ")]}":
            depth, i = 1, i - 1
            while i >= 0 and depth:
                depth += (code[i] in ")]}") - (code[i] in "([{")
                i -= 1
            continue
        if code[i] == "(":
            before = re.sub(r"<[^<>()]*>$", "", code[:i].rstrip())
            name = re.search(r"\w+$", before)
            return name.group(0) if name else ""
        if code[i] in ";{[" or code[i] == "=" and code[i - 1:i + 1] not in ("==", "<=", ">=", "!="):
            return ""
        i -= 1
    return ""


def capturing_coroutines(path, code, bodies, faults):
    for start, captures, body, end in bodies:
        if not captures:
            continue
        own, i = [], body + 1
        inner = {b: e for _, _, b, e in bodies if body < b < end}
        while i < end:
            if i in inner:
                i = inner[i]
            own.append(code[i])
            i += 1
        if re.search(r"\bco_(await|return|yield)\b", "".join(own)) and called(code, start) not in ("spawn", "bind", "AsyncHandler"):
            faults.append("%s:%d: a capturing lambda is a coroutine, and not an immediate argument of spawn or bind: "
                          "it may die before its frame" % (path, line_of(code, start)))


def check_text(path, text):
    faults = []
    code = blank(text)
    if "co_" not in code:
        return faults
    bodies = list(lambda_bodies(code))
    braces_in_await(path, code, bodies, faults)
    await_in_statement_expression(path, code, faults)
    capturing_coroutines(path, code, bodies, faults)
    return faults


def check(root):
    faults = []
    for path in files(root, ".cpp", ".hpp"):
        faults += check_text(path, read(root, path))
    return faults
