#!/usr/bin/env python3
"""The table of features in README.md: what each cell says of pollard, xargs, GNU parallel, make and ninja is tried.

A row of ROWS is a line of the table: its words, an experiment, and for each program what the table says, the
options with which it is so, and what the experiment must then yield. An experiment gives the program a few jobs
and looks at what comes of them. `tests/system/test_features.py` alone prints the table.
"""

import os
import re
import shutil
import signal
import sys
import time
from collections import namedtuple

README = os.path.join(os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))), "README.md")
# The program, what stands above its column, and the Debian package that has it.
TOOLS = {
    "pollard": ("pollard", "pollard"),
    "xargs": ("`xargs -P`", "findutils"),
    "parallel": ("GNU `parallel`", "parallel"),
    "make": ("`make -j`", "make"),
    "ninja": ("`ninja`", "ninja-build"),
}

Row = namedtuple("Row", "words experiment cells")
Cell = namedtuple("Cell", "text options expected")


def yes(options="", text=None):
    """It is so, with these options when there are some."""
    return Cell(text or (f"`{options}`" if options else "yes"), options, True)


def no(text="no"):
    return Cell(text, "", False)


# How each program is given jobs: lines for a shell.

def escaped(job):
    return job.replace("$", "$$")


def makefile(jobs, needs=None, files=False):
    names = [str(number) for number in range(1, len(jobs) + 1)]
    rules = [f"{name}: {(needs or {}).get(name, '')}\n\t@{escaped(job)}\n" for name, job in zip(names, jobs)]
    phony = "" if files else f".PHONY: {' '.join(names)}\n"
    return f"all: {' '.join(names)}\n{phony}{''.join(rules)}"


def build_ninja(jobs, needs=None):
    return "".join(f"rule r{number}\n  command = {escaped(job)}\nbuild {number}: r{number} "
                   f"{(needs or {}).get(str(number), '')}\n" for number, job in enumerate(jobs, 1))


COMMANDS = {
    "pollard": "exec pollard run --shell -j 2 --progress none {options} < jobs",
    "xargs": "exec xargs -P 2 -d '\\n' -I JOB {options} sh -c JOB < jobs",
    "parallel": "exec parallel -j 2 {options} < jobs",
    "make": "exec make -s -k -j 2 {options}",
    "ninja": "exec ninja --quiet -k 0 -j 2 {options}",
}


def start(t, tool, jobs, options="", **more):
    t.write("jobs", "".join(f"{job}\n" for job in jobs))
    t.write("Makefile", makefile(jobs, **more))
    more.pop("files", None)
    t.write("build.ninja", build_ninja(jobs, **more))
    return t.start("bash", "-c", COMMANDS[tool].format(options=options))


def done(t, tool, jobs, options="", **more):
    process = start(t, tool, jobs, options, **more)
    process.wait(60)
    return process


def tell(process):
    """What it printed, standard error last."""
    return process.out + process.err


def jobs_left(t, moment=1.0):
    """Whether processes of the jobs are still there, after a moment in which they may go."""
    end = time.monotonic() + moment
    while t.left_processes():
        if time.monotonic() > end:
            return True
        time.sleep(0.02)
    return False


def lacks(t, tool, words):
    """Whether the program's own list of options has none of these words."""
    shown = t.run(tool, *(["run", "--help"] if tool == "pollard" else ["-h" if tool == "ninja" else "--help"]),
                  status=None)
    t.check(len(tell(shown)) > 200, f"{tool} says nothing of its options")
    return not re.search(words, tell(shown), re.I)


# The experiments.

def in_one_piece(t, tool, options):
    """Two jobs print in turn; with as many slots the output of either must be together."""
    def job(me, other):
        return f"echo {me}; touch {me}.on; until test -e {other}.on; do sleep 0.01; done; echo {me}"
    lines = done(t, tool, [job("a", "b"), job("b", "a")], options).out.split()
    t.equal(sorted(lines), ["a", "a", "b", "b"])
    return lines in (["a", "a", "b", "b"], ["b", "b", "a", "a"])


def in_order(t, tool, options):
    """The first job ends well after the second."""
    lines = done(t, tool, ["until test -e two; do sleep 0.01; done; sleep 0.3; echo 1", "echo 2; touch two"],
                 options).out.split()
    t.equal(sorted(lines), ["1", "2"])
    return lines == ["1", "2"]


