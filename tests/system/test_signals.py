"""Signals to the supervisor: cases 59 to 63 and 65 of the catalogue of faults."""

import os
import re
import signal

from harness import alive, descendants

ENDING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT)


def state(pid):
    with open(f"/proc/{pid}/stat", "rb") as f:
        return f.read().rpartition(b")")[2].split()[0].decode()


def wait_ready(t, run, word, count=1):
    """Until so many commands with this word have printed that they are ready (their handlers are set then)."""
    def look():
        found = [pid for pid, c in run.descendants() if c.startswith("misbehave " + word)]
        return found if len(found) >= count and all(prepared(pid) for pid in found) else None
    return t.wait_for(look, f"{count} times {word}")


def prepared(pid):
    """Whether the process ignores or catches SIGTERM already."""
    try:
        with open(f"/proc/{pid}/status", encoding="ascii") as f:
            masks = re.findall(r"^Sig(?:Ign|Cgt):\t(\w+)$", f.read(), re.M)
    except OSError:
        return False
    return any(int(mask, 16) >> (signal.SIGTERM - 1) & 1 for mask in masks)


def first_signal(t, sig):
    run = t.start("pollard", "run", "-j", "2", "--grace", "10s", "--shell",
                  input="misbehave exit-on-term; echo >a\nmisbehave exit-on-term 3; echo >b\necho >never\n")
    t.wait_for(lambda: len(t.runs()) > 0)
    wait_ready(t, run, "exit-on-term", 2)
    begun = [r["task"] for r in t.journal(partial=True) if r["event"] == "attempt-started"]
    run.kill(sig)
    run.expect(-sig)
    t.equal(begun, ["1", "2"], "started")
    t.equal([r["task"] for r in t.events("attempt-started")], ["1", "2"], "started after the signal")
    t.check(not os.path.exists(t.path("never")), "a task was started after the signal")
    finished = t.events("task-finished")
    t.equal(sorted((r["task"], r["status"], r["reason"]) for r in finished),
            [(n, "cancelled", "interrupted") for n in "123"])
    end = t.events("run-finished")[0]
    t.equal((end["signal"], end["cancelled"]), (sig.name, 3))
    t.contains(run.err, f"interrupted by {sig.name}")
    t.contains(t.state_md(), "nterrupted")


def test_sigint(t):
    """[59] SIGINT: nothing more starts, tasks get SIGTERM, all is recorded as cancelled, it ends by SIGINT"""
    first_signal(t, signal.SIGINT)


def test_sigterm(t):
    """[61] the same for SIGTERM"""
    first_signal(t, signal.SIGTERM)


def test_sighup(t):
    """[61] the same for SIGHUP"""
    first_signal(t, signal.SIGHUP)


def test_sigquit(t):
    """[61] the same for SIGQUIT, without a core file"""
    first_signal(t, signal.SIGQUIT)


def test_shell_status(t):
    """[59] a shell sees 128 and the number of the signal"""
    for sig, status in ((signal.SIGINT, 130), (signal.SIGTERM, 143)):
        run = t.start("bash", "-c", f"pollard run -- misbehave hang <<<x & echo $! >pid.{status}; wait $!; echo $? >status.{status}")
        t.wait_for(lambda: any(c == "misbehave hang x" for _, c in descendants(os.getpid())), "the task")
        t.wait_file(f"pid.{status}")
        # bash starts background jobs with SIGINT ignored, and so they stay.
        os.kill(int(t.read(f"pid.{status}")), sig)
        run.expect(0)
        t.equal(t.read(f"status.{status}"), f"{status}\n")


def test_finished_is_kept(t):
    """[59] what had finished before the signal keeps its result and is printed"""
    run = t.start("pollard", "run", "-j", "2", "-k", "--shell", input="echo one\nmisbehave hang\n")
    t.wait_event("task-finished", task="1")
    run.kill(signal.SIGINT)
    run.expect(-signal.SIGINT)
    t.equal(run.out, "one\n")
    t.equal({r["task"]: r["status"] for r in t.events("task-finished")}, {"1": "succeeded", "2": "cancelled"})


def test_grace(t):
    """[59] a task that is deaf gets SIGKILL after the grace"""
    run = t.start("pollard", "run", "--grace", "300ms", "--", "misbehave", "ignore-term", input="1000\n")
    wait_ready(t, run, "ignore-term")
    run.kill(signal.SIGTERM)
    run.expect(-signal.SIGTERM)
    result = t.events("attempt-finished")[0]
    t.equal((result["status"], result["signal"]), ("cancelled", "SIGKILL"))


def second_signal(t, first, second):
    run = t.start("pollard", "run", "-j", "2", "--grace", "600s", "--", "misbehave", "ignore-term", input="1000\n1000\n")
    wait_ready(t, run, "ignore-term", 2)
    run.kill(first)
    t.wait_for(lambda: "stopping 2 running tasks" in run.err, "the first message")
    run.kill(second)
    run.expect(-first)
    t.equal([r["status"] for r in t.events("task-finished")], ["cancelled", "cancelled"])
    t.equal(t.events("run-finished")[0]["signal"], first.name)


