"""Adapters (chapter 7): what a client's own words make of an attempt.

The clients are scripts that print what real ones printed: the recordings of ../clients/recorded.
"""

import json
import os

REPLAY = """#!/bin/sh
cat > /dev/null
cat "$PLACE/$POLLARD_TASK.err" >&2
cat "$PLACE/$POLLARD_TASK.out"
exit $(cat "$PLACE/$POLLARD_TASK.status")
"""

AGENT = "---\nname: reader\ndescription: reads\ntools: Read\n---\nYou read.\n"
JSON_AGENT = "---\nname: reader\ndescription: reads\ntools: Read\noutput: json\n---\nYou read.\n"

OK = [
    # folder, client, tokens in and out
    ("claude", "claude", 1100, 50),
    ("claude-json", "claude", 1100, 50),
    ("codex", "codex", 1000, 50),
    ("gemini", "gemini", 1000, 50),
    ("gemini-json", "gemini", 1000, 60),
    ("opencode", "opencode", 1000, 50),
    ("pi", "pi", 1000, 50),
    ("qwen", "qwen", 2000, 100),
    ("qwen-json", "qwen", 2000, 100),
]

FAILED = [
    # folder, client, case, exit status, reason, in its error
    ("claude", "claude", "not-logged-in", 1, "auth", "Please run /login"),
    ("claude", "claude", "context", 1, "context", "Prompt is too long"),
    ("claude", "claude", "no-result", 0, "agent", "ended without a final event"),
    ("claude", "claude", "empty-result", 0, "agent", "empty answer"),
    ("claude", "claude", "budget", 0, "agent", "maximum budget"),
    ("codex", "codex", "401", 1, "auth", "Incorrect API key"),
    ("codex", "codex", "context", 1, "context", "ran out of room"),
    ("gemini", "gemini", "401", 145, "auth", "invalid authentication credentials"),
    ("gemini-json", "gemini", "context", 144, "context", "input token count"),
    ("opencode", "opencode", "401", 1, "auth", "Incorrect API key"),
    ("opencode", "opencode", "context", 1, "context", "maximum context length"),
    ("pi", "pi", "401", 0, "auth", "Incorrect API key"),
    ("pi", "pi", "500", 0, "agent", "The server had an error"),
    ("qwen", "qwen", "401", 0, "auth", "Incorrect API key"),
    ("qwen-json", "qwen", "context", 0, "context", "maximum context length"),
]


def recorded(t, folder, case, ending):
    with open(os.path.join(t.root, "tests/clients/recorded", folder, case + "." + ending), "rb") as f:
        return f.read()


def client(t, name, script=REPLAY):
    t.write("bin/" + name, script, 0o755)
    t.write(".pollard/agents/reader.md", AGENT)
    return {"PATH": t.path("bin") + ":" + t.env["PATH"], "PLACE": t.path("."), "POLLARD_BACKEND": name}


def replayed(t, folder, name, case, task="1"):
    """What the client prints in that task."""
    for ending in ("out", "err"):
        t.write(task + "." + ending, recorded(t, folder, case, ending))
    status = [line for line in recorded(t, folder, case, "exit").decode().splitlines() if line.startswith("status: ")]
    t.write(task + ".status", status[0].split()[1])
    return client(t, name)


def run(t, env, *options, status=None, input="reader: do it\n"):
    return t.run("pollard", "run", "--progress", "none", "--retries", "0", "--debugger", "none", *options,
                 input=input, env=env, status=status)


def result(t, env, *options):
    lines = run(t, env, "-o", "json", *options).out.splitlines()
    return json.loads(lines[0])


