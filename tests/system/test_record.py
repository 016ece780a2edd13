"""The run record (spec chapter 5): the journal, STATE.md, what lies where and who may read it, and what stays
of it when the disk, the system, or the supervisor itself fails."""

import json
import os
import re
import shutil
import signal
import stat
import subprocess

import harness

RUN = ["pollard", "run", "--progress", "none"]


def without_notes(text):
    """STATE.md without what depends on the speed of the machine, and with a fixed run."""
    text = re.sub(r"- \*\*Notes\*\*: Parallel execution saved .*\n", "", text)
    return harness.RUN_ID.sub("RUN", text)


def mode(path):
    return stat.S_IMODE(os.lstat(path).st_mode)


# The journal.

def test_frame(t):
    """every record has v, seq without gaps, time, event, and a checksum over all before it"""
    t.run(*RUN, "-r", "1", "-o", "none", "--", "misbehave", "exit", input="0\n3\n", status=1)
    records = t.journal()
    t.equal([r["seq"] for r in records], list(range(1, len(records) + 1)), "seq")
    t.equal({r["v"] for r in records}, {1}, "v")
    for r in records:
        t.matches(r["time"], r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$")


def test_order_of_events(t):
    """run-started, all tasks, then starts and ends, each task's end once, the step's end, the run's end"""
    t.run(*RUN, "-j", "3", "-m", "concat", "--", "misbehave", "exit", input="0\n1\n0\n0\n", status=1)
    events = [r["event"] for r in t.journal()]
    t.equal(events[:5], ["run-started"] + ["task-added"] * 4)
    t.equal(events[-2:], ["step-finished", "run-finished"])
    middle = t.journal()[5:-2]
    state = {}
    for r in middle:
        before = state.get(r["task"], "added")
        allowed = {"attempt-started": ("added",), "attempt-finished": ("attempt-started",),
                   "task-finished": ("attempt-finished",)}
        t.check(before in allowed[r["event"]], f"task {r['task']}: {r['event']} after {before}")
        state[r["task"]] = r["event"]
    t.equal(state, {str(i): "task-finished" for i in range(1, 5)})
    t.equal(t.events("step-finished")[0]["merged"], "merged/1.md")


def test_run_started(t):
    """run-started: version, name, options and input, so that the run can be told and taken up"""
    t.run(*RUN, "--name", "n", "-t", "90", "--", "echo", "a b", input="x\n")
    first = t.journal()[0]
    t.equal(first["name"], "n")
    t.equal(first["cwd"], t.dir)
    t.equal(first["command"], [*RUN, "--name", "n", "-t", "90", "--", "echo", "a b"])
    t.equal(first["options"]["command"], ["echo", "a b"])
    t.equal(first["options"]["timeout"], 90)
    t.equal(first["steps"], [{"id": "1", "title": None, "goal": None, "jobs": 4, "count": 1}])
    t.equal(first["run"], os.path.basename(t.run_dir()))


def test_whole_records(t):
    """task-added holds the input record byte for byte, also when it is not UTF-8"""
    t.run(*RUN, "-o", "none", "--", "true", input=b"plain\n\xff\xfe tail\ntab\there\n")
    added = t.events("task-added")
    t.equal(added[0]["record"], "plain")
    t.equal(added[1]["record"], "\ufffd\ufffd tail")
    import base64
    t.equal(base64.b64decode(added[1]["record_base64"]), b"\xff\xfe tail")
    t.check("record_base64" not in added[0], "base64 beside what is UTF-8")


def test_start_before_fork(t):
    """a start is recorded before the fork: the task itself finds it in the journal"""
    t.write("look.sh", 'cp "$POLLARD_STATE_DIR/runs/$POLLARD_RUN/journal.jsonl" "seen.$POLLARD_TASK.$POLLARD_ATTEMPT"\n'
                       'exit $1\n')
    t.run(*RUN, "-j", "1", "-r", "1", "--", "sh", "look.sh", input="0\n3\n", status=1)
    for task, attempt in (("1", 1), ("2", 1), ("2", 2)):
        with open(t.path(f"seen.{task}.{attempt}"), "rb") as f:
            records = [harness.parse_record(line) for line in f.read().splitlines()]
        t.check(any(r["event"] == "attempt-started" and r["task"] == task and r["attempt"] == attempt
                    for r in records), f"task {task} attempt {attempt} ran before its start was recorded")


def test_result_before_print(t):
    """a result is recorded before it is printed: whatever a reader has read, the journal has"""
    t.write("gate.sh", "while [ ! -e go.$1 ]; do sleep 0.01; done; echo done $1\n")
    p = t.start(*RUN, "--", "sh", "gate.sh", input="1\n2\n3\n4\n", stdout=subprocess.PIPE)
    for task in ("3", "1", "4", "2"):
        t.write(f"go.{task}", "")
        t.equal(p.popen.stdout.readline(), f"done {task}\n".encode())
        t.check(any(r["event"] == "task-finished" and r["task"] == task for r in t.journal(partial=True)),
                f"task {task} was printed before it was recorded")
    p.expect(0)
    p.popen.stdout.close()


def test_kill_9(t):
    """kill -9 of the supervisor: what was printed is in the journal, whole; only the last line may be torn"""
    t.write("gate.sh", "[ $1 -le 40 ] || while :; do sleep 0.01; done; echo done $1\n")
    p = t.start(*RUN, "-j", "4", "--", "sh", "gate.sh", input="".join(f"{i}\n" for i in range(1, 51)))
    t.wait_for(lambda: p.out.count("\n") >= 17, "17 lines")
    p.kill(signal.SIGKILL)
    p.expect(-9)
    printed = set(re.findall(r"^done (\d+)$", p.out, re.M))
    recorded = {r["task"] for r in t.journal(partial=True) if r["event"] == "task-finished"}
    t.check(printed <= recorded, f"printed and not recorded: {printed - recorded}")
    t.wait_for(lambda: not t.left_processes(), "the tasks to be gone")
    show = t.run("pollard", "show").out
    t.contains(show, "Interrupted (ended without saying so)")
    status = t.run("pollard", "status").out
    t.matches(status, r"^\S+ .*unfinished .*50 tasks$")


def test_short_write(t):
    """[73] a short write of the journal is gone on with"""
    t.run(*preload(t), *RUN, "-k", "--", "echo", input="a\nb\n")
    t.equal([r["status"] for r in t.events("task-finished")], ["succeeded", "succeeded"])


def test_sync_at_the_step(t):
    """the journal is forced to the disk before the run is called complete"""
    need_strace(t)
    p = t.run("strace", "-f", "-qq", "-o", "trace", "-e", "trace=fdatasync,write,renameat,rename,renameat2", *RUN,
              "--progress", "plain", "--", "true", input="a\n")
    trace = t.read("trace")
    t.contains(p.err, "1 of 1 succeeded")
    told = [line for line in trace.splitlines() if "1 of 1 succeeded" in line or "fdatasync(" in line]
    t.check(told and "fdatasync(" in told[0], f"complete was told before the disk had it: {told}")


# When the disk fails.

def need_strace(t):
    # what looks for leaks is a tracer itself
    t.env["ASAN_OPTIONS"] += ":detect_leaks=0"
    if not shutil.which("strace"):
        t.skip("no strace")
    if t.run("strace", "-qq", "true", status=None).status != 0:
        t.skip("strace may not trace here")


def preload(t):
    """A command line prefix under which writes to the journal are cut short."""
    if not shutil.which("cc"):
        t.skip("no compiler")
    t.write("short.c", r"""
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
ssize_t write(int fd, const void *data, size_t len)
{
	static ssize_t (*real)(int, const void *, size_t);
	if (real == NULL)
		real = (ssize_t (*)(int, const void *, size_t))dlsym(RTLD_NEXT, "write");
	if (len > 7 && memcmp(data, "{\"v\":1,", 7) == 0)
		len = 5;
	return real(fd, data, len);
}
""")
    done = t.run("cc", "-shared", "-fPIC", "-o", "short.so", "short.c", "-ldl", status=None)
    if done.status != 0:
        t.skip("cannot make a library")
    t.env["ASAN_OPTIONS"] += ":verify_asan_link_order=0"
    return ["env", f"LD_PRELOAD={t.path('short.so')}"]


def small_disk(t, size):
    """A directory on a file system of its own, or None where none can be mounted."""
    path = t.path("disk")
    os.mkdir(path, 0o700)
    done = t.run("mount", "-t", "tmpfs", "-o", f"size={size},mode=0700", "none", path, status=None)
    if done.status != 0:
        t.skip("cannot mount a file system")
    return path


def unmount(t, path):
    t.run("umount", "-l", path, status=None)


def test_full_disk(t):
    """[72] the journal on a full disk: the run ends with 74, what is finished is printed, nothing is damaged"""
    disk = small_disk(t, "64k")
    try:
        p = t.run("pollard", "run", "--state-dir", disk, "--", "sh", "-c", "head -c 300 /dev/zero | tr '\\0' x; echo",
                  input="x\n" * 200, status=74)
        t.matches(p.err, r"^pollard: cannot write the journal in \S+: No space left on device; what ends from here on ")
        run = os.path.join(disk, "runs", os.listdir(os.path.join(disk, "runs"))[0])
        records = t.journal(run)
        recorded = {r["task"] for r in records if r["event"] == "task-finished"}
        started = {r["task"] for r in records if r["event"] == "attempt-started"}
        t.check(0 < len(recorded) < 200, f"{len(recorded)} recorded")
        t.check(len(recorded) <= p.out.count("\n") <= len(started), "printed against recorded")
        t.check(len(started) < 200, "it went on starting tasks")
        t.check("run-finished" not in {r["event"] for r in records}, "finished was claimed")
        show = t.run("pollard", "show", "--state-dir", disk).out
        t.contains(show, "Interrupted")
        again = t.run("pollard", "failed", "--state-dir", disk).out
        t.equal(again.count("\n"), 200 - len(recorded), "records to repeat")
    finally:
        unmount(t, disk)


def test_full_disk_evidence(t):
    """[72] the summary after a full disk still says what failed and how"""
    disk = small_disk(t, "48k")
    try:
        p = t.run(*RUN, "--state-dir", disk, "-k", "--", "sh", "-c", "echo evidence of $0 >&2; exit 3",
                  input="".join(f"{i}\n" for i in range(200)), status=74)
        t.contains(p.err, "  1: exit 3\n    | evidence of 0\n")
        t.check("?" not in p.err, "a failure without its name")
    finally:
        unmount(t, disk)


def inject(t, what):
    need_strace(t)
    return ["strace", "-f", "-qq", "-o", "/dev/null", "-e", f"inject={what}"]


def test_no_space_at_each_write(t):
    """[72] no space at the n-th write of the journal, for each n: never 0, never a result lost that was printed"""
    need_strace(t)
    # writes of the supervisor only (no -f): the journal, then standard output and error
    for n in range(1, 6):
        p = t.start("strace", "-qq", "-o", f"trace.{n}", "-e", f"inject=write:error=ENOSPC:when={n}+", *RUN, "--",
                    "echo", input="a\nb\n")
        t.equal(p.wait(), 74, f"status when write {n} and all later ones fail")
        records = t.journal(partial=True)
        recorded = [r["stdout"] for r in records if r["event"] == "attempt-finished"]
        t.check(sorted(p.out) == [] or set(p.out.splitlines(True)) <= set(recorded), "printed and not recorded")


def test_sync_fails(t):
    """[74] an I/O error from fdatasync is final: 74, not tried again, no success claimed"""
    p = t.run(*inject(t, "fdatasync:error=EIO"), *RUN, "--progress", "plain", "--", "echo", input="a\n", status=74)
    t.matches(p.err, r"^pollard: cannot write the journal .*: Input/output error; what ends from here on ")
    t.check("1 of 1 succeeded" not in p.err, "success was claimed")
    t.equal(p.out, "a\n")
    t.equal(t.events("run-finished"), [])
    t.contains(t.state_md(), "the run itself failed (exit 74)")


def test_file_size_limit(t):
    """[75] RLIMIT_FSIZE is an error like a full disk, not a death by SIGXFSZ"""
    p = t.run("bash", "-c", "ulimit -f 16; exec pollard run --progress none -- sh -c 'echo $0 $(seq 20)'",
              input="a\n" * 30, status=74)
    t.matches(p.err, r"^pollard: cannot write the journal in .*: File too large; what ends from here on ")
    t.check(all(r["event"] != "run-finished" for r in t.journal()), "finished was claimed")
    t.check(p.out.startswith("a 1 2"), "what was finished was not printed")


def test_file_size_limit_of_tasks(t):
    """[75] a task has the default action of SIGXFSZ, whatever pollard does for itself"""
    t.run("bash", "-c", "ulimit -f 64; exec pollard run --progress none -o json -- sh -c "
          "'ulimit -f 1; head -c 100000 /dev/zero > big'", input="a\n", status=2)
    t.matches(t.events("attempt-finished")[0]["stderr"] + t.events("attempt-finished")[0]["error"],
              r"SIGXFSZ|File size limit|exit 153")


def test_state_rename_fails(t):
    """[76] STATE.md cannot be replaced: told once each time, the old one stays, no temporary file, the run goes on"""
    p = t.run(*inject(t, "rename,renameat,renameat2:error=EACCES:when=2+"), *RUN, "--", "echo", input="a\n", status=None)
    t.equal(p.out, "a\n")
    t.contains(p.err, "STATE.md': Permission denied")
    t.equal(sorted(os.listdir(t.run_dir())), ["STATE.md", "journal.jsonl", "lease", "lock", "merged", "out"])
    t.contains(t.state_md(), "🔄 Running")
    t.contains(t.run("pollard", "show").out, "✅ Complete")


def test_state_file_unwritable(t):
    """[76] --state-file where nothing can be written: told, the old one stays, the tasks count"""
    t.write("nodir/file", "")
    p = t.run(*RUN, "--state-file", "nodir/file/state.md", "--", "echo", input="a\n", status=None)
    t.equal(p.out, "a\n")
    t.contains(p.err, "cannot write 'nodir/file/state.md'")


def test_state_rebuilt(t):
    """[77] STATE.md empty, garbage or gone: the journal is what counts"""
    t.run(*RUN, "-o", "none", "--", "true", input="a\n")
    expected = t.run("pollard", "show").out
    path = os.path.join(t.run_dir(), "STATE.md")
    for content in (b"", b"\0\xff garbage", None):
        os.unlink(path)
        if content is not None:
            with open(path, "wb") as f:
                f.write(content)
        t.equal(t.run("pollard", "show").out, expected, "show")


def test_journal_gone(t):
    """[77] the journal gone and STATE.md good: refused, with what is missing"""
    t.run(*RUN, "-o", "none", "--", "true", input="a\n")
    os.unlink(os.path.join(t.run_dir(), "journal.jsonl"))
    for command in ("show", "failed"):
        p = t.run("pollard", command, status=66)
        t.matches(p.err, r"^pollard: run '\S+': cannot read journal.jsonl: No such file or directory$")
    t.contains(t.run("pollard", "status").out, "unreadable")


def test_out_full(t):
    """[82] out/ cannot be written, the journal can: the task keeps its result, and the loss is counted and told"""
    # Only workers use pwrite, and only for what goes to out/.
    p = t.run(*inject(t, "pwrite64:error=ENOSPC:when=1+"), *RUN, "-o", "none", "--", "sh", "-c",
              "head -c 400000 /dev/zero", input="a\n")
    end = t.events("attempt-finished")[0]
    t.equal(end["status"], "succeeded")
    t.equal(end["stdout_bytes"], 400000)
    t.check(end["stdout_dropped"] > 0, "the loss is not counted")
    t.matches(p.err, r"^pollard: warning: 1: .* could not be kept: No space left on device$")


def test_out_really_full(t):
    """[82] the same on a disk that is really full, with the journal at its limit: 74, and no success is claimed by show"""
    disk = small_disk(t, "200k")
    try:
        p = t.run(*RUN, "-j", "1", "--state-dir", disk, "-o", "none", "--", "sh", "-c", "head -c 400000 /dev/zero",
                  input="a\n" * 100, status=74)
        t.matches(p.err, r"^pollard: warning: 1: .* could not be kept: No space left on device$")
        t.matches(p.err, r"^pollard: cannot write the journal in .*: No space left on device; what ends from here on ")
        t.contains(t.run("pollard", "show", "--state-dir", disk).out, "Interrupted")
    finally:
        unmount(t, disk)


def test_directory_removed(t):
    """[81] the run directory is removed while it runs: noticed, or at least nothing is written elsewhere, never a crash"""
    t.write("gate.sh", "echo > started.$1; while [ ! -e go ]; do sleep 0.01; done; echo done $1; head -c 40000 /dev/zero\n")
    p = t.start(*RUN, "--state-file", "state.md", "--", "sh", "gate.sh", input="a\nb\n")
    t.wait_file("started.a")
    t.wait_file("started.b")
    shutil.rmtree(t.state)
    t.write("go", "")
    p.wait()
    t.check(p.status in (0, 1, 2, 74), harness.status_words(p.status))
    t.check(p.status != 0 or p.out.count("done ") == 2, "results lost without a word")
    t.check(not os.path.exists(t.state), "it made the directory again")


def test_directory_renamed(t):
    """[81] the state directory is renamed while it runs: the run goes on in it"""
    t.write("gate.sh", "echo > started; while [ ! -e go ]; do sleep 0.01; done; head -c 40000 /dev/zero\n")
    p = t.start(*RUN, "-o", "none", "--", "sh", "gate.sh", input="a\n")
    t.wait_file("started")
    os.rename(t.state, t.state + ".moved")
    t.write("go", "")
    p.expect(0)
    t.check(not os.path.exists(t.state), "it made the directory again")
    t.state += ".moved"
    t.equal([r["exit"] for r in t.events("run-finished")], [0])
    t.equal(os.listdir(os.path.join(t.run_dir(), "out")), ["1.1.1.out"])


def test_locks_impossible(t):
    """[80] a file system without locks: a clear error, nothing left behind"""
    p = t.run(*inject(t, "fcntl:error=ENOLCK:when=1+"), *RUN, "--", "echo", input="a\n", status=None)
    if p.status == 0:
        t.skip("the lock is not taken with fcntl here")
    t.check(p.status in (71, 73), f"{harness.status_words(p.status)}: {p.err}")
    t.matches(p.err, r"^pollard: ")


def test_read_only_state(t):
    """[80] a state directory that cannot be written to: 73 or 77, and why"""
    disk = small_disk(t, "64k")
    try:
        t.run("mount", "-o", "remount,ro", disk)
        p = t.run(*RUN, "--state-dir", disk, "--", "touch", input="ran\n", status=73)
        t.matches(p.err, r"^pollard: cannot .*: Read-only file system$")
        t.check(not os.path.exists(t.path("ran")), "a task was run")
    finally:
        unmount(t, disk)


# Who may read it.

def test_modes(t):
    """[84] directories 0700 and files 0600, whatever the umask"""
    for mask, size in (("000", 40000), ("077", 40000), ("0777", 40)):
        shutil.rmtree(t.state, ignore_errors=True)
        t.run("bash", "-c", f"umask {mask}; exec pollard run --progress none -o none -- sh -c "
              f"'head -c {size} /dev/zero; head -c {size} /dev/zero >&2'", input="a\nb\n")
        for top, _dirs, files in os.walk(t.state):
            t.equal(oct(mode(top)), oct(0o700), f"umask {mask}: {top[len(t.base):]}")
            for name in files:
                t.equal(oct(mode(os.path.join(top, name))), oct(0o600), f"umask {mask}: {name}")
        t.equal(len(os.listdir(os.path.join(t.run_dir(), "out"))), 4 if size > 16384 else 0, "files in out/")


def test_umask_of_tasks(t):
    """[84] the tasks have the umask that pollard was started with"""
    t.run("bash", "-c", "umask 027; exec pollard run --progress none -o none -- sh -c 'umask > mask'", input="a\n")
    t.equal(t.read("mask"), "0027\n")


# What lies where.

def test_out_threshold(t):
    """a stream of 16 KiB stands in the journal, one of a byte more in out/, byte for byte"""
    t.run(*RUN, "-o", "none", "-k", "--", "sh", "-c",
          "head -c $0 /dev/zero | tr '\\0' x; head -c $0 /dev/zero | tr '\\0' y >&2", input="16384\n16385\n")
    out = os.path.join(t.run_dir(), "out")
    t.equal(sorted(os.listdir(out)), ["1.2.1.err", "1.2.1.out"])
    small, large = sorted(t.events("attempt-finished"), key=lambda r: r["task"])
    t.equal((small["stdout"], small["stderr"]), ("x" * 16384, "y" * 16384))
    t.equal((large["stdout_path"], large["stderr_path"]), ("out/1.2.1.out", "out/1.2.1.err"))
    t.equal(large["stdout_bytes"], 16385)
    t.check("stdout" not in large, "both in the journal and in out/")
    with open(os.path.join(out, "1.2.1.err"), "rb") as f:
        t.equal(f.read(), b"y" * 16385)


def test_out_of_each_attempt(t):
    """each attempt has its own files in out/"""
    t.write("try.sh", "head -c 20000 /dev/zero; [ $POLLARD_ATTEMPT = 2 ]\n")
    t.run(*RUN, "-r", "1", "-o", "none", "--", "sh", "try.sh", input="a\n")
    t.equal(sorted(os.listdir(os.path.join(t.run_dir(), "out"))), ["1.1.1.out", "1.1.2.out"])


def test_merged(t):
    """merged/: what succeeded, in the order of the list, also in standard output with -o merged"""
    text = "".join(f'{{"id":"{i}","run":["sh","-c","echo text of {i}; exit {code}"]}}\n'
                   for i, code in (("b", 0), ("a", 3), ("c", 0)))
    p = t.run(*RUN, "-o", "merged", input=text, status=1)
    with open(os.path.join(t.run_dir(), "merged", "1.md"), encoding="utf-8") as f:
        merged = f.read()
    t.equal(p.out, merged)
    t.check(merged.index("text of b") < merged.index("text of c"), "order")
    t.check("text of a" not in merged, "a failed task's output was merged")
    t.run(*RUN, "-m", "json", "-o", "none", input=text, status=1)
    with open(os.path.join(t.run_dir(), "merged", "1.json"), encoding="utf-8") as f:
        json.load(f)


def test_no_record(t):
    """--no-record leaves nothing anywhere, and large output comes through whole"""
    before = snapshot(t.base)
    p = t.run(*RUN, "--no-record", "-r", "1", "--", "sh", "-c", "head -c 300000 /dev/zero | tr '\\0' x; exit $0",
              input="0\n3\n", status=1)
    t.equal(len(p.out), 600000)
    t.equal(snapshot(t.base) - before, set(), "left behind")
    t.check("pollard show" not in p.err, "it points to a record that is not there")


def snapshot(top):
    found = set()
    for path, dirs, files in os.walk(top):
        found |= {os.path.join(path, name) for name in dirs + files
                  if not re.fullmatch(r"(out|err|in)\.\d+", name) and "/log" not in path}
    return found


def test_no_record_state_file(t):
    """--no-record with --state-file: the state is written there, and nothing else"""
    t.run(*RUN, "--no-record", "--state-file", "s.md", "-o", "none", "--", "true", input="a\n")
    t.contains(t.read("s.md"), "✅ Complete: 1 of 1 succeeded")
    t.check(not os.path.exists(t.state), "a state directory was made")


# STATE.md in the seed's form.

AGENT = """---
name: researcher
command: sh agent.sh {task}
---
"""


def agents(t):
    t.write(".pollard/agents/researcher.md", AGENT)
    t.write("src/auth/jwt.ts", "")
    t.write("src/rbac.ts", "")
    t.write("agent.sh", r"""
cat > /dev/null
case $1 in
authentication) echo "Found JWT patterns in src/auth/jwt.ts" ;;
authorization) echo "Found RBAC in src/rbac.ts" ;;
second) [ "$POLLARD_ATTEMPT" = 2 ] || { echo "no idea" >&2; exit 1; }; echo "Found it the second time" ;;
*) echo "could not find schema" >&2; exit 1 ;;
esac
""")


def items(*ids):
    return "".join(f'{{"id":"{i}","agent":"researcher","prompt":"Investigate {i}"}}\n' for i in ids)


def test_state_all(t):
    """STATE.md of outcome all, to the letter"""
    agents(t)
    t.run(*RUN, "--name", "authentication", "-o", "none", input=items("authentication", "authorization"))
    t.equal(without_notes(t.state_md()), """# authentication · RUN
- **Status**: ✅ Complete: 2 of 2 succeeded

### Step 1 (Parallel)
- **Status**: ✅ Complete: 2 of 2 succeeded
- **Parallel Tasks**:
  1. researcher (authentication) → ✅ Found JWT patterns in src/auth/jwt.ts
  2. researcher (authorization) → ✅ Found RBAC in src/rbac.ts
- **Result Summary**: Found JWT patterns in src/auth/jwt.ts; Found RBAC in src/rbac.ts
- **Files Identified**: src/auth/jwt.ts, src/rbac.ts
""")


def test_state_partial(t):
    """STATE.md of outcome partial: what failed, after how many attempts, and what recovery did"""
    agents(t)
    t.run(*RUN, "--debugger", "none", "-o", "none", input=items("authentication", "session", "second"), status=1)
    t.equal(without_notes(t.state_md()), """# RUN
- **Status**: ⚠️ Partial: 2 of 3 succeeded

### Step 1 (Parallel)
- **Status**: ⚠️ Partial: 2 of 3 succeeded
- **Parallel Tasks**:
  1. researcher (authentication) → ✅ Found JWT patterns in src/auth/jwt.ts
  2. researcher (session) → ❌ Failed after 2 attempts: exit 1: could not find schema
  3. researcher (second) → ✅ Found it the second time
- **Recovery**: Level 2: session, second retried one after another, refined: 1 of 2 succeeded
- **Result Summary**: Found JWT patterns in src/auth/jwt.ts; Found it the second time
- **Files Identified**: src/auth/jwt.ts
""")


def test_state_none(t):
    """STATE.md of outcome none: escalated, and said so"""
    agents(t)
    t.run(*RUN, "--debugger", "none", "-o", "none", input=items("x", "y"), status=2)
    t.equal(without_notes(t.state_md()), """# RUN
- **Status**: ❌ Failed: 0 of 2 succeeded

### Step 1 (Parallel)
- **Status**: ❌ Failed: 0 of 2 succeeded
- **Parallel Tasks**:
  1. researcher (x) → ❌ Failed after 2 attempts: exit 1: could not find schema
  2. researcher (y) → ❌ Failed: exit 1: could not find schema
- **Recovery**: Level 3: x, y retried one after another, refined: the first failed again, the rest was not tried
- **Escalated**: no task succeeded; retries did not help; see ESCALATION.md
""")


def test_state_interrupted(t):
    """STATE.md of an interrupted run: what ended, what was cancelled, what never began"""
    t.write("list", '{"id":"done","run":["echo","all is well"]}\n{"id":"runs","run":["sh","hang.sh"]}\n'
                    '{"id":"waits","run":["true"]}\n')
    t.write("hang.sh", "echo > started; exec misbehave hang\n")
    p = t.start(*RUN, "-j", "1", "-o", "none", "-f", "list")
    t.wait_file("started")
    p.kill()
    p.expect(-15)
    t.equal(without_notes(t.state_md()), """# RUN
- **Status**: ⏹ Interrupted (SIGTERM): 1 of 3 succeeded, 2 cancelled

### Step 1 (Sequential)
- **Status**: ⚠️ Partial: 1 of 3 succeeded, 2 cancelled
- **Tasks**:
  1. done → ✅ all is well
  2. runs → ⏹ Cancelled: interrupted
  3. waits → ⏹ Cancelled: interrupted
- **Result Summary**: all is well
""")


def test_state_while_running(t):
    """STATE.md is there from the beginning, and show tells how far it is"""
    t.write("gate.sh", "echo > started.$1; while [ ! -e go.$1 ]; do sleep 0.01; done; echo done $1\n")
    p = t.start(*RUN, "-j", "2", "-o", "none", "--", "sh", "gate.sh", input="a\nb\nc\n")
    t.wait_file("started.a")
    t.wait_file("started.b")
    t.contains(t.state_md(), "🔄 Running: 0 of 3 finished")
    t.write("go.a", "")
    t.wait_event("attempt-started", task="3")
    show = t.run("pollard", "show").out
    t.contains(show, "- **Status**: 🔄 Running: 1 of 3 finished, 2 running\n")
    t.contains(show, "  1. 1 → ✅ done a\n  2. 2 → 🔄 Running\n  3. 3 → 🔄 Running\n")
    t.matches(t.run("pollard", "status").out, r"^\S+ .* running .* 3 tasks$")
    t.matches(t.run("pollard", "failed").err, "is still going on")
    t.write("go.b", "")
    t.write("go.c", "")
    p.expect(0)


def test_state_saved(t):
    """STATE.md: the time that running side by side has saved, as the journal has it"""
    # none ends before all have begun, so that their times overlap
    t.write("wave.sh", "echo > here.$1; while [ $(ls here.* | wc -l) -lt 4 ]; do sleep 0.01; done; sleep 0.2\n")
    t.run(*RUN, "-j", "4", "-o", "none", "--", "sh", "wave.sh", input="a\nb\nc\nd\n")
    step = t.events("step-finished")[0]
    t.check(step["sequential_seconds"] > step["seconds"], "nothing was saved")
    t.matches(t.state_md(), r"^- \*\*Notes\*\*: Parallel execution saved \S+ vs sequential \(\S+ instead of \S+\)$")
    end = t.events("run-finished")[0]
    t.check(abs(end["saved_seconds"] - (end["sequential_seconds"] - end["seconds"])) < 0.002, f"{end}")


def test_state_file(t):
    """--state-file: the same as STATE.md, replaced as a whole, also through -C"""
    t.write("sub/x", "")
    t.run(*RUN, "--state-file", "s.md", "-o", "none", "--", "true", input="a\n")
    t.equal(t.read("s.md"), t.state_md())
    t.run(*RUN, "-C", "sub", "--state-file", "s.md", "-o", "none", "--", "true", input="a\n")
    t.equal(t.read("sub/s.md"), t.state_md())


def test_state_markup(t):
    """STATE.md: what a task printed stays text on its line: no code, no HTML, no list, no control bytes"""
    t.write("list", json.dumps({"id": "a", "run": ["printf", "# <b>`x`</b> | [l](u)\\033[2J\\n- more\\n"]}) + "\n")
    t.run(*RUN, "-o", "none", "-f", "list")
    text = t.state_md()
    t.contains(text, "1. a → ✅ \\<b>\\`x\\`\\</b> \\| \\[l](u)")
    t.check("\033" not in text and "\n- more" not in text, text)
