"""Tests written as blocks: command, input, expected output, error and status.
The format is described in tests/README.md."""

import difflib
import os
import re
import shutil
import signal

from harness import RUN_ID, Failed, Skipped, status_words

MODIFIERS = ("", "~", "!", "like", "sorted", "any", "no-newline")
SECTION = re.compile(r"\[(stdin|stdout|stderr|status|given|file|limit|needs)([~!]?)((?: [^\]]*)?)\](.*)")


class BadTest(Exception):
    """The file is not in the format."""


class Section:
    def __init__(self, kind, modifier, name, mode, inline, line):
        self.kind, self.modifier, self.name, self.mode = kind, modifier, name, mode
        self.inline, self.line = inline, line
        self.lines = []

    def text(self):
        lines = list(self.lines)
        while lines and lines[-1] == "":
            lines.pop()
        # A backslash at the beginning keeps the rest from being read as anything else.
        lines = [line[1:] if line.startswith("\\") else line for line in lines]
        text = "".join(line + "\n" for line in lines)
        return text[:-1] if self.modifier == "no-newline" and text else text

    def patterns(self):
        return [line for line in self.text().split("\n") if line]


class Command:
    def __init__(self, text, line):
        self.text, self.line = text, line
        self.sections = []


class Block:
    """One case: files that are given, then commands with what is expected of each."""

    def __init__(self, name, path, line):
        self.name, self.path, self.line = name, path, line
        self.given, self.needs, self.commands = [], [], []
        self.limit = None

    def run(self, case):
        for tool in self.needs:
            if not shutil.which(tool, path=case.env["PATH"]):
                raise Skipped(f"{tool} is not installed")
        for section in self.given:
            case.write(section.name, section.text(), section.mode or 0o644)
        for command in self.commands:
            self._run_command(case, command)

    def _run_command(self, case, command):
        given = [s for s in command.sections if s.kind == "stdin"]
        process = case.run("bash", "-c", "set -o pipefail\n" + command.text, status=None,
                           input=given[0].text() if given else None)
        try:
            self._judge(case, command, process)
        except Failed as problem:
            raise Failed(
                f"{self.path}:{command.line}: $ {command.text}\n{problem}\n"
                f"{_shown('standard output', process.out)}{_shown('standard error', process.err)}"
            ) from None

    @staticmethod
    def _judge(case, command, process):
        expected = "0"
        judged_output = False
        for section in command.sections:
            if section.kind == "status":
                expected = section.inline
        _judge_status(process.status, expected)
        for section in command.sections:
            if section.kind == "stdout":
                judged_output = True
                compare(section, normal(case, process.out), "standard output")
            elif section.kind == "stderr":
                compare(section, normal(case, process.err), "standard error")
            elif section.kind == "file":
                if not os.path.exists(case.path(section.name)):
                    raise Failed(f"there is no file {section.name}")
                compare(section, normal(case, case.read(section.name)), f"file {section.name}")
        if not judged_output and process.out:
            raise Failed("standard output was to be empty")


def _shown(title, text):
    if not text:
        return f"--- {title}: nothing\n"
    if len(text) > 3000:
        text = text[:1500] + "\n... (cut) ...\n" + text[-1500:]
    text = "".join(c if c in "\n\t" or c.isprintable() else repr(c)[1:-1] for c in text)
    return f"--- {title}\n{text}" + ("" if text.endswith("\n") else "\n")


def _judge_status(got, expected):
    words = expected.split()
    if words[0] == "any":
        return
    if words[0] == "signal":
        number = int(words[1]) if words[1].isdigit() else signal.Signals[f"SIG{words[1]}"]
        # bash replaces itself by a last simple command, or tells its signal as 128 + n.
        if got not in (-number, 128 + number):
            raise Failed(f"{status_words(got)}, expected signal {words[1]}")
    elif got != int(words[0]):
        raise Failed(f"{status_words(got)}, expected status {words[0]}")


def normal(case, text):
    """What differs from run to run gets a name."""
    return RUN_ID.sub("<RUN>", text.replace(case.base, "<BASE>").replace("<BASE>/work", "<DIR>"))