def retried(t, tool, options):
    """A job that succeeds the second time."""
    process = done(t, tool, ["mkdir once 2>/dev/null && exit 1; echo good"], options)
    t.check(os.path.isdir(t.path("once")), "it was not tried at all")
    return process.status == 0 and process.out == "good\n"


def time_limit(t, tool, options):
    """A job that hangs is ended, and has not succeeded."""
    before = "timeout 1 " if options == "timeout" else ""
    began = time.monotonic()
    process = done(t, tool, [f"{before}sleep 300"], "" if before else options)
    return process.status != 0 and time.monotonic() - began < 30 and not jobs_left(t)


def whole_tree(t, tool, options):
    """A job leaves daemons behind, at its end and at its time limit."""
    daemon = "(setsid sleep 300 </dev/null >/dev/null 2>&1 &)"
    t.equal(done(t, tool, [f"{daemon}; echo good"]).out, "good\n")
    if jobs_left(t):
        return False
    done(t, tool, [f"{daemon}; sleep 300"], options)
    return not jobs_left(t)


def ends_with_it(t, tool, _options):
    """Which signals to the program alone end its jobs too, daemons aside."""
    good = []
    for name in ("TERM", "KILL"):
        process = start(t, tool, [f"touch on.{name}.{job}; exec sleep 300" for job in (1, 2)])
        for job in (1, 2):
            t.wait_file(f"on.{name}.{job}", 20)
        process.kill(signal.Signals[f"SIG{name}"])
        # One waits for its jobs instead of ending them.
        try:
            process.wait(10)
            if not jobs_left(t):
                good.append(name)
        finally:
            t.stop_all()
    return " ".join(good)


def resumed(t, tool, options):
    """Killed between two jobs: the first is not run again, the second is."""
    first, _, again = options.partition(" // ")
    jobs = ["echo 1 >> ran; touch 1", "touch on; test -e disk || exec sleep 300; echo 2 >> ran; touch 2"]
    process = start(t, tool, jobs, first, files=True)
    t.wait_file("on", 20)
    t.wait_file("1", 20)
    # It must also have been noticed that the first has ended.
    log = {"parallel": ("log", "\n1\t"), "ninja": (".ninja_log", "\t1\t")}.get(tool)
    if log:
        t.wait_for(lambda: os.path.exists(t.path(log[0])) and log[1] in t.read(log[0]), log[0])
    elif tool == "pollard":
        t.wait_event("task-finished")
    process.kill(signal.SIGKILL)
    process.wait(10)
    t.stop_all()
    t.write("disk", "")
    if tool == "pollard":
        t.run(*again.split(), status=None)
    else:
        done(t, tool, jobs, again, files=True)
    t.check(t.read("ran") in ("1\n2\n", "1\n1\n2\n"), t.read("ran"))
    good = t.read("ran") == "1\n2\n"
    if good and tool == "parallel":
        # By the number of the line: one that is put before them is taken for the first, and not run.
        done(t, tool, ["echo new >> ran", *jobs], again)
        t.equal(t.read("ran"), "1\n2\n2\n")
    return good


def tells_partial(t, tool, _options):
    """Whether "some failed" and "all failed" are told apart by the exit status."""
    t.equal(done(t, tool, ["true", "true"]).status, 0)
    some, none = done(t, tool, ["true", "false"]).status, done(t, tool, ["false"]).status
    t.check(some and none, "a failure gives 0")
    if tool == "parallel":
        t.equal((done(t, tool, ["false"] * 3).status, done(t, tool, ["false"] * 110, "-j 8").status), (3, 101))
    return some != none


def says_which(t, tool, options):
    """The second of three fails."""
    process = done(t, tool, ["echo 5", "echo gone >&2; exit 3", "echo 6"], options)
    t.contains(tell(process), "gone")
    if "joblog" in options:
        return bool(re.search(r"^2\t.*\t3\t0\t", t.read("log"), re.M))
    return bool(re.search(r"^(pollard: PARTIAL 2/3 \(2\)|make: .*: 2\] Error 3|FAILED: 2 .*)$", tell(process), re.M))


