"""The recovery ladder (spec chapter 4), read from the journal: what was attempted when, in which order,
and never beside what. No client is needed: the agent is a program that does what the task's id says."""

import os
import re

# "two" fails twice, "never" always; whatever the id, each attempt keeps what it was asked.
AGENT = """---
name: worker
command: sh agent.sh {task}
%s---
You do as you are told.
"""
PROGRAM = r"""
mkdir -p asked
cat > "asked/$1.$POLLARD_ATTEMPT"
if [ -n "$POLLARD_LAST_ERROR" ]; then cat "$POLLARD_LAST_ERROR" > "asked/$1.$POLLARD_ATTEMPT.error"; fi
case $1 in
once*) fails=1 ;;
twice*) fails=2 ;;
never*) fails=1000 ;;
*) fails=0 ;;
esac
if [ "$POLLARD_ATTEMPT" -le "$fails" ]; then
	echo "working on $1"
	echo "cannot find $1, attempt $POLLARD_ATTEMPT" >&2
	exit 3
fi
echo "done with $1"
"""


def prepare(t, front=""):
    t.write(".pollard/agents/worker.md", AGENT % front)
    t.write("agent.sh", PROGRAM)


def tasks(*items):
    """A list of agent tasks: an id, or (id, more members)."""
    import json
    lines = []
    for item in items:
        name, more = item if isinstance(item, tuple) else (item, {})
        lines.append(json.dumps({"id": name, "agent": "worker", "prompt": f"Do {name}", **more}))
    return "\n".join(lines) + "\n"


def sequence(t):
    """["+id.attempt@level", "-id.attempt", ...]: starts and ends in the order of the journal."""
    out = []
    for r in t.journal():
        if r["event"] == "attempt-started":
            out.append(f"+{r['task']}.{r['attempt']}@{r['level']}")
        elif r["event"] == "attempt-finished":
            out.append(f"-{r['task']}.{r['attempt']}")
    return out


def beside(t):
    """The pairs of attempts that overlapped, as {("a.1", "b.1"), ...} in order of their names."""
    running, pairs = set(), set()
    for word in sequence(t):
        name = word[1:].split("@")[0]
        if word[0] == "+":
            pairs |= {tuple(sorted((name, other))) for other in running}
            running.add(name)
        else:
            running.discard(name)
    return pairs


def retries(t):
    """The attempts after the first ones, in order, with their ends."""
    return [w for w in sequence(t) if not re.match(r"[+-][^.]*\.1(@|$)", w)]


def finished(t):
    return {r["task"]: (r["status"], r["attempts"], r["level"]) for r in t.events("task-finished")}


def run(t, text, *options, status, jobs="4"):
    return t.run("pollard", "run", "-j", jobs, "-o", "none", "--progress", "none", *options,
                 input=text, status=status)


def test_scenario_1_success(t):
    """scenario 1: one of several fails, is retried refined at level 1, succeeds, and the outcome is computed afresh"""
    prepare(t)
    run(t, tasks("a", "once", "b"), status=0)
    t.equal(retries(t), ["+once.2@1", "-once.2"])
    t.equal(finished(t), {"a": ("succeeded", 1, 0), "b": ("succeeded", 1, 0), "once": ("succeeded", 2, 1)})
    t.equal([(r["level"], r["text"]) for r in t.events("recovery")],
            [(1, "once retried once, refined: succeeded")])
    t.equal([r["outcome"] for r in t.events("step-finished")], ["all"])


def test_scenario_1_failure(t):
    """scenario 1: it fails again, others succeeded: go on without it, partial"""
    prepare(t)
    run(t, tasks("a", "never", "b"), status=1)
    t.equal(retries(t), ["+never.2@1", "-never.2"])
    t.equal(finished(t)["never"], ("failed", 2, 1))
    t.equal([r["text"] for r in t.events("recovery")], ["never retried once, refined: failed again"])
    t.equal([r["outcome"] for r in t.events("step-finished")], ["partial"])
    t.equal(t.events("escalated"), [])


