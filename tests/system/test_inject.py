"""One call fails (spec chapter 5, and "Exit status" of chapter 2): memory, a write, a sync, a fork, a pipe, an open, a
rename, a new directory. The N-th call of a kind fails, for each N until there is none; also it and all after it.
Afterwards there is one clear message, a documented status, and all that was recorded. tests/sweep-all takes every
allocation; here some are taken, by $POLLARD_SWEEP_SEED.
"""

import os
import random
import re
import shutil
import subprocess

import sweeping
from harness import Failed, OutOfTime

SEED = os.environ.get("POLLARD_SWEEP_SEED", "1")
# Of malloc: each of the first ones, and so many of the others.
FIRST, OTHERS = 200, 100
RUN_SECONDS = 10
# EX_OSERR, EX_CANTCREAT, EX_IOERR; before anything is run also EX_DATAERR, EX_NOINPUT, EX_CONFIG, for what could not
# be read then.
REFUSED = (71, 73, 74)
REFUSED_EARLY = REFUSED + (65, 66, 78)
# What may be said of a failure.
WORDS = {"ENOMEM": "out of memory|Cannot allocate memory", "ENOSPC": "No space left on device",
         "EIO": "Input/output error", "EMFILE": "Too many open files", "EAGAIN": "Resource temporarily unavailable",
         "EACCES": "Permission denied"}
# With each of these one call fails; those of the second list fail from then on.
ONCE = ("write:ENOSPC", "write:EIO", "write:short", "copy:EIO", "copy:short", "sync:EIO", "fork:EAGAIN", "pipe:EMFILE",
        "open:EMFILE", "open:ENOSPC", "rename:EIO", "mkdir:ENOSPC", "stat:EIO")
EVER = ("write:ENOSPC", "sync:EIO", "open:EMFILE", "rename:EACCES", "mkdir:ENOSPC")
# Six tasks: one fails always and one once, so that the debugger is asked; one says too much for the journal, one
# needs another.
TASKS = ("a1", "n1", "g1", "b5", "o1", "a2")
NEEDS = {"b5": ["a1"]}
FINALS = {name: ("failed", "exit") if name == "n1" else ("succeeded", None) for name in TASKS}
STATUS = 1


class Place(sweeping.Place):
    """The same as for killing, with another list."""

    def __init__(self, t, name, plan):
        super().__init__(t, name, "list")
        # files are copied to standard output only there
        self.output = ["-o", "text"] if plan.startswith("copy:") else ["-o", "json", "-m", "concat"]
        self.write("list", sweeping.lines(TASKS, NEEDS))

    def words(self):
        return ["pollard", "run", "-j", "3", "-r", "1", *self.output, "--debugger", "doctor", "--progress", "none",
                "-f", "list"]

    def printed(self, process):
        return {o["task"] for o in sweeping.printed(process.out)} if "json" in self.output else set(TASKS)


def preloaded(t, plan, mark):
    library = sweeping.helper(t, "inject.so", "-shared", "-fPIC")
    # a sanitizer wants to be the first library
    options = t.env["ASAN_OPTIONS"] + ":verify_asan_link_order=0:detect_leaks=0"
    return {"LD_PRELOAD": library, "INJECT": plan, "INJECT_MARK": mark, "ASAN_OPTIONS": options}


def read_mark(path):
    """(whether it fired, bytes of the journal then, places in the program)."""
    if not os.path.exists(path):
        return False, 0, []
    with open(path, encoding="utf-8") as f:
        words = [line.split() for line in f]
    return True, max([int(w[1]) for w in words if w[0] == "journal"], default=0), [w[1] for w in words if w[0] == "at"]


def places(t, addresses):
    """The innermost functions of the program, as far as the debugging information tells."""
    tool = shutil.which("addr2line", path=t.env["PATH"])
    program = os.path.join(sweeping.build_directory(t), "pollard")
    if not tool or not addresses:
        return ""
    done = subprocess.run([tool, "-sfe", program, *addresses[:8]], stdout=subprocess.PIPE, text=True, check=False)
    lines = done.stdout.splitlines()
    return " < ".join(f"{name} ({line})" for name, line in zip(lines[::2], lines[1::2]))


