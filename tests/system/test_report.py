"""Reports (spec chapter 6): every format, of runs that ended, were killed, go on, were resumed, rehearsed or streamed.
Each format is read by a strict reader of it: xmllint with a schema, promtool where it is installed."""

import json
import os
import re
import shutil
import signal
import stat
import time
import xml.etree.ElementTree

import harness

RUN = ["pollard", "run", "--progress", "none"]
FORMATS = ("markdown", "json", "jsonl", "junit", "trace", "prometheus")

# "bad" fails, "twice" succeeds at its second attempt, "slow" lasts until there is a file "gate".
TASK = r"""
case $1 in
bad*) echo "no table '$1'" >&2; exit 3 ;;
killed*) kill -SEGV $$ ;;
twice*) [ $POLLARD_ATTEMPT -gt 1 ] || { echo flaky >&2; exit 1; } ;;
slow*) : >"began.$1"; while [ ! -e gate ]; do sleep 0.01; done ;;
nasty*) printf 'a\033[31mred\033[0m \001\377 ]]> </script> <b>| `x` @you\n' >&2; exit 1 ;;
esac
echo "done with $1"
"""


def prepare(t, *names, **needs):
    t.write("task.sh", TASK)
    t.write("list", "".join(json.dumps({
        "id": n, "run": ["sh", "task.sh", n], **({"needs": needs[n]} if n in needs else {})}) + "\n"
        for n in names))


def report(t, form, *more, **options):
    return t.run("pollard", "report", "--format", form, *more, **options)


# A strict reader for each format. They return what it says.

def no_control_bytes(t, text, what):
    found = re.search(r"[\x00-\x08\x0b-\x1f\x7f\x80-\x9f\u202a-\u202e\u2066-\u2069]", text)
    t.check(not found, f"{what}: a control character: {found and found.group()!r}")


def read_junit(t, text):
    t.write("report.xml", text)
    if shutil.which("xmllint"):
        schema = os.path.join(t.root, "tests", "data", "junit-10.xsd")
        t.run("xmllint", "--noout", "--nonet", "--schema", schema, "report.xml")
    elif harness.STRICT:
        raise harness.Failed("xmllint is missing")
    top = xml.etree.ElementTree.fromstring(text)
    seen = set()
    for suite in top:
        cases = suite.findall("testcase")
        for what, tag in (("failures", "failure"), ("errors", "error"), ("skipped", "skipped")):
            t.equal(int(suite.get(what)), len([c for c in cases if c.find(tag) is not None]), what)
        t.equal(int(suite.get("tests")), len(cases), "tests")
        for case in cases:
            key = (case.get("classname"), case.get("name"))
            t.check(key not in seen, f"junit: {key} stands there twice")
            seen.add(key)
    for what in ("tests", "failures", "errors"):
        t.equal(int(top.get(what)), sum(int(s.get(what)) for s in top), what)
    return {(c.get("classname"), c.get("name")): c for c in top.iter("testcase")}


