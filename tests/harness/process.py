# SPDX-License-Identifier: GPL-3.0-or-later
"""Processes under test: started in the test's folder, watched, and always ended."""
import ctypes
import os
import pty
import re
import select
import signal
import socket
import struct
import subprocess
import sys
import termios
import threading
import time
from fcntl import F_DUPFD, fcntl, ioctl

SCALE = float(os.environ.get("MINIVISOR_TIMEOUT_SCALE", "1"))
BASE = ("-M", "none", "-nodefaults", "-display", "none")
REPORT = re.compile(r"AddressSanitizer|LeakSanitizer|ThreadSanitizer|UndefinedBehaviorSanitizer|runtime error:"
                    r"|Assertion .* failed|terminate called")
LIBC = ctypes.CDLL(None, use_errno=True)
PR_SET_PDEATHSIG = 1


class HarnessError(Exception):
    """The test failed; the text says how."""


class Timeout(HarnessError):
    """What was waited for did not come in time."""


class Deadline:
    """A moment by which something must have happened; scaled for slow builds."""

    def __init__(self, seconds):
        self.at = time.monotonic() + seconds * SCALE

    def left(self):
        return max(0.0, self.at - time.monotonic())

    def over(self):
        return time.monotonic() >= self.at


class Buffer:
    """Collects the bytes of a descriptor in a thread; wait() is woken by each arrival."""

    def __init__(self, fd):
        self.data = b""
        self.eof = False
        self.changed = threading.Condition()
        self.thread = threading.Thread(target=self._collect, args=(fd,), daemon=True)
        self.thread.start()

    def _collect(self, fd):
        while True:
            try:
                chunk = os.read(fd, 65536)
            except OSError:         # a pty whose other side is gone
                chunk = b""
            with self.changed:
                self.data += chunk
                self.eof = not chunk
                self.changed.notify_all()
            if not chunk:
                return

    def text(self):
        return self.data.decode("utf-8", "replace")

    def wait(self, done, seconds, what):
        """Waits until done(data) is true and returns that; Timeout otherwise, also at the end of the bytes."""
        deadline = Deadline(seconds)
        with self.changed:
            while True:
                result = done(self.data)
                if result:
                    return result
                if self.eof or deadline.over():
                    raise Timeout("%s: not seen %s; the output was: %r" % (
                        what, "before its end" if self.eof else "in %g s" % seconds, self.data[-2000:].decode("utf-8", "replace")))
                self.changed.wait(deadline.left())


def connect_unix(path, alive, seconds=10):
    """A connected UNIX socket; waits for the listener as long as alive() holds.

    There is nothing to be told by when a socket appears, so this looks again every few
    milliseconds; the wait ends at once when the process does (`alive` is its pidfd)."""
    deadline = Deadline(seconds)
    while True:
        sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            sock.connect(path)
            return sock
        except OSError as error:
            sock.close()
            if deadline.over():
                raise Timeout("nobody listens at %s: %s" % (path, error))
        if select.select([alive], [], [], 0.003)[0]:
            raise HarnessError("the program ended before its socket %s could be reached" % os.path.basename(path))


HAND_OVER = """import os, sys
count = int(sys.argv[1])
for i in range(count):
    os.dup2(int(sys.argv[2 + i]), 3 + i)
os.environ["LISTEN_PID"] = str(os.getpid())
os.execv(sys.argv[2 + count], sys.argv[2 + count:])
"""


def handed_over(**sockets):
    """Arguments for Instance that start it with these sockets as systemd would: as 3, 4, ... with their names."""
    # Above the numbers that they are to get, so that none is lost on the way.
    high = [fcntl(sock.fileno(), F_DUPFD, 64) for sock in sockets.values()]
    return {"wrapper": (sys.executable, "-c", HAND_OVER, str(len(high)), *map(str, high)), "pass_fds": high,
            "env": {"LISTEN_FDS": str(len(high)), "LISTEN_FDNAMES": ":".join(sockets)}}