def test_scenario_1_alone(t):
    """scenario 1: alone in its step and failing to the end: escalated, exit 2"""
    prepare(t)
    run(t, tasks("never"), "-r", "2", status=2)
    t.equal(sequence(t), ["+never.1@0", "-never.1", "+never.2@1", "-never.2", "+never.3@1", "-never.3"])
    t.equal(len(t.events("escalated")), 1)
    t.equal([r["text"] for r in t.events("recovery")],
            ["never retried 2 times, refined: failed again; the debugger: 1 task: exit 3: cannot find never, attempt 3"])


def test_ladder_waits(t):
    """the ladder begins when every task of the step has ended, not when one fails"""
    prepare(t)
    t.write("gate.sh", "echo > started; while [ ! -e go ]; do sleep 0.01; done\n")
    text = tasks("once") + '{"id":"slow","run":["sh","gate.sh"]}\n'
    p = t.start("pollard", "run", "-o", "none", "--progress", "none", input=text)
    t.wait_event("attempt-finished", task="once")
    t.wait_file("started")
    t.check(not any(r["event"] == "attempt-started" and r["attempt"] > 1 for r in t.journal(partial=True)),
            "retried while another task of the step was running")
    t.write("go", "")
    p.expect(0)
    words = sequence(t)
    t.check(words.index("-slow.1") < words.index("+once.2@1"), f"retried before slow ended: {words}")


def test_scenario_2(t):
    """scenario 2 without a debugger: several fail, others succeeded: retried one after another in the order of the list, at level 2"""
    prepare(t)
    run(t, tasks("never1", "a", "once1", "twice", "once2"), "-r", "2", "--debugger", "none", status=1)
    t.equal(retries(t), [
        "+never1.2@2", "-never1.2", "+never1.3@2", "-never1.3",
        "+once1.2@2", "-once1.2",
        "+twice.2@2", "-twice.2", "+twice.3@2", "-twice.3",
        "+once2.2@2", "-once2.2"])
    t.check(not any(".2" in a or ".2" in b for a, b in beside(t)), "retries overlapped")
    t.equal([(r["level"], r["text"]) for r in t.events("recovery")],
            [(2, "never1, once1, twice, once2 retried one after another, refined: 3 of 4 succeeded")])


def test_first_attempts_overlap(t):
    """the first attempts run side by side, as many as --jobs and never more"""
    # each waits until all of its wave are there: were they one after another, none would end
    t.write("wave.sh", "echo > here.$1; while [ $(ls here.* | wc -l) -lt 3 ]; do sleep 0.01; done\n")
    t.run("pollard", "run", "-j", "3", "-o", "none", "--progress", "none", "--", "sh", "wave.sh",
          input="a\nb\nc\nd\ne\n")
    running = most = 0
    for word in sequence(t):
        running += 1 if word[0] == "+" else -1
        most = max(most, running)
    t.equal(most, 3, "most at once")


def test_scenario_3_canary_fails(t):
    """scenario 3 without a debugger: all fail: the first is the canary; it fails again, so the rest is not tried; escalated, exit 2"""
    prepare(t)
    run(t, tasks("never1", "once", "never2"), "--debugger", "none", status=2)
    t.equal(retries(t), ["+never1.2@3", "-never1.2"])
    t.equal(finished(t), {"never1": ("failed", 2, 3), "once": ("failed", 1, 0), "never2": ("failed", 1, 0)})
    t.equal([(r["level"], r["text"]) for r in t.events("recovery")],
            [(3, "never1, once, never2 retried one after another, refined: the first failed again, the rest "
                 "was not tried")])
    t.equal(len(t.events("escalated")), 1)


def test_scenario_3_canary_lives(t):
    """scenario 3: the canary succeeds: the rest follows, one after another, each up to its retries"""
    prepare(t)
    run(t, tasks("once1", "never", "once2"), status=1)
    t.equal(retries(t), ["+once1.2@3", "-once1.2", "+never.2@3", "-never.2", "+once2.2@3", "-once2.2"])
    t.equal([r["outcome"] for r in t.events("step-finished")], ["partial"])


def test_scenario_3_canary_retries(t):
    """scenario 3: the canary has all its retries before it has failed"""
    prepare(t)
    run(t, tasks("twice", "once"), "-r", "2", status=0)
    t.equal(retries(t), ["+twice.2@3", "-twice.2", "+twice.3@3", "-twice.3", "+once.2@3", "-once.2"])


