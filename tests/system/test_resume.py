"""Going on with a run (spec chapter 5): what is done is never done again, what was under way is, and what cannot
be gone on with says why. Every task keeps account of its starts in `log`."""

import fcntl
import json
import os
import re
import shutil
import signal

import harness

RUN = ["pollard", "run", "--progress", "none"]
RESUME = ["pollard", "resume", "--progress", "none"]

# "bad" fails until there is a file "mended"; "slow" lasts until there is a file "gate".
TASK = r"""
echo "$1 $POLLARD_ATTEMPT" >>log
case $1 in
bad*) [ -e mended ] || { echo "the gearbox is stuck" >&2; exit 3; } ;;
slow*) : >"began.$1"; while [ ! -e gate ]; do sleep 0.01; done ;;
esac
echo "done with $1"
"""
AGENT = "---\nname: %s\ncommand: sh %s\n---\nTurn the crank.\n"


def prepare(t, *names):
    t.write("task.sh", TASK)
    t.write("list", "".join(json.dumps({"id": n, "run": ["sh", "task.sh", n]}) + "\n" for n in names))


def item(name, **more):
    return json.dumps({"id": name, "run": ["sh", "task.sh", name], **more}) + "\n"


def steps(*ones):
    return json.dumps({"version": 1, "steps": list(ones)})


def kill(t, process, *, sig=signal.SIGKILL):
    """Ends it and waits until its workers are gone too."""
    process.kill(sig)
    process.expect(-sig)
    t.wait_for(lambda: not t.left_processes(), "the workers to be gone")


def log(t):
    return t.read("log").splitlines()


def starts(t):
    """How often each task was started."""
    names = [line.split()[0] for line in log(t)]
    return {name: names.count(name) for name in names}


def begun(t, name):
    t.wait_file(f"began.{name}")


def done(t, *names):
    for name in names:
        t.wait_event("task-finished", task=name)


def finals(t):
    """The newest status of each task."""
    return {r["task"]: r["status"] for r in t.events("task-finished")}


def journal_bytes(t):
    with open(os.path.join(t.run_dir(), "journal.jsonl"), "rb") as f:
        return f.read()


def put_journal(t, data):
    with open(os.path.join(t.run_dir(), "journal.jsonl"), "wb") as f:
        f.write(data)


# Killed.

def test_list(t):
    """kill -9 twice in the middle of a list: what is done stays done, what ran is one more attempt"""
    prepare(t, "a", "slow", "b", "c")
    p = t.start(*RUN, "-j", "2", "-f", "list")
    begun(t, "slow")
    done(t, "a", "b", "c")
    kill(t, p)
    os.unlink(t.path("began.slow"))
    p = t.start(*RESUME)
    begun(t, "slow")
    kill(t, p)
    t.write("gate", "")
    p = t.run(*RESUME)
    t.equal(p.out, "done with slow\n")
    t.equal(starts(t), {"a": 1, "slow": 3, "b": 1, "c": 1})
    t.equal([line for line in log(t) if line.startswith("slow")], ["slow 1", "slow 2", "slow 3"])
    t.equal(len(t.events("resumed")), 2)
    t.contains(t.state_md(), "4 of 4 succeeded")
    t.contains(t.run("pollard", "status").out, "complete")
    t.equal(t.run("pollard", "failed").out, "")
    t.contains(t.run("pollard", "show").out, "4 of 4 succeeded")


def test_needs(t):
    """kill -9 in a list with needs: what waits for what was interrupted runs after it"""
    t.write("task.sh", TASK)
    t.write("list", item("a") + item("slow") + item("b", needs=["a", "slow"]) + item("c", needs=["b"]))
    p = t.start(*RUN, "-f", "list")
    begun(t, "slow")
    done(t, "a")
    kill(t, p)
    t.write("gate", "")
    t.run(*RESUME)
    t.equal(log(t)[-3:], ["slow 2", "b 1", "c 1"])
    t.equal(starts(t)["a"], 1)


def test_keep_order_and_merged(t):
    """-k and -o merged after a kill: in the order of the list, with what was done before"""
    prepare(t, "a", "slow", "b")
    p = t.start(*RUN, "-o", "merged", "-f", "list")
    begun(t, "slow")
    done(t, "a", "b")
    kill(t, p)
    t.write("gate", "")
    merged = t.run(*RESUME).out
    t.equal(re.findall(r"done with (\w+)", merged), ["a", "slow", "b"])
    t.equal(starts(t), {"a": 1, "slow": 2, "b": 1})


def test_recovery(t):
    """kill -9 in a recovery: several fail, the debugger was asked; the retries go on, none is repeated beyond -r"""
    t.write(".pollard/agents/doctor.md", AGENT % ("doctor", "doctor.sh"))
    t.write("doctor.sh", "cat >/dev/null\necho asked >>doctor\n"
            """echo '{"relation":"related","cause":"oil","groups":[],"strategy":"sequential","fix":null,"""
            """"retry":[],"escalate":false}'\n""")
    t.write("task.sh", 'echo "$1 $POLLARD_ATTEMPT" >>log\n[ $1 != a ] || exit 0\n[ "$POLLARD_ATTEMPT" -gt 1 ] || exit 3\n'
            ': >"again.$1"\nwhile [ ! -e gate ]; do sleep 0.01; done\n')
    t.write("list", item("a") + item("x") + item("y"))
    p = t.start(*RUN, "-r", "1", "--debugger", "doctor", "-f", "list")
    t.wait_for(lambda: os.path.exists(t.path("again.x")) or os.path.exists(t.path("again.y")), "a retry")
    kill(t, p)
    t.write("gate", "")
    t.run(*RESUME)
    t.equal(starts(t)["a"], 1)
    t.equal(sorted((starts(t)["x"], starts(t)["y"])), [2, 3])
    t.equal(set(finals(t).values()), {"succeeded"})