def test_answers(t):
    """the answer of each client is its text, and not its events; with its session and what it used"""
    for folder, name, tokens_in, tokens_out in OK:
        env = replayed(t, folder, name, "ok")
        got = result(t, env)
        t.equal((folder, got["status"], got["text"]), (folder, "succeeded", "The answer is 42."))
        t.equal(got["summary"], "The answer is 42.", folder + " summary")
        t.equal((got["usage"]["input_tokens"], got["usage"]["output_tokens"]), (tokens_in, tokens_out), folder)
        t.check(got["session"], folder + ": no session")
        t.equal(got["stdout"].encode(), recorded(t, folder, "ok", "out"), folder + " stdout")
        t.equal(run(t, env, status=0).out, "The answer is 42.\n", folder + " output")


def test_failures(t):
    """a failure is what the client says it is, whatever its exit status"""
    for folder, name, case, status, reason, words in FAILED:
        got = result(t, replayed(t, folder, name, case))
        t.equal((folder, case, got["status"], got["reason"]), (folder, case, "failed", reason))
        t.equal(got["exit"], status, folder + "/" + case + " exit")
        t.contains(got["error"], words, folder + "/" + case)
        if reason != "agent":
            t.check(got["error"].startswith(reason + ": "), got["error"])
        t.check('{"type"' not in got["summary"], got["summary"])


def test_reason_is_shown(t):
    """the state names the reason and what the client said, once"""
    env = replayed(t, "pi", "pi", "401")
    run(t, env)
    line = [line for line in t.state_md().splitlines() if "reader" in line and "Failed" in line][0]
    t.equal(line.count("Incorrect API key provided"), 1, line)
    t.contains(line, "auth: ")


def test_overload_without_end(t):
    """words about load alone, as codex has them for any failure of its service, are forgiven three times in a row"""
    env = replayed(t, "codex", "codex", "500")
    t.run("pollard", "run", "--progress", "none", "--retries", "0", "--debugger", "none", input="reader: do it\n",
          env=env, status=2, limit=60)
    t.equal([(a["reason"], a.get("forgiven", False)) for a in t.events("attempt-finished")],
            [("rate-limit", True)] * 3 + [("rate-limit", False)])


test_overload_without_end.limit = 60


ODD = [
    # what a client does, and its error
    ("", "ended without a final event"),
    ("head -c 100000 /dev/urandom", "ended without a final event"),
    ("yes 'no event at all' | head -c 20000000", "ended without a final event"),
    ("head -c 20000000 /dev/zero", "ended without a final event"),
    ("echo '{\"type\":\"system\",\"subtype\":\"init\",\"session_id\":\"s\"}'", "ended without a final event"),
    ("printf '{\"type\":\"result\",\"subtype\":\"success\",\"is_error\":false,\"result\":\"'; "
     "head -c 20000000 /dev/zero | tr '\\0' x; echo '\"}'",
     "ended without a final event that could be read: one was longer than 4 MiB"),
]


def test_odd_clients(t):
    """a client that prints nothing, noise, or more than is read, and ends with 0, has given no answer"""
    for script, error in ODD:
        env = client(t, "claude", "#!/bin/sh\ncat > /dev/null\n" + script + "\n")
        got = result(t, env)
        t.equal((got["status"], got["reason"], got["exit"], got["error"]), ("failed", "agent", 0, error), script)


def test_hangs_at_the_end(t):
    """a client that answers and does not end runs into its limit, and that it had answered is said"""
    script = """#!/bin/sh
cat > /dev/null
echo '{"type":"result","subtype":"success","is_error":false,"session_id":"s","result":"It is done."}'
exec sleep 60
"""
    tasks = [{"id": "a", "agent": "reader", "prompt": "x", "timeout": "4s"},
             {"id": "b", "agent": "reader", "prompt": "x", "idle_timeout": "4s"}]
    done = run(t, client(t, "claude", script), "-k", "-o", "json", input="".join(json.dumps(o) + "\n" for o in tasks))
    for got, reason in zip(map(json.loads, done.out.splitlines()), ("timeout", "idle-timeout")):
        t.equal((got["status"], got["reason"], got["text"]), ("failed", reason, "It is done."))
        t.equal(got["warning"], "the client had answered, and did not end")