def read_trace(t, text):
    """What Perfetto and chrome://tracing make of it: events that are well formed, no two slices of a thread overlap,
    each arrow begins and ends once, in a slice, and not before it begins."""
    trace = json.loads(text)
    t.equal(trace["displayTimeUnit"], "ms")
    needed = {"M": {"args"}, "X": {"ts", "dur", "args"}, "C": {"ts", "args"}, "i": {"ts", "s"},
              "s": {"ts", "id", "cat"}, "f": {"ts", "id", "cat", "bp"}}
    events = trace["traceEvents"]
    for e in events:
        t.check(e["ph"] in needed, f"trace: unknown event {e}")
        t.check({"name", "pid", "tid"} | needed[e["ph"]] <= set(e), f"trace: incomplete {e}")
        for key in ("ts", "dur", "pid", "tid", "id"):
            t.check(isinstance(e.get(key, 0), int) and e.get(key, 0) >= 0, f"trace: {key} of {e}")
    slices = [e for e in events if e["ph"] == "X"]
    threads = {}
    for e in slices:
        t.check(e["dur"] > 0, f"trace: nothing to be seen of {e}")
        threads.setdefault((e["pid"], e["tid"]), []).append(e)
    for thread in threads.values():
        thread.sort(key=lambda e: e["ts"])
        for a, b in zip(thread, thread[1:]):
            t.check(a["ts"] + a["dur"] <= b["ts"], f"trace: {a} overlaps {b}")
    names = {(e["pid"], e["tid"]) for e in events if e["name"] == "thread_name"}
    t.equal(names, set(threads), "threads that have a name")
    arrows = {}
    for e in events:
        if e["ph"] in "sf":
            ends = arrows.setdefault(e["id"], {})
            t.check(e["ph"] not in ends, f"trace: arrow {e['id']} twice")
            ends[e["ph"]] = e
            t.check(any(s["ts"] <= e["ts"] < s["ts"] + s["dur"]
                        for s in threads[e["pid"], e["tid"]]), f"trace: {e} is in no slice")
    for ends in arrows.values():
        t.equal(set(ends), {"s", "f"}, "ends of an arrow")
        t.check(ends["s"]["ts"] <= ends["f"]["ts"], f"trace: {ends} goes back in time")
        t.equal(ends["f"]["bp"], "e")
    counters = [e for e in events if e["ph"] == "C"]
    t.equal([e["ts"] for e in counters], sorted({e["ts"] for e in counters}), "counter")
    t.check(all(e["args"]["running"] >= 0 for e in counters), "less than nothing runs")
    return {"slices": slices, "arrows": arrows, "counters": counters}


def read_prometheus(t, text):
    """The text format as node_exporter reads it: HELP and TYPE before each, no timestamp, the one label."""
    t.check(text.endswith("\n"), "the last line is not ended")
    values, described = {}, {}
    for line in text.splitlines():
        note = re.fullmatch(r"# (HELP|TYPE) ([a-z_]+) (.+)", line)
        if note:
            described.setdefault(note.group(2), []).append(note.group(1))
            if note.group(1) == "TYPE":
                t.equal(note.group(3), "gauge")
            continue
        found = re.fullmatch(r'(pollard_[a-z_]+)\{name="((?:[^"\\\n]|\\["\\n])*)"\} (-?[0-9.e+]+)', line)
        t.check(found, f"prometheus: {line!r}")
        t.check(found.group(1) not in values, f"prometheus: {found.group(1)} twice")
        t.equal(described.get(found.group(1)), ["HELP", "TYPE"], found.group(1))
        values[found.group(1)[len("pollard_"):]] = float(found.group(3))
    t.equal(len(described), len(values), "families")
    promtool = shutil.which("promtool")
    if promtool:
        t.run(promtool, "check", "metrics", input=text)
    return values


def read_lines(t, text):
    lines = [json.loads(line) for line in text.splitlines()]
    return lines[:-1], lines[-1]


def everything(t, *more):
    """All formats of the newest run, each checked by its reader."""
    texts = {form: report(t, form, *more).out for form in FORMATS}
    for form, text in texts.items():
        no_control_bytes(t, text, form)
    t.check(len(texts["markdown"].encode()) <= 1000 * 1024, "markdown is too long")
    t.matches(texts["markdown"], r"\A### (✅|❌|⚠️) ")
    return {
        "markdown": texts["markdown"],
        "json": json.loads(texts["json"]),
        "jsonl": read_lines(t, texts["jsonl"]),
        "junit": read_junit(t, texts["junit"]),
        "trace": read_trace(t, texts["trace"]),
        "prometheus": read_prometheus(t, texts["prometheus"]),
    }


def children(case):
    return [e.tag for e in case]


# Runs that ended.

