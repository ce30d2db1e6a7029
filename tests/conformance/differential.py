#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Sends generated QMP inputs and HMP lines to minivisor and to a real QEMU, and compares the replies.

The inputs are made from the programs' own schema and console help: valid ones, nearly valid ones (a member missing, one
too many, a wrong type, a number out of range) and broken text. Both programs get the same inputs in the same order, each
in a fresh folder; they are started anew after a while and whenever their states may have parted. Replies are compared
without what cannot be equal (versions, thread numbers, folders, the order of members).

explained.json names the differences that are meant, or not yet removed, each with its reason: an entry holds regular
expressions for the input and for either program's replies, and explains a difference when all that it has are found; with
"parameters": "differ" only when the two complain about different ones, with "lines": "same" only when the two console texts
have the same lines in another order. Whatever is not explained is printed and counted as a
failure. The last line is "N passed, N failed, N skipped".

    differential.py --count 20000 --seed 7         a long run
    differential.py --input '{"execute": "stop"}'  one input, with both answers
"""
import argparse
import json
import os
import random
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
sys.path.insert(0, HERE)

from generate import Generator  # noqa: E402

BASE = ("-M", "none", "-S", "-nodefaults", "-display", "none", "-m", "16")
SECONDS = 20
RESTART_AFTER = 150         # inputs


class Lost(Exception):
    """A program has ended or does not answer."""


class Peer:
    """One of the two programs, and a connection to it."""

    def __init__(self, binary):
        self.folder = tempfile.mkdtemp(prefix="differential-")
        self.binary = binary
        self.err = open(os.path.join(self.folder, "stderr"), "wb")
        work = os.path.join(self.folder, "work")
        os.mkdir(work)
        path = os.path.join(self.folder, "qmp")
        self.process = subprocess.Popen([binary, *BASE, "-qmp", "unix:%s,server=on,wait=off" % path], cwd=work,
                                        stdin=subprocess.DEVNULL, stdout=self.err, stderr=self.err)
        self.sock, self.buffer, self.serial = self._connect(path), b"", 0
        self.sock.settimeout(SECONDS / 4)
        self._message()
        self.ask('{"execute": "qmp_capabilities"}')
        self.sock.settimeout(SECONDS)

    @classmethod
    def start(cls, binary):
        """A QEMU 7.2 may hang for good when a client comes while it starts."""
        for _ in range(3):
            peer = cls.__new__(cls)
            try:
                peer.__init__(binary)
                return peer
            except Lost:
                peer.close()
        raise SystemExit("%s does not start" % binary)

    def _connect(self, path):
        end = time.monotonic() + SECONDS
        while not os.path.exists(path) and time.monotonic() < end and self.process.poll() is None:
            time.sleep(0.002)
        time.sleep(0.03 if os.path.basename(self.binary).startswith("qemu") else 0)
        while True:
            sock = socket.socket(socket.AF_UNIX)
            try:
                sock.connect(path)
                return sock
            except OSError:
                sock.close()
                if time.monotonic() > end or self.process.poll() is not None:
                    self.sock = None
                    raise Lost("%s does not start" % self.binary)
                time.sleep(0.005)

    def _message(self):
        while b"\n" not in self.buffer:
            try:
                chunk = self.sock.recv(1 << 20)
            except OSError as error:
                raise Lost("%s: %s" % (os.path.basename(self.binary), error))
            if not chunk:
                raise Lost("%s has ended" % os.path.basename(self.binary))
            self.buffer += chunk
        line, self.buffer = self.buffer.split(b"\n", 1)
        try:
            return json.loads(line, parse_float=str)
        except ValueError:
            return {"no JSON": line.decode("utf-8", "replace")}     # QEMU writes "inf"

    def ask(self, text):
        """Everything that is answered to the text (a str or bytes), without events."""
        self.serial += 1
        end = "end-%d" % self.serial
        data = text if isinstance(text, bytes) else text.encode("utf-8", "surrogatepass")
        try:
            # 0xFF makes both forget what is half read (qmp-surface section 2.4).
            self.sock.sendall(data + b"\n\xff\n" + b'{"execute": "query-name", "id": "%s"}' % end.encode())
        except OSError as error:
            raise Lost("%s: %s" % (os.path.basename(self.binary), error))
        replies = []
        while True:
            message = self._message()
            if message.get("id") == end:
                # The last one is about 0xFF itself.
                return replies[:-1] if replies and "stray" in json.dumps(replies[-1]) else replies
            if "event" not in message and "QMP" not in message:
                replies.append(message)

    def call(self, command):
        return self.ask(json.dumps({"execute": command}))[0]["return"]

    def close(self):
        if self.sock:
            self.sock.close()
        self.process.kill()
        self.process.wait()
        self.err.close()
        shutil.rmtree(self.folder, ignore_errors=True)


def plain(value, peer):
    """The value without what cannot be equal; lists of objects in an order of their own."""
    if isinstance(value, dict):
        return {key: "N" if key in ("thread-id", "start-time") else plain(part, peer) for key, part in value.items()}
    if isinstance(value, list):
        parts = [plain(part, peer) for part in value]
        return sorted(parts, key=lambda p: json.dumps(p, sort_keys=True)) if parts and isinstance(parts[0], dict) else parts
    if isinstance(value, str):
        value = value.replace(peer.folder, "DIR")
        value = re.sub(r"thread_id=\d+", "thread_id=N", value)
        return re.sub(r"Start Time: \d+", "Start Time: N", value)
    return value


def answers(peer, text):
    # The syntax errors of one text are compared as a list, and so are the replies of several.
    return [plain({k: v for k, v in reply.items()}, peer) for reply in peer.ask(text)]


class Explanations:
    """The differences that are known, with their reasons."""

    def __init__(self, path):
        with open(path, encoding="utf-8") as file:
            self.entries = json.load(file)
        for entry in self.entries:
            if set(entry) - {"input", "qemu", "minivisor", "parameters", "lines", "reason"} or not entry.get("reason") or len(entry) < 2:
                raise SystemExit("%s: a bad entry: %s" % (path, entry))
            for part in ("input", "qemu", "minivisor"):
                if part in entry:
                    entry[part] = re.compile(entry[part], re.S)
            entry["used"] = 0

    def find(self, text, theirs, ours):
        told = {"input": text if isinstance(text, str) else text.decode("latin-1"),
                "qemu": json.dumps(theirs, ensure_ascii=False), "minivisor": json.dumps(ours, ensure_ascii=False)}
        for entry in self.entries:
            if all(entry[part].search(told[part]) for part in told if part in entry) and (
                    entry.get("parameters") != "differ" or named(theirs) != named(ours)) and (
                    entry.get("lines") != "same" or lines(theirs) == lines(ours)):
                entry["used"] += 1
                return entry["reason"]
        return None


def named(replies):
    """What the errors complain about: the first name in quotes of each."""
    return [(re.findall(r"'([^']*)'", reply.get("error", {}).get("desc") or str(reply.get("return"))) or [None])[0].replace("_", "-")
            for reply in replies if re.search(r"'[^']*'", reply.get("error", {}).get("desc") or str(reply.get("return")))]


def lines(replies):
    """The lines of the console's texts, sorted."""
    return sorted(line for reply in replies for line in str(reply.get("return", reply)).split("\r\n"))


