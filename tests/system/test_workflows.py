"""The workflows that ship. Each is rehearsed with every outcome and both branches of each `when`, and its
STATE.md is compared with tests/expected/workflows/NAME-CASE.md; then each is run for good with the example
agents in shared/examples/agents, in a small project of shell scripts.

POLLARD_TEST_WRITE=1 writes the expected files anew, for whoever then reads what has changed in them.
"""

import difflib
import json
import os
import re
import shutil

import harness

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
WORKFLOWS = os.path.join(ROOT, "shared", "workflows")
EXPECTED = os.path.join(ROOT, "tests", "expected", "workflows")
EXAMPLES = os.path.join(ROOT, "shared", "examples")

DEAD = {"fail": "the client died"}


def review(critical, *findings):
    return {"result": {"summary": f"{critical} critical", "critical": critical,
                       "findings": list(findings)}}


def plan(*items):
    return {"result": {"summary": f"{len(items)} items", "items": list(items)}}


def item(name, impact, **more):
    return {"id": name, "prompt": f"Implement {name} in src/{name}.c",
            "writes": [f"src/{name}.c"], "impact": impact, **more}


def proposal(impact, tokens):
    return {"result": {"summary": f"{impact} %", "impact": impact, "tokens": tokens,
                       "change": "less", "writes": ["a"]}}


THREE = plan(item("token", 5), item("login", 3), item("role", 9))
REVIEWS = ["review.quality", "review.security", "review.coverage"]
CLEAN = {name: review(0) for name in REVIEWS}
OPTIMIZATIONS = {"optimize.area1": proposal(10, 90000), "optimize.area2": proposal(60, 90000),
                 "optimize.area3": proposal(30, 90000)}
CHOSEN = plan(item("area1", 10, tokens=90000), item("area2", 60, tokens=90000),
              item("area3", 30, tokens="90k"))


def all_dead(step, *tasks):
    return {f"{step}.{task}": DEAD for task in tasks}


# (workflow, case): what the stand-ins do, and how pollard must end.
CASES = {
    ("research", "all"): ({}, 0),
    ("research", "recovered"): ({"research.area3": [{"fail": "could not find schema"}, {}]}, 0),
    ("research", "partial"): ({"research.area3": {"fail": "could not find schema"}}, 1),
    ("research", "none"): (all_dead("research", "area1", "area2", "area3"), 2),
    ("research", "no-synthesis"): ({"synthesize.synthesize": DEAD}, 3),

    ("testing", "all"): ({}, 0),
    ("testing", "partial"): ({"tests.payment": DEAD}, 1),
    ("testing", "none"): (all_dead("tests", "auth", "payment", "notification"), 2),
    ("testing", "suite-fails"): ({"suite.suite": {"exit": 2, "fail": "1 test failed"}}, 3),

    ("review", "all"): ({}, 0),
    # Two that fail are scenario 2: the debugger did not help, so a person must decide.
    ("review", "partial"): ({"review.files1": DEAD, "review.files3": DEAD}, 3),
    ("review", "none"): (all_dead("review", "files1", "files2", "files3"), 2),

    ("implementation", "all"): ({}, 0),
    ("implementation", "partial"): ({"implement.feature2": DEAD}, 1),
    ("implementation", "none"): (all_dead("implement", "feature1", "feature2", "feature3"), 2),

    ("documentation", "all"): ({}, 0),
    ("documentation", "partial"): ({"document.topic2": {"timeout": True}}, 1),
    ("documentation", "none"): (all_dead("document", "topic1", "topic2", "topic3"), 2),

    ("authentication", "all"): ({"plan.plan": THREE}, 0),
    # Its `require: partial` is content with that.
    ("authentication", "partial"): ({"research.session": {"fail": "could not find schema"},
                                     "plan.plan": THREE, "implement.login": DEAD}, 0),
    ("authentication", "none"): (all_dead("research", "authentication", "authorization",
                                          "session"), 2),
    # What is not scripted answers with empty lists: there is nothing to implement, and that is no failure.
    ("authentication", "no-items"): ({}, 0),
    ("authentication", "bad-item"): ({"plan.plan": plan(item("token", 5), item("token", 3))}, 3),
    ("authentication", "no-list"): ({"plan.plan": {"result": {"summary": "no idea"}}}, 3),

    ("parallel-then-merge", "all"): ({"assess.merge": {"answer": "Use sessions on the server\n"}}, 0),
    ("parallel-then-merge", "partial"): ({"assess.design": DEAD}, 1),
    ("parallel-then-merge", "none"): (all_dead("assess", "security", "design", "performance"), 2),
    ("parallel-then-merge", "no-merge"): ({"assess.merge": DEAD}, 3),

    ("validation", "deploy"): (CLEAN, 0),
    ("validation", "fix"): ({**CLEAN, "review.security": review(2, "src/a.c:1: a", "src/b.c:2: b")}, 0),
    ("validation", "fix-fails"): ({**CLEAN, "review.quality": review(1, "src/a.c:1: a"),
                                   "fix.fix": DEAD}, 3),
    ("validation", "dead-auditor"): ({**CLEAN, "review.security": DEAD}, 3),
    ("validation", "no-count"): ({**CLEAN, "review.coverage": {"result": {"findings": []}}}, 3),
    ("validation", "none"): ({"implementation.implementation": {"exit": 2}}, 2),
    ("validation", "no-review"): (all_dead("review", "quality", "security", "coverage"), 3),

    # 270k of expected tokens, and a budget of 200k: the least impact is left out, which is no failure.
    ("optimization", "budget"): ({**OPTIMIZATIONS, "prioritize.prioritize": CHOSEN}, 0),
    ("optimization", "all"): ({**OPTIMIZATIONS, "prioritize.prioritize": plan(
        item("area2", 60, tokens=90000), item("area3", 30, tokens=90000))}, 0),
    ("optimization", "partial"): ({**OPTIMIZATIONS, "optimize.area2": DEAD, "prioritize.prioritize": plan(
        item("area3", 30, tokens=90000), item("area1", 10, tokens=90000)), "implement.area3": DEAD}, 0),
    ("optimization", "none"): (all_dead("optimize", "area1", "area2", "area3"), 3),
    ("optimization", "nothing-to-do"): (OPTIMIZATIONS, 0),
}


