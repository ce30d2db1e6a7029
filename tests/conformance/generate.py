# SPDX-License-Identifier: GPL-3.0-or-later
"""Inputs for differential.py: QMP requests by the schema of both programs, broken text, and lines for the console.

What could harm the machine that runs the test, or ends or hangs QEMU itself, is not made: large files, preallocated
memory, shell commands, `quit`, the measuring modes that QEMU 7.2 dies of.
"""
import json
import re

# Commands whose replies differ by their nature, or that end the program.
SKIPPED = {"quit", "query-qmp-schema", "query-commands", "query-version", "qmp_capabilities", "query-machines",
           "query-command-line-options", "trace-event-get-state", "trace-event-set-state", "x-exit-preconfig",
           "human-monitor-command"}
SKIPPED_LINES = {"quit", "q", "help", "?", "info", "log", "logfile", "trace-event"}
SKIPPED_TOPICS = {"version", "qdm", "qom-tree", "trace-events", "history"}

NAMES = ["a", "b", "obj0", "ram", "x" * 40, "1a", "a b", "a,b", "", "ä", "a.b", "-", "_x", "compat_monitor0", "nope"]
PATHS = ["/", "/objects", "/objects/a", "/machine", "objects", "a", "b", "/objects/nope", "//objects//a", "nope", "",
         "/chardevs", "ram", "/objects/ram"]
PROPERTIES = ["type", "nope", "", "identity", "policy", "rules", "size", "poll-max-ns", "data", "format", "endpoint", "dir",
              "verify-peer", "priority", "merge", "share", "loaded", "refresh", "filename", "thread-pool-min", "host-nodes"]
TYPENAMES = ["authz", "authz-simple", "secret", "iothread", "nope", "", "object", "tls-creds", "user-creatable", "loader",
             "device", "none-machine", "memory-backend", "container"]
FILES = ["nope/file", "/nope/file", "", ".", "file1", "/"]
URIS = ["", "nope", "tcp", "foo:bar", "fd:x", "fd:", "fd:99", "tcp:", "TCP:1:2", "x:y:z", "unix", "rdma"]
INTEGERS = [0, 1, 2, 3, 5, 7, 8, 10, 63, 64, 99, 100, 101, 127, 128, 255, 256, 300, 1000, 4095, 4096, 65535, 65536, 100000,
            2000000, 2000001, 2**20, 2**31 - 1, 2**31, 2**32 - 1, 2**32, 2**53, 2**63 - 1, 2**63, 2**64 - 1, 2**64, -1, -2,
            -128, -2**31, -2**63, -2**63 - 1]
SIZES = [0, 1, 4095, 4096, 4097, 65536, 2**20, 2 * 2**20, -1]
WORDS = ["on", "off", "true", "false", "0", "1", "-1", "10", "1k", "1M", "1.5G", "0x10", "08", "1e3", "abc", '""', '"a b"',
         "none", "zlib", "zstd", "gzip", "''", "\\", "1 2", "-", "tls0", "18446744073709551616", "9223372036854775808"]
SPECIAL = "{}[]:,\"'\\ \n\t\r0123456789-+.eEtrufalsn%\x01\x7f/u$ä\U0001f600"

# Console: name -> its arguments; a letter is a kind (see Generator.word), "?" may be missing, "-x" is a flag.
LINES = {
    "announce_self": "n? n?", "calc_dirty_rate": "-r -b i i?", "closefd": "n", "cont": "", "c": "", "cpu": "i", "getfd": "n",
    "migrate": "-d -b -i -r U", "migrate_cancel": "", "migrate_continue": "S", "migrate_incoming": "U", "migrate_pause": "",
    "migrate_recover": "U", "migrate_set_capability": "C B", "migrate_set_parameter": "P V", "migrate_start_postcopy": "",
    "nmi": "", "object_add": "O", "object_del": "n", "pmemsave": "i z f", "print": "F i", "p": "F i", "qom-get": "p y",
    "qom-list": "p?", "qom-set": "-j p y J", "stop": "", "s": "", "system_powerdown": "", "system_reset": "",
    "system_wakeup": "", "x": "F i", "xp": "F i",
}


class Schema:
    """A program's query-qmp-schema."""

    def __init__(self, entries):
        self.types = {entry["name"]: entry for entry in entries}

    def arguments(self, command):
        return self.types[self.types[command]["arg-type"]]

    def commands(self):
        return {name for name, entry in self.types.items() if entry["meta-type"] == "command"}


