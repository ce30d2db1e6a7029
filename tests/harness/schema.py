# SPDX-License-Identifier: GPL-3.0-or-later
"""Checks replies and events against query-qmp-schema of the program that sent them."""
import hashlib
import json
import os
import subprocess

from harness.process import BASE, HarnessError

BUILTIN = {
    "string": lambda v: isinstance(v, str),
    "int": lambda v: isinstance(v, int) and not isinstance(v, bool),
    "number": lambda v: isinstance(v, (int, float)) and not isinstance(v, bool),
    "boolean": lambda v: isinstance(v, bool),
    "null": lambda v: v is None,
    "object": lambda v: isinstance(v, dict),
    "array": lambda v: isinstance(v, list),
    "value": lambda v: True,
}


class Schema:
    def __init__(self, entities):
        self.commands = {e["name"]: e for e in entities if e["meta-type"] == "command"}
        self.events = {e["name"]: e for e in entities if e["meta-type"] == "event"}
        self.types = {e["name"]: e for e in entities if e["meta-type"] not in ("command", "event")}

    def reply_faults(self, command, value):
        if command not in self.commands:
            return ["it is not in the schema"]
        return self.faults(self.commands[command]["ret-type"], value)

    def event_faults(self, event):
        known = {"event", "data", "timestamp"}
        faults = ["unexpected member '%s'" % k for k in event if k not in known]
        stamp = event.get("timestamp", {})
        if not all(isinstance(stamp.get(k), int) for k in ("seconds", "microseconds")) or len(stamp) != 2:
            faults.append("its timestamp is %s" % stamp)
        if event["event"] not in self.events:
            return faults + ["it is not in the schema"]
        return faults + self.faults(self.events[event["event"]]["arg-type"], event.get("data", {}))

    def faults(self, name, value, path="$"):
        """What is wrong with the value as a thing of this type; an empty list if nothing."""
        kind = self.types.get(name)
        if kind is None:
            return ["%s: the schema lacks its type '%s'" % (path, name)]
        meta = kind["meta-type"]
        if meta == "builtin":
            return [] if BUILTIN[kind["json-type"]](value) else ["%s: %r is no %s" % (path, value, kind["json-type"])]
        if meta == "enum":
            values = kind.get("values") or [m["name"] for m in kind["members"]]
            return [] if value in values else ["%s: %r is none of %s" % (path, value, values)]
        if meta == "array":
            if not isinstance(value, list):
                return ["%s: %r is no array" % (path, value)]
            return [f for i, v in enumerate(value) for f in self.faults(kind["element-type"], v, "%s[%d]" % (path, i))]
        if meta == "alternate":
            if any(not self.faults(m["type"], value, path) for m in kind["members"]):
                return []
            return ["%s: %r is none of the alternatives" % (path, value)]
        return self.object_faults(kind, value, path)

    def object_faults(self, kind, value, path):
        if not isinstance(value, dict):
            return ["%s: %r is no object" % (path, value)]
        members = {m["name"]: m for m in kind["members"]}
        if "tag" in kind and kind["tag"] in value:
            for variant in kind.get("variants", ()):
                if variant["case"] == value[kind["tag"]]:
                    members.update({m["name"]: m for m in self.types[variant["type"]]["members"]})
        faults = ["%s: unexpected member '%s'" % (path, k) for k in value if k not in members]
        for key, member in members.items():
            if key in value:
                faults += self.faults(member["type"], value[key], path + "." + key)
            elif "default" not in member:
                faults.append("%s: member '%s' is missing" % (path, key))
        return faults


def schema_of(binary, cache):
    """The schema of a program; asked once for each program and kept in the cache folder."""
    stat = os.stat(binary)
    key = hashlib.sha256(("%s %d %d" % (binary, stat.st_mtime_ns, stat.st_size)).encode()).hexdigest()[:16]
    path = os.path.join(cache, "schema-%s.json" % key)
    if not os.path.exists(path):
        text = '{"execute":"qmp_capabilities"}{"execute":"query-qmp-schema","id":"s"}{"execute":"quit"}\n'
        try:
            done = subprocess.run([binary, *BASE, "-qmp", "stdio"], input=text.encode(), timeout=60,
                                  stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        except subprocess.TimeoutExpired:
            raise HarnessError("%s did not answer query-qmp-schema on -qmp stdio" % binary)
        entities = None
        for line in done.stdout.splitlines():
            message = json.loads(line)
            if message.get("id") == "s":
                if "return" not in message:
                    raise HarnessError("query-qmp-schema failed: %s" % message)
                entities = message["return"]
        if entities is None:
            raise HarnessError("no schema from %s (status %d): %s" % (binary, done.returncode, done.stderr.decode()[-500:]))
        with open(path + ".%d" % os.getpid(), "w", encoding="utf-8") as out:
            json.dump(entities, out)
        os.rename(path + ".%d" % os.getpid(), path)
    with open(path, encoding="utf-8") as text:
        return Schema(json.load(text))
