# SPDX-License-Identifier: GPL-3.0-or-later
"""A QMP client: commands with ids, events kept until asked for, raw bytes, descriptors."""
import json
import re
import select
import socket
import sys

from harness.process import Deadline, HarnessError, Timeout

sys.setrecursionlimit(20000)    # deep JSON is part of the tests
EXECUTED = set()                # the commands that this process has sent, for harness.coverage
COMMAND = re.compile(rb'"exec(?:ute|-oob)"\s*:\s*"([^"\\]+)"')
CLASSES = ("GenericError", "CommandNotFound", "DeviceNotActive", "DeviceNotFound", "KVMMissingCap")


class QmpError(Exception):
    """The program answered a command with an error."""

    def __init__(self, reply):
        error = reply["error"]
        super().__init__("%s: %s" % (error["class"], error["desc"]))
        self.error_class, self.desc, self.reply = error["class"], error["desc"], reply


class Qmp:
    """One connection. `greeting` is the greeting, `events` what came and was not asked for yet."""

    def __init__(self, sock, instance=None, schema=None):
        self.sock, self.instance, self.schema = sock, instance, schema
        self.buffer, self.eof, self.events, self.greeting = b"", False, [], None
        self.last_line, self.next_id = "", 1
        self.validate = schema is not None

    # -- messages

    def receive(self, seconds=10):
        """The next message of any kind, or None at the end of the connection."""
        deadline = Deadline(seconds)
        while True:
            end = self.buffer.find(b"\n")
            if end >= 0:
                line, self.buffer = self.buffer[:end + 1], self.buffer[end + 1:]
                self.last_line = line.decode("utf-8")
                if self.last_line.strip():
                    return json.loads(self.last_line)
                continue
            if self.eof:
                return None
            if not select.select([self.sock], [], [], deadline.left())[0]:
                raise Timeout("no message over QMP in %g s%s" % (seconds, self.instance.last_words() if self.instance else ""))
            try:
                chunk = self.sock.recv(1 << 20)
            except ConnectionResetError:
                chunk = b""
            self.eof = not chunk
            self.buffer += chunk

    def receive_reply(self, seconds=10):
        """The next message that is no event; events on the way are kept. None at the end."""
        deadline = Deadline(seconds)
        while True:
            message = self.receive(deadline.left() or 0.001)
            if isinstance(message, dict) and "event" in message:
                self._event(message)
            elif isinstance(message, dict) and "QMP" in message and self.greeting:
                continue        # QEMU greets twice a client that comes while it starts
            else:
                return message

    def _event(self, event):
        if self.validate:
            faults = self.schema.event_faults(event)
            if faults:
                raise HarnessError("event %s is not as the schema says: %s" % (event, "; ".join(faults)))
        self.events.append(event)

    def negotiate(self, enable=None):
        self.greet()
        return self.cmd("qmp_capabilities", **({"enable": enable} if enable else {}))

    def greet(self, seconds=10):
        if self.greeting is None:
            message = self.receive_reply(seconds)
            if not isinstance(message, dict) or "QMP" not in message:
                raise HarnessError("no QMP greeting, but %r" % (message,))
            self.greeting = message
        return self.greeting

    def send_raw(self, data, fds=()):
        """Exactly these bytes (a str is sent as UTF-8), with descriptors if there are some."""
        if isinstance(data, str):
            data = data.encode("utf-8")
        EXECUTED.update(name.decode("utf-8", "replace") for name in COMMAND.findall(data))
        self.sock.settimeout(20)
        try:
            if fds:
                sent = socket.send_fds(self.sock, [data], list(fds))
                data = data[sent:]
            self.sock.sendall(data)
        except OSError as error:
            raise HarnessError("sending over QMP failed: %s%s" % (error, self.instance.last_words() if self.instance else ""))
        self.sock.settimeout(None)

    def raw(self, data, replies=1, seconds=10):
        """Sends bytes and returns that many replies."""
        self.send_raw(data)
        return [self.receive_reply(seconds) for _ in range(replies)]

    def execute(self, command, arguments=None, fds=(), seconds=20, oob=False):
        """Sends a command with an id and returns its whole reply, error or not."""
        request = {"exec-oob" if oob else "execute": command, "id": "t%d" % self.next_id}
        self.next_id += 1
        if arguments is not None:
            request["arguments"] = arguments
        self.send_raw(json.dumps(request) + "\n", fds)
        reply = self.receive_reply(seconds)
        if reply is None:
            raise HarnessError("the connection ended before %s was answered%s" % (
                command, self.instance.last_words() if self.instance else ""))
        if reply.get("id") != request["id"]:
            raise HarnessError("%s with id %s was answered by %s" % (command, request["id"], reply))
        self._check_reply(command, reply)
        return reply

    def _check_reply(self, command, reply):
        if set(reply) not in ({"return", "id"}, {"error", "id"}):
            raise HarnessError("a reply has wrong members: %s" % reply)
        if "error" in reply:
            error = reply["error"]
            if set(error) != {"class", "desc"} or error["class"] not in CLASSES or not error["desc"]:
                raise HarnessError("a malformed error: %s" % reply)
        elif self.validate:
            faults = self.schema.reply_faults(command, reply["return"])
            if faults:
                raise HarnessError("the reply of %s is not as the schema says: %s\n    %s" % (
                    command, "; ".join(faults), json.dumps(reply)[:600]))

    def cmd(self, command, seconds=20, fds=(), **arguments):
        """Runs a command; returns what it returns, raises QmpError. `_` in names stands for `-`, a last `_` for none."""
        named = {k.rstrip("_").replace("_", "-"): v for k, v in arguments.items()}
        reply = self.execute(command, named or None, fds, seconds)
        if "error" in reply:
            raise QmpError(reply)
        return reply["return"]

    def error(self, command, seconds=20, **arguments):
        """Runs a command that must fail; returns the error's sentence."""
        try:
            value = self.cmd(command, seconds, **arguments)
        except QmpError as error:
            return error.desc
        raise HarnessError("%s should have failed; it returned %s" % (command, json.dumps(value)[:300]))

    def hmp(self, line, seconds=20):
        """A line for the HMP console by human-monitor-command; returns the printed lines."""
        text = self.cmd("human-monitor-command", seconds, command_line=line)
        return text.replace("\r\n", "\n").rstrip("\n").split("\n") if text else []

    # -- events

    def wait_event(self, name, where=None, seconds=10):
        """Waits for an event whose data has the members of `where`; takes it and what came before it out of `events`."""
        deadline, looked = Deadline(seconds), 0
        while True:
            for i in range(looked, len(self.events)):
                event = self.events[i]
                data = event.get("data", {})
                if event["event"] == name and all(data.get(k) == v for k, v in (where or {}).items()):
                    del self.events[:i + 1]
                    return event
            looked = len(self.events)
            try:
                message = self.receive(deadline.left() or 0.001)
            except Timeout:
                raise Timeout("no event %s %s in %g s; seen: %s%s" % (
                    name, where or "", seconds, [(e["event"], e.get("data")) for e in self.events],
                    self.instance.last_words() if self.instance else ""))
            if message is None:
                raise HarnessError("the connection ended before event %s came" % name)
            if "event" not in message:
                raise HarnessError("a reply that nobody asked for: %s" % message)
            self._event(message)

    def collect_events(self, until, where=None, seconds=10):
        """All events up to and with that one, as (name, data) pairs."""
        before = []
        deadline = Deadline(seconds)
        while True:
            while self.events:
                event = self.events.pop(0)
                before.append((event["event"], event.get("data", {})))
                if event["event"] == until and all(before[-1][1].get(k) == v for k, v in (where or {}).items()):
                    return before
            try:
                message = self.receive(deadline.left() or 0.001)
            except Timeout:
                raise Timeout("no event %s %s; seen: %s" % (until, where or "", before))
            if message is None:
                raise HarnessError("the connection ended before event %s came; seen: %s" % (until, before))
            self._event(message)

    def drain(self):
        """Events up to now: everything that the program wrote before it answers one more command."""
        self.cmd("query-version")
        events, self.events = self.events, []
        return [e["event"] for e in events]

    def wait_closed(self, seconds=10):
        deadline = Deadline(seconds)
        while self.receive(deadline.left() or 0.001) is not None:
            pass

    def close(self):
        self.sock.close()