def test_second_signal(t):
    """[60] a second SIGINT kills at once"""
    second_signal(t, signal.SIGINT, signal.SIGINT)


def test_second_other_signal(t):
    """[60] a second signal of another kind kills at once too; the run ends by the first"""
    second_signal(t, signal.SIGTERM, signal.SIGHUP)


def test_many_signals(t):
    """[60] a third and more change nothing: the state is valid"""
    run = t.start("pollard", "run", "-j", "4", "--grace", "600s", "--", "misbehave", "ignore-term", input="1000\n" * 20)
    wait_ready(t, run, "ignore-term", 4)
    while run.status is None:
        for sig in ENDING:
            try:
                run.kill(sig)
            except ProcessLookupError:
                break
    t.check(run.status in [-sig for sig in ENDING], f"status {run.status}")
    t.equal(len(t.events("task-finished")), 20, "tasks")
    t.equal(len(t.events("run-finished")), 1, "ends")


def test_signal_during_starts(t):
    """[60] a signal in the middle of many starts: no task is lost and none is left running"""
    for number in range(5):
        run = t.start("pollard", "run", "-j", "8", "--shell", input="sleep 0.05; echo\n" * 300)
        t.wait_for(lambda n=number, r=run: len(r.out) > n * 13, "some output")
        run.kill(signal.SIGTERM)
        run.expect(-signal.SIGTERM)
        t.equal(len(t.events("task-finished")), 300, "tasks")
        started, finished = t.events("attempt-started"), t.events("attempt-finished")
        t.equal(sorted(r["task"] for r in started), sorted(r["task"] for r in finished), "attempts")


def test_nohup(t):
    """[57] SIGHUP that was ignored at the start, as under nohup, is ignored"""
    run = t.start("nohup", "pollard", "run", "--shell", input="until test -e go; do sleep 0.05; done; echo done\n")
    t.wait_event("attempt-started")
    run.kill(signal.SIGHUP)
    run.kill(signal.SIGUSR1)
    t.wait_for(lambda: "1 running" in run.err, "the status")
    t.write("go", "")
    run.expect(0)
    t.equal(run.out, "done\n")


def test_blocked_at_start(t):
    """[57] signals that were blocked at the start end a run all the same"""
    def block():
        signal.pthread_sigmask(signal.SIG_BLOCK, [*ENDING, signal.SIGCHLD])
    run = t.start("pollard", "run", "--", "misbehave", "hang", input="x\n", preexec_fn=block)
    t.wait_event("attempt-started")
    run.kill(signal.SIGTERM)
    run.expect(-signal.SIGTERM)


def test_usr1(t):
    """[61] SIGUSR1 prints how far the run is, also with --progress none, and changes nothing"""
    run = t.start("pollard", "run", "-j", "2", "-k", "--progress", "none", "--shell",
                  input="echo one\nexit 3\n" + "until test -e go; do sleep 0.05; done\n" * 2 + "echo last\n")
    t.wait_event("attempt-started", task="4")
    run.kill(signal.SIGUSR1)
    t.wait_for(lambda: run.err, "the status")
    t.matches(run.err, r"^pollard: 1 succeeded, 1 failed, 2 running, 1 waiting; running: 3 \(.*\), 4 \(.*\)$")
    t.write("go", "")
    run.expect(1)
    t.equal(run.out, "one\nlast\n")


def test_usr1_early(t):
    """[61] SIGUSR1 before the list is read does not end it"""
    run = t.start("pollard", "run", "--", "echo", stdin="pipe")
    run.write("one\n")
    t.wait_for(lambda: ignores(run.pid, signal.SIGUSR1), "the program to begin")
    run.kill(signal.SIGUSR1)
    run.close_stdin()
    run.expect(0)
    t.equal(run.out, "one\n")


def ignores(pid, sig):
    with open(f"/proc/{pid}/status", encoding="ascii") as f:
        mask = re.search(r"^SigIgn:\t(\w+)$", f.read(), re.M)
    return bool(int(mask.group(1), 16) >> (sig - 1) & 1)


def test_signal_while_reading(t):
    """[61] a signal while the list is still read: it ends, and there is no trace of a run"""
    run = t.start("pollard", "run", "--", "echo", stdin="pipe")
    run.write("one\n")
    t.wait_for(lambda: ignores(run.pid, signal.SIGUSR1), "the program to begin")
    run.kill(signal.SIGTERM)
    run.expect(-signal.SIGTERM)
    run.close_stdin()
    t.equal(t.runs(), [], "runs")


def test_signal_in_stream(t):
    """[61] a signal while a list is streamed in: what was read is recorded, and it ends though the input is open"""
    run = t.start("pollard", "run", "--stream", "--shell", stdin="pipe")
    run.write("misbehave hang\n")
    t.wait_event("attempt-started")
    run.kill(signal.SIGTERM)
    run.expect(-signal.SIGTERM)
    run.close_stdin()
    t.equal([r["status"] for r in t.events("task-finished")], ["cancelled"])


