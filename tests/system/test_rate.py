"""Clients whose service limits them: a simulated service, and a client as small as one can be in
the place of codex. tests/rate-all makes the longer measurements."""

import datetime
import json
import os
import shutil
import time

from rate_service import Service, too_many


def _service(t, **limits):
    """A fresh service, and the client that asks it."""
    if not os.path.exists(t.path("bin/codex")):
        client = shutil.which("client", path=t.env["PATH"])
        t.check(client, "tests/helpers/client.c is not built")
        os.makedirs(t.path("bin"))
        os.symlink(client, t.path("bin/codex"))
        t.write(".pollard/agents/w.md", "---\nname: w\n---\nWork.\n")
        t.env["PATH"] = t.path("bin") + ":" + t.env["PATH"]
    socket = os.path.join(t.base, f"service.{len(t.started)}")
    t.env["RATE_SERVICE"] = socket
    return Service(socket, **limits)


def _tasks(count):
    return "".join(f"w: task {i}\n" for i in range(1, count + 1))


ARGS = ("pollard", "run", "--backend", "codex", "--min-free-memory", "0", "--progress", "plain")


def _run(t, *options, tasks, status=0, limit=60):
    """(result objects by task, summary, standard error)"""
    run = t.run(*ARGS, "-o", "json", *options, input=_tasks(tasks), status=status, limit=limit)
    *results, summary = [json.loads(line) for line in run.out.splitlines()]
    return {r["task"]: r for r in results}, summary, run.err


def _no(text):
    return "no " + text


def test_three_first(t):
    """a backend begins with three at a time, whatever -j is, and one more with each good end"""
    with _service(t, ms=(0, 0), waits=True) as s:
        run = t.start(*ARGS, "-j", "5", "-o", "none", input=_tasks(9))
        for ended, width in enumerate((3, 4, 5, 5)):
            t.wait_for(lambda: len(s.log) == ended and s.waiting == width, f"{width} at a time",
                       limit=t.limit)
            # more would be there about as soon
            time.sleep(0.1)
            t.equal(s.waiting, width, "at a time")
            s.let_go(1)
        s.let_go(None)
        run.expect(0)


def test_requeued(t):
    """a refused task goes back to its queue: no retry is used, no prompt is refined, none is lost"""
    def script(prompt, before):
        if prompt.endswith("task 2") and before < 3:
            return _no(too_many(0.05))
        return "ok 10 fine"

    with _service(t, script=script) as s:
        results, summary, err = _run(t, "-j", "4", "-r", "0", tasks=6)
    t.equal(summary["outcome"], "all", "outcome")
    t.equal(results["2"]["attempts"], 4, "attempts")
    t.equal(sum(prompt == "task 2" for _, prompt, _ in s.log), 4, "requests with the plain prompt")
    t.equal(len(s.log), 9, "requests")
    forgiven = [e for e in t.events("attempt-finished") if e.get("forgiven")]
    t.equal([(e["task"], e["reason"], e["attempt"]) for e in forgiven],
            [("2", "rate-limit", 1), ("2", "rate-limit", 2), ("2", "rate-limit", 3)], "forgiven")
    t.matches(err, r"codex: the limit of its service was met: 1 at a time", "standard error")


def test_hint_is_kept(t):
    """nothing of the backend starts before the time that its service has named; commands do"""
    first = []

    def script(prompt, before):
        if not first:
            first.append(time.monotonic())
            return _no(too_many(2))
        return "ok 10 fine"

    with _service(t, script=script) as s:
        lines = [{"id": "a", "agent": "w", "prompt": "first"}]
        lines += [{"id": f"c{i}", "run": ["sleep", "0.1"]} for i in range(4)]
        lines += [{"id": "b", "agent": "w", "prompt": "second"}]
        run = t.run(*ARGS, "-j", "1", "-o", "none",
                    input="".join(json.dumps(o) + "\n" for o in lines))
        times = [at for at, _, _ in s.log]
    t.check(times[1] - times[0] >= 1.95, f"asked again after {times[1] - times[0]:.2f} s")
    t.equal(t.events("task-finished")[0]["task"], "c0", "what ran meanwhile")
    t.contains(run.err, "6 of 6 succeeded", "standard error")


