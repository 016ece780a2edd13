"""The debugger on the recovery ladder (spec chapter 4): tasks that fail in every way that the ladder knows, and
debuggers that help, misbehave, and hang. What was done when is read from the journal; nothing here waits for time
where an event can be waited for."""

import datetime
import json
import os
import re
import signal
import socket
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

# What the id says: "once" fails the first time, "twice" twice, "never" always. All fail in the same way, so that
# the built-in debugger finds one signature; the third part of an id, if any, makes another one.
TRY = r"""
id=$1
mkdir -p asked last
cat > "asked/$id.$POLLARD_ATTEMPT"
if [ -n "$POLLARD_LAST_ERROR" ]; then cat "$POLLARD_LAST_ERROR" > "last/$id.$POLLARD_ATTEMPT"; fi
case $id in
once*) fails=1 ;;
twice*) fails=2 ;;
never*) fails=1000 ;;
*) fails=0 ;;
esac
if [ "$POLLARD_ATTEMPT" -le "$fails" ]; then
	case $id in
	*-*) why="gear ${id#*-} is missing" ;;
	*) why="the gearbox is stuck" ;;
	esac
	echo "turning the crank"
	echo "$why" >&2
	exit 3
fi
echo "done with $id"
"""

DOCTOR = "---\nname: doctor\ncommand: sh doctor.sh\n%s---\nYou find causes.\n"
# Keeps what it was asked, and says what stands in the file.
ANSWERS = 'cat > "request.$POLLARD_ATTEMPT"\ncat verdict\n'


def prepare(t):
    t.write(".pollard/agents/worker.md", "---\nname: worker\ncommand: sh try.sh {task}\n---\nTurn it.\n")
    t.write("try.sh", TRY)


def doctor(t, verdict=None, script=ANSWERS, front=""):
    """An agent that can be asked; its verdict is an object, or the script's business."""
    t.write(".pollard/agents/doctor.md", DOCTOR % front)
    t.write("doctor.sh", "echo asked >> times\n" + script)
    if verdict is not None:
        t.write("verdict", json.dumps(verdict))


def verdict(relation="related", strategy="parallel", cause="the gearbox wants oil", **more):
    return {"relation": relation, "cause": cause, "groups": [], "strategy": strategy, "fix": None, "retry": [],
            "escalate": False, **more}


def lines(*records):
    return "".join(json.dumps(r) + "\n" for r in records)


def tasks(*names, **more):
    """Agent tasks of these ids."""
    return lines(*({"id": n, "agent": "worker", "prompt": f"Do {n}", **more} for n in names))


def commands(*names, **more):
    """The same as commands."""
    return lines(*({"id": n, "run": ["sh", "try.sh", n], **more} for n in names))


def run(t, text, *options, status, jobs="4", **more):
    return t.run("pollard", "run", "-j", jobs, "-o", "none", "--progress", "none", *options, input=text,
                 status=status, **more)


ASK = ("--debugger", "doctor")


def story(t, partial=False):
    """All that happened, in the order of the journal: "+task.attempt@level", "-task.attempt", "doctor says related",
    "doctor is invalid", "fix succeeded", "escalated"."""
    words = []
    for r in t.journal(partial=partial):
        if r["event"] == "attempt-started":
            words.append(f"+{r['task']}.{r['attempt']}@{r['level']}")
        elif r["event"] == "attempt-finished":
            words.append(f"-{r['task']}.{r['attempt']}")
        elif r["event"] == "verdict":
            words.append(f"{r['debugger']} says {r['verdict']['relation']}" if r["valid"]
                         else f"{r['debugger']} is invalid")
        elif r["event"] == "fix":
            words.append(f"fix {r['status']}")
        elif r["event"] == "escalated":
            words.append("escalated")
    return words


def first_round(t, *names):
    """Checks that the story begins with the first attempts of all these, and returns the rest."""
    words = story(t)
    count = 2 * len(names)
    t.equal(sorted(words[:count]), sorted([f"+{n}.1@0" for n in names] + [f"-{n}.1" for n in names]), "first attempts")
    return words[count:]


def one_after_another(level, *attempts):
    """The words of these attempts ("a.2") with nothing between their starts and ends."""
    return [w for a in attempts for w in (f"+{a}@{level}", f"-{a}")]


def side_by_side(t, words, level, *attempts):
    """These attempts were all started, in this order, before the first of them ended."""
    n = len(attempts)
    t.equal(words[:n], [f"+{a}@{level}" for a in attempts], "starts")
    t.equal(sorted(words[n:2 * n]), sorted(f"-{a}" for a in attempts), "ends")
    return words[2 * n:]


def finished(t):
    return {r["task"]: (r["status"], r["attempts"], r["level"]) for r in t.events("task-finished")}


def recoveries(t):
    return [(r["level"], r["text"]) for r in t.events("recovery")]


def times_asked(t):
    return t.read("times").count("\n") if os.path.exists(t.path("times")) else 0


# Failing once, then succeeding.

def test_once_alone(t):
    """level 1: failing once, alone: retried, and nobody is asked"""
    prepare(t)
    run(t, commands("once"), "-r", "1", status=0)
    t.equal(story(t), ["+once.1@0", "-once.1", "+once.2@1", "-once.2"])
    t.equal(recoveries(t), [(1, "once retried once: succeeded")])


def test_once_of_several(t):
    """level 1: failing once, one of several: retried after all have ended, and nobody is asked"""
    prepare(t)
    run(t, commands("a", "once", "b"), "-r", "1", status=0)
    t.equal(first_round(t, "a", "once", "b"), ["+once.2@1", "-once.2"])


BARRIER = """
mkdir -p here
if [ "$POLLARD_ATTEMPT" = 1 ] && [ "$1" != a ]; then echo "the gearbox is stuck" >&2; exit 3; fi
[ "$1" = a ] && exit 0
: > "here/$1"
until [ "$(ls here | wc -l)" = 3 ]; do sleep 0.01; done
"""


def test_once_related(t):
    """level 2: failing once with one signature: related, all are retried side by side"""
    t.write("try.sh", BARRIER)
    # were the retries not side by side, none of them would end
    p = run(t, commands("x", "a", "y", "z"), "-r", "1", status=0)
    rest = first_round(t, "x", "a", "y", "z")
    t.equal(rest[0], "builtin says related")
    t.equal(sorted(rest[1:4]), ["+x.2@2", "+y.2@2", "+z.2@2"])
    t.equal(sorted(rest[4:]), ["-x.2", "-y.2", "-z.2"])
    t.equal(recoveries(t), [(2, "related: 3 tasks (x, y, z): 3 tasks: exit 3: the gearbox is stuck; retried side by "
                                "side: 3 of 3 succeeded")])
    t.equal(t.events("escalated"), [])
    t.equal(p.err, "")


def test_side_by_side_within_jobs(t):
    """level 2: retries side by side are no more at once than --jobs"""
    prepare(t)
    run(t, commands("a", "once1", "once2", "once3"), "-r", "1", status=0, jobs="2")
    running = most = 0
    for word in story(t):
        running += (word[0] == "+") - (word[0] == "-")
        most = max(most, running)
    t.equal(most, 2, "most at once")
    t.equal({v for n, v in finished(t).items() if n != "a"}, {("succeeded", 2, 2)})


def test_once_none(t):
    """level 3: every one fails once: nothing in parallel, the first one is the canary, then the others in their order"""
    prepare(t)
    run(t, tasks("once1", "once2", "once3"), status=0)
    t.equal(first_round(t, "once1", "once2", "once3"),
            ["builtin says related"] + one_after_another(3, "once1.2", "once2.2", "once3.2"))
    t.equal([r["outcome"] for r in t.events("step-finished")], ["all"])


# Failing always.

