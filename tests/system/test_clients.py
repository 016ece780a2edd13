"""Real clients, codex and pi, end to end (spec chapter 7): installed from npm into build/clients, and pointed at a
model service of the tests on the loopback. What is promised is read from the journal, from the output, and from what
the service was asked."""

import json
import os
import re
import signal
import subprocess
import sys
import threading
import time

import harness

CLIENTS = ("codex", "pi")
FOLDER = os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "clients")
sys.path.insert(0, FOLDER)
import clients  # noqa: E402
import service  # noqa: E402

SYSTEM = "You are the asker of a test; be \"terse\"."
ANSWER = service.ANSWER
LIMIT_MET = "the limit of its service was met"
UNREACHABLE = 75  # what "install" says of npm
AGAIN_S = 300     # so long a refusal of npm holds for the tests that come after
PORT_BITS = r"sin6?_port=htons\((\d+)\)"


def install(t):
    """The folder with the clients. What is downloaded once, for all tests, is no part of a test's own limit."""
    place = os.path.join(t.root, "build", "clients")
    refused = os.path.join(place, "refused")
    left = signal.setitimer(signal.ITIMER_REAL, 0)[0]
    try:
        try:
            if time.time() - os.stat(refused).st_mtime < AGAIN_S:
                with open(refused, encoding="utf-8") as f:
                    t.skip(f.read())
        except FileNotFoundError:
            pass
        done = subprocess.run([os.path.join(FOLDER, "install"), place, *CLIENTS], stdin=subprocess.DEVNULL,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=600, check=False)
        if done.returncode == UNREACHABLE:
            with open(refused, "w", encoding="utf-8") as f:
                f.write("THE REAL CLIENTS ARE NOT TESTED: " + done.stdout.strip())
            with open(refused, encoding="utf-8") as f:
                t.skip(f.read())
        t.check(done.returncode == 0, f"{harness.status_words(done.returncode)}: {done.stdout}")
    finally:
        signal.setitimer(signal.ITIMER_REAL, left)
    return os.path.join(place, "bin")


class Place:
    """A service, a home directory for each client that points to it, and the runs that use both."""

    def __init__(self, t, script=None):
        self.t = t
        self.bin = install(t)
        self.service = service.Service(script)
        self.port = self.service.server_address[1]
        threading.Thread(target=self.service.serve_forever, daemon=True).start()
        t.env["PATH"] = self.bin + ":" + t.env["PATH"]
        self.agent("asker")

    def agent(self, name, front="", system=SYSTEM):
        self.t.write(f".pollard/agents/{name}.md", f"---\nname: {name}\ndescription: asks\n{front}---\n{system}\n")

    def home(self, client, case, retries=0):
        """The variables with which that client meets that case."""
        home = os.path.join(self.t.home, client)
        values, _ = clients.environment(client, self.port, f"{case}@{client}", home, retries)
        # A client is found, and its temporary files are looked for, where all tests do.
        return {name: value for name, value in values.items() if name not in ("PATH", "TMPDIR", "LANG")}

    def start(self, client, case, *options, tasks, retries=0, command="run", **more):
        env = {**self.home(client, case, retries), **more.pop("env", {})}
        text = tasks if tasks is None or isinstance(tasks, str) else "".join(json.dumps(o) + "\n" for o in tasks)
        words = ["--backend", client] if command == "run" else []
        run = self.t.start("pollard", command, *words, "--progress", "plain", *options, input=text, env=env, **more)
        run.client = client
        return run

    def both(self, case, *options, **more):
        """The same run with each client, side by side."""
        return [self.start(client, case, *options, **more) for client in CLIENTS]

    def asked(self, client):
        """What the service was asked, oldest first."""
        return [r for r in self.service.journal.show(None)["requests"] if r["label"].endswith("@" + client)]


def item(name, prompt="What is the answer?", **more):
    return {"id": name, "agent": "asker", "prompt": prompt, **more}