def test_ended(t):
    """every format of a run with failures, a crash, a retry, and a task that was skipped"""
    prepare(t, "good", "bad", "killed", "twice", "after", "lost", after=["good"], lost=["bad"])
    t.run(*RUN, "--name", "nightly", "-o", "json", "-r", "1", "-j", "2", "-f", "list", status=None)
    told = [json.loads(line) for line in t.started[-1].out.splitlines()]
    r = everything(t)

    results, summary = r["jsonl"]
    t.equal([x["task"] for x in results], ["good", "bad", "killed", "twice", "after", "lost"])
    for x in told[:-1]:
        t.equal({r["task"]: r for r in results}[x["task"]], x, "result object")
    t.equal(summary, told[-1], "summary")
    t.equal(r["json"]["tasks"], results)
    t.equal(r["json"]["outcome"], "partial")
    t.equal(r["json"]["state"], "finished")

    cases = {name: case for (_, name), case in r["junit"].items()}
    t.equal({c for c, _ in r["junit"]}, {"nightly.1"})
    t.equal(children(cases["good"]), [])
    t.equal(children(cases["bad"])[:2], ["failure", "rerunFailure"])
    t.equal(cases["bad"].find("failure").get("type"), "exit")
    t.contains(cases["bad"].find("system-err").text, "no table 'bad'")
    t.equal(children(cases["killed"])[:2], ["error", "rerunError"])
    t.contains(cases["killed"].find("error").get("message"), "SIGSEGV")
    t.equal(children(cases["twice"]), ["flakyFailure"])
    t.equal(cases["twice"].find("flakyFailure/system-err").text, "flaky")
    t.equal(children(cases["lost"]), ["skipped"])

    slices = r["trace"]["slices"]
    t.equal(sorted(s["name"] for s in slices),
            sorted(["good", "bad", "bad", "killed", "killed", "twice", "twice", "after"]))
    t.check({s["tid"] for s in slices} == {1, 2}, "two slots are two threads")
    t.equal(len(r["trace"]["arrows"]), 1)
    t.equal(r["trace"]["counters"][-1]["args"]["running"], 0)
    t.check(max(c["args"]["running"] for c in r["trace"]["counters"]) == 2, "never two at once")

    t.equal(r["prometheus"]["last_run_success"], 0)
    t.equal(r["prometheus"]["last_run_tasks"], 6)
    t.equal(r["prometheus"]["last_run_tasks_succeeded"], 3)
    t.equal(r["prometheus"]["last_run_tasks_recovered"], 1)
    t.check("last_run_cost_usd" not in r["prometheus"], "a cost that nobody reported")
    t.check("last_success_timestamp_seconds" not in r["prometheus"], "there was no success")

    t.matches(r["markdown"], r"^### ❌ nightly: Partial: 3 of 6 tasks succeeded")
    t.contains(r["markdown"], "| bad | failed: exit 3 | 2 |")
    t.contains(r["markdown"], "no table 'bad'")
    t.contains(r["markdown"], "builtin debugger")


def test_figures(t):
    """wall, sequential, saved and the critical path agree with each other and with the journal"""
    t.write("flow.yaml", """
version: 1
steps:
  - id: one
    tasks:
      - { id: a, run: "sleep 1" }
      - { id: b, run: "sleep 0.1" }
      - { id: c, run: "sleep 2", needs: [b] }
  - id: two
    tasks:
      - { id: d, run: "sleep 0.1" }
""")
    t.run(*RUN, "-f", "flow.yaml")
    r = everything(t)
    j = r["json"]
    seconds = {x["task"]: x["seconds"] for x in j["tasks"]}
    path = j["critical_path"]
    t.equal([(x["step"], x["task"]) for x in path["tasks"]], [("one", "b"), ("one", "c"), ("two", "d")])
    t.check(abs(path["seconds"] - seconds["b"] - seconds["c"] - seconds["d"]) < 0.0015, "its length")
    t.check(abs(j["sequential_seconds"] - sum(seconds.values())) < 0.0015, "sequential")
    t.check(path["seconds"] <= j["seconds"] <= j["sequential_seconds"], "path <= wall <= sequential")
    t.check(abs(j["saved_seconds"] - (j["sequential_seconds"] - j["seconds"])) < 0.0015, "saved")
    t.check(abs(j["speedup"] - j["sequential_seconds"] / j["seconds"]) < 0.001, "speed-up")
    t.equal(r["prometheus"]["last_run_saved_seconds"], j["saved_seconds"])
    t.equal(r["prometheus"]["last_run_critical_path_seconds"], path["seconds"])
    t.matches(r["markdown"], r"\| Critical path \| [\dm. ]+s: one\.b → one\.c → two\.d \|")
    t.equal({s["pid"] for s in r["trace"]["slices"]}, {1, 2}, "a process for each step")