def test_never_alone(t):
    """level 1, then 4: failing always, alone: retried, then the debugger is asked, then escalated: 2"""
    prepare(t)
    p = run(t, tasks("never"), "-r", "2", status=2)
    t.equal(story(t), ["+never.1@0", "-never.1"] + one_after_another(1, "never.2", "never.3") +
            ["builtin says related", "escalated"])
    t.matches(p.err, r"^  cause: 1 task: exit 3: the gearbox is stuck$")


def test_never_of_several(t):
    """level 1: failing always, one of several: retried, gone on without it, nobody asked, partial: 1"""
    prepare(t)
    p = run(t, tasks("a", "never", "b"), status=1)
    t.equal(first_round(t, "a", "never", "b"), ["+never.2@1", "-never.2"])
    t.check("cause:" not in p.err, p.err)


def test_never_related(t):
    """level 2, then 4: related and failing always: retried once side by side, escalated, the others kept: 3"""
    prepare(t)
    p = run(t, tasks("never1", "a", "never2"), status=3)
    rest = first_round(t, "never1", "a", "never2")
    t.equal(rest[0], "builtin says related")
    t.equal(side_by_side(t, rest[1:], 2, "never1.2", "never2.2"), ["escalated"])
    t.equal(finished(t), {"a": ("succeeded", 1, 0), "never1": ("failed", 2, 2), "never2": ("failed", 2, 2)})
    t.equal([r["outcome"] for r in t.events("run-finished")], ["partial"])
    t.equal([r["exit"] for r in t.events("run-finished")], [3])
    t.matches(p.err, r"\Apollard: PARTIAL 1/3 \(never1, never2\)$")
    t.equal(len(re.findall(r"^  cause: 2 tasks: exit 3: the gearbox is stuck$", p.err, re.M)), 1)


def test_never_but_enough(t):
    """--require: what is enough ends with 0 although level 2 helped nothing"""
    prepare(t)
    run(t, tasks("never1", "a", "never2"), "--require", "partial", status=0)
    run(t, tasks("never1", "a", "never2"), "--require", "2", status=3)


def test_never_some(t):
    """level 2: some of them recover: not escalated, partial: 1"""
    prepare(t)
    run(t, tasks("once", "a", "never"), status=1)
    t.equal(t.events("escalated"), [])
    t.equal(finished(t), {"a": ("succeeded", 1, 0), "once": ("succeeded", 2, 2), "never": ("failed", 2, 2)})


def test_never_none(t):
    """level 3, then 4: the canary fails again: the rest is not tried, escalated: 2"""
    prepare(t)
    run(t, tasks("never1", "once", "never2"), status=2)
    t.equal(first_round(t, "never1", "once", "never2"),
            ["builtin says related", "+never1.2@3", "-never1.2", "escalated"])
    t.matches(recoveries(t)[0][1], r"; retried one after another: the first failed again, the rest was not tried$")


# Failing only when run side by side: the built-in debugger knows the classes.

# Each waits until all are there; then one gets the lock and keeps it until the others have failed.
LOCK = r"""
mkdir -p here failed
: > "here/$1"
until [ "$(ls here | wc -l)" = 3 ]; do sleep 0.01; done
if ! mkdir index.lock 2> /dev/null; then
	echo "fatal: Unable to create '$PWD/index.lock': File exists." >&2
	: > "failed/$1"
	exit 128
fi
if [ "$POLLARD_ATTEMPT" = 1 ]; then
	until [ "$(ls failed | wc -l)" = 2 ]; do sleep 0.01; done
fi
rmdir index.lock
"""


def sequential_after(t, names, level):
    """One succeeded the first time; the others were retried one after another in the order of the list."""
    rest = first_round(t, *names)
    winner = [r["task"] for r in t.events("attempt-finished") if r["attempt"] == 1 and r["status"] == "succeeded"]
    t.equal(len(winner), 1, "winners")
    losers = [f"{n}.2" for n in names if n not in winner]
    t.equal(rest, ["builtin says related"] + one_after_another(level, *losers))
    t.equal([v["verdict"]["strategy"] for v in t.events("verdict")], ["sequential"])


def test_lock(t):
    """contention: a lock that one at a time can hold (mkdir): related, one after another, all succeed"""
    t.write("try.sh", LOCK)
    run(t, commands("x", "y", "z"), "-r", "1", status=0)
    sequential_after(t, "xyz", 2)


PORT = r"""
import os, socket, sys, time
name, port = sys.argv[1], int(sys.argv[2])
def many(where, count):
    while len(os.listdir(where)) < count:
        time.sleep(0.01)
open("here/" + name, "w").close()
many("here", 3)
s = socket.socket()
try:
    s.bind(("127.0.0.1", port))
except OSError:
    open("failed/" + name, "w").close()
    raise
if os.environ["POLLARD_ATTEMPT"] == "1":
    many("failed", 2)
"""


def test_port(t):
    """contention: a port on loopback that one at a time can bind: related, one after another, all succeed"""
    t.write("try.py", PORT)
    os.mkdir(t.path("here"))
    os.mkdir(t.path("failed"))
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        port = str(s.getsockname()[1])
    run(t, lines(*({"id": n, "run": ["python3", "try.py", n, port]} for n in "xyz")), "-r", "1", status=0)
    sequential_after(t, "xyz", 2)


class Limited(BaseHTTPRequestHandler):
    """Answers 429 to whoever comes while another one is served. The first three are served together."""

    def do_GET(self):
        s = self.server
        with s.guard:
            s.inside += 1
            s.came += 1
            late = s.came > 3
            crowded = s.inside > 1
        if not late:
            s.together.wait(10)
            with s.guard:
                crowded, s.taken = s.taken, True
        self.send_response(429 if crowded else 200)
        if crowded:
            self.send_header("Retry-After", "2")
        self.end_headers()
        with s.guard:
            s.inside -= 1

    def log_message(self, *_):
        pass


CLIENT = r"""
import sys, urllib.error, urllib.request
try:
    urllib.request.build_opener(urllib.request.ProxyHandler({})).open(sys.argv[1]).read()
except urllib.error.HTTPError as e:
    sys.exit(f"HTTP {e.code} {e.reason}; retry-after: {e.headers['Retry-After']}")
"""


def test_rate_limit(t):
    """rate limit: a server that answers 429 when several come at once: related, one after another, after the time
    that it asked for, and all succeed"""
    server = ThreadingHTTPServer(("127.0.0.1", 0), Limited)
    server.guard, server.together = threading.Lock(), threading.Barrier(3)
    server.inside = server.came = 0
    server.taken = False
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        t.write("client.py", CLIENT)
        url = f"http://127.0.0.1:{server.server_address[1]}/"
        run(t, lines(*({"id": n, "run": ["python3", "client.py", url]} for n in "xyz")), "-r", "1", status=0)
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
    sequential_after(t, "xyz", 2)
    ends = {r["task"]: r for r in t.events("attempt-finished")}
    t.equal({r["status"] for r in ends.values()}, {"succeeded"})
    asked = at(t.events("verdict")[0])
    again = [at(r) for r in t.events("attempt-started") if r["attempt"] == 2]
    t.check(again[0] - asked >= 1.9, f"tried again {again[0] - asked:.3f} s after the verdict")


def at(record):
    return datetime.datetime.fromisoformat(record["time"].replace("Z", "+00:00")).timestamp()


# Failing until a fix is applied.

NEEDS_OIL = """
echo "$1.$POLLARD_ATTEMPT" >> began
[ "$1" = a ] || [ -e oil ] || { echo "the gearbox is stuck" >&2; exit 3; }
"""
OIL = {"run": ["sh", "-c", "echo oiled >> oil; cat began > before"]}