def journal(t, run, event=None, **members):
    """The records of the run that this process made; it says its name first."""
    name = t.wait_for(lambda: harness.RUN_ID.search(run.err), "the name of the run").group()
    records = t.journal(os.path.join(t.state, "runs", name), partial=run.status is None)
    return [r for r in records if event in (None, r["event"]) and all(r.get(k) == v for k, v in members.items())]


def attempts(t, run, **members):
    return journal(t, run, "attempt-finished", **members)


def results(run):
    """What -o json told of each task; its last line is about all of them."""
    lines = [json.loads(line) for line in run.out.splitlines()]
    return [line for line in lines if "task" in line]


def texts(request, *roles):
    """All that a request said, as one text."""
    said = [m["text"] for m in request["messages"] if not roles or m["role"] in roles]
    return "\n".join(said + ([] if roles else request["system"]))


def second_try(request):
    return "This is attempt 2" in "\n".join(text for _, text in request.messages)


def wait_asked(place, client, count=1, limit=30):
    place.t.wait_for(lambda: len(place.asked(client)) >= count, f"the request of {client}", limit)


def check_gone(t, pids, limit=10):
    t.wait_for(lambda: not any(harness.alive(pid) for pid in pids), "the end of the client", limit)


def client_processes(run):
    """The processes of the client below pollard and its workers."""
    return [pid for pid, command in run.descendants() if not command.startswith(("pollard", "(pollard"))]


def test_answer(t):
    """an answer: text, session, tokens, summary; and the service got the system prompt and the prompt, once"""
    place = Place(t)
    runs = place.both("ok", "-o", "json", "-r", "0", tasks=[item("one", "Ask.\nanswer: forty-two\nof two lines")])
    for run in runs:
        run.expect(0, t.limit)
        told, = results(run)
        t.equal((told["status"], told["text"].strip(), told["summary"]), ("succeeded", "forty-two", "forty-two"))
        t.equal((told["usage"]["input_tokens"], told["usage"]["output_tokens"]), (1000, 50))
        t.check(told["session"], "no session")
        t.equal([a["session"] for a in attempts(t, run)], [told["session"]])
        asked = place.asked(run.client)
        t.equal(len(asked), 1)
        t.contains(texts(asked[0]), SYSTEM)
        t.contains(texts(asked[0], "user"), "Ask.\nanswer: forty-two\nof two lines")
        t.contains(run.err, "1 of 1 succeeded")
    # pi has an option for it; codex has none, and it stands before the prompt
    t.contains("\n".join(place.asked("pi")[0]["system"]), SYSTEM)
    t.contains(texts(place.asked("codex")[0], "user"), SYSTEM + "\n\nAsk.")
    # pi knows what it costs
    t.check(results(runs[1])[0]["usage"]["usd"] > 0, "pi says no price")
    t.equal(results(runs[0])[0]["usage"]["usd"], None)


def test_answer_alone(t):
    """standard output has the answer and not the events of the client; with --sequential it comes the same"""
    place = Place(t)
    for mode in ((), ("--sequential",)):
        for run in place.both("ok", *mode, tasks=[item("one")]):
            t.equal(run.expect(0, t.limit).out, ANSWER + "\n", f"{run.client} {mode}")


def test_long_answer(t):
    """an answer of 20 KB in 400 pieces arrives whole, though pi repeats all of it with each piece"""
    place = Place(t)
    for run in place.both("ok-long", tasks=[item("one")]):
        t.equal(run.expect(0, t.limit).out.rstrip("\n"), "".join(service.long_answer(400)).rstrip("\n"), run.client)


def check_forgiven(t, run, count):
    """So many attempts were refused and forgiven, and then one succeeded."""
    run.expect(0, t.limit)
    done = attempts(t, run)
    t.equal([(a["status"], a["reason"], a.get("forgiven", False)) for a in done],
            [("failed", "rate-limit", True)] * count + [("succeeded", None, False)], run.client)
    t.check(all(a["level"] == 0 for a in done), "that was no recovery")
    t.equal(run.err.count(LIMIT_MET), count, "pauses that were told")


