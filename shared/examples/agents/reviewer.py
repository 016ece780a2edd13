"""Reviews the files that are named, or all of the tree. The first word says what is looked for."""

import json
import re
import sys

import asked
import findings

prompt, _data = asked.read()
view = {"quality": findings.quality, "security": findings.security}[sys.argv[1]]

named = re.match(r"Review (\S*[/*.]\S*)$", prompt, re.M)
below = re.search(r" below (\S+)\.$", prompt, re.M)
if named:
    paths = asked.matching(named.group(1))
else:
    paths = asked.tree(below.group(1) if below else ".")
if not paths:
    asked.fail(f"nothing to review: {prompt.splitlines()[0]}")
as_json = '"critical"' in prompt
answer = findings.answer(view, paths, as_json)
print(json.dumps(answer) if as_json else answer)