def test_fix_allowed(t):
    """a fix, with --allow-fix: carried out once, after the verdict and before the retries, which succeed"""
    t.write("try.sh", NEEDS_OIL)
    doctor(t, verdict(fix=OIL))
    run(t, commands("x", "a", "y"), *ASK, "--allow-fix", "-r", "1", status=0)
    rest = first_round(t, "x", "a", "y")
    t.equal(rest[:2], ["doctor says related", "fix succeeded"])
    t.equal(sorted(rest[2:]), ["+x.2@2", "+y.2@2", "-x.2", "-y.2"])
    t.equal(t.read("oil"), "oiled\n")
    t.check(".2" not in t.read("before"), "retried before the fix")
    t.equal([(r["agent"], r["run"], r["error"]) for r in t.events("fix")], [(None, OIL["run"], None)])
    t.matches(recoveries(t)[0][1], r"; fixed; retried side by side: 2 of 2 succeeded$")


def test_fix_not_allowed(t):
    """the same fix without --allow-fix: recorded, never carried out; the retries happen and fail: 3"""
    t.write("try.sh", NEEDS_OIL)
    doctor(t, verdict(fix=OIL))
    run(t, commands("x", "a", "y"), *ASK, "-r", "1", status=3)
    rest = first_round(t, "x", "a", "y")
    t.equal((rest[0], rest[-1]), ("doctor says related", "escalated"))
    t.equal(sorted(w for w in rest if w[0] == "+"), ["+x.2@2", "+y.2@2"])
    t.check(not os.path.exists(t.path("oil")), "the fix was carried out")
    t.equal(t.events("fix"), [])
    t.equal([r["verdict"]["fix"] for r in t.events("verdict")], [OIL])


def test_fix_level_3(t):
    """a fix at level 3: once, then the canary, then the others one after another"""
    t.write("try.sh", NEEDS_OIL)
    doctor(t, verdict(fix=OIL, strategy="sequential"))
    run(t, commands("x", "y"), *ASK, "--allow-fix", "-r", "1", status=0)
    t.equal(first_round(t, "x", "y"),
            ["doctor says related", "fix succeeded"] + one_after_another(3, "x.2", "y.2"))
    t.equal(t.read("oil"), "oiled\n")


def test_fix_once(t):
    """a fix that helps nothing is carried out once, whatever retries follow"""
    prepare(t)
    doctor(t, verdict(fix=OIL, strategy="sequential"))
    t.write("began", "")
    run(t, tasks("never1", "a", "never2"), *ASK, "--allow-fix", "-r", "2", status=3)
    t.equal(t.read("oil"), "oiled\n")
    t.equal(first_round(t, "never1", "a", "never2"), ["doctor says related", "fix succeeded"] + one_after_another(
        2, "never1.2", "never1.3", "never2.2", "never2.3") + ["escalated"])


def test_fix_fails(t):
    """a fix that fails: nothing is retried after it, escalated, the others kept: 3"""
    prepare(t)
    doctor(t, verdict(fix={"run": ["sh", "-c", "exit 7"]}))
    run(t, tasks("once1", "a", "once2"), *ASK, "--allow-fix", status=3)
    t.equal(first_round(t, "once1", "a", "once2"), ["doctor says related", "fix failed", "escalated"])
    t.equal([r["error"] for r in t.events("fix")], ["exit 7"])
    t.equal([r["reason"] for r in t.events("escalated")], ["the fix failed: the gearbox wants oil"])


def test_fix_cannot_start(t):
    """a fix whose program is not there fails, and says so"""
    prepare(t)
    doctor(t, verdict(fix={"run": ["./no-such-program"]}))
    run(t, tasks("once1", "a", "once2"), *ASK, "--allow-fix", status=3)
    t.contains(t.events("fix")[0]["error"], "cannot start './no-such-program'")


def test_fix_by_agent(t):
    """a fix by an agent: given the prompt, once, before the retries"""
    t.write("try.sh", NEEDS_OIL)
    t.write(".pollard/agents/smith.md", "---\nname: smith\ncommand: sh smith.sh\n---\n")
    t.write("smith.sh", "cat > oil; echo oiled\n")
    doctor(t, verdict(fix={"agent": "smith", "prompt": "Oil the gearbox"}))
    run(t, commands("x", "a", "y"), *ASK, "--allow-fix", "-r", "1", status=0)
    t.equal(first_round(t, "x", "a", "y")[:2], ["doctor says related", "fix succeeded"])
    t.equal(t.read("oil").strip(), "Oil the gearbox")
    t.equal([(r["agent"], r["prompt"], r["run"]) for r in t.events("fix")], [("smith", "Oil the gearbox", None)])


def test_fix_by_unknown_agent(t):
    """a fix by an agent that is not there fails, with --allow-fix; without it is only shown"""
    prepare(t)
    doctor(t, verdict(fix={"agent": "nobody", "prompt": "Oil it"}))
    run(t, tasks("once1", "a", "once2"), *ASK, "--allow-fix", status=3)
    t.equal([r["error"] for r in t.events("fix")], ["there is no agent 'nobody' that can be used"])
    run(t, tasks("once1", "a", "once2"), *ASK, status=0)
    t.equal(t.events("fix"), [])


def test_fix_without_retries(t):
    """a fix is pointless where nothing can be attempted after it: not carried out"""
    t.write("try.sh", NEEDS_OIL)
    doctor(t, verdict(fix=OIL))
    run(t, commands("x", "a", "y"), *ASK, "--allow-fix", status=1)
    t.equal(first_round(t, "x", "a", "y"), ["doctor says related"])
    t.check(not os.path.exists(t.path("oil")), "the fix was carried out")


def test_fix_makes_startable(t):
    """a command that was not found may be attempted after a fix has put it there"""
    doctor(t, verdict(fix={"run": ["sh", "-c", "printf '#!/bin/sh\\necho works\\n' > tool && chmod 755 tool"]}))
    text = lines(*({"id": n, "run": ["./tool"]} for n in "xy"))
    run(t, text + lines({"id": "a", "run": ["true"]}), *ASK, "--allow-fix", "-r", "1", status=0)
    t.equal(finished(t), {"a": ("succeeded", 1, 0), "x": ("succeeded", 2, 2), "y": ("succeeded", 2, 2)})


# Failing for different reasons.

def test_independent(t):
    """level 2: different reasons: independent, each on its own, one after another in the order of the list"""
    prepare(t)
    run(t, tasks("once1-top", "a", "never-left", "once2-right"), status=1)
    t.equal(first_round(t, "once1-top", "a", "never-left", "once2-right"), ["builtin says independent"] +
            one_after_another(2, "once1-top.2", "never-left.2", "once2-right.2"))
    groups = [g["tasks"] for g in t.events("verdict")[0]["verdict"]["groups"]]
    t.equal(groups, [["once1-top"], ["never-left"], ["once2-right"]])
    t.equal(t.events("escalated"), [])


def test_unclear(t):
    """level 2: no evidence and mixed statuses: unclear: nothing is retried, escalated, the others kept: 3"""
    t.run("pollard", "run", "-r", "1", "-o", "none", "--progress", "none", "--", "misbehave", "exit",
          input="0\n3\n5\n", status=3)
    rest = first_round(t, "1", "2", "3")
    t.equal(rest, ["builtin says unclear", "escalated"])
    t.matches(t.events("escalated")[0]["reason"], r"^the debugger cannot tell why: ")


def test_stop_class(t):
    """level 2: a class that only a person can correct: nothing is retried: 3"""
    t.write("try.sh", '[ "$1" = a ] || { echo "write error: No space left on device" >&2; exit 1; }\n')
    run(t, commands("x", "a", "y"), "-r", "3", status=3)
    t.equal(first_round(t, "x", "a", "y"), ["builtin says related", "escalated"])
    t.equal(t.events("verdict")[0]["verdict"]["strategy"], "stop")


# Without retries.

