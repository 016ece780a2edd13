"""Starting tasks under pressure: limits of a user, and signals that come while processes are made."""

import os
import shutil
import signal
import time

NOBODY = 31234


def _unprivileged(t):
    if os.getuid() != 0 or not shutil.which("setpriv"):
        t.skip("needs root and setpriv, to become a user whom limits concern")
    for path in (t.base, os.path.dirname(t.base)):
        os.chmod(path, os.stat(path).st_mode | 0o055)
    for name in (t.dir, t.tmp, t.home):
        os.chown(name, NOBODY, NOBODY)
    state = os.path.join(t.dir, "state")
    os.mkdir(state, 0o700)
    os.chown(state, NOBODY, NOBODY)
    return ["setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups",
            "--bounding-set=-all", "--inh-caps=-all"], {"POLLARD_STATE_DIR": state}


def test_unreadable_list(t):
    """a list that may not be read is status 77 and named"""
    become, env = _unprivileged(t)
    t.write("secret", "x\n", 0o600)
    run = t.run(*become, "pollard", "run", "-f", "secret", "--", "echo", env=env, status=77)
    t.equal(run.err, "pollard: cannot open 'secret': Permission denied\n", "standard error")


def test_state_without_permission(t):
    """a state directory that may not be written is status 73, or 77, and named"""
    become, env = _unprivileged(t)
    os.mkdir(t.path("closed"), 0o755)
    env["POLLARD_STATE_DIR"] = t.path("closed/state")
    run = t.run(*become, "pollard", "run", "--", "echo", env=env, input="x\n", status=None)
    t.check(run.status in (73, 77), f"status {run.status}")
    t.matches(run.err, r"^pollard: .*closed.*Permission denied", "standard error")


def test_process_limit(t):
    """[27] a user with room for one worker and its command: one at a time, no task lost"""
    become, env = _unprivileged(t)
    run = t.run(*become, "bash", "-c", "ulimit -u 3; exec pollard run -j 1 -k --progress none -- echo",
                env=env, input="".join(f"{i}\n" for i in range(10)))
    t.equal(run.out, "".join(f"{i}\n" for i in range(10)), "output")


def test_killed_worker_before_exec(t):
    """[31] workers that are killed at any moment: their tasks fail, the others run, nothing hangs"""
    run = t.run("pollard", "run", "-j", "2", "--progress", "none", "--", "sh", "-c",
                "case $1 in 3|7) kill -KILL $PPID;; esac; echo $1", "sh",
                input="".join(f"{i}\n" for i in range(1, 11)), status=1)
    t.contains(run.err, "PARTIAL 8/10", "standard error")
    reasons = {e["task"]: e["reason"] for e in t.events("task-finished") if e["status"] == "failed"}
    t.equal(reasons, {"3": "worker", "7": "worker"}, "reasons")


def test_signals_during_starts(t):
    """[32] signals that come while hundreds of processes are made hit none of them"""
    # The leak sanitizer stops a process that ends by tracing it, and does not get over signals meanwhile.
    run = t.start("pollard", "run", "-j", "4", "--progress", "none", "--", "true",
                  input="".join(f"{i}\n" for i in range(400)), env={"ASAN_OPTIONS": t.env["ASAN_OPTIONS"] + ":detect_leaks=0"})
    t.wait_event("attempt-started")
    while run.status is None:
        run.kill(signal.SIGUSR1)
        run.kill(signal.SIGCONT)
        # as fast as it can take them, and not only that
        time.sleep(0.002)
    run.expect(0)
    t.equal(len(t.events("task-finished")), 400, "tasks")


def test_term_during_starts(t):
    """[32] SIGTERM while processes are made: every task has an end, and it is not success by mistake"""
    run = t.start("pollard", "run", "-j", "4", "--progress", "none", "--", "sh", "-c",
                  "test $1 -lt 200 || exec misbehave hang", "sh",
                  input="".join(f"{i}\n" for i in range(1000)))
    t.wait_event("attempt-started")
    run.kill(signal.SIGTERM)
    run.expect(-signal.SIGTERM)
    ends = t.events("task-finished")
    t.equal(len({e["task"] for e in ends}), 1000, "tasks that ended")
    t.equal(len(ends), 1000, "ends")
    t.check({e["status"] for e in ends} <= {"succeeded", "cancelled"}, "a task failed by the signal")
