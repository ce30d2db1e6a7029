# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs functional tests: each in a process of its own, some at a time, with a folder and a deadline."""
import argparse
import contextlib
import importlib
import inspect
import json
import os
import select
import shutil
import signal
import sys
import tempfile
import time
import traceback

from harness.process import SCALE, HarnessError, Instance
from harness import coverage, qmp
from harness.schema import schema_of
from harness.tls import Pki

SECONDS = 60


class Skip(Exception):
    pass


class Test:
    """What a test function gets.

    dir      the test's own folder, removed afterwards; binary: the program under test; cache: kept for the run
    start()  an Instance; further ones need a name=
    pki      harness.tls.Pki whose folders lie in dir
    """

    def __init__(self, binary, directory, cache, validate=True):
        self.binary, self.dir, self.cache, self.validate = binary, directory, cache, validate
        self.instances, self.cleanups = [], []
        self.pki = Pki(cache, directory)

    def start(self, *args, name=None, **more):
        name = name or ("vm" if not self.instances else "vm%d" % len(self.instances))
        instance = Instance.__new__(Instance)
        self.instances.append(instance)
        try:
            instance.__init__(self, name, args, **more)
        except BaseException:
            if not hasattr(instance, "process"):
                self.instances.remove(instance)
            else:
                instance.ended = instance.ended or instance.process.poll() is not None
            raise
        return instance

    def path(self, name):
        return os.path.join(self.dir, name)

    def write(self, name, data):
        with open(self.path(name), "wb") as out:
            out.write(data.encode() if isinstance(data, str) else data)
        return self.path(name)

    def schema(self, binary):
        return schema_of(binary, self.cache) if self.validate else None

    # -- what the program is

    def minivisor(self, instance=None):
        binary = instance.binary if instance else self.binary
        return not os.path.basename(binary).startswith("qemu-system")

    def requires_minivisor(self, why="differs from QEMU on purpose"):
        if not self.minivisor():
            raise Skip("only minivisor: " + why)

    def real_qemu(self):
        """The path of a real QEMU 7.2 or newer; a skip where there is none."""
        found = shutil.which("qemu-system-x86_64")
        if not found:
            raise Skip("qemu-system-x86_64 is not installed")
        return found

    def sanitized(self):
        """Whether the program under test is a build with a sanitizer, by the name of its folder."""
        return "asan" in self.binary or "tsan" in self.binary

    def requires_plain_build(self, why):
        if self.sanitized():
            raise Skip("not with a sanitizer: " + why)

    def grew_less(self, found, limit, what):
        """`found` bytes are below the limit; not looked at under a sanitizer, which keeps what was freed."""
        if not self.sanitized():
            self.check(found < limit, "%s: %d KiB" % (what, found >> 10))

    def skip(self, why):
        raise Skip(why)

    # -- saying what must hold

    def check(self, holds, what):
        if not holds:
            raise HarnessError(what if isinstance(what, str) else repr(what))

    def eq(self, found, wanted, what=""):
        if found != wanted:
            raise HarnessError("%sfound %s\n    wanted %s" % (what + ": " if what else "", _show(found), _show(wanted)))

    def has(self, found, text, what=""):
        """`text` occurs in the text, or in one of the lines."""
        whole = found if isinstance(found, str) else "\n".join(found)
        if text not in whole:
            raise HarnessError("%s%r does not occur in:\n    %s" % (what + ": " if what else "", text, whole[-3000:].replace("\n", "\n    ")))

    def lacks(self, found, text, what=""):
        whole = found if isinstance(found, str) else "\n".join(found)
        if text in whole:
            raise HarnessError("%s%r must not occur in:\n    %s" % (what + ": " if what else "", text, whole[-3000:]))

    def finish(self):
        faults = []
        for cleanup in reversed(self.cleanups):
            try:
                cleanup()
            except Exception as error:       # noqa: BLE001 - a cleanup's fault is the test's
                faults.append("cleaning up: %s" % error)
        for instance in reversed(self.instances):
            faults += instance.stop()
        return faults


@contextlib.contextmanager
def testbed(binary, validate=True):
    """A Test outside of the runner, for the length of a `with`: a folder, instances, credentials, checks.

    `validate=False` does not check replies against the schema. What was wrong with the end of an instance is raised
    as HarnessError when the block is left, unless it is left with an exception of its own.
    """
    directory = tempfile.mkdtemp(prefix="mv-")
    test = Test(os.path.abspath(shutil.which(binary) or binary), directory, directory, validate)
    try:
        try:
            yield test
        except BaseException:
            test.finish()
            raise
        faults = test.finish()
        if faults:
            raise HarnessError("\n".join(faults))
    finally:
        shutil.rmtree(directory, ignore_errors=True)


def _show(value):
    text = value if isinstance(value, str) else json.dumps(value, default=repr, ensure_ascii=False)
    return text if len(text) < 2000 else text[:2000] + "..."


def where(error):
    """The lines of the test that led to the error."""
    frames = [f for f in traceback.extract_tb(error.__traceback__)
              if os.sep + "functional" + os.sep in f.filename or not isinstance(error, HarnessError)]
    return "".join("\n    at %s:%d: %s" % (os.path.basename(f.filename), f.lineno, f.line) for f in frames[-4:])


def run_one(function, binary, directory, cache, validate):
    """Runs a test in this process; returns its result as (verdict, text)."""
    test = Test(binary, directory, cache, validate)
    verdict, text = "ok", ""
    try:
        function(test)
    except Skip as skip:
        verdict, text = "skip", str(skip)
    except HarnessError as error:
        verdict, text = "fail", str(error) + where(error)
    except BaseException as error:           # noqa: BLE001
        verdict, text = "fail", "%s: %s%s" % (type(error).__name__, error, where(error))
    if verdict == "fail":
        text = (text if len(text) < 4000 else text[:3000] + " [...] " + text[-900:]) + "".join(i.last_words() for i in test.instances if hasattr(i, "err"))
    faults = test.finish()
    if faults:
        verdict, text = "fail", "\n    ".join(([text] if text else []) + faults)
    return verdict, text


