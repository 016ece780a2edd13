"""Files are measured in bytes and made smaller: blanks and blank lines that nobody needs go."""

import json
import re

import asked

prompt, data = asked.read()


def smaller(text):
    return re.sub(r"\n{3,}", "\n\n", re.sub(r"[ \t]+$", "", text, flags=re.M))


def size(paths):
    return sum(len(asked.text_of(path).encode()) for path in paths)


def about(area):
    words = area.lower().split()
    return [path for path in asked.tree()
            if any(word in asked.text_of(path).lower() for word in words)]


def propose(area):
    paths = [path for path in about(area) if smaller(asked.text_of(path)) != asked.text_of(path)]
    saved = sum(len(asked.text_of(path)) - len(smaller(asked.text_of(path))) for path in paths)
    impact = 100 * saved // max(1, size(paths))
    print(json.dumps({
        "summary": f"{area}: {saved} bytes can go, {impact} % of {asked.count(len(paths), 'file')}",
        "impact": impact,
        "tokens": size(paths) // 4,
        "change": f"Remove needless blanks from {' '.join(paths)}",
        "writes": paths,
    }))


def carry_out(paths):
    before = size(paths)
    for path in paths:
        asked.write(path, smaller(asked.text_of(path)))
    print(f"{' '.join(paths)}: {before} to {size(paths)} bytes")


def compare():
    before = re.search(r"^Baseline: (\d+) bytes", data, re.M)
    if not before:
        asked.fail("there is no baseline to compare with")
    print(f"All files: {before.group(1)} to {size(asked.tree())} bytes")


removal = re.match(r"Remove needless blanks from (.+)$", prompt, re.M)
optimize = re.match(r"Optimize (.+)$", prompt, re.M)
if removal:
    carry_out(removal.group(1).split())
elif optimize:
    propose(optimize.group(1))
elif prompt.startswith("Measure again"):
    compare()
else:
    files = asked.tree()
    print(f"Baseline: {size(files)} bytes in {asked.count(len(files), 'file')}")