def data(t):
    """The program finds what ships in the source tree."""
    place = os.path.join(t.base, "data")
    if not os.path.isdir(place):
        os.mkdir(place)
        os.symlink(os.path.join(ROOT, "workers", "agents"), os.path.join(place, "agents"))
        os.symlink(WORKFLOWS, os.path.join(place, "workflows"))
        t.env["POLLARD_DATA"] = place


def rehearse(t, name, tasks, status, *options):
    data(t)
    t.write("script.yaml", json.dumps({"tasks": tasks} if tasks else {"default": {}}))
    return t.run("pollard", "run", "--progress", "none", "-k", "-f", name, "--rehearse=script.yaml",
                 *options, status=status)


def masked(text):
    text = re.sub(r"- \*\*Notes\*\*: Parallel execution saved .*\n", "", text)
    return harness.RUN_ID.sub("RUN", text)


def compare(t, name, got):
    path = os.path.join(EXPECTED, name)
    if os.environ.get("POLLARD_TEST_WRITE"):
        with open(path, "w", encoding="utf-8") as f:
            f.write(got)
    if not os.path.exists(path):
        raise harness.Failed(f"there is no {path}; the state is\n{got}")
    with open(path, encoding="utf-8") as f:
        expected = f.read()
    diff = "\n".join(difflib.unified_diff(expected.splitlines(), got.splitlines(), name, "real",
                                          lineterm=""))
    t.check(got == expected, diff)


def _rehearsal_test(name, case):
    def test(t):
        tasks, status = CASES[name, case]
        done = rehearse(t, name, tasks, status, "-o", "none")
        t.check(done.status in (0, 1, 2, 3), f"status {done.status}")
        t.equal(done.out, "", "standard output")
        compare(t, f"{name}-{case}.md", masked(t.state_md()))
    test.__doc__ = f"the workflow {name}, rehearsed: {case}"
    return test


for _name, _case in CASES:
    globals()[f"test_rehearsed_{_name}_{_case}".replace("-", "_")] = _rehearsal_test(_name, _case)


