"""pollard(7): the tutorial is followed from its beginning to its end, and each pair of idioms does the same."""

import os
import re
import subprocess

import test_readme

PAGE = os.path.join(test_readme.ROOT, "shared", "man", "pollard.7")
ESCAPES = {r"\e": "\\", r"\&": "", r"\-": "-", r"\(aq": "'"}


def displays(heading):
    """The literal displays of the section as (line, lines)."""
    found, inside, display = [], False, None
    with open(PAGE, encoding="utf-8") as page:
        for number, line in enumerate(page, 1):
            line = line.rstrip("\n")
            if line.startswith(".Sh "):
                inside = line == f".Sh {heading}"
            elif inside and line.startswith(".Bd -literal"):
                display = (number + 1, [])
            elif inside and line == ".Ed":
                found.append(display)
                display = None
            elif display:
                display[1].append(re.sub(r"\\(e|&|-|\(aq)", lambda m: ESCAPES[m.group(0)], line))
    return found


def status_lines(commands):
    """"[status N]" is said of a command instead of its being asked for: that it ended so."""
    for text, expected in commands:
        if expected and re.fullmatch(r"\[status \d+\]", expected[-1]):
            text = f"{text}\nstatus=$?; echo \"[status $status]\"; (exit $status)"
        yield text, expected


def test_tutorial(t):
    """the tutorial, in one directory"""
    for line, lines in displays("TUTORIAL"):
        block = test_readme.Block(line, "tutorial")
        for text in lines:
            block.add(text)
        block.commands = list(status_lines(block.commands))
        problem = test_readme.run_block(block, t.dir, {**t.env, **test_readme.ENVIRONMENT})
        t.check(problem is None, f"pollard.7: {problem}")


def prepare(t, place):
    for name in ("c.txt", "a.txt", "b.txt"):
        t.write(f"{place}/{name}", f"{name} holds\n{len(name)} words\n")
    t.write(f"{place}/names", "c.txt\na.txt\nb.txt\n")
    t.write(f"{place}/commands", "echo 1\necho 2\ncat a.txt\n")


def outcome(t, place, command):
    """Its output, and the files that are there afterwards."""
    prepare(t, place)
    # GNU parallel asks for a citation once, on standard error
    done = subprocess.run(["bash", "-c", command], cwd=t.path(place), env={**t.env, **test_readme.ENVIRONMENT},
                          stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, timeout=60,
                          check=False)
    files = {}
    for where, _, names in os.walk(t.path(place)):
        for name in names:
            with open(os.path.join(where, name), "rb") as file:
                files[os.path.relpath(os.path.join(where, name), t.path(place))] = file.read()
    return done.stdout.decode(), done.returncode != 0, files


def _pair_test(line, pair):
    def test(t):
        other, ours = pair
        t.check("pollard run" in ours and "pollard" not in other, "no pair")
        theirs_out, theirs_failed, theirs_files = outcome(t, "theirs", other)
        ours_out, ours_failed, ours_files = outcome(t, "ours", ours)
        t.check(theirs_out or theirs_files != {}, "nothing to compare")
        if " -k" in ours or "-j 1" in ours or "--sequential" in ours:
            t.equal(ours_out, theirs_out)
        else:
            t.equal(sorted(ours_out.splitlines()), sorted(theirs_out.splitlines()))
        t.equal(ours_failed, theirs_failed, "failure")
        t.equal(ours_files, theirs_files, "files")
    test.__doc__ = f"pollard.7:{line}: {pair[0]}"
    test.limit = 90
    return test


for _line, _pair in displays("COMING FROM XARGS AND GNU PARALLEL"):
    globals()[f"test_pair_{_line}"] = _pair_test(_line, _pair)