def test_no_retries_partial(t):
    """retries 0, scenario 2: asked, nothing attempted again, its cause shown, not escalated: 1"""
    prepare(t)
    p = run(t, commands("never1", "a", "never2"), status=1)
    t.equal(first_round(t, "never1", "a", "never2"), ["builtin says related"])
    t.matches(p.err, r"^  cause: 2 tasks: exit 3: the gearbox is stuck$")
    t.contains(t.state_md(), "Level 2: builtin debugger: related: 2 tasks: exit 3: the gearbox is stuck\n")


def test_no_retries_none(t):
    """retries 0, scenario 3: asked, nothing attempted again, escalated: 2"""
    prepare(t)
    p = run(t, commands("never1", "never2"), status=2)
    t.equal(first_round(t, "never1", "never2"), ["builtin says related", "escalated"])
    t.matches(p.err, r"^  cause: 2 tasks: exit 3: the gearbox is stuck$")


def test_no_retries_one(t):
    """retries 0, one of several: nobody is asked: 1"""
    prepare(t)
    run(t, commands("never", "a"), status=1)
    t.equal(first_round(t, "never", "a"), [])
    t.equal(recoveries(t), [])


def test_no_retries_verdict_against(t):
    """retries 0: a verdict against retries, which nobody allowed, does not escalate: 1"""
    prepare(t)
    for said in (verdict(strategy="stop"), verdict(relation="unclear"), verdict(escalate=True)):
        doctor(t, said)
        run(t, commands("never1", "a", "never2"), *ASK, status=1)
        t.equal(t.events("escalated"), [])


def test_debugger_none(t):
    """--debugger none: nobody is asked at any level; 2 and 3 retry one after another, 3 with the canary"""
    prepare(t)
    run(t, tasks("once1", "a", "once2"), "--debugger", "none", status=0)
    t.equal(first_round(t, "once1", "a", "once2"), one_after_another(2, "once1.2", "once2.2"))
    run(t, tasks("never1", "never2"), "--debugger", "none", status=2)
    t.equal(first_round(t, "never1", "never2"), ["+never1.2@3", "-never1.2", "escalated"])
    run(t, tasks("never"), "--debugger", "none", status=2)
    t.equal(story(t), ["+never.1@0", "-never.1", "+never.2@1", "-never.2", "escalated"])


def test_spawn_never(t):
    """what cannot be started is never retried, at any level, whatever retries it has"""
    gone = [{"id": n, "run": ["./no-such-program"], "retries": 3} for n in ("g1", "g2")]
    here = {"id": "a", "run": ["true"]}
    run(t, lines(gone[0]), status=2)
    t.equal(story(t), ["+g1.1@0", "-g1.1", "builtin says related", "escalated"])
    run(t, lines(gone[0], here), status=1)
    t.equal(first_round(t, "g1", "a"), [])
    run(t, lines(*gone, here), status=3)
    t.equal(first_round(t, "g1", "g2", "a"), ["builtin says related", "escalated"])
    run(t, lines(*gone), status=2)
    t.equal(first_round(t, "g1", "g2"), ["builtin says related", "escalated"])
    run(t, lines(*gone, here), "--debugger", "none", status=1)
    t.equal(first_round(t, "g1", "g2", "a"), [])
    doctor(t, verdict())
    run(t, lines(*gone, here), *ASK, status=1)
    t.equal(first_round(t, "g1", "g2", "a"), ["doctor says related"])


# An agent as the debugger: what it is asked.

def test_request(t):
    """the request: step, goal, scenario, failures with all their attempts and the ends of what they printed, succeeded"""
    prepare(t)
    doctor(t, verdict())
    text = "Phase: Machine\nGoal: Turn the cranks\n\nParallel invocation:\n" \
           '1. worker → "Do one"\n2. worker → "Do two"\n3. worker → "Do three"\n'
    t.write("try.sh", 'cat > /dev/null\necho "turning $1"\n'
                      '[ $1 = 2 ] || { echo "é is stuck" >&2; exit 3; }\n')
    run(t, text, *ASK, status=3)
    request = json.loads(t.read("request.1").split("You find causes.")[1])
    seconds = [f["attempts"][0].pop("seconds") for f in request["failures"]]
    t.check(all(isinstance(s, (int, float)) and 0 <= s < 20 for s in seconds), seconds)
    t.equal(request, {
        "step": "1", "goal": "Turn the cranks", "scenario": 2,
        "failures": [{"task": n, "agent": "worker", "prompt": f"Do {word}",
                      "attempts": [{"reason": "exit", "exit": 3, "signal": None, "error": "exit 3",
                                    "stdout_tail": f"turning {n}\n", "stderr_tail": "é is stuck\n"}]}
                     for n, word in (("1", "one"), ("3", "three"))],
        "succeeded": ["2"]})
    t.equal(times_asked(t), 1)


def test_request_commands(t):
    """the request: commands stand in it as they were run, signals by their name, scenario 3 has no succeeded"""
    doctor(t, verdict())
    text = lines({"id": "x", "run": ["misbehave", "signal", "USR1"]}, {"id": "y", "run": "exit 4"})
    run(t, text, *ASK, status=2)
    request = json.loads(t.read("request.1").split("You find causes.")[1])
    t.equal((request["scenario"], request["succeeded"], request["goal"]), (3, [], None))
    x, y = request["failures"]
    t.equal((x["run"], x["agent"], x["attempts"][0]["reason"], x["attempts"][0]["signal"], x["attempts"][0]["exit"]),
            (["misbehave", "signal", "USR1"], None, "signal", "SIGUSR1", None))
    t.equal((y["run"], y["attempts"][0]["exit"]), ("exit 4", 4))


def test_request_all_attempts(t):
    """the request of a task that was alone: scenario 1, with all its attempts, oldest first"""
    t.write("try.sh", 'echo "attempt number $POLLARD_ATTEMPT" >&2; exit $POLLARD_ATTEMPT\n')
    t.write(".pollard/agents/worker.md", "---\nname: worker\ncommand: sh try.sh\n---\n")
    doctor(t, verdict())
    run(t, tasks("x"), *ASK, "-r", "2", status=2)
    request = json.loads(t.read("request.1").split("You find causes.")[1])
    t.equal(request["scenario"], 1)
    t.equal([(a["exit"], a["stderr_tail"]) for a in request["failures"][0]["attempts"]],
            [(n, f"attempt number {n}\n") for n in (1, 2, 3)])
    t.equal(story(t)[-2:], ["doctor says related", "escalated"])


def test_request_bounded(t):
    """the request is bounded: 200 failures that printed 20 KB each are all named, in at most 512 KiB"""
    doctor(t, verdict())
    t.write("try.sh", 'misbehave flood 20000; misbehave flood 20000 err; echo >&2; echo "last of $1" >&2; exit 3\n')
    t.run("pollard", "run", "-j", "8", "-o", "none", "--progress", "none", *ASK, "--", "sh", "try.sh",
          input="".join(f"{n}\n" for n in range(200)), status=2, limit=50)
    text = t.read("request.1").split("You find causes.")[1]
    t.check(len(text.encode()) <= 512 * 1024, f"{len(text.encode())} bytes")
    failures = json.loads(text)["failures"]
    t.equal([f["task"] for f in failures], [str(n + 1) for n in range(200)])
    t.equal({f["attempts"][0]["reason"] for f in failures}, {"exit"})
    t.equal(failures[0]["attempts"][0]["stderr_tail"].splitlines()[-1], "last of 0")
    t.equal([w for w in story(t) if w[0] not in "+-"], ["doctor says related", "escalated"])


test_request_bounded.limit = 60


