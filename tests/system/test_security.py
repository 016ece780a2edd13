"""What others could do to a run record, and what a run record could do to others: foreign and planted directories,
damaged journals, secrets, bytes that act on a terminal (spec chapters 5 and 2)."""

import json
import os
import re
import shutil
import signal
import tempfile

import harness

RUN = ["pollard", "run", "--progress", "none"]
NOBODY = 65534


def one_run(t, text="a\nb\n", status=0, command=("echo",)):
    t.run(*RUN, "-o", "none", "--", *command, input=text, status=status)
    return os.path.join(t.run_dir(), "journal.jsonl")


def need_root(t):
    if os.geteuid() != 0:
        t.skip("only root can make files of somebody else")


def refused(t, pattern, status=77):
    p = t.run(*RUN, "--", "touch", input="ran\n", status=status)
    t.matches(p.err, pattern)
    t.check(not os.path.exists(t.path("ran")), "a task was run")
    return p


# Who owns the state directory.

def test_foreign_owner(t):
    """[83] a state directory that somebody else owns is refused, for writing and for reading, and nothing is run"""
    need_root(t)
    os.makedirs(os.path.join(t.state, "runs"), 0o700)
    os.chown(t.state, NOBODY, NOBODY)
    refused(t, r"^pollard: directory '.*/state' belongs to user 65534, not to you \(0\): give one of your own")
    t.equal(os.listdir(os.path.join(t.state, "runs")), [])
    for command in ("show", "failed"):
        t.matches(t.run("pollard", command, status=77).err, r"belongs to user 65534")
    os.chown(t.state, 0, 0)
    os.chown(os.path.join(t.state, "runs"), NOBODY, NOBODY)
    refused(t, r"^pollard: directory '.*/state/runs' belongs to user 65534")


def test_status_of_foreign_owner(t):
    """[83] status and clean of a refused directory say why, not that there are no runs"""
    need_root(t)
    one_run(t)
    os.chown(t.state, NOBODY, NOBODY)
    for command in ("status", "clean"):
        t.matches(t.run("pollard", command, status=77).err, r"belongs to user 65534")


def test_writable_by_others(t):
    """[83] a state directory that group or others may write to is refused"""
    for mode in (0o770, 0o702, 0o1777):
        shutil.rmtree(t.state, ignore_errors=True)
        os.mkdir(t.state)
        os.chmod(t.state, mode)
        refused(t, r"^pollard: directory '.*/state' can be written to by others: chmod go-w it")
        t.equal(os.listdir(t.state), [])
    os.chmod(t.state, 0o755)
    one_run(t)


def test_runs_writable(t):
    """[83] the same for runs/ in it"""
    os.makedirs(os.path.join(t.state, "runs"), 0o700)
    os.chmod(os.path.join(t.state, "runs"), 0o770)
    refused(t, r"^pollard: directory '.*/state/runs' can be written to by others")


def test_links_planted(t):
    """[83] a symbolic link where the state directory or runs/ should be is refused, what it points to is untouched"""
    target = t.path("elsewhere")
    os.mkdir(target, 0o700)
    os.symlink(target, t.state)
    refused(t, r"^pollard: '.*/state' is a symbolic link", status=73)
    os.unlink(t.state)
    os.mkdir(t.state, 0o700)
    os.symlink(target, os.path.join(t.state, "runs"))
    refused(t, r"^pollard: '.*/state/runs' is a symbolic link", status=73)
    os.unlink(os.path.join(t.state, "runs"))
    os.symlink(t.path("nowhere"), os.path.join(t.state, "runs"))
    refused(t, r"^pollard: '.*/state/runs' is a symbolic link", status=73)
    t.equal(os.listdir(target), [])
    t.check(not os.path.lexists(t.path("nowhere")), "it wrote through a link")


