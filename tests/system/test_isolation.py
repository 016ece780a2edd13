"""What clients that run side by side share and do not share (spec chapter 7): temporary files, configuration,
sessions; and that nothing of it is left behind, whoever dies."""

import json
import os
import shutil
import signal
import socket
import stat
import tempfile

RUN = ["pollard", "run", "--progress", "none"]
RESUME = ["pollard", "resume", "--progress", "none"]

# It writes down how it was called; what it does then stands in the file "do.TASK", a script.
CLIENT = r"""#!/bin/sh
log=$HOME/$POLLARD_TASK.$POLLARD_ATTEMPT
echo "$*" >"$log.words"
env >"$log.env"
cat >"$log.in"
ls -A "$TMPDIR" >"$log.empty"
stat -c %a "$TMPDIR" >"$log.mode"
script=$HOME/do.$POLLARD_TASK
answer() {
    echo '{"type":"thread.started","thread_id":"session-of-'$POLLARD_TASK'"}'
    echo '{"type":"item.completed","item":{"type":"agent_message","text":"'"$1"'"}}'
    echo '{"type":"turn.completed","usage":{"input_tokens":7,"output_tokens":3}}'
}
fail() {
    echo '{"type":"thread.started","thread_id":"session-of-'$POLLARD_TASK'"}'
    echo '{"type":"turn.failed","error":{"message":"'"$1"'"}}'
    exit 1
}
mess() {
    mkdir -p "$TMPDIR/a/b/c" && touch "$TMPDIR/a/b/c/file" && chmod 500 "$TMPDIR/a/b" "$TMPDIR/a/b/c"
    ln -s "$HOME" "$TMPDIR/home"
    touch "$HOME/precious"
}
hang() {
    mess
    touch "$log.hangs"
    exec sleep 1000
}
if [ -e "$script" ]; then . "$script"; else answer "all is well"; fi
"""
AGENT = "---\nname: writer\ndescription: writes\n---\nYou are terse.\n"


def prepare(t, **scripts):
    """A client codex, an agent for it, and what the client does for each task."""
    path = os.path.join(t.home, "bin", "codex")
    os.makedirs(os.path.dirname(path))
    with open(path, "w") as f:
        f.write(CLIENT)
    os.chmod(path, 0o755)
    t.env["PATH"] = os.path.dirname(path) + ":" + t.env["PATH"]
    t.write(".pollard/agents/writer.md", AGENT)
    for task, script in scripts.items():
        do(t, task, script)


def do(t, task, script):
    with open(os.path.join(t.home, "do." + task), "w") as f:
        f.write(script)


def item(name, **more):
    return json.dumps({"id": name, "agent": "writer", "prompt": f"do {name}", **more}) + "\n"


def said(t, task, attempt, what):
    with open(os.path.join(t.home, f"{task}.{attempt}.{what}")) as f:
        return f.read()


def env(t, task, attempt=1):
    return dict(line.split("=", 1) for line in said(t, task, attempt, "env").splitlines() if "=" in line)


def hangs(t, task, attempt=1):
    t.wait_for(lambda: os.path.exists(os.path.join(t.home, f"{task}.{attempt}.hangs")), "the client")


def worker_of(t, run, task):
    """The worker above the client of that task."""
    for pid, _command in run.descendants():
        with open(f"/proc/{pid}/environ", "rb") as f:
            if f"POLLARD_TASK={task}".encode() in f.read().split(b"\0"):
                with open(f"/proc/{pid}/stat") as s:
                    return int(s.read().rsplit(")", 1)[1].split()[1])
    raise AssertionError("it does not run")


def check_gone(t, *dirs):
    for path in dirs:
        t.check(not os.path.lexists(path), f"{path} is still there")
        above = os.path.dirname(path)
        t.check(above == t.tmp or not os.path.lexists(above), f"{above} is still there")
    for run in t.runs():
        t.check(not os.path.lexists(os.path.join(run, "tmp")), "the run directory still has a tmp")
    t.check(os.path.exists(os.path.join(t.home, "bin", "codex")), "what a link led to is gone")


