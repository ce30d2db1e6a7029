#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Shows minivisor's main job: a running guest moves over TLS to a host that lets only one sender in.

Makes a throw-away PKI, starts a destination and two sources, prints what is said to them over HMP
and QMP, and proves at the end that the memory arrived and that the guest goes on where it was. Where KVM
cannot be used, memory without a CPU moves. Ends with 1 if anything is not as it should be.
"""
import argparse
import atexit
import hashlib
import json
import os
import random
import re
import select
import shlex
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import textwrap
import time

MIB = 1 << 20
RUNNING = os.access("/dev/kvm", os.R_OK | os.W_OK)
STILL_AT = 16 * MIB     # the guest leaves what is there alone
STILL = 48 * MIB
COLOURS = {"hmp": "36", "qmp": "33", "reply": "2", "good": "32;1", "bad": "31;1", "title": "1", "note": "2"}
COLOURED = sys.stdout.isatty() and "NO_COLOR" not in os.environ
ALLOWED = "CN=laptop.example.com,O=Example Org,L=London,ST=London,C=GB"
STRANGER = ALLOWED.replace("laptop", "stranger")
PROMPT = b"(qemu) "


class Wrong(Exception):
    """Something is not as it should be."""


def paint(kind, text):
    return "\x1b[%sm%s\x1b[0m" % (COLOURS[kind], text) if COLOURED else text


def title(text):
    print("\n" + paint("title", text), flush=True)


def note(text):
    print(paint("note", textwrap.fill(text, 100, initial_indent="  ", subsequent_indent="  ")), flush=True)


# -- the PKI

def pki(binary, work, *words):
    """Runs minivisor-pki, which lies beside minivisor."""
    argv = [os.path.join(os.path.dirname(binary), "minivisor-pki")] + list(words)
    print("  $ " + " ".join(shlex.quote(os.path.basename(argv[0]) if w == argv[0] else w) for w in argv), flush=True)
    done = subprocess.run(argv, cwd=work, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    if done.returncode:
        raise Wrong("minivisor-pki %s: %s" % (words[0], done.stdout.decode("utf-8", "replace")[-500:]))


# -- one minivisor

class Vm:
    """A running minivisor: a console on pipes, and QMP on a socket."""
    all = []

    def __init__(self, binary, work, name, *arguments):
        self.name, self.work = name, work
        path = os.path.join(work, name + ".sock")
        self.serial = os.path.join(work, name + ".serial")
        machine = ["-M", "mini", "-accel", "kvm", "-serial", "file:" + self.serial] if RUNNING else ["-M", "none"]
        argv = [binary] + machine + ["-display", "none", "-m", "64M", "-monitor", "stdio",
                                     "-qmp", "unix:%s,server=on,wait=off" % path] + list(arguments)
        shown = [a.replace(work + "/", "") for a in argv[1:]]
        print("  %s $ %s" % (name, textwrap.fill("minivisor " + " ".join(shown), 96, subsequent_indent=" " * 8)), flush=True)
        self.errors = open(os.path.join(work, name + ".log"), "w+b")
        self.process = subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self.errors,
                                        cwd=work, start_new_session=True)
        Vm.all.append(self)
        self.shown_log = 0
        self._until_prompt()
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(30)
        self.sock.connect(path)
        self.lines = self.sock.makefile("rb")
        json.loads(self.lines.readline())
        self.qmp("qmp_capabilities", quiet=True)

    def _until_prompt(self, seconds=30):
        data, deadline = b"", time.monotonic() + seconds
        while not data.endswith(PROMPT):
            if not select.select([self.process.stdout], [], [], max(0, deadline - time.monotonic()))[0]:
                raise Wrong("%s gives no prompt; it says: %s" % (self.name, self.log()))
            chunk = os.read(self.process.stdout.fileno(), 65536)
            if not chunk:
                raise Wrong("%s has ended: %s" % (self.name, self.log()))
            data += chunk
        return data[:-len(PROMPT)].decode("utf-8", "replace")

    def hmp(self, line, quiet=False):
        """One console line; prints the conversation and returns the answer's lines."""
        self.process.stdin.write(line.encode() + b"\n")
        self.process.stdin.flush()
        answer = self._until_prompt().replace("\r\n", "\n").split("\n")[1:]     # the first line is the echo
        answer = [row for row in answer if row.strip()]
        if not quiet:
            print("  %s (qemu) %s" % (self.name, paint("hmp", line.replace(self.work + "/", ""))), flush=True)
            for row in answer:
                print("  " + paint("reply", row), flush=True)
        return answer

    def qmp(self, command, quiet=False, **arguments):
        """One QMP command; prints both JSON texts and returns what it returns."""
        request = {"execute": command}
        if arguments:
            request["arguments"] = {k.replace("_", "-"): v for k, v in arguments.items()}
        self.sock.sendall(json.dumps(request).encode() + b"\n")
        while True:
            line = self.lines.readline()
            if not line:
                raise Wrong("%s closed its QMP socket: %s" % (self.name, self.log()))
            reply = json.loads(line)
            if "event" not in reply:
                break
        if not quiet:
            print("  %s -> %s" % (self.name, paint("qmp", json.dumps(request).replace(self.work + "/", ""))))
            print("  %s <- %s" % (self.name, paint("reply", json.dumps(reply))), flush=True)
        if "error" in reply:
            raise Wrong("%s refuses %s: %s" % (self.name, command, reply["error"]["desc"]))
        return reply["return"]

    def log(self):
        self.errors.seek(0)
        return self.errors.read().decode("utf-8", "replace").strip()

    def show_log(self):
        """Prints what was logged since the last time; returns it."""
        fresh = self.log()[self.shown_log:].strip()
        self.shown_log = len(self.log())
        for row in fresh.splitlines():
            print("  %s log: %s" % (self.name, paint("note", row)), flush=True)
        return fresh

    def wait(self, *wanted, bar=None, seconds=60):
        """Asks query-migrate until the status is one of these."""
        deadline = time.monotonic() + seconds
        while True:
            reply = self.qmp("query-migrate", quiet=True)
            if bar:
                bar(reply)
            if reply.get("status") in wanted:
                return reply
            if reply.get("status") in ("failed", "cancelled", "completed") or time.monotonic() > deadline:
                raise Wrong("%s: the migration is '%s', not %s (%s); log: %s" % (
                    self.name, reply.get("status"), " or ".join(wanted), reply.get("error-desc", "no reason"), self.log()))
            select.select([], [], [], 0.05)

    def digest(self):
        path = os.path.join(self.work, self.name + ".mem")
        self.qmp("pmemsave", val=STILL_AT, size=STILL, filename=path)
        with open(path, "rb") as data:
            found = hashlib.sha256(data.read()).hexdigest()
        os.unlink(path)
        return found

    def printed(self, wanted=0, seconds=30):
        """The lines on the guest's serial port, once there are so many."""
        deadline = time.monotonic() + seconds
        while True:
            with open(self.serial, encoding="ascii", errors="replace") as text:
                lines = text.read().split("\n")
            if len(lines) > wanted:
                return lines
            if time.monotonic() > deadline:
                raise Wrong("%s: the guest prints nothing" % self.name)
            select.select([], [], [], 0.01)

    def end(self):
        if self.process.poll() is None:
            os.killpg(self.process.pid, signal.SIGTERM)
            try:
                self.process.wait(5)
            except subprocess.TimeoutExpired:
                os.killpg(self.process.pid, signal.SIGKILL)
                self.process.wait()
        return self.process.returncode