def test_no_retries(t):
    """with no retries nothing is attempted again: with nobody to ask no recovery is told, else what was found"""
    prepare(t)
    run(t, tasks("once", "a", "never"), "-r", "0", "--debugger", "none", status=1)
    t.equal(retries(t), [])
    t.equal(t.events("recovery"), [])
    run(t, tasks("once", "a", "never"), "-r", "0", status=1)
    t.equal(retries(t), [])
    t.equal([r["valid"] for r in t.events("verdict")], [True])
    t.equal(len(t.events("recovery")), 1)
    t.matches(t.events("recovery")[0]["text"], r"^independent: 2 tasks \(once, never\): .*; not retried$")


def test_debugger_none(t):
    """--debugger none: nobody is asked, scenario 2 retries one after another"""
    prepare(t)
    run(t, tasks("once1", "a", "once2"), "--debugger", "none", status=0)
    t.equal(retries(t), ["+once1.2@2", "-once1.2", "+once2.2@2", "-once2.2"])
    t.equal(t.events("verdict"), [])


def test_mixed_retryable(t):
    """what may not be retried counts for the scenario, but only the others are attempted again"""
    prepare(t)
    text = tasks("a", "once") + '{"id":"gone","run":["./no-such-program"],"retries":3}\n'
    run(t, text, status=1)
    t.equal(retries(t), ["+once.2@2", "-once.2"])
    t.equal(finished(t)["gone"], ("failed", 1, 0))


def test_succeeded_never_again(t):
    """a task that succeeded is never attempted again"""
    prepare(t)
    run(t, tasks("a", "once", "b", "never", "c"), "-r", "3", status=1)
    counts = {name: value[1] for name, value in finished(t).items()}
    t.equal(counts, {"a": 1, "b": 1, "c": 1, "once": 2, "never": 4})


def test_attempts_bound(t):
    """a task is attempted at most 1 + retries times, whatever the level"""
    prepare(t)
    for count in (1, 2, 3):
        run(t, tasks(*[f"never{i}" for i in range(count)]), "-r", "2", status=2)
        for r in t.events("task-finished"):
            t.check(r["attempts"] <= 3, f"{r['attempts']} attempts")


def test_needs_revived(t):
    """needs: a task whose need failed waits for the ladder; what is revived lets it run"""
    prepare(t)
    run(t, tasks("once", ("after", {"needs": ["once"]}), "b"), status=0)
    words = sequence(t)
    t.equal(words[-4:], ["+once.2@1", "-once.2", "+after.1@0", "-after.1"])
    t.equal(finished(t)["after"], ("succeeded", 1, 0))


def test_needs_not_revived(t):
    """needs: not revived: skipped, naming the failed task, and no failure for the ladder"""
    prepare(t)
    run(t, tasks("never", ("after", {"needs": ["never"]}), "b"), status=1)
    t.equal(finished(t)["after"], ("skipped", 0, 0))
    after = [r for r in t.events("task-finished") if r["task"] == "after"][0]
    t.equal((after["reason"], after["error"]), ("needs", "needs never, which did not succeed"))
    t.equal([r["level"] for r in t.events("recovery")], [1])


def test_ladder_twice(t):
    """needs: the ladder is entered once more for what fails only after the revival, and not a third time"""
    prepare(t)
    chain = tasks("once1", ("once2", {"needs": ["once1"]}), ("once3", {"needs": ["once2"]}),
                  ("last", {"needs": ["once3"]}), "a")
    run(t, chain, status=1)
    t.equal([(r["level"], r["text"].split()[0]) for r in t.events("recovery")], [(1, "once1"), (1, "once2")])
    t.equal(finished(t), {"a": ("succeeded", 1, 0), "once1": ("succeeded", 2, 1), "once2": ("succeeded", 2, 1),
                          "once3": ("failed", 1, 0), "last": ("skipped", 0, 0)})