def test_fail_fast_pause(t):
    """kill -9 while a failed task of --fail-fast waits for its retry: it is attempted again, not forgotten"""
    prepare(t, "bad", "slow")
    p = t.start(*RUN, "--fail-fast", "-r", "1", "-f", "list")
    begun(t, "slow")
    t.wait_event("attempt-finished", task="bad")
    kill(t, p)
    t.write("gate", "")
    t.run(*RESUME, status=1)
    t.equal([line for line in log(t) if line.startswith("bad")], ["bad 1", "bad 2"])
    t.equal(finals(t), {"slow": "succeeded", "bad": "failed"})


def test_workflow(t):
    """kill -9 in the second step: the first is not run again, and its results are handed on"""
    t.write("task.sh", TASK)
    t.write("w.json", steps(
        {"id": "one", "merge": "concat", "tasks": [json.loads(item("a")), json.loads(item("b"))]},
        {"id": "two", "tasks": [json.loads(item("slow"))]},
        {"id": "three", "tasks": [{"id": "look", "run": ["sh", "-c", 'cat "$POLLARD_RESULTS" >seen']}]}))
    p = t.start(*RUN, "-f", "w.json")
    begun(t, "slow")
    kill(t, p)
    t.write("gate", "")
    t.run(*RESUME)
    t.equal(starts(t), {"a": 1, "b": 1, "slow": 2})
    seen = json.loads(t.read("seen"))["steps"]
    for step, name in (("one", "a"), ("one", "b"), ("two", "slow")):
        with open(seen[step]["tasks"][name]["output"], encoding="utf-8") as f:
            t.equal(f.read(), f"done with {name}\n")
    with open(seen["one"]["merged"], encoding="utf-8") as f:
        t.equal(re.findall("done with (.)", f.read()), ["a", "b"])


def test_foreach(t):
    """kill -9 in a foreach step: its tasks are those that were made, each done once"""
    t.write("task.sh", TASK)
    t.write("w.json", steps(
        {"id": "plan", "tasks": [{"id": "p", "run": ["sh", "-c", "echo p >>log; echo "
                                                   """'{"items":[{"id":"a"},{"id":"slow"},{"id":"b"}]}' >&$POLLARD_RESULT_FD"""]}]},
        {"id": "work", "foreach": {"in": "steps.plan.tasks.p.result.items", "as": "item"},
         "task": {"id": "${{ item.id }}", "run": ["sh", "-c", 'sh task.sh "$POLLARD_TASK"']}}))
    p = t.start(*RUN, "-f", "w.json")
    begun(t, "slow")
    done(t, "a", "b")
    kill(t, p)
    t.write("gate", "")
    t.run(*RESUME)
    t.equal(starts(t), {"p": 1, "a": 1, "slow": 2, "b": 1})
    t.contains(t.state_md(), "3 of 3 succeeded")


def test_foreach_of_nothing(t):
    """kill -9 after a foreach step with an empty list: that is over, and does not begin again"""
    t.write("task.sh", TASK)
    t.write("w.json", steps(
        {"id": "plan", "tasks": [{"id": "p", "run": ["sh", "-c", "echo '{\"items\":[]}' >&$POLLARD_RESULT_FD"]}]},
        {"id": "work", "foreach": {"in": "steps.plan.tasks.p.result.items", "as": "item"},
         "task": {"id": "${{ item.id }}", "run": ["true"]}},
        {"id": "last", "tasks": [json.loads(item("slow"))]}))
    p = t.start(*RUN, "-f", "w.json")
    begun(t, "slow")
    kill(t, p)
    t.write("gate", "")
    t.run(*RESUME)
    t.equal([r["step"] for r in t.events("step-finished")], ["plan", "work", "last"])


def test_foreach_called_off(t):
    """a foreach step that an earlier one kept from beginning begins when that is mended"""
    t.write("task.sh", TASK)
    t.write("w.json", steps(
        {"id": "plan", "tasks": [{"id": "p", "run": ["sh", "-c", "echo '{\"items\":[{\"id\":\"a\"}]}' "
                                                                ">&$POLLARD_RESULT_FD"]}]},
        {"id": "gate", "require": "all", "tasks": [json.loads(item("bad"))]},
        {"id": "work", "foreach": {"in": "steps.plan.tasks.p.result.items", "as": "item"},
         "task": {"id": "${{ item.id }}", "run": ["sh", "-c", 'sh task.sh "$POLLARD_TASK"']}}))
    t.run(*RUN, "-f", "w.json", status=3)
    t.write("mended", "")
    t.run(*RESUME, "--retry-failed")
    t.equal(starts(t), {"bad": 2, "a": 1})