def test_temporary_files(t):
    """each attempt of an agent has a directory for its temporary files; a command has none"""
    prepare(t, a="mess; [ $POLLARD_ATTEMPT = 2 ] || fail broken; answer done")
    t.run(*RUN, "-j", "3", input=item("a") + item("b") +
          json.dumps({"id": "c", "run": ["sh", "-c", "echo $TMPDIR"]}))
    dirs = [env(t, "a")["TMPDIR"], env(t, "a", 2)["TMPDIR"], env(t, "b")["TMPDIR"]]
    t.equal(len(set(dirs)), 3)
    for task, attempt in (("a", 1), ("a", 2), ("b", 1)):
        e = env(t, task, attempt)
        t.equal((e["TMP"], e["TEMP"]), (e["TMPDIR"], e["TMPDIR"]))
        t.equal(said(t, task, attempt, "empty"), "")
        t.equal(said(t, task, attempt, "mode"), "700\n")
    t.equal(t.events("attempt-finished", t.run_dir())[-1]["status"], "succeeded")
    t.equal([r["stdout"] for r in t.events("attempt-finished") if r["task"] == "c"], [t.tmp + "\n"])
    check_gone(t, *dirs)


def test_task_says_where(t):
    """a TMPDIR of the task's own goes over it"""
    prepare(t)
    t.run(*RUN, input=item("a", env={"TMPDIR": t.dir}))
    t.equal(env(t, "a")["TMPDIR"], t.dir)
    check_gone(t, env(t, "a")["TMP"])


def test_sockets(t):
    """the path leaves room for the names of sockets, wherever the run directory is"""
    prepare(t, a="answer $(pwd)", b="hang")
    near = tempfile.mkdtemp(prefix="p-", dir="/tmp")
    try:
        for state in (near, os.path.join(t.base, "x" * 60)):
            t.run(*RUN, "--state-dir", state, env={"TMPDIR": None}, input=item("a"))
            path = env(t, "a")["TMPDIR"]
            t.check(len(path) + 48 <= 108, f"too long for a socket: {path}")
            t.equal(path.startswith(near), state == near, path)
            t.check(not os.path.lexists(path))
        p = t.start(*RUN, "--state-dir", near, env={"TMPDIR": None}, input=item("b"))
        hangs(t, "b")
        with socket.socket(socket.AF_UNIX) as s:
            s.bind(os.path.join(env(t, "b")["TMPDIR"], "n" * 46))
        p.kill(signal.SIGTERM)
        p.expect(-signal.SIGTERM)
        t.check(not os.path.lexists(env(t, "b")["TMPDIR"]))
    finally:
        shutil.rmtree(near)


def test_timeout(t):
    """temporary files go also when the client is killed"""
    prepare(t, a="hang")
    t.run(*RUN, "-t", "1", "-r", "0", "--debugger", "none", input=item("a"), status=2)
    check_gone(t, env(t, "a")["TMPDIR"])


def test_no_record(t):
    """without a record too"""
    prepare(t, a="mess; answer done")
    t.run(*RUN, "--no-record", input=item("a"))
    check_gone(t, env(t, "a")["TMPDIR"])
    t.equal(t.runs(), [])
    t.equal(os.listdir(t.tmp), [])


def test_dead_worker(t):
    """kill -9 of a worker: the run removes what it cannot any more"""
    for more in ((), ("--no-record",)):
        prepare(t, a="hang") if not more else os.unlink(os.path.join(t.home, "a.1.hangs"))
        p = t.start(*RUN, *more, "-r", "0", "--debugger", "none", input=item("a"))
        hangs(t, "a")
        os.kill(worker_of(t, p, "a"), signal.SIGKILL)
        p.expect(2)
        check_gone(t, env(t, "a")["TMPDIR"])
    t.equal(t.events("attempt-finished")[0]["reason"], "worker")


def test_dead_supervisor(t):
    """kill -9 of the supervisor: the worker removes its directory, whoever goes on the rest"""
    prepare(t, a="hang")
    p = t.start(*RUN, input=item("a"))
    hangs(t, "a")
    p.kill(signal.SIGKILL)
    p.expect(-signal.SIGKILL)
    t.wait_for(lambda: not t.left_processes(), "the worker to be gone")
    first = env(t, "a")["TMPDIR"]
    t.check(not os.path.lexists(first), "the worker has left its directory")
    do(t, "a", "answer done")
    t.run(*RESUME)
    check_gone(t, first, env(t, "a", 2)["TMPDIR"])


def test_all_dead(t):
    """kill -9 of everything: what is left is found by whoever goes on"""
    prepare(t, a="hang")
    p = t.start(*RUN, input=item("a"))
    hangs(t, "a")
    worker = worker_of(t, p, "a")
    os.kill(worker, signal.SIGSTOP)
    p.kill(signal.SIGKILL)
    os.kill(worker, signal.SIGKILL)
    p.expect(-signal.SIGKILL)
    t.wait_for(lambda: not t.left_processes(), "everything to be gone")
    first = env(t, "a")["TMPDIR"]
    t.check(os.path.isdir(first), "somebody has removed it: this tests nothing")
    do(t, "a", "answer done")
    t.run(*RESUME)
    check_gone(t, first, env(t, "a", 2)["TMPDIR"])