def test_ctrl_c(t):
    """[59] Ctrl-C on the terminal: the tasks see no SIGINT of their own, the run stops them"""
    t.write("list", "trap 'echo INT >got' INT; echo >begun; while :; do sleep 0.05; done\n")
    terminal = t.terminal("pollard", "run", "--shell", "-f", "list")
    settings = terminal.settings()
    t.wait_file("begun")
    terminal.send("\x03")
    t.equal(terminal.wait(), -signal.SIGINT, "status")
    t.check(not os.path.exists(t.path("got")), "the task got the terminal's SIGINT")
    t.equal(terminal.settings(), settings, "settings of the terminal")


def test_hang_up(t):
    """[61] the terminal goes away: the run ends by SIGHUP, its tasks too"""
    t.write("list", "echo $$ >pid.new; mv pid.new pid; while :; do sleep 0.05; done\n")
    terminal = t.terminal("pollard", "run", "--shell", "-f", "list")
    t.wait_file("pid")
    task = int(t.read("pid"))
    terminal.close()
    _, status = os.waitpid(terminal.pid, 0)
    t.check(os.waitstatus_to_exitcode(status) in (-signal.SIGHUP, -signal.SIGPIPE), f"status {status}")
    t.check(not alive(task), "the task has survived")
    t.equal(t.events("task-finished")[0]["status"], "cancelled")


def test_suspend(t):
    """[62] Ctrl-Z and fg: the run stops and goes on, tasks go on meanwhile, the terminal is as it was"""
    t.write("list", "echo >begun; until test -e go; do sleep 0.05; done; echo >task-done\n")
    terminal = t.terminal("bash", "--norc", "--noediting", "-i", env={"PS1": "$ "})
    terminal.read_until(r"\$ ")
    terminal.send("stty -g >before; pollard run --shell -f list; echo status=$?; stty -g >after\n")
    t.wait_file("begun")
    terminal.send("\x1a")
    terminal.read_until(r"Stopped")
    run = next(pid for pid, c in descendants(terminal.pid) if c.startswith("pollard run"))
    t.equal(state(run), "T", "state")
    t.write("go", "")
    t.wait_file("task-done")
    t.equal(state(run), "T", "state")
    terminal.send("fg\n")
    terminal.read_until(r"1 of 1 succeeded")
    terminal.send("stty -g >after; exit 0\n")
    t.equal(terminal.wait(), 0, "status")
    t.equal(t.read("after"), t.read("before"), "settings of the terminal")


def test_stopped_supervisor(t):
    """[62] timeouts of tasks are kept while the supervisor is stopped"""
    run = t.start("pollard", "run", "-t", "300ms", "--shell", input="echo $$ >pid.new; mv pid.new pid; exec sleep 60\n")
    t.wait_file("pid")
    run.kill(signal.SIGSTOP)
    task = int(t.read("pid"))
    t.wait_for(lambda: not alive(task), "the timeout")
    run.kill(signal.SIGCONT)
    run.expect(2)
    t.equal(t.events("task-finished")[0]["reason"], "timeout")


def test_task_cannot_see_terminal(t):
    """[65] a task cannot reach the terminal, not even through /dev/tty, and cannot leave it raw"""
    t.write("list", "stty raw -echo </dev/tty; misbehave tty; stty -F /dev/tty raw; true\n")
    terminal = t.terminal("pollard", "run", "--shell", "-f", "list")
    settings = terminal.settings()
    t.equal(terminal.wait(), 0, "status")
    t.contains(terminal.screen, "no terminal", "screen")
    t.equal(terminal.settings(), settings, "settings of the terminal")


def test_fail_fast_then_signal(t):
    """[60] a run that starts nothing more (--fail-fast) can still be interrupted"""
    run = t.start("pollard", "run", "-j", "2", "--fail-fast", "--shell", input="misbehave hang\nexit 1\necho >never\n")
    t.wait_event("task-finished", task="2")
    run.kill(signal.SIGTERM)
    run.expect(-signal.SIGTERM)
    t.equal({r["task"]: (r["status"], r["reason"]) for r in t.events("task-finished")},
            {"1": ("cancelled", "interrupted"), "2": ("failed", "exit"), "3": ("skipped", "fail-fast")})


def test_retry_then_signal(t):
    """[60] a task that waits for its retry is not tried again after a signal: it has failed, and nobody says that it was retried"""
    run = t.start("pollard", "run", "-r", "5", "--shell", input="exit 3\necho ok\n")
    t.wait_event("attempt-finished", task="1")
    t.wait_event("task-finished", task="2")
    run.kill(signal.SIGTERM)
    run.expect(-signal.SIGTERM)
    t.equal({r["task"]: r["status"] for r in t.events("task-finished")}, {"1": "failed", "2": "succeeded"})
    t.equal(len(t.events("attempt-started")), 2, "attempts")
    t.matches(run.err, r"^pollard: recovery, level 1: (task )?1 called off \(interrupted\)$")
    t.check("retried" not in run.err, run.err)
