"""Backends (chapter 7): which client an agent is asked by, what it is started with, what is said when it cannot be.

The clients here are scripts of these names that write down what they were given and answer in the client's own words.
"""

import json
import os
import signal

# Writes its words, one a line, and its standard input to files; what it says is what the client would.
FAKE = """#!/bin/sh
if [ "$1" = --version ]; then echo "NAME 9.8.7"; exit 0; fi
printf '%%s\\n' "$@" > "$PLACE/NAME.$POLLARD_TASK.words"
cat > "$PLACE/NAME.$POLLARD_TASK.input"
env | grep -E '^(OPENCODE_PERMISSION|TMPDIR)=' > "$PLACE/NAME.$POLLARD_TASK.env"
%s
"""

USAGE = '"usage":{"input_tokens":10,"output_tokens":5}'
PI_MESSAGE = ('{"role":"assistant","content":[{"type":"text","text":"from NAME"}],'
              '"usage":{"input":10,"output":5,"cost":{"total":0.5}},"stopReason":"stop"}')
CLAUDE = ('{"type":"system","subtype":"init","session_id":"s-1"}',
          '{"type":"result","subtype":"success","is_error":false,"result":"from NAME","session_id":"s-1",'
          '"total_cost_usd":0.5,' + USAGE + '}')
ANSWERS = {
    "claude": CLAUDE,
    "qwen": CLAUDE,
    "codex": ('{"type":"thread.started","thread_id":"t-1"}',
              '{"type":"item.completed","item":{"id":"i","type":"agent_message","text":"from NAME"}}',
              '{"type":"turn.completed",' + USAGE + '}'),
    "gemini": ('{"type":"init","session_id":"g-1","model":"m"}',
               '{"type":"message","role":"assistant","content":"from NAME","delta":true}',
               '{"type":"result","status":"success","stats":{"total_tokens":15,"input_tokens":10,"output_tokens":5}}'),
    "opencode": ('{"type":"step_start","sessionID":"ses_1","part":{"type":"step-start"}}',
                 '{"type":"text","sessionID":"ses_1","part":{"type":"text","text":"from NAME"}}',
                 '{"type":"step_finish","sessionID":"ses_1","part":{"type":"step-finish","reason":"stop",'
                 '"tokens":{"input":10,"output":5},"cost":0.5}}'),
    "pi": ('{"type":"session","id":"p-1"}',
           '{"type":"message_end","message":' + PI_MESSAGE + '}',
           '{"type":"agent_end","messages":[' + PI_MESSAGE + ']}'),
}

READER = "---\nname: reader\ndescription: reads\ntools: Read, Grep\nmodel: sonnet\n---\nYou read.\n"
WRITER = "---\nname: writer\ndescription: writes\ntools: Read, Write, Bash\n---\nYou write.\n"


def path_of(t, *names):
    """A PATH with these clients, and of others only what tests need."""
    for name in names:
        events = "\n".join("echo '%s'" % line for line in ANSWERS.get(name, ("from NAME",)))
        t.write("bin/" + name, (FAKE % events).replace("NAME", name), 0o755)
    return {"PATH": t.path("bin") + ":" + t.env["PATH"], "PLACE": t.path("."), "POLLARD_BACKEND": None}


def agents(t):
    t.write(".pollard/agents/reader.md", READER)
    t.write(".pollard/agents/writer.md", WRITER)


def words(t, client, task="1"):
    return t.read("%s.%s.words" % (client, task)).splitlines()


def run(t, *options, clients=("codex",), input="reader: do it\n", env=None, **more):
    return t.run("pollard", "run", "--progress", "none", *options, input=input,
                 env={**path_of(t, *clients), **(env or {})}, **more)


def test_first_on_path(t):
    """without a backend the first client on PATH is taken, in the order of the table"""
    agents(t)
    for clients, first in ((("pi", "qwen"), "pi"), (("codex",), "codex"), (("claude",), "claude")):
        r = run(t, clients=clients)
        t.equal(r.out, "from %s\n" % first, "the answer")
    t.check(not os.path.exists(t.path("qwen.1.words")), "another one was started")