def compare(section, text, what):
    if section.modifier == "any":
        return
    if section.modifier == "~":
        at = 0
        for pattern in section.patterns():
            found = re.compile(pattern, re.M).search(text, at)
            if not found:
                raise Failed(f"{what}: nothing matches {pattern!r}" + (" (after what matched before)" if at else ""))
            at = found.end()
        return
    if section.modifier == "!":
        for pattern in section.patterns():
            found = re.search(pattern, text, re.M)
            if found:
                raise Failed(f"{what}: {found.group()!r} matches {pattern!r} and must not")
        return
    if section.modifier == "like":
        patterns, lines = section.text().splitlines(), text.splitlines()
        for pattern, line in zip(patterns, lines):
            if not re.fullmatch(pattern, line):
                raise Failed(f"{what}: line {line!r} does not match {pattern!r}")
        if len(patterns) != len(lines):
            raise Failed(f"{what}: {len(lines)} lines, expected {len(patterns)}")
        return
    expected = section.text()
    if section.modifier == "sorted":
        text = "".join(sorted(text.splitlines(True)))
        expected = "".join(sorted(expected.splitlines(True)))
    if text != expected:
        diff = difflib.unified_diff(expected.splitlines(), text.splitlines(), "expected", "got", lineterm="")
        shown = "\n".join(list(diff)[:60]) or "the final newline differs"
        raise Failed(f"{what} differs\n{shown}")


def read_blocks(path):
    """The blocks of a file."""
    with open(path, encoding="utf-8") as f:
        lines = f.read().split("\n")
    blocks, block, command, section = [], None, None, None
    for number, line in enumerate(lines, 1):
        def bad(why, at=number):
            raise BadTest(f"{path}:{at}: {why}")

        if line.startswith("=== "):
            block = Block(line[4:].strip(), path, number)
            blocks.append(block)
            command = section = None
        elif block is None:
            if line and not line.startswith("#"):
                bad("before the first case only comments (#) may stand")
        elif line.startswith("$ "):
            command = Command(line[2:], number)
            block.commands.append(command)
            section = None
        elif line.startswith("> ") and section is None and command is not None:
            command.text += "\n" + line[2:]
        elif line.startswith("[") and line[1:2].isalpha():
            section = _read_section(line, number, bad)
            _place(block, command, section, bad)
            if section.kind in ("status", "limit", "needs"):
                section = None
        elif section is not None:
            section.lines.append(line)
        elif line and not line.startswith("#"):
            bad(f"what is {line!r}? expected '$ COMMAND' or a [section]")
    for block in blocks:
        if not block.commands:
            raise BadTest(f"{path}:{block.line}: no command")
    return blocks


def _read_section(line, number, bad):
    match = SECTION.fullmatch(line)
    if not match:
        bad(f"no such section: {line}")
    kind, modifier, rest, inline = match.groups()
    words, name, mode = rest.split(), None, None
    if kind in ("given", "file"):
        if not words:
            bad(f"[{kind}] needs a name")
        name = words.pop(0)
        if kind == "given" and words and words[0].isdigit():
            mode = int(words.pop(0), 8)
    if words and not modifier:
        modifier = words.pop(0)
    if words or modifier not in MODIFIERS:
        bad(f"no such kind of comparison: {line}")
    if inline.strip() and kind not in ("status", "limit", "needs"):
        bad("the text of this section begins on the next line")
    return Section(kind, modifier, name, mode, inline.strip(), number)


def _place(block, command, section, bad):
    if section.kind == "given":
        if command is not None:
            bad("[given] stands before the first command")
        block.given.append(section)
    elif section.kind == "limit":
        block.limit = float(section.inline)
    elif section.kind == "needs":
        block.needs += section.inline.split()
    elif command is None:
        bad(f"[{section.kind}] stands after a command")
    else:
        if section.kind in ("status", "stdin") and any(s.kind == section.kind for s in command.sections):
            bad(f"a second [{section.kind}] for this command")
        command.sections.append(section)