def interrupted_merge(t, sig):
    t.write(".pollard/agents/joiner.md", AGENT % ("joiner", "join.sh"))
    t.write("join.sh", 'cat >/dev/null\necho $POLLARD_ATTEMPT >>joins\n: >joining\n'
            'while [ ! -e gate ]; do sleep 0.01; done\necho all as one\n')
    t.write("task.sh", TASK)
    t.write("w.json", steps(
        {"id": "one", "merge": {"agent": "joiner"}, "tasks": [json.loads(item("a"))]},
        {"id": "two", "tasks": [{"id": "look", "run": ["sh", "-c", 'cat "$POLLARD_RESULTS" >seen']}]}))
    p = t.start(*RUN, "-f", "w.json")
    t.wait_file("joining")
    kill(t, p, sig=sig)
    t.write("gate", "")
    t.run(*RESUME)
    t.equal(starts(t), {"a": 1})
    t.equal(len(t.read("joins").split()), 2)
    with open(os.path.join(t.run_dir(), "merged", "one.md"), encoding="utf-8") as f:
        t.contains(f.read(), "all as one")


def test_merge(t):
    """kill -9 in a merge by an agent: it is asked again, the tasks are not run again"""
    interrupted_merge(t, signal.SIGKILL)


def test_merge_interrupted(t):
    """SIGINT in a merge by an agent: likewise, and the next step begins only after it"""
    interrupted_merge(t, signal.SIGINT)


def cut_after(t, found):
    """As if the run had been killed right after the first record for which that holds."""
    lines = journal_bytes(t).splitlines(keepends=True)
    at = next(i for i, line in enumerate(lines) if found(json.loads(line)))
    put_journal(t, b"".join(lines[:at + 1]))


def test_merge_answered(t):
    """kill -9 between the answer of a merging agent and the merged result: it is not asked again"""
    t.write(".pollard/agents/joiner.md", AGENT % ("joiner", "join.sh"))
    t.write("join.sh", "cat >/dev/null\necho $POLLARD_ATTEMPT >>joins\necho all as one\n")
    t.write("task.sh", TASK)
    t.write("w.json", steps(
        {"id": "one", "merge": {"agent": "joiner"}, "tasks": [json.loads(item("a")), json.loads(item("bad"))]},
        {"id": "two", "tasks": [{"id": "look", "run": ["sh", "-c", 'cat "$POLLARD_STEP_ONE_MERGED"']}]}))
    p = t.run(*RUN, "--require", "partial", "-f", "w.json")
    t.contains(p.out, "all as one")
    cut_after(t, lambda r: r["event"] == "merge-finished")
    os.unlink(os.path.join(t.run_dir(), "merged", "one.md"))
    t.equal(t.run(*RESUME).out, "all as one\n")
    t.equal(t.read("joins"), "1\n")
    # with another result the answer is out of date
    t.write("mended", "")
    t.run(*RESUME, "--retry-failed")
    t.equal(t.read("joins"), "1\n3\n")


DOCTOR = ("cat >/dev/null\necho asked >>asked\n"
          """echo '{"relation":"related","cause":"oil","groups":[{"cause":"oil","tasks":["x","y"]},"""
          """{"cause":"grit","tasks":["z"]}],"strategy":"sequential","fix":{"run":["sh","-c","echo oiled >>fixes"]},"""
          """"retry":[{"task":"x"},{"task":"y","advice":"oil it"},{"task":"z"}],"escalate":false}'\n""")


def judged(t, *options):
    t.write(".pollard/agents/doctor.md", AGENT % ("doctor", "doctor.sh"))
    t.write("doctor.sh", DOCTOR)
    t.write("task.sh", 'echo "$1 $POLLARD_ATTEMPT" >>log\n[ $1 = a ] || [ "$POLLARD_ATTEMPT" -gt 1 ] || exit 3\n')
    t.write("list", item("a") + item("x") + item("y") + item("z"))
    t.run(*RUN, "-r", "1", "--debugger", "doctor", *options, "-f", "list")
    t.equal(t.read("asked"), "asked\n")


def test_verdict_kept(t):
    """kill -9 after a verdict: the debugger is not asked again, and what it said is done"""
    judged(t)
    cut_after(t, lambda r: r["event"] == "task-finished" and r["task"] == "x")
    p = t.run("pollard", "resume", "--progress", "plain")
    t.contains(p.err, "the debugger has said: related: oil")
    t.equal(t.read("asked"), "asked\n")
    t.equal(starts(t), {"a": 1, "x": 2, "y": 3, "z": 3})
    t.equal(set(finals(t).values()), {"succeeded"})


def test_fix_kept(t):
    """kill -9 after a fix: it is not carried out twice; another debugger is asked anew"""
    judged(t, "--allow-fix")
    cut_after(t, lambda r: r["event"] == "fix")
    whole = journal_bytes(t)
    t.run(*RESUME)
    t.equal(t.read("fixes"), "oiled\n")
    t.equal(t.read("asked"), "asked\n")
    put_journal(t, whole)
    t.run(*RESUME, "--debugger", "builtin")
    t.equal([r["debugger"] for r in t.events("verdict")], ["doctor", "builtin"])