def test_rate_limit(t):
    """429: the task waits and is tried again without counting it, and succeeds when the service lets it"""
    place = Place(t)
    for run in place.both("flaky-2", "-r", "0", "--debugger", "none", tasks=[item("one")]):
        check_forgiven(t, run, 2)
        asked = place.asked(run.client)
        t.equal(len(asked), 3)
        # It is the same task as before: nothing is refined, no session goes on.
        t.check(all("attempt 2" not in texts(r) for r in asked), "a refused attempt was refined")
        t.check(all("assistant" not in [m["role"] for m in r["messages"]] for r in asked), "a session went on")


def test_rate_limit_hint(t):
    """429 with a hint: nothing is asked before the time that the service named"""
    place = Place(t)
    # codex says nothing of the hint when it gives up at once: it waits by itself, and tells that while it does.
    patient = place.start("codex", "flaky-429-hint-1", "-r", "0", tasks=[item("one")], retries=3)
    run = place.start("pi", "flaky-429-hint-1", "-r", "0", "--debugger", "none", tasks=[item("one")])
    check_forgiven(t, run, 1)
    patient.expect(0, t.limit)
    t.equal([a["status"] for a in attempts(t, patient)], ["succeeded"])
    t.contains(patient.err, LIMIT_MET)
    for client in CLIENTS:
        first, second = (r["time"] for r in place.asked(client))
        t.check(second - first >= 1.9, f"{client} was asked again after {second - first:.1f} s")


def test_rate_limit_of_one(t):
    """a limit of one backend does not hold back the other one"""
    place = Place(t)
    place.agent("slow-one", "backend: codex\n")
    place.agent("free-one", "backend: pi\n")
    env = {**place.home("codex", "429-hint"), **{k: v for k, v in place.home("pi", "ok").items() if k.startswith("PI_")}}
    run = t.start("pollard", "run", "--progress", "plain", "-r", "0", "--debugger", "none", env=env,
                  input="".join(json.dumps({**item(f"{agent}{n}"), "agent": agent}) + "\n"
                                for n in range(2) for agent in ("slow-one", "free-one")))
    free = t.wait_for(lambda: {a["task"]: a["status"] for a in attempts(t, run, agent="free-one")}
                      if len(attempts(t, run, agent="free-one")) == 2 else None, "the other backend", 60)
    t.equal(free, {"free-one0": "succeeded", "free-one1": "succeeded"})
    t.wait_for(lambda: attempts(t, run, agent="slow-one", forgiven=True), "a refusal", 60)
    run.kill(signal.SIGTERM)
    run.expect(-signal.SIGTERM, t.limit)
    t.check(all(a.get("forgiven") or a["status"] == "cancelled" for a in attempts(t, run, agent="slow-one")),
            "a refused attempt counts")


def test_service_broken(t):
    """500: the attempt fails, though pi ends with 0, and is retried once, refined, in the same session"""
    place = Place(t)
    run = place.start("pi", "broken", "--debugger", "none", tasks=[item("one")])
    run.expect(2, t.limit)
    first, second = attempts(t, run)
    for a in (first, second):
        t.equal((a["status"], a["reason"], a["exit"]), ("failed", "agent", 0))
        t.contains(a["error"], "500 The server had an error")
    t.equal(second["session"], first["session"])
    asked = place.asked("pi")
    t.equal(len(asked), 2)
    t.equal([len([m for m in r["messages"] if m["role"] == "user"]) for r in asked], [1, 2])
    t.contains(asked[1]["user"][0], "What is the answer?")
    t.contains(asked[1]["user"][1], "Attempt 1 failed: 500 The server had an error")


def test_service_busy(t):
    """500 is an overload in codex's words: it is waited for, but not for ever; with --no-adapt not at all"""
    place = Place(t)
    run = place.start("codex", "flaky-500-1", "-r", "0", "--debugger", "none", tasks=[item("one")])
    check_forgiven(t, run, 1)
    run = place.start("codex", "broken", "-r", "0", "--debugger", "none", tasks=[item("one")])
    run.expect(2, t.limit)
    t.equal([a.get("forgiven", False) for a in attempts(t, run)], [True, True, True, False])
    run = place.start("codex", "broken", "--no-adapt", "--debugger", "none", tasks=[item("one")])
    run.expect(2, t.limit)
    t.equal([(a["status"], a["reason"], a["level"]) for a in attempts(t, run)],
            [("failed", "rate-limit", 0), ("failed", "rate-limit", 1)])
    t.contains(run.err, "high demand")
    t.check('{"type"' not in run.err, "the summary shows events")