def test_spilled(t):
    """long output stands in its file: paths in json, its last lines for people"""
    t.run(*RUN, "-o", "none", "--shell", input="seq 100000; echo the end >&2; exit 1\n", status=2)
    r = everything(t)
    path = r["json"]["tasks"][0]["stdout_path"]
    t.check(os.path.isabs(path) and os.path.exists(path), path)
    t.check("text" not in r["json"]["tasks"][0], "text of a file")
    t.contains(r["markdown"], "\n100000\n```")
    t.check("\n99\n" not in r["markdown"], "more than the last lines")


def test_nasty(t):
    """what a task prints stays text in every format, and no control byte gets through"""
    prepare(t, "nasty")
    t.run(*RUN, "-o", "none", "--name", 'n"\\<|', "-f", "list", status=2)
    r = everything(t)
    text = r["junit"][('n"\\<|.1', "nasty")].find("system-err").text
    t.equal(text, r"ared \x01\xff ]]> </script> <b>| `x` @you")
    t.check("@you" not in re.sub(r"```.*?```", "", r["markdown"], flags=re.S), "somebody is called")


def test_merged(t):
    """the merged result of a step is in the Markdown"""
    t.run(*RUN, "-m", "concat", "-o", "none", "--shell", input="echo one result\necho another\n")
    t.contains(everything(t)["markdown"], "one result")


# Others.

def test_killed(t):
    """kill -9: what was under way is lost, what had not begun never did, and the rest is there"""
    prepare(t, "good", "bad", "slow", "later")
    process = t.start(*RUN, "-j", "1", "-o", "none", "-f", "list")
    t.wait_file("began.slow")
    process.kill(signal.SIGKILL)
    process.expect(-signal.SIGKILL)
    t.wait_for(lambda: not t.left_processes(), "the workers to be gone")
    r = everything(t)
    t.matches(r["markdown"], r"^### ⚠️ Killed: 1 of 4 tasks had succeeded")
    t.contains(r["markdown"], "| slow | lost: pollard ended before it did |")
    t.equal(r["json"]["state"], "killed")
    t.equal(r["json"]["outcome"], None)
    t.equal([(x["task"], x["state"]) for x in r["json"]["not_finished"] if x["task"] != "bad"],
            [("slow", "lost"), ("later", "waiting")])
    cases = {name: case for (_, name), case in r["junit"].items()}
    t.equal(children(cases["slow"]), ["error"])
    t.equal(children(cases["later"]), ["skipped"])
    t.equal([s["args"]["status"] for s in r["trace"]["slices"]], ["succeeded", "failed", "lost"])
    t.equal(r["prometheus"]["last_run_finished"], 0)
    t.equal(r["prometheus"]["last_run_success"], 0)
    t.check("last_run_exit_status" not in r["prometheus"], "an exit status")

    t.write("gate", "")
    t.run("pollard", "resume", "--progress", "none", status=1)
    r = everything(t)
    t.equal(r["json"]["resumed"], 1)
    t.equal(r["json"]["outcome"], "partial")
    t.equal([s["args"]["status"] for s in r["trace"]["slices"] if s["name"] == "slow"],
            ["lost", "succeeded"])
    t.contains(r["markdown"], "resumed 1 time")


