"""How attempts and runs end when somebody dies, is stopped, or leaves something behind: cases 38 to 64 of the
catalogue of faults, as far as a test must act at a certain moment."""

import os
import shutil
import signal
import time

from harness import alive, descendants

# A promise of 100 ms is measured on machines that have other things to do; the time is printed when it is long.
SWEEP_LIMIT = 1.0


def cpu_seconds(pid):
    with open(f"/proc/{pid}/stat", "rb") as f:
        fields = f.read().rpartition(b")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def children(pid):
    with open(f"/proc/{pid}/task/{pid}/children", encoding="ascii") as f:
        return [int(word) for word in f.read().split()]


def state(pid):
    try:
        with open(f"/proc/{pid}/stat", "rb") as f:
            return f.read().rpartition(b")")[2].split()[0].decode()
    except OSError:
        return None


def wait_tasks(t, run, word, count):
    """Waits until so many processes of the run have this word in their command line."""
    return t.wait_for(lambda: len([c for _, c in run.descendants() if word in c]) >= count,
                      f"{count} processes '{word}'")


def time_until_gone(t, pids):
    begun = time.monotonic()
    t.wait_for(lambda: not any(alive(pid) for pid in pids), "the end of all processes")
    return time.monotonic() - begun


def test_closed_output_is_quiet(t):
    """[38] while a task runs with its output closed neither supervisor nor worker uses the processor"""
    run = t.start("pollard", "run", "--shell", input="exec >&- 2>&- 3>&-; echo >closed; sleep 1; echo >later; sleep 60\n")
    t.wait_file("closed")
    worker = children(run.pid)[0]
    before = cpu_seconds(run.pid), cpu_seconds(worker)
    t.wait_file("later")
    used = cpu_seconds(run.pid) - before[0], cpu_seconds(worker) - before[1]
    t.check(max(used) < 0.1, f"supervisor and worker used {used} s in one second of waiting")
    run.kill()
    run.expect(-15)


def test_waiting_is_quiet(t):
    """[38] nor while it waits for tasks that are silent, with a closed reader of standard error"""
    reader, writer = os.pipe()
    run = t.start("pollard", "run", "-j", "0", "--shell", input="sleep 60\n" * 4 + "echo >begun; sleep 1; echo >later; sleep 60\n",
                  stderr=writer)
    os.close(writer)
    os.close(reader)
    t.wait_file("begun")
    before = cpu_seconds(run.pid)
    t.wait_file("later")
    used = cpu_seconds(run.pid) - before
    t.check(used < 0.1, f"{used} s in one second of waiting")
    run.kill()
    run.expect(-15)


def test_all_exit_at_once(t):
    """[53] 200 workers end at once: all are reaped, no zombie is left, each task has its result"""
    if not shutil.which("flock", path=t.env["PATH"]):
        t.skip("flock is not installed")
    gate = t.start("flock", "gate", "sh", "-c", "echo >held; until test -e open; do sleep 0.05; done")
    t.wait_file("held")
    run = t.start("pollard", "run", "-j", "0", "--progress", "none", "-o", "none", "--", "flock", "-s", "gate", "sh", "-c",
                  input="true\n" * 200 + "until test -e done; do sleep 0.05; done\n")
    t.wait_for(lambda: len([c for _, c in run.descendants() if c.startswith("flock -s")]) == 201,
               "all commands to be started", 30)
    run.kill(signal.SIGSTOP)
    t.write("open", "")
    gate.expect(0)
    t.wait_for(lambda: [state(pid) for pid in children(run.pid)].count("Z") == 200, "200 zombies", 30)
    run.kill(signal.SIGCONT)
    t.wait_for(lambda: len(children(run.pid)) == 1, "the zombies to be reaped")
    t.write("done", "")
    run.expect(0)
    finished = t.events("attempt-finished")
    t.equal(sorted(int(r["task"]) for r in finished), list(range(1, 202)))
    t.equal({r["status"] for r in finished}, {"succeeded"})


test_all_exit_at_once.limit = 60


def test_result_then_exit(t):
    """[50] a run of many tasks that end at any moment has one attempt-finished and one task-finished for each"""
    run = t.run("pollard", "run", "-j", "8", "-o", "none", "--", "misbehave", "exit", input="0\n1\n" * 50, status=1)
    for event in ("attempt-started", "attempt-finished", "task-finished"):
        t.equal(sorted(int(r["task"]) for r in t.events(event)), list(range(1, 101)), event)
    t.contains(run.err, "PARTIAL 50/100")


def kill_supervisor(t, tasks, ready):
    """Starts a run of these tasks, waits for `ready(run)`, kills the supervisor, and returns the seconds until every
    process of every tree was gone."""
    run = t.start("pollard", "run", "-j", "0", "--grace", "60s", "--shell", input=tasks)
    ready(run)
    # Lists of children are read one after another and may miss some of them while others come and go.
    below = t.wait_for(lambda: (lambda pids: pids if len(pids) >= 4 else None)([pid for pid, _ in run.descendants()]),
                       "all processes to be seen")
    run.kill(signal.SIGKILL)
    # What forks away in this moment is found below us: orphans come to the test.
    run.expect(-9)
    begun = time.monotonic()
    t.wait_for(lambda: not descendants(os.getpid()), "the end of all processes")
    took = time.monotonic() - begun
    t.check(not any(alive(pid) for pid in below), "a process has survived")
    t.check(took < SWEEP_LIMIT, f"it took {took:.3f} s")
    if took > 0.1:
        print(f"     (processes were gone {took * 1000:.0f} ms after the supervisor)")
    return took


def test_supervisor_killed(t):
    """[63] kill -9 of the supervisor: every process of every task is gone, also those deaf to SIGTERM"""
    kill_supervisor(t, "misbehave ignore-term\n" * 3 + "misbehave forktree 2 3 60\n",
                    lambda run: wait_tasks(t, run, "forktree", 13) and wait_tasks(t, run, "ignore-term", 3))


def test_supervisor_killed_daemons(t):
    """[63] the same with daemons: two forks, a session of their own, deaf, without their environment"""
    kill_supervisor(t, "misbehave daemon 60 ignore-term quiet clean-env; echo >a; sleep 60\n"
                       "misbehave daemon 60 ignore-term; echo >b; misbehave ignore-term\n",
                    lambda run: (t.wait_file("a"), t.wait_file("b"), wait_tasks(t, run, "daemon", 2)))


def test_supervisor_killed_forking(t):
    """[63] the same with processes that fork away all the time"""
    kill_supervisor(t, "misbehave forkrun 60 & echo >a; sleep 60\nsleep 60\n",
                    lambda run: (t.wait_file("a"), wait_tasks(t, run, "forkrun", 1), wait_tasks(t, run, "sleep 60", 2)))


def test_supervisor_killed_stopped_task(t):
    """[63] the same with tasks that are stopped"""
    kill_supervisor(t, "kill -STOP $$\nkill -STOP $$\n",
                    lambda run: t.wait_for(lambda: [state(p) for p, _ in run.descendants()].count("T") == 2))


def test_supervisor_killed_blocked(t):
    """[63] the same while a task writes more than anybody reads, and reads what never ends"""
    kill_supervisor(t, "yes\nyes >&2\ncat /dev/zero >&3\n",
                    lambda run: wait_tasks(t, run, "yes", 2) and wait_tasks(t, run, "/dev/zero", 1))


def test_supervisor_killed_nested(t):
    """[63] a run inside a task: kill -9 of the outer supervisor ends the inner one's tasks as well"""
    kill_supervisor(t, "printf '%s\\n' 'misbehave daemon 60 ignore-term; misbehave ignore-term' 'sleep 60' | pollard run --shell\n",
                    lambda run: wait_tasks(t, run, "ignore-term", 2) and wait_tasks(t, run, "sleep 60", 1))


def test_supervisor_killed_live(t):
    """[63] the same while a worker passes on output as it comes (--sequential)"""
    run = t.start("pollard", "run", "--sequential", "--shell", input="misbehave ignore-term & yes\n")
    t.wait_for(lambda: len(run.out_bytes) > 100000, "output")
    run.kill(signal.SIGSTOP)
    worker = children(run.pid)[0]
    t.wait_for(lambda: is_waiting(worker), "the worker to wait for its supervisor")
    run.kill(signal.SIGKILL)
    run.expect(-9)
    begun = time.monotonic()
    t.wait_for(lambda: not descendants(os.getpid()), "the end of all processes")
    t.check(time.monotonic() - begun < SWEEP_LIMIT, f"it took {time.monotonic() - begun:.3f} s")


def is_waiting(pid):
    """Whether the process sleeps and uses no processor time while it is looked at ten times."""
    before = cpu_seconds(pid)
    for _ in range(10):
        if state(pid) != "S":
            return False
        time.sleep(0.002)
    return cpu_seconds(pid) == before


def test_worker_killed(t):
    """[64] kill -9 of a worker: reason worker, everything of its tree is swept, other tasks are not touched"""
    run = t.start("pollard", "run", "-j", "2", "-k", "--shell",
                  input="misbehave daemon 60 ignore-term quiet clean-env; echo >a; misbehave ignore-term\n"
                        "echo >b; until test -e go; do sleep 0.05; done; echo fine\n")
    t.wait_file("a")
    t.wait_file("b")
    wait_tasks(t, run, "ignore-term", 2)
    victim = next(pid for pid in children(run.pid) if any("daemon" in c for _, c in descendants(pid)))
    tree = [pid for pid, _ in descendants(victim)]
    other = [pid for pid in children(run.pid) if pid != victim]
    os.kill(victim, signal.SIGKILL)
    record = t.wait_event("task-finished", task="1")
    t.equal((record["status"], record["reason"]), ("failed", "worker"))
    time_until_gone(t, tree)
    t.check(all(alive(pid) for pid in other), "the other worker is gone")
    t.write("go", "")
    run.expect(1)
    t.equal(run.out, "fine\n")
    result = [r for r in t.events("attempt-finished") if r["task"] == "1"][0]
    t.equal(result["error"], "the worker was killed by SIGKILL")


def test_worker_killed_retry(t):
    """[64] a task whose worker was killed may be tried again"""
    run = t.run("pollard", "run", "-r", "1", "--progress", "none", "--shell",
                input="if test $POLLARD_ATTEMPT = 1; then kill -9 $PPID; sleep 60; fi; echo second\n")
    t.equal(run.out, "second\n")


def test_worker_stopped(t):
    """[64] a worker that is stopped: SIGTERM to the supervisor ends its task all the same"""
    run = t.start("pollard", "run", "--grace", "1s", "--", "misbehave", "hang", input="x\n")
    wait_tasks(t, run, "misbehave hang", 1)
    worker = children(run.pid)[0]
    os.kill(worker, signal.SIGSTOP)
    t.wait_for(lambda: state(worker) == "T")
    run.kill(signal.SIGTERM)
    run.expect(-15)
    t.equal(t.events("task-finished")[0]["status"], "cancelled")


def test_worker_stopped_timeout(t):
    """[64] a worker that is stopped and does not keep its own timeout is killed after ten seconds more"""
    run = t.start("pollard", "run", "-t", "300ms", "--grace", "100ms", "--", "misbehave", "hang", input="x\n")
    wait_tasks(t, run, "misbehave hang", 1)
    worker = children(run.pid)[0]
    os.kill(worker, signal.SIGSTOP)
    run.expect(2, 30)
    t.equal(t.events("task-finished")[0]["reason"], "worker")
    t.contains(run.err, "killed by SIGKILL")


test_worker_stopped_timeout.limit = 40


def test_earlier_children(t):
    """[58] children that were there before are not touched, nor what becomes of them, whatever happens to workers"""
    t.write("start.sh", """
# A child whose own child is orphaned while the run goes on: a daemon that is just starting, say.
sh -c 'until test -e orphan; do sleep 0.05; done; sleep 60 & echo $! >daemon.new; mv daemon.new daemon' &
sleep 60 &
echo $! >child
exec pollard run -j 2 --progress none --shell
""")
    run = t.start("bash", "start.sh",
                  input="echo >a; until test -e kill; do sleep 0.05; done; kill -9 $PPID; sleep 60\n"
                        "until test -e go; do sleep 0.05; done\n")
    t.wait_file("a")
    t.write("orphan", "")
    t.wait_file("daemon")
    daemon, child = int(t.read("daemon")), int(t.read("child"))
    t.wait_for(lambda: daemon in children(run.pid), "the orphan to be adopted")
    t.write("kill", "")
    t.wait_event("task-finished", task="1")
    t.write("go", "")
    run.expect(1)
    t.check(alive(child), "the earlier child is gone")
    os.kill(child, signal.SIGKILL)
    t.check(alive(daemon), "the orphan of an earlier child is gone")
    os.kill(daemon, signal.SIGKILL)


def test_reaped_stranger(t):
    """[54] children that were there before and die during the run are no results"""
    t.write("start.sh", "for i in 1 2 3; do (until test -e die; do sleep 0.05; done; exit 9) & done\nexec pollard run --shell\n")
    run = t.start("bash", "start.sh", input="echo >a; until test -e go; do sleep 0.05; done; echo ok\n")
    t.wait_file("a")
    t.write("die", "")
    t.wait_for(lambda: len(children(run.pid)) == 1, "the others to be reaped")
    t.write("go", "")
    run.expect(0)
    t.equal(run.out, "ok\n")


def test_leftovers_do_not_delay(t):
    """[39] what is left behind holds up neither its own result nor other tasks"""
    run = t.start("pollard", "run", "-j", "1", "-k", "--shell", input="misbehave grandchild 60 ignore-term\necho next\n")
    run.expect(0, 5)
    t.equal(run.out, "parent done\nnext\n")
    t.equal([r["leftover_processes"] for r in t.events("attempt-finished")], [1, 0])


def test_interrupted_system_calls(t):
    """[52] a storm of signals that mean nothing: no task is lost"""
    run = t.start("pollard", "run", "-j", "4", "-k", "--", "echo", input="".join(f"{i}\n" for i in range(100)))
    t.wait_event("attempt-started")
    while run.status is None:
        try:
            run.kill(signal.SIGCONT)
            run.kill(signal.SIGUSR1)
        except ProcessLookupError:
            break
        time.sleep(0.001)
    run.expect(0)
    t.equal(run.out, "".join(f"{i}\n" for i in range(100)))
