"""The patterns of "Parallel Execution", pasted as they stand there and run to the end against small agents
that really do what they are asked on files. What came of it is read in STATE.md."""

import os
import re

import harness

RESEARCH = """\
Phase: Research
Goal: Understand multiple independent areas

Parallel invocation:
1. researcher → "Investigate frontend routing patterns"
2. researcher → "Investigate backend API structure"
3. researcher → "Investigate database schema"

Synchronization: Collect all three results
Next: Synthesize findings before planning
"""

TESTING = """\
Phase: Testing
Goal: Test multiple independent modules

Parallel invocation:
1. test-writer → "Create tests for auth module"
2. test-writer → "Create tests for payment module"
3. test-writer → "Create tests for notification module"

Synchronization: Wait for all tests to complete
Next: Run full test suite
"""

REVIEW = """\
Phase: Code Review
Goal: Review multiple changed files

Parallel invocation:
1. code-reviewer → "Review src/auth/*.ts"
2. code-reviewer → "Review src/api/*.ts"
3. code-reviewer → "Review src/db/*.ts"

Synchronization: Merge all review findings
Next: Consolidate and prioritize issues
"""

IN_ONE_MESSAGE = """\
In one message, invoke:
- Task tool → researcher (investigate authentication)
- Task tool → researcher (investigate authorization)
- Task tool → researcher (investigate session management)

Then wait for all three to complete before proceeding.
"""

# Looks for the last word but one of what it is asked; asked again, with the scope narrowed, it looks for less.
RESEARCHER = r"""
prompt=$(cat)
subject=$(printf '%s\n' "$prompt" | sed -n 's/^[Ii]nvestigate //p' | head -1)
echo . >> "began.$1"
word=${subject%% *}
pattern="$subject"
case $prompt in *"Narrow the scope"*) pattern=$word ;; esac
file=$(grep -rli "$pattern" src | sort | head -1)
if [ -z "$file" ]; then
	echo "couldn't find ${subject##* }" >&2
	exit 1
fi
echo "Found $subject in $file"
"""

# Writes a test file for the module that it is asked about.
TEST_WRITER = r"""
module=$(sed -n 's/^Create tests for \(.*\) module$/\1/p')
[ -d "src/$module" ] || { echo "there is no module $module" >&2; exit 1; }
mkdir -p tests
for f in src/"$module"/*; do
	echo "test -s $f"
done > "tests/$module.sh"
echo "Wrote $(wc -l < "tests/$module.sh") tests to tests/$module.sh"
"""

# Counts what it is asked to look at.
REVIEWER = r"""
glob=$(sed -n 's/^Review //p')
set -- $glob
[ -e "$1" ] || { echo "nothing matches $glob" >&2; exit 1; }
echo "$# files, $(cat "$@" | grep -c TODO) open points in ${glob%/*}"
"""

SOURCES = {
    "src/auth/jwt.ts": "// frontend routing patterns, authentication\n// TODO expiry\n",
    "src/auth/rbac.ts": "// authorization\n",
    "src/api/routes.ts": "// backend API structure\n// TODO paging\n// TODO limits\n",
    "src/db/store.ts": "// session management\n",
    "src/payment/pay.ts": "//\n",
    "src/notification/mail.ts": "//\n",
}


def agent(t, name, program):
    t.write(f".pollard/agents/{name}.md",
            f"---\nname: {name}\ndescription: Does one thing, really\ncommand: sh {name}.sh {{task}}\n---\n")
    t.write(f"{name}.sh", program)


def sources(t, **more):
    for name, content in {**SOURCES, **more}.items():
        t.write(name, content)


def run(t, text, status, *options):
    return t.run("pollard", "run", "--progress", "none", "-k", *options, input=text, status=status)


def state(t):
    text = re.sub(r"- \*\*Notes\*\*: Parallel execution saved .*\n", "", t.state_md())
    return harness.RUN_ID.sub("RUN", text)


def side_by_side(t, count):
    """All of them were started before the first one ended."""
    events = [r["event"] for r in t.journal() if r["event"].startswith("attempt-")]
    t.equal(events[:count], ["attempt-started"] * count)


def test_research(t):
    """Pattern 1: Parallel Research, with what each found, the phase, the goal, and the files"""
    agent(t, "researcher", RESEARCHER)
    sources(t, **{"src/db/schema.sql": "-- database schema\n"})
    p = run(t, RESEARCH, 0)
    t.equal(p.out, "Found frontend routing patterns in src/auth/jwt.ts\n"
                   "Found backend API structure in src/api/routes.ts\n"
                   "Found database schema in src/db/schema.sql\n")
    t.equal(state(t), """\
# RUN
- **Status**: ✅ Complete: 3 of 3 succeeded

### Step 1: Research (Parallel)
- **Goal**: Understand multiple independent areas
- **Status**: ✅ Complete: 3 of 3 succeeded
- **Parallel Tasks**:
  1. researcher (1) → ✅ Found frontend routing patterns in src/auth/jwt.ts
  2. researcher (2) → ✅ Found backend API structure in src/api/routes.ts
  3. researcher (3) → ✅ Found database schema in src/db/schema.sql
- **Result Summary**: Found frontend routing patterns in src/auth/jwt.ts; Found backend API structure in \
src/api/routes.ts; Found database schema in src/db/schema.sql
- **Files Identified**: src/auth/jwt.ts, src/api/routes.ts, src/db/schema.sql
""")
    side_by_side(t, 3)