def test_torn(t):
    """a torn last record is normal; damage is refused, and the file that was there stays"""
    prepare(t, "good")
    t.run(*RUN, "-o", "none", "-f", "list")
    path = os.path.join(t.run_dir(), "journal.jsonl")
    with open(path, "rb") as f:
        data = f.read()
    with open(path, "wb") as f:
        f.write(data[:-30])
    t.equal(everything(t)["json"]["state"], "killed")
    with open(path, "wb") as f:
        f.write(data[:200] + b"X" + data[201:])
    t.write("old", "as it was")
    t.contains(report(t, "junit", "-O", "old", status=74).err, "damaged record")
    t.equal(t.read("old"), "as it was")


def test_running(t):
    """while it goes on: what runs is running, and counts until now"""
    prepare(t, "good", "slow", "slow2", "later")
    process = t.start(*RUN, "-j", "2", "-o", "none", "-f", "list")
    t.wait_file("began.slow")
    t.wait_file("began.slow2")
    r = everything(t)
    t.matches(r["markdown"], r"^### ⚠️ Running: 1 of 4 tasks succeeded so far")
    t.equal(r["json"]["state"], "running")
    t.equal({x["task"]: x["state"] for x in r["json"]["not_finished"]},
            {"slow": "running", "slow2": "running", "later": "waiting"})
    t.equal(r["trace"]["counters"][-1]["args"]["running"], 2)
    t.equal(r["prometheus"]["last_run_tasks_unfinished"], 3)
    t.check(r["json"]["sequential_seconds"] > 0, "running attempts count")
    t.equal({name: children(c) for (_, name), c in r["junit"].items()}["slow"], ["skipped"])
    t.write("gate", "")
    process.expect(0)
    t.equal(everything(t)["json"]["outcome"], "all")


def test_interrupted(t):
    """a run that a signal ended"""
    prepare(t, "good", "slow", "later")
    process = t.start(*RUN, "-j", "1", "-o", "none", "-f", "list")
    t.wait_file("began.slow")
    process.kill(signal.SIGTERM)
    process.expect(-signal.SIGTERM)
    r = everything(t)
    t.matches(r["markdown"], r"^### ⚠️ Interrupted: 1 of 3 tasks had succeeded when SIGTERM came")
    t.equal(r["json"]["signal"], "SIGTERM")
    t.equal(r["json"]["exit"], None)
    t.equal({c.find("error").get("type") for (_, n), c in r["junit"].items() if n != "good"},
            {"interrupted"})


def test_rehearsal(t):
    """a rehearsed run says so"""
    prepare(t, "good", "bad")
    t.run(*RUN, "--rehearse", "-o", "none", "-f", "list")
    r = everything(t)
    t.contains(r["markdown"], "rehearsal")
    t.equal(r["json"]["rehearsal"], True)


def test_stream(t):
    """a streamed list with a bad record and failures"""
    t.run(*RUN, "--stream", "-o", "none", status=1,
          input='{"id":"a","run":"true"}\n{"id":"b","ran":"x"}\n{"id":"c","run":"exit 5"}\n'
                '{"id":"d","run":"true","needs":["a"]}\n')
    r = everything(t)
    t.equal(r["json"]["succeeded"], 2)
    kinds = {name: children(c)[:1] for (_, name), c in r["junit"].items()}
    t.equal(sorted(kinds.values()), [[], [], ["error"], ["failure"]])
    t.equal(len(r["trace"]["arrows"]), 1)


def test_left_out(t):
    """steps and tasks that `when` left out are no failures, and do not count"""
    t.write("flow.yaml", """
version: 1
vars: { yes: "1", no: "" }
steps:
  - { id: one, when: vars.no, run: "false" }
""")
    t.run(*RUN, "-f", "flow.yaml")
    r = everything(t)
    t.matches(r["markdown"], r"^### ✅ .*Passed: there were no tasks")
    t.equal(r["prometheus"]["last_run_tasks"], 0)
    t.equal({tuple(children(c)) for c in r["junit"].values()} - {("skipped",)}, set())


