#!/usr/bin/env python3
"""README.md tells the truth: every ```console block in it is run, and the manual page lists the options there are.

In a block a line `$ ...` is typed into one bash for the whole block, lines `> ...` after it go on with it,
and the lines up to the next one are what both streams must show; `...` in them stands for any text of a line,
and alone for any lines. Progress, which a terminal takes back at the end, is switched off. A comment
<!-- with a stand-in for NAME --> before a block puts a program of that name on PATH, which does nothing: plans say
what a client would be started with.

Part of tests/run; alone: POLLARD_BIN_DIR=build/default tests/system/test_readme.py
"""

import difflib
import os
import re
import subprocess
import sys
import tempfile

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
README = os.path.join(ROOT, "README.md")
MANUAL = os.path.join(ROOT, "shared", "man", "pollard.1")
ENVIRONMENT = {"POLLARD_PROGRESS": "none", "LC_ALL": "C.UTF-8", "TZ": "UTC"}
STAND_IN = re.compile(r"<!-- with a stand-in for (\S+) -->")
MARK = "\x01end of a command"
LIMIT = 30


class Block:
    """One ```console block: where it stands, its commands as (text, expected lines), and a program that it wants."""

    def __init__(self, line, heading, stand_in=None):
        self.line, self.heading, self.stand_in, self.commands = line, heading, stand_in, []

    def add(self, line):
        if line.startswith("$ "):
            self.commands.append((line[2:], []))
        elif not self.commands:
            raise ValueError(f"README.md:{self.line}: the block does not begin with '$ '")
        elif (line + " ").startswith("> ") and not self.commands[-1][1]:
            text, expected = self.commands[-1]
            self.commands[-1] = (f"{text}\n{line[2:]}", expected)
        else:
            self.commands[-1][1].append(line)

    def script(self):
        """A script that shows a mark after each command, and keeps $? for the next one."""
        parts = ["exec </dev/null 2>&1\n"]
        for text, _ in self.commands:
            parts.append(f"{text}\nstatus_=$?; printf '%s\\n' '{MARK}'; (exit $status_)\n")
        return "".join(parts)


def read_readme(path=README):
    blocks, block, fence, heading, before = [], None, False, "", ""
    with open(path, encoding="utf-8") as f:
        for number, line in enumerate(f, 1):
            line = line.rstrip("\n")
            if line.startswith("```"):
                fence = not fence
                wanted = STAND_IN.fullmatch(before)
                block = Block(number, heading, wanted and wanted[1]) if fence and line == "```console" else None
                if block:
                    blocks.append(block)
            elif block:
                block.add(line)
            elif not fence and line.startswith("#"):
                heading = line.lstrip("# ")
            before = line
    return blocks


def pattern(expected):
    """The expected lines as one regular expression for the whole output."""
    parts = []
    for line in expected:
        if line == "...":
            parts.append(r"(?:.*\n)*?")
        else:
            parts.append(".*".join(re.escape(piece) for piece in line.split("...")) + r"\n")
    return re.compile("".join(parts))


def run_block(block, directory, env):
    """Runs the block; None, or what was not as it says."""
    if block.stand_in:
        place = os.path.join(env["HOME"], "bin")
        os.mkdir(place)
        with open(os.path.join(place, block.stand_in), "w", encoding="ascii") as f:
            f.write("#!/bin/sh\n")
        os.chmod(f.name, 0o755)
        env = {**env, "PATH": f"{place}:{env['PATH']}"}
    done = subprocess.run(["bash", "-c", block.script()], cwd=directory, env=env, stdin=subprocess.DEVNULL,
                          stdout=subprocess.PIPE, timeout=LIMIT, check=False)
    outputs = done.stdout.decode("utf-8", "replace").split(f"{MARK}\n")
    if len(outputs) != len(block.commands) + 1:
        return f"README.md:{block.line}: the shell ended before the last command:\n{outputs[-1]}"
    for (text, expected), got in zip(block.commands, outputs):
        if got and not got.endswith("\n"):
            got += "\n"
        while expected and not expected[-1]:
            expected.pop()
        if not pattern(expected).fullmatch(got):
            diff = "\n".join(difflib.unified_diff(expected, got.splitlines(), "README.md", "real", lineterm=""))
            return f"README.md:{block.line}: $ {text}\n{diff}"
    return None