def says_why_last(t, tool, _options):
    """Two fail for one reason, and then there is much noise."""
    process = done(t, tool, ["no-such-tool --a", "no-such-tool --b", "sleep 0.3; seq 1000"])
    t.check(process.status != 0 and "no-such-tool" in tell(process), "nothing failed")
    last = "".join(tell(process).splitlines(True)[-15:])
    return "no-such-tool" in last and bool(re.search("cause: 2 tasks: .*not found", last))


def dependencies(t, tool, _options):
    """The first job of the list needs the second."""
    jobs = ["test -e one", "sleep 0.3; touch one"]
    if tool != "pollard":
        return done(t, tool, jobs, needs={"1": "2"}).status == 0
    t.write("list", f'{{"id": "a", "run": "{jobs[0]}", "needs": ["b"]}}\n{{"id": "b", "run": "{jobs[1]}"}}\n')
    return t.run("pollard", "run", "-f", "list", status=None).status == 0


def memory(t, tool, options):
    """Less memory is free than is asked for."""
    if not options:
        return not lacks(t, tool, r"\bmem")
    if tool == "parallel":
        process = start(t, tool, ["touch on"], f"{options} 1000T")
        time.sleep(3)
        t.check(process.popen.poll() is None, process.err)
        t.stop_all()
        return not os.path.exists(t.path("on"))
    # One is started all the same; the other must wait for its end.
    for name, command in (("one", "touch on; until test -e go; do sleep 0.01; done"), ("two", "test -e go && echo good")):
        t.write(f".pollard/agents/{name}.md", f"---\nname: {name}\ncommand: sh -c '{command}'\n---\n")
    process = t.start("pollard", "run", options, "100%", "-o", "none", input="one: x\ntwo: x\n")
    t.wait_file("on")
    t.wait_for(lambda: "memory" in process.err, "the line about memory")
    t.write("go", "")
    process.wait(30)
    one_done, two_began = (next(int(event["seq"]) for event in t.events(name) if event["task"] == task)
                           for name, task in (("attempt-finished", "1"), ("attempt-started", "2")))
    return one_done < two_began


def load(t, tool, options):
    """How loaded the machine is cannot be chosen: the option is taken, and nothing waits below its limit."""
    if not options:
        return not lacks(t, tool, "load")
    return done(t, tool, ["true"], f"{options} 1000").status == 0


def other_hosts(t, tool, options):
    """A job for another host, asked for through what stands in for ssh."""
    if not options:
        return not lacks(t, tool, r"\bssh|remote|other (host|machine)")
    t.write("ssh", "#!/bin/sh\necho \"$1\" >> asked\nshift 2\nexec sh -c \"$*\"\n", mode=0o755)
    process = t.run("parallel", "--ssh", t.path("ssh"), "-S", "1/far", "echo", "{}", ":::", "x", status=None)
    t.contains(t.read("asked"), "far")
    return process.out == "x\n"


def combinations(t, tool, options):
    """All pairs of two lists."""
    if not options:
        return not lacks(t, tool, r":::|combination")
    process = t.run("parallel", "-k", "echo", ":::", "a", "b", ":::", "1", "2")
    return process.out == "a 1\na 2\nb 1\nb 2\n"


def out_of_date(t, tool, _options):
    """What was made from a file that is no newer is not made again."""
    t.write("3", "source\n")
    jobs = ["echo made >> ran; cp 3 1"]
    for _ in range(2):
        t.equal(done(t, tool, jobs, files=True, needs={"1": "3"}).status, 0)
    made = len(t.read("ran").splitlines())
    t.check(made in (1, 2), f"it was made {made} times")
    return made == 1