# Configuration.

def configure(t):
    os.makedirs(os.path.join(t.home, ".codex"))
    for name in ("auth.json", "config.toml", "history"):
        with open(os.path.join(t.home, ".codex", name), "w") as f:
            f.write("top-secret")


LOOK = 'ls -l "$CODEX_HOME" >"$log.config"; ls -ld "$CODEX_HOME" >"$log.own"; echo x >"$CODEX_HOME/kept.$POLLARD_ATTEMPT"; '


def files_of(t):
    for top, _dirs, names in os.walk(t.state):
        for name in names:
            yield os.path.join(top, name)


def test_private_configuration(t):
    """--private-config: a directory for each task, credentials linked, gone with a run that is done"""
    prepare(t, a=LOOK + "[ $POLLARD_ATTEMPT = 2 ] || fail broken; answer done", b=LOOK + "answer done")
    configure(t)
    t.run(*RUN, "--private-config", input=item("a") + item("b"))
    a, b = env(t, "a")["CODEX_HOME"], env(t, "b")["CODEX_HOME"]
    t.check(a != b and a.startswith(t.run_dir()), f"{a} {b}")
    t.equal(env(t, "a", 2)["CODEX_HOME"], a)
    t.contains(said(t, "a", 1, "config"), f"auth.json -> {t.home}/.codex/auth.json")
    t.contains(said(t, "a", 1, "config"), "config.toml -> ")
    t.check("history" not in said(t, "a", 1, "config"))
    t.contains(said(t, "a", 2, "config"), "kept.1")
    t.check(said(t, "a", 1, "own").startswith("drwx------"))
    t.check(not os.path.lexists(os.path.join(t.run_dir(), "config")))
    for path in files_of(t):
        with open(path, "rb") as f:
            t.check(b"top-secret" not in f.read(), f"{path} holds a credential")
    with open(os.path.join(t.home, ".codex", "auth.json")) as f:
        t.equal(f.read(), "top-secret")


def test_private_configuration_is_kept(t):
    """as long as something may be gone on with, the configuration is there"""
    prepare(t, a=LOOK + "fail broken", b=LOOK + "answer done")
    configure(t)
    t.run(*RUN, "--private-config", "-r", "0", input=item("a") + item("b"), status=1)
    config = env(t, "a")["CODEX_HOME"]
    t.equal(stat.S_IMODE(os.stat(config).st_mode), 0o700)
    do(t, "a", LOOK + "answer done")
    t.run(*RESUME, "--retry-failed")
    t.equal(env(t, "a", 2)["CODEX_HOME"], config)
    t.contains(said(t, "a", 2, "config"), "kept.1")
    t.check(not os.path.lexists(os.path.dirname(config)))


def test_clean(t):
    """clean removes configurations with the run"""
    prepare(t, a=LOOK + "mess; mkdir -p $CODEX_HOME/a/b; chmod 500 $CODEX_HOME/a; fail broken")
    configure(t)
    t.run(*RUN, "--private-config", "-r", "0", "--debugger", "none", input=item("a"), status=2)
    t.check(os.path.isdir(env(t, "a")["CODEX_HOME"]))
    t.run("pollard", "clean", "--keep", "0")
    t.equal(t.runs(), [])
    t.check(os.path.exists(os.path.join(t.home, ".codex", "auth.json")))


def test_private_configuration_without_record(t):
    """--private-config without a record"""
    prepare(t, a=LOOK + "[ $POLLARD_ATTEMPT = 2 ] || fail broken; answer done")
    configure(t)
    t.run(*RUN, "--private-config", "--no-record", input=item("a"))
    t.equal(env(t, "a")["CODEX_HOME"], env(t, "a", 2)["CODEX_HOME"])
    t.contains(said(t, "a", 1, "config"), f"auth.json -> {t.home}/.codex/auth.json")
    t.check(not os.path.lexists(env(t, "a")["CODEX_HOME"]))
    t.equal(os.listdir(t.tmp), [])