def test_ceiling(t):
    """a service that always refuses ends the task in the end, and the run with it"""
    with _service(t, script=lambda prompt, before: _no(too_many(0.001))) as s:
        # a pause without a good end doubles, and twenty of them would be long
        run = t.start(*ARGS, "-o", "json", "-r", "0", "--debugger", "none", "--deadline", "3s",
                      input=_tasks(1))
        run.expect(4)
        asked = len(s.log)
    t.check(2 <= asked <= 21, f"asked {asked} times in three seconds")
    summary = json.loads(run.out.splitlines()[-1])
    t.equal((summary["failed"], summary["skipped"]), (0, 1), "failed, skipped")


def test_no_adapt(t):
    """with --no-adapt a refusal is a failure like any other, and counts"""
    with _service(t, script=lambda prompt, before: _no(too_many(0.01))) as s:
        results, summary, err = _run(t, "--no-adapt", "-j", "4", "-r", "0", "--debugger", "none",
                                     tasks=4, status=2)
        t.equal(len(s.log), 4, "requests")
    t.equal({r["reason"] for r in results.values()}, {"rate-limit"}, "reasons")
    t.equal([e for e in t.events("attempt-finished") if e.get("forgiven")], [], "forgiven ones")


def test_live_pressure(t):
    """what a client tells while it goes on by itself holds the others back"""
    def script(prompt, before):
        if prompt.endswith("task 1") and before == 0:
            return "retry 700 429 Too Many Requests, please try again in 0.6s"
        return "ok 100 fine"

    with _service(t, script=script) as s:
        results, summary, err = _run(t, "-j", "8", tasks=9)
    t.equal(summary["outcome"], "all", "outcome")
    t.contains(err, "the limit of its service was met: 1 at a time", "standard error")
    t.equal(results["1"]["attempts"], 1, "attempts of the one that went on")


def test_auth_stops_the_backend(t):
    """after an authentication failure nothing more of that backend starts; others go on"""
    with _service(t, script=lambda prompt, before: _no("401 Unauthorized: invalid api key")) as s:
        lines = [{"id": f"a{i}", "agent": "w", "prompt": "x"} for i in range(6)]
        lines += [{"id": "c", "run": ["echo", "here"]}]
        run = t.run(*ARGS, "-j", "1", "-o", "json", status=None,
                    input="".join(json.dumps(o) + "\n" for o in lines))
        t.equal(len(s.log), 1, "requests")
    results = {r["task"]: r for r in map(json.loads, run.out.splitlines()) if "task" in r}
    t.equal(results["c"]["status"], "succeeded", "the command")
    t.equal({results[f"a{i}"]["reason"] for i in range(6)}, {"auth"}, "reasons")
    t.equal(results["a5"]["attempts"], 0, "attempts of the last one")
    t.contains(run.err, "codex: authentication failed: nothing more of it is started", "progress")
    t.check(run.status in (1, 3), f"status {run.status}")


def _lines(*objects):
    return "".join(json.dumps(o) + "\n" for o in objects)


def test_auth_and_the_debugger(t):
    """a backend whose authentication has failed is not asked by a debugger: the built-in one is, at once"""
    with _service(t, script=lambda prompt, before: _no("401 Unauthorized: invalid api key")) as s:
        run = t.run(*ARGS, "-j", "1", "-o", "none", "-r", "1", "--debugger", "w", status=None,
                    input=_lines({"agent": "w", "prompt": "x"}, {"run": ["false"]},
                                 {"run": ["false"]}, {"run": ["true"]}))
        t.equal(len(s.log), 1, "requests")
    t.equal(run.err.count("the w debugger is not asked: authentication with codex failed\n"), 1,
            "lines that say so")
    t.contains(run.err, "asking the built-in debugger", "standard error")


def test_auth_of_the_debugger(t):
    """what a debugger finds out about its backend holds for the tasks of later steps too"""
    t.write("w.yaml", """
version: 1
steps:
  - id: one
    tasks: [{run: ["false"]}, {run: ["false"]}, {run: ["true"]}]
  - id: two
    tasks: [{agent: w, prompt: x}]
""")
    with _service(t, script=lambda prompt, before: _no("401 Unauthorized: invalid api key")) as s:
        run = t.run(*ARGS, "-j", "1", "-o", "none", "--debugger", "w", "-f", "w.yaml",
                    status=3)
        t.equal(len(s.log), 1, "requests")
    t.contains(run.err, "codex: authentication failed: nothing more of it is started", "progress")
    t.equal(run.err.count("asking the built-in debugger"), 2, "times that the other one was asked")
    t.contains(run.err, "not started: authentication with codex failed", "standard error")