def test_fail_fast(t):
    """--fail-fast: retries follow at once, beside the others; after the last one nothing more starts"""
    prepare(t)
    t.write("gate.sh", 'until grep -q "\\"task-finished\\",\\"step\\":\\"1\\",\\"task\\":\\"never\\"" '
                       '"$POLLARD_STATE_DIR/runs/$POLLARD_RUN/journal.jsonl"; do sleep 0.01; done\n')
    text = tasks("never") + '{"id":"slow","run":["sh","gate.sh"]}\n' + tasks("late")
    run(t, text, "--fail-fast", "-r", "2", status=1, jobs="2")
    words = sequence(t)
    t.check(words.index("-never.3") < words.index("-slow.1"), f"did not retry at once: {words}")
    t.equal(finished(t), {"never": ("failed", 3, 1), "slow": ("succeeded", 1, 0), "late": ("skipped", 0, 0)})
    t.equal([r["reason"] for r in t.events("task-finished") if r["task"] == "late"], ["fail-fast"])
    t.equal(t.events("recovery"), [])


def test_refined_prompt(t):
    """refinement of a prompt: the prompt, what happened, fenced, the number of the attempt, the request to narrow it"""
    prepare(t)
    run(t, tasks("a", "once"), status=0)
    t.equal(t.read("asked/once.1").rstrip("\n"), "You do as you are told.\n\nDo once")
    second = t.read("asked/once.2")
    t.check(second.startswith("You do as you are told.\n\nDo once\n"), second)
    t.contains(second, "attempt 2")
    t.contains(second, "exit 3")
    t.contains(second, "cannot find once, attempt 1\n")
    t.contains(second, "Narrow the scope")
    mark = t.matches(second, r"^<<<(DATA-[0-9a-f]{16})$").group(1)
    t.matches(second, rf"^{mark}>>>$")


def test_fence_cannot_be_guessed(t):
    """refinement: the fence is another one in each run, so that output cannot end it"""
    prepare(t)
    marks = set()
    for _ in range(2):
        run(t, tasks("a", "once"), status=0)
        marks.add(t.matches(t.read("asked/once.2"), r"^<<<(DATA-\w+)$").group(1))
    t.equal(len(marks), 2, "fences of two runs")


def test_refine_template(t):
    """refinement: the task's own template instead, with what it names, read once and never as a template again"""
    prepare(t)
    refine = "Again, number ${{ attempt.number }}: ${{attempt.error}}\n${{ attempt.tail }}literal $${{ attempt.number }}"
    run(t, tasks("a", ("once", {"refine": refine})), status=0)
    got = t.read("asked/once.2")
    t.matches(got, r"\AYou do as you are told\.\n\nAgain, number 2: exit 3\n<<<(DATA-\w+)\ncannot find once, attempt 1\n"
              r"\1>>>\nliteral \$\{\{ attempt\.number \}\}\n?\Z")


def test_refine_unknown_name(t):
    """refinement: an unknown name in a template is an error before anything starts"""
    prepare(t)
    p = run(t, tasks("a", ("once", {"refine": "${{ attempt.nmber }}"})), status=65)
    t.contains(p.err, "attempt.nmber")
    t.check(not os.path.exists(t.path("asked")), "something was run")


def test_tail_is_data(t):
    """refinement: template marks in what a task printed are not read as templates"""
    t.write(".pollard/agents/evil.md", "---\nname: evil\ncommand: sh evil.sh\n---\n")
    t.write("evil.sh", "cat > asked.$POLLARD_ATTEMPT; echo '${{ attempt.number }} $${{ x' >&2\n"
                       "[ $POLLARD_ATTEMPT = 2 ] && echo fine\nexit $((2 - POLLARD_ATTEMPT))\n")
    run(t, '{"id":"x","agent":"evil","prompt":"p","refine":"<${{ attempt.tail }}>"}\n', status=0)
    t.contains(t.read("asked.2"), "${{ attempt.number }} $${{ x\n")


def test_command_environment(t):
    """refinement of a command: the same one, with POLLARD_ATTEMPT and POLLARD_LAST_ERROR (a file)"""
    t.write("try.sh", 'echo "$POLLARD_ATTEMPT ${POLLARD_LAST_ERROR:-none} $*" >> log\n'
                      'if [ -n "$POLLARD_LAST_ERROR" ]; then cat "$POLLARD_LAST_ERROR" > last; fi\n'
                      'echo "table is locked" >&2; [ "$POLLARD_ATTEMPT" = 2 ]\n')
    t.run("pollard", "run", "-r", "1", "-o", "none", "--progress", "none", "--", "sh", "try.sh",
          input="word\n")
    t.equal(t.read("log").count("\n"), 2, "lines")
    first, second = t.read("log").splitlines()
    t.equal(first, "1 none word")
    t.matches(second, r"^2 /\S+ word$")
    t.equal(t.read("last"), "exit 1\ntable is locked\n")


