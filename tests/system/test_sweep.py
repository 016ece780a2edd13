"""Never lose work (spec chapter 5): pollard, or one of its workers, is killed by SIGKILL at an entry into a system
call or a return from one, whichever it is; then the run is resumed. Here a sample of these instants is taken, by
$POLLARD_SWEEP_SEED; tests/sweep-all takes all of them, and repeats a single one.

    a list       20 tasks in one step, with needs, tasks that fail once or always, and an agent as the debugger
    a workflow   the same tasks in two steps with merged results, and the built-in debugger
"""

import os
import random

import sweeping
from harness import Failed

SEED = os.environ.get("POLLARD_SWEEP_SEED", "1")
# So many system calls of a worker are looked at, entries and returns.
WORKER_POINTS = 130


class Kill:
    """What is killed when: the supervisor or its K-th worker at its N-th instant, and the `resume` after that at its
    own N-th."""

    def __init__(self, shape, point, worker=None, again=None):
        self.shape, self.point, self.worker, self.again = shape, point, worker, again

    def options(self):
        words = ["--shape", self.shape, "--point", str(self.point)]
        if self.worker:
            words += ["--worker", str(self.worker)]
        if self.again:
            words += ["--again", str(self.again)]
        return " ".join(words)


def traced(t):
    """Only one can trace a process: here the sanitizer cannot look for leaks."""
    return {"ASAN_OPTIONS": t.env["ASAN_OPTIONS"] + ":detect_leaks=0"}


class Undisturbed:
    """What a run of this shape does when nobody disturbs it."""

    def __init__(self, t, shape):
        self.shape = shape
        place = sweeping.Place(t, "undisturbed", shape)
        counted = place.run(sweeping.helper(t, "sweep"), "--count", "--report", os.path.join(t.base, "count"), "--",
                            *place.words(), env=traced(t), status=None, limit=sweeping.RUN_SECONDS)
        status = counted.status
        t.check(status in sweeping.STATUSES, f"an undisturbed run ends with {status}:\n{counted.err[-2000:]}")
        self.points = int(counted.out.splitlines()[-1])
        records = place.journal()
        self.finals = sweeping.finals(records)
        self.workers = len(sweeping.of(records, "attempt-started"))
        ends = {name: end[0] for name, end in self.finals.items()}
        t.equal({n for n, end in ends.items() if end == "failed"}, {"n1", "n2"}, "tasks that fail")
        t.equal({n for n, end in ends.items() if end == "skipped"}, {"b4"}, "tasks that are skipped")
        t.equal(len(ends), 20, "tasks")
        sweeping.check_record(place, records)
        sweeping.check_complete(place, records, self.finals)
        place.remove()


def sweep(place, kill, argv, point):
    """Runs it up to that instant; (the process, what was killed where or None)."""
    t = place.t
    report = os.path.join(t.base, "report")
    worker = ["--worker", str(kill.worker)] if kill.worker else []
    process = place.run(sweeping.helper(t, "sweep"), *worker, "--point", str(point), "--report", report, "--", *argv,
                        env=traced(t), status=None, limit=sweeping.RUN_SECONDS)
    with open(report, encoding="utf-8") as f:
        words = f.read().split()
    return process, " ".join(words[1:]) if words[0] == "killed" else None


def check_one(t, kill, undisturbed, number=0):
    """Everything that has to hold for one instant."""
    place = sweeping.Place(t, f"at{number}", kill.shape)
    where = None
    try:
        process, where = sweep(place, kill, place.words(), kill.point)
        sweeping.check_gone(t)
        sweeping.check_readable(place)
        if where is None:
            ended_by_itself(place, process, undisturbed)
        elif kill.worker:
            worker_killed(place, process, undisturbed)
        else:
            supervisor_killed(place, process, kill, undisturbed)
        sweeping.check_gone(t)
    except Failed as why:
        raise Failed(f"killed at {where or 'no instant'}: {why}\n"
                     f"this one again: tests/sweep-all --keep {kill.options()}") from None
    place.remove()


def ended_by_itself(place, process, undisturbed):
    """There was no such instant: an ordinary run."""
    records = place.journal()
    place.t.check(process.status in sweeping.STATUSES, f"status {process.status}, and nothing was killed")
    sweeping.check_record(place, records, process.out)
    sweeping.check_complete(place, records, undisturbed.finals)


