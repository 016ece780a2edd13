"""At home in cron: silence and one report, --if-running, --notify, what earlier runs say, the crontab line, the unit
files, and hundreds of runs."""

import json
import os
import re
import shutil
import signal
import subprocess
from datetime import datetime, timedelta, timezone

from harness import holds, sealed

# What cron gives, and no more: no LANG, no terminal, a short PATH.
CRON = {"LC_ALL": None, "TZ": None, "USER": None, "POLLARD_DATA": None, "XDG_CONFIG_HOME": None, "XDG_STATE_HOME": None,
        "XDG_CACHE_HOME": None, "XDG_DATA_HOME": None, "TMPDIR": None, "PATH": "/usr/bin:/bin", "SHELL": "/bin/sh"}
BAD = "echo bad; echo 'no such table' >&2; exit 3\n"


def pollard(t):
    return shutil.which("pollard", path=t.env["PATH"])


def cron(t, script, *options, status=0, name="nightly"):
    return t.run(pollard(t), "run", "--cron", "--name", name, "--shell", *options, input=script, env=CRON, status=status)


def test_success_is_silent(t):
    """--cron says nothing at all when the requirement is met"""
    run = cron(t, "echo hello; echo world >&2\ntrue\n")
    t.equal((run.out, run.err), ("", ""), "what was said")
    run = cron(t, "head -c 100000 /dev/zero\n", "--max-output", "1K")
    t.equal((run.out, run.err), ("", ""), "what was said about dropped output")


def test_nothing_to_do(t):
    """--cron with an empty list is a run like any other: silent, on record, its command is told of it"""
    cron(t, BAD, status=2)
    run = cron(t, "", "--notify", "cat >got", "--state-file", "state.md")
    t.equal((run.out, run.err), ("", ""), "what was said")
    got = json.loads(t.read("got"))
    t.equal((got["run"], got["name"], got["outcome"], got["succeeded"], got["exit"]),
            (os.path.basename(t.run_dir()), "nightly", "all", 0, 0), "summary")
    t.contains(t.read("state.md"), got["run"])
    t.contains(t.run("pollard", "show").out, got["run"])


def test_enough_is_success(t):
    """--cron is silent too when some failed and that is enough"""
    run = cron(t, BAD + "true\n", "--require", "partial")
    t.equal((run.out, run.err), ("", ""), "what was said")


def test_failure_is_one_report(t):
    """--cron reports a failure: the verdict first, then what failed and what to type"""
    run = cron(t, "echo fine\n" + BAD + "head -c 100000 /dev/zero\n", "--max-output", "1K", status=1)
    t.equal(run.out, "", "standard output")
    lines = run.err.splitlines()
    t.equal(lines[0], "pollard: nightly PARTIAL 2/3 (2)", "the first line")
    t.contains(run.err, "  2: exit 3")
    t.contains(run.err, "    | no such table\n")
    t.contains(run.err, "dropped")
    t.matches(run.err, r"pollard show \d{8}-\d{6}-[0-9a-f]{4} 2\n")
    t.equal(len([line for line in lines if "PARTIAL" in line]), 1, "verdicts")
    t.check(all(ord(c) < 128 for c in run.err), "a report in plain ASCII")


def test_output_that_cannot_be_written(t):
    """--cron reports that standard output could not be written, also when that is found at the very end"""
    lost = "pollard: cannot write to standard output: No space left on device"
    with open("/dev/full", "wb") as full:
        for script, verdict in (("echo hello\n", "ALL 1/1"), ("echo hello\nexit 3\n", "PARTIAL 1/2 (2)")):
            run = t.run(pollard(t), "run", "--cron", "--name", "nightly", "-o", "text", "--shell", input=script, env=CRON,
                        stdout=full, status=74)
            lines = run.err.splitlines()
            t.equal(lines[0], "pollard: nightly " + verdict, "the first line")
            t.equal(len([line for line in lines if line.startswith(lost)]), 1, "how often it is said")
            t.equal(run.err.count("nightly"), 1, "reports")
    t.equal(t.events("run-finished")[-1]["exit"], 74, "the status on record")