def test_many_builtin(t):
    """200 failures: the built-in debugger finds the one cause; those of the summary and of STATE.md are counted"""
    p = t.run("pollard", "run", "-j", "8", "-o", "none", "--progress", "none", "--", "misbehave", "fail", "3",
              input="stuck\n" * 200, status=2, limit=50)
    t.equal([w for w in story(t) if w[0] not in "+-"], ["builtin says related", "escalated"])
    t.matches(p.err, r"^  cause: 200 tasks: exit 3: stuck$")
    t.matches(p.err, r"^  \.\.\. and 100 more that failed$")
    t.equal(recoveries(t)[0][1], "related: 200 tasks (1, 2, 3, 4, 5 and 195 more): 200 tasks: exit 3: stuck; not retried")


test_many_builtin.limit = 60


# What it says.

def test_advice(t):
    """the verdict's advice stands in the refined prompt, and for a command in POLLARD_LAST_ERROR"""
    prepare(t)
    doctor(t, verdict(retry=[{"task": "once1", "advice": "use the other crank"},
                             {"task": "once2", "advice": "turn it slowly"}]))
    text = tasks("once1") + commands("a") + commands("once2", retries=1)
    run(t, text, *ASK, status=0)
    t.matches(t.read("asked/once1.2"), r"\ATurn it\.\n\nDo once1\n(.*\n)*Advice: use the other crank$")
    t.equal(t.read("last/once2.2"), "exit 3\nadvice: turn it slowly\nthe gearbox is stuck\n")


def test_prompt(t):
    """the verdict's prompt is asked instead of the task's, in the agent's own frame"""
    prepare(t)
    doctor(t, verdict(retry=[{"task": "once2", "prompt": "Do half of it"}, {"task": "once1"}]))
    run(t, tasks("once1", "a", "once2"), *ASK, status=0)
    t.equal(t.read("asked/once2.2").rstrip("\n"), "Turn it.\n\nDo half of it")
    t.contains(t.read("asked/once1.2"), "Do once1")
    t.contains(t.read("asked/once1.2"), "Narrow the scope")


def test_timeout(t):
    """the verdict's timeout holds for the retry, and what it ended says so"""
    t.write("try.sh", '[ "$1" = a ] && exit 0\n[ "$POLLARD_ATTEMPT" = 1 ] && exit 3\nexec misbehave hang\n')
    doctor(t, verdict(retry=[{"task": "x", "timeout": "0.3s"}, {"task": "y", "timeout": 0.2}]))
    run(t, commands("x", "a", "y"), *ASK, "-r", "1", status=3)
    ends = {(r["task"], r["attempt"]): (r["reason"], r["error"]) for r in t.events("attempt-finished")}
    t.equal((ends["x", 1][0], ends["x", 2][0], ends["y", 2][0]), ("exit", "timeout", "timeout"))
    t.matches(ends["x", 2][1], r"0\.3s|300ms")


def test_order_and_names(t):
    """the retries follow the verdict's order, and what it does not name is not retried"""
    prepare(t)
    doctor(t, verdict("independent", "sequential", retry=[{"task": "once3"}, {"task": "once1"}]))
    run(t, tasks("once1", "a", "once2", "once3"), *ASK, status=1)
    t.equal(first_round(t, "once1", "a", "once2", "once3"),
            ["doctor says independent"] + one_after_another(2, "once3.2", "once1.2"))
    t.equal(finished(t)["once2"], ("failed", 1, 0))


def test_related_sequential(t):
    """level 2: related, and its strategy says one after another"""
    prepare(t)
    doctor(t, verdict(strategy="sequential"))
    run(t, tasks("once1", "a", "once2"), *ASK, status=0)
    t.equal(first_round(t, "once1", "a", "once2"),
            ["doctor says related"] + one_after_another(2, "once1.2", "once2.2"))


def test_level_3_new_prompts(t):
    """level 3: a revised strategy with new prompts: one after another, the first of the verdict's order as the canary"""
    prepare(t)
    doctor(t, verdict("independent", "sequential", retry=[{"task": "once2", "prompt": "Two, otherwise"},
                                                          {"task": "once1", "prompt": "One, otherwise"}]))
    run(t, tasks("once1", "once2"), *ASK, status=0)
    t.equal(first_round(t, "once1", "once2"),
            ["doctor says independent"] + one_after_another(3, "once2.2", "once1.2"))
    t.contains(t.read("asked/once2.2"), "Two, otherwise")


def test_level_3_never_parallel(t):
    """level 3: nothing is retried in parallel, even if the verdict says so"""
    prepare(t)
    doctor(t, verdict(strategy="parallel"))
    run(t, tasks("once1", "once2", "once3"), *ASK, status=0)
    t.equal(first_round(t, "once1", "once2", "once3"),
            ["doctor says related"] + one_after_another(3, "once1.2", "once2.2", "once3.2"))


def against(said, why):
    def test(t):
        prepare(t)
        doctor(t, said)
        p = run(t, tasks("once1", "a", "once2"), *ASK, status=3)
        t.equal(first_round(t, "once1", "a", "once2"), ["doctor says " + said["relation"], "escalated"])
        t.equal([r["reason"] for r in t.events("escalated")], [f"{why}: the gearbox wants oil"])
        t.matches(p.err, r"^  cause: the gearbox wants oil$")
        t.matches(t.state_md(), rf"^- \*\*Escalated\*\*: {why}: the gearbox wants oil")
        run(t, tasks("once1", "once2"), *ASK, status=2)
        t.equal(first_round(t, "once1", "once2"), ["doctor says " + said["relation"], "escalated"])
    return test


test_says_stop = against(verdict(strategy="stop"), "the debugger says that no retry can help")
test_says_stop.__doc__ = "stop: nothing is retried at levels 2 and 3, escalated: 3 and 2"
test_says_unclear = against(verdict("unclear"), "the debugger cannot tell why")
test_says_unclear.__doc__ = "unclear: nothing is retried at levels 2 and 3, escalated: 3 and 2"
test_says_escalate = against(verdict(escalate=True), "the debugger says that a person must decide")
test_says_escalate.__doc__ = "escalate: nothing is retried at levels 2 and 3, escalated: 3 and 2"


def test_cause_is_safe(t):
    """a cause with control characters cannot act on a terminal"""
    prepare(t)
    doctor(t, verdict(cause="\x1b[2Jred\u202e"))
    p = run(t, tasks("never1", "a", "never2"), *ASK, status=3)
    t.contains(p.err, "  cause: ")
    t.check("\x1b" not in p.err and "\u202e" not in p.err, repr(p.err))


# Verdicts that are none: recorded as such, the built-in debugger is asked once, and nobody a third time.

def without(*keys, **more):
    said = verdict(**more)
    for key in keys:
        del said[key]
    return said


def says(value):
    return "cat > /dev/null; cat <<'END'\n" + (value if isinstance(value, str) else json.dumps(value)) + "\nEND\n"