def test_verdict_of_others(t):
    """kill -9 after a verdict, and a task fails that it was not about: the debugger is asked again"""
    judged(t)
    lines = journal_bytes(t).splitlines(keepends=True)
    # z had not ended by then
    lines = [line for line in lines if not (b'"attempt-finished"' in line and b'"task":"z"' in line)]
    put_journal(t, b"".join(harness.sealed(re.sub(rb'"seq":\d+', b'"seq":%d' % (i + 1), line[:-19])) + b"\n"
                            for i, line in enumerate(lines)))
    cut_after(t, lambda r: r["event"] == "verdict")
    t.write("task.sh", 'echo "$1 $POLLARD_ATTEMPT" >>log\n[ $1$POLLARD_ATTEMPT != z2 ] || exit 3\n')
    t.run(*RESUME)
    t.equal(t.read("asked"), "asked\nasked\n")
    t.equal(set(finals(t).values()), {"succeeded"})


# Stopped in order.

def interrupted_pause(t, options, names, *, sig=signal.SIGTERM):
    """Bad tasks fail, and the signal comes in the pause before their retry; twice: of the run, and of its resume."""
    prepare(t, *names)
    bad = [n for n in names if n.startswith("bad")]
    p = t.start(*RUN, "-r", "1", *options, "-f", "list")
    t.wait_event("recovery-started")
    if len(bad) > 1:
        t.wait_event("verdict")
    kill(t, p, sig=sig)
    t.equal({n: finals(t)[n] for n in bad}, {n: "failed" for n in bad})
    size = len(t.journal())
    p = t.start(*RESUME)
    t.wait_for(lambda: any(r["event"] == "resumed" for r in t.journal(partial=True)[size:]), "the resume")
    kill(t, p, sig=sig)
    t.equal(starts(t), {n: 1 for n in names})
    t.equal([r["task"] for r in t.events("task-finished") if r.get("called_off")], bad * 2)
    t.write("mended", "")
    t.run(*RESUME)
    t.equal(starts(t), {n: 1 + (n in bad) for n in names})
    t.equal(finals(t), {n: "succeeded" for n in names})
    t.equal(len(t.events("verdict")), len(bad) > 1)
    # nothing is left that could be taken up
    t.contains(t.run("pollard", "resume").err, "nothing of it is left to do")


def test_interrupted_pause(t):
    """a signal in the pause before a retry, twice: resume makes the retry (level 1)"""
    interrupted_pause(t, (), ("a", "bad"))


def test_interrupted_pause_2(t):
    """the same at level 2: the verdict stands"""
    interrupted_pause(t, (), ("a", "bad1", "bad2"), sig=signal.SIGINT)


def test_interrupted_pause_3(t):
    """the same at level 3"""
    interrupted_pause(t, (), ("bad1", "bad2"))


def test_interrupted_beside(t):
    """a signal when a task has failed and another still runs: resume runs the one again and retries the other"""
    for options in ((), ("--fail-fast",)):
        for name in ("log", "gate", "mended", "began.slow"):
            if os.path.exists(t.path(name)):
                os.unlink(t.path(name))
        prepare(t, "bad", "slow")
        p = t.start(*RUN, "-r", "1", *options, "-f", "list")
        begun(t, "slow")
        t.wait_for(lambda: any(r["event"] == "attempt-finished" for r in t.journal(partial=True)), "the failure")
        kill(t, p, sig=signal.SIGTERM)
        t.equal(finals(t), {"bad": "failed", "slow": "cancelled"})
        t.write("mended", "")
        t.write("gate", "")
        t.run(*RESUME)
        t.equal(starts(t), {"bad": 2, "slow": 2})
        t.equal(finals(t), {"bad": "succeeded", "slow": "succeeded"})
        shutil.rmtree(os.path.dirname(t.run_dir()))


def test_interrupted_cancelled_twice(t):
    """interrupted, and again before the task has started once more: it is cancelled as before, and not a failure"""
    prepare(t, "slow1", "slow2")
    p = t.start(*RUN, "-j", "2", "-f", "list")
    begun(t, "slow1")
    begun(t, "slow2")
    kill(t, p, sig=signal.SIGTERM)
    os.unlink(t.path("began.slow1"))
    p = t.start(*RESUME, "-j", "1")
    begun(t, "slow1")
    kill(t, p, sig=signal.SIGTERM)
    t.equal(starts(t), {"slow1": 2, "slow2": 1})
    t.equal(finals(t), {"slow1": "cancelled", "slow2": "cancelled"})


def test_deadline_pause(t):
    """--deadline in the pause before a retry: resume makes it; when retries are used up, nothing is left to do"""
    prepare(t, "a", "bad")
    t.run(*RUN, "-r", "1", "--deadline", "0.4s", "-f", "list", status=4)
    t.run(*RESUME, "--deadline", "0", status=1)
    t.equal(starts(t), {"a": 1, "bad": 2})
    t.write("mended", "")
    t.contains(t.run("pollard", "resume", status=1).err, "nothing of it is left to do")
    t.equal(starts(t), {"a": 1, "bad": 2})


def test_budget_pause(t):
    """a budget that is used up beside a failure: resume retries it with a greater one"""
    t.write(".pollard/agents/worker.md", "---\nname: worker\ncommand: sh task.sh {task}\ntokens: 100\n---\nx\n")
    t.write("task.sh", TASK)
    t.write("list", "".join(json.dumps({"id": n, "agent": "worker", "prompt": "x"}) + "\n" for n in ("a", "bad")))
    t.run(*RUN, "-r", "1", "-j", "1", "--budget-tokens", "200", "-f", "list", status=4)
    t.equal(starts(t), {"a": 1, "bad": 1})
    t.write("mended", "")
    t.run(*RESUME, "--budget-tokens", "1000")
    t.equal(starts(t), {"a": 1, "bad": 2})