def test_link_on_the_way(t):
    """[83] a symbolic link on the way (a home directory may be one) is followed"""
    os.mkdir(t.path("real"), 0o700)
    os.symlink(t.path("real"), t.path("home"))
    t.run(*RUN, "--state-dir", t.path("home", "st"), "-o", "none", "--", "true", input="a\n")
    t.equal(os.listdir(t.path("real", "st")), ["runs"])


def test_journal_is_a_link(t):
    """[83] a journal, an out/ or a lock that was replaced by a link is not followed when reading"""
    journal = one_run(t, "20000\n", command=("sh", "-c", "head -c $0 /dev/zero | tr '\\0' x"))
    run = os.path.dirname(journal)
    t.write("victim", "secret of the victim\n")
    out = os.path.join(run, "out", "1.1.1.out")
    os.unlink(out)
    os.symlink(t.path("victim"), out)
    p = t.run("pollard", "show", os.path.basename(run), "1", status=None)
    t.check("secret" not in p.out + p.err, "it read through a link in out/")
    os.rename(journal, t.path("moved"))
    os.symlink(t.path("moved"), journal)
    t.run("pollard", "show", status=74)
    t.equal(t.run("pollard", "failed", status=74).out, "")


def test_journal_is_no_file(t):
    """[83] a FIFO or a directory in place of a journal does not hold anybody up"""
    journal = one_run(t)
    os.unlink(journal)
    os.mkfifo(journal, 0o600)
    t.run("pollard", "show", status=74)
    t.run("pollard", "status")
    os.unlink(journal)
    os.mkdir(journal)
    t.run("pollard", "show", status=74)
    t.run("pollard", "status")


def test_state_file_link(t):
    """[83] --state-file replaces a link that was planted there, what it points to is untouched"""
    t.write("victim", "precious\n")
    os.symlink(t.path("victim"), t.path("state.md"))
    t.run(*RUN, "--state-file", "state.md", "-o", "none", "--", "true", input="a\n")
    t.equal(t.read("victim"), "precious\n")
    t.contains(t.read("state.md"), "Complete")


def test_paths_in_the_record(t):
    """[83] a path in a record that leads out of the run directory is not opened"""
    journal = one_run(t, "20000\n", command=("sh", "-c", "head -c $0 /dev/zero"))
    t.write("victim", "secret of the victim\n")
    lines = open(journal, "rb").read().splitlines()
    for bad in ("../../../work/victim", t.path("victim"), "out/../../../../work/victim"):
        with open(journal, "wb") as f:
            for line in lines:
                record = json.loads(line)
                record.pop("crc")
                if "stdout_path" in record:
                    record["stdout_path"] = bad
                body = json.dumps(record, separators=(",", ":")).encode()[:-1]
                f.write(harness.sealed(body) + b"\n")
        p = t.run("pollard", "show", os.path.basename(t.run_dir()), "1", status=None)
        t.check("secret" not in p.out + p.err, f"it opened {bad}")


def test_unprivileged(t):
    """everything works for a user without rights; what that user may not write to is 77"""
    need_root(t)
    program = os.path.realpath(shutil.which("pollard", path=t.env["PATH"]))
    me = ["setpriv", "--reuid", str(NOBODY), "--regid", str(NOBODY), "--clear-groups"]
    if not shutil.which("setpriv") or t.run(*me, program, "--version", status=None).status != 0:
        t.skip("no setpriv, or the program is not open to others")
    top = tempfile.mkdtemp(prefix="pollard-nobody-")
    try:
        os.chown(top, NOBODY, NOBODY)
        there = {"cwd": top, "env": {"POLLARD_STATE_DIR": f"{top}/state", "TMPDIR": top, "HOME": top,
                                     "PATH": "/usr/bin:/bin"}}
        p = t.run(*me, program, "run", "--progress", "none", "-k", "--", "echo", input="a\nb\n", **there)
        t.equal(p.out, "a\nb\n")
        t.contains(t.run(*me, program, "show", **there).out, "✅ Complete")
        os.chmod(f"{top}/state/runs", 0o500)
        p = t.run(*me, program, "run", "--", "touch", input="ran\n", status=77, **there)
        t.matches(p.err, r"^pollard: cannot create a run directory in .*: Permission denied$")
        t.check(not os.path.exists(f"{top}/ran"), "a task was run")
        os.chmod(f"{top}/state", 0)
        t.run(*me, program, "show", status=77, **there)
    finally:
        shutil.rmtree(top)