def test_prompt_is_no_word(t):
    """every client gets the prompt on standard input or in a file, never as a word"""
    agents(t)
    for name in ANSWERS:
        r = run(t, "--backend", name, clients=(name,), input="reader: the secret plan\n")
        t.equal(r.out, "from %s\n" % name, "the answer of " + name)
        t.check(not any("secret" in w for w in words(t, name)), "the words of " + name)
        t.contains(t.read(name + ".1.input"), "the secret plan")


def test_system_prompt(t):
    """the system prompt goes into a file where the client takes one, else before the prompt"""
    agents(t)
    run(t, clients=("codex",))
    t.equal(t.read("codex.1.input").rstrip(), "You read.\n\ndo it", "standard input of codex")
    run(t, "--backend", "claude", clients=("claude",))
    t.equal(t.read("claude.1.input").rstrip(), "do it", "standard input of claude")
    t.contains(" ".join(words(t, "claude")), "--append-system-prompt-file /")


def test_model(t):
    """a model's name goes to clients that know it, and to no other"""
    agents(t)
    run(t, clients=("claude",))
    w = words(t, "claude")
    t.equal(w[w.index("--model") + 1], "sonnet", "the model of claude")
    run(t, "--backend", "codex", clients=("codex",))
    t.check("-m" not in words(t, "codex"), "codex got a model that it does not have")
    r = t.run("pollard", "agents", "--backend", "codex", "reader", env=path_of(t, "codex"))
    t.matches(r.out, r"left out: +its model")


def test_access(t):
    """what an agent may do follows its file and the task's `writes`, and checks stay on"""
    agents(t)
    tasks = ('{"id":"a","agent":"reader","prompt":"x"}\n{"id":"b","agent":"writer","prompt":"x"}\n'
             '{"id":"c","agent":"reader","prompt":"x","writes":["src/**"]}\n')
    wanted = {
        "codex": ("-s read-only", "-s workspace-write"),
        "claude": ("--permission-mode default", "--permission-mode acceptEdits"),
        "gemini": ("--approval-mode default", "--approval-mode auto_edit"),
        "qwen": ("--approval-mode default", "--approval-mode auto-edit"),
    }
    for name, (read, write) in wanted.items():
        run(t, "--backend", name, clients=(name,), input=tasks)
        for task, access in (("a", read), ("b", write), ("c", write)):
            t.contains(" ".join(words(t, name, task)), access)
    run(t, "--backend", "pi", clients=("pi",), input=tasks)
    t.contains(" ".join(words(t, "pi", "a")), "--tools read,grep,find,ls")
    t.check("--tools" not in words(t, "pi", "b"), "a writer of pi is restricted")
    run(t, "--backend", "opencode", clients=("opencode",), input=tasks)
    t.contains(t.read("opencode.a.env"), 'OPENCODE_PERMISSION={"edit":"deny","bash":"deny"}')
    t.contains(t.read("opencode.b.env"), 'OPENCODE_PERMISSION={"edit":"allow"}')


def test_all_checks_off(t):
    """all checks are off only where the agent's file says so, and never with access: read"""
    t.write(".pollard/agents/free.md", "---\npermissionMode: bypassPermissions\n---\n")
    t.write(".pollard/agents/tame.md", "---\npermissionMode: bypassPermissions\naccess: read\n---\n")
    run(t, clients=("codex",), input="free: x\ntame: x\n")
    t.contains(" ".join(words(t, "codex", "1")), "-s danger-full-access")
    t.contains(" ".join(words(t, "codex", "2")), "-s read-only")