def test_asked_for_output_comes(t):
    """--cron with -o prints the results, also of a run that succeeds"""
    run = cron(t, "echo hello\n", "-o", "text")
    t.equal((run.out, run.err), ("hello\n", ""), "what was said")


def test_a_name_is_wanted(t):
    """--cron and --if-running want a name"""
    for option in (["--cron"], ["--if-running", "skip"]):
        t.contains(t.run("pollard", "run", *option, "--shell", input="true\n", status=64).err, "add '--name NAME'")
    t.write("list.txt", "true\n")
    t.contains(t.run("pollard", "run", "--cron", "--shell", "-f", "list.txt", status=64).err, "add '--name NAME'")
    t.write("flow.yaml", "version: 1\nsteps: [{ id: a, run: [\"true\"] }]\n")
    run = t.run("pollard", "run", "--cron", "-f", "flow.yaml")
    t.equal((run.out, run.err), ("", ""), "what a workflow said, which has a name")


def hold(t):
    """A run of the name that goes on until `go` is there."""
    run = t.start("pollard", "run", "--name", "nightly", "--shell", input="echo >begun; until test -e go; do sleep 0.02; done\n")
    t.wait_file("begun")
    return run


def test_if_running(t):
    """a run of the name that goes on: skipped, refused, waited for, or nobody's business"""
    first = hold(t)
    held = os.path.basename(t.runs()[0])
    skipped = t.run("pollard", "run", "--name", "nightly", "--if-running", "skip", "--shell", input="touch no\n")
    t.matches(skipped.err, f"pollard: .*'nightly' is still going.*{held}")
    t.equal(cron(t, "touch no\n").err, "", "what cron is told of a run that is skipped")
    refused = t.run("pollard", "run", "--name", "nightly", "--if-running", "fail", "--shell", input="touch no\n", status=75)
    t.contains(refused.err, held)
    t.run("pollard", "run", "--name", "weekly", "--if-running", "fail", "--shell", input="touch other\n")
    t.run("pollard", "run", "--name", "nightly", "--shell", input="touch beside\n")
    t.check(os.path.exists(t.path("other")) and os.path.exists(t.path("beside")), "not run")
    waits = t.start("pollard", "run", "--name", "nightly", "--if-running", "wait", "--shell", input="test -e go && touch after\n")
    t.wait_for(lambda: holds(waits.popen.pid, "/locks/"), "the lock to be asked for")
    t.check(not os.path.exists(t.path("after")), "did not wait")
    t.write("go", "")
    first.expect(0)
    waits.expect(0)
    t.check(os.path.exists(t.path("after")), "never ran")
    t.check(not os.path.exists(t.path("no")), "ran although another was going")


def test_notify(t):
    """--notify gets the summary, what it prints is on standard error, and its failure changes nothing"""
    said = cron(t, "true\n" + BAD, "--notify", 'cat >got; echo "$POLLARD_RUN $POLLARD_OUTCOME $POLLARD_STATUS"; echo oops >&2; exit 9',
                status=1)
    got = json.loads(t.read("got"))
    run = os.path.basename(t.run_dir())
    t.equal((got["run"], got["name"], got["outcome"], got["succeeded"], got["failed"], got["exit"]),
            (run, "nightly", "partial", 1, 1, 1), "summary")
    t.contains(said.err, f"{run} partial 1\noops\n")
    t.contains(said.err, "pollard: warning: the command of '--notify' failed: exit 9")
    t.equal(said.err.splitlines()[0], "pollard: nightly PARTIAL 1/2 (2)", "the first line")
    said = t.run("pollard", "run", "--notify", "cat", "-o", "none", "--progress", "none", "--shell", input="true\n")
    t.equal(json.loads(said.err)["outcome"], "all", "outcome")
    t.run("pollard", "run", "--notify", "no-such-program", "--shell", input="true\n")