def test_workflow_pause(t):
    """a signal in the pause before a retry of a workflow: resume makes it, and the next step follows"""
    prepare(t)
    t.write("w.json", steps({"id": "one", "retries": 1, "tasks": [json.loads(item("bad"))]},
                            {"id": "two", "tasks": [json.loads(item("b"))]}))
    p = t.start(*RUN, "-f", "w.json")
    t.wait_event("recovery-started")
    kill(t, p, sig=signal.SIGTERM)
    t.equal(finals(t), {"bad": "failed", "b": "cancelled"})
    t.write("mended", "")
    t.run(*RESUME)
    t.equal(log(t), ["bad 1", "bad 2", "b 1"])
    t.contains(t.read(os.path.join(t.run_dir(), "STATE.md")), "2 of 2 succeeded")
    t.equal(t.run("pollard", "failed").out, "")


def test_interrupted(t):
    """after SIGINT the cancelled tasks run, started or not"""
    prepare(t, "a", "slow", "b")
    p = t.start(*RUN, "-j", "1", "-f", "list")
    begun(t, "slow")
    kill(t, p, sig=signal.SIGINT)
    t.equal(finals(t), {"a": "succeeded", "slow": "cancelled", "b": "cancelled"})
    t.write("gate", "")
    t.run(*RESUME)
    t.equal(log(t), ["a 1", "slow 1", "slow 2", "b 1"])
    t.equal(set(finals(t).values()), {"succeeded"})


def test_deadline(t):
    """after --deadline what it cut off runs"""
    prepare(t, "a", "slow", "b")
    t.run(*RUN, "-j", "1", "--deadline", "0.5s", "-f", "list", status=4)
    t.write("gate", "")
    t.run(*RESUME, "--deadline", "0")
    t.equal(starts(t), {"a": 1, "slow": 2, "b": 1})


def test_budget(t):
    """after a budget what it left out runs, with a greater one"""
    t.write(".pollard/agents/worker.md", "---\nname: worker\ncommand: sh task.sh {task}\ntokens: 100\n---\nx\n")
    t.write("task.sh", TASK)
    t.run(*RUN, "--agent", "worker", "-j", "1", "--budget-tokens", "150", input="a\nb\nc\n", status=4)
    t.equal(starts(t), {"1": 1})
    t.run(*RESUME, "--budget-tokens", "1000")
    t.equal(starts(t), {"1": 1, "2": 1, "3": 1})


SPENDER = "---\nname: %s\ncommand: sh %s\ntokens: 100\n---\nx\n"


def test_step_budget(t):
    """kill -9 in a step with a limit of its own: what it had used counts"""
    t.write(".pollard/agents/worker.md", SPENDER % ("worker", "task.sh {task}"))
    t.write("task.sh", TASK)
    t.write("w.json", steps({"id": "one", "jobs": 1, "limits": {"tokens": 250},
                             "tasks": [{"id": n, "agent": "worker", "prompt": "x"} for n in ("a", "slow", "c", "d")]}))
    p = t.start(*RUN, "-f", "w.json")
    begun(t, "slow")
    kill(t, p)
    t.write("gate", "")
    t.run(*RESUME, status=4)
    t.equal(finals(t), {"a": "succeeded", "slow": "succeeded", "c": "skipped", "d": "skipped"})


def spent_before(t, first, **more):
    """A workflow whose first step is that, killed in the second one; the agent of the third has no tokens left."""
    t.write(".pollard/agents/worker.md", SPENDER % ("worker", "task.sh {task}"))
    t.write(".pollard/agents/joiner.md", SPENDER % ("joiner", "join.sh"))
    t.write("join.sh", more.get("join", "cat >/dev/null; echo joined\n"))
    t.write("task.sh", TASK)
    t.write("w.json", json.dumps({"version": 1, "limits": {"tokens": 150}, "steps": [
        first, {"id": "two", "tasks": [json.loads(item("slow"))]},
        {"id": "three", "tasks": [{"id": "last", "agent": "worker", "prompt": "x"}]}]}))
    p = t.start(*RUN, "--require", "partial", "-f", "w.json")
    begun(t, "slow")
    kill(t, p)
    t.write("gate", "")
    p = t.run(*RESUME, "--require", "all", "-o", "json", status=4)
    t.equal(finals(t)["last"], "skipped")
    t.equal(finals(t)["slow"], "succeeded")


def test_merge_budget(t):
    """kill -9 after a merge by an agent: what that had used counts"""
    spent_before(t, {"id": "one", "merge": {"agent": "joiner"}, "tasks": [json.loads(item("a")), json.loads(item("b"))]})


def test_debugger_budget(t):
    """kill -9 after a debugger was asked: what that had used counts"""
    verdict = {"relation": "related", "cause": "oil", "groups": [], "strategy": "stop", "fix": None, "retry": [],
               "escalate": False}
    spent_before(t, {"id": "one", "debugger": "joiner",
                     "tasks": [json.loads(item(n)) for n in ("a", "bad1", "bad2")]},
                 join=f"cat >/dev/null\necho '{json.dumps(verdict)}'\n")


# --retry-failed, and finished runs.