def test_debugger_waits(t):
    """a debugger is not asked before the time that its service has named"""
    t.write("w.yaml", """
version: 1
steps:
  - id: one
    tasks: [{run: ["false"]}, {run: ["false"]}, {run: ["true"]}]
  - id: two
    tasks: [{run: ["false"]}, {run: ["false"]}, {run: ["true"]}]
""")
    with _service(t, script=lambda prompt, before: _no(too_many(1.5))) as s:
        run = t.run(*ARGS, "-o", "none", "--debugger", "w", "-f", "w.yaml", status=1)
        times = [at for at, _, _ in s.log]
    t.equal(len(times), 2, "times that it was asked")
    t.check(times[1] - times[0] >= 1.45, f"asked again after {times[1] - times[0]:.2f} s")
    t.equal(run.err.count("asking the built-in debugger"), 2, "times that the other one was asked")


def test_merging_waits(t):
    """an agent that merges is asked again only when its service lets it, and not at all without a key"""
    first = []

    def script(prompt, before):
        if prompt.startswith("task "):
            return "ok 0 fine"
        first.append(prompt)
        return _no(too_many(1.2)) if len(first) == 1 else "ok 0 all of it"

    with _service(t, script=script) as s:
        run = t.run(*ARGS, "-m", "w", "-o", "merged", "-r", "1", input=_tasks(2))
        times = [at for at, prompt, _ in s.log if not prompt.startswith("task ")]
    t.equal(len(times), 2, "times that it was asked")
    t.check(times[1] - times[0] >= 1.15, f"asked again after {times[1] - times[0]:.2f} s")
    t.contains(run.out, "all of it", "standard output")

    def refuse(prompt, before):
        return "ok 0 fine" if prompt == "task 1" else _no("401 Unauthorized: invalid api key")

    with _service(t, script=refuse) as s:
        run = t.run(*ARGS, "-j", "1", "-m", "w", "-o", "merged", "--debugger", "none", status=None,
                    input=_tasks(2))
        t.equal([prompt for _, prompt, _ in s.log], ["task 1", "task 2"], "requests")
    t.contains(run.err, "w is not asked to merge the results: authentication with codex failed",
               "standard error")


def test_quota_without_a_time(t):
    """a quota that nobody knows the end of stops the backend too"""
    text = "Quota exceeded. Check your plan and billing details. insufficient_quota"
    with _service(t, script=lambda prompt, before: _no(text)) as s:
        results, summary, err = _run(t, "-j", "1", "--debugger", "none", tasks=3, status=2)
        t.equal(len(s.log), 1, "requests")
    t.equal({r["reason"] for r in results.values()}, {"quota"}, "reasons")
    event = [e for e in t.events("task-finished") if e["task"] == "3"][0]
    t.equal(event["error"], "not started: the quota of codex is used up", "error")


def _resets(seconds):
    at = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(seconds=seconds)
    return f"You've hit your usage limit. Try again at {at:%b} {at.day}, {at:%Y} {at:%H:%M} UTC."


def test_quota_after_the_deadline(t):
    """a quota that comes back too late: what is left is skipped, status 4, and resume goes on"""
    refuse = [True]

    def script(prompt, before):
        return _no(_resets(7200)) if refuse and refuse[0] else "ok 5 fine"

    with _service(t, script=script) as s:
        results, summary, err = _run(t, "-j", "1", "--deadline", "1h", tasks=4, status=4)
        t.contains(err, "NONE 0/4, cut short by a quota that comes back after the deadline")
        t.equal(len(s.log), 1, "requests")
        t.equal({(r["status"], r["reason"]) for r in results.values()}, {("skipped", "deadline")},
                "ends")
        t.matches(err, r"codex: the quota is used up until \d{4}-\d\d-\d\d \d\d:\d\d UTC, and the "
                  "deadline is before that", "progress")
        refuse[0] = False
        t.run("pollard", "resume", "--progress", "none", "-o", "none")
    t.equal(len([e for e in t.events("task-finished") if e["status"] == "succeeded"]), 4,
            "succeeded in the end")


def test_resume_forgives(t):
    """attempts that did not count do not count after a resume either"""
    def script(prompt, before):
        return _no(too_many(20)) if prompt == "task 1" and before == 0 else "ok 5 fine"

    with _service(t, script=script):
        run = t.start(*ARGS, "-j", "1", "-r", "0", input=_tasks(2))
        t.wait_event("attempt-finished")
        run.kill(9)
        run.wait()
        t.run("pollard", "resume", "-o", "none", "--progress", "none")
    ends = {e["task"]: (e["status"], e["attempts"]) for e in t.events("task-finished")}
    t.equal(ends["1"], ("succeeded", 2), "the refused one")