def starts_and_ends(t):
    """{attempt: (started, finished)} of the only task, in seconds."""
    from datetime import datetime
    read = lambda text: datetime.fromisoformat(text.replace("Z", "+00:00")).timestamp()  # noqa: E731
    return {r["attempt"]: (read(r["started"]), read(r["finished"])) for r in t.events("attempt-finished")}


def test_pauses(t):
    """a command's retries pause, from 0.5 to 1 s before the first and twice that before the second; an agent's do not"""
    t.run("pollard", "run", "-r", "2", "-o", "none", "--progress", "none", "--", "misbehave", "exit",
          input="3\n", status=2)
    times = starts_and_ends(t)
    # Only the lower bounds: on a loaded machine anything takes longer. A clock of milliseconds rounds.
    t.check(times[2][0] - times[1][1] >= 0.495, f"first pause {times[2][0] - times[1][1]}")
    t.check(times[3][0] - times[2][1] >= 0.995, f"second pause {times[3][0] - times[2][1]}")


def test_interrupted_ladder(t):
    """a signal during a retry's pause: the task stays failed with what is known of it, nothing more starts"""
    p = t.start("pollard", "run", "-r", "5", "--progress", "none", "--", "misbehave", "fail", "3",
                input="a-message\n")
    t.wait_event("attempt-finished")
    p.kill()
    p.expect(-15)
    finals = t.events("task-finished")
    t.equal([(r["status"], r["reason"], r["error"]) for r in finals], [("failed", "exit", "exit 3")])
    t.equal([r["signal"] for r in t.events("run-finished")], ["SIGTERM"])


def test_signal_with_failure(t):
    """a failure and a signal that are seen in one turn: the result is neither lost nor empty"""
    import signal
    t.write("gate.sh", "echo $$ > pid.$1; while [ ! -e go ]; do sleep 0.01; done; echo said; echo why >&2; exit 3\n")
    p = t.start("pollard", "run", "-r", "1", "--progress", "none", "--", "sh", "gate.sh", input="a\nb\n")
    t.wait_file("pid.a")
    t.wait_file("pid.b")
    workers = [pid for pid, _ in p.descendants()]
    p.kill(signal.SIGSTOP)
    t.write("go", "")
    # the workers have nothing more to do than to end, and stay as zombies until they are waited for
    t.wait_for(lambda: not p.descendants(), "workers to end")
    t.check(workers, "no workers")
    p.kill(signal.SIGTERM)
    p.kill(signal.SIGCONT)
    p.expect(-15)
    t.equal(sorted((r["task"], r["status"], r["error"]) for r in t.events("task-finished")),
            [("1", "failed", "exit 3"), ("2", "failed", "exit 3")])
    t.equal(p.out, "said\nsaid\n")
    t.equal(p.err.count("    | why\n"), 2, "evidence shown")


def test_stop_during_retry(t):
    """a signal while a retry runs: that attempt is cancelled, and so is the task"""
    prepare(t)
    t.write("agent.sh", 'cat > /dev/null\n[ "$POLLARD_ATTEMPT" = 1 ] && exit 3\necho > second\nexec misbehave hang\n')
    p = t.start("pollard", "run", "-o", "none", "--progress", "none", input=tasks("x"))
    t.wait_file("second")
    p.kill()
    p.expect(-15)
    t.equal([(r["status"], r["reason"]) for r in t.events("task-finished")], [("cancelled", "interrupted")])


def test_delay_and_order(t):
    """-j 1 runs in the order of the list, needs last"""
    prepare(t)
    run(t, tasks(("a", {"needs": ["c"]}), "b", "c", ("d", {"priority": 5})), status=0, jobs="1")
    t.equal([w for w in sequence(t) if w[0] == "+"], ["+d.1@0", "+b.1@0", "+c.1@0", "+a.1@0"])


def test_commands_not_refined(t):
    """a command is repeated as it is, and nobody says that it was refined"""
    r = t.run("pollard", "run", "--shell", "-r", "1", "-o", "none", input="true\n[ $POLLARD_ATTEMPT = 2 ]\n")
    t.contains(r.err, "recovery, level 1: task 2 retried once: succeeded\n")
    t.check("refined" not in r.err + t.read(t.run_dir() + "/journal.jsonl"), r.err)