def test_retry_failed(t):
    """--retry-failed: fresh retries, what was skipped for it runs, and so do the steps that it had stopped"""
    t.write("task.sh", TASK)
    t.write("w.json", steps(
        {"id": "one", "require": "all", "tasks": [json.loads(item("bad")), json.loads(item("a")),
                                                  json.loads(item("after", needs=["bad"]))]},
        {"id": "two", "tasks": [json.loads(item("b"))]}))
    t.run(*RUN, "-f", "w.json", status=3)
    t.equal(finals(t), {"a": "succeeded", "bad": "failed", "after": "skipped", "b": "skipped"})
    t.write("mended", "")
    t.run(*RESUME, "--retry-failed")
    t.equal(starts(t), {"bad": 2, "a": 1, "after": 1, "b": 1})
    t.equal(set(finals(t).values()), {"succeeded"})
    t.equal(t.run("pollard", "failed").out, "")


def test_finished(t):
    """a finished run: its own status, and no record more"""
    prepare(t, "a", "bad")
    t.run(*RUN, "-f", "list", status=1)
    before = journal_bytes(t)
    p = t.run(*RESUME, status=1)
    t.contains(p.err, "has ended")
    t.equal(p.out, "")
    t.equal(journal_bytes(t), before)


def summary_of(text):
    """The last block of standard error, from the line that begins it."""
    return text[re.search(r"^pollard: .*(?:ALL|PARTIAL|NONE) \d+/\d+", text, re.M).start():]


def test_finished_summary(t):
    """a finished run says the same as at its end: failures, causes, what to decide"""
    t.write(".pollard/agents/worker.md", AGENT % ("worker", "task.sh {task}"))
    t.write("task.sh", TASK)
    t.write("w.json", steps(
        {"id": "one", "tasks": [json.loads(item("a"))]},
        {"id": "two", "require": "all", "tasks": [json.loads(item("bad2")), json.loads(item("bad1")),
                                                  {"id": "a", "agent": "worker", "prompt": "x"}]},
        {"id": "three", "tasks": [json.loads(item("b"))]}))
    p = t.run(*RUN, "-r", "0", "-f", "w.json", "-o", "json", status=3)
    before = journal_bytes(t)
    os.unlink(os.path.join(t.run_dir(), "ESCALATION.md"))
    os.unlink(t.path(".pollard/agents/worker.md"))
    again = t.run(*RESUME, status=3)
    t.contains(summary_of(p.err), "cause: ")
    t.contains(summary_of(p.err), "what to decide: ")
    t.equal(summary_of(again.err), summary_of(p.err))
    t.equal(again.out, p.out.splitlines(keepends=True)[-1])
    t.equal(t.run(*RESUME, "-o", "text", status=3).out, "")
    t.equal(t.run(*RESUME, "-o", "none", status=3).out, "")
    t.check(os.path.exists(os.path.join(t.run_dir(), "ESCALATION.md")), "it was not made again")
    t.equal(journal_bytes(t), before)
    t.equal(starts(t), {"a": 2, "bad1": 1, "bad2": 1})


def test_finished_well(t):
    """a finished run in which all went well: its merged result again, and how long it took"""
    prepare(t, "a", "b")
    out = t.run(*RUN, "-f", "list", "-o", "merged").out
    t.contains(out, "done with b")
    p = t.run("pollard", "resume", "--progress", "plain", "--retry-failed")
    t.equal(p.out, out)
    t.contains(p.err, "2 of 2 succeeded in ")
    t.equal(t.run("pollard", "resume", "--cron").err, "")
    t.equal(starts(t), {"a": 1, "b": 1})


def test_finished_unmerged(t):
    """-o merged of a finished run that merged nothing says so; a reader that goes away ends it as it does a run"""
    prepare(t, "a")
    t.run(*RUN, "-f", "list")
    t.contains(t.run(*RESUME, "-o", "merged").err, "no merged result")
    p = t.start("sh", "-c", "(pollard resume --progress none -o json; echo $? >status) | true")
    p.expect(0)
    t.wait_for(lambda: os.path.exists(t.path("status")) and t.read("status"), "its end")
    t.check(t.read("status") in ("0\n", "141\n"), t.read("status"))


def test_options(t):
    """options of resume go over those of the run"""
    prepare(t, "a", "slow", "bad")
    p = t.start(*RUN, "-f", "list")
    begun(t, "slow")
    kill(t, p)
    t.write("gate", "")
    p = t.run(*RESUME, "-o", "json", "-j", "1", "--require", "partial")
    summary = json.loads(p.out.splitlines()[-1])
    t.equal((summary["outcome"], summary["succeeded"], summary["failed"]), ("partial", 2, 1))


# Who else is there.

def test_going_on(t):
    """a run that is still going on: 75, and it goes on unharmed"""
    prepare(t, "slow")
    p = t.start(*RUN, "-f", "list")
    begun(t, "slow")
    t.contains(t.run(*RESUME, os.path.basename(t.run_dir()), status=75).err, "is still going on")
    t.write("gate", "")
    p.expect(0)
    t.equal(log(t), ["slow 1"])