def started(t):
    """The tasks that were started, as STEP.TASK, in that order."""
    return [f"{record['step']}.{record['task']}" for record in t.events("attempt-started")]


def prompts(t):
    """What was sent, by STEP.TASK: a stand-in answers with it."""
    found = {}
    for record in t.events("attempt-finished"):
        found[f"{record['step']}.{record['task']}"] = record.get("text") or record.get("stdout") or ""
    return found


# What each of them promises, whatever STATE.md looks like.

def test_every_workflow_has_cases(t):
    """every workflow that ships is rehearsed, and no other"""
    t.equal(sorted({name for name, _ in CASES}),
            sorted(name[:-5] for name in os.listdir(WORKFLOWS) if name.endswith(".yaml")))
    for name in os.listdir(EXPECTED):
        t.check(any(name == f"{w}-{c}.md" for w, c in CASES), f"{name} belongs to no case")


def test_dead_auditor(t):
    """validation: a dead auditor does not deploy"""
    for name in REVIEWS:
        done = rehearse(t, "validation", {**CLEAN, name: DEAD}, None)
        t.check(done.status in (1, 2, 3), f"status {done.status}")
        t.check(not [task for task in started(t) if task.startswith(("deploy", "fix"))], started(t))
        t.check("would deploy" not in done.out, done.out)


def test_dead_auditor_despite_partial(t):
    """validation: a dead auditor does not deploy with --require partial either"""
    done = rehearse(t, "validation", {**CLEAN, "review.security": DEAD}, None, "--require", "partial")
    t.check(done.status != 0, "status 0")
    t.check("deploy.deploy" not in started(t), started(t))


def test_lying_auditor(t):
    """validation: a review without its number of critical findings is not taken for zero"""
    for result in ({"findings": []}, {"critical": "none", "findings": []}, {"critical": None}):
        done = rehearse(t, "validation", {**CLEAN, "review.security": {"result": result}}, None)
        t.check(done.status != 0, f"status 0 for {result}")
        t.check("deploy.deploy" not in started(t), started(t))


def test_validation_branches(t):
    """validation: critical findings are consolidated and fixed, none is deployed"""
    rehearse(t, "validation", CLEAN, 0)
    t.equal(started(t)[4:], ["deploy.deploy"], "without findings")
    rehearse(t, "validation", {**CLEAN, "review.coverage": review(1)}, 0)
    t.equal(started(t)[4:], ["consolidate.consolidate", "fix.fix"], "with one")


def test_merged_perspectives(t):
    """parallel-then-merge: the coordinator is asked the three things, about all three perspectives"""
    tasks = {"assess.security": {"answer": "S: hash passwords"}, "assess.design": {"answer": "D: one call"},
             "assess.performance": {"answer": "P: cache it"}}
    rehearse(t, "parallel-then-merge", tasks, 0)
    asked = json.dumps(t.journal(), ensure_ascii=False)
    for words in ("Synthesize security, design, and performance perspectives",
                  "Identify conflicts or trade-offs", "Recommend balanced approach"):
        t.contains(asked, words)
    # The stand-in answers with what it was asked, and the next step is given that.
    proceed = prompts(t)["proceed.proceed"]
    for words in ("S: hash passwords", "D: one call", "P: cache it", "Recommend balanced approach"):
        t.contains(proceed, words)


def test_order_by_impact(t):
    """optimization: the greatest impact goes first, and what the budget leaves out says so"""
    rehearse(t, "optimization", {**OPTIMIZATIONS, "prioritize.prioritize": CHOSEN}, 0)
    t.equal([task for task in started(t) if task.startswith("implement")],
            ["implement.area2", "implement.area3"], "started")
    skipped = [(record["task"], record["reason"]) for record in t.events("task-finished")
               if record["status"] == "skipped"]
    t.equal(skipped, [("area1", "budget")], "skipped")


def test_budget_by_var(t):
    """optimization: --var budget replaces the budget"""
    rehearse(t, "optimization", {**OPTIMIZATIONS, "prioritize.prioritize": CHOSEN}, 0,
             "--var", "budget=1M")
    t.equal(len([task for task in started(t) if task.startswith("implement")]), 3, "started")