def sentence(function):
    doc = (function.__doc__ or "").strip().split("\n")[0].rstrip(".")
    return doc or function.__name__[len("test_"):].replace("_", " ")


def discover(folder):
    """(area, function) of each test in the test_*.py files, in the order of the text."""
    found = []
    sys.path.insert(0, folder)
    for name in sorted(os.listdir(folder)):
        if name.startswith("test_") and name.endswith(".py"):
            module = importlib.import_module(name[:-3])
            functions = [f for n, f in vars(module).items()
                         if n.startswith("test_") and inspect.isfunction(f) and f.__module__ == module.__name__]
            found += [(name[len("test_"):-3], f) for f in sorted(functions, key=lambda f: f.__code__.co_firstlineno)]
    return found


class Pool:
    """Forks a process for each test; reads its verdict from a pipe; kills it at its deadline."""

    def __init__(self, options, cache, report):
        self.options, self.cache, self.report, self.running = options, cache, report, {}
        self.executed = set()       # the commands that the tests have sent

    def start(self, area, function):
        receive, send = os.pipe()
        directory = tempfile.mkdtemp(prefix="mv-")
        pid = os.fork()
        if pid == 0:
            os.setsid()
            signal.signal(signal.SIGINT, signal.SIG_DFL)
            os.close(receive)
            verdict = run_one(function, self.options.binary, directory, self.cache, not self.options.no_schema)
            with os.fdopen(send, "w", encoding="utf-8") as out:
                json.dump([*verdict, sorted(qmp.EXECUTED)], out)
            os._exit(0)
        os.close(send)
        seconds = getattr(function, "seconds", SECONDS) * SCALE
        self.running[receive] = [pid, area, function, time.monotonic(), seconds, b"", directory]

    def step(self):
        now = time.monotonic()
        wait = min((job[3] + job[4] - now for job in self.running.values()), default=0)
        for fd in select.select(list(self.running), [], [], max(0, wait))[0]:
            chunk = os.read(fd, 65536)
            self.running[fd][5] += chunk
            if not chunk:
                self.end(fd)
        for fd, job in list(self.running.items()):
            if time.monotonic() > job[3] + job[4]:
                os.killpg(job[0], signal.SIGKILL)
                job[5] = json.dumps(["fail", "the test was not done after %g s" % job[4], []]).encode()
                self.end(fd)

    def end(self, fd):
        pid, area, function, began, _, data, directory = self.running.pop(fd)
        os.close(fd)
        os.waitpid(pid, 0)
        shutil.rmtree(directory, ignore_errors=True)
        verdict, text, executed = json.loads(data) if data else ("fail", "the test's process ended without a word", [])
        self.executed.update(executed)
        self.report(area, function, verdict, text, time.monotonic() - began)

    def kill(self):
        for job in self.running.values():
            os.killpg(job[0], signal.SIGKILL)
            shutil.rmtree(job[6], ignore_errors=True)


def main(folder, argv=None):
    parser = argparse.ArgumentParser(description="run the functional tests")
    parser.add_argument("--binary", default=os.path.join(os.path.dirname(os.path.dirname(folder)), "build", "minivisor"))
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--filter", default="", help="only tests whose area, name or sentence contains this")
    parser.add_argument("--repeat", type=int, default=1)
    parser.add_argument("--list", action="store_true")
    parser.add_argument("--no-schema", action="store_true", help="do not check replies against the schema")
    parser.add_argument("--quiet", action="store_true", help="name only what fails or is skipped")
    options = parser.parse_args(argv)
    options.binary = os.path.abspath(shutil.which(options.binary) or options.binary)
    full = lambda area, f: "%s %s %s" % (area, f.__name__, sentence(f))
    tests = [(a, f) for a, f in discover(folder) if options.filter in full(a, f)]
    if options.list:
        for area, function in tests:
            print("%s: %s" % (area, sentence(function)))
        return 0
    sums = {"ok": 0, "fail": 0, "skip": 0}

    def report(area, function, verdict, text, seconds):
        sums[verdict] += 1
        if verdict == "ok" and not options.quiet:
            print("ok   %s: %s (%.2f s)" % (area, sentence(function), seconds), flush=True)
        elif verdict == "skip":
            print("SKIP %s: %s: %s" % (area, sentence(function), text), flush=True)
        elif verdict == "fail":
            print("FAIL %s: %s [%s] (%.2f s)\n    %s" % (area, sentence(function), function.__name__, seconds, text), flush=True)

    if not os.access(options.binary, os.X_OK):
        print("FAIL there is no program at %s" % options.binary)
        print("0 passed, 1 failed, 0 skipped")
        return 1
    cache = tempfile.mkdtemp(prefix="mv-cache-")
    pool = Pool(options, cache, report)
    queue = tests * options.repeat
    try:
        while queue or pool.running:
            while queue and len(pool.running) < options.jobs:
                pool.start(*queue.pop(0))
            pool.step()
        if coverage.is_due(options, tests):
            faults = coverage.untested(schema_of(options.binary, cache), pool.executed)
            report("coverage", coverage.untested, "fail" if faults else "ok", "\n    ".join(faults), 0)
    finally:
        pool.kill()
        shutil.rmtree(cache, ignore_errors=True)
    print("%d passed, %d failed, %d skipped" % (sums["ok"], sums["fail"], sums["skip"]))
    return 1 if sums["fail"] else 0
