"""What comes out of a run, and readers that are slow, stuck, or gone: cases 36 to 44 of the catalogue
of faults, as far as a test must act at a certain moment."""

import fcntl
import os
import pty
import shutil
import signal
import socket
import termios

from harness import alive

MIB = 1024 * 1024


def memory_peak(pid):
    """The most memory that a process has had so far, in bytes."""
    with open(f"/proc/{pid}/status", encoding="ascii") as f:
        for line in f:
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) * 1024
    raise AssertionError("no VmHWM")


def cpu_seconds(pid):
    with open(f"/proc/{pid}/stat", "rb") as f:
        fields = f.read().rpartition(b")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def read_all(fd):
    pieces = []
    while True:
        try:
            data = os.read(fd, 65536)
        except OSError:
            break
        if not data:
            break
        pieces.append(data)
    os.close(fd)
    return b"".join(pieces)


def wait_events(t, event, count):
    def enough():
        found = [r for r in t.journal(partial=True) if r["event"] == event]
        return found if len(found) >= count else None
    return t.wait_for(enough, f"{count} times {event}", t.limit)


def expected_flood(t, size):
    return t.run("misbehave", "flood", str(size)).out_bytes


def test_flood_memory(t):
    """[36] 200 MB of output do not pass through the supervisor: its memory stays small"""
    run = t.start("pollard", "run", "-j", "3", "--shell", "-o", "none",
                  input="misbehave flood 100M both\n" * 2 + "until test -e go; do sleep 0.05; done\n")
    wait_events(t, "attempt-finished", 2)
    peak = memory_peak(run.pid)
    t.write("go", "")
    run.expect(0)
    t.check(peak < 24 * MIB or sanitized(t),
            f"the supervisor has used {peak} bytes")


test_flood_memory.limit = 60


def sanitized(t):
    """Whether the program under test carries a sanitizer, which needs memory of its own."""
    path = shutil.which("pollard", path=t.env["PATH"])
    with open(path, "rb") as f:
        return b"__asan_init" in f.read()


def test_stuck_stdout(t):
    """[44] a reader of standard output that does not read: tasks go on, timeouts fire, nothing is lost"""
    reader, writer = os.pipe()
    run = t.start("pollard", "run", "-k", "-j", "2", "-t", "300ms", "--grace", "100ms", "--shell",
                  input="misbehave flood 300K\n" * 10 + "misbehave ignore-term\n" + "echo last\n",
                  stdout=writer)
    os.close(writer)
    finished = wait_events(t, "task-finished", 12)
    t.equal([r["reason"] for r in finished if r["status"] == "failed"], ["timeout"], "reasons")
    t.check(run.status is None, "it ended although nobody has read its output")
    t.equal(read_all(reader), expected_flood(t, 300 * 1024) * 10 + b"ready\nlast\n", "output")
    run.expect(1)


def test_stuck_stdout_deadline(t):
    """[44] a reader of standard output that does not read: the deadline ends the tasks all the same"""
    reader, writer = os.pipe()
    run = t.start("pollard", "run", "-j", "2", "--deadline", "1s", "--grace", "100ms", "--shell",
                  input="misbehave flood 300K\nmisbehave ignore-term\n", stdout=writer)
    os.close(writer)
    record = t.wait_event("task-finished", task="2")
    t.equal((record["status"], record["reason"]), ("cancelled", "deadline"))
    t.wait_event("run-finished")
    t.equal(run.descendants(), [], "processes of tasks")
    read_all(reader)
    run.expect(4)


def test_stuck_stdout_memory(t):
    """[44] what waits for a reader that does not read lies on the disk, not in memory"""
    reader, writer = os.pipe()
    count = 400
    run = t.start("pollard", "run", "-j", "4", "-k", "--", "misbehave", "flood",
                  input="16384\n" * count + "1M\n", stdout=writer)
    os.close(writer)
    wait_events(t, "run-finished", 1)
    peak = memory_peak(run.pid)
    t.check(peak < 8 * MIB or sanitized(t), f"the supervisor has used {peak} bytes")
    t.equal(read_all(reader), expected_flood(t, 16384) * count + expected_flood(t, MIB), "output")
    run.expect(0)


test_stuck_stdout_memory.limit = 90


def test_stuck_stderr(t):
    """[44] a reader of standard error that does not read slows nothing; later it gets everything"""
    reader, writer = os.pipe()
    run = t.start("pollard", "run", "-k", "--shell",
                  input="misbehave flood 300K err; echo ok\n" * 5 + "exit 3\n", stderr=writer)
    os.close(writer)
    t.wait_event("run-finished")
    t.wait_for(lambda: run.out == "ok\n" * 5, "standard output")
    t.check(run.status is None, "it ended although nobody has read its messages")
    text = read_all(reader)
    t.equal(text.count(expected_flood(t, 300 * 1024)), 5, "outputs")
    t.check(b"pollard: PARTIAL 5/6 (6)" in text, "no summary")
    run.expect(1)


def test_stopped_reader(t):
    """[44] a reader stopped by SIGSTOP, and continued"""
    reader, writer = os.pipe()
    cat = t.start("cat", stdin=reader)
    os.close(reader)
    cat.kill(signal.SIGSTOP)
    run = t.start("pollard", "run", "--", "misbehave", "flood", input="300K\n" * 8, stdout=writer)
    os.close(writer)
    t.wait_event("run-finished")
    t.check(run.status is None, "it ended although its reader was stopped")
    cat.kill(signal.SIGCONT)
    run.expect(0)
    cat.expect(0)
    t.equal(len(cat.out_bytes), 8 * 300 * 1024, "bytes")


def test_stuck_then_signal(t):
    """[44] a stuck reader does not keep a run that was told to end: it ends by the signal, after the grace"""
    reader, writer = os.pipe()
    run = t.start("pollard", "run", "-j", "0", "--grace", "300ms", "--shell",
                  input="misbehave flood 1M\nsleep 60\n", stdout=writer)
    os.close(writer)
    t.wait_event("task-finished", task="1")
    run.kill(signal.SIGINT)
    run.expect(-signal.SIGINT)
    os.close(reader)
    t.equal(t.events("run-finished")[0]["signal"], "SIGINT")


def test_stuck_at_end(t):
    """[44] everything is done but for a stuck reader: a signal ends it at once, and by that signal"""
    for sig in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        reader, writer = os.pipe()
        run = t.start("pollard", "run", "--grace", "60s", "--", "misbehave", "flood", input="3M\n",
                      stdout=writer)
        os.close(writer)
        t.wait_for(lambda n=sig: len(t.runs()) > [signal.SIGTERM, signal.SIGINT, signal.SIGHUP].index(n))
        t.wait_event("run-finished")
        run.kill(signal.SIGUSR1)
        run.kill(sig)
        run.expect(-sig)
        os.close(reader)


def test_reader_gone(t):
    """[42] a reader that goes away ends the run as SIGTERM would, then by SIGPIPE: tasks stopped, state written"""
    reader, writer = os.pipe()
    run = t.start("pollard", "run", "-j", "2", "--shell",
                  input="misbehave exit-on-term; echo >stopped\nsleep 60\necho never\n", stdout=writer)
    os.close(writer)
    t.wait_event("attempt-started", task="2")
    t.wait_for(lambda: any("exit-on-term" in c and "sh -c" not in c for _, c in run.descendants()))
    os.close(reader)
    run.expect(-signal.SIGPIPE)
    t.equal([r["status"] for r in t.events("task-finished")], ["cancelled"] * 3)
    t.equal([r["reason"] for r in t.events("task-finished")], ["interrupted"] * 3)
    t.equal(t.events("run-finished")[0]["signal"], "SIGPIPE")
    t.contains(run.err, "interrupted by SIGPIPE")


def test_reader_gone_none(t):
    """[42] with -o none nobody needs a reader of standard output"""
    reader, writer = os.pipe()
    run = t.start("pollard", "run", "-o", "none", "--shell",
                  input="until test -e go; do sleep 0.05; done\n", stdout=writer)
    os.close(writer)
    t.wait_event("attempt-started")
    os.close(reader)
    t.write("go", "")
    run.expect(0)


def test_stderr_reader_gone(t):
    """[42] a reader of standard error that goes away changes nothing for the tasks"""
    reader, writer = os.pipe()
    run = t.start("pollard", "run", "-k", "--shell",
                  input="until test -e go; do sleep 0.05; done; echo a; echo b >&2\nexit 1\n", stderr=writer)
    os.close(writer)
    t.wait_event("attempt-started")
    os.close(reader)
    t.write("go", "")
    run.expect(1)
    t.equal(run.out, "a\n")


def test_socket(t):
    """[44] standard output is a socket: byte for byte, also for a slow reader"""
    ours, theirs = socket.socketpair()
    run = t.start("pollard", "run", "-k", "--", "misbehave", "flood", input="300K\n" * 6,
                  stdout=theirs.fileno())
    flags = fcntl.fcntl(theirs.fileno(), fcntl.F_GETFL)
    theirs.close()
    t.wait_event("run-finished")
    t.equal(read_all(ours.detach()), expected_flood(t, 300 * 1024) * 6, "output")
    run.expect(0)
    t.check(not flags & os.O_NONBLOCK, "the socket was made non-blocking")


def test_socket_gone(t):
    """[42] the other end of a socket is closed: the run ends by SIGPIPE, and does not spin"""
    ours, theirs = socket.socketpair()
    run = t.start("pollard", "run", "--grace", "1s", "--shell",
                  input="trap '' TERM; echo >ready; sleep 60\n", stdout=theirs.fileno())
    theirs.close()
    t.wait_file("ready")
    ours.close()
    t.wait_for(lambda: "stopping" in run.err, "the run to notice")
    before = cpu_seconds(run.pid)
    os.waitid(os.P_PID, run.pid, os.WEXITED | os.WNOWAIT)
    used = cpu_seconds(run.pid) - before
    run.expect(-signal.SIGPIPE)
    t.check(used < 0.3, f"{used} s of processor time in a second of waiting")


def test_descriptor_flags(t):
    """[44] inherited descriptors are never made non-blocking: pipe, socket, terminal, file"""
    def check(kind, mine, theirs):
        flags = fcntl.fcntl(theirs, fcntl.F_GETFL)
        stdin_reader, stdin_writer = os.pipe()
        os.write(stdin_writer, b"until test -e go; do sleep 0.05; done; echo x; echo y >&2\n")
        os.close(stdin_writer)
        stdin_flags = fcntl.fcntl(stdin_reader, fcntl.F_GETFL)
        run = t.start("pollard", "run", "--shell", stdin=stdin_reader, stdout=theirs, stderr=theirs)
        t.wait_for(lambda: any("until" in c for _, c in run.descendants()), "the task")
        t.equal(fcntl.fcntl(theirs, fcntl.F_GETFL), flags, f"flags of a {kind} while it runs")
        t.write("go", "")
        run.expect(0)
        os.unlink(t.path("go"))
        t.equal(fcntl.fcntl(theirs, fcntl.F_GETFL), flags, f"flags of a {kind}")
        t.equal(fcntl.fcntl(stdin_reader, fcntl.F_GETFL), stdin_flags, "flags of standard input")
        os.close(stdin_reader)
        os.close(theirs)
        if mine is not None:
            os.close(mine)

    check("pipe", *os.pipe())
    check("socket", *(s.detach() for s in socket.socketpair()))
    check("terminal", *pty.openpty())
    check("file", None, os.open(t.path("file"), os.O_WRONLY | os.O_CREAT | os.O_APPEND))


def test_same_pipe_for_both(t):
    """[44] `2>&1 | reader`: both streams in one pipe, each piece whole"""
    reader, writer = os.pipe()
    run = t.start("pollard", "run", "-k", "--progress", "none", "--shell",
                  input="misbehave flood 200K both\n" * 3, stdout=writer, stderr=writer)
    os.close(writer)
    data = read_all(reader)
    run.expect(0)
    t.equal(len(data), 6 * 200 * 1024, "bytes")
    t.equal(sorted(data.split(b"\n")), sorted((expected_flood(t, 200 * 1024) * 6).split(b"\n")), "lines")


def test_terminal_stuck(t):
    """[44] a terminal that takes nothing does not stop the tasks, and its settings stay as they were"""
    t.write("list", "5000\n" * 4)
    terminal = t.terminal("pollard", "run", "-k", "-f", "list", "--", "misbehave", "lines")
    settings = terminal.settings()
    t.wait_event("run-finished")
    t.equal(terminal.wait(), 0, "status")
    t.equal(terminal.screen.count("line 5000\r\n"), 4, "outputs")
    t.equal(terminal.settings(), settings, "settings of the terminal")


def test_no_second_description(t):
    """[44] a pipe that cannot be opened once more (another user's) is written to without blocking all the same"""
    if not shutil.which("strace", path=t.env["PATH"]):
        t.skip("strace is not installed")
    reader, writer = os.pipe()
    run = t.start("strace", "-qq", "-o", "/dev/null", "-P", "/proc/self/fd/1", "-e", "trace=openat",
                  "-e", "inject=openat:error=EACCES", "pollard", "run", "-k", "-t", "300ms", "--grace",
                  "100ms", "--shell", input="misbehave flood 300K\n" * 3 + "misbehave ignore-term\n",
                  stdout=writer,
                  # LeakSanitizer does not work under strace.
                  env={"ASAN_OPTIONS": t.env["ASAN_OPTIONS"] + ":detect_leaks=0"})
    os.close(writer)
    record = t.wait_event("task-finished", task="4")
    t.equal(record["reason"], "timeout")
    t.wait_event("run-finished")
    t.equal(read_all(reader), expected_flood(t, 300 * 1024) * 3 + b"ready\n", "output")
    run.expect(1)


def test_record_removed(t):
    """[43] output whose file was removed before it could be printed is an error, not a shorter output"""
    reader, writer = os.pipe()
    run = t.start("pollard", "run", "-k", "--", "misbehave", "flood", input="300K\n300K\n", stdout=writer)
    os.close(writer)
    t.wait_event("run-finished")
    shutil.rmtree(os.path.join(t.run_dir(), "out"))
    read_all(reader)
    run.expect(74)
    t.contains(run.err, "cannot write to standard output")


def test_keep_order_waits(t):
    """[41] -k: nothing of a later task is shown before an earlier one has ended"""
    run = t.start("pollard", "run", "-k", "-j", "3", "--shell",
                  input="until test -e go; do sleep 0.05; done; echo first\necho second\necho third\n")
    wait_events(t, "task-finished", 2)
    t.equal(run.out, "", "output")
    t.write("go", "")
    run.expect(0)
    t.equal(run.out, "first\nsecond\nthird\n")


def test_completion_order(t):
    """[41] without -k each result is shown as soon as it is there"""
    run = t.start("pollard", "run", "-j", "2", "--shell",
                  input="until test -e go; do sleep 0.05; done; echo first\necho second\n")
    t.wait_for(lambda: run.out == "second\n", "the second result")
    t.check(alive(run.pid))
    t.write("go", "")
    run.expect(0)
    t.equal(run.out, "second\nfirst\n")


def test_recorded_before_shown(t):
    """[41] a result is in the journal before it is shown"""
    run = t.start("pollard", "run", "-j", "4", "--", "echo", input="".join(f"{i}\n" for i in range(1, 101)))
    shown = t.wait_for(lambda: run.out, "output").split()
    finished = [r["task"] for r in t.journal(partial=True) if r["event"] == "task-finished"]
    t.check(set(shown) <= set(finished), f"shown {shown}, recorded {finished}")
    run.expect(0)


def test_sequential_live(t):
    """[41] --sequential shows output as it comes, in the order of the list"""
    run = t.start("pollard", "run", "--sequential", "--shell",
                  input="echo begun; until test -e go; do sleep 0.05; done; printf 'no newline'\necho next\n")
    t.wait_for(lambda: run.out == "begun\n", "the first line while the task still runs")
    t.write("go", "")
    run.expect(0)
    t.equal(run.out, "begun\nno newlinenext\n")


def test_sequential_tag(t):
    """[41] --sequential --tag: one tag a line, however the line came; characters in pieces stay whole"""
    run = t.run("pollard", "run", "--sequential", "--tag", "--progress", "none", "--shell",
                input="printf a; sleep 0.1; printf 'b\\nc'\nmisbehave split-utf8 0.02 >&2\n")
    t.equal(run.out, "1\tab\n1\tc\n")
    t.equal(run.err, "2\tgrüße 🌳 €\n")


def test_sequential_stuck(t):
    """[44] --sequential: a reader that does not read delays neither the task nor its timeout; all is there later"""
    reader, writer = os.pipe()
    run = t.start("pollard", "run", "--sequential", "-t", "5s", "--grace", "100ms", "--shell",
                  input="misbehave flood 20M; echo >flooded; misbehave ignore-term\necho last\n", stdout=writer)
    os.close(writer)
    t.wait_file("flooded")
    t.equal(t.wait_event("task-finished", task="1")["reason"], "timeout")
    t.wait_event("run-finished")
    peak = memory_peak(run.pid)
    t.check(peak < 12 * MIB or sanitized(t), f"the supervisor has used {peak} bytes")
    t.equal(read_all(reader), expected_flood(t, 20 * MIB) + b"ready\nlast\n", "output")
    run.expect(1)


def test_sequential_bytes(t):
    """[41] --sequential: byte for byte, long and short, and the record has it too"""
    run = t.run("pollard", "run", "--sequential", "-o", "text", "--shell",
                input="misbehave binary\nmisbehave flood 16384\nmisbehave flood 16385\nmisbehave flood 3M\n")
    want = (t.run("misbehave", "binary").out_bytes + expected_flood(t, 16384) + expected_flood(t, 16385)
            + expected_flood(t, 3 * MIB))
    t.equal(run.out_bytes, want, "output")
    t.equal([r["stdout_bytes"] for r in t.events("attempt-finished")], [256, 16384, 16385, 3 * MIB])