def test_memory_gate(t):
    """with too little memory free agents start one at a time, and a line says why"""
    with _service(t, ms=(100, 100)) as s:
        run = t.run("pollard", "run", "--backend", "codex", "--progress", "plain", "-o", "none",
                    "-j", "3", "--min-free-memory", "100%", input=_tasks(3))
        times = [at for at, _, _ in s.log]
    t.equal(run.err.count("less than '--min-free-memory' asks for"), 1, "lines that say so")
    t.check(all(b - a >= 0.1 for a, b in zip(times, times[1:])), f"side by side: {times}")
    t.contains(run.err, "3 of 3 succeeded", "standard error")


def _measure(t, options, tasks, limits):
    """(tasks a second, part of the requests that was refused, the summary)"""
    with _service(t, **limits) as s:
        begin = time.monotonic()
        _, summary, _ = _run(t, *options, tasks=tasks, status=None, limit=600)
        took = time.monotonic() - begin
        return summary["succeeded"] / took, s.refused / max(1, s.asked), summary


def compare(t, tasks, limits):
    """Adapting against fixed numbers of slots, one after another, at one service."""
    rate, refused, summary = _measure(t, ("-j", "16"), tasks, limits)
    t.equal(summary["succeeded"], tasks, "tasks that succeeded")
    t.check(refused <= 0.05, f"{refused:.1%} of the requests refused: {limits}")
    # what is not done by then is slower, however long its recovery would go on
    deadline = f"{1.06 * tasks / rate:.1f}s"
    best = (0, 0)
    for n in (2, 4, 8, 16):
        # so few cannot be as fast, whatever the service lets through
        if n * 1000 / (sum(limits["ms"]) / 2) >= 0.9 * rate:
            fixed = ("-j", str(n), "--no-adapt", "--deadline", deadline)
            best = max(best, (_measure(t, fixed, tasks, limits)[0], n))
    said = (f"{rate:.2f} tasks/s, {refused:.1%} refused; {best[0]:.2f} with {best[1]} fixed slots: "
            f"{rate / best[0]:.3f}")
    t.check(rate >= 0.95 * best[0], f"too slow: {said}: {limits}")
    return said


def everywhere():
    """What tests/rate-all measures: (tasks, limits) at several rates, with and without a hint. To find out about a
    service takes some refusals: a list of fewer than a thousand may have more than 5 %."""
    for rate in (20, 40, 80):
        for hint in (True, False):
            tasks = max(1000, rate * 25)
            yield tasks, {"requests": (rate, rate * 5), "ms": (50, 150), "hint": hint}
            yield tasks, {"tokens": (rate * 1000, rate * 5000), "ms": (50, 150), "hint": hint}


def _served(s):
    """Tasks a second, as the service has seen them: what a program takes to begin and to end is not in it."""
    times = [at for at, _, word in s.log if word == "ok"]
    return (len(times) - 1) / (times[-1] - times[0])


def test_against_fixed_slots(t):
    """adapting is about as fast as a fixed number of slots that fits, and little is refused (rate-all: exact)"""
    limits = {"requests": (10, 30), "ms": (200, 400)}
    # both at the same time: what else the machine does slows both
    with _service(t, **limits) as mine:
        adapting = t.start(*ARGS, "-j", "16", "-o", "json", input=_tasks(130))
        with _service(t, **limits) as other:
            fixed = t.start(*ARGS, "-j", "3", "--no-adapt", "-o", "none", input=_tasks(130))
            fixed.wait(t.limit)
            adapting.expect(0, t.limit)
            best = _served(other)
        rate, refused = _served(mine), mine.refused / mine.asked
    results = [json.loads(line) for line in adapting.out.splitlines()]
    t.equal({r["status"] for r in results if "task" in r}, {"succeeded"}, "ends")
    t.equal(len(results), 131, "results and the summary")
    # of a list of a thousand it is 5 % and less; sixteen at a time would be refused more often than not
    t.check(refused <= 0.2, f"{refused:.1%} of the requests refused")
    t.check(rate >= 0.75 * best, f"{rate:.1f} tasks/s, {best:.1f} with fixed slots")


test_against_fixed_slots.limit = 90