def test_agents(t):
    """tokens and cost are summed; what was not reported is not 0"""
    t.write(".pollard/agents/dear.md", "---\nname: dear\ncommand: sh -c 'cat >/dev/null; "
            "echo \"{\\\"usage\\\":{\\\"input_tokens\\\":1500,\\\"output_tokens\\\":20,\\\"usd\\\":0.5}}\" "
            ">&$POLLARD_RESULT_FD; echo ok'\n---\nx\n")
    t.write(".pollard/agents/mute.md", "---\nname: mute\ncommand: sh -c 'cat >/dev/null; echo ok'\n---\nx\n")
    t.run(*RUN, "-o", "none", input="mute: say a\n")
    r = everything(t)
    t.contains(r["markdown"], "| Tokens | not reported |\n| Cost | not reported |")
    t.check("last_run_input_tokens" not in r["prometheus"], "tokens that nobody reported")
    t.run(*RUN, "-o", "none", input="dear: say a\ndear: say b\nmute: say c\n")
    r = everything(t)
    t.contains(r["markdown"], "| Tokens | at least 3,000 in, 40 out |\n| Cost | at least $1.00 |")
    t.equal(r["prometheus"]["last_run_cost_usd"], 1)
    t.equal(r["prometheus"]["last_run_input_tokens"], 3000)


CODEX = """#!/bin/sh
cat >/dev/null
echo '{"type":"thread.started","thread_id":"7"}'
echo '{"type":"turn.started"}'
echo '{"type":"item.completed","item":{"id":"item_1","type":"agent_message","text":"I had rather not."}}'
echo '{"type":"turn.completed","usage":{"input_tokens":10,"cached_input_tokens":0,"output_tokens":5,"reasoning_output_tokens":0}}'
exit 3
"""


def test_answers(t):
    """of an agent its answer is shown, and not the events that its client prints"""
    t.write("bin/codex", CODEX, 0o755)
    t.write(".pollard/agents/coy.md", "---\nname: coy\ndescription: is coy\n---\nx\n")
    env = {"PATH": t.path("bin") + ":" + t.env["PATH"], "POLLARD_BACKEND": "codex"}
    t.run(*RUN, "-o", "none", "-r", "0", input="coy: say a\n", env=env, status=2)
    t.contains(t.events("attempt-finished")[0]["stdout"], "thread.started")
    r = everything(t)
    t.contains(r["markdown"], "\nAnswer:\n\n```\nI had rather not.\n```")
    t.check("thread.started" not in r["markdown"], "events in the Markdown")
    t.equal([c.findtext("system-out") for c in r["junit"].values()], ["I had rather not."])
    html = report(t, "html").out
    t.contains(html, "<strong>Answer</strong>, 17 bytes:")
    t.contains(html, "I had rather not.")
    t.check("thread.started" not in html, "events in the HTML")


def test_edited(t):
    """of a run that went on with an edited list: titles, goals and slots are those of the list as it is now"""
    again = [*RUN, "-o", "none", "--resume", "-f", "flow.yaml"]
    flow = """
version: 1
goal: %s
steps:
  - { id: one, title: %s, tasks: [{ id: a, run: "true" }, %s] }
"""
    t.write("flow.yaml", flow % ("Begin", "First", '{ id: gone, run: "false" }'))
    t.run(*again, status=1)
    t.write("flow.yaml", flow % ("Go on", "Begun", "") + '  - { id: two, title: Added, goal: More, jobs: 1, tasks: [{ id: b, run: "true" }] }\n')
    t.run(*again)
    r = everything(t)
    t.contains(r["markdown"], "Go on")
    t.contains(r["markdown"], "Begun")
    t.contains(r["markdown"], "Added")
    t.check("First" not in r["markdown"], "what it was called before")
    state = t.read(os.path.join(t.run_dir(), "STATE.md"))
    t.check("gone" not in state, f"what is not in the list any more, in\n{state}")
    for line in ("- **Goal**: Go on", "### Step 1: Begun (Sequential)", "### Step 2: Added (Sequential)", "- **Goal**: More"):
        t.check(line in state.splitlines(), f"no line {line!r} in\n{state}")


