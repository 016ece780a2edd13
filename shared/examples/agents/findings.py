"""What can be found in files, one function for each view: (path, line, severity, what)."""

import re
import subprocess

import asked

UNSAFE = [
    (re.compile(r"(?i)\bpassword\s*=\s*['\"]?\w"), "a password in the source"),
    (re.compile(r"^\s*eval\b"), "eval of a string"),
]


def quality(path, _text):
    if not path.endswith(".sh"):
        return
    done = subprocess.run(["sh", "-n", path], capture_output=True, text=True, check=False)
    if done.returncode != 0:
        line = re.search(r": (\d+): ", done.stderr)
        yield path, int(line.group(1)) if line else 1, "critical", "it cannot be parsed"


def security(path, text):
    for number, line in enumerate(text.splitlines(), 1):
        for pattern, what in UNSAFE:
            if pattern.search(line):
                yield path, number, "critical", what


def coverage(path, text):
    tests = "".join(asked.text_of(test) or "" for test in asked.matching("tests/**"))
    if path.endswith(".sh") and not path.startswith("tests/") and path not in tests:
        yield path, 1, "minor", "no test names it"


def answer(view, paths, as_json):
    """What was found, as text or as the object {"summary", "critical", "findings"}."""
    found = [one for path in paths for one in view(path, asked.text_of(path) or "")]
    critical = sum(severity == "critical" for _, _, severity, _ in found)
    summary = (f"{critical} critical, {asked.count(len(found), 'finding')} "
               f"in {asked.count(len(paths), 'file')}")
    lines = [f"{path}:{line}: {severity}: {what}" for path, line, severity, what in found]
    if as_json:
        return {"summary": summary, "critical": critical, "findings": lines}
    return "\n".join([summary, "", *(f"- {line}" for line in lines)]).rstrip()
