"""One list from the results of several tasks: of findings, or of items to be implemented."""

import json
import re

import asked

prompt, data = asked.read()


def results():
    """(answers by task, tasks without one): from `merge: json` or `merge: concat`."""
    try:
        merged = json.loads(data)
        return merged["results"], list(merged["missing"])
    except (ValueError, KeyError, TypeError):
        missing = re.split(r"^## Missing$", data, flags=re.M)[1:]
        return dict(asked.sections(data)), re.findall(r"^- (\S+):", "".join(missing), re.M)


def findings_of(answer):
    if isinstance(answer, dict):
        return answer.get("findings", [])
    return [line[2:] for line in answer.splitlines() if line.startswith("- ")]


def consolidate():
    answers, missing = results()
    told = [finding for answer in answers.values() for finding in findings_of(answer)]
    kept = sorted(set(told), key=lambda finding: (": critical: " not in finding, finding))
    line = f"Of {asked.count(len(told), 'finding')} {len(kept)} remain"
    critical = sum(": critical: " in finding for finding in kept)
    line += f", {critical} critical" if critical else ""
    print(line + (f"; missing: {', '.join(missing)}" if missing else ""))
    for finding in kept:
        print(f"- {finding}")


def prioritize():
    answers, _missing = results()
    items, taken = [], set()
    # What was proposed for a file by one with greater impact is not done again.
    for task, answer in sorted(answers.items(), key=lambda pair: -pair[1]["impact"]):
        paths = [path for path in answer["writes"] if path not in taken]
        taken.update(paths)
        if paths:
            change = f"Remove needless blanks from {' '.join(paths)}"
            items.append({"id": task, "prompt": change, "writes": paths,
                          "impact": answer["impact"], "tokens": answer["tokens"]})
    summary = f"{len(items)} of {asked.count(len(answers), 'proposal')} to be implemented"
    print(json.dumps({"summary": summary, "items": items}))


if '"items"' in prompt:
    prioritize()
else:
    consolidate()