def test_no_private_configuration(t):
    """what cannot be told is said once; without the option nothing is touched"""
    prepare(t)
    configure(t)
    t.run(*RUN, input=item("a"))
    t.check("CODEX_HOME" not in env(t, "a"))
    os.rename(os.path.join(t.home, "bin", "codex"), os.path.join(t.home, "bin", "opencode"))
    p = t.run(*RUN, "--private-config", input=item("a") + item("b"), status=None)
    t.equal(p.err.count("option '--private-config' does nothing for opencode"), 1)


# Places that cannot be used.

def test_no_place_for_temporary_files(t):
    """a directory that cannot be made is named, and nothing is started"""
    prepare(t)
    t.write("file", "")
    # A run directory with such a path leaves no room for sockets: TMPDIR is taken.
    run = t.run(*RUN, "-r", "0", "--debugger", "none", "--state-dir", t.path("s" * 80), input=item("a"),
                env={"TMPDIR": t.path("file")}, status=2)
    t.contains(run.err, "a: cannot start 'codex': cannot make a directory for its temporary files in '" +
               t.path("file") + "/")
    t.contains(run.err, "Not a directory")
    t.check(not os.path.exists(os.path.join(t.home, "a.1.words")), "it was started")


def test_no_home(t):
    """without a home directory there is no configuration to share, and that is no reason to stop"""
    prepare(t)
    t.write("bin/codex", CLIENT.replace("$HOME", t.home), 0o755)
    env = {"HOME": None, "XDG_STATE_HOME": None, "POLLARD_STATE_DIR": None,
           "PATH": t.path("bin") + ":" + t.env["PATH"]}
    run = t.run(*RUN, "--private-config", "--state-dir", t.state, input=item("a"), env=env)
    t.equal(run.out, "all is well\n")
    t.contains(said(t, "a", 1, "env"), "CODEX_HOME=" + t.state)
    run = t.run(*RUN, input=item("a"), env=env, status=73)
    t.contains(run.err, "HOME is not set; give '--state-dir DIR'")


# Sessions.

def test_session_is_resumed(t):
    """a retry goes on with the session, and what happened is the next message"""
    prepare(t, a="[ $POLLARD_ATTEMPT = 2 ] || fail 'it broke'; answer done")
    t.run(*RUN, input=item("a"))
    t.check("resume" not in said(t, "a", 1, "words").split())
    t.contains(said(t, "a", 1, "in"), "You are terse.\n\ndo a\n")
    t.contains(said(t, "a", 2, "words"), "resume session-of-a")
    t.check(said(t, "a", 2, "in").startswith("This is attempt 2 of this task. Attempt 1 failed: "),
            said(t, "a", 2, "in"))
    t.contains(said(t, "a", 2, "in"), "it broke")
    for words in ("do a", "terse", "turn.failed"):
        t.check(words not in said(t, "a", 2, "in"), said(t, "a", 2, "in"))


def test_session_after_a_kill(t):
    """so it is after one that was killed"""
    prepare(t, a="if [ $POLLARD_ATTEMPT = 1 ]; then (answer x | head -n 1); kill -9 $$; fi; answer done")
    t.run(*RUN, "-r", "1", input=item("a"))
    t.contains(said(t, "a", 2, "words"), "resume session-of-a")
    t.contains(said(t, "a", 2, "in"), "killed by SIGKILL")


def test_refine_template_in_a_session(t):
    """the task's own refinement is the next message then"""
    prepare(t, a="[ $POLLARD_ATTEMPT = 2 ] || fail 'it broke'; answer done")
    t.run(*RUN, input=item("a", refine="try ${{ attempt.number }}"))
    t.contains(said(t, "a", 2, "words"), "resume session-of-a")
    t.equal(said(t, "a", 2, "in"), "try 2\n")


def test_context_starts_afresh(t):
    """a session that is too long is not gone on with"""
    prepare(t, a="[ $POLLARD_ATTEMPT = 2 ] || fail \"ran out of room in the model's context window\"; answer done")
    t.run(*RUN, input=item("a"))
    t.equal(t.events("attempt-finished")[0]["reason"], "context")
    t.check("resume" not in said(t, "a", 2, "words").split())
    t.contains(said(t, "a", 2, "in"), "You are terse.\n\ndo a\n")
    t.contains(said(t, "a", 2, "in"), "This is attempt 2 of this task")


LOST = """2) echo "Error: no rollout found for thread id session-of-a" >&2; fail "no rollout found for thread id" ;;
"""