def manual_difference(program, what, env):
    """How the part of the manual page that is made from the option table differs from it; or ''."""
    made = subprocess.run([program, "__options", what], env=env, stdout=subprocess.PIPE, check=True, text=True)
    with open(MANUAL, encoding="utf-8") as f:
        text = f.read()
    found = re.search(rf'^\.\\" {what}: begin .*\n((?:.*\n)*?)\.\\" {what}: end\n', text, re.M)
    if not found:
        return f"pollard.1: no part '{what}'"
    return "\n".join(difflib.unified_diff(found.group(1).splitlines(), made.stdout.splitlines(), "pollard.1",
                                          f"pollard __options {what}", lineterm=""))


# Under tests/run: one test for each block, and two for the manual page.

def _block_test(block):
    def test(t):
        problem = run_block(block, t.dir, {**t.env, **ENVIRONMENT})
        t.check(problem is None, problem)
    test.__doc__ = f"README.md:{block.line}: {block.heading}"
    test.limit = LIMIT
    return test


if os.path.exists(README):
    for _number, _block in enumerate(read_readme(), 1):
        globals()[f"test_readme_{_number}"] = _block_test(_block)


def test_readme_has_examples(t):
    """README.md has examples that are run"""
    t.check(len(read_readme()) >= 3, "README.md has fewer than three console blocks")


def test_readme_pairs(t):
    """the idioms beside each other in README.md are among those of pollard(7), which are tried"""
    with open(README, encoding="utf-8") as f:
        pairs = re.findall(r"^\| `((?:xargs|parallel) .*)` \| `(pollard .*)` \|$", f.read(), re.M)
    t.check(len(pairs) >= 3, f"{len(pairs)} pairs in README.md")
    with open(os.path.join(os.path.dirname(MANUAL), "pollard.7"), encoding="utf-8") as f:
        manual = f.read().replace("\\-", "-")
    for other, ours in pairs:
        t.contains(manual, f"\n{other}\n{ours}\n", "pollard.7")


def test_manual_options(t):
    """the manual page lists the options there are"""
    for what in ("options", "environment"):
        problem = manual_difference("pollard", what, t.env)
        t.check(not problem, problem)


def main():
    bin_dir = os.environ.get("POLLARD_BIN_DIR")
    if not bin_dir:
        sys.exit("POLLARD_BIN_DIR is not set: the directory of the program that is to be tested")
    bin_dir = os.path.abspath(bin_dir)
    failed = 0
    for block in read_readme():
        with tempfile.TemporaryDirectory(prefix="pollard-readme.") as top:
            directory = os.path.join(top, "work")
            os.mkdir(directory)
            env = {**ENVIRONMENT, "PATH": f"{bin_dir}:{os.environ['PATH']}", "HOME": top,
                   "POLLARD_STATE_DIR": os.path.join(top, "state"), "POLLARD_DATA": os.path.join(bin_dir, "data")}
            problem = run_block(block, directory, env)
        failed += problem is not None
        print(f"{'not ok' if problem else 'ok'} README.md:{block.line}: {block.heading}")
        if problem:
            print("".join(f"# {line}\n" for line in problem.splitlines()), end="")
    for what in ("options", "environment"):
        problem = manual_difference(os.path.join(bin_dir, "pollard"), what, dict(os.environ))
        failed += bool(problem)
        print(f"{'not ok' if problem else 'ok'} pollard.1: {what}\n{problem}".rstrip())
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
