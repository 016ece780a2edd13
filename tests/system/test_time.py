"""Clocks that jump, and limits at the ends of their range: cases 66 to 68 of the catalogue of faults, and what
--deadline, --delay and --timeout promise."""

import os
import shutil
import signal
import subprocess
from datetime import datetime


def when(record, member="time"):
    return datetime.fromisoformat(record[member].replace("Z", "+00:00")).timestamp()


def jumping_clock(t):
    """Environment in which the wall clock jumps as soon as the file `jump` says by how much."""
    compiler = shutil.which("cc", path=t.env["PATH"])
    if not compiler:
        t.skip("there is no C compiler")
    library = t.path("jump.so")
    subprocess.run([compiler, "-shared", "-fPIC", "-O1", "-D_GNU_SOURCE", "-o", library,
                    os.path.join(t.root, "tests", "helpers", "jump.c")], check=True, env=t.env)
    # A sanitizer wants to be the first library.
    options = t.env["ASAN_OPTIONS"] + ":verify_asan_link_order=0"
    return {"LD_PRELOAD": library, "JUMP_FILE": t.path("jump"), "ASAN_OPTIONS": options}


def wall_clock_jump(t, seconds):
    run = t.start("pollard", "run", "-j", "3", "-t", "1500ms", "--idle-timeout", "1s", "--grace", "100ms", "--delay", "10ms", "--shell",
                  input="echo >begun; sleep 60\n"
                        "until test -e jump; do echo waiting; sleep 0.05; done; misbehave tick 0.1\n"
                        "until test -e jump; do echo waiting; sleep 0.05; done; echo fine\n"
                        "echo after\n",
                  env=jumping_clock(t))
    t.wait_file("begun")
    t.wait_event("attempt-started", task="3")
    t.write("jump.new", f"{seconds}\n")
    os.rename(t.path("jump.new"), t.path("jump"))
    run.expect(1)
    finished = {r["task"]: r for r in t.events("attempt-finished")}
    t.equal({n: r["reason"] for n, r in finished.items()}, {"1": "idle-timeout", "2": "timeout", "3": None, "4": None})
    t.check(all(0 <= r["seconds"] < 30 for r in finished.values()), f"seconds: {[r['seconds'] for r in finished.values()]}")
    t.check(0.9 <= finished["1"]["seconds"], f"the idle timeout came after {finished['1']['seconds']} s")
    t.check(1.4 <= finished["2"]["seconds"], f"the timeout came after {finished['2']['seconds']} s")
    end = t.events("run-finished")[0]
    t.check(0 <= end["seconds"] < 30 and 0 <= end["saved_seconds"] < 30, f"run-finished: {end}")
    t.check(abs(when(end) - when(t.events("run-started")[0]) - seconds) < 60, "the clock did not jump: this test is broken")
    t.run("pollard", "show", status=None)
    t.run("pollard", "status")


def test_clock_jumps_forward(t):
    """[66] the wall clock jumps an hour forward: timeouts, delays and durations do not care"""
    wall_clock_jump(t, 3600)


def test_clock_jumps_back(t):
    """[66] the wall clock jumps an hour back: timeouts, delays and durations do not care"""
    wall_clock_jump(t, -3600)


def test_clock_jump_deadline(t):
    """[66] a deadline is not moved by the wall clock either"""
    run = t.start("pollard", "run", "--deadline", "1s", "--grace", "100ms", "--", "misbehave", "hang", input="x\n",
                  env=jumping_clock(t))
    t.wait_event("attempt-started")
    t.write("jump", "-3600\n")
    run.expect(4)
    t.check(1.0 <= t.events("run-finished")[0]["seconds"] < 30, "seconds")


def test_limits_huge(t):
    """[68] limits of years are taken, and end nothing early"""
    for limit in ("24856h", "100000h", "1000000h"):
        run = t.run("pollard", "run", "-t", limit, "--idle-timeout", limit, "--grace", limit, "--deadline", limit, "--", "echo",
                    input="x\n", status=None)
        t.check(run.status in (0, 64), f"{limit}: status {run.status}")
        t.check(run.status == 0 and run.out == "x\n" or limit in run.err, f"{limit}: {run.out} {run.err}")