def test_living_worker(t):
    """a worker of a killed supervisor that still lives is waited for: nothing starts before it is gone"""
    prepare(t, "slow")
    p = t.start(*RUN, "-f", "list")
    begun(t, "slow")
    kill(t, p)
    t.write("gate", "")
    # as a worker holds it
    fd = os.open(os.path.join(t.run_dir(), "lease"), os.O_RDWR)
    try:
        fcntl.flock(fd, fcntl.LOCK_EX)
        p = t.start(*RESUME)
        t.wait_for(lambda: harness.holds(p.pid, "/lease"), "the lease to be looked at")
        t.equal(p.status, None)
        t.equal(log(t), ["slow 1"])
    finally:
        os.close(fd)
    p.expect(0)
    t.equal(log(t), ["slow 1", "slow 2"])


def test_leftovers(t):
    """a process of the run that got away is ended before anything starts"""
    t.write("task.sh", "echo x >>log\n[ ! -e gate ] || { kill -0 $(cat daemon) 2>/dev/null && echo alive >>log; exit 0; }\n"
            "setsid sh -c 'echo $$ >daemon.new; mv daemon.new daemon; exec sleep 1000' &\n"
            "while :; do sleep 0.01; done\n")
    t.write("list", item("a"))
    p = t.start(*RUN, "-f", "list")
    t.wait_file("daemon")
    p.kill(signal.SIGKILL)
    p.expect(-9)
    t.write("gate", "")
    t.run(*RESUME)
    t.equal(log(t), ["x", "x"])


# The journal.

def interrupted_list(t):
    prepare(t, "a", "slow", "b")
    p = t.start(*RUN, "-f", "list")
    begun(t, "slow")
    done(t, "a", "b")
    kill(t, p)
    t.write("gate", "")


def test_torn(t):
    """a torn tail is cut off, and the run goes on"""
    interrupted_list(t)
    put_journal(t, journal_bytes(t) + b'{"v":1,"seq":99,"ti')
    t.run(*RESUME)
    t.equal(starts(t), {"a": 1, "slow": 2, "b": 1})
    t.check([r["seq"] for r in t.journal()] == list(range(1, len(t.journal()) + 1)), "numbers with gaps")


def test_damage(t):
    """damage in the middle is refused with its line; --repair sets that line aside"""
    interrupted_list(t)
    lines = journal_bytes(t).splitlines(keepends=True)
    at = next(i for i, line in enumerate(lines) if b'"attempt-started"' in line and b'"task":"slow"' in line)
    lines[at] = lines[at].replace(b'"attempt":1', b'"attempt":7')
    put_journal(t, b"".join(lines))
    p = t.run(*RESUME, status=74)
    t.contains(p.err, f"journal.jsonl:{at + 1}: damaged record")
    t.equal(journal_bytes(t), b"".join(lines))
    t.contains(t.run(*RESUME, "--repair").err, "set aside 1 line")
    t.equal({name: n for name, n in starts(t).items() if name != "slow"}, {"a": 1, "b": 1})


def test_newer(t):
    """a newer version's journal is refused, and left alone"""
    interrupted_list(t)
    lines = journal_bytes(t).splitlines(keepends=True)
    lines[-1] = harness.sealed(lines[-1][:-19].replace(b'{"v":1,', b'{"v":2,')) + b"\n"
    put_journal(t, b"".join(lines))
    t.contains(t.run(*RESUME, status=74).err, "newer version")
    t.equal(journal_bytes(t), b"".join(lines))


# Streams.

def test_stream_cut(t):
    """a stream that was cut: what was read is finished, the record is named, and it is never 0"""
    prepare(t)
    p = t.start(*RUN, "--stream", "--", "sh", "task.sh", stdin="pipe")
    p.write("a\nslow\n")
    begun(t, "slow")
    done(t, "1")
    kill(t, p)
    p.close_stdin()
    t.write("gate", "")
    t.contains(t.run(*RESUME, status=1).err, "cut after record 2")
    t.equal(starts(t), {"a": 1, "slow": 2})
    t.run(*RESUME, status=1)


def test_stream_interrupted(t):
    """a stream that was cut by a signal while no task ran is no success either"""
    prepare(t)
    p = t.start(*RUN, "--stream", "--", "sh", "task.sh", stdin="pipe")
    p.write("a\n")
    done(t, "1")
    kill(t, p, sig=signal.SIGINT)
    p.close_stdin()
    t.contains(t.run(*RESUME, status=1).err, "cut after record 1")


# Where.

def test_directory(t):
    """from another directory the run's own is used; one that is gone is named"""
    prepare(t, "a", "bad")
    t.run(*RUN, "-f", "list", status=1)
    elsewhere = os.path.join(t.base, "elsewhere")
    os.mkdir(elsewhere)
    t.run(*RESUME, "--retry-failed", status=1, cwd=elsewhere)
    t.equal(log(t).count("bad 2"), 1)
    os.rename(t.dir, t.dir + ".gone")
    p = t.run(*RESUME, "--retry-failed", status=66, cwd=elsewhere)
    os.rename(t.dir + ".gone", t.dir)
    t.contains(p.err, f"cannot change to '{t.dir}'")


def test_which(t):
    """RUN by a prefix; an unknown one and no run at all are 66"""
    t.contains(t.run(*RESUME, status=66).err, "no run")
    prepare(t, "bad")
    t.run(*RUN, "-f", "list", status=2)
    t.run(*RESUME, os.path.basename(t.run_dir())[:12], status=2)
    t.contains(t.run(*RESUME, "1999", status=66).err, "1999")