# Damage.

def test_torn_tail(t):
    """a torn last record is normal at every byte: what stands before it is shown, nothing is changed"""
    journal = one_run(t)
    data = open(journal, "rb").read()
    start = data.rindex(b"\n", 0, -1) + 1
    for cut in (*range(start, start + 12), len(data) - 19, len(data) - 2, len(data) - 1):
        with open(journal, "wb") as f:
            f.write(data[:cut])
        p = t.run("pollard", "show")
        t.contains(p.out, "2 of 2 succeeded")
        t.run("pollard", "failed")
        t.run("pollard", "status")
        t.equal(open(journal, "rb").read(), data[:cut], "the journal")


def test_zeros_at_the_end(t):
    """zeros at the end, as a file system leaves them after a crash, are a torn record too"""
    journal = one_run(t)
    with open(journal, "ab") as f:
        f.write(b"\0" * 5000)
    t.contains(t.run("pollard", "show").out, "2 of 2 succeeded")


def test_damage_in_the_middle(t):
    """a bad record with good ones after it: 74 with the line's number, nothing overwritten"""
    journal = one_run(t)
    data = open(journal, "rb").read()
    lines = data.splitlines(True)
    for number, where in ((1, 30), (4, -10), (len(lines) - 1, 40)):
        broken = list(lines)
        line = bytearray(broken[number - 1])
        line[where] ^= 1
        broken[number - 1] = bytes(line)
        with open(journal, "wb") as f:
            f.writelines(broken)
        for command in ("show", "failed"):
            p = t.run("pollard", command, status=74)
            t.matches(p.err, rf"^pollard: .*/journal\.jsonl:{number}: damaged record, with good ones after it$")
            t.equal(p.out, "", "output")
        t.run("pollard", "status")
        t.equal(open(journal, "rb").read(), b"".join(broken), "the journal")


