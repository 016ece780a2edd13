"""What the tests share that kill pollard at every instant, or make every call of it fail: the helpers, a list and a
workflow whose tasks keep account of their starts, and what has to hold afterwards."""

import json
import os
import re
import shutil
import subprocess

import harness
from harness import Failed, OutOfTime

GONE_SECONDS = 2
RUN_SECONDS = 30
# Of each task, the first time included.
ATTEMPTS_MAX = 2
# What may end a run with tasks that failed: partial, with and without an escalation.
STATUSES = (1, 3)

# What the id says: o... fails the first time, n... always, s... takes a while, g... says a lot. Each start and
# end is a line in `log`; who starts while another attempt of the task is still there says so.
TASK = r"""
id=$1
line="$POLLARD_STEP $id $POLLARD_ATTEMPT"
if [ -e "pid.$id" ] && read -r before <"pid.$id" && kill -0 "$before" 2>/dev/null; then
	echo "$line overlap $$" >>log
fi
echo $$ >"pid.$id"
echo "$line start $$" >>log
case $id in
s*) sleep 0.03 ;;
g*) head -c 20000 /dev/zero | tr '\0' g ;;
esac
case $id in
n*) echo "the gearbox is stuck" >&2; exit 3 ;;
o*) if [ ! -e "failed.$id" ]; then echo x >>"failed.$id"; echo "the gearbox is stuck" >&2; exit 3; fi ;;
esac
echo "done with $id"
echo "$line end $$" >>log
"""

WORKER = "---\nname: worker\ncommand: sh task.sh {task}\n---\nTurn the crank.\n"
DOCTOR = "---\nname: doctor\ncommand: sh doctor.sh\n---\nYou find causes.\n"
VERDICT = {"relation": "related", "cause": "the gearbox wants oil", "groups": [], "strategy": "parallel", "fix": None,
           "retry": [], "escalate": False}

NEEDS = {"b1": ["a1", "a2"], "b2": ["o1"], "b3": ["b1"], "b4": ["n1"]}
LIST = ("a1", "a2", "o1", "n1", "s1", "b1", "b2", "b3", "b4", "a3", "a4", "o2", "g1", "a5", "n2", "s2", "a6", "o3",
        "a7", "a8")
STEPS = (("dig", ("a1", "a2", "o1", "n1", "s1", "b1", "b2", "b3", "b4", "g1")),
         ("fill", ("a3", "a4", "o2", "a5", "n2", "s2", "a6", "o3", "a7", "a8")))


def task(name, needs):
    more = {"needs": needs[name]} if name in needs else {}
    if name.startswith("g"):
        # of a command all of a long output is handed on, from a file
        return {"id": name, "run": ["sh", "task.sh", name], **more}
    return {"id": name, "agent": "worker", "prompt": f"Do {name}", **more}


def lines(names, needs):
    """A list of these tasks."""
    return "".join(json.dumps(task(name, needs)) + "\n" for name in names)


def build_directory(t):
    return os.path.dirname(os.path.realpath(shutil.which("pollard", path=t.env["PATH"])))


def helper(t, name, *flags):
    """A helper's path: where the programs are built, else made here."""
    built = os.path.join(build_directory(t), name)
    if os.path.exists(built):
        return built
    path = os.path.join(t.base, name)
    if os.path.exists(path):
        return path
    compiler = shutil.which("cc", path=t.env["PATH"])
    if not compiler:
        t.skip("there is no C compiler")
    source = os.path.join(t.root, "tests", "helpers", name.split(".", maxsplit=1)[0] + ".c")
    subprocess.run([compiler, "-std=c17", "-D_GNU_SOURCE", "-O1", "-g", *flags, "-o", path, source], check=True,
                   env=t.env)
    return path


def answers(t, *argv):
    return t.run(*argv, status=None).popen.returncode == 0


def can_resume(t):
    return answers(t, "pollard", "resume", "--help")


