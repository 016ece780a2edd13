#include <check.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "shared/buf.h"
#include "shared/json.h"
#include "supervisor/record/state.h"

Suite *state_suite(void);

/* The state under test and what it says; set up before each test. */
static struct state *state;
static struct buf text;

static void setup(void)
{
	state = state_new();
	text = (struct buf)BUF_INIT;
}

static void teardown(void)
{
	state_free(state);
	buf_free(&text);
}

/* Shows the state a record, which is written with ' for ". */
static void feed(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

static void feed(const char *fmt, ...)
{
	struct buf record = BUF_INIT;
	struct json_error error;
	va_list ap;

	va_start(ap, fmt);
	buf_vaddf(&record, fmt, ap);
	va_end(ap);
	for (size_t i = 0; i < record.len; i++)
		if (record.data[i] == '\'')
			record.data[i] = '"';
	cJSON *object = json_parse(record.data, record.len, &error);
	ck_assert_msg(object != NULL, "%s: %s", error.message, record.data);
	state_event(state, object);
	cJSON_Delete(object);
	buf_free(&record);
}

static const char *markdown(void)
{
	buf_reset(&text);
	state_markdown(state, &text);
	return buf_str(&text);
}

/* The whole text, so that nothing more stands there either. */
static void expect(const char *expected)
{
	ck_assert_str_eq(markdown(), expected);
}

static void expect_line(const char *line)
{
	struct buf wanted = BUF_INIT;

	buf_addf(&wanted, "%s\n", line);
	ck_assert_msg(strstr(markdown(), buf_str(&wanted)) != NULL, "no line '%s' in:\n%s", line,
	    buf_str(&text));
	buf_free(&wanted);
}

static void expect_not(const char *part)
{
	ck_assert_msg(strstr(markdown(), part) == NULL, "'%s' in:\n%s", part, buf_str(&text));
}

static void start(const char *name, const char *steps)
{
	feed("{'event':'run-started','run':'20261123-162005-1f0c','name':%s,'goal':null,'jobs':4,"
	     "'options':{},'steps':[%s]}",
	    name, steps);
}

static void add(const char *step, const char *task, int number, const char *agent)
{
	feed("{'event':'task-added','step':'%s','task':'%s','number':%d,'agent':%s,'record':'r'}",
	    step, task, number, agent);
}

static void attempt(const char *step, const char *task, int n)
{
	feed("{'event':'attempt-started','step':'%s','task':'%s','attempt':%d,'level':0}", step,
	    task, n);
}

/* What the worker of the last failed attempt found to be the line that tells most. */
static char told[256];

static void attempt_failed(const char *step, const char *task, int n, const char *error,
    const char *output)
{
	feed("{'event':'attempt-finished','step':'%s','task':'%s','attempt':%d,'agent':null,"
	     "'status':'failed','reason':'exit','error':'%s','stderr':'%s'}",
	    step, task, n, error, output);
	if (*output != '\0')
		snprintf(told, sizeof(told), "'%s'", output);
}

static void succeed(const char *step, const char *task, const char *summary, const char *files)
{
	feed("{'event':'attempt-finished','step':'%s','task':'%s','attempt':1,'status':'succeeded',"
	     "'reason':null,'error':null}",
	    step, task);
	feed("{'event':'task-finished','step':'%s','task':'%s','status':'succeeded','reason':null,"
	     "'error':null,'attempts':1,'summary':%s,'files':[%s]}",
	    step, task, summary, files);
}

static void end_task(const char *step, const char *task, const char *status, const char *reason,
    const char *error, int attempts)
{
	feed("{'event':'task-finished','step':'%s','task':'%s','agent':null,'status':'%s',"
	     "'reason':'%s','error':%s,'attempts':%d,'summary':%s,'files':[]}",
	    step, task, status, reason, error, attempts, *told != '\0' ? told : "null");
	*told = '\0';
}

static void end_step(const char *step, const char *outcome, int succeeded, int failed, int skipped,
    double seconds, double sequential)
{
	feed("{'event':'step-finished','step':'%s','outcome':'%s','total':%d,'succeeded':%d,"
	     "'failed':%d,'skipped':%d,'cancelled':0,'seconds':%.3f,'sequential_seconds':%.3f,"
	     "'merged':null}",
	    step, outcome, succeeded + failed + skipped, succeeded, failed, skipped, seconds,
	    sequential);
}

static void end_run(const char *outcome, const char *signal, int succeeded, int failed,
    int cancelled)
{
	feed("{'event':'run-finished','outcome':'%s','exit':0,'signal':%s,'succeeded':%d,"
	     "'failed':%d,'skipped':0,'cancelled':%d}",
	    outcome, signal, succeeded, failed, cancelled);
}

START_TEST(the_form_of_the_specification)
{
	feed("{'event':'run-started','run':'20261123-162005-1f0c','name':'authentication',"
	     "'goal':'Ship a security architecture for sign-in','jobs':4,'options':{},"
	     "'steps':[{'id':'1','title':'Research','goal':null,'count':3},"
	     "{'id':'2','title':'Planning','goal':null,'count':1}]}");
	add("1", "authentication", 1, "'researcher'");
	add("1", "authorization", 2, "'researcher'");
	add("1", "session", 3, "'researcher'");
	add("2", "4", 4, "'planner'");
	attempt("1", "authentication", 1);
	attempt("1", "authorization", 1);
	attempt("1", "session", 1);
	succeed("1", "authentication", "'Found JWT patterns in src/auth/'", "'src/auth/jwt.ts'");
	succeed("1", "authorization", "'Found RBAC in src/permissions/'",
	    "'src/permissions/rbac.ts','src/auth/jwt.ts'");
	attempt_failed("1", "session", 1, "exit 1", "");
	feed("{'event':'recovery','step':'1','level':1,'text':'session retried once, refined'}");
	attempt("1", "session", 2);
	attempt_failed("1", "session", 2, "exit 1", "could not find schema");
	end_task("1", "session", "failed", "exit", "'exit 1'", 2);
	end_step("1", "partial", 2, 1, 0, 100, 225);
	end_task("2", "4", "skipped", "needs", "'step 1 failed'", 0);
	end_run("partial", "null", 2, 1, 0);

	expect("# authentication · 20261123-162005-1f0c\n"
	       "- **Goal**: Ship a security architecture for sign-in\n"
	       "- **Status**: ⚠️ Partial (step 1 of 2): 2 of 3 succeeded\n"
	       "\n"
	       "### Step 1: Research (Parallel)\n"
	       "- **Status**: ⚠️ Partial: 2 of 3 succeeded\n"
	       "- **Parallel Tasks**:\n"
	       "  1. researcher (authentication) → ✅ Found JWT patterns in src/auth/\n"
	       "  2. researcher (authorization) → ✅ Found RBAC in src/permissions/\n"
	       "  3. researcher (session) → ❌ Failed after 2 attempts: exit 1: could not find "
	       "schema\n"
	       "- **Recovery**: Level 1: session retried once, refined\n"
	       "- **Result Summary**: Found JWT patterns in src/auth/; Found RBAC in "
	       "src/permissions/\n"
	       "- **Files Identified**: src/auth/jwt.ts, src/permissions/rbac.ts\n"
	       "- **Notes**: Parallel execution saved 2m 05s vs sequential (1m 40s instead of "
	       "3m 45s)\n"
	       "\n"
	       "### Step 2: Planning (Sequential)\n"
	       "- **Status**: ⏭ Not started\n"
	       "- **Tasks**:\n"
	       "  1. planner (4) → ⏭ Skipped: step 1 failed\n");
}
END_TEST

START_TEST(a_complete_run_without_a_name)
{
	start("null", "{'id':'1','title':null,'goal':null,'count':2}");
	add("1", "1", 1, "null");
	add("1", "b", 2, "null");
	attempt("1", "1", 1);
	attempt("1", "b", 1);
	succeed("1", "b", "null", "");
	succeed("1", "1", "'all good'", "");
	end_step("1", "all", 2, 0, 0, 1, 1);
	end_run("all", "null", 2, 0, 0);

	expect("# 20261123-162005-1f0c\n"
	       "- **Status**: ✅ Complete: 2 of 2 succeeded\n"
	       "\n"
	       "### Step 1 (Parallel)\n"
	       "- **Status**: ✅ Complete: 2 of 2 succeeded\n"
	       "- **Parallel Tasks**:\n"
	       "  1. 1 → ✅ all good\n"
	       "  2. b → ✅ Done\n"
	       "- **Result Summary**: all good\n");
}
END_TEST

START_TEST(a_run_that_goes_on)
{
	start("null",
	    "{'id':'1','title':null,'goal':null,'count':4},"
	    "{'id':'2','title':'Review','goal':'Find bugs','count':1}");
	add("1", "a", 1, "null");
	add("1", "b", 2, "null");
	add("1", "c", 3, "null");
	add("1", "d", 4, "null");
	add("2", "e", 5, "null");
	expect_line("- **Status**: 🔄 Running: 0 of 5 finished");
	attempt("1", "a", 1);
	attempt("1", "b", 1);
	attempt("1", "c", 1);
	succeed("1", "a", "'done it'", "");
	attempt_failed("1", "b", 1, "exit 7", "");
	attempt_failed("1", "c", 1, "exit 8", "");
	attempt("1", "b", 2);

	expect_line("- **Status**: 🔄 Running (step 1 of 2): 1 of 5 finished, 1 running");
	expect_line("- **Status**: 🔄 Running: 1 of 4 finished, 1 running");
	expect_line("  2. b → 🔄 Running (attempt 2)");
	expect_line("  3. c → ⏳ Waiting (attempt 1: exit 8)");
	expect_line("  4. d → ⏳ Waiting");
	expect_line("### Step 2: Review (Sequential)\n- **Goal**: Find bugs\n"
		    "- **Status**: ⏳ Waiting");
}
END_TEST

START_TEST(an_interrupted_run)
{
	start("null", "{'id':'1','title':null,'goal':null,'count':2}");
	add("1", "a", 1, "null");
	add("1", "b", 2, "null");
	attempt("1", "a", 1);
	succeed("1", "a", "null", "");
	end_task("1", "b", "cancelled", "interrupted", "null", 0);
	end_step("1", "partial", 1, 0, 0, 1, 1);
	end_run("partial", "'SIGINT'", 1, 0, 1);

	expect_line("- **Status**: ⏹ Interrupted (SIGINT): 1 of 2 succeeded, 1 cancelled");
	expect_line("  2. b → ⏹ Cancelled: interrupted");
}
END_TEST

START_TEST(a_run_that_nobody_runs_any_more)
{
	start("null", "{'id':'1','title':null,'goal':null,'count':2}");
	add("1", "a", 1, "null");
	add("1", "b", 2, "null");
	attempt("1", "a", 1);
	state_abandoned(state);

	expect_line("- **Status**: ⏹ Interrupted (ended without saying so): 0 of 2 succeeded, "
		    "2 not finished");
	expect_line("- **Status**: ⏹ Interrupted: 0 of 2 succeeded, 2 not finished");
	expect_line("  1. a → ⏹ Not finished");
	expect_line("  2. b → ⏭ Not started");
	expect_not("🔄");
}
END_TEST

START_TEST(an_end_stays_an_end)
{
	start("null", "{'id':'1','title':null,'goal':null,'count':0}");
	end_run("all", "null", 0, 0, 0);
	state_abandoned(state);

	expect_line("- **Status**: ✅ Complete: no tasks");
}
END_TEST

START_TEST(a_resumed_run_counts_each_task_once)
{
	start("null", "{'id':'1','title':null,'goal':null,'count':2}");
	add("1", "a", 1, "null");
	add("1", "b", 2, "null");
	attempt("1", "a", 1);
	attempt_failed("1", "a", 1, "exit 1", "");
	end_task("1", "a", "failed", "exit", "'exit 1'", 1);
	attempt("1", "b", 1);
	feed("{'event':'resumed'}");
	expect_line("- **Status**: 🔄 Running: 1 of 2 finished, 1 failed");
	attempt("1", "a", 2);
	succeed("1", "a", "null", "");

	expect_line("- **Status**: 🔄 Running: 1 of 2 finished");
}
END_TEST

/* Titles, goals and the order are those of the edited list; what is not in it any more is gone. */
START_TEST(an_edited_list)
{
	start("null",
	    "{'id':'a','title':'Old','goal':null,'count':2},"
	    "{'id':'gone','title':null,'goal':null,'count':1},"
	    "{'id':'b','title':null,'goal':null,'count':1}");
	add("a", "1", 1, "null");
	add("a", "2", 2, "null");
	add("gone", "3", 3, "null");
	add("b", "4", 4, "null");
	succeed("a", "1", "'first'", "");
	feed("{'event':'resumed','again':[]}");
	feed("{'event':'task-removed','step':'a','task':'2'}");
	feed("{'event':'task-removed','step':'gone','task':'3'}");
	feed("{'event':'list-edited','run':'20261123-162005-1f0c','name':null,'goal':'Better',"
	     "'jobs':1,'options':{},'steps':[{'id':'a','title':'New','goal':null,'count':1,"
	     "'tasks':['1']},{'id':'c','title':'Between','goal':'Why','count':1,'tasks':['5']},"
	     "{'id':'b','title':null,'goal':null,'count':1,'tasks':['4']}]}");
	add("c", "5", 5, "null");
	expect("# 20261123-162005-1f0c\n"
	       "- **Goal**: Better\n"
	       "- **Status**: 🔄 Running (step 1 of 3): 1 of 3 finished\n"
	       "\n"
	       "### Step 1: New (Sequential)\n"
	       "- **Status**: 🔄 Running: 1 of 1 finished\n"
	       "- **Tasks**:\n"
	       "  1. 1 → ✅ first\n"
	       "- **Result Summary**: first\n"
	       "\n"
	       "### Step 2: Between (Sequential)\n"
	       "- **Goal**: Why\n"
	       "- **Status**: ⏳ Waiting\n"
	       "- **Tasks**:\n"
	       "  1. 5 → ⏳ Waiting\n"
	       "\n"
	       "### Step 3: b (Sequential)\n"
	       "- **Status**: ⏳ Waiting\n"
	       "- **Tasks**:\n"
	       "  1. 4 → ⏳ Waiting\n");
}
END_TEST

START_TEST(tasks_that_are_removed_leave_no_line)
{
	start("null", "{'id':'a','title':null,'goal':null,'count':3}");
	add("a", "1", 1, "null");
	add("a", "2", 2, "null");
	add("a", "3", 3, "null");
	succeed("a", "3", "'third'", "");
	feed("{'event':'task-removed','step':'a','task':'2'}");
	expect_line("  2. 3 → ✅ third");
	feed("{'event':'task-removed','step':'a','task':'1'}");
	feed("{'event':'task-removed','step':'a','task':'3'}");
	expect_not("**Tasks**");
	expect_not("**Parallel Tasks**");
	expect_not("third");
}
END_TEST

START_TEST(sequential_with_one_slot)
{
	feed("{'event':'run-started','run':'r','name':null,'goal':null,'jobs':1,'options':{},"
	     "'steps':[{'id':'1','title':'Fix','goal':null,'count':2}]}");
	add("1", "a", 1, "null");
	add("1", "b", 2, "null");
	end_step("1", "all", 2, 0, 0, 1, 5);

	expect_line("### Step 1: Fix (Sequential)");
	expect_line("- **Tasks**:");
	expect_not("saved");
}
END_TEST

START_TEST(sequential_when_asked_for)
{
	feed("{'event':'run-started','run':'r','name':null,'goal':null,'jobs':4,"
	     "'options':{'sequential':true},'steps':[{'id':'1','count':2}]}");
	add("1", "a", 1, "null");
	add("1", "b", 2, "null");

	expect_line("### Step 1 (Sequential)");
}
END_TEST

START_TEST(no_note_when_nothing_was_saved)
{
	start("null", "{'id':'1','title':null,'goal':null,'count':2}");
	add("1", "a", 1, "null");
	add("1", "b", 2, "null");
	end_step("1", "all", 2, 0, 0, 10, 9.5);

	expect_not("Notes");
}
END_TEST

START_TEST(what_a_failure_says)
{
	start("null", "{'id':'1','title':null,'goal':null,'count':4}");
	add("1", "a", 1, "null");
	add("1", "b", 2, "'researcher'");
	add("1", "c", 3, "null");
	add("1", "d", 4, "null");
	/* a command: the line of its standard error that tells most */
	attempt("1", "a", 1);
	attempt_failed("1", "a", 1, "exit 2", "KeyError: x");
	end_task("1", "a", "failed", "exit", "'exit 2'", 1);
	/* an agent: what it answered */
	attempt("1", "b", 1);
	attempt_failed("1", "b", 1, "exit 1", "");
	feed("{'event':'task-finished','step':'1','task':'b','status':'failed','reason':'exit',"
	     "'error':'exit 1','attempts':1,'summary':'no such table','files':[]}");
	/* nothing to add */
	attempt("1", "c", 1);
	attempt_failed("1", "c", 1, "timed out after 5s", "");
	end_task("1", "c", "failed", "timeout", "'timed out after 5s'", 1);
	/* said already */
	attempt_failed("1", "d", 1, "cannot start: no such file", "no such file");
	end_task("1", "d", "failed", "spawn", "'cannot start: no such file'", 0);

	expect_line("  1. a → ❌ Failed: exit 2: KeyError: x");
	expect_line("  2. researcher (b) → ❌ Failed: exit 1: no such table");
	expect_line("  3. c → ❌ Failed: timed out after 5s");
	expect_line("  4. d → ❌ Failed: cannot start: no such file");
}
END_TEST

START_TEST(text_of_tasks_stays_text)
{
	start("'# evil\\nname'", "{'id':'1','title':'a|b','goal':null,'count':3}");
	add("1", "1.", 1, "null");
	add("1", "b", 2, "'- agent'");
	add("1", "c", 3, "null");
	attempt("1", "1.", 1);
	succeed("1", "1.", "'<img src=x> `rm` ![x](http://t) C:\\\\dir \\\\<'", "'a\\u001b[2J<b'");
	succeed("1", "b", "'\\u202egnp.exe\\r\\nx'", "");
	end_task("1", "c", "skipped", "needs", "'needs b\\n# c'", 0);

	expect_line("# \\# evil\\nname · 20261123-162005-1f0c");
	expect_line("### Step 1: a\\|b (Parallel)");
	expect_line("  1. 1\\. → ✅ \\<img src=x> \\`rm\\` !\\[x](http://t) C:\\dir \\\\\\<");
	expect_line("  2. \\- agent (b) → ✅ \\u{202e}gnp.exe\\x0d\\nx");
	expect_line("  3. c → ⏭ Skipped: needs b\\n# c");
	expect_line("- **Files Identified**: a\\x1b\\[2J\\<b");
}
END_TEST

START_TEST(a_name_keeps_its_line)
{
	start("'tail\\\\'", "{'id':'1','title':'x\\\\','goal':null,'count':1}");

	/* a backslash at the end of a line would break it */
	expect_line("# tail\\\\ · 20261123-162005-1f0c");
	expect_line("### Step 1: x\\\\ (Sequential)");
}
END_TEST

START_TEST(long_text_is_cut)
{
	char summary[1000];

	start("null", "{'id':'1','title':null,'goal':null,'count':3}");
	for (int i = 1; i <= 3; i++) {
		char id[2] = { (char)('a' + i), '\0' };

		add("1", id, i, "null");
		/* 199 characters, all but the first of two bytes */
		snprintf(summary, sizeof(summary), "'%s", id);
		for (int k = 0; k < 198; k++)
			strcat(summary, "é");
		strcat(summary, "'");
		attempt("1", id, 1);
		succeed("1", id, summary, "");
	}
	const char *line = strstr(markdown(), "- **Result Summary**: ");
	ck_assert_ptr_nonnull(line);
	line += strlen("- **Result Summary**: ");
	size_t len = strcspn(line, "\n");
	/* 199 + "; " + 99 characters, and the mark */
	ck_assert_uint_eq(len, (1 + 198 * 2) + 2 + (1 + 98 * 2) + strlen("…"));
	ck_assert_int_eq(memcmp(line + len - strlen("é…"), "é…", strlen("é…")), 0);
}
END_TEST

START_TEST(at_most_forty_files)
{
	char files[64];

	start("null", "{'id':'1','title':null,'goal':null,'count':50}");
	for (int i = 1; i <= 40; i++) {
		char id[16];

		snprintf(id, sizeof(id), "%d", i);
		add("1", id, i, "null");
		snprintf(files, sizeof(files), "'f%d','f1'", i);
		succeed("1", id, "null", files);
	}
	expect_line("- **Files Identified**: f1, f2, f3, f4, f5, f6, f7, f8, f9, f10, f11, f12, "
		    "f13, f14, f15, f16, f17, f18, f19, f20, f21, f22, f23, f24, f25, f26, f27, "
		    "f28, f29, f30, f31, f32, f33, f34, f35, f36, f37, f38, f39, f40");
	add("1", "41", 41, "null");
	succeed("1", "41", "null", "'f41'");
	ck_assert_ptr_nonnull(strstr(markdown(), ", f40, …\n"));
	expect_not("f41");
}
END_TEST

START_TEST(a_long_step_is_counted)
{
	char id[16];

	start("null", "{'id':'1','title':null,'goal':null,'count':10000}");
	for (int i = 1; i <= 10000; i++) {
		snprintf(id, sizeof(id), "%d", i);
		add("1", id, i, "null");
	}
	for (int i = 1; i <= 10000; i++) {
		snprintf(id, sizeof(id), "%d", i);
		attempt("1", id, 1);
		if (i % 1000 != 0) {
			succeed("1", id, "'ok'", "");
			continue;
		}
		attempt_failed("1", id, 1, "exit 3", "boom");
		end_task("1", id, "failed", "exit", "'exit 3'", 1);
	}
	expect_line("  200. 200 → ✅ ok");
	/* the same words are said once */
	expect_line("- **Result Summary**: ok");
	expect_not("  201. ");
	expect_line("  - … and 9,800 more: 9,790 succeeded, 10 failed");
	expect_line("  - 1000 → ❌ Failed: exit 3: boom");
	expect_line("  - 10000 → ❌ Failed: exit 3: boom");
	expect_line("- **Status**: 🔄 Running: 10,000 of 10,000 finished, 10 failed");

	end_step("1", "partial", 9990, 10, 0, 1, 1);
	expect_line("- **Status**: ⚠️ Partial: 9,990 of 10,000 succeeded");
	expect_line("  - … and 9,800 more: 9,790 succeeded, 10 failed");
}
END_TEST

/* Fails one attempt of each of the tasks after the first 200. */
static void fail_first_attempts(int from, int to)
{
	char id[16];

	for (int i = from; i <= to; i++) {
		snprintf(id, sizeof(id), "%d", i);
		attempt("1", id, 1);
		attempt_failed("1", id, 1, "exit 3", "boom");
	}
}

START_TEST(failures_beyond_the_list_are_bounded)
{
	char id[16];
	int listed = 0;

	start("null", "{'id':'1','title':null,'goal':null,'count':1000}");
	for (int i = 1; i <= 1000; i++) {
		snprintf(id, sizeof(id), "t%d", i);
		add("1", id, i, "null");
	}
	for (int i = 201; i <= 1000; i++) {
		snprintf(id, sizeof(id), "t%d", i);
		end_task("1", id, "failed", "exit", "'exit 3'", 1);
	}
	expect_line("  - … and 800 more: 800 failed");
	for (const char *at = markdown(); (at = strstr(at, "→ ❌")) != NULL; at++)
		listed++;
	ck_assert_int_eq(listed, STATE_LISTED_MAX);
}
END_TEST

START_TEST(what_a_retry_saved_is_no_failure)
{
	char id[16];

	start("null", "{'id':'1','title':null,'goal':null,'count':1000}");
	for (int i = 1; i <= 1000; i++) {
		snprintf(id, sizeof(id), "%d", i);
		add("1", id, i, "null");
	}
	/* more of them than there are places */
	fail_first_attempts(201, 600);
	expect_not("❌");
	for (int i = 201; i <= 600; i++) {
		snprintf(id, sizeof(id), "%d", i);
		attempt("1", id, 2);
		succeed("1", id, "null", "");
	}
	expect_not("❌");
	expect_line("  - … and 800 more: 400 succeeded, 400 waiting");
	/* their places are free again */
	fail_first_attempts(601, 601);
	end_task("1", "601", "failed", "exit", "'exit 3'", 1);
	expect_line("  - 601 → ❌ Failed: exit 3: boom");
}
END_TEST

START_TEST(many_recoveries_are_bounded)
{
	start("null", "{'id':'1','title':null,'goal':null,'count':1}");
	for (int i = 0; i < 25; i++)
		feed("{'event':'recovery','step':'1','level':2,'text':'t%d retried'}", i);

	expect_line("- **Recovery**: Level 2: t19 retried");
	expect_line("- **Recovery**: … and 5 more");
	expect_not("t20 retried");
}
END_TEST

START_TEST(merged_and_escalated)
{
	start("null", "{'id':'build','title':null,'goal':null,'count':1}");
	add("build", "a", 1, "null");
	feed("{'event':'escalated','step':'build','reason':'nothing helped'}");
	feed("{'event':'step-finished','step':'build','outcome':'none','total':1,'succeeded':0,"
	     "'failed':1,'skipped':0,'cancelled':0,'seconds':1,'sequential_seconds':1,"
	     "'merged':'merged/build.md'}");
	feed("{'event':'run-finished','outcome':'none','exit':2,'signal':null,'succeeded':0,"
	     "'failed':1,'skipped':0,'cancelled':0}");

	expect_line("- **Status**: ❌ Failed: 0 of 1 succeeded");
	expect_line("### Step 1: build (Sequential)");
	expect_line("- **Escalated**: nothing helped; see ESCALATION.md");
	expect_line("- **Merged Result**: merged/build.md");
}
END_TEST

START_TEST(what_the_debugger_said)
{
	start("null", "{'id':'1','title':null,'goal':null,'count':2}");
	feed("{'event':'verdict','step':'1','level':2,'debugger':'doctor','valid':false,"
	     "'error':'unknown key','verdict':null,'answer':'<x>','seconds':1}");
	feed("{'event':'verdict','step':'1','level':2,'debugger':'builtin','valid':true,"
	     "'error':null,'verdict':{'relation':'related','cause':'2 tasks: no `x`',"
	     "'strategy':'parallel'},'answer':null,'seconds':1}");
	feed("{'event':'recovery','step':'1','level':2,'text':'b retried'}");
	feed("{'event':'verdict','step':'1','level':3,'debugger':'builtin','valid':false,"
	     "'error':null,'verdict':null,'answer':null,'seconds':1}");

	expect_line("- **Recovery**: Level 2: doctor debugger: no verdict: unknown key\n"
		    "- **Recovery**: Level 2: builtin debugger: related: 2 tasks: no \\`x\\`\n"
		    "- **Recovery**: Level 2: b retried\n"
		    "- **Recovery**: Level 3: builtin debugger: no verdict");
}
END_TEST

START_TEST(bad_records_are_ignored)
{
	feed("{}");
	feed("{'event':7}");
	feed("{'event':'task-added','step':'1'}");
	feed("{'event':'task-finished','step':'1','task':'a','status':'exploded'}");
	feed("{'event':'attempt-finished','step':'1','task':'zz'}");
	feed("{'event':'recovery','step':'1'}");
	feed("{'event':'verdict','step':'1'}");
	feed("{'event':'verdict','step':'1','debugger':5,'verdict':7}");
	feed("{'event':'a-later-one','step':'9','task':'x'}");
	expect_line("# ?");
}
END_TEST

Suite *state_suite(void)
{
	Suite *suite = suite_create("state");
	TCase *form = tcase_create("form");

	tcase_add_checked_fixture(form, setup, teardown);
	tcase_add_test(form, the_form_of_the_specification);
	tcase_add_test(form, a_complete_run_without_a_name);
	tcase_add_test(form, a_run_that_goes_on);
	tcase_add_test(form, an_interrupted_run);
	tcase_add_test(form, a_run_that_nobody_runs_any_more);
	tcase_add_test(form, an_end_stays_an_end);
	tcase_add_test(form, a_resumed_run_counts_each_task_once);
	tcase_add_test(form, an_edited_list);
	tcase_add_test(form, tasks_that_are_removed_leave_no_line);
	tcase_add_test(form, sequential_with_one_slot);
	tcase_add_test(form, sequential_when_asked_for);
	tcase_add_test(form, no_note_when_nothing_was_saved);
	tcase_add_test(form, what_a_failure_says);
	tcase_add_test(form, text_of_tasks_stays_text);
	tcase_add_test(form, a_name_keeps_its_line);
	tcase_add_test(form, merged_and_escalated);
	tcase_add_test(form, what_the_debugger_said);
	suite_add_tcase(suite, form);

	TCase *bounds = tcase_create("bounds");
	tcase_add_checked_fixture(bounds, setup, teardown);
	tcase_add_test(bounds, long_text_is_cut);
	tcase_add_test(bounds, at_most_forty_files);
	tcase_add_test(bounds, a_long_step_is_counted);
	tcase_add_test(bounds, failures_beyond_the_list_are_bounded);
	tcase_add_test(bounds, what_a_retry_saved_is_no_failure);
	tcase_add_test(bounds, many_recoveries_are_bounded);
	tcase_add_test(bounds, bad_records_are_ignored);
	suite_add_tcase(suite, bounds);
	return suite;
}