# Where it goes.

def test_file(t):
    """-O replaces the file as a whole, leaves nothing beside it, and follows a link"""
    prepare(t, "good")
    t.run(*RUN, "-o", "none", "-f", "list")
    t.write("real.xml", "old")
    os.symlink("real.xml", t.path("link.xml"))
    before = set(os.listdir(t.dir))
    t.equal(report(t, "junit", "-O", "link.xml").out, "")
    t.equal(set(os.listdir(t.dir)), before)
    t.check(os.path.islink(t.path("link.xml")), "the link is gone")
    read_junit(t, t.read("real.xml"))
    report(t, "trace", "-O", "new.json")
    t.equal(stat.S_IMODE(os.stat(t.path("new.json")).st_mode), 0o644)
    t.equal(t.read("new.json"), report(t, "trace", "-O", "-").out)
    t.equal(report(t, "trace", "-O", "/dev/stdout").out, t.read("new.json"))
    t.contains(report(t, "junit", "-O", "/dev/full", status=74).err, "cannot write '/dev/full'")
    t.contains(report(t, "junit", "-O", "no/such/file", status=74).err, "cannot write 'no/such/file'")
    with open("/dev/full", "wb") as full:
        report(t, "jsonl", stdout=full, status=74)


def test_step_summary(t):
    """Markdown is added to $GITHUB_STEP_SUMMARY, which never grows beyond 1,000 KiB by that"""
    prepare(t, "good")
    t.run(*RUN, "-o", "none", "-f", "list")
    t.write("summary", "# Before\n\n")
    env = {"GITHUB_STEP_SUMMARY": t.path("summary")}
    text = report(t, "markdown", env=env).out
    t.equal(t.read("summary"), "# Before\n\n" + text)
    report(t, "junit", env=env)
    t.equal(t.read("summary"), "# Before\n\n" + text)
    # who says where it goes, as one does with other programs, does not get it twice
    for how in ('>>"$GITHUB_STEP_SUMMARY"', '-O "$GITHUB_STEP_SUMMARY"', '-O /dev/stdout >>"$GITHUB_STEP_SUMMARY"'):
        t.write("summary", "" if "-O \"" in how else "# Before\n\n")
        before = t.read("summary")
        t.run("sh", "-c", "pollard report --format markdown " + how, env=env)
        t.equal(t.read("summary"), before + text, how)
    t.write("summary", "x" * (1000 * 1024 - 100))
    t.contains(report(t, "markdown", env=env).err, "is full")
    t.equal(len(t.read("summary")), 1000 * 1024 - 100)


def test_last_success(t):
    """the file for Prometheus keeps when a run last succeeded"""
    prepare(t, "good")
    t.run(*RUN, "--name", "n", "-o", "none", "-f", "list")
    report(t, "prometheus", "-O", "n.prom")
    success = read_prometheus(t, t.read("n.prom"))["last_success_timestamp_seconds"]
    t.check(abs(success - time.time()) < 100, "it is just over")
    prepare(t, "bad")
    t.run(*RUN, "--name", "n", "-o", "none", "-f", "list", status=2)
    report(t, "prometheus", "-O", "n.prom")
    after = read_prometheus(t, t.read("n.prom"))
    t.equal(after["last_run_success"], 0)
    t.equal(after["last_success_timestamp_seconds"], success)
    t.run(*RUN, "--name", "other", "-o", "none", "-f", "list", status=2)
    report(t, "prometheus", "-O", "n.prom")
    t.check("last_success_timestamp_seconds" not in read_prometheus(t, t.read("n.prom")),
            "the success of another name")