def test_unknown_session(t):
    """a session that the client does not know is no attempt: the retry begins afresh, with what it would have begun"""
    prepare(t, a=f"case $POLLARD_ATTEMPT in\n1) fail 'it broke' ;;\n{LOST}esac\nanswer done")
    run = t.run(*RUN[:-1], "plain", "-r", "1", input=item("a"))
    t.contains(said(t, "a", 2, "words"), "resume session-of-a")
    t.check("resume" not in said(t, "a", 3, "words").split())
    t.contains(said(t, "a", 3, "in"), "do a\n")
    t.contains(said(t, "a", 3, "in"), "it broke")
    t.equal([(a["status"], a.get("forgiven", False)) for a in t.events("attempt-finished")],
            [("failed", False), ("failed", True), ("succeeded", False)])
    t.contains(run.err, "a: its client has lost the session")


def test_unknown_session_once(t):
    """what says so again, or without having been asked for a session, has failed like any other"""
    prepare(t, a=f"case $POLLARD_ATTEMPT in\n{LOST}esac\nfail 'session not found'")
    t.run(*RUN, "-r", "1", "--debugger", "none", input=item("a"), status=2)
    t.equal([a.get("forgiven", False) for a in t.events("attempt-finished")], [False, False])
    t.check("resume" not in said(t, "a", 2, "words").split())


def test_unknown_session_goes_on(t):
    """afterwards nothing is gone on with any more, and retries count as ever"""
    prepare(t, a=f"case $POLLARD_ATTEMPT in\n{LOST}esac\nfail 'it broke'")
    t.run(*RUN, "-r", "2", "--debugger", "none", input=item("a"), status=2)
    t.equal([a.get("forgiven", False) for a in t.events("attempt-finished")], [False, True, False, False])
    for attempt in (3, 4):
        t.check("resume" not in said(t, "a", attempt, "words").split())


def test_session_of_an_interrupted_run(t):
    """a run that goes on goes on with the sessions of what failed"""
    prepare(t, a="fail broken", b="answer done")
    t.run(*RUN, "-r", "0", input=item("a") + item("b"), status=1)
    do(t, "a", "answer done")
    t.run(*RESUME, "--retry-failed")
    t.contains(said(t, "a", 2, "words"), "resume session-of-a")


def test_session_of_another_client(t):
    """a client is not asked for a session of another one"""
    prepare(t, a="fail broken")
    t.run(*RUN, "-r", "0", "--debugger", "none", input=item("a"), status=2)
    bin_dir = os.path.join(t.home, "bin")
    os.symlink("codex", os.path.join(bin_dir, "claude"))
    do(t, "a", """echo '{"type":"result","subtype":"success","is_error":false,"result":"done","session_id":"s"}'""")
    t.run(*RESUME, "--retry-failed", "--backend", "claude")
    t.check("session-of-a" not in said(t, "a", 2, "words"))
    t.equal(said(t, "a", 2, "in").split("\n")[0], "do a")
    t.equal(t.events("attempt-finished")[-1]["status"], "succeeded")


def test_system_prompt_in_a_file(t):
    """a client that takes its system prompt from a file gets it there, and the prompt alone"""
    prepare(t, a="""cat $(sed 's/.*--append-system-prompt-file \\([^ ]*\\).*/\\1/' "$log.words") >"$log.system"
[ $POLLARD_ATTEMPT = 2 ] || { echo '{"type":"system","subtype":"init","session_id":"s-1"}'; exit 1; }
echo '{"type":"result","subtype":"success","is_error":false,"result":"done","session_id":"s-1"}'""")
    os.rename(os.path.join(t.home, "bin", "codex"), os.path.join(t.home, "bin", "claude"))
    t.run(*RUN, input=item("a"))
    t.equal(said(t, "a", 1, "in"), "do a\n")
    t.contains(said(t, "a", 2, "words"), "--resume s-1")
    for attempt in (1, 2):
        t.equal(said(t, "a", attempt, "system").strip(), "You are terse.")


# What was to be written.

def test_nothing_written(t):
    """an agent that was to write and did not is warned about, and only then"""
    prepare(t, a="answer done", b="echo x >doc/new; answer done", c="answer done", d="fail broken")
    os.makedirs(t.path("src"))
    os.makedirs(t.path("doc"))
    t.write("src/a.c", "x")
    t.run(*RUN, "-r", "0", "--require", "partial", input=item("a", writes=["src/*.c"]) +
          item("b", writes=["doc/"]) + item("c") + item("d", writes=["other"]))
    warnings = {r["task"]: r["warning"] for r in t.events("attempt-finished") if r.get("warning")}
    t.equal(warnings, {"a": "it said it writes 'src/*.c', and nothing there was changed"})
