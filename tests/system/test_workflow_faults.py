"""Workflows that are interrupted or cut short between their tasks: in a merge, in a list that is known late."""

import os
import signal

HANGING = "---\nname: hanging\ncommand: sh -c 'cat >/dev/null; : > asked; exec sleep 60'\n---\n"

MERGED_BY_AGENT = """\
version: 1
steps:
  - id: one
    tasks: [{id: a, run: echo A}, {id: b, run: echo B}]
    merge: {agent: hanging}
  - {id: two, run: touch ran}
"""


def interrupted_merge(t, *signals):
    t.write(".pollard/agents/hanging.md", HANGING)
    t.write("w.yaml", MERGED_BY_AGENT)
    run = t.start("pollard", "run", "--progress", "none", "-o", "none", "-f", "w.yaml")
    t.wait_file("asked")
    for number in signals:
        run.kill(number)
    run.expect(-signals[0])
    state = t.state_md()
    t.contains(state, "Interrupted")
    t.contains(state, "2 of 2 succeeded")
    t.check("collected" not in state and "Merged Result" not in state, state)
    t.check(not os.path.exists(t.path("ran")), "the next step began")
    t.equal([record.get("merged") for record in t.events("step-finished")][0], None, "merged")


def test_interrupted_merge(t):
    """a merge that is interrupted has no merged result: what was put together for it is none"""
    interrupted_merge(t, signal.SIGINT)


def test_killed_merge(t):
    """a second signal kills a merging agent at once"""
    interrupted_merge(t, signal.SIGTERM, signal.SIGTERM)


def test_interrupted_list(t):
    """an interrupted list that an agent made: each of its tasks is cancelled, and nothing is left"""
    t.write("w.yaml", """\
version: 1
steps:
  - {id: list, output: json, run: 'echo "{\\"l\\": [1, 2, 3]}"'}
  - id: each
    jobs: 2
    foreach: {in: steps.list.result.l}
    task: {id: "${{ item }}", run: [sh, -c, ": > begun-$0; exec sleep 60", "${{ item }}"]}
  - {id: last, run: touch ran}
""")
    run = t.start("pollard", "run", "--progress", "none", "-o", "none", "-f", "w.yaml")
    t.wait_file("begun-1")
    t.wait_file("begun-2")
    run.kill(signal.SIGINT)
    run.expect(-signal.SIGINT)
    ends = {record["task"]: (record["status"], record["reason"])
            for record in t.events("task-finished") if record["step"] == "each"}
    t.equal(ends, {id: ("cancelled", "interrupted") for id in ("1", "2", "3")}, "tasks")
    t.check(not os.path.exists(t.path("begun-3")), "a third one began")
    t.check(not os.path.exists(t.path("ran")), "the next step began")