class Place:
    """A directory and a state directory of their own within a case, where one run takes place."""

    def __init__(self, t, name, shape):
        self.t = t
        self.name = name
        self.shape = shape
        self.dir = os.path.join(t.dir, name)
        self.state = os.path.join(t.base, f"state.{name}")
        self.env = {"POLLARD_STATE_DIR": self.state}
        os.makedirs(self.dir)
        self.write(".pollard/agents/worker.md", WORKER)
        self.write(".pollard/agents/doctor.md", DOCTOR)
        self.write("task.sh", TASK)
        self.write("doctor.sh", "cat >/dev/null\ncat verdict\n")
        self.write("verdict", json.dumps(VERDICT) + "\n")
        self.write("list", lines(LIST, NEEDS))
        # a workflow may be JSON
        self.write("work.json", json.dumps({"version": 1, "steps": [
            {"id": step, "merge": "concat", "tasks": [task(name, NEEDS) for name in names]}
            for step, names in STEPS]}))

    def write(self, name, text):
        path = os.path.join(self.dir, name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "w", encoding="utf-8") as f:
            f.write(text)

    def words(self):
        """The command line of the run."""
        more = ["-f", "list", "--debugger", "doctor"] if self.shape == "list" else ["-f", "work.json"]
        return ["pollard", "run", "-j", "4", "-r", "1", "-o", "json", "--progress", "none", *more]

    def run(self, *argv, env=None, **more):
        return self.t.run(*argv, cwd=self.dir, env={**self.env, **(env or {})}, **more)

    def remove(self):
        for path in (self.dir, self.state):
            shutil.rmtree(path, ignore_errors=True)

    # What there is afterwards.

    def run_dir(self):
        top = os.path.join(self.state, "runs")
        names = sorted(os.listdir(top)) if os.path.isdir(top) else []
        if len(names) > 1:
            raise Failed(f"one run, and {len(names)} run directories")
        return os.path.join(top, names[0]) if names else None

    def journal(self, torn=False):
        """Its records, each checked. `torn`: what follows the last newline is passed over."""
        path = os.path.join(self.run_dir() or "", "journal.jsonl")
        if not self.run_dir() or not os.path.exists(path):
            return []
        with open(path, "rb") as f:
            data = f.read()
        if data and not data.endswith(b"\n") and not torn:
            raise Failed("journal: the last record is torn")
        return [harness.parse_record(line, i + 1) for i, line in enumerate(data.split(b"\n")[:-1])]

    def state_md(self):
        with open(os.path.join(self.run_dir(), "STATE.md"), encoding="utf-8") as f:
            return f.read()

    def log(self):
        """What the tasks wrote: (step, task, attempt, word)."""
        path = os.path.join(self.dir, "log")
        if not os.path.exists(path):
            return []
        with open(path, encoding="utf-8") as f:
            lines = f.read()
        if lines and not lines.endswith("\n"):
            raise Failed(f"log: half a line at its end: {lines[-80:]!r}")
        words = [line.split() for line in lines.splitlines()]
        return [(step, name, int(attempt), word) for step, name, attempt, word, _pid in words]

    def starts(self):
        """How often each task was started, as the tasks themselves tell."""
        counts = {}
        for _step, name, _attempt, word in self.log():
            if word == "start":
                counts[name] = counts.get(name, 0) + 1
        return counts

    def litter(self):
        """Files in the state directory that are none of a run's."""
        allowed = r"(journal\.jsonl|STATE\.md|ESCALATION\.md|lock|out/[\w.+-]+\.(out|err)|merged/[\w.-]+\.(md|json)|" \
                  r"(lease|leases|workers)(/[\w.+-]+)?)"
        found = []
        for top, _dirs, files in os.walk(self.state):
            for name in files:
                path = os.path.relpath(os.path.join(top, name), self.state)
                # a sudden end leaves the name of a directory for temporary files that is gone
                if name == "tmp" and not os.path.exists(os.path.join(top, name)):
                    continue
                if not re.fullmatch(rf"runs/{harness.RUN_ID.pattern}/{allowed}|locks/.*", path):
                    found.append(path)
        return found


def of(records, event):
    return [r for r in records if r["event"] == event]


def finals(records):
    """The final status and reason of each task; one that is told twice is a failure."""
    found = {}
    for r in of(records, "task-finished"):
        if r["task"] in found:
            raise Failed(f"task {r['task']} has two final results")
        found[r["task"]] = (r["status"], r["reason"])
    return found


def printed(text):
    """The results that a run printed with -o json, the summary left out; a line that was cut off does not count."""
    lines = text.split("\n")[:-1]
    return [o for o in map(json.loads, lines) if "task" in o]


def reap():
    """Orphans that came to us and are dead: a dead process that nobody waited for still looks alive to kill(1)."""
    try:
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass
    except ChildProcessError:
        pass