def test_research_retried(t):
    """the seed's example of a synchronisation: the database task fails, is retried with a refined scope, and STATE.md says so"""
    agent(t, "researcher", RESEARCHER)
    sources(t, **{"src/db/tables.sql": "-- the database\n"})
    p = run(t, RESEARCH, 0)
    t.contains(p.out, "Found database schema in src/db/tables.sql\n")
    text = state(t)
    t.contains(text, "  3. researcher (3) → ✅ Found database schema in src/db/tables.sql\n")
    t.matches(text, r"^- \*\*Recovery\*\*: Level 1: task 3 retried once, refined: succeeded$")
    t.contains(text, "- **Status**: ✅ Complete: 3 of 3 succeeded\n")
    t.equal([os.path.getsize(t.path(f"began.{n}")) for n in (1, 2, 3)], [2, 2, 4], "bytes of beginnings")


def test_research_partial(t):
    """the same when the retry fails too: proceed with what there is, log the failure, partial"""
    agent(t, "researcher", RESEARCHER)
    sources(t)
    p = run(t, RESEARCH, 1)
    t.equal(p.out, "Found frontend routing patterns in src/auth/jwt.ts\n"
                   "Found backend API structure in src/api/routes.ts\n")
    t.equal(state(t), """\
# RUN
- **Status**: ⚠️ Partial: 2 of 3 succeeded

### Step 1: Research (Parallel)
- **Goal**: Understand multiple independent areas
- **Status**: ⚠️ Partial: 2 of 3 succeeded
- **Parallel Tasks**:
  1. researcher (1) → ✅ Found frontend routing patterns in src/auth/jwt.ts
  2. researcher (2) → ✅ Found backend API structure in src/api/routes.ts
  3. researcher (3) → ❌ Failed after 2 attempts: exit 1: couldn't find schema
- **Recovery**: Level 1: task 3 retried once, refined: failed again
- **Result Summary**: Found frontend routing patterns in src/auth/jwt.ts; Found backend API structure in \
src/api/routes.ts
- **Files Identified**: src/auth/jwt.ts, src/api/routes.ts
""")
    t.equal(t.run("pollard", "failed").out, '3. researcher → "Investigate database schema"\n')


def test_in_one_message(t):
    """How to Execute in Parallel: the message with Task tool, pasted"""
    agent(t, "researcher", RESEARCHER)
    sources(t)
    p = run(t, IN_ONE_MESSAGE, 0)
    t.equal(p.out, "Found authentication in src/auth/jwt.ts\nFound authorization in src/auth/rbac.ts\n"
                   "Found session management in src/db/store.ts\n")
    side_by_side(t, 3)


def test_testing(t):
    """Pattern 2: Parallel Testing: the test files are there, and do what tests do"""
    agent(t, "test-writer", TEST_WRITER)
    sources(t)
    run(t, TESTING, 0)
    t.equal(sorted(os.listdir(t.path("tests"))), ["auth.sh", "notification.sh", "payment.sh"])
    t.run("sh", "-e", "-c", "for f in tests/*.sh; do sh -e $f; done")
    text = state(t)
    t.contains(text, "### Step 1: Testing (Parallel)\n- **Goal**: Test multiple independent modules\n")
    t.contains(text, "  1. test-writer (1) → ✅ Wrote 2 tests to tests/auth.sh\n")
    t.contains(text, "- **Files Identified**: tests/auth.sh, tests/payment.sh, tests/notification.sh\n")


def test_testing_none(t):
    """Pattern 2 where nothing can succeed: not retried in parallel, the first is the canary, escalated, 2"""
    agent(t, "test-writer", TEST_WRITER)
    p = run(t, TESTING, 2)
    text = state(t)
    t.contains(text, "- **Status**: ❌ Failed: 0 of 3 succeeded\n")
    t.contains(text, "  1. test-writer (1) → ❌ Failed after 2 attempts: exit 1: there is no module auth\n")
    t.contains(text, "  2. test-writer (2) → ❌ Failed: exit 1: there is no module payment\n")
    t.contains(text, "the first failed again, the rest was not tried\n")
    t.matches(text, r"^- \*\*Escalated\*\*: no task succeeded; retries did not help: ")
    t.equal([r["level"] for r in t.events("verdict")], [3])
    t.matches(p.err, r"\Apollard: NONE 0/3 \(")


def test_review(t):
    """Pattern 3: Parallel Review: no shell reads the globs of the prompts, the findings are merged in order"""
    agent(t, "code-reviewer", REVIEWER)
    sources(t)
    p = run(t, REVIEW, 0, "-o", "merged", "--state-file", "state.md")
    findings = re.findall(r"^(\d files, \d open points in .*)$", p.out, re.M)
    t.equal(findings, ["2 files, 1 open points in src/auth", "1 files, 2 open points in src/api",
                       "1 files, 0 open points in src/db"])
    text = t.read("state.md")
    t.contains(text, "### Step 1: Code Review (Parallel)\n- **Goal**: Review multiple changed files\n")
    t.contains(text, "  3. code-reviewer (3) → ✅ 1 files, 0 open points in src/db\n")
    t.contains(text, "- **Merged Result**: merged/1.md\n")
    t.check("retried" not in text, text)


def test_review_changed_meanwhile(t):
    """Pattern 3 again after a partial one: what failed is piped in again, and only that is run"""
    agent(t, "code-reviewer", REVIEWER)
    sources(t)
    os.rename(t.path("src", "db"), t.path("away"))
    run(t, REVIEW, 1, "-o", "none")
    again = t.run("pollard", "failed").out
    t.equal(again, '3. code-reviewer → "Review src/db/*.ts"\n')
    os.rename(t.path("away"), t.path("src", "db"))
    p = run(t, again, 0)
    t.equal(p.out, "1 files, 0 open points in src/db\n")