def test_refined_in_session(t):
    """an answer that is no JSON is asked for again in the same session, with what was wrong"""
    def script(request, before):
        good = any("This is attempt 3" in text for _, text in request.messages)
        return "ok", '{"n": 7}' if good else "I would say seven."

    place = Place(t, script)
    for run in place.both("ok", "-o", "json", "-r", "2", "--debugger", "none", tasks=[item("one", output="json")]):
        run.expect(0, t.limit)
        told, = results(run)
        t.equal(told["result"], {"n": 7}, run.client)
        tried = attempts(t, run)
        t.equal([(a["status"], a["reason"]) for a in tried], [("failed", "output")] * 2 + [("succeeded", None)])
        t.equal(len({a["session"] for a in tried}), 1, "sessions")
        asked = place.asked(run.client)
        t.equal(len(asked), 3)
        t.contains(texts(asked[1], "assistant"), "I would say seven.")
        t.contains(texts(asked[1], "user"), "What is the answer?")
        # It is that of the attempt, though codex tells what its whole session has used.
        t.equal([(a["usage"]["input_tokens"], a["usage"]["output_tokens"]) for a in tried],
                [(1000, 50)] * 3, f"tokens of {run.client}")


def test_hang(t):
    """a service that does not answer: a limit ends the client, all its processes, and the retry gets an answer"""
    place = Place(t, lambda request, before: None if second_try(request) or before else "hang")
    # No answer to its first prompt: pi has not kept that session, and the prompt has to be told again.
    # The limit leaves each time to ask, on a machine that is busy with other things too.
    runs = [place.start("codex", "ok", "-t", "15s", tasks=[item("one")]),
            place.start("pi", "ok", "--idle-timeout", "15s", tasks=[item("one")])]
    seen = {}
    for run in runs:
        wait_asked(place, run.client)
        seen[run.client] = client_processes(run)
    # codex is a program below a script of node
    t.check(len(seen["codex"]) >= 2 and seen["pi"], f"processes: {seen}")
    for run, reason in zip(runs, ("timeout", "idle-timeout")):
        t.wait_for(lambda: attempts(t, run), "the end of the first attempt", 40)
        check_gone(t, seen[run.client])
        run.expect(0, t.limit)
        first, second = attempts(t, run)
        t.equal((first["status"], first["reason"], first["leftover_processes"]), ("failed", reason, 0))
        t.equal((second["status"], second["text"]), ("succeeded", ANSWER), run.client)
        t.contains(texts(place.asked(run.client)[1], "user"), "What is the answer?", run.client)


def test_hang_in_answer(t):
    """a service that begins an answer and does not end it: half an answer is none"""
    place = Place(t)
    for run in place.both("hang-body", "--idle-timeout", "3s", "-r", "0", "--debugger", "none", tasks=[item("one")]):
        run.expect(2, t.limit)
        t.equal([(a["status"], a["reason"]) for a in attempts(t, run)], [("failed", "idle-timeout")], run.client)
        t.equal(run.out, "")


def test_denied(t):
    """401: nothing more of that backend is started; the other one goes on"""
    place = Place(t)
    place.agent("locked", "backend: codex\n")
    place.agent("open", "backend: pi\n")
    env = {**place.home("codex", "denied"), **{k: v for k, v in place.home("pi", "ok").items() if k.startswith("PI_")}}
    names = ("locked1", "locked2", "locked3", "open1")
    # The third client needs room that is not there before the first one has ended.
    run = t.start("pollard", "run", "-j", "1", "--progress", "plain", "-o", "json", env=env,
                  input="".join(json.dumps({**item(n), "agent": n[:-1]}) + "\n" for n in names))
    run.expect(3, t.limit)
    told = {r["task"]: r for r in results(run)}
    t.equal({n: (told[n]["status"], told[n]["reason"]) for n in names},
            {"locked1": ("failed", "auth"), "locked2": ("failed", "auth"), "locked3": ("failed", "auth"),
             "open1": ("succeeded", None)})
    t.equal([a["task"] for a in attempts(t, run)], ["locked1", "open1"])
    t.contains(told["locked2"]["error"], "not started: authentication with codex failed")
    t.contains(run.err, "codex: authentication failed: nothing more of it is started")
    t.equal(len(place.asked("codex")), 1)


