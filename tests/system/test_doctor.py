"""pollard doctor: what usually is wrong is found, and what to do about it said."""

import os


def findings(out):
    return {line[6:18].strip(): line for line in out.splitlines() if line[:5].strip() in ("ok", "warn", "FAIL")}


def lines(t, *words, status=0, **more):
    return findings(t.run("pollard", "doctor", *words, status=status, **more).out)


def test_well(t):
    """all that matters is looked at, a client that is on PATH is named"""
    t.write("bin/codex", "#!/bin/sh\nexit 1\n", mode=0o755)
    out = t.run("sh", "-c", "PATH=$PWD/bin:$PATH; exec pollard doctor").out
    found = findings(out)
    for what in ("clients", "agents", "record", "space", "temporary", "open files", "processes", "memory",
                 "terminal", "git"):
        t.check(what in found, f"nothing about {what}")
    t.contains(found["clients"], "codex")
    t.check(not any(line.startswith("FAIL") for line in found.values()), "something is wrong")


def test_no_clients(t):
    """no client: how to get one"""
    os.makedirs(t.path("empty"))
    out = t.run("sh", "-c", 'p=$(command -v pollard); PATH=$PWD/empty; exec "$p" doctor').out
    t.matches(out, r"(?m)^warn +clients +none on PATH.*install")


def test_state(t):
    """a state directory that cannot be used: 78, and which"""
    t.write("file", "")
    found = lines(t, "--state-dir", "file", status=78)
    t.check(found["record"].startswith("FAIL"), found["record"])
    t.contains(found["record"], "file")


def test_temporary(t):
    """no place for temporary files: 78"""
    found = lines(t, status=78, env={"TMPDIR": t.path("nowhere")})
    t.check(found["temporary"].startswith("FAIL"), found["temporary"])


def test_few_files(t):
    """a limit that is too low for the slots, and what to type"""
    out = t.run("sh", "-c", "ulimit -n 32; exec pollard doctor").out
    t.matches(out, r"(?m)^warn +open files +only 32: .*ulimit -n \d+")


def test_bad_agent(t):
    """a definition that cannot be used is named"""
    t.write(".pollard/agents/no name.md", "---\ndescription: x\n---\nbody\n")
    out = t.run("pollard", "doctor").out
    t.matches(out, r"(?m)^warn +agents ")
    t.contains(out, "no name.md")


def test_settings(t):
    """what lets every run end with 78 is wrong here too: a setting, a variable, a backend that nobody knows"""
    t.contains(lines(t)["settings"], "ok")
    for variable in ("POLLARD_JOBS", "POLLARD_BACKEND"):
        found = lines(t, status=78, env={variable: "bogus"})
        t.matches(found["settings"], r"^FAIL .*'bogus'")
    t.write("pollard.yaml", "jobs: x\n")
    found = lines(t, status=78)
    t.matches(found["settings"], r"^FAIL .*pollard\.yaml:1:7: setting 'jobs': expected a number")
    t.write("pollard.yaml", "bogus: 1\n")
    t.contains(t.run("pollard", "doctor", status=78).err, "pollard.yaml:1:1: unknown setting 'bogus'")


def test_unusable_agents(t):
    """agents that name a client or a command that is not there: how many, the first, and where it says why"""
    os.makedirs(t.path("empty"))
    script = 'p=$(command -v pollard); PATH=$PWD/empty; exec "$p" doctor'
    well = findings(t.run("sh", "-c", script).out)["agents"]
    t.check(well.startswith("ok"), well)
    agents = {"aa": "backend: codex", "ab": "backend: command", "ac": "command: nosuchprogram"}
    for count, (name, key) in enumerate(agents.items(), 1):
        t.write(f".pollard/agents/{name}.md", f"---\nname: {name}\n{key}\n---\nbody\n")
        found = findings(t.run("sh", "-c", script, status=78).out)["agents"]
        t.matches(found, rf"^FAIL .* {count} of \d+ cannot be used\b.* 'aa': 'pollard agents --check'")
    for name in agents:
        os.unlink(t.path(f".pollard/agents/{name}.md"))
    t.write("pollard.yaml", "backend: codex\n")
    found = findings(t.run("sh", "-c", script, status=None).out)["agents"]
    t.check(found.startswith("FAIL" if well.split()[2] != "0" else "ok"), found)


def test_reader_gone(t):
    """a full disk behind standard output is said"""
    t.contains(t.run("sh", "-c", "pollard doctor > /dev/full", status=74).err, "cannot write to standard output")