def test_fed_forward(t):
    """authentication: each step is given what the steps before it found"""
    tasks = {"research.session": {"answer": "Found Redis session store"}, "plan.plan": THREE,
             "implement.role": {"answer": "Wrote the role module"},
             "integrate.integrate": {"answer": "Integrated all of it"}}
    rehearse(t, "authentication", tasks, 0)
    sent = prompts(t)
    t.contains(json.dumps(t.events("attempt-finished")), "Found Redis session store")
    t.contains(sent["review.review"], "Integrated all of it")
    t.contains(sent["implement.token"], "Implement token in src/token.c")
    t.equal(started(t)[4:7], ["implement.role", "implement.token", "implement.login"], "by impact")


# Each --var, by something that must appear in what is asked or done.
VARS = {
    "research": {"area1": "the parser", "area2": "the cache", "area3": "the log"},
    "testing": {"module1": "parser", "module2": "cache", "module3": "log", "tests": "checks",
                "suite": "make everything"},
    "review": {"files1": "lib/x*.c", "files2": "lib/y*.c", "files3": "lib/z*.c"},
    "implementation": {"feature1": "CSV reading", "feature2": "paging", "feature3": "sorting",
                       "path1": "lib/csv/**", "path2": "lib/page/**", "path3": "lib/sort/**"},
    "documentation": {"topic1": "the file format", "topic2": "exit statuses", "topic3": "limits",
                      "file1": "doc/format.md", "file2": "doc/status.md", "file3": "doc/limits.md"},
    "authentication": {"module": "billing", "source": "lib"},
    "parallel-then-merge": {"subject": "the plugin interface", "by": "code-writer"},
    "validation": {"change": "branch topic", "build": "make world", "deploy": "make deploy"},
    "optimization": {"area1": "start-up", "area2": "memory use", "area3": "logging",
                     "budget": "123k"},
}


def test_vars(t):
    """each --var of each workflow is used, and the plan shows it"""
    data(t)
    for name, given in VARS.items():
        with open(os.path.join(WORKFLOWS, f"{name}.yaml"), encoding="utf-8") as f:
            text = f.read()
        block = re.search(r"^vars:\n((?: .*\n|\n)+)", text, re.M).group(1)
        t.equal(sorted(re.findall(r"^  (\w+):", block, re.M)), sorted(given), f"vars of {name}")
        options = [word for var, value in given.items() for word in ("--var", f"{var}={value}")]
        t.run("pollard", "run", "--progress", "none", "-o", "none", "-f", name, "--rehearse", *options)
        # budget bounds tasks that a rehearsal without a script does not have.
        used = json.dumps([record for record in t.journal() if record["event"] != "run-started"])
        for var, value in given.items():
            if var != "budget":
                t.contains(used, value, f"{name}: {var}")


def test_unknown_var(t):
    """a variable that a workflow does not have is an error that names the nearest"""
    data(t)
    done = t.run("pollard", "run", "-f", "research", "--rehearse", "--var", "area4=x", status=None)
    t.check(done.status in (64, 65), f"status {done.status}")
    t.contains(done.err, "area4")
    t.contains(done.err, "did you mean")


# What the plan of each must say.
PLANS = {
    "research": ["goal: Understand multiple independent areas", "researcher", "area3",
                 "synthesize", "parallel"],
    "testing": ["test-writer", "auth", "payment", "notification", "suite", "parallel"],
    "review": ["code-reviewer", "files1", "consolidate", "feedback-coordinator"],
    "implementation": ["code-writer", "feature3", "integrate"],
    "documentation": ["documentation-writer", "topic2", "consistency"],
    "authentication": ["research", "plan", "implement", "integrate", "review", "foreach|steps.plan.result.items"],
    "parallel-then-merge": ["security-auditor", "api-designer", "performance-optimizer",
                            "feedback-coordinator", "proceed"],
    "validation": ["review", "security-auditor", r"steps\.review\.sum\.critical > 0",
                   r"steps\.review\.sum\.critical == 0", "deploy"],
    "optimization": ["baseline", "prioritize", r"steps\.prioritize\.result\.items", "compare"],
}