def test_every_bit(t):
    """[71] a flipped bit anywhere is never taken for good: refused, or a torn tail when it is in the last record"""
    journal = one_run(t, "a\n")
    data = open(journal, "rb").read()
    last = data.rindex(b"\n", 0, -1) + 1
    step = max(1, len(data) // 60)
    for at in range(0, len(data), step):
        broken = bytearray(data)
        broken[at] ^= 1 << (at % 8)
        with open(journal, "wb") as f:
            f.write(broken)
        p = t.run("pollard", "show", status=None)
        t.equal(p.status, 74 if at < last - 1 else 0, f"status with byte {at} of {len(data)} (last from {last})")


def test_missing_line(t):
    """a record that is missing in the middle is damage: its number is told by the one after it"""
    journal = one_run(t)
    lines = open(journal, "rb").read().splitlines(True)
    with open(journal, "wb") as f:
        f.writelines(lines[:4] + lines[5:])
    t.matches(t.run("pollard", "show", status=74).err, r"journal\.jsonl:5: ")


def test_newer_version(t):
    """[78] a journal of a newer version is refused and left alone"""
    journal = one_run(t)
    with open(journal, "rb") as f:
        bodies = [line.replace(b'{"v":1,', b'{"v":2,')[:-18] for line in f.read().splitlines()]
    data = b"".join(harness.sealed(body) + b"\n" for body in bodies)
    with open(journal, "wb") as f:
        f.write(data)
    for command in ("show", "failed"):
        p = t.run("pollard", command, status=74)
        t.matches(p.err, r"^pollard: .*:1: written by a newer version of pollard: use that one$")
    t.contains(t.run("pollard", "status").out, "unreadable")
    t.run("pollard", "clean", "--keep", "0")
    t.equal(open(journal, "rb").read(), data, "the journal")


def test_unknown_keys(t):
    """unknown keys and events are ignored when reading"""
    journal = one_run(t)
    expected = t.run("pollard", "show").out
    lines = open(journal, "rb").read().splitlines()
    lines[0] = add_key(lines[0], b',"later":{"a":[1]}')
    seq = json.loads(lines[-1])["seq"] + 1
    body = b'{"v":1,"seq":%d,"time":"2026-01-01T00:00:00.000Z","event":"from-the-future","x":1' % seq
    lines.append(harness.sealed(body))
    with open(journal, "wb") as f:
        f.write(b"\n".join(lines) + b"\n")
    t.equal(t.run("pollard", "show").out, expected)


def add_key(line, text):
    return harness.sealed(line[:-18] + text)


# More than one at a time.

def test_side_by_side(t):
    """[79] two runs in one state directory do not know of each other"""
    t.write("gate.sh", "echo > started.$1; while [ ! -e go ]; do sleep 0.01; done; echo $1\n")
    runs = [t.start(*RUN, "--", "sh", "gate.sh", input=f"{i}\n") for i in range(3)]
    for i in range(3):
        t.wait_file(f"started.{i}")
    t.equal(len(t.runs()), 3, "run directories")
    t.matches(t.run("pollard", "status").out, r"(running.*\n.*){2}running")
    t.run("pollard", "clean", "--keep", "0")
    t.write("go", "")
    for i, run in enumerate(runs):
        run.expect(0)
        t.equal(run.out, f"{i}\n")
    for run in t.runs():
        t.equal(t.journal(run)[-1]["event"], "run-finished")


def test_lock_of_the_dead(t):
    """[79] after kill -9 nothing holds the lock, although a task's process may still be there for a moment"""
    t.write("hang.sh", "echo > started; exec misbehave hang\n")
    p = t.start(*RUN, "--", "sh", "hang.sh", input="a\n")
    t.wait_file("started")
    t.contains(t.run("pollard", "status").out, "running")
    p.kill(signal.SIGKILL)
    p.expect(-9)
    t.contains(t.run("pollard", "status").out, "unfinished")
    t.wait_for(lambda: not t.left_processes(), "the tasks to be gone")
    t.contains(t.run("pollard", "clean", "--keep", "0").out, "kept 1 (1 of them only because it has not finished)")


def test_clean_of_running(t):
    """clean never takes away a run that goes on"""
    t.write("hang.sh", "echo > started; while [ ! -e go ]; do sleep 0.01; done\n")
    p = t.start(*RUN, "-o", "none", "--", "sh", "hang.sh", input="a\n")
    t.wait_file("started")
    t.contains(t.run("pollard", "clean", "--keep", "0", "--older", "0").out, "removed 0 runs, kept 1")
    t.write("go", "")
    p.expect(0)
    t.contains(t.state_md(), "Complete")


def test_many_in_one_second(t):
    """ids of runs of one second rise, so that the newest is the newest"""
    ids = []
    for i in range(12):
        t.run(*RUN, "-o", "none", "--", "true", input=f"{i}\n")
        new = set(map(os.path.basename, t.runs())) - set(ids)
        ids += sorted(new)
    t.equal(ids, sorted(ids), "order of ids")


# Bytes and secrets.

CONTROL = re.compile(rb"[\x00-\x08\x0b-\x1f\x7f]|\xc2[\x80-\x9f]|\xe2\x80[\xaa-\xae]|\xe2\x81[\xa6-\xa9]")
EVIL = b"\x1b]52;c;eA==\x07 \x1bc \x07 \xc2\x9b31m \xe2\x80\xae back \x1b[2J \r gone"


def test_output_is_exact(t):
    """[85] bytes that act on a terminal reach standard output and the record as they are"""
    t.write("evil.bin", EVIL + b"\n")
    p = t.run(*RUN, "--", "cat", input="evil.bin\n")
    t.equal(p.out_bytes, EVIL + b"\n", "standard output")
    t.equal(t.events("attempt-finished")[0]["stdout"], (EVIL + b"\n").decode(), "record")


def test_nothing_acts(t):
    """[85] but on standard error, in STATE.md, status and show they are shown, and do nothing"""
    t.write("evil.bin", EVIL + b"\n")
    p = t.run("pollard", "run", "--progress", "plain", "-o", "none", "--name", "n\x1b[2J", "--", "sh", "-c",
              "cat evil.bin >&2; exit 3", input="a\n", status=2)
    outputs = {"standard error": p.err.encode("utf-8", "surrogateescape"),
               "STATE.md": t.state_md().encode()}
    run = os.path.basename(t.run_dir())
    for command in (("status",), ("show",), ("show", run, "1"), ("show", "\x1b[2J"), ("show", run, "\x1b[2J")):
        q = t.run("pollard", *command, status=None)
        outputs["pollard " + " ".join(command)] = q.out_bytes + q.err.encode("utf-8", "surrogateescape")
    for what, data in outputs.items():
        found = CONTROL.search(data)
        t.check(not found, f"{what}: {found and found.group()!r} in {data!r}")
    t.contains(p.err, r"\x1bc")


def test_paths_with_escapes(t):
    """[86] directories with control bytes in their names are made safe in every message"""
    evil = t.path("st\x1b[2J\x07")
    p = t.run("pollard", "run", "--progress", "plain", "--state-dir", evil, "--", "false", input="a\n", status=2)
    q = t.run("pollard", "show", "--state-dir", evil)
    r = t.run("pollard", "show", "--state-dir", evil, "2000", status=66)
    os.chmod(evil, 0o777)
    s = t.run("pollard", "run", "--state-dir", evil, "--", "false", input="a\n", status=77)
    for text in (p.err, q.out, q.err, r.err, s.err):
        t.check(not CONTROL.search(text.encode("utf-8", "surrogateescape")), repr(text))


def test_secrets(t):
    """[87] a secret of the environment is in no file, no argument, and not on standard error"""
    secret = "sk-4711-very-secret"
    t.write("gate.sh", "echo > started; while [ ! -e go ]; do sleep 0.01; done; test ${#API_KEY} = 19; exit 4\n")
    p = t.start("pollard", "run", "--progress", "plain", "-r", "1", "--", "sh", "gate.sh", input="a\n",
                env={"API_KEY": secret})
    t.wait_file("started")
    t.check(p.descendants(), "no worker")
    for pid, command in [(p.pid, harness.command_of(p.pid)), *p.descendants()]:
        t.check(secret not in command, f"ps shows it: {pid} {command}")
    t.write("go", "")
    p.expect(2)
    t.check(secret not in p.err + p.out, "it was printed")
    for top, _dirs, files in os.walk(t.base):
        for name in files:
            with open(os.path.join(top, name), "rb") as f:
                t.check(secret.encode() not in f.read(), f"it is in {top}/{name}")


def test_prompt_not_in_ps(t):
    """[87] a prompt is no argument: ps does not show it"""
    t.write(".pollard/agents/w.md", "---\nname: w\ncommand: sh agent.sh\n---\n")
    t.write("agent.sh", "cat > got; echo > started; while [ ! -e go ]; do sleep 0.01; done; echo answer\n")
    p = t.start(*RUN, input="w: the confidential question\n")
    t.wait_file("started")
    for pid, command in [(p.pid, harness.command_of(p.pid)), *p.descendants()]:
        t.check("confidential" not in command, f"{pid} {command}")
    t.write("go", "")
    p.expect(0)
    t.contains(t.read("got"), "the confidential question")