def test_quota(t):
    """what is used up is told apart from what comes too fast"""
    got = result(t, replayed(t, "codex", "codex", "quota"), "--no-adapt")
    t.equal((got["status"], got["reason"]), ("failed", "quota"))


def test_review_of_limits(t):
    """an answer about rate limits, logins and contexts is an answer"""
    env = replayed(t, "claude", "claude", "ok-about-limits")
    t.write("1.err", "I read about 429 in the handler\n")
    got = result(t, env)
    t.equal(got["status"], "succeeded")
    t.contains(got["text"], "429")


def test_large_stream(t):
    """a stream that repeats its message for each word is read without being kept"""
    end = ('{"type":"message_end","message":{"role":"assistant","content":[{"type":"text","text":"done"}],'
           '"stopReason":"stop"}}\n{"type":"agent_end","messages":[]}\n')
    update = '{"type":"message_update","message":"' + 20000 * "x" + '"}\n'
    env = client(t, "pi")
    t.write("1.out", 1000 * update + end)
    t.write("1.err", "")
    t.write("1.status", "0")
    got = result(t, env)
    t.equal((got["status"], got["text"]), ("succeeded", "done"))
    t.equal(got["stdout_bytes"], 1000 * len(update) + len(end))


def test_live(t):
    """one after another: people see what the client says as it says it, and no events"""
    script = """#!/bin/sh
cat > /dev/null
echo '{"type":"item.completed","item":{"type":"agent_message","text":"I begin."}}'
: > "$PLACE/said"
until [ -e "$PLACE/go" ]; do sleep 0.05; done
echo '{"type":"item.completed","item":{"type":"agent_message","text":"It is done."}}'
echo '{"type":"turn.completed"}'
"""
    env = client(t, "codex", script)
    p = t.start("pollard", "run", "--progress", "none", "--sequential", "--idle-timeout", "20s", input="reader: do it\n", env=env)
    t.wait_for(lambda: p.out == "I begin.\n", "the first message")
    t.write("go", "")
    p.expect(0)
    t.equal(p.out, "I begin.\nIt is done.\n")


def test_limit_stands(t):
    """what pollard ended is a timeout, whatever the client said of its service before"""
    script = """#!/bin/sh
cat > /dev/null
echo '{"type":"error","message":"exceeded retry limit, last status: 429 Too Many Requests"}'
exec sleep 60
"""
    env = client(t, "codex", script)
    got = result(t, env, "--timeout", "0.5s", "--no-adapt")
    t.equal((got["status"], got["reason"]), ("failed", "timeout"))


def test_object(t):
    """where an object is asked for, it is looked for in what the client said"""
    env = client(t, "codex")
    t.write(".pollard/agents/reader.md", JSON_AGENT)
    t.write("1.err", "")
    t.write("1.status", "0")
    answer = "Here it is:\n```json\n{\"found\": 3}\n```\n"
    for said, status in ((answer, "succeeded"), ("no object", "failed")):
        t.write("1.out", json.dumps({"type": "item.completed", "item": {"type": "agent_message", "text": said}})
                + '\n{"type":"turn.completed"}\n')
        got = result(t, env)
        t.equal((got["status"], got["result"]), (status, {"found": 3} if status == "succeeded" else None))
    t.equal(got["reason"], "output")


def test_files(t):
    """files are looked for in the answer, and not in the events"""
    env = client(t, "codex")
    t.write("notes.txt", "x")
    t.write("other.txt", "x")
    t.write("1.err", "")
    t.write("1.status", "0")
    t.write("1.out", '{"type":"item.completed","item":{"type":"command_execution","command":"cat other.txt"}}\n'
            '{"type":"item.completed","item":{"type":"agent_message","text":"See notes.txt."}}\n'
            '{"type":"turn.completed"}\n')
    t.equal(result(t, env)["files"], ["notes.txt"])