def test_precedence(t):
    """option and environment over the agent's file over pollard.yaml over PATH; a command over all"""
    agents(t)
    t.write(".pollard/agents/picky.md", "---\nbackend: pi\n---\n")
    t.write(".pollard/agents/own.md", "---\nbackend: pi\ncommand: echo mine\n---\n")
    everyone = ("claude", "codex", "pi", "qwen")
    tasks = "reader: x\npicky: x\nown: x\n"

    def answers(*options, **env):
        return run(t, "-k", *options, clients=everyone, input=tasks, env=env).out.split("\n")[:3]

    t.equal(answers(), ["from claude", "from pi", "mine"], "nothing said")
    t.write("pollard.yaml", "backend: qwen\n")
    t.equal(answers(), ["from qwen", "from pi", "mine"], "pollard.yaml")
    t.equal(answers(POLLARD_BACKEND="codex"), ["from codex", "from codex", "mine"], "the environment")
    t.equal(answers("--backend", "claude", POLLARD_BACKEND="codex"), ["from claude", "from claude", "mine"], "the option")


def test_unknown_backend(t):
    """an unknown backend is refused before anything starts, with what was meant"""
    agents(t)
    t.write(".pollard/agents/picky.md", "---\nbackend: gemni\n---\n")
    r = run(t, "--backend", "codx", status=78)
    t.contains(r.err, "option '--backend': no backend 'codx', did you mean 'codex'?")
    r = run(t, input='{"run":"touch ran"}\npicky: x\n', status=78)
    t.matches(r.err, r"agent 'picky' \(.*picky\.md\): no backend 'gemni', did you mean 'gemini'\?")
    t.write("pollard.yaml", "backend: claud\n")
    r = run(t, status=78)
    t.contains(r.err, "setting 'backend': no backend 'claud', did you mean 'claude'?")
    t.check(not os.path.exists(t.path("ran")), "something was started")


def bare(t):
    """A PATH on which there is no client."""
    os.makedirs(t.path("tools"), exist_ok=True)
    for name in ("sh", "cat", "touch", "true"):
        if not os.path.exists(t.path("tools", name)):
            os.symlink("/bin/" + name, t.path("tools", name))
    for folder in t.env["PATH"].split(":"):
        program = os.path.join(folder, "pollard")
        if os.path.exists(program):
            return program, {"PATH": t.path("tools")}
    raise AssertionError("no pollard")


def test_no_client(t):
    """with no client on PATH the run ends with 78 before anything starts, and says what to do"""
    agents(t)
    program, env = bare(t)
    r = t.run(program, "run", input='{"run":"touch ran"}\nreader: x\n', env=env, status=78)
    t.matches(r.err, r"agent 'reader' has no command, and none of 'claude', 'codex', .* is on PATH: install one "
                     r"\(npm install .*\), put 'command: PROGRAM' into .*reader\.md, or try with --rehearse")
    r = t.run(program, "run", "--backend", "codex", input="reader: x\n", env=env, status=78)
    t.contains(r.err, "option '--backend': 'codex' is not on PATH: install it (npm install -g @openai/codex)")
    t.check(not os.path.exists(t.path("ran")), "something was started")
    t.run(program, "run", "--rehearse", "-o", "none", input="reader: x\n", env=env)
    r = t.run(program, "plan", input="reader: x\n", env=env)
    t.matches(r.out, r"warning: agent 'reader' has no command, and none of")


def test_debugger_and_merger_are_checked(t):
    """the agents that merge and debug, and those of a foreach, are checked before anything starts too"""
    agents(t)
    program, env = bare(t)
    for options in (("--debugger", "reader"), ("--merge", "reader", "-o", "merged")):
        r = t.run(program, "run", "--shell", *options, input="touch ran\n", env=env, status=78)
        t.contains(r.err, "agent 'reader' has no command")
    t.write("flow.yaml", """version: 1
steps:
  - id: list
    run: touch ran; echo '{"items":[1]}'
    output: json
  - id: each
    foreach: { in: steps.list.result.items }
    task: { agent: reader, prompt: "look at ${{ item }}" }
""")
    r = t.run(program, "run", "-f", "flow.yaml", env=env, status=78)
    t.contains(r.err, "agent 'reader' has no command")
    t.check(not os.path.exists(t.path("ran")), "something was started")


