"""Input that comes while the run goes on: pipes, terminals, and very much of it."""

import os


def test_terminal(t):
    """[4] at a terminal it is said that tasks are read, and Ctrl-D ends the list"""
    screen = t.terminal("pollard", "run", "--progress", "none", "--", "echo", "task")
    screen.read_until("reading tasks from the terminal, one a line; end with Ctrl-D")
    screen.send("one\n")
    screen.read_until("one")
    screen.send("\x04")
    screen.read_until("task one")
    t.equal(screen.wait(), 0, "status")


def test_terminal_nothing(t):
    """[4] Ctrl-D alone is an empty list"""
    screen = t.terminal("pollard", "run", "--", "touch", "ran")
    screen.read_until("end with Ctrl-D")
    screen.send("\x04")
    screen.read_until("0 tasks")
    t.equal(screen.wait(), 0, "status")
    t.check(not os.path.exists(t.path("ran")), "something ran")


def test_list_waits_for_its_end(t):
    """without --stream nothing starts before the list is read to its end"""
    run = t.start("pollard", "run", "--progress", "none", "--", "echo", stdin="pipe")
    run.write("one\ntwo\n")
    run.write("thr")
    t.equal(t.runs(), [], "run directories")
    run.write("ee\n")
    run.close_stdin()
    run.expect(0)
    t.equal(sorted(run.out.split()), ["one", "three", "two"], "output")


def test_stream_starts_early(t):
    """--stream: a task starts, ends and is shown while the list is still being written"""
    run = t.start("pollard", "run", "--stream", "--progress", "none", "--", "echo", stdin="pipe")
    run.write("one\n")
    t.wait_for(lambda: run.out == "one\n", "the first line of output")
    t.check(run.status is None, "it ended before its list did")
    run.write("tw")
    run.write("o\n")
    t.wait_for(lambda: run.out == "one\ntwo\n", "the second line of output")
    run.write("three")
    run.close_stdin()
    run.expect(0)
    t.equal(run.out, "one\ntwo\nthree\n", "output")


def test_stream_bad_line(t):
    """--stream: a bad line fails at once, and what comes after it runs"""
    run = t.start("pollard", "run", "--stream", "--progress", "none", stdin="pipe")
    run.write('{"run":\n')
    t.wait_event("task-finished", task="1", status="failed", reason="invalid")
    run.write('{"run":"echo fine"}\n')
    t.wait_for(lambda: run.out == "fine\n", "the output of the second task")
    run.close_stdin()
    run.expect(1)


def test_stream_need_that_is_over(t):
    """--stream: what is needed may have ended long ago, well or badly"""
    run = t.start("pollard", "run", "--stream", "--progress", "none", stdin="pipe")
    run.write('{"id":"a","run":"true"}\n{"id":"b","run":"false"}\n')
    t.wait_event("attempt-finished", task="a")
    t.wait_event("attempt-finished", task="b")
    run.write('{"id":"c","run":"echo c","needs":["a"]}\n{"id":"d","run":"echo d","needs":["b"]}\n')
    t.wait_for(lambda: run.out == "c\n", "the output of c")
    run.close_stdin()
    run.expect(1)
    t.equal(t.events("task-finished")[-1]["task"], "d", "the last task")
    t.equal([e["reason"] for e in t.events("task-finished") if e["task"] == "d"], ["needs"], "reason")


def test_stream_only_bad_lines(t):
    """--stream: a hundred thousand bad lines in a row all fail, and the run ends"""
    run = t.run("pollard", "run", "--stream", "--progress", "none", "-o", "none",
                input=b"nonsense\n" * 100000, status=2, limit=60)
    t.contains(run.err, "NONE 0/100000", "standard error")


test_stream_only_bad_lines.limit = 60


def test_million_lines(t):
    """[18] a million short lines are read and refused for the last, within 512 MB of address space"""
    t.write("list", b"".join(b"%d\n" % i for i in range(1000000)) + b"a\0b\n")
    run = t.run("bash", "-c", "ulimit -v 524288; exec pollard run -f list -- touch ran", status=65, limit=60)
    t.contains(run.err, "pollard: list:1000001: a NUL byte", "standard error")
    t.equal(os.listdir(t.dir), ["list"], "files")


test_million_lines.limit = 60