def test_agent_gone(t):
    """an agent that is gone: said, and nothing is started"""
    t.write(".pollard/agents/worker.md", AGENT % ("worker", "task.sh slow"))
    t.write("task.sh", TASK)
    t.write("list", '{"id":"a","agent":"worker","prompt":"x"}\n')
    p = t.start(*RUN, "-f", "list")
    begun(t, "slow")
    kill(t, p)
    os.unlink(t.path(".pollard/agents/worker.md"))
    before = journal_bytes(t)
    t.contains(t.run(*RESUME, status=65).err, "'worker'")
    t.equal(journal_bytes(t), before)


# An edited list.

def test_edited(t):
    """run --resume: unchanged ones stay, changed and new ones run with what needs them, removed ones are history"""
    t.write("task.sh", TASK)
    again = [*RUN, "--resume", "-f", "list"]
    t.write("list", item("a") + item("bad") + item("b", needs=["bad"]) + item("gone"))
    t.run(*again, status=1)
    t.equal(len(t.runs()), 1)
    t.write("list", item("a") + json.dumps({"id": "bad", "run": ["sh", "-c", "echo mended $POLLARD_ATTEMPT >>log"]}) +
            "\n" + item("b", needs=["bad"]) + item("new"))
    t.run(*again)
    t.equal(len(t.runs()), 1)
    t.equal(starts(t), {"a": 1, "bad": 1, "gone": 1, "mended": 1, "b": 1, "new": 1})
    t.check("mended 2" in log(t), "the attempts of a changed task are not numbered on")
    t.equal([r["task"] for r in t.events("task-removed")], ["gone"])
    t.run(*again)
    t.equal(len(log(t)), 6)


def test_edited_to_nothing(t):
    """run --resume of a list that was emptied or is wrong leaves the run as it is"""
    prepare(t, "a")
    t.run(*RUN, "-f", "list")
    before = journal_bytes(t)
    t.write("list", "")
    t.contains(t.run(*RUN, "--resume", "-f", "list").err, "0 tasks")
    t.write("list", '{"id":"a","rum":1}\n')
    t.run(*RUN, "--resume", "-f", "list", status=65)
    t.equal(journal_bytes(t), before)


def test_edited_numbers(t):
    """kill -9 of an edited run: an id that is a number stays that task's, and what was done is not done again"""
    t.write("task.sh", TASK)
    t.write("list", item("a"))
    t.run(*RUN, "-f", "list")
    t.write("list", json.dumps({"run": ["sh", "task.sh", "first"]}) + "\n" + item("a") + item("slow"))
    p = t.start(*RUN, "--resume", "-f", "list")
    begun(t, "slow")
    done(t, "1")
    kill(t, p)
    t.write("gate", "")
    t.run(*RESUME)
    t.equal(starts(t), {"a": 1, "first": 1, "slow": 2})


def test_repaired_numbers(t):
    """--repair that sets a task aside: the others keep their numbers, and none that is done runs again"""
    prepare(t)
    t.run(*RUN, "-j", "1", "--", "sh", "task.sh", input="a\nb\nbad\n", status=1)
    lines = journal_bytes(t).splitlines(keepends=True)
    lines[1] = lines[1].replace(b'"number":1', b'"number":9')
    put_journal(t, b"".join(lines))
    t.write("mended", "")
    t.run(*RESUME, "--repair", "--retry-failed")
    t.equal(starts(t), {"a": 1, "b": 1, "bad": 2})


def test_edited_order(t):
    """kill -9 of an edited run: the order, and the options, are those of the edited list"""
    t.write("task.sh", TASK)
    t.write("list", item("a") + item("b") + item("gone"))
    t.run(*RUN, "-f", "list")
    t.write("list", item("new") + item("b") + item("slow") + item("a"))
    p = t.start(*RUN, "--resume", "-o", "merged", "-j", "2", "-f", "list")
    begun(t, "slow")
    done(t, "new")
    kill(t, p)
    t.write("gate", "")
    p = t.run(*RESUME)
    t.equal(re.findall(r"done with (\w+)", p.out), ["new", "b", "slow", "a"])
    t.equal(starts(t), {"a": 1, "b": 1, "gone": 1, "new": 1, "slow": 2})
    t.equal(t.run(*RESUME).out, p.out)


def test_edited_workflow(t):
    """kill -9 of an edited workflow: it goes on as it was edited, and tasks of a foreach that are the same stay"""
    t.write("task.sh", TASK)
    ones = [
        {"id": "plan", "tasks": [{"id": "p", "run": ["sh", "-c", "echo '{\"items\":[{\"id\":\"a\"}]}' "
                                                                ">&$POLLARD_RESULT_FD"]}]},
        {"id": "work", "foreach": {"in": "steps.plan.tasks.p.result.items", "as": "item"},
         "task": {"id": "${{ item.id }}", "run": ["sh", "-c", 'sh task.sh "$POLLARD_TASK"']}}]
    t.write("w.json", steps(*ones))
    t.run(*RUN, "-f", "w.json")
    ones += [{"id": "more", "tasks": [json.loads(item("slow"))]}]
    t.write("w.json", steps(*ones))
    p = t.start(*RUN, "--resume", "-f", "w.json")
    begun(t, "slow")
    kill(t, p)
    t.write("gate", "")
    t.run(*RESUME)
    t.equal(starts(t), {"a": 1, "slow": 2})
    t.equal(t.events("task-removed"), [])