BAD = {
    "an unknown task": (says(verdict(retry=[{"task": "a"}])), "no task 'a' failed"),
    "an unknown task in a group": (says(verdict(groups=[{"cause": "x", "tasks": ["z"]}])), "no task 'z' failed"),
    "a task twice": (says(verdict(retry=[{"task": "once1"}, {"task": "once1"}])), "twice"),
    "an unknown key": (says({**verdict(), "confidence": 0.9}), "unknown key 'confidence'"),
    "an unknown key in retry": (says(verdict(retry=[{"task": "once1", "model": "x"}])), "unknown key 'model'"),
    "an unknown value": (says(verdict(relation="maybe")), "'relation'"),
    "no cause": (says(without("cause")), "'cause' is missing"),
    "a cause of two lines": (says(verdict(cause="one\ntwo")), "'cause'"),
    "a timeout of none": (says(verdict(retry=[{"task": "once1", "timeout": "0"}])), "'timeout'"),
    "a fix that is nothing": (says(verdict(fix={"run": []})), "run"),
    "an array": (says([verdict()]), None),
    "half an object": (says(json.dumps(verdict())[:-9]), None),
    "two objects": (says(json.dumps(verdict()) * 2), None),
    "a key twice": (says('{"cause":"x",' + json.dumps(verdict())[1:]), None),
    "words": (says("I think it is the gearbox."), None),
    "nothing": ("cat > /dev/null\n", None),
    "blanks": ("cat > /dev/null; echo; echo\n", None),
    "deep brackets": ("cat > /dev/null; head -c 100000 /dev/zero | tr '\\0' '['\n", None),
    "bytes": ("cat > /dev/null; misbehave binary\n", None),
    "exit 1": ("cat verdict; exit 1\n", "exit 1"),
    "a death": ("cat verdict; kill -9 $$\n", "SIGKILL"),
    "silence until its timeout": ("exec misbehave hang\n", "timed out", "timeout: 0.3s\n"),
    "deafness": ("exec misbehave ignore-term\n", "timed out", "timeout: 0.3s\n"),
    "a flood of 50 MB": ("cat > /dev/null; exec misbehave flood 50M\n", None),
    "a flood of errors": ("cat > /dev/null; misbehave flood 20M err; exit 1\n", "exit 1"),
    "a daemon": ("cat > /dev/null; misbehave daemon 30; echo no\n", None),
}


def bad(script, why, front=""):
    def test(t):
        prepare(t)
        doctor(t, verdict(), script, front)
        p = run(t, tasks("once1", "a", "once2"), *ASK, "--grace", "0.2s", status=0)
        rest = first_round(t, "once1", "a", "once2")
        t.equal(rest[:2], ["doctor is invalid", "builtin says related"])
        side_by_side(t, rest[2:], 2, "once1.2", "once2.2")
        t.equal(times_asked(t), 1, "times asked")
        first, second = t.events("verdict")
        t.check(first["error"], "no error told")
        if why:
            t.contains(first["error"], why, "error")
        t.equal(first["verdict"], None)
        t.check(len(first["answer"]) <= 4000, f"{len(first['answer'])} characters of the answer")
        t.equal((second["error"], second["answer"]), (None, None))
        t.contains(t.state_md(), "Level 2: doctor debugger: no verdict: ")
        t.contains(t.state_md(), "Level 2: builtin debugger: related: ")
        t.equal(p.err, "")
    return test


for _what, _how in BAD.items():
    _test = bad(*_how)
    _test.__doc__ = f"a debugger that answers with {_what}: recorded as invalid, the built-in one is asked, once"
    _test.limit = 40
    globals()["test_bad_" + re.sub(r"\W+", "_", _what)] = _test


def test_bad_and_unhelpful(t):
    """an invalid verdict and retries that do not help: each debugger asked once, never more; never itself debugged"""
    prepare(t)
    doctor(t, script="cat > /dev/null; exit 1\n")
    run(t, tasks("never1", "a", "never2"), *ASK, "-r", "2", status=3)
    t.equal([w for w in story(t) if w[0] not in "+-"], ["doctor is invalid", "builtin says related", "escalated"])
    run(t, tasks("never1", "never2"), *ASK, status=2)
    t.equal([w for w in story(t) if w[0] not in "+-"], ["doctor is invalid", "builtin says related", "escalated"])
    run(t, tasks("never"), *ASK, status=2)
    t.equal(story(t)[-3:], ["doctor is invalid", "builtin says related", "escalated"])
    t.equal(times_asked(t), 3)


def test_missing_program(t):
    """a debugger whose program is not there: no verdict, the built-in one is asked"""
    prepare(t)
    t.write(".pollard/agents/doctor.md", "---\nname: doctor\ncommand: ./no-such-doctor\n---\n")
    run(t, tasks("once1", "a", "once2"), *ASK, status=0)
    t.equal(first_round(t, "once1", "a", "once2")[:2], ["doctor is invalid", "builtin says related"])
    t.contains(t.events("verdict")[0]["error"], "cannot start './no-such-doctor'")


def test_fenced_verdict(t):
    """a verdict in a fenced block with words around it is one"""
    prepare(t)
    doctor(t, script=says("I looked at it.\n\n```json\n" + json.dumps(verdict(), indent=1) + "\n```\n\nGood luck!"))
    run(t, tasks("once1", "a", "once2"), *ASK, status=0)
    t.equal(first_round(t, "once1", "a", "once2")[0], "doctor says related")


def test_task_called_debugger(t):
    """tasks called 'debugger' and 'fix' are no one else's, also when all of them print much"""
    t.write("try.sh", 'misbehave flood 40000\n[ "$1" = a ] || [ -e oil ] || { echo stuck >&2; exit 3; }\n')
    doctor(t, verdict(fix={"run": ["sh", "-c", "misbehave flood 40000; touch oil"]}),
           "cat > /dev/null; misbehave flood 40000 | tr '\\0' x; echo; echo '```json'; cat verdict; echo; echo '```'\n")
    run(t, commands("debugger", "a", "fix"), *ASK, "--allow-fix", "-r", "1", status=0)
    t.equal(first_round(t, "debugger", "a", "fix")[:2], ["doctor says related", "fix succeeded"])
    t.equal(finished(t), {"a": ("succeeded", 1, 0), "debugger": ("succeeded", 2, 2), "fix": ("succeeded", 2, 2)})


# Which one.

def test_unknown_agent(t):
    """--debugger AGENT: one that is not there: 65, with the name that was meant, and nothing runs"""
    prepare(t)
    doctor(t, verdict())
    p = run(t, tasks("a"), "--debugger", "docter", status=65)
    t.matches(p.err, r"^pollard: option '--debugger': no agent 'docter', did you mean 'doctor'\?$")
    t.check(not os.path.exists(t.path("asked")), "something was run")
    t.equal(t.runs(), [])


def test_agent_without_command(t):
    """--debugger AGENT: one without a command: 78, naming its file, and nothing runs"""
    prepare(t)
    t.write(".pollard/agents/doctor.md", "---\nname: doctor\ndescription: looks\n---\nYou find causes.\n")
    p = run(t, tasks("a"), *ASK, status=78)
    t.contains(p.err, ".pollard/agents/doctor.md")
    t.check(not os.path.exists(t.path("asked")), "something was run")


def test_not_asked_in_vain(t):
    """a debugger is not asked when everything succeeds, nor with --fail-fast"""
    prepare(t)
    doctor(t, verdict())
    run(t, tasks("a", "b"), *ASK, status=0)
    run(t, tasks("never1", "never2"), *ASK, "--fail-fast", status=2)
    t.equal(times_asked(t), 0)
    t.equal(t.events("verdict"), [])


# In the middle of it: a signal, a second one, the deadline.

def ended(t, signal_name):
    """Nothing was decided after the stop, and the record and STATE.md say how it stands."""
    t.equal(t.events("escalated"), [])
    t.equal([r["signal"] for r in t.events("run-finished")], [signal_name])
    t.equal(len(t.events("step-finished")), 1)
    if signal_name:
        t.matches(t.state_md(), rf"^- \*\*Status\*\*: ⏹ Interrupted \({signal_name}\): ")


HANGS = "cat > /dev/null; echo > asking; exec misbehave %s\n"


def test_signal_asking(t):
    """a signal while the debugger is asked: it is ended, nothing is retried, the tasks stay failed"""
    prepare(t)
    doctor(t, script=HANGS % "hang")
    p = t.start("pollard", "run", "-o", "none", *ASK, input=tasks("once1", "a", "once2"))
    t.wait_file("asking")
    p.kill()
    p.expect(-15)
    rest = first_round(t, "once1", "a", "once2")
    t.check(not any(w[0] == "+" or "builtin" in w for w in rest), rest)
    t.equal(finished(t), {"a": ("succeeded", 1, 0), "once1": ("failed", 1, 0), "once2": ("failed", 1, 0)})
    ended(t, "SIGTERM")