class Instance:
    """One running program.

    name     of the instance, used in messages and file names
    args     after BASE (the same as the conformance suite's; base=() leaves them out)
    qmp      how many QMP sockets: vm.qmp is the first, vm.monitors all; each is negotiated unless negotiate=False
    hmp      None, "pipe" (line mode on pipes) or "pty" (a terminal): vm.hmp
    terminal standard input and output are a terminal, whatever speaks on it
    env      further environment; HOME and XDG_STATE_HOME lie in the test's folder
    wrapper  words before the program, for one that becomes it with exec, such as setpriv

    The end is part of the test: stop() is called for what still runs, by SIGTERM, and must end with status 0.
    A test that expects another end calls wait_exit(), kill() or end_with().
    """

    def __init__(self, test, name, args, qmp=1, hmp=None, base=BASE, env=None, negotiate=True, binary=None,
                 columns=1000, pass_fds=(), stdin=None, wrapper=(), terminal=False):
        self.test, self.name, self.ended = test, name, False
        self.binary = binary or test.binary
        self.expected_signal = None
        self.monitors, self.qmp, self.hmp = [], None, None
        self.paths = [os.path.join(test.dir, "%s-qmp%d.sock" % (name, i)) for i in range(qmp)]
        self.argv = [*wrapper, self.binary, *base]
        for path in self.paths:
            self.argv += ["-qmp", "unix:%s,server=on,wait=off" % path]
        if hmp:
            self.argv += ["-monitor", "stdio"]
        self.argv += [str(a) for a in args]
        self._spawn(terminal or hmp == "pty", env or {}, columns, pass_fds, stdin)
        try:
            if self.paths and not test.minivisor(self):
                self._let_qemu_start()
            for path in self.paths:
                self.monitors.append(self.connect(path, negotiate))
            self.qmp = self.monitors[0] if self.monitors else None
            if hmp:
                from harness.hmp import Hmp
                self.hmp = Hmp(self, terminal=hmp == "pty")
                self.banner = self.hmp.wait_prompt()
        except HarnessError as error:
            raise type(error)("[%s] %s%s" % (name, error, self.last_words()))

    def _spawn(self, terminal, more, columns, pass_fds, stdin):
        env = dict(os.environ, LC_ALL="C", LANG="C", HOME=self.test.dir, TERM="xterm",
                   XDG_STATE_HOME=os.path.join(self.test.dir, "state"))
        env.pop("INPUTRC", None)
        env.update(more)
        side = None
        if terminal:
            main_side, side = pty.openpty()
            ioctl(side, termios.TIOCSWINSZ, struct.pack("HHHH", 50, columns, 0, 0))

        def prepare():
            os.setsid()
            if side is not None:
                ioctl(side, termios.TIOCSCTTY, 0)
            LIBC.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
        self.process = subprocess.Popen(
            self.argv, cwd=self.test.dir, env=env, preexec_fn=prepare, pass_fds=pass_fds,
            stdin=side if terminal else subprocess.PIPE if stdin is None else stdin,
            stdout=side if terminal else subprocess.PIPE, stderr=subprocess.PIPE)
        self.pid = self.process.pid
        self.pidfd = os.pidfd_open(self.pid)
        if terminal:
            os.close(side)
            self.input = main_side
        else:
            self.input = self.process.stdin.fileno() if self.process.stdin else None
        self.out = Buffer(main_side if terminal else self.process.stdout.fileno())
        self.err = Buffer(self.process.stderr.fileno())

    def _let_qemu_start(self):
        """A client that comes while a QEMU 7.2 starts can make it hang for good: wait until its socket is
        there and it has had a moment. Only for real QEMUs; minivisor must bear the haste."""
        deadline = Deadline(10)
        while not os.path.exists(self.paths[-1]) and not deadline.over():
            if select.select([self.pidfd], [], [], 0.003)[0]:
                return
        select.select([self.pidfd], [], [], 0.03)

    # -- talking to it

    def connect(self, path, negotiate=True):
        """A further QMP client on a UNIX socket of this instance."""
        from harness.qmp import Qmp
        client = Qmp(connect_unix(path, self.pidfd), self, self.test.schema(self.binary))
        if negotiate:
            client.negotiate()
        return client

    def write(self, data):
        os.write(self.input, data)

    def wait_stderr(self, pattern, seconds=10):
        """Waits for a line on standard error that has the regular expression; returns the line."""
        def find(data):
            return next((line for line in data.decode("utf-8", "replace").splitlines() if re.search(pattern, line)), None)
        return self.err.wait(find, seconds, "[%s] a line /%s/ on standard error" % (self.name, pattern))

    def stderr(self):
        return self.err.text().replace("\r", "")

    # -- its end

    def running(self):
        return self.process.poll() is None

    def wait_exit(self, code=0, seconds=10):
        """Waits for the end, which must have this status, or be by the signal -status; returns standard error's text."""
        if code is not None and code < 0:
            self.expected_signal = -code
        try:
            self.process.wait(seconds * SCALE)
        except subprocess.TimeoutExpired:
            raise Timeout("[%s] still running after %g s%s" % (self.name, seconds, self.last_words()))
        self.ended = True
        self.err.thread.join(5)
        self.out.thread.join(5)
        if code is not None and self.process.returncode != code:
            raise HarnessError("[%s] ended with status %d, not %d%s" % (self.name, self.process.returncode, code, self.last_words()))
        return self.stderr()

    def signal(self, number):
        self.process.send_signal(number)

    def kill(self):
        """Ends it as a power cut would."""
        self.expected_signal = signal.SIGKILL
        self.process.kill()
        self.process.wait()
        self.ended = True

    def stop(self):
        """Ends what still runs and says what was wrong with its end, as a list of texts."""
        faults = []
        if not self.ended:
            early = self.process.poll()
            if early is not None:
                faults.append("ended by itself with status %d" % early)
            else:
                self.process.send_signal(signal.SIGTERM)
                self.process.send_signal(signal.SIGCONT)
                try:
                    if self.process.wait(10 * SCALE):
                        faults.append("ended with status %d on SIGTERM" % self.process.returncode)
                except subprocess.TimeoutExpired:
                    faults.append("did not end on SIGTERM")
        try:
            os.killpg(self.pid, signal.SIGKILL)
        except (ProcessLookupError, PermissionError):
            pass
        self.process.wait()
        self.err.thread.join(5)
        for client in self.monitors:
            client.close()
        os.close(self.pidfd)
        code = self.process.returncode
        if code < 0 and -code not in (self.expected_signal, signal.SIGTERM) and not faults:
            faults.append("was killed by signal %d" % -code)
        found = REPORT.search(self.stderr())
        if found:
            faults.append("reported:\n" + self.stderr()[max(0, found.start() - 200):][:6000])
        return ["[%s] %s" % (self.name, fault) for fault in faults]

    def last_words(self):
        lines = self.stderr().splitlines()[-8:]
        return "".join("\n    %s says: %s" % (self.name, line[:400]) for line in lines)

    def resident(self):
        """Resident memory in bytes."""
        with open("/proc/%d/status" % self.pid, encoding="ascii") as status:
            return int(re.search(r"VmRSS:\s+(\d+) kB", status.read()).group(1)) * 1024