def examples(t):
    """A small project with the example agents."""
    data(t)
    shutil.copytree(os.path.join(EXAMPLES, "agents"), t.path(".pollard", "agents"),
                    ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copytree(os.path.join(EXAMPLES, "src"), t.path("src"))


def files(t):
    """All files of the project but for the agents."""
    found = {}
    for top, folders, names in os.walk(t.dir):
        folders[:] = [name for name in folders if name != ".pollard"]
        for name in names:
            path = os.path.join(top, name)
            with open(path, encoding="utf-8") as f:
                found[os.path.relpath(path, t.dir)] = f.read()
    return found


def real(t, name, *options, status=0):
    return t.run("pollard", "run", "--progress", "none", "-f", name, *options, status=status)


def test_plans(t):
    """the plan of each workflow shows its steps, agents, conditions and reasons"""
    examples(t)
    for name, parts in PLANS.items():
        done = t.run("pollard", "plan", "-f", name)
        for part in parts:
            t.matches(done.out, part, f"plan of {name}")
    t.equal(t.runs(), [], "run directories")


def write_plans(plans):
    path = os.path.join(WORKFLOWS, "README.md")
    with open(path, encoding="utf-8") as f:
        text = f.read()
    for name, plan in plans.items():
        text = re.sub(rf"(?ms)^(## {name}\n\n```\n).*?(^```$)", lambda m, p=plan: m[1] + p + m[2], text)
    with open(path, "w", encoding="utf-8") as f:
        f.write(text)


def test_plans_in_the_documents(t):
    """the plan of each workflow stands in shared/workflows/README.md as the program prints it"""
    with open(os.path.join(WORKFLOWS, "README.md"), encoding="utf-8") as f:
        blocks = re.findall(r"^## (\S+)\n\n```\n(.*?)```$", f.read(), re.MULTILINE | re.DOTALL)
    t.equal(sorted(name for name, _ in blocks),
            sorted(name[:-5] for name in os.listdir(WORKFLOWS) if name.endswith(".yaml")))
    # with a client, and always the same one
    t.write("bin/claude", "#!/bin/sh\n", mode=0o755)
    path = t.path("bin") + ":" + t.env["PATH"]
    plans = {name: t.run("pollard", "plan", "-f", name, env={"PATH": path}).out for name, _ in blocks}
    if os.environ.get("POLLARD_TEST_WRITE"):
        write_plans(plans)
        return
    for name, shown in blocks:
        t.equal(plans[name], shown)


def test_plan_is_quiet(t):
    """the plan of a workflow that ships warns of nothing"""
    examples(t)
    for name in PLANS:
        done = t.run("pollard", "plan", "-f", name)
        t.check("warning" not in done.out + done.err, f"{name}: {done.out}{done.err}")


def test_authentication(t):
    """authentication, for good: the files that the plan declared are created, and only those"""
    examples(t)
    before = files(t)
    done = real(t, "authentication", "-o", "merged")
    results = {f"{record['step']}.{record['task']}": record for record in t.events("attempt-finished")}
    items = results["plan.plan"]["result"]["items"]
    declared = [path for entry in items for path in entry["writes"]]
    t.equal([entry["id"] for entry in items], ["authentication", "authorization", "session"], "items")
    after = files(t)
    t.equal(sorted(set(after) - set(before)), sorted([*declared, "src/integrated.sh"]), "new files")
    for path, text in before.items():
        t.equal(after[path], text, path)
    for path in declared:
        t.contains(after[path], "ready")
        t.contains(after["src/integrated.sh"], path)
    t.contains(t.state_md(), "### Step 3: Implementation (Parallel)")
    t.contains(t.state_md(), "✅ Wrote src/security/session.sh")
    t.contains(t.state_md(), "✅ Integrated 3 modules in src/integrated.sh, which runs")
    t.contains(done.out, "0 critical, 0 findings in 8 files")


def test_authentication_partial(t):
    """authentication, for good: what could not be researched is left out, and the rest is built"""
    examples(t)
    t.write("src/auth/session.sh", "# nothing of that kind for auth\n")
    t.write("src/auth/login.sh", "# auth authentication, authorization\n")
    t.write(".pollard/agents/researcher.sh", "IFS= read -r asked; cat >/dev/null\n"
            "case $asked in *session*) echo 'no session store' >&2; exit 1 ;; esac\n"
            "echo \"Found it: $asked\"\n")
    real(t, "authentication", status=0)
    t.equal(sorted(os.listdir(t.path("src/security"))), ["authentication.sh", "authorization.sh"])
    t.contains(t.state_md(), "2 of 3 succeeded")
    t.contains(t.state_md(), "no session store")


def test_validation(t):
    """validation, for good: what is clean is deployed, what is not is fixed and then deployed"""
    examples(t)
    deploy = ("--var", "deploy=echo deployed > deployed")
    real(t, "validation", *deploy)
    t.check(os.path.exists(t.path("deployed")), "it was not deployed")
    os.unlink(t.path("deployed"))

    t.write("src/auth/login.sh", "login() {\n\tpassword='secret'\n\t: \"$password\"\n}\n")
    real(t, "validation", *deploy)
    t.check(not os.path.exists(t.path("deployed")), "it was deployed with a password in it")
    t.check("secret" not in t.read("src/auth/login.sh"), "the password is still there")
    t.contains(t.state_md(), "Took out 1 line, in src/auth/login.sh")

    real(t, "validation", *deploy)
    t.check(os.path.exists(t.path("deployed")), "it was not deployed after the fix")


def test_validation_dead(t):
    """validation, for good: an auditor that dies does not deploy, and the run is no success"""
    examples(t)
    for program in ("exit 1", "kill -9 $$", "echo fine", "true"):
        t.write(".pollard/agents/security-auditor.md",
                f"---\nname: security-auditor\ncommand: sh -c '{program}'\n---\n")
        done = real(t, "validation", "--var", "deploy=echo deployed > deployed", status=None)
        t.check(done.status in (1, 2, 3), f"status {done.status} with '{program}'")
        t.check(not os.path.exists(t.path("deployed")), f"it was deployed with '{program}'")


def test_validation_build(t):
    """validation, for good: what does not build is not reviewed"""
    examples(t)
    real(t, "validation", "--var", "build=echo broken >&2; exit 2", "--var",
         "deploy=echo deployed > deployed", status=2)
    t.equal(started(t), ["implementation.implementation"], "started")
    t.check(not os.path.exists(t.path("deployed")), "it was deployed")


def test_harmless(t):
    """commands of a workflow that nobody named only say what they would do"""
    examples(t)
    before = files(t)
    done = real(t, "validation")
    t.contains(done.out, "would deploy now")
    t.equal(files(t), before, "files")


def test_testing(t):
    """testing, for good: the tests are written, and the suite that was named runs them"""
    examples(t)
    suite = "for f in tests/*/*.sh; do sh $f && echo ran $f; done"
    done = real(t, "testing", "--var", f"suite={suite}")
    for module in ("auth", "payment", "notification"):
        t.contains(done.out, f"ran tests/{module}/parse.sh")


def test_review(t):
    """review, for good: the findings become one list"""
    examples(t)
    t.write("src/payment/pay.sh", "pay() {\n")
    done = real(t, "review", "-o", "merged", "--var", "files1=src/auth/*.sh",
                "--var", "files2=src/payment/*.sh", "--var", "files3=src/notification/*.sh")
    t.matches(done.out, r"Of 1 finding 1 remain, 1 critical\n- src/payment/pay\.sh:\d+: critical")


def test_research(t):
    """research, for good: what two of three found is merged, and the third is named"""
    examples(t)
    done = real(t, "research", "-o", "merged", "--var", "area1=authentication", "--var", "area2=payment",
                "--var", "area3=quaternions", status=1)
    t.contains(done.out, "src/auth/login.sh")
    t.contains(done.out, "missing: area3")
    t.contains(t.state_md(), "nothing about 'quaternions'")


def test_implementation(t):
    """implementation, for good: three modules, and one that joins them"""
    examples(t)
    before = set(files(t))
    real(t, "implementation")
    t.equal(sorted(set(files(t)) - before),
            ["src/auth/user-authentication.sh", "src/caching/caching.sh", "src/integrated.sh",
             "src/logging/logging.sh"])


def test_documentation(t):
    """documentation, for good: three documents, then one look at all of them"""
    examples(t)
    real(t, "documentation")
    t.equal(sorted(os.listdir(t.path("docs"))), ["api.md", "deployment.md", "testing.md"])
    t.contains(t.read("docs/deployment.md"), "`src/notification/mail.sh`")
    t.contains(t.state_md(), "3 documents in the same form")


def test_parallel_then_merge(t):
    """parallel-then-merge, for good: three views, one recommendation, what follows"""
    examples(t)
    done = real(t, "parallel-then-merge", "-o", "merged")
    t.contains(done.out, "after the recommendation")
    t.equal(len([task for task in started(t) if task.startswith("assess")]), 3, "perspectives")


def test_optimization(t):
    """optimization, for good: what can go is gone, and the comparison says how much"""
    examples(t)
    size = sum(map(len, files(t).values()))
    real(t, "optimization")
    after = files(t)
    for path in ("src/payment/pay.sh", "src/notification/mail.sh"):
        t.check("\n\n\n" not in after[path], f"needless lines are left in {path}")
    t.contains(t.state_md(), f"All files: {size} to {sum(map(len, after.values()))} bytes")


# Variables in conditions, and scripts of rehearsals.

VARIABLES = """version: 1
vars: { deploy: yes, most: 3, sure: false }
steps:
  - { id: a, when: '${{ vars.deploy }} == yes', run: echo a }
  - { id: b, when: '${{ vars.most }} < ${{ vars.most }}', run: echo b }
  - { id: c, when: '${{ vars.sure }}', run: echo c }
"""


def test_braced_variables(t):
    """braces around a variable on the left of a comparison: it is compared, not put into the text"""
    t.write("w.yaml", VARIABLES)
    t.equal(t.run("pollard", "run", "--progress", "none", "-f", "w.yaml").out, "a\n")
    done = t.run("pollard", "run", "--progress", "none", "-f", "w.yaml", "--var", "deploy=no one", "--var", "sure=true")
    t.equal(done.out, "c\n")


FOREACH = """version: 1
steps:
  - id: plan
    output: json
    run: echo {}
  - id: work
    foreach: { in: steps.plan.result.items }
    task: { id: 'fix-${{ item.id }}', run: 'true' }
"""


def test_misspelt_script(t):
    """a script of a rehearsal: ids that no task and no foreach can have are refused, and one that is missing is 66"""
    t.write("w.yaml", FOREACH)
    run = ["pollard", "run", "--progress", "none", "-o", "none", "-f", "w.yaml", "--rehearse=s.yaml"]
    for wrong in ("plam", "fxi-a", "work.fxi-a", "plan.fix-a"):
        t.write("s.yaml", f"tasks: {{ {wrong}: {{ answer: x }} }}\n")
        t.contains(t.run(*run, status=65).err, f"no task '{wrong}' here")
    t.write("s.yaml", "tasks: { plan: { result: { items: [ { id: a } ] } }, fix-a: { fail: no }, work.fix-b: {} }\n"
            .replace("fail: no", "fail: true"))
    t.contains(t.run(*run, status=3).err, "fix-a")
    # whoever goes on with it has the same script
    t.contains(t.run("pollard", "resume", "--progress", "none", "--retry-failed", status=3).err, "fix-a")
    os.unlink(t.path("s.yaml"))
    t.contains(t.run(*run, status=66).err, "cannot open 's.yaml'")
    t.run("pollard", "resume", "--progress", "none", "--retry-failed", status=66)


# What a person is offered.

def escalation(t):
    with open(os.path.join(t.run_dir(), "ESCALATION.md"), encoding="utf-8") as f:
        return f.read()


def test_offers(t):
    """ESCALATION.md offers what can work: no --require where a step requires more, no list of what names results"""
    t.write("w.yaml", "version: 1\nsteps:\n  - id: one\n    require: all\n"
            "    tasks: [ { id: a, run: 'true' }, { id: b, run: 'false' }, { id: c, run: 'false' } ]\n"
            "  - { id: two, run: 'true' }\n")
    t.run("pollard", "run", "--progress", "none", "-f", "w.yaml", status=3)
    t.check("--require partial" not in escalation(t), escalation(t))
    t.contains(escalation(t), "pollard resume --retry-failed")