def test_two_signals_asking(t):
    """a second signal while the debugger is asked ends one that ignores the first at once"""
    prepare(t)
    doctor(t, script=HANGS % "ignore-term")
    p = t.start("pollard", "run", "-o", "none", "--grace", "60s", *ASK, input=tasks("once1", "once2"))
    t.wait_file("asking")
    p.kill(signal.SIGINT)
    t.wait_for(lambda: "once more to kill at once" in p.err, "the message")
    p.kill(signal.SIGINT)
    p.expect(-2)
    ended(t, "SIGINT")


def test_status_asking(t):
    """SIGUSR1 while the debugger is asked: the state is said, and all goes on"""
    prepare(t)
    doctor(t, verdict(), "cat > /dev/null; echo > asking; until [ -e go ]; do sleep 0.01; done; cat verdict\n")
    p = t.start("pollard", "run", "-o", "none", "--progress", "plain", *ASK, input=tasks("once1", "a", "once2"))
    t.wait_file("asking")
    before = len(p.err)
    p.kill(signal.SIGUSR1)
    t.wait_for(lambda: len(p.err) > before, "the state")
    t.write("go", "")
    p.expect(0)


def test_signal_fixing(t):
    """a signal while the fix is carried out: it is ended, nothing is retried, the tasks stay failed"""
    prepare(t)
    doctor(t, verdict(fix={"run": ["sh", "-c", "echo > fixing; exec misbehave hang"]}))
    p = t.start("pollard", "run", "-o", "none", "--allow-fix", *ASK, input=tasks("once1", "a", "once2"))
    t.wait_file("fixing")
    p.kill()
    p.expect(-15)
    t.equal(first_round(t, "once1", "a", "once2"), ["doctor says related", "fix failed"])
    t.equal(finished(t), {"a": ("succeeded", 1, 0), "once1": ("failed", 1, 0), "once2": ("failed", 1, 0)})
    ended(t, "SIGTERM")


RETRY_HANGS = """
cat > /dev/null
[ "$1" = a ] && { echo fine; exit 0; }
[ "$POLLARD_ATTEMPT" = 1 ] && { echo "the gearbox is stuck" >&2; exit 3; }
echo > "retrying.$1"
exec misbehave hang
"""


def test_signal_retrying(t):
    """a signal while retries run side by side: they are cancelled"""
    prepare(t)
    t.write("try.sh", RETRY_HANGS)
    p = t.start("pollard", "run", "-o", "none", input=tasks("x", "a", "y"))
    t.wait_file("retrying.x")
    t.wait_file("retrying.y")
    p.kill()
    p.expect(-15)
    t.equal({r["task"]: (r["status"], r["reason"], r["attempts"]) for r in t.events("task-finished")},
            {"a": ("succeeded", None, 1), "x": ("cancelled", "interrupted", 2), "y": ("cancelled", "interrupted", 2)})
    ended(t, "SIGTERM")


def test_signal_retrying_in_turn(t):
    """a signal while retries run one after another: that one is cancelled, the next stay failed and are not started"""
    prepare(t)
    t.write("try.sh", RETRY_HANGS)
    doctor(t, verdict("independent", "sequential"))
    p = t.start("pollard", "run", "-o", "none", *ASK, input=tasks("x", "a", "y", "z"))
    t.wait_file("retrying.x")
    p.kill()
    p.expect(-15)
    t.equal({r["task"]: (r["status"], r["attempts"]) for r in t.events("task-finished")},
            {"a": ("succeeded", 1), "x": ("cancelled", 2), "y": ("failed", 1), "z": ("failed", 1)})
    t.equal(first_round(t, "x", "a", "y", "z"), ["doctor says independent", "+x.2@2", "-x.2"])
    ended(t, "SIGTERM")


def deadline(t, reached, text, *options):
    """Runs until the deadline comes in the phase in which this file is there, and not before."""
    for seconds in (1.5, 4, 10):
        if os.path.exists(t.path(reached)):
            os.unlink(t.path(reached))
        p = run(t, text, "--deadline", f"{seconds}s", "--grace", "0.2s", *options, status=None)
        if os.path.exists(t.path(reached)):
            p.expect(4)
            return p
    return t.skip("the machine is too slow for a deadline of ten seconds")


def test_deadline_asking(t):
    """the deadline while the debugger is asked: it is ended, the tasks stay failed: 4"""
    prepare(t)
    doctor(t, script=HANGS % "ignore-term")
    p = deadline(t, "asking", tasks("once1", "a", "once2"), *ASK)
    t.contains(p.err, "stopped by the deadline")
    t.equal(finished(t), {"a": ("succeeded", 1, 0), "once1": ("failed", 1, 0), "once2": ("failed", 1, 0)})
    ended(t, None)


def test_deadline_fixing(t):
    """the deadline while the fix is carried out: it is ended, the tasks stay failed: 4"""
    prepare(t)
    doctor(t, verdict(fix={"run": ["sh", "-c", "echo > fixing; exec misbehave ignore-term"]}))
    deadline(t, "fixing", tasks("once1", "a", "once2"), *ASK, "--allow-fix")
    t.equal([r["status"] for r in t.events("fix")], ["failed"])
    t.equal(finished(t), {"a": ("succeeded", 1, 0), "once1": ("failed", 1, 0), "once2": ("failed", 1, 0)})
    ended(t, None)


def test_deadline_retrying(t):
    """the deadline while a retry runs: it is cancelled, what waited for its turn stays failed: 4"""
    prepare(t)
    t.write("try.sh", RETRY_HANGS)
    doctor(t, verdict("independent", "sequential"))
    deadline(t, "retrying.x", tasks("x", "a", "y"), *ASK)
    t.equal({r["task"]: (r["status"], r["reason"], r["attempts"]) for r in t.events("task-finished")},
            {"a": ("succeeded", None, 1), "x": ("cancelled", "deadline", 2), "y": ("failed", "exit", 1)})
    ended(t, None)


def test_killed_asking(t):
    """kill -9 of pollard while the debugger is asked: nothing of it lives on, and the run is shown as unfinished"""
    prepare(t)
    doctor(t, script=HANGS % "ignore-term")
    p = t.start("pollard", "run", "-o", "none", *ASK, input=tasks("once1", "once2"))
    t.wait_file("asking")
    p.kill(signal.SIGKILL)
    p.expect(-9)
    t.wait_for(lambda: not t.left_processes(), "the debugger to end")
    t.matches(t.run("pollard", "status").out, r"^\S+ .* unfinished ")


# Together with the rest.

def test_json(t):
    """-o json: level and attempts of what was retried, and exit 3 told in the summary"""
    prepare(t)
    doctor(t, verdict())
    p = t.run("pollard", "run", "-k", "-o", "json", "--progress", "none", *ASK, input=tasks("never1", "a", "never2"),
              status=3)
    *results, summary = [json.loads(line) for line in p.out.splitlines()]
    t.equal([(r["task"], r["status"], r["attempts"], r["level"]) for r in results],
            [("never1", "failed", 2, 2), ("a", "succeeded", 1, 0), ("never2", "failed", 2, 2)])
    t.equal((summary["outcome"], summary["succeeded"], summary["failed"]), ("partial", 1, 2))


def test_json_level_3(t):
    """-o json: level 3 of the canary, 0 of what was not tried again; each task once"""
    prepare(t)
    p = t.run("pollard", "run", "-k", "-o", "json", "--progress", "none", input=tasks("never1", "never2"), status=2)
    results = [json.loads(line) for line in p.out.splitlines()][:-1]
    t.equal([(r["task"], r["attempts"], r["level"]) for r in results], [("never1", 2, 3), ("never2", 1, 0)])