def signature(text, theirs, ours):
    """What makes two differences the same one: the texts without names and numbers."""
    def shape(replies):
        told = [r.get("error", {}).get("desc") or ("return" if "return" in r else str(r)) for r in replies]
        return re.sub(r"'[^']*'|\d+", "X", " | ".join(told))[:300]
    name = re.search(r'"(?:execute|exec-oob)": "([^"]*)"(?:.*"command-line": "\s*([^ "\\/]+(?: [^ "\\/]+)?))?', text) if isinstance(text, str) else None
    return (name.group(1) + " " + (name.group(2) or "").split(" ")[0] if name else "text", shape(theirs), shape(ours))


def shown(text):
    return text if isinstance(text, str) else repr(text)


def parts_states(text):
    """After a migrate that it refused QEMU's last migration is a failed one; minivisor's is as it was."""
    return isinstance(text, str) and re.search(r'"migrate"|"command-line": "(\\t| )*migrate(\\t| )', text)


def compare(options, generator, explanations):
    """Runs the inputs; returns how many were alike or explained, and the differences that are not."""
    fine, faults, explained = 0, {}, 0
    pair = None
    began = time.monotonic()
    for number in range(options.count):
        if pair is None or number % RESTART_AFTER == 0:
            for peer in pair or ():
                peer.close()
            pair = (Peer.start(options.qemu), Peer.start(options.binary))
        text = generator.next_input()
        try:
            theirs = answers(pair[0], text)
        except Lost as lost:
            print("note: QEMU is gone after %s: %s" % (shown(text)[:200], lost), flush=True)
            pair[0].close(), pair[1].close()
            pair = None
            continue
        try:
            ours = answers(pair[1], text)
        except Lost as lost:
            ours = [{"lost": str(lost)}]
        if theirs == ours:
            fine += 1
            if parts_states(text):
                pair[0].close(), pair[1].close()
                pair = None
            continue
        reason = explanations.find(text, theirs, ours)
        if reason:
            explained += 1
            fine += 1
        else:
            key = signature(text, theirs, ours)
            faults.setdefault(key, []).append((number, text, theirs, ours))
        # The states may have parted.
        pair[0].close(), pair[1].close()
        pair = None
        if number % 1000 == 999 and options.count > 2000:
            print("%d inputs, %d kinds of difference, %.0f s" % (number + 1, len(faults), time.monotonic() - began), flush=True)
    for peer in pair or ():
        peer.close()
    return fine, explained, faults