def test_cron_names_it(t):
    """--cron takes no client by itself: it has to be named"""
    agents(t)
    t.write("list", "reader: x\n")
    r = run(t, "--cron", "--name", "n", "-f", "list", status=78)
    t.matches(r.err, r"agent 'reader' needs a backend, and with --cron it has to be named: --backend NAME")
    r = run(t, "--cron", "--name", "n", "-f", "list", "--backend", "codex")
    t.equal((r.out, r.err), ("", ""), "what was said")


def test_plan_says_it(t):
    """plan says which backend was chosen, why, and what each task may do"""
    agents(t)
    env = path_of(t, "codex")
    tasks = "reader: x\nwriter: y\n"
    r = t.run("pollard", "plan", input=tasks, env=env)
    t.contains(r.out, "backend: codex, the first client that is on PATH; --backend names another\n")
    t.contains(r.out, "agent reader (codex, read): codex exec --json --skip-git-repo-check -s read-only -\n")
    t.contains(r.out, "agent writer (codex, write): ")
    plan = json.loads(t.run("pollard", "plan", "-o", "json", input=tasks, env=env).out)
    t.equal((plan["backend"], plan["backend_found"]), ("codex", True), "the backend")
    t.equal([(k["backend"], k["access"]) for k in plan["steps"][0]["tasks"]], [("codex", "read"), ("codex", "write")],
            "the tasks")
    r = t.run("pollard", "plan", "--backend", "goose", input=tasks, env=path_of(t, "goose"))
    t.contains(r.out, "backend: goose\n")
    t.contains(r.out, "agent reader (goose, read, which it is not held to)")


def test_recorded_and_kept(t):
    """the backend is on record, and a resumed run goes on with it, whatever is on PATH then"""
    agents(t)
    env = path_of(t, "codex")
    good = t.read("bin/codex")
    t.write("bin/codex", "#!/bin/sh\ncat > /dev/null\nexit 3\n", 0o755)
    t.run("pollard", "run", "--progress", "none", "-r", "0", input="reader: x\n", env=env, status=2)
    started = t.events("run-started")[0]
    t.equal((started["backend"], started["options"]["backend"]), ("codex", "codex"), "on record")
    # it would be the first one now
    env = path_of(t, "claude")
    t.write("bin/codex", good, 0o755)
    r = t.run("pollard", "resume", "--retry-failed", "--progress", "none", env=env)
    t.equal(r.out, "from codex\n", "the answer")
    t.check(not os.path.exists(t.path("claude.1.words")), "claude was asked")


def test_resume_names_another(t):
    """resume --backend goes on with another client when the recorded one is gone"""
    agents(t)
    env = path_of(t, "codex")
    t.write("bin/codex", "#!/bin/sh\ncat > /dev/null\nexit 3\n", 0o755)
    t.run("pollard", "run", "--progress", "none", "-r", "0", input="reader: x\n", env=env, status=2)
    os.unlink(t.path("bin/codex"))
    env = path_of(t, "pi")
    r = t.run("pollard", "resume", "--retry-failed", "--progress", "none", env=env, status=78)
    t.contains(r.err, "'codex' is not on PATH")
    r = t.run("pollard", "resume", "--retry-failed", "--progress", "none", "--backend", "pi", env=env)
    t.equal(r.out, "from pi\n", "the answer")