def worker_killed(place, process, undisturbed):
    """The run goes on; only what that worker had to do can be harmed, and what needs it."""
    t = place.t
    t.check(process.status in sweeping.STATUSES, f"status {process.status} after a worker was killed\n{process.err}")
    records = place.journal()
    blamed = {r["task"] for r in sweeping.of(records, "attempt-finished") if r["reason"] == "worker"}
    t.check(len(blamed) <= 1, f"one worker was killed, and these are said to have died: {blamed}")
    # who fails by itself too has no attempt left for this, or another reason
    excused = {name for name in blamed if name[0] in "on"}
    excused |= {name for name, needs in sweeping.NEEDS.items() if excused & set(needs)}
    sweeping.check_record(place, records, process.out)
    sweeping.check_complete(place, records, undisturbed.finals, excused)
    for name, count in place.starts().items():
        t.check(count <= sweeping.ATTEMPTS_MAX, f"task {name} was started {count} times")


def supervisor_killed(place, process, kill, undisturbed):
    """Whatever was recorded stays, and resume does the rest, once."""
    t = place.t
    t.equal(process.status, 137, "status")
    records = place.journal(torn=True)
    sweeping.check_record(place, records, process.out)
    if not sweeping.whole_list(records):
        # not even all tasks were recorded: nothing was started, and there is nothing to go on with
        t.equal(place.starts(), {}, "starts before the whole list was recorded")
        return
    if not sweeping.can_resume(t):
        return
    deaths = 1
    if kill.again:
        before = sweeping.recorded(place, records)
        again, where = sweep(place, Kill(kill.shape, kill.again), sweeping.resume(place), kill.again)
        deaths += where is not None
        sweeping.check_gone(t)
        sweeping.check_readable(place)
        sweeping.check_kept(place, before)
        records = place.journal(torn=True)
        sweeping.check_record(place, records, again.out)
    sweeping.go_on(place, records, undisturbed.finals, deaths)


def check_many(t, kills, undisturbed):
    """All of them, also after one has failed."""
    problems = []
    for number, kill in enumerate(kills):
        try:
            check_one(t, kill, undisturbed, number)
        except Failed as why:
            sweeping.not_the_case(why)
            problems.append(str(why))
            t.stop_all()
    if problems:
        raise Failed("\n".join(problems))


def has_workflows(t):
    place = sweeping.Place(t, "probe", "workflow")
    place.write("probe.json", '{"version": 1, "steps": [{"id": "a", "run": ["true"]}, {"id": "b", "run": ["true"]}]}\n')
    able = place.run("pollard", "run", "-f", "probe.json", status=None).status == 0
    place.remove()
    return able


# The sample.

def spread(dice, count, most):
    """So many numbers from 1 to most, one of each part of the range."""
    return [1 + int((i + dice.random()) * most / count) for i in range(count)]


def batch(t, shape, count, part, choose):
    """Checks some instants; `choose` makes a Kill of the dice and a place in the run's time."""
    if shape == "workflow" and not has_workflows(t):
        t.skip("this version has no workflows")
    undisturbed = Undisturbed(t, shape)
    dice = random.Random(f"{SEED} {shape} {part}")
    check_many(t, choose(dice, undisturbed, count), undisturbed)


def supervisor(dice, undisturbed, count):
    for i, point in enumerate(spread(dice, count, undisturbed.points)):
        again = 1 + dice.randrange(undisturbed.points) if i % 3 == 2 else None
        yield Kill(undisturbed.shape, point, again=again)


def workers(dice, undisturbed, count):
    for worker in spread(dice, count, undisturbed.workers):
        yield Kill(undisturbed.shape, 1 + dice.randrange(WORKER_POINTS), worker=worker)


def test_list(t):
    """[69] a list: killed at an instant and resumed"""
    batch(t, "list", 6, 1, supervisor)


def test_list_more(t):
    """[69] a list: killed at other instants and resumed"""
    batch(t, "list", 6, 2, supervisor)


def test_workflow(t):
    """[69] a workflow: killed at an instant and resumed"""
    batch(t, "workflow", 6, 3, supervisor)


def test_workers(t):
    """[64] [69] a worker killed at an instant: only its own task is harmed"""
    batch(t, "list", 6, 4, workers)


for _test in (test_list, test_list_more, test_workflow, test_workers):
    _test.limit = 60