def main():
    parser = argparse.ArgumentParser(description="compare with a real QEMU over generated inputs")
    parser.add_argument("--binary", default=os.path.join(ROOT, "build", "minivisor"))
    parser.add_argument("--qemu", default=shutil.which("qemu-system-x86_64"))
    parser.add_argument("--count", type=int, default=300)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--explained", default=os.path.join(HERE, "explained.json"))
    parser.add_argument("--input", help="send just this, and show both answers")
    parser.add_argument("--only", default="", help="only inputs in which this regular expression is found")
    options = parser.parse_args()
    if not options.qemu:
        print("SKIP differential: qemu-system-x86_64 is not installed")
        print("0 passed, 0 failed, 1 skipped")
        return 0
    options.binary = os.path.abspath(options.binary)
    if options.input:
        for binary in (options.qemu, options.binary):
            peer = Peer.start(binary)
            print(os.path.basename(binary), json.dumps(answers(peer, options.input), indent=2))
            peer.close()
        return 0
    explanations = Explanations(options.explained)
    theirs, ours = Peer.start(options.qemu), Peer.start(options.binary)
    generator = Generator(random.Random(options.seed), theirs, ours, options.only)
    theirs.close(), ours.close()
    fine, explained, faults = compare(options, generator, explanations)
    for key, cases in sorted(faults.items(), key=lambda item: -len(item[1])):
        number, text, theirs, ours = min(cases, key=lambda case: len(case[1]))
        print("FAIL differential: %d times, such as input %d of seed %d: %s\n     QEMU:      %s\n     minivisor: %s" % (
            len(cases), number, options.seed, shown(text)[:1000], json.dumps(theirs)[:800], json.dumps(ours)[:800]))
    if options.count >= 20000:
        for entry in explanations.entries:
            if not entry["used"]:
                print("note: no difference was explained by: %s" % entry["reason"])
    print("ok   differential: %d inputs, %d of them alike, %d with an explained difference (seed %d)" % (
        options.count, fine - explained, explained, options.seed))
    failed = sum(len(cases) for cases in faults.values())
    print("%d passed, %d failed, 0 skipped" % (fine, failed))
    return 1 if failed or not fine else 0


if __name__ == "__main__":
    sys.exit(main())