class Bar:
    """Draws the progress of a migration: in place on a terminal, a line each quarter elsewhere."""

    def __init__(self):
        self.terminal, self.quarter, self.drawn = sys.stdout.isatty(), -1, False

    def __call__(self, reply):
        ram = reply.get("ram")
        if not ram or not ram.get("total"):
            return
        done = 1.0 if reply.get("status") == "completed" else 1 - ram.get("remaining", 0) / ram["total"]
        full = int(done * 40)
        text = "  [%s%s] %3d %%  %6.1f of %.0f MiB  %7.1f MiB/s" % (
            "#" * full, "." * (40 - full), done * 100, done * ram["total"] / MIB, ram["total"] / MIB,
            ram.get("mbps", 0) * 1e6 / 8 / MIB)
        if self.terminal:
            sys.stdout.write("\r" + paint("good", text) + ("\n" if done == 1.0 else ""))
            sys.stdout.flush()
        elif int(done * 4) > self.quarter:
            print(text, flush=True)
        self.quarter = int(done * 4)


def source(binary, work, name, seed):
    image = os.path.join(work, name + ".ram")
    with open(image, "wb") as out:
        out.write(random.Random(seed).randbytes(STILL))
    guest = ["-kernel", os.path.join(os.path.dirname(binary), "tests", "guests", "walker.img")] if RUNNING else []
    vm = Vm(binary, work, name, "-device", "loader,file=%s,addr=%#x,force-raw=on" % (image, STILL_AT), *guest)
    os.unlink(image)
    vm.hmp("object_add tls-creds-x509,id=tls0,endpoint=client,dir=%s/%s-tls" % (work, name))
    vm.hmp("migrate_set_parameter tls-creds tls0")
    return vm


def show_serial(laptop, dest):
    """What the guest printed on either side, one after the other: each round once, and no write lost."""
    there = dest.printed(5)
    here = laptop.printed()
    lines = "\n".join(here).splitlines()
    for name, shown in (("laptop", lines[-3:]), ("dest", there[:3])):
        for line in shown:
            print("  %s serial: %s" % (name, paint("reply", line)))
    whole = re.findall(r"^W ([0-9a-f]{8}) ([0-9a-f]{8})$", "\n".join(here) + "\n".join(there), re.M)
    rounds = [int(number, 16) for number, _ in whole]
    if rounds != list(range(1, len(rounds) + 1)):
        raise Wrong("the guest's rounds have a gap or a repeat: %s" % rounds)
    if any(errors != "0" * 8 for _, errors in whole):
        raise Wrong("the guest has lost writes")
    print("  %s rounds 1 to %d, each once: %d on the source, then %d on the destination; no write lost" % (
        paint("good", "serial:"), len(rounds), len(lines), len(rounds) - len(lines)))


