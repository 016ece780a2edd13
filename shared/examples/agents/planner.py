"""One module for each area that was researched; or what follows from a recommendation."""

import json
import re

import asked

prompt, data = asked.read()


def item(area, finding, folder):
    path = f"{folder}/security/{area}.sh"
    return {
        "id": area,
        "prompt": f"Implement the {area} module in {path}\n"
                  f"The research says: {finding.splitlines()[0]}",
        "writes": [path],
        # What is spoken of in more places matters more.
        "impact": finding.count("\n- "),
    }


def plan():
    where = re.search(r"lie below (\S+)\.$", prompt, re.M)
    folder = where.group(1).rstrip("/") if where else "src"
    items = [item(area, finding, folder) for area, finding in asked.sections(data)]
    if not items:
        asked.fail("no research to plan from")
    files = ", ".join(path for entry in items for path in entry["writes"])
    summary = f"{asked.count(len(items), 'independent module')}: {files}"
    print(json.dumps({"summary": summary, "items": items}))


def advise():
    points = [line for line in data.splitlines() if line.startswith("- ")]
    print(f"{asked.count(len(points), 'step')} after the recommendation\n")
    for number, point in enumerate(points, 1):
        print(f"{number}. Look at {point[2:]}")


if '"items"' in prompt:
    plan()
else:
    advise()