def check_gone(t):
    """Nothing of the run is left after a moment."""
    def gone():
        reap()
        return not t.left_processes()
    t.wait_for(gone, "every process of the run to be gone", GONE_SECONDS)


def not_the_case(why):
    """One program that takes too long is a failure like any other; the case itself has an end."""
    if isinstance(why, OutOfTime) and "the case took" in str(why):
        raise why


def check_readable(place):
    """Whatever there is of a run, the reading commands can do with it."""
    place.run("pollard", "status", status=0)
    if of(place.journal(torn=True), "run-started"):
        place.run("pollard", "show", status=0)


def check_record(place, records, out=""):
    """What was started was recorded before, and what was printed too."""
    t = place.t
    started = {(r["step"], r["task"], r["attempt"]) for r in of(records, "attempt-started")}
    log = place.log()
    t.check(len(started) == len(of(records, "attempt-started")), "an attempt has two starts in the journal")
    ran = [(step, name, attempt) for step, name, attempt, word in log if word == "start"]
    t.check(set(ran) <= started, f"started and not recorded: {sorted(set(ran) - started)}")
    t.check(len(ran) == len(set(ran)), f"the same attempt was started twice: {sorted(ran)}")
    t.equal([entry for entry in log if entry[3] == "overlap"], [], "attempts of one task that ran at the same time")
    final = finals(records)
    for result in printed(out):
        t.check(result["task"] in final, f"task {result['task']} was printed and its end not recorded")
        t.equal(result["status"], final[result["task"]][0], f"the printed status of task {result['task']}")


def check_complete(place, records, expected, excused=()):
    """The run has come to its end, as an undisturbed one does; `excused` tasks may have failed."""
    t = place.t
    t.equal(records[-1]["event"], "run-finished", "the last event")
    got = {name: end for name, end in finals(records).items() if name not in excused}
    want = {name: end for name, end in expected.items() if name not in excused}
    t.check(got == want, "the final results differ: " + ", ".join(
        f"{name}: {got.get(name)}, expected {want.get(name)}" for name in sorted(set(got) | set(want))
        if got.get(name) != want.get(name)))
    state = place.state_md()
    line = re.search(r"^- \*\*Status\*\*: (.*)$", state, re.M)
    t.check(line and line.group(1).startswith("⚠️ Partial"),
            f"STATE.md does not say that the run is over:\n{state[:600]}")
    t.check("Running" not in state and "Waiting" not in state, f"STATE.md has something that goes on:\n{state[:3000]}")
    t.equal(place.litter(), [], "files that are none of a run's")


# Going on with what was interrupted.

def whole_list(records):
    """Whether all tasks were recorded: none starts before."""
    started = of(records, "run-started")
    return bool(started) and len(of(records, "task-added")) == sum(step["count"] for step in started[0]["steps"])


def resume(place):
    return ["pollard", "resume", "-o", "json", "--progress", "none", os.path.basename(place.run_dir())]


def recorded(place, records):
    """How often each task had been started whose result is on record: that must stay so."""
    done = {r["task"] for r in of(records, "attempt-finished") if r["status"] == "succeeded"}
    starts = place.starts()
    return {name: starts.get(name, 0) for name in done | set(finals(records))}


def check_kept(place, before):
    starts = place.starts()
    for name, count in before.items():
        place.t.equal(starts.get(name, 0), count, f"task {name} has a recorded result; its starts")


def go_on(place, records, expected, deaths):
    """resume, to the end: only what has no result is started, once more than without the deaths."""
    t = place.t
    before, ended = recorded(place, records), of(records, "run-finished")
    resumed = place.run(*resume(place), status=None, limit=RUN_SECONDS)
    t.check(resumed.status in STATUSES, f"resume: status {resumed.status}\n{resumed.err[-2000:]}")
    if ended:
        t.equal(resumed.status, ended[0]["exit"], "resume of a finished run: its status")
    after = place.journal()
    check_kept(place, before)
    check_record(place, after, resumed.out)
    try:
        check_complete(place, after, expected)
    except Failed as why:
        raise Failed(f"after resume (status {resumed.status}): {why}\n{resumed.err[-2000:]}") from None
    for name, count in place.starts().items():
        t.check(count <= ATTEMPTS_MAX + deaths, f"task {name} was started {count} times")
    once_more = place.run(*resume(place), status=resumed.status)
    t.equal(len(place.journal()), len(after), f"records after resuming a finished run ({once_more.err[:200]!r})")