def check_one(t, plan, number=0):
    """Everything that has to hold when that call fails; False when there is no such call."""
    place = Place(t, f"at{number}", plan)
    mark = os.path.join(place.dir, "mark")
    fired = False
    # Standard input is a directory with a name in it that pollard removes in its own: it is nobody's to touch.
    others = os.path.join(place.dir, "others")
    os.makedirs(os.path.join(others, "tmp", "kept"))
    stdin = os.open(others, os.O_RDONLY)
    try:
        process = place.run(*place.words(), env=preloaded(t, plan, mark), status=None, limit=RUN_SECONDS, stdin=stdin)
        t.equal(os.listdir(os.path.join(others, "tmp")), ["kept"], "what others have in their directory")
        fired, size, _addresses = read_mark(mark)
        sweeping.check_gone(t)
        if fired:
            check_end(place, process, plan)
            check_kept(place, process, size)
            check_resume(place)
        else:
            t.equal(process.status, STATUS, "status when nothing failed")
        check_reports(t)
    except Failed as why:
        raise type(why)(f"{plan}: {why}\ncalled from {places(t, read_mark(mark)[2])}\n"
                        f"this one again: tests/sweep-all --keep --inject '{plan}'") from None
    finally:
        os.close(stdin)
    place.remove()
    return fired


def check_end(place, process, plan):
    """A documented status, and a message that says what was wrong."""
    t, status, err = place.t, process.status, process.err
    error = plan.split(":")[1].split("@")[0]
    refused = REFUSED if place.run_dir() else REFUSED_EARLY
    t.check(status == STATUS or status in refused or survived_less(place, status), f"status {status}\n{err[-2000:]}")
    if error == "short":
        t.equal(status, STATUS, "status after a short write")
    if status in refused:
        told = [line for line in err.splitlines() if re.search(WORDS[error], line)]
        t.check(told, f"status {status}, and nothing says why:\n{err[-2000:]}")
        t.check(all(line.startswith("pollard: ") for line in told), f"not said by pollard:\n{err[-2000:]}")
        if not plan.endswith("+"):
            t.check(len(told) == 1, f"said {len(told)} times:\n{err[-2000:]}")
    t.check(not re.search(r"[Aa]ssert|Sanitizer|runtime error|stack smashing|invalid pointer", err), err[-2000:])


def survived_less(place, status):
    """A task may have failed by the shortage; then its reason says so, and the status is that of the record."""
    records = place.journal(torn=True)
    ends = sweeping.of(records, "run-finished")
    if status not in (0, 1, 2, 3, 4) or not ends:
        return False
    harmed = [r for r in sweeping.of(records, "task-finished") if r["status"] != FINALS[r["task"]][0]]
    return ends[-1]["exit"] == status and all(
        r["reason"] in ("worker", "spawn", "needs") or r["error"] for r in harmed)


def check_kept(place, process, size):
    """What was recorded is there and can be read, and there is no litter."""
    t = place.t
    path = os.path.join(place.run_dir() or "", "journal.jsonl")
    records = place.journal(torn=True)
    if os.path.exists(path):
        t.check(os.path.getsize(path) >= size, f"the journal had {size} bytes, and has {os.path.getsize(path)}")
    # a result whose record cannot be written is printed all the same
    out = process.out if "json" in place.output and process.status != 74 else ""
    sweeping.check_record(place, records, out)
    if process.status < 64:
        t.equal(set(sweeping.finals(records)), set(TASKS), "tasks with a final result")
        t.equal(records[-1]["event"], "run-finished", "the last event")
        t.equal(place.printed(process), set(TASKS), "results that were printed")
    sweeping.check_readable(place)
    t.equal(place.litter(), [], "files that are none of a run's")
    t.equal(os.listdir(t.tmp), [], "temporary files")