def test_denied_with_status_zero(t):
    """401: pi ends with 0 all the same"""
    place = Place(t)
    run = place.start("pi", "denied", "-j", "1", tasks=[item("one"), item("two")])
    run.expect(2, t.limit)
    t.equal([(a["task"], a["status"], a["reason"], a["exit"]) for a in attempts(t, run)],
            [("one", "failed", "auth", 0)])
    t.equal(len(place.asked("pi")), 1)


def test_context_full(t):
    """a conversation that is too long: the retry begins afresh, and is told to do less"""
    place = Place(t, lambda request, before: "ok" if second_try(request) else "context")
    for run in place.both("ok", tasks=[item("one")]):
        t.equal(run.expect(0, t.limit).out, ANSWER + "\n")
        first, second = attempts(t, run)
        t.equal((first["status"], first["reason"]), ("failed", "context"), run.client)
        t.check(second["session"] != first["session"], "the same session again")
        last = place.asked(run.client)[-1]
        t.contains(texts(last, "user"), "What is the answer?")
        t.equal(texts(last).count("What is the answer?"), 1, "how often it was asked")
        t.equal(texts(last, "assistant"), "")


def eight(t, client, *options):
    """Eight of them are with the service in the same moment, and each gets its own answer."""
    together = threading.Barrier(8)

    def script(request, before):
        try:
            together.wait(t.limit / 2)
        except threading.BrokenBarrierError:
            return "500"
        return None

    place = Place(t, script)
    tasks = [item(f"n{n}", f"Say it.\nanswer: number {n}") for n in range(8)]
    run = place.start(client, "ok", "-j", "8", "--no-adapt", "--min-free-memory", "0", "-k", "-o", "json", "-r", "0",
                      "--debugger", "none", *options, tasks=tasks)
    run.expect(0, t.limit)
    told = results(run)
    t.equal([(r["task"], r["text"].strip()) for r in told], [(f"n{n}", f"number {n}") for n in range(8)])
    t.equal(len({r["session"] for r in told}), 8, "sessions")
    t.equal(len(place.asked(client)), 8)
    return place


def test_eight_codex(t):
    """eight of codex side by side, with one configuration"""
    eight(t, "codex")


def test_eight_codex_private(t):
    """eight of codex side by side, each with a configuration of its own: the one of the user is not written to"""
    home = os.path.join(t.home, "codex", ".codex")
    eight(t, "codex", "--private-config")
    t.equal(sorted(os.listdir(home)), ["config.toml"])


def test_eight_pi(t):
    """eight of pi side by side, with one configuration"""
    eight(t, "pi")


def test_eight_pi_private(t):
    """eight of pi side by side, each with a configuration of its own: the one of the user is not written to"""
    home = os.path.join(t.home, "pi", ".pi", "agent")
    eight(t, "pi", "--private-config")
    t.equal(sorted(os.listdir(home)), ["models.json", "settings.json"])


DOCTOR = "You find causes."
ADVICE = "Ask the oracle."


