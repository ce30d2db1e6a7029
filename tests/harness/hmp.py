# SPDX-License-Identifier: GPL-3.0-or-later
"""An HMP console: on pipes (line mode) or on a terminal, whose escape sequences are played on a small screen."""
import re

from harness.process import Deadline, Timeout

PROMPT = "(qemu) "
CONTROL = re.compile(r"\x1b(?:\[([0-9;?]*)([@-~])|\][^\x07\x1b]*(?:\x07|\x1b\\)|[()][A-Z0-9]|[=>78cM])")


class Screen:
    """A terminal without a lower edge: `rows` grows, nothing scrolls away."""

    def __init__(self):
        self.rows, self.row, self.col = [[]], 0, 0
        self.left = ""

    def lines(self):
        return ["".join(row).rstrip("\0") for row in self.rows]

    def feed(self, text):
        text, i = self.left + text, 0
        self.left = ""
        while i < len(text):
            c = text[i]
            if c == "\x1b":
                found = CONTROL.match(text, i)
                if not found:
                    if len(text) - i < 32:
                        self.left = text[i:]
                        return
                    i += 1
                    continue
                self._control(found.group(1) or "", found.group(2) or "")
                i = found.end()
                continue
            i += 1
            if c == "\n":
                self._down()
            elif c == "\r":
                self.col = 0
            elif c == "\b":
                self.col = max(0, self.col - 1)
            elif c >= " ":
                row = self.rows[self.row]
                row.extend(" " * (self.col - len(row)))
                row[self.col:self.col + 1] = c
                self.col += 1

    def _down(self):
        self.row += 1
        if self.row == len(self.rows):
            self.rows.append([])
        self.col = 0 if self.row == len(self.rows) - 1 else self.col

    def _control(self, arguments, final):
        first = arguments.split(";")[0]
        n = int(first) if first.isdigit() else 0
        row = self.rows[self.row]
        if final == "D":
            self.col = max(0, self.col - max(1, n))
        elif final == "C":
            self.col += max(1, n)
        elif final == "G":
            self.col = max(0, n - 1)
        elif final == "A":
            self.row = max(0, self.row - max(1, n))
        elif final == "K":
            if n == 0:
                del row[self.col:]
            elif n == 1:
                row[:self.col + 1] = " " * min(len(row), self.col + 1)
            else:
                row.clear()
        elif final == "J" and n == 0:
            del row[self.col:]
            del self.rows[self.row + 1:]
        elif final == "P":
            del row[self.col:self.col + max(1, n)]
        elif final == "@":
            row[self.col:self.col] = " " * max(1, n)


class Hmp:
    """The console of an instance. send() is one line and the lines it prints."""

    def __init__(self, instance, terminal):
        self.instance, self.terminal, self.position = instance, terminal, 0
        self.screen = Screen()

    def _feed(self, data):
        self.screen.feed(data[self.position:].decode("utf-8", "replace"))
        self.position = len(data)

    def wait(self, done, seconds=10, what="the awaited text on the console"):
        """Waits until done(screen lines) is true and returns that."""
        def look(data):
            self._feed(data)
            return done(self.screen.lines())
        return self.instance.out.wait(look, seconds, "[%s] %s" % (self.instance.name, what))

    def wait_prompt(self, after=0, seconds=10):
        """Waits for an empty prompt in a row past `after`; returns the lines between that row and the prompt."""
        def look(data):
            self._feed(data)
            return data.endswith(PROMPT.encode()) and self.screen.row >= after and self.screen.lines()[-1] == PROMPT
        try:
            self.instance.out.wait(look, seconds, "the prompt")
        except Timeout:
            raise Timeout("[%s] no prompt in %g s; the console shows:\n    %s%s" % (
                self.instance.name, seconds, "\n    ".join(self.screen.lines()[-12:]), self.instance.last_words()))
        return self.screen.lines()[after:-1]

    def type(self, text):
        """Keys as they are, such as "\\t" or "\\x03"."""
        self.instance.write(text.encode("utf-8"))

    def send(self, line, seconds=20):
        """A line and Enter; returns what was printed up to the next prompt, without the echo."""
        self.position = self.position or len(self.instance.out.data)
        start = self.screen.row
        self.type(line + ("\r" if self.terminal else "\n"))
        return self.wait_prompt(start + 1, seconds)

    def wait_for(self, command, pattern, seconds=20):
        """Asks again until a printed line has the pattern; returns that answer."""
        deadline = Deadline(seconds)
        while True:
            lines = self.send(command)
            if any(re.search(pattern, line) for line in lines):
                return lines
            if deadline.over():
                raise Timeout("'%s' never printed /%s/; last: %s" % (command, pattern, lines))

    def current(self):
        """The row with the cursor."""
        self._feed(self.instance.out.data)
        return self.screen.lines()[-1]