def test_output_once(t):
    """what was retried prints the output of its last attempt, and only that"""
    prepare(t)
    p = t.run("pollard", "run", "-k", "--progress", "none", input=tasks("once1", "a", "once2"))
    t.equal(p.out, "done with once1\ndone with a\ndone with once2\n")


def test_needs(t):
    """needs: what level 2 revives lets the others run; the ladder is entered once more for them, and not a third time"""
    prepare(t)
    doctor(t, verdict())
    text = tasks("once1", "a", "once2") + tasks("once3", "once4", needs=["once1"]) + \
        tasks("once5", "once6", needs=["once3"]) + tasks("last", needs=["once5"])
    run(t, text, *ASK, status=1)
    t.equal([w for w in story(t) if w[0] not in "+-"], ["doctor says related"] * 2)
    t.equal(times_asked(t), 2)
    t.equal([level for level, _ in recoveries(t)], [2, 2])
    t.equal(finished(t), {
        "a": ("succeeded", 1, 0), "once1": ("succeeded", 2, 2), "once2": ("succeeded", 2, 2),
        "once3": ("succeeded", 2, 2), "once4": ("succeeded", 2, 2),
        "once5": ("failed", 1, 0), "once6": ("failed", 1, 0), "last": ("skipped", 0, 0)})
    words = story(t)
    t.check(max(words.index("-once1.2"), words.index("-once2.2")) < words.index("+once3.1@0"), "ran beside the ladder")
    second = json.loads(t.read("request.2").split("You find causes.")[1])
    t.equal([f["task"] for f in second["failures"]], ["once3", "once4"])
    t.equal(sorted(second["succeeded"]), ["a", "once1", "once2"])


def test_needs_not_revived(t):
    """needs: what level 3 does not revive: what waits for it is skipped and no failure for the debugger"""
    prepare(t)
    doctor(t, verdict())
    run(t, tasks("never1", "never2") + tasks("after", needs=["never1"]), *ASK, status=2)
    request = json.loads(t.read("request.1").split("You find causes.")[1])
    t.equal([f["task"] for f in request["failures"]], ["never1", "never2"])
    t.equal(finished(t)["after"], ("skipped", 0, 0))
    t.equal(len(t.events("escalated")), 1)


def test_stream(t):
    """--stream: recovery begins when the input has ended, and goes the same way"""
    prepare(t)
    p = t.start("pollard", "run", "--stream", "-o", "none", "--progress", "none", stdin="pipe")
    p.write(tasks("once1", "a", "once2"))
    for name in ("once1", "a", "once2"):
        t.wait_event("attempt-finished", task=name)
    t.check(not any(".2" in w for w in story(t, partial=True)), "retried before the end of the input")
    p.close_stdin()
    p.expect(0)
    rest = first_round(t, "once1", "a", "once2")
    t.equal(rest[0], "builtin says related")
    t.equal(side_by_side(t, rest[1:], 2, "once1.2", "once2.2"), [])


def test_stream_no_retries(t):
    """--stream, retries 0: the debugger is asked about failures that were printed long ago"""
    text = "".join(f'{{"id":"f{n}","run":["sh","-c","echo stuck >&2; exit 3"]}}\n' for n in range(40))
    p = t.run("pollard", "run", "--stream", "-o", "none", "--progress", "none",
              input=text + lines({"id": "a", "run": ["true"]}), status=1)
    t.equal([w for w in story(t) if w[0] not in "+-"], ["builtin says related"])
    t.matches(p.err, r"^  cause: 40 tasks: exit 3: stuck$")


def test_no_record(t):
    """--no-record: the same ladder with nothing written: asked, advised, retried, statuses 0, 3 and 2"""
    prepare(t)
    doctor(t, verdict(retry=[{"task": "once1", "advice": "turn it slowly"}, {"task": "once2"}]))
    run(t, tasks("once1", "a", "once2"), *ASK, "--no-record", status=0)
    request = json.loads(t.read("request.1").split("You find causes.")[1])
    t.equal([f["attempts"][0]["stderr_tail"] for f in request["failures"]], ["the gearbox is stuck\n"] * 2)
    t.contains(t.read("asked/once1.2"), "Advice: turn it slowly")
    p = run(t, tasks("never1", "a", "never2"), "--no-record", status=3)
    t.matches(p.err, r"^  cause: 2 tasks: exit 3: the gearbox is stuck$")
    t.check("ESCALATION.md" not in p.err, p.err)
    run(t, tasks("never1", "never2"), "--no-record", status=2)
    t.equal(t.runs(), [])


def test_agent_has_limits(t):
    """a debugger is a worker like any other: its own standard input, no terminal, and its leftovers are swept"""
    prepare(t)
    doctor(t, verdict(), "cat > request; misbehave daemon 30 > /dev/null; cat verdict\n")
    run(t, tasks("once1", "a", "once2"), *ASK, status=0)
    t.equal(first_round(t, "once1", "a", "once2")[0], "doctor says related")


def test_progress(t):
    """what is done about failures is said: who is asked, what it says, what recovery did"""
    prepare(t)
    p = t.run("pollard", "run", "-o", "none", "--progress", "plain", input=tasks("never1", "a", "never2"), status=3)
    said = [line for line in p.err.splitlines() if re.match(r"pollard: (asking|the debugger|recovery)", line)]
    t.equal(said, [
        "pollard: asking the built-in debugger about 2 failures",
        "pollard: the debugger says: related: 2 tasks: exit 3: the gearbox is stuck",
        "pollard: recovery, level 2: related: 2 tasks (never1, never2): 2 tasks: exit 3: the gearbox is stuck; "
        "retried side by side: failed again"])


def test_failed_alone_with_skipped(t):
    """scenario 1 with others that were skipped: alone means that no task succeeded; asked, escalated: 2"""
    prepare(t)
    run(t, tasks("never") + tasks("after", needs=["never"]), status=2)
    t.equal(story(t), ["+never.1@0", "-never.1", "+never.2@1", "-never.2", "builtin says related", "escalated"])
    t.equal(finished(t)["after"], ("skipped", 0, 0))


def test_succeeded_never_again(t):
    """whatever the level, a task that succeeded is never attempted again, and none more often than its retries allow"""
    prepare(t)
    doctor(t, verdict("independent", "sequential"))
    run(t, tasks("a", "never1", "b", "twice", "never2", "c"), *ASK, "-r", "2", status=1)
    t.equal(finished(t), {"a": ("succeeded", 1, 0), "b": ("succeeded", 1, 0), "c": ("succeeded", 1, 0),
                          "never1": ("failed", 3, 2), "twice": ("succeeded", 3, 2), "never2": ("failed", 3, 2)})


def test_own_retries(t):
    """retries of each task are its own: what has none is told to the debugger and not attempted again"""
    prepare(t)
    run(t, tasks("once1", retries=0) + tasks("a") + tasks("once2", retries=1) + tasks("twice", retries=2), status=1)
    rest = first_round(t, "once1", "a", "once2", "twice")
    t.equal(rest[0], "builtin says related")
    t.equal(finished(t), {"a": ("succeeded", 1, 0), "once1": ("failed", 1, 0), "once2": ("succeeded", 2, 2),
                          "twice": ("succeeded", 3, 2)})
    t.equal(len(t.events("verdict")[0]["verdict"]["groups"][0]["tasks"]), 3)


# -o json.

def test_json_causes(t):
    """-o json: each task that failed says which cause the debugger found for it"""
    out = t.run("pollard", "run", "--shell", "-r", "1", "-o", "json", "--progress", "none",
                input="echo 'x: database is locked' >&2; exit 5\n" * 2 + "echo fine\n", status=3).out
    told = {r["task"]: r["verdict"] for r in map(json.loads, out.splitlines()) if "task" in r}
    t.equal(told, {"1": "2 tasks: the database is locked", "2": "2 tasks: the database is locked", "3": None}, "causes")