def test_limits_nonsense(t):
    """[68] limits that are no times, or too large for any clock, are refused before anything starts"""
    for option in ("--timeout", "--idle-timeout", "--grace", "--deadline", "--delay"):
        for value in ("-1", "abc", "", "1e400", "nan", "inf", "99999999999999999999h", "9223372036854775807h", "1x", "5 m", "0x10"):
            run = t.run("pollard", "run", f"{option}={value}", "--", "touch", input="started\n", status=64)
            t.contains(run.err, option, f"message for {option}={value}")
    t.check(not os.path.exists(t.path("started")), "a task was started")


def test_limits_zero(t):
    """[68] a timeout of 0 is none"""
    run = t.run("pollard", "run", "-t", "0", "--idle-timeout", "0", "--delay", "0", "--deadline", "0", "--shell", input="sleep 0.2; echo ok\n")
    t.equal(run.out, "ok\n")


def test_limits_small(t):
    """[68] a timeout of a millisecond is one: it hits, and the reason is timeout"""
    t.run("pollard", "run", "-t", "1ms", "--", "misbehave", "hang", input="x\n", status=2)
    t.equal(t.events("task-finished")[0]["reason"], "timeout")


def test_deadline(t):
    """[68] --deadline: what runs is cancelled, the rest skipped, status 4, and what had succeeded is shown"""
    run = t.run("pollard", "run", "-j", "2", "-k", "--deadline", "1s", "--grace", "5s", "--shell",
                input="echo one\nmisbehave exit-on-term\nmisbehave hang\necho >never\n", status=4)
    t.equal({r["task"]: (r["status"], r["reason"]) for r in t.events("task-finished")},
            {"1": ("succeeded", None), "2": ("cancelled", "deadline"), "3": ("cancelled", "deadline"), "4": ("skipped", "deadline")})
    t.contains(run.out, "one\n")
    t.contains(run.err, "PARTIAL 1/4")
    t.check(not os.path.exists(t.path("never")), "a task was started after the deadline")


def test_deadline_met(t):
    """[68] a deadline that comes when the requirement is met already: status 0"""
    t.run("pollard", "run", "-j", "2", "--deadline", "700ms", "--require", "partial", "--shell", input="echo one\nmisbehave hang\n",
          status=0)


def test_deadline_then_signal(t):
    """[68] a signal after the deadline: once more kills at once"""
    run = t.start("pollard", "run", "--deadline", "300ms", "--grace", "600s", "--", "misbehave", "ignore-term", input="1000\n")
    t.wait_for(lambda: "deadline" in run.err, "the deadline")
    run.kill(signal.SIGTERM)
    t.wait_for(lambda: "stopping" in run.err, "the signal")
    run.kill(signal.SIGTERM)
    run.expect(-signal.SIGTERM)


def test_delay(t):
    """[68] --delay: so long at least between two starts, however many slots are free"""
    t.run("pollard", "run", "-j", "0", "--delay", "150ms", "-o", "none", "--", "true", input="x\n" * 6)
    starts = [when(r) for r in t.events("attempt-started")]
    gaps = [b - a for a, b in zip(starts, starts[1:])]
    # The time of a record is that of its making, a moment after the decision.
    t.check(min(gaps) >= 0.1 and starts[-1] - starts[0] >= 0.7, f"gaps between starts: {gaps}")


def test_timeouts_side_by_side(t):
    """[68] timeouts are counted from each attempt's own start"""
    t.run("pollard", "run", "-j", "1", "-t", "500ms", "--grace", "100ms", "-o", "none", "--shell",
          input="sleep 0.1\n" * 3 + "misbehave hang\n" + "sleep 0.1\n" * 3, status=1)
    t.equal([r["reason"] for r in t.events("task-finished")], [None] * 3 + ["timeout"] + [None] * 3)


def test_idle_timeout(t):
    """[68] --idle-timeout: a byte on any stream counts, an end of output does not hide the silence"""
    run = t.run("pollard", "run", "-j", "0", "--idle-timeout", "1500ms", "-o", "none", "--shell", status=1,
                input="for i in 1 2 3 4 5 6 7 8 9 10; do echo >&2; sleep 0.25; done\n"
                      "exec >&- 2>&- 3>&-; sleep 60\n"
                      "printf x; sleep 60\n")
    t.equal(sorted((r["task"], r["reason"]) for r in t.events("task-finished")),
            [("1", None), ("2", "idle-timeout"), ("3", "idle-timeout")])
    t.contains(run.err, "no output for 1.5s")