def test_notify_of_an_interrupted_run(t):
    """--notify is told of a run that a signal ended, and what it leaves behind is ended"""
    run = t.start("pollard", "run", "--notify", "cat >got; echo $POLLARD_STATUS >status; sleep 1000 &", "--shell", input="echo >begun; sleep 1000\n")
    t.wait_file("begun")
    run.kill()
    run.expect(-signal.SIGTERM)
    t.equal(json.loads(t.read("got"))["signal"], "SIGTERM", "signal")
    t.equal(t.read("status"), "143\n", "POLLARD_STATUS")


def test_notify_can_be_ended(t):
    """a signal ends a run that only waits for its --notify"""
    run = t.start("pollard", "run", "--notify", "echo >told; exec sleep 1000", "--shell", input="true\n")
    t.wait_file("told")
    run.kill()
    run.expect(-signal.SIGTERM)
    t.equal(t.events("run-finished")[-1]["outcome"], "all", "outcome")


def test_history(t):
    """a failure that earlier runs of the name had too says since when and how often; another one is new"""
    t.check("history" not in cron(t, BAD, status=2).err, "a first run has no history")
    started = t.events("run-started")[0]["time"][:16].replace("T", " ")
    t.contains(cron(t, BAD, status=2).err, f"  history: the same failure as in the run before, of {started}\n")
    t.contains(cron(t, BAD, status=2).err, f"  history: the same failure as in the last 2 runs, since {started}\n")
    t.check("history" not in cron(t, BAD, status=2, name="weekly").err, "another name has another history")
    t.contains(cron(t, "echo 'no such index' >&2; exit 3\n", status=2).err, "  history: not the same failure as in the run before")
    cron(t, "true\n")
    t.matches(cron(t, BAD, status=2).err, r"  history: new: the run before, of [-0-9]+ [:0-9]+, succeeded\n")


# What cron does with a command before it gives it to the shell: Debian's, and cronie's, which differ in \\%.

def unescape(command, cronie):
    out, escaped = [], False
    for c in command:
        if escaped and c == "%":
            out.pop()
        elif c == "%":
            break
        out.append(c)
        escaped = c == "\\" and not (cronie and escaped)
    return "".join(out)


def run_line(t, text, cronie):
    """Does with a crontab what cron does, now."""
    settings, command = {}, None
    for line in text.splitlines():
        if not line or line.startswith("#"):
            continue
        setting = re.fullmatch(r'([A-Z_]+)="(.*)"', line)
        if setting:
            settings[setting[1]] = setting[2]
        else:
            t.matches(line, r"^0 3 \* \* \* cd '?/")
            command = line.split(" ", 5)[5]
    t.check(settings["PATH"].startswith("/"), f"PATH: {settings['PATH']}")
    shown = subprocess.run(["/bin/sh", "-c", unescape(command, cronie)], cwd="/", stdin=subprocess.DEVNULL, capture_output=True,
                           env={"HOME": t.home, "SHELL": "/bin/sh", "LOGNAME": "nobody", "PATH": "/usr/bin:/bin"})
    return shown.returncode, shown.stdout.decode(), shown.stderr.decode()


def test_crontab_line(t):
    """the lines of `plan --cron` work in cron as they stand"""
    t.write("a dir/it's 5%/list.txt", "100%\nx y\n")
    place = t.path("a dir", "it's 5%")
    for cronie in (False, True):
        plan = t.run("pollard", "plan", "--cron", "--name", "50% $HOME", "-f", "list.txt", "-j", "1", "-t", "1m", "--state-file", "S.md",
                     "--", "sh", "-c", r'printf "%s\%%\\n" "$1" >>"$PWD/got"', "sh", "{}", cwd=place)
        t.equal(plan.err, "", "standard error of the plan")
        t.equal(run_line(t, plan.out, cronie), (0, "", ""), "what cron saw")
        with open(os.path.join(place, "got"), encoding="utf-8") as f:
            t.equal(f.read(), "100%\\%\nx y\\%\n", "what the tasks were given")
        os.remove(os.path.join(place, "got"))
        t.check(os.path.exists(os.path.join(place, "S.md")), "no state file")
    started = t.events("run-started", run=t.runs()[-1])[0]
    t.equal((started["name"], started["cwd"], started["options"]["timeout"], started["options"]["require"]),
            ("50% $HOME", place, 60, "all"), "the run")