class Generator:
    def __init__(self, rng, theirs, ours, only=""):
        self.rng, self.only = rng, re.compile(only, re.S)
        self.schema, self.our_schema = Schema(theirs.call("query-qmp-schema")), Schema(ours.call("query-qmp-schema"))
        self.commands = sorted((self.schema.commands() & self.our_schema.commands()) - SKIPPED)
        self.settings = [m["name"] for m in self.schema.arguments("migrate-set-parameters")["members"]]
        self.object_types = sorted(self._case_names(self.our_schema) & self._case_names(self.schema))
        helps = [self._help(peer) for peer in (theirs, ours)]
        self.lines = sorted(name for name in LINES if all(name in commands for commands, _ in helps))
        self.topics = sorted((helps[0][1] & helps[1][1]) - SKIPPED_TOPICS)
        self.capabilities = [c["capability"] for c in theirs.call("query-migrate-capabilities")]

    @staticmethod
    def _case_names(schema):
        return {variant["case"] for variant in schema.arguments("object-add").get("variants", ())}

    @staticmethod
    def _help(peer):
        def text(line):
            return peer.ask(json.dumps({"execute": "human-monitor-command", "arguments": {"command-line": line}}))[0]["return"]
        commands = {name for line in text("help").split("\r\n") if " -- " in line for name in line.split(" ")[0].split("|")}
        topics = {line.split(" ")[1] for line in text("info").split("\r\n") if line.startswith("info ") and " -- " in line}
        return commands - SKIPPED_LINES, topics

    # -- what to send

    def next_input(self):
        while True:
            text = self._any_input()
            if self.only.search(text if isinstance(text, str) else text.decode("latin-1")):
                return text

    def _any_input(self):
        dice = self.rng.random()
        if dice < 0.45:
            return json.dumps(self.request())
        if dice < 0.60:
            return json.dumps(self.odd_request())
        if dice < 0.75:
            return self.broken_text()
        line = self.line()
        return json.dumps({"execute": "human-monitor-command", "arguments": {"command-line": line}})

    def chance(self, probability):
        return self.rng.random() < probability

    def pick(self, items):
        return self.rng.choice(items)

    def request(self):
        command = self.pick(self.commands)
        request = {"execute": command}
        arguments = self.arguments(command)
        if arguments or self.chance(0.2):
            request["arguments"] = arguments
        if self.chance(0.2):
            request["id"] = self.anything()
        return request

    def odd_request(self):
        """The members of the request itself are wrong."""
        request = self.request()
        for _ in range(self.rng.randrange(1, 3)):
            what = self.rng.randrange(7)
            if what == 0:
                request[self.pick(["foo", "exec-oob", "argument", "Execute", "id", ""])] = self.anything()
            elif what == 1:
                request.pop(self.pick(list(request)))
            elif what == 2 and not isinstance(request.get("execute"), type(None)):
                request["execute"] = self.pick(["nope", "", "query_name", "QUERY-NAME", "exec", self.anything()])
            elif what == 3:
                request["arguments"] = self.pick([[], 1, "x", None, True, {}])
            elif what == 4:
                return self.pick([[], "x", 1, None, True, 1.5, {}, [request], [[]]])
            elif what == 5:
                request["execute"] = "human-monitor-command"
                request["arguments"] = self.pick([{"command-line": self.anything()}, {"command-line": "info name", "cpu-index": self.anything()},
                                                  {}, {"command-line": "info name", "x": 1}])
            elif request.get("execute") != "calc-dirty-rate" and isinstance(request.get("arguments"), dict):
                request["arguments"][self.pick(["foo", "id", "name", "path", "é", ""])] = self.anything()
            if not request:
                return request
        if not self.safe(request.get("execute"), request.get("arguments")):
            return {"execute": "nope"}
        return request

    def broken_text(self):
        """A request with some bytes wrong, or a soup of JSON's own tokens."""
        if self.chance(0.25):
            tokens = ["{", "}", "[", "]", ":", ",", '"a"', "'b'", "1", "-1", "01", "1.5", "1e5", "1e", "true", "null", "nul", '"\\u00e9"',
                      '"\\ud800"', '"\\ud83d\\ude00"', '"\\x"', "%d", "\t", "\x01", '"execute"', '"id"', "-", "'\\''", '"\\/"', "0x1", "+1", ".5"]
            return "".join(self.pick(tokens) + self.pick(["", "", " "]) for _ in range(self.rng.randrange(1, 12)))
        text = list(json.dumps(self.pick([{"execute": "query-name"}, {"execute": "query-name", "id": self.anything()},
                                          {"execute": "qom-list", "arguments": {"path": "/objects"}}]), ensure_ascii=self.chance(0.5)))
        for _ in range(self.rng.randrange(1, 4)):
            at = self.rng.randrange(len(text) + 1)
            what = self.rng.randrange(4)
            if what == 0:
                text.insert(at, self.pick(SPECIAL))
            elif what == 1:
                del text[at:at + 1]
            elif what == 2:
                text[at:at + 1] = self.pick(SPECIAL)
            else:
                text[at:at] = text[at:at + self.rng.randrange(1, 8)]
        text = "".join(text)
        if self.chance(0.1):
            data = bytearray(text.encode())
            data.insert(self.rng.randrange(len(data) + 1), self.pick([0, 0x80, 0xC0, 0xC3, 0xED, 0xF8, 0xFE, 0xFF]))
            return bytes(data)
        return text

    # -- values

    def anything(self, depth=0):
        simple = [None, True, False, "", "x", "ä\u0001", 1.5, -0.0, 1e300, 0.1, self.pick(INTEGERS)]
        if depth < 2 and self.chance(0.3):
            if self.chance(0.5):
                return [self.anything(depth + 1) for _ in range(self.rng.randrange(3))]
            return {self.pick(["a", "b", "path", ""]): self.anything(depth + 1) for _ in range(self.rng.randrange(3))}
        return self.pick(simple)

    def arguments(self, command):
        while True:
            if command == "object-add":
                arguments = self.object_arguments()
            else:
                arguments = self.struct(self.schema.arguments(command), command)
            for _ in range(self.pick([0, 0, 0, 0, 1, 1, 2])):
                if self.chance(0.4):
                    arguments[self.pick(["foo", "id", "x-y", "", "path"])] = self.anything()
                elif arguments:
                    name = self.pick(sorted(arguments))
                    if self.chance(0.3):
                        del arguments[name]
                    else:
                        arguments[name] = self.anything()
            if self.safe(command, arguments):
                return arguments

    def struct(self, type_, command):
        return {member["name"]: self.value(member["type"], member["name"], command)
                for member in type_["members"]
                if not ("default" in member and self.chance(0.6 if len(type_["members"]) < 6 else 0.9))}

    def value(self, type_name, name, command):
        type_ = self.schema.types[type_name]
        meta = type_["meta-type"]
        if meta == "enum":
            return self.pick(type_["values"]) if self.chance(0.9) else self.pick(["nope", "", "None", "on"])
        if meta == "array":
            return [self.value(type_["element-type"], name, command) for _ in range(self.rng.randrange(3))]
        if meta == "object":
            return self.struct(type_, command)
        if meta == "alternate":
            return self.value(self.pick(type_["members"])["type"], name, command)
        kind = type_["json-type"]
        if kind == "int":
            return self.pick(SIZES if name in ("size", "val") else INTEGERS)
        if kind == "boolean":
            return self.chance(0.5)
        if kind == "number":
            return self.pick([0.5, 1, -1.5])
        if kind == "string":
            return self.text(name, command)
        return self.anything()

    def text(self, name, command=""):
        pools = {"path": PATHS, "property": PROPERTIES, "typename": TYPENAMES, "implements": TYPENAMES, "filename": FILES,
                 "mem-path": FILES, "file": FILES, "dir": FILES, "uri": URIS, "iv": ["", "AAAA", "AAAAAAAAAAAAAAAAAAAAAA=="]}
        return self.pick(pools.get(name, NAMES))

    def object_arguments(self):
        kind = self.pick(self.object_types)
        union = self.schema.arguments("object-add")
        variant = next(v["type"] for v in union["variants"] if v["case"] == kind)
        arguments = {"qom-type": kind if self.chance(0.95) else self.pick(["nope", "", "object"]), "id": self.pick(NAMES)}
        arguments.update(self.struct(self.schema.types[variant], "object-add"))
        return arguments

    @staticmethod
    def safe(command, arguments):
        """Whether both programs, and the machine they run on, can take it."""
        if not isinstance(arguments, dict) or not isinstance(command, str):
            return not isinstance(command, str) or command not in SKIPPED or command == "human-monitor-command"
        if command == "human-monitor-command":
            return arguments.get("command-line", "info name") in ("info name", "", "x", "ä\u0001") or not isinstance(arguments["command-line"], str)
        if command == "calc-dirty-rate":    # QEMU 7.2 dies of the other modes; and what is measured depends on the time
            return arguments.get("mode") not in ("dirty-ring", "dirty-bitmap") and arguments.get("calc-time") not in range(1, 50)
        if command == "object-add":
            size = arguments.get("size", 0)
            return not isinstance(size, int) or size <= 2**21
        if command == "pmemsave":
            size = arguments.get("size")
            return not isinstance(size, int) or size <= 2**21
        if command in ("migrate", "migrate-incoming", "migrate-recover"):
            uri = arguments.get("uri")
            return not isinstance(uri, str) or uri in URIS or ":" not in uri
        return True

    # -- console

    def line(self):
        if self.chance(0.25):
            words = ["info", self.pick(self.topics + ["nope", ""])]
            if self.chance(0.2):
                words.append(self.word("n"))
        elif self.chance(0.05):
            return self.pick(["", " ", "nope", "nope 1", "?x", "help nope", "STOP", "stop/", "info/x", "\t", "inf", "print", "qom-list\t/"])
        else:
            name = self.pick(self.lines)
            words = [name]
            for letter in LINES[name].split():
                if letter.startswith("-"):
                    if self.chance(0.2):
                        words.append(letter)
                elif not (letter.endswith("?") and self.chance(0.4)):
                    words.append(self.word(letter[0]))
            if self.chance(0.08):
                words.append(self.word("n"))
            if len(words) > 1 and self.chance(0.08):
                words.pop()
            if name in ("x", "xp", "print", "p") and len(words) > 1 and not words[1]:
                del words[1]
        return self.pick([" ", " ", " ", "  ", "\t"]).join(words) + self.pick(["", "", "", " "])

    def word(self, letter):
        if letter == "i":
            return self.expression()
        if letter == "z":
            return self.pick(["0", "1", "4096", "0x100", "-1", "x", "5000"])
        if letter == "F":
            return self.pick(["", "", "/x", "/4xb", "/2xw", "/d", "/3dh", "/u", "/o", "/c", "/8cb", "/2gx", "/0x", "/y", "/1000000x", "/-1x", "/ x", "/i", "/s"])
        if letter == "B":
            return self.pick(["on", "off", "yes", "ON", "", "1"])
        if letter == "C":
            return self.pick(self.capabilities + ["nope", "", "x"])
        if letter == "P":
            return self.pick(self.settings + ["nope", "tls_creds", "max"])
        if letter == "V":
            return self.pick(WORDS)
        if letter == "S":
            return self.pick(["pre-switchover", "none", "active", "nope", "completed"])
        if letter == "U":
            return self.pick([uri for uri in URIS if uri])
        if letter == "p":
            return self.pick([path for path in PATHS if path])
        if letter == "y":
            return self.pick([name for name in PROPERTIES if name])
        if letter == "f":
            return self.pick(['"/nope/x"', "nope/x", "out", '""', '"a'])
        if letter == "J":
            return self.pick(WORDS + ["{}", "[]", "{'a': 1}", "tru", "1.5", '"x', "null"])
        if letter == "O":
            return self.object_text()
        return self.pick(["a", "b", "nope", "1a", '"a b"', '""', '"a', "a,b", "\\", "'a'", "-x", "-r", "ä"])

    def object_text(self):
        parts = [self.pick(self.object_types + ["nope", "qom-type=secret", ""])]
        if self.chance(0.9):
            parts.append("id=" + self.pick(["a", "b", "1a", "", "a b", "x"]))
        for _ in range(self.rng.randrange(3)):
            key = self.pick(["identity", "policy", "data", "size", "format", "poll-max-ns", "refresh", "filename", "rules.0.match",
                             "rules.0.policy", "rules.1.match", "endpoint", "verify-peer", "dir", "share", "nope", "", "merge", "a.b", "rules"])
            parts.append(key + self.pick(["=", "=", "=", ""]) + self.pick(["on", "off", "x", "1", "64k", "deny", "allow", "-1", "", "a,,b", "0x10", "raw", "1.5", "yes"]))
        if self.chance(0.05):
            parts.append("help")
        return ",".join(parts)

    def expression(self, depth=0):
        if depth < 2 and self.chance(0.35):
            return "%s%s%s" % (self.expression(depth + 1), self.pick(["+", "-", "*", "/", "%", "&", "|", "^", " + ", " ", "<<", "=="]), self.expression(depth + 1))
        if self.chance(0.1):
            return self.pick(["-", "~", "+", "("]) + self.expression(depth + 1) + self.pick(["", ")"])
        return self.pick(["0", "1", "2", "10", "0x10", "0x1000", "0xffffffffffffffff", "18446744073709551615", "08", "'a'", "'\\n'", "'", "$eax", "$nope", "abc",
                          "0x", "1k", "4096", "0xfff000", "0x1000000", "0b1", "(1)", "((2))", "", "-1", "9223372036854775808"])