def test_budget_that_cannot_be_kept(t):
    """a budget whose spending the client does not tell is warned about, in plan and run"""
    agents(t)
    warning = "warning: the budget of US dollars cannot be kept: codex does not tell what it costs"
    r = run(t, "--budget-usd", "5")
    t.contains(r.err, warning)
    r = t.run("pollard", "plan", "--budget-usd", "5", input="reader: x\n", env=path_of(t, "codex"))
    t.contains(r.out, warning)
    r = run(t, "--budget-usd", "5", "--budget-tokens", "1M", "--backend", "claude", clients=("claude",))
    t.check("budget" not in r.err, "claude tells both: " + r.err)
    t.write(".pollard/agents/own.md", "---\ncommand: cat\n---\n")
    # it could, on file descriptor 3
    r = run(t, "--budget-tokens", "1M", input="own: x\n")
    t.check("budget" not in r.err, "a command of its own may tell: " + r.err)


def test_stream(t):
    """in a stream an agent that cannot be reached is a failed task, and the others run"""
    agents(t)
    t.write(".pollard/agents/picky.md", "---\nbackend: gemni\n---\n")
    r = run(t, "--stream", "-k", input="picky: x\nreader: y\n", status=1)
    t.equal(r.out, "from codex\n", "the answers")
    t.contains(r.err, "no backend 'gemni'")


def test_agents_shows_it(t):
    """agents says how each is reached, word by word, and what is missing"""
    agents(t)
    env = path_of(t, "codex")
    r = t.run("pollard", "agents", env=env)
    t.matches(r.out, r"(?m)^reader .* codex exec --json --skip-git-repo-check -s read-only - +reads$")
    r = t.run("pollard", "agents", "writer", env=env)
    for line in (r"word 1: +codex\n", r"word 2: +exec\n", r"backend: +codex, the first client on PATH\n",
                 r"access: +write\n", r"system prompt: +before the prompt"):
        t.matches(r.out, line)
    program, env = bare(t)
    r = t.run(program, "agents", env=env)
    t.matches(r.out, r"(?m)^reader .* no client +reads$")
    t.matches(r.err, r"warning: \d+ agents have no client: ")
    r = t.run(program, "agents", "--backend", "codx", env=env, status=78)
    t.contains(r.err, "did you mean 'codex'?")


def test_agents_check(t):
    """agents --check asks each client for its version, and says what to install"""
    agents(t)
    t.write(".pollard/agents/own.md", "---\ncommand: no-such-tool --x\n---\n")
    env = path_of(t, "codex", "goose")
    r = t.run("pollard", "agents", "--check", env=env, status=78)
    t.matches(r.out, r"(?m)^codex +codex 9\.8\.7 \(for \d+ agents\)$")
    t.matches(r.out, r"(?m)^goose +goose 9\.8\.7$")
    t.matches(r.out, r"(?m)^qwen +not found: install with: npm install ")
    t.matches(r.out, r"(?m)^own +its command 'no-such-tool' is not found$")
    t.run("pollard", "agents", "--check", "reader", env=env)


def test_agents_check_has_a_limit(t):
    """agents --check waits for no client for ever, and leaves nothing of it behind"""
    agents(t)
    env = path_of(t)
    t.write("bin/codex", "#!/bin/sh\nsleep 1000 & cat > /dev/null; echo half; wait\n", 0o755)
    t.write("bin/pi", "#!/bin/sh\necho broken >&2; exit 3\n", 0o755)
    r = t.run("pollard", "agents", "--check", env=env, status=78, limit=25)
    t.matches(r.out, r"(?m)^codex +half; '--version' did not end in 10 s")
    t.matches(r.out, r"(?m)^pi +broken; '--version' failed: exit 3")


test_agents_check_has_a_limit.limit = 40


def test_agents_check_is_interrupted(t):
    """agents --check that is interrupted ends by that signal, and leaves nothing behind"""
    env = path_of(t)
    t.write("bin/codex", "#!/bin/sh\ntouch \"$PLACE/begun\"; sleep 1000 & wait\n", 0o755)
    check = t.start("pollard", "agents", "--check", env=env)
    t.wait_file("begun")
    check.kill(signal.SIGINT)
    check.expect(-signal.SIGINT)