def test_crontab_line_of_a_workflow(t):
    """a workflow's own requirement and name are made explicit, and a failure is reported"""
    t.write("flow.yaml", "version: 1\nname: night\nrequire: partial\nsteps: [{ id: a, tasks: [{ id: x, run: [\"false\"] }, { id: y, run: [\"true\"] }] }]\n")
    plan = t.run("pollard", "plan", "--cron", "-f", "flow.yaml")
    t.contains(plan.out, " --name night --require partial -f /")
    t.equal(run_line(t, plan.out, False), (0, "", ""), "what cron saw")
    plan = t.run("pollard", "run", "-n", "--cron", "-f", "flow.yaml", "--require", "100%")
    t.contains(plan.out, r" --require 100\% -f /")
    status, out, err = run_line(t, plan.out, False)
    t.equal((status, out), (1, ""), "what cron saw")
    t.equal(err.splitlines()[0], "pollard: night PARTIAL 1/2 (x)", "the first line")


def test_crontab_line_that_cannot_be(t):
    """what a crontab cannot hold is refused: a list on standard input, a line break, a bad list"""
    t.write("list.txt", "a\n")
    t.contains(t.run("pollard", "plan", "--cron", "--name", "n", status=64).err, "-f FILE")
    t.contains(t.run("pollard", "plan", "--cron", "--name", "n", "-f", "list.txt", "--", "echo", "a\nb", status=64).err, "line break")
    t.equal(t.run("pollard", "plan", "--cron", "--name", "n", "-f", "list.txt", status=65).out, "", "output")


# The files that come with it.

def example(t, name):
    with open(os.path.join(t.root, "shared", "examples", "cron", name), encoding="utf-8") as f:
        return f.read()


def test_example_crontab(t):
    """the crontab among the examples works once its paths are there"""
    os.mkdir(os.path.join(t.home, "nightly"))
    shutil.copy(os.path.join(t.root, "shared", "examples", "cron", "nightly.yaml"), os.path.join(t.home, "nightly"))
    line = example(t, "crontab").splitlines()[-1]
    t.matches(line, r"^0 3 \* \* \* cd ")
    command = unescape(line.split(" ", 5)[5], False).replace("/usr/local/bin/pollard", pollard(t)).replace("full=90", "full=100")
    run = t.run("/bin/sh", "-c", command, cwd="/", env=CRON)
    t.equal((run.out, run.err), ("", ""), "what cron saw")
    run = t.run("/bin/sh", "-c", command.replace("full=100", "full=-1"), cwd="/", env=CRON, status=1)
    t.equal(run.err.splitlines()[0], "pollard: nightly PARTIAL 1/2 (disk)", "the first line")


def sections(text):
    """A unit file as {section: {key: value}}."""
    out, section = {}, None
    for line in text.splitlines():
        if not line.strip() or line[0] in "#;":
            continue
        title = re.fullmatch(r"\[(\w+)\]", line)
        if title:
            section = out.setdefault(title[1], {})
        else:
            key, value = line.split("=", 1)
            assert key not in section, key
            section[key] = value
    return out


