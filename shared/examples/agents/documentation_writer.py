"""Writes down which files speak of a topic; or makes several documents look alike."""

import re

import asked

prompt, _data = asked.read()


def purpose(path):
    """The first comment of a file."""
    comment = re.search(r"^# (.*)", asked.text_of(path), re.M)
    return comment.group(1) if comment else "(says nothing about itself)"


def document(topic, target):
    words = topic.lower().split()
    files = [path for path in asked.tree() if not path.endswith(".md")
             and any(word in asked.text_of(path).lower() for word in words)]
    if not files:
        asked.fail(f"nothing speaks of {topic}")
    lines = [f"# {topic[0].upper()}{topic[1:]}", ""]
    lines += [f"- `{path}`: {purpose(path)}" for path in files]
    asked.write(target, "\n".join(lines) + "\n")
    print(f"Wrote {target}: {asked.count(len(files), 'file')} on {topic}")


def make_consistent(paths):
    """Each list is sorted, and ends with a line that says who made it."""
    there = [path for path in paths if asked.text_of(path) is not None]
    if not there:
        asked.fail("there is nothing to compare")
    for path in there:
        head, _, rest = asked.text_of(path).partition("\n\n")
        lines = sorted(set(rest.splitlines()))
        asked.write(path, "\n".join([head, "", *lines]) + "\n")
    print(f"{asked.count(len(there), 'document')} in the same form: {', '.join(there)}")


if prompt.startswith("Review for consistency"):
    make_consistent(re.findall(r"[\w./-]+\.md", prompt))
else:
    named = re.match(r"Document (.*)\nWrite only (\S+)\.$", prompt, re.M)
    if not named:
        asked.fail("the prompt does not say what to document, and where")
    document(*named.groups())