def ladder(t, tasks, story, **more):
    """Every answer is no JSON, but for that of a task that knows the doctor's advice, and of the good one."""
    verdict = {"relation": "related", "cause": "the question has no answer", "groups": [], "strategy": "parallel",
               "fix": None, "retry": [], "escalate": False, **more}

    def script(request, before):
        said = "\n".join([text for _, text in request.messages] + request.system)
        if DOCTOR in said:
            return "ok", json.dumps(verdict)
        return "ok", '{"n": 7}' if ADVICE in said or "Say it, good" in said else "I cannot say."

    place = Place(t, script)
    place.agent("doctor", system=DOCTOR)
    runs = place.both("ok", "--debugger", "doctor", "-o", "json", "-j", "3",
                      tasks=[item(task, f"Say it, {task}.", output="json") for task in tasks])
    for run in runs:
        run.expect(0, t.limit)
        t.equal({r["task"]: r["result"] for r in results(run)}, {task: {"n": 7} for task in tasks}, run.client)
        t.equal([(v["debugger"], v["valid"], v["verdict"]["cause"]) for v in journal(t, run, "verdict")],
                [("doctor", True, verdict["cause"])])
        for task in tasks:
            t.equal([(a["level"], a["status"]) for a in attempts(t, run, task=task)], story[task],
                    f"{run.client}: {task}")
        doctor = [r for r in place.asked(run.client) if DOCTOR in texts(r)]
        t.equal(len(doctor), 1, "how often the doctor was asked")
        for task in tasks:
            t.contains(texts(doctor[0]), task)
        t.contains(texts(doctor[0]), "Say it, bad1.")
    return place


def test_ladder_some(t):
    """the recovery ladder, level 2: the debugger is asked by a real client, and its advice reaches the retries"""
    advice = [{"task": task, "advice": ADVICE} for task in ("bad1", "bad2")]
    bad = [(0, "failed"), (2, "succeeded")]
    ladder(t, ("good1", "bad1", "bad2"), {"good1": [(0, "succeeded")], "bad1": bad, "bad2": bad}, retry=advice)


def test_ladder_all(t):
    """the recovery ladder, level 3: all failed; the debugger's new prompts are asked one after another"""
    prompts = [{"task": task, "prompt": f"Say it again, {task}. {ADVICE}"} for task in ("bad1", "bad2")]
    bad = [(0, "failed"), (3, "succeeded")]
    place = ladder(t, ("bad1", "bad2"), {"bad1": bad, "bad2": bad}, strategy="sequential", retry=prompts)
    for client in CLIENTS:
        t.equal([re.findall(r"Say it again, (bad\d)", texts(r, "user"))[-1:] for r in place.asked(client)[3:]],
                [["bad1"], ["bad2"]], client)


def test_answer_about_limits(t):
    """an answer about rate limits, keys and contexts is an answer"""
    text = ("429 Too Many Requests: rate limit reached, please try again in 20s. 401 invalid_api_key. "
            "This model's maximum context length is 128000 tokens. overloaded_error, insufficient_quota.")
    place = Place(t, lambda request, before: ("ok", text))
    for run in place.both("ok", "-r", "0", tasks=[item("one")]):
        t.equal(run.expect(0, t.limit).out, text + "\n")
        t.equal([a["status"] for a in attempts(t, run)], ["succeeded"])
        t.check(LIMIT_MET not in run.err, "it was taken for a refusal")


def test_interrupted(t):
    """SIGINT: the clients are ended, and resume asks the rest"""
    place = Place(t, lambda request, before: None if place.good else "hang")
    place.good = False
    runs = place.both("ok", "-j", "2", tasks=[item("one"), item("two"), item("three")])
    for run in runs:
        wait_asked(place, run.client, 2)
        pids = client_processes(run)
        run.kill(signal.SIGINT)
        run.expect(-signal.SIGINT, t.limit)
        t.check(not any(harness.alive(pid) for pid in pids), f"{run.client} goes on")
        t.contains(run.err, "to go on:")
    place.good = True
    for run in runs:
        name = harness.RUN_ID.search(run.err).group()
        again = place.start(run.client, "ok", name, tasks=None, command="resume")
        again.expect(0, t.limit)
        t.equal([f["outcome"] for f in journal(t, run, "run-finished")][-1], "all")


