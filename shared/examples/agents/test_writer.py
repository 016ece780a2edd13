"""Writes a test for each script of a module and runs them; or says which scripts have none."""

import json
import re
import subprocess

import asked
import findings

prompt, _data = asked.read()


def create(module, folder):
    scripts = [path for path in asked.tree() if path.endswith(".sh")
               and not path.startswith("tests/") and module in re.split(r"[/.]", path)]
    if not scripts:
        asked.fail(f"there is no module {module}")
    path = f"{folder}/parse.sh"
    asked.write(path, "set -e\n" + "".join(f"sh -n {script}\n" for script in scripts))
    done = subprocess.run(["sh", path], capture_output=True, text=True, check=False)
    verdict = "all pass" if done.returncode == 0 else f"one fails: {done.stderr.strip()}"
    print(f"Wrote {asked.count(len(scripts), 'test')} to {path}, {verdict}")


if prompt.startswith("Create tests"):
    named = re.match(r"Create tests for (\S+) module\nWrite only below (\S+),", prompt)
    if not named:
        asked.fail("the prompt does not say which module, and where to write")
    create(*named.groups())
else:
    print(json.dumps(findings.answer(findings.coverage, asked.tree(), True)))