def test_refused_credentials(t):
    """level 2: credentials that are refused cannot be retried, though a retry was left: a person must decide, 3"""
    t.write(".pollard/agents/asker.md", "---\nname: asker\n---\nYou ask.\n")
    t.write("bin/claude", """#!/bin/sh
case "$*$(cat)" in
*AUTH*) echo '{"type":"result","is_error":true,"result":"API Error: 401 {\\"type\\":\\"authentication_error\\"}"}'; exit 1 ;;
*) echo '{"type":"result","subtype":"success","is_error":false,"result":"done"}' ;;
esac
""")
    os.chmod(t.path("bin/claude"), 0o755)
    lines = "".join('{"id":"%s","agent":"asker","prompt":"%s"}\n' % x for x in (("a", "do"), ("b", "AUTH"), ("c", "AUTH")))
    env = {"PATH": t.path("bin") + ":" + t.env["PATH"]}
    for retries, status in (("1", 3), ("0", 1)):
        t.run("pollard", "run", "-j", "1", "-o", "none", "--backend", "claude", "-r", retries, input=lines, env=env,
              status=status)
        t.equal({r["task"]: r["status"] for r in t.events("task-finished")},
                {"a": "succeeded", "b": "failed", "c": "failed"})
        t.equal([r["verdict"]["strategy"] for r in t.events("verdict")], ["stop"])
        t.equal(os.path.exists(t.run_dir() + "/ESCALATION.md"), status == 3)


def test_time_with_grace(t):
    """the built-in debugger speaks of the time limit, and not of the grace that came after it"""
    r = t.run("pollard", "run", "--shell", "-r", "0", "-t", "0.3", "--grace", "0.7", "-o", "none",
              input="trap '' TERM; while :; do sleep 0.05; done\n", status=2)
    t.equal(set(re.findall(r"timed out after ([0-9.]+s)", r.err)), {"0.3s"})


# The order of precedence of exit statuses.

def test_signal_before_trouble(t):
    """exit status: a signal stands before 74"""
    t.write("gate.sh", "echo out; [ $1 = a ] || { echo > started; exec misbehave hang; }\n")
    with open("/dev/full", "wb") as full:
        p = t.start("pollard", "run", "-j", "2", "--progress", "none", "--", "sh", "gate.sh", input="a\nb\n",
                    stdout=full)
    t.wait_file("started")
    t.wait_for(lambda: "cannot write to standard output" in p.err, "the message")
    p.kill()
    p.expect(-15)


def test_signal_before_success(t):
    """exit status: a signal stands before 0, also when the requirement was met"""
    t.write("gate.sh", "[ $1 = a ] || { echo > started; exec misbehave hang; }\n")
    p = t.start("pollard", "run", "-j", "2", "-o", "none", "--progress", "none", "--require", "1", "--", "sh", "gate.sh",
                input="a\nb\n")
    t.wait_file("started")
    t.wait_event("task-finished", task="1")
    p.kill()
    p.expect(-15)
    t.matches(p.err, r"\Apollard: PARTIAL 1/2, interrupted by SIGTERM$")


def test_require_and_recovery(t):
    """--require is asked after recovery, not before it"""
    prepare(t)
    run(t, tasks("a", "once1", "once2", "never"), "--require", "75%", status=0)
    run(t, tasks("a", "once1", "never1", "never2"), "--require", "3", status=1)
    run(t, tasks("a", "once1", "never1", "never2"), "--require", "partial", status=0)


def test_escalated(t):
    """a step of outcome none is escalated whatever is required, one of outcome partial is not"""
    prepare(t)
    run(t, tasks("a", "never"), "--require", "partial", status=0)
    t.equal(t.events("escalated"), [])
    run(t, tasks("never1", "never2"), "--require", "partial", status=2)
    t.equal([r["reason"] for r in t.events("escalated")],
            ["no task succeeded; retries did not help: 2 tasks: exit 3: cannot find never1, attempt 1"])
    run(t, tasks("never1", "never2"), "--require", "partial", "--debugger", "none", status=2)
    t.equal([r["reason"] for r in t.events("escalated")], ["no task succeeded; retries did not help"])
