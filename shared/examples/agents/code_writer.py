"""Writes a module, joins modules, or takes out the lines that reviewers named."""

import os
import re
import subprocess

import asked

MODULE = """\
# The {name} module.
{function}() {{
	printf '%s\\n' '{name}: ready'
}}
"""

prompt, data = asked.read()


def checked(path, *command):
    done = subprocess.run([*command, path], capture_output=True, text=True, check=False)
    if done.returncode != 0:
        asked.fail(f"{path}: {done.stderr.strip()}")
    return done.stdout


def function_of(path):
    return re.sub(r"\W", "_", os.path.basename(path)[:-3])


def implement(name, path):
    asked.write(path, MODULE.format(name=name, function=function_of(path)))
    checked(path, "sh", "-n")
    print(f"Wrote {path}, which can be parsed")


def path_for(name):
    """Named in the first line, or chosen within what may be written."""
    named = re.search(r"^Implement .* in (\S+)$", prompt, re.M)
    if named:
        return named.group(1)
    folder = re.search(r"^Write only (\S+?)/?\*\*\.$", prompt, re.M)
    if not folder:
        asked.fail("the prompt does not say where to write")
    return f"{folder.group(1)}/{re.sub(r'[^a-z]+', '-', name.lower())}.sh"


def integrate():
    modules = re.findall(r"^Wrote (\S+\.sh),", data, re.M)
    if not modules:
        asked.fail("there is no module to integrate")
    below = re.search(r"^Write only below (\S+)\.$", prompt, re.M)
    folder = below.group(1) if below else os.path.commonpath([os.path.dirname(m) for m in modules])
    path = os.path.join(folder, "integrated.sh")
    lines = ["# All modules together.", "set -eu"]
    for module in modules:
        lines += [f". ./{module}", function_of(module)]
    asked.write(path, "\n".join(lines) + "\n")
    ready = asked.count(checked(path, "sh").count("\n"), "module")
    print(f"Integrated {ready} in {path}, which runs")


def fix():
    fixed = set()
    for path, number in re.findall(r"^- (\S+?):(\d+): critical: ", data, re.M):
        lines = (asked.text_of(path) or "").splitlines()
        if lines and (path, number) not in fixed:
            # What is wrong at the end of a file is told with the line after the last one.
            lines[min(int(number), len(lines)) - 1] = "# (a line was taken out here)"
            asked.write(path, "\n".join(lines) + "\n")
            fixed.add((path, number))
    if not fixed:
        asked.fail("nothing that is named as critical can be fixed here")
    files = ", ".join(sorted({path for path, _ in fixed}))
    print(f"Took out {asked.count(len(fixed), 'line')}, in {files}")


if prompt.startswith("Integrate"):
    integrate()
elif prompt.startswith("Fix"):
    fix()
else:
    topic = re.match(r"Implement (?:the )?(.*?)(?: module)?(?: in \S+)?$", prompt, re.M)
    if not topic:
        asked.fail("the prompt does not say what to implement")
    implement(topic.group(1), path_for(topic.group(1)))