ROWS = (
    Row("output of a job in one piece, not mixed with others'", in_one_piece,
        {"pollard": yes(), "xargs": no(), "parallel": yes(), "make": yes("-O"), "ninja": yes()}),
    Row("results in the order of the list", in_order,
        {"pollard": yes("-k"), "xargs": no(), "parallel": yes("-k"), "make": no(), "ninja": no()}),
    Row("failed jobs are tried again", retried,
        {"pollard": yes("-r 1", "`-r`"), "xargs": no(), "parallel": yes("--retries 2", "`--retries`"), "make": no(),
         "ninja": no()}),
    Row("a time limit for each job", time_limit,
        {"pollard": yes("-t 1s", "`-t`"), "xargs": yes("timeout", "timeout(1)"),
         "parallel": yes("--timeout 1", "`--timeout`"), "make": yes("timeout", "timeout(1)"),
         "ninja": yes("timeout", "timeout(1)")}),
    Row("daemons that a job leaves behind end with it", whole_tree,
        {"pollard": yes("-t 1s", "yes"), "xargs": no(), "parallel": no(), "make": no(), "ninja": no()}),
    Row("its jobs end when it gets SIGTERM, or SIGKILL", ends_with_it,
        {"pollard": Cell("both", "", "TERM KILL"), "xargs": Cell("neither", "", ""),
         "parallel": Cell("SIGTERM", "", "TERM"), "make": Cell("SIGTERM", "", "TERM"),
         "ninja": Cell("SIGTERM", "", "TERM")}),
    Row("goes on after it was killed", resumed,
        {"pollard": Cell("`resume`", " // pollard resume", True), "xargs": no(),
         "parallel": Cell("`--resume`, by line number", "--joblog log // --joblog log --resume", True),
         "make": yes(text="by files"), "ninja": yes(text="by files")}),
    Row("exit status tells \"some failed\" from \"all failed\"", tells_partial,
        {"pollard": yes(), "xargs": no(), "parallel": no("a count, to 101"), "make": no(), "ninja": no()}),
    Row("says which jobs failed", says_which,
        {"pollard": yes(), "xargs": no(), "parallel": yes("--joblog log", "`--joblog`"), "make": yes(),
         "ninja": yes()}),
    Row("says last why they failed, and what cause they share", says_why_last,
        {"pollard": yes(), "xargs": no(), "parallel": no(), "make": no(), "ninja": no()}),
    Row("jobs that need others", dependencies,
        {"pollard": yes(text="`needs`"), "xargs": no(), "parallel": no(), "make": yes(), "ninja": yes()}),
    Row("starts wait while memory is short", memory,
        {"pollard": yes("--min-free-memory", "agents"), "xargs": no(), "parallel": yes("--memfree"), "make": no(),
         "ninja": no()}),
    Row("starts wait while the machine is loaded", load,
        {"pollard": no(), "xargs": no(), "parallel": yes("--load"), "make": yes("-l"), "ninja": yes("-l")}),
    Row("jobs on other machines", other_hosts,
        {"pollard": no(), "xargs": no(), "parallel": yes("-S"), "make": no(), "ninja": no()}),
    Row("combinations of arguments", combinations,
        {"pollard": no(), "xargs": no(), "parallel": yes(":::"), "make": no(), "ninja": no()}),
    Row("only what is older than its sources", out_of_date,
        {"pollard": no(), "xargs": no(), "parallel": no(), "make": yes(), "ninja": yes()}),
)


def table():
    lines = ["| | " + " | ".join(head for head, _ in TOOLS.values()) + " |", "|---" * (len(TOOLS) + 1) + "|"]
    lines += [f"| {row.words} | " + " | ".join(row.cells[tool].text for tool in TOOLS) + " |" for row in ROWS]
    return "\n".join(lines) + "\n"


def _cell_test(row, tool):
    def test(t):
        if tool != "pollard" and not shutil.which(tool, path=t.env["PATH"]):
            t.skip(f"WHAT README.md SAYS OF {tool} IS NOT TRIED: Debian package '{TOOLS[tool][1]}' is missing")
        # GNU parallel asks for a citation, once.
        os.makedirs(os.path.join(t.home, ".parallel"))
        with open(os.path.join(t.home, ".parallel", "will-cite"), "w", encoding="ascii"):
            pass
        try:
            t.equal(row.experiment(t, tool, row.cells[tool].options), row.cells[tool].expected,
                    f"{tool}: {row.words}")
        finally:
            if tool != "pollard":
                # What others leave behind is what the table is about.
                t.stop_all()
                for name in os.listdir(t.tmp):
                    path = os.path.join(t.tmp, name)
                    shutil.rmtree(path) if os.path.isdir(path) else os.unlink(path)
    test.__doc__ = f"{row.words}: {tool}: {row.cells[tool].text}"
    test.limit = 90
    return test


for _number, _row in enumerate(ROWS, 1):
    for _tool in TOOLS:
        globals()[f"test_feature_{_number}_{_tool}"] = _cell_test(_row, _tool)


def test_table(t):
    """the table in README.md is the one that is tried"""
    with open(README, encoding="utf-8") as f:
        t.contains(f.read(), table(), "README.md")


if __name__ == "__main__":
    sys.stdout.write(table())