def test_usage(t):
    """what has to be said is asked for; which run, as everywhere"""
    t.contains(t.run("pollard", "report", status=64).err, "'--format F'")
    t.contains(report(t, "junitt", status=64).err, "junit, trace or prometheus, got 'junitt'")
    t.contains(report(t, "junit", status=66).err, "no run")
    prepare(t, "good")
    t.run(*RUN, "-o", "none", "--name", "first", "-f", "list")
    first = os.path.basename(t.run_dir())
    t.run(*RUN, "-o", "none", "--name", "second", "-f", "list")
    t.contains(report(t, "markdown", first).out, "first: Passed")
    t.contains(report(t, "markdown").out, "second: Passed")
    report(t, "markdown", "nonsense", status=66)


# Long runs.

def long_journal(t, count):
    """A run of so many tasks, every tenth failed, every seventh after a retry."""
    t.run(*RUN, "-o", "none", "--shell", input="true\n")
    path = os.path.join(t.run_dir(), "journal.jsonl")
    first, end = t.journal()[0], t.journal()[-1]
    records = [first]
    records += [{"event": "task-added", "step": "1", "task": str(i), "number": i, "agent": None,
                 "record": f"make {i}"} for i in range(1, count + 1)]
    for i in range(1, count + 1):
        for attempt in range(1, 2 + (i % 7 == 0)):
            bad = i % 10 == 0 or attempt < 1 + (i % 7 == 0)
            records.append({
                "event": "attempt-finished", "step": "1", "task": str(i), "agent": None,
                "attempt": attempt, "level": attempt - 1, "status": "failed" if bad else "succeeded",
                "reason": "exit" if bad else None, "exit": int(bad), "signal": None,
                "error": "exit 1" if bad else None, "started": f"2026-11-23T16:{i // 200 % 60:02}:00.{i % 900:03}Z",
                "finished": f"2026-11-23T16:{i // 200 % 60:02}:01.{i % 900:03}Z", "seconds": 1, "stdout": "",
                "stdout_bytes": 0, "stderr": "gone\n" * 5, "stderr_bytes": 25, "result": None,
                "summary": "made", "files": [], "usage": None, "max_rss": 1000, "cpu_seconds": 0.1,
                "leftover_processes": 0})
        records.append({"event": "task-finished", "step": "1", "task": str(i), "agent": None,
                        "status": "failed" if i % 10 == 0 else "succeeded",
                        "reason": "exit" if i % 10 == 0 else None, "error": None,
                        "attempts": attempt, "level": 0, "seconds": 1, "summary": "made", "files": []})
    records.append({**end, "outcome": "partial", "succeeded": count - count // 10, "failed": count // 10})
    with open(path, "wb") as f:
        for seq, r in enumerate(records, 1):
            r.pop("crc", None)
            line = json.dumps({"v": 1, "seq": seq, "time": "2026-11-23T16:00:00.000Z", **r, "seq": seq},
                              separators=(",", ":"), ensure_ascii=False).encode()[:-1]
            f.write(line + b',"crc":"%08x"}\n' % harness.crc32c(line))


def limited_report(t, form):
    """Usually a fraction of a second of processor time; who asks for a hundred times as much is ended."""
    return t.run("sh", "-c", f"ulimit -t 60; exec pollard report --format {form}").out


def test_many(t):
    """10,000 tasks: each format without work for each pair of them, Markdown within its limit"""
    long_journal(t, 10000)
    for form in FORMATS:
        text = limited_report(t, form)
        if form == "markdown":
            t.check(len(text.encode()) <= 1000 * 1024, "markdown is too long")
        elif form == "junit":
            t.equal(len(read_junit(t, text)), 10000)
        elif form == "trace":
            t.equal(len(read_trace(t, text)["slices"]), 11428)
        elif form == "jsonl":
            t.equal(len(text.splitlines()), 10001)


test_many.limit = 120