def test_example_units(t):
    """the systemd units among the examples: their keys, the command, and what systemd says of them"""
    service, timer = sections(example(t, "pollard-nightly.service")), sections(example(t, "pollard-nightly.timer"))
    t.equal((service["Service"]["Type"], service["Service"]["KillMode"]), ("oneshot", "mixed"), "of the service")
    t.equal((timer["Timer"]["OnCalendar"], timer["Install"]["WantedBy"]), ("*-*-* 03:00:00", "timers.target"), "of the timer")
    words = service["Service"]["ExecStart"].split()
    shutil.copy(os.path.join(t.root, "shared", "examples", "cron", "nightly.yaml"), t.dir)
    t.equal(words[:2], ["/usr/local/bin/pollard", "run"], "the command")
    run = t.run(pollard(t), *words[1:], env=CRON, status=None)
    t.check(run.status in (0, 1), f"status {run.status}: {run.err}")
    analyze = shutil.which("systemd-analyze", path=t.env["PATH"])
    if not analyze:
        return
    for name in ("pollard-nightly.service", "pollard-nightly.timer"):
        text = example(t, name).replace("/usr/local/bin/pollard", pollard(t)).replace("%h/nightly", t.dir)
        # the manual page is not installed here
        t.write(f"units/{name}", re.sub(r"(?m)^Documentation=.*\n", "", text))
    checked = t.run(analyze, "verify", *(t.path("units", name) for name in ("pollard-nightly.service", "pollard-nightly.timer")), status=None)
    t.equal((checked.status, checked.err), (0, ""), "systemd-analyze verify")


# Hundreds of runs.

def seal(record):
    return sealed(json.dumps(record, separators=(",", ":"), ensure_ascii=False)[:-1].encode()) + b"\n"


def make_runs(t, count, newest, **more):
    """Finished runs, one a day, with the journal of a real one whose times and name are others."""
    for n in range(count):
        then = newest - timedelta(days=n)
        path = os.path.join(t.state, "runs", then.strftime("%Y%m%d-%H%M%S-0001"))
        os.mkdir(path, 0o700)
        with open(os.path.join(path, "journal.jsonl"), "wb") as f:
            for seq, record in enumerate(({"event": "run-started", "name": "nightly", "steps": [{"id": "1", "count": 1}]},
                                          {"event": "attempt-finished", "stdout": more.get("stdout", "")},
                                          {"event": "run-finished", "outcome": "all", "succeeded": 1, "failed": 0, "exit": 0}), 1):
                f.write(seal({"v": 1, "seq": seq, "time": then.strftime("%Y-%m-%dT%H:%M:%S.000Z"), **record}))
        os.chmod(os.path.join(path, "journal.jsonl"), 0o600)


def test_status_of_hundreds_of_runs(t):
    """status over 500 runs with long journals reads only those that it shows, and of them not all; the newest first"""
    cron(t, "true\n")
    make_runs(t, 500, datetime.now(timezone.utc) - timedelta(days=1), stdout="x" * 16000)
    t.run("pollard", "status")
    # what those that it waited for have read is told of the shell as well
    shown = t.run("sh", "-c", "pollard status; cat /proc/$$/io >io")
    lines = shown.out.splitlines()
    t.equal(lines, sorted(lines, reverse=True), "the order")
    t.contains(lines[0], "nightly")
    t.contains(shown.err, "older; 'pollard clean' removes old ones")
    read = int(re.match(r"rchar: (\d+)\n", t.read("io"))[1])
    t.check(read < 500 * 16000 / 4, f"it has read {read} bytes of the {500 * 16000} that are there")


def test_old_runs_go(t):
    """at the end of a run the old ones of its name go, but for the last hundred"""
    cron(t, "true\n")
    make_runs(t, 120, datetime.now(timezone.utc) - timedelta(days=1))
    cron(t, "true\n", name="weekly")
    t.equal(len(t.runs()), 122, "runs after one of another name")
    cron(t, "true\n")
    runs = [os.path.basename(run) for run in t.runs()]
    t.equal(len(runs), 101, "runs that are left: a hundred, and one of another name")
    oldest = (datetime.now(timezone.utc) - timedelta(days=98)).strftime("%Y%m%d")
    t.equal(min(runs)[:8], oldest, "the oldest that is left")