def show(binary, work):
    if not RUNNING:
        note("/dev/kvm cannot be used here: memory without a CPU moves, not a running guest.")
    title("1. A throw-away certificate authority, a server and two clients")
    pki(binary, work, "init", "ca", "--days", "2")
    pki(binary, work, "server", "ca", "dest-tls", "localhost", "127.0.0.1")
    pki(binary, work, "client", "ca", "laptop-tls", ALLOWED)
    pki(binary, work, "client", "ca", "stranger-tls", STRANGER)
    note("The stranger has a good certificate of the same authority, but another name.")

    title("2. The destination: TLS with an authorization object")
    dest = Vm(binary, work, "dest", "-incoming", "defer")
    dest.hmp("object_add tls-creds-x509,id=tls0,dir=%s/dest-tls,endpoint=server,verify-peer=yes" % work)
    dest.hmp("object_add authz-simple,id=auth0,identity=" + ALLOWED.replace(",", ",,"))
    dest.hmp("migrate_set_parameter tls-creds tls0")
    dest.hmp("migrate_set_parameter tls-authz auth0")
    dest.qmp("migrate-incoming", uri="tcp:127.0.0.1:0", exit_on_error=False)
    address = dest.qmp("query-migrate")["socket-address"][0]
    uri = "tcp:%s:%s" % (address["host"], address["port"])

    title("3. The stranger tries, and is refused")
    stranger = source(binary, work, "stranger", 1)
    stranger.hmp("migrate -d " + uri)
    refused = stranger.wait("failed")
    said = stranger.qmp("query-migrate")
    deadline = time.monotonic() + 10
    while "is denied" not in dest.log() and time.monotonic() < deadline:
        select.select([], [], [], 0.01)
    there = dest.qmp("query-migrate")
    dest.hmp("info migrate")
    log = dest.show_log()
    if not refused.get("error-desc"):
        raise Wrong("the refused source gives no reason")
    if "is denied" not in log or STRANGER not in log:
        raise Wrong("the destination's log does not say who was denied")
    if not there.get("error-desc"):
        raise Wrong("the destination's query-migrate does not tell of the refusal")
    if dest.qmp("query-status")["status"] != "inmigrate":
        raise Wrong("the destination does not wait any more")
    if not stranger.qmp("query-status")["running"]:
        raise Wrong("the refused guest does not run")
    print("  %s the source says:      %s" % (paint("good", "refused:"), said["error-desc"]))
    print("  %s the destination says: %s" % (paint("good", "refused:"), there["error-desc"]))
    note("The stranger's guest runs on where it was, and the destination still waits.")

    title("4. The laptop is let in" + (", and its guest moves while it runs" if RUNNING else ""))
    laptop = source(binary, work, "laptop", 2)
    if RUNNING:
        note("The guest goes round over 4 MiB of its memory, adds 1 to each page, and prints W, the round, and how many "
             "of its own writes it did not find again.")
        laptop.printed(5)
    before = laptop.digest()
    laptop.qmp("migrate-set-parameters", max_bandwidth=24 * MIB)
    laptop.qmp("migrate", uri=uri)
    laptop.wait("completed", bar=Bar())
    dest.wait("completed")
    laptop.hmp("info status")
    dest.hmp("info status")

    if RUNNING:
        title("5. The guest goes on where it was")
        show_serial(laptop, dest)

    title("%d. The memory has arrived" % (6 if RUNNING else 5))
    after = dest.digest()
    print("  sha256 on the source:      " + before)
    print("  sha256 on the destination: " + after)
    if before != after:
        raise Wrong("the memory differs")
    if not dest.qmp("query-status")["running"] or laptop.qmp("query-status")["status"] != "postmigrate":
        raise Wrong("the guest does not run on the destination only")
    for vm in Vm.all:
        vm.end()
        if vm.process.returncode:
            raise Wrong("%s ended with status %d: %s" % (vm.name, vm.process.returncode, vm.log()))
    print("\n" + paint("good", "Done: the wrong sender was refused, the right one got in, %s the memory is the same."
                       % ("its guest ran on without a gap, and" if RUNNING else "and")))


def main():
    parser = argparse.ArgumentParser(description="show a migration over TLS with access control")
    parser.add_argument("--binary", required=True)
    options = parser.parse_args()
    work = tempfile.mkdtemp(prefix="minivisor-demo-")

    def clean():
        for vm in Vm.all:
            vm.end()
        shutil.rmtree(work, ignore_errors=True)
    atexit.register(clean)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    began = time.monotonic()
    try:
        show(os.path.abspath(options.binary), work)
    except KeyboardInterrupt:
        return 130
    except (Wrong, OSError, KeyError, ValueError) as error:
        print("\n" + paint("bad", "Not as it should be: %s" % error), flush=True)
        return 1
    note("It took %.1f s." % (time.monotonic() - began))
    return 0


if __name__ == "__main__":
    sys.exit(main())