def check_resume(place):
    """A run that ended without its last record can be taken up again."""
    records = place.journal(torn=True)
    if not sweeping.whole_list(records) or sweeping.of(records, "run-finished") or not sweeping.can_resume(place.t):
        return
    sweeping.go_on(place, records, FINALS, 1)


def check_reports(t):
    """A checker's report belongs to the call that was just made to fail."""
    log = t.env["POLLARD_TEST_LOG"]
    for name in os.listdir(log):
        with open(os.path.join(log, name), errors="replace", encoding="utf-8") as f:
            text = f.read()
        os.unlink(os.path.join(log, name))
        if text.strip():
            raise Failed(f"report of a checker:\n{text[:4000]}")


def check_all(t, plans):
    """All of these; how many there were to fail."""
    problems, fired = [], 0
    for number, plan in enumerate(plans):
        try:
            fired += check_one(t, plan, number)
        except Failed as why:
            sweeping.not_the_case(why)
            problems.append(str(why))
            fired += 1
            t.stop_all()
    if problems:
        raise Failed("\n".join(problems))
    return fired


def count(t, what):
    """How many calls of the kind a run makes: the first N for which nothing fails, found by halving."""
    low, high = 0, 1
    while fires(t, f"{what}@{high}"):
        low, high = high, high * 2
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if fires(t, f"{what}@{middle}") else (low, middle)
    return low


def fires(t, plan):
    place = Place(t, "count", plan)
    mark = os.path.join(place.dir, "mark")
    try:
        place.run(*place.words(), env=preloaded(t, plan, mark), status=None, limit=RUN_SECONDS)
    except OutOfTime as why:
        # told when it is its turn
        sweeping.not_the_case(why)
    fired = os.path.exists(mark)
    t.stop_all()
    place.remove()
    return fired


def plans_of(t, what, ever=False):
    return [f"{what}@{n}{'+' if ever else ''}" for n in range(1, 1 + count(t, what))]


def all_plans(t):
    """For the sweep of everything."""
    plans = [plan for what in ("malloc:ENOMEM", *ONCE) for plan in plans_of(t, what)]
    return plans + [plan for what in EVER for plan in plans_of(t, what, ever=True)]


def kinds(t, names, ever=False):
    for what in names:
        t.check(check_all(t, plans_of(t, what, ever)) > 0, f"{what}: no call of it was made: this test is broken")


def test_memory(t):
    """[90] no memory for one allocation: said, 71, and all that was recorded is there"""
    total = count(t, "malloc:ENOMEM")
    t.check(total > FIRST, f"{total} allocations: this test is broken")
    others = random.Random(f"{SEED} malloc").sample(range(FIRST + 1, total + 1), min(OTHERS, total - FIRST))
    check_all(t, [f"malloc:ENOMEM@{n}" for n in [*range(1, FIRST + 1), *sorted(others)]])


def test_write(t):
    """[72] [73] a write fails or is short, each one, once"""
    kinds(t, [what for what in ONCE if what.startswith(("write:", "copy:"))])


def test_sync(t):
    """[74] a sync fails, each one, once"""
    kinds(t, ["sync:EIO"])


def test_fork(t):
    """[27] [29] a fork or a pipe is refused, each one, once: the task is not lost"""
    kinds(t, ["fork:EAGAIN", "pipe:EMFILE"])


def test_files(t):
    """[29] [76] opening, renaming, making a directory fails, each one, once"""
    kinds(t, [what for what in ONCE if what.startswith(("open:", "rename:", "mkdir:", "stat:"))])


def test_ever(t):
    """[72] [74] [29] from some moment on every write, sync, open, rename fails"""
    kinds(t, EVER, ever=True)


for _test in (test_memory, test_write, test_sync, test_fork, test_files, test_ever):
    _test.limit = 120
