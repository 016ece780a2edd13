"""Completion: what the program offers, and the same as each shell shows it."""

import os
import re
import shutil

import harness

SHARED = os.path.join(os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))), "shared", "completion")


def offered(t, *words):
    out = t.run("pollard", "__complete", "--", *words).out
    return [line.split("\t")[0] for line in out.splitlines()]


def needs(shell):
    path = shutil.which(shell)
    if path is None:
        raise harness.Skipped(f"no {shell} here")
    return path


def test_commands(t):
    """commands, options and their values as far as they are typed"""
    t.equal(offered(t, "sta"), ["status"])
    t.check("run" in offered(t, "") and not any(w.startswith("_") for w in offered(t, "")))
    t.equal(offered(t, "run", "--keep"), [w for w in offered(t, "run", "-") if w.startswith("--keep")])
    t.contains(offered(t, "run", "--no-"), "--no-record")
    t.equal(offered(t, "clean", "--retr"), [])
    t.equal(offered(t, "run", "-o", "j"), ["json"])
    t.equal(offered(t, "run", "--progress=pl"), ["--progress=plain"])
    t.equal(offered(t, "run", "--", "e"), [":commands"])
    t.equal(offered(t, "run", "--", "env", "x"), [":files"])
    t.equal(offered(t, "run", "--state-dir", ""), [":directories"])
    t.check(":files" in offered(t, "run", "-f", ""))
    t.contains(offered(t, "run", "-f", "auth"), "authentication")
    workflows = [w for w in offered(t, "run", "-f", "") if w != ":files"]
    t.equal(workflows, sorted(workflows))
    t.contains(offered(t, "run", "--agent", "debug"), "debugger")
    t.contains(offered(t, "help", "age"), "agents")
    t.equal(offered(t, "nonsense", "x"), [])


def test_runs(t):
    """runs and tasks, of the state directory that was said"""
    t.run("pollard", "run", "--state-dir", "here", "--progress", "none", "--name", "nightly",
          input='{"id":"alpha","run":"true"}\n{"id":"beta","run":"true"}\n')
    (run,) = os.listdir(t.path("here", "runs"))
    for command in ("show", "resume", "failed", "report"):
        t.equal(offered(t, command, "--state-dir", "here", ""), ["last", run])
    t.equal(offered(t, "show", "--state-dir", "here", run[:8]), [run])
    t.equal(offered(t, "show", "--state-dir=here", ""), ["last", run])
    t.equal(offered(t, "show", "--state-dir", "here", "x"), [])
    t.equal(offered(t, "show", "--state-dir", "here", run, ""), ["alpha", "beta"])
    t.equal(offered(t, "show", "--state-dir", "here", run, "b"), ["beta"])
    t.contains(t.run("pollard", "__complete", "--", "show", "--state-dir", "here", "").out, "nightly, all")
    t.equal(offered(t, "show", ""), [])
    t.equal(t.run("pollard", "__complete").out.count("run\t"), 1)


def test_bash(t):
    """bash"""
    script = """
. "$1"
COMP_WORDS=(pollard run --progress = pl) COMP_CWORD=4
_pollard
printf '%s\\n' "${COMPREPLY[@]}"
COMP_WORDS=(pollard run -f na) COMP_CWORD=3
_pollard
printf '%s\\n' "${COMPREPLY[@]}"
COMP_WORDS=(pollard sta) COMP_CWORD=1
_pollard
printf '%s\\n' "${COMPREPLY[@]}"
for place in "'my dir'" '"my dir"' 'my\\ dir' '~/my\\ dir'; do
	COMP_WORDS=(pollard show --state-dir "$place" la) COMP_CWORD=4
	_pollard
	printf '%s\\n' "${COMPREPLY[@]}"
done
"""
    t.write("name with blank", "")
    t.run("pollard", "run", "--state-dir", "my dir", "--progress", "none", "--", "true", input="x\n")
    out = t.run(needs("bash"), "-c", script, "bash", os.path.join(SHARED, "pollard.bash"), env={"HOME": t.dir}).out
    t.equal(out.splitlines(), ["plain", "name with blank", "status", *["last"] * 4])


def test_bash_typed(t):
    """bash, as it is typed: the word is completed on the line"""
    shell = t.terminal(needs("bash"), "--norc", "--noprofile", "-i", env={"PS1": "ready> ", "TERM": "xterm"})
    shell.read_until(r"ready> ")
    shell.send(f". {os.path.join(SHARED, 'pollard.bash')}; echo sour''ced\n")
    shell.read_until(r"sourced")
    shell.send("echo pollard stat; pollard stat\t\n")
    # with no runs the command says so: only the completed word could
    shell.read_until(r"no runs")
    shell.send("exit\n")
    shell.wait()


def test_zsh(t):
    """zsh, as it is typed"""
    t.write("functions/_pollard", open(os.path.join(SHARED, "_pollard"), encoding="utf-8").read())
    shell = t.terminal(needs("zsh"), "-f", "-i", env={"PS1": "ready> ", "TERM": "xterm"}, cols=120)
    shell.read_until(r"ready> ")
    shell.send(f"fpath=({t.path('functions')} $fpath); autoload -U compinit; compinit -D -u; echo load''ed\n")
    shell.read_until(r"loaded")
    shell.send("pollard stat\t\n")
    shell.read_until(r"no runs")
    shell.read_until(r"ready> ")
    # the list of what fits, each with what it is about
    shell.send("pollard run --progress \t")
    shell.read_until(re.escape("plain"))
    # quotes that are open, and a path behind a sign
    os.mkdir(t.path("dir one"))
    t.write("name with blank", "")
    shell.send("\x15pollard run -f 'name w\t")
    shell.read_until(r"'name with blank'")
    shell.send("\x15pollard run --state-dir=di\t")
    shell.read_until(r"--state-dir=dir\\ one")
    shell.send("\x15exit\n")
    shell.wait()


def test_fish(t):
    """fish"""
    source = os.path.join(SHARED, "pollard.fish")
    fish = needs("fish")
    out = t.run(fish, "--no-config", "-c", f"source {source}; complete -C 'pollard stat'").out
    t.matches(out, r"^status\trecent runs")
    out = t.run(fish, "--no-config", "-c", f"source {source}; complete -C 'pollard run -o j'").out
    t.equal(out.split("\t")[0].strip(), "json")
    # names that have to be quoted, as they may be quoted
    os.mkdir(t.path("dir one"))
    t.write("dir one/name with blank", "")
    for typed in ("dir\\ one/na", "'dir one/na", '"dir one/na'):
        t.write("try.fish", f"source {source}\ncomplete -C (string trim < typed)\n")
        t.write("typed", f"pollard run -f {typed}\n")
        out = t.run(fish, "--no-config", "try.fish").out
        t.equal(out.split("\t")[0].strip(), "dir one/name with blank", typed)
    out = t.run(fish, "--no-config", "-c", f"source {source}; complete -C 'pollard run --state-dir di'").out
    t.equal(out.split("\t")[0].strip(), "dir one/")