def test_killed(t):
    """SIGKILL of pollard: no client outlives it, and resume goes on"""
    place = Place(t, lambda request, before: None if place.good or "Go on" in str(request.messages) else "hang")
    place.good = False
    runs = place.both("ok", "-j", "2", "-r", "0", tasks=[item("done", "Go on."), item("one"), item("two")])
    for run in runs:
        wait_asked(place, run.client, 3)
        pids = [pid for pid, _ in run.descendants()]
        run.kill(signal.SIGKILL)
        run.expect(-signal.SIGKILL, t.limit)
        check_gone(t, pids, 10)
    place.good = True
    for run in runs:
        before = len(place.asked(run.client))
        again = place.start(run.client, "ok", harness.RUN_ID.search(run.err).group(), tasks=None, command="resume")
        again.expect(0, t.limit)
        asked = place.asked(run.client)[before:]
        t.equal(len(asked), 2, "requests after the resumption")
        t.check(all("Go on." not in texts(r) for r in asked), "what was done was asked for again")


# Calls that name an address or a file: one line of strace each.
CALL = re.compile(r"^(?:\d+ +)?(?:<\.\.\. )?(connect|sendto|sendmsg|sendmmsg|open|openat)\b.*")
INET = re.compile(r'sa_family=AF_INET6?, .*?' + PORT_BITS)
LOOPBACK = re.compile(r'inet_addr\("127\.0\.0\.1"\)|inet_pton\(AF_INET6, "(::1|::ffff:127\.0\.0\.1)"')
OPENED = re.compile(r'open(?:at)?\([^"]*"([^"]*)"')


def hidden_places():
    """Where the person at this machine keeps settings and keys, but for what programs themselves are below."""
    home = os.path.realpath(os.path.expanduser("~"))
    needed = [os.path.realpath(path) for path in os.environ["PATH"].split(":")] + [os.path.realpath(sys.prefix)]

    def is_hidden(path):
        if not path.startswith(home + "/."):
            return False
        top = os.path.join(home, path[len(home) + 1:].split("/")[0])
        return not any(place == top or place.startswith(top + "/") for place in needed)

    return is_hidden


def test_nothing_but_loopback(t):
    """strace: only the service is connected to, and nothing of the user's own settings is read"""
    if subprocess.run(["sh", "-c", "command -v strace"], stdout=subprocess.DEVNULL, check=False).returncode != 0:
        t.skip("no strace")
    place = Place(t)
    log = t.path("calls")
    env = {**place.home("codex", "ok"), **{k: v for k, v in place.home("pi", "ok").items() if k.startswith("PI_")}}
    place.agent("one", "backend: codex\n")
    place.agent("two", "backend: pi\n")
    run = t.start("strace", "-f", "-qq", "--seccomp-bpf", "-s", "512", "-o", log, "-e", "signal=none", "-e",
                  "trace=connect,sendto,sendmsg,sendmmsg,open,openat", "pollard", "run", "-j", "2", "-k", env=env,
                  input="".join(json.dumps({**item(n), "agent": n}) + "\n" for n in ("one", "two")))
    t.equal(run.expect(0, t.limit).out, f"{ANSWER}\n{ANSWER}\n")
    with open(log, encoding="utf-8", errors="replace") as f:
        calls = [line for line in f if CALL.match(line)]
    internet = [line for line in calls if INET.search(line)]
    strange = [line for line in internet
               if not LOOPBACK.search(line) or int(INET.search(line).group(1)) != place.port]
    t.equal(strange, [], "addresses that are not the service's")
    t.check(len(internet) >= 2, "no connection was seen")
    is_hidden = hidden_places()
    opened = [found.group(1) for found in map(OPENED.search, calls) if found]
    t.check(len(opened) > 100, "no file was seen")
    t.equal([path for path in opened if is_hidden(path)], [], "files of the user")


for _test in (test_answer, test_answer_alone, test_long_answer, test_rate_limit, test_rate_limit_hint,
              test_rate_limit_of_one, test_service_broken, test_service_busy, test_refined_in_session, test_hang,
              test_hang_in_answer, test_denied, test_denied_with_status_zero, test_context_full, test_eight_codex,
              test_eight_codex_private, test_eight_pi, test_eight_pi_private, test_ladder_some, test_ladder_all, test_answer_about_limits,
              test_interrupted, test_killed, test_nothing_but_loopback):
    _test.limit = 90
