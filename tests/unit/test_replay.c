#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "shared/clock.h"
#include "shared/io.h"
#include "shared/json.h"
#include "supervisor/record/replay.h"

Suite *replay_suite(void);

/* One record of a story, from members as JSON; its number is its place. */
static void tell(struct replay *r, const char *event, const char *members)
{
	static int64_t offset;
	struct buf text = BUF_INIT;
	struct json_error error;

	buf_addf(&text, "{\"event\":\"%s\"%s%s}", event, members[0] != '\0' ? "," : "", members);
	cJSON *record = json_parse(text.data, text.len, &error);
	ck_assert_msg(record != NULL, "%s: %s", text.data, error.message);
	replay_event(r, record, (struct record_place){ ++offset, 1 });
	cJSON_Delete(record);
	buf_free(&text);
}

static const struct replay_task *task_of(const struct replay *r, const char *step, const char *task)
{
	size_t at = replay_find_step(r, step);
	ck_assert_uint_ne(at, REPLAY_NONE);
	size_t found = replay_find_task(r, at, task);
	ck_assert_uint_ne(found, REPLAY_NONE);
	ck_assert_uint_eq(r->tasks[found].step, at);
	return &r->tasks[found];
}

static const struct replay_step *step_of(const struct replay *r, const char *step)
{
	size_t at = replay_find_step(r, step);
	ck_assert_uint_ne(at, REPLAY_NONE);
	return &r->steps[at];
}

#define RUN_STARTED \
	"\"run\":\"r\",\"name\":\"n\",\"options\":{\"stream\":false}," \
	"\"steps\":[{\"id\":\"a\",\"count\":2},{\"id\":\"b\",\"count\":null}]"
#define X "\"step\":\"a\",\"task\":\"x\""
#define Y "\"step\":\"a\",\"task\":\"y\""
#define USED ",\"usage\":{\"input_tokens\":10,\"output_tokens\":3,\"usd\":0.5}"

START_TEST(story)
{
	struct replay r = { 0 };

	tell(&r, "run-started", RUN_STARTED);
	tell(&r, "task-added", X ",\"number\":1,\"agent\":null,\"record\":\"echo x\"");
	tell(&r, "task-added", Y ",\"number\":7,\"agent\":\"researcher\",\"record\":\"why\"");
	tell(&r, "attempt-started", X ",\"attempt\":1,\"level\":0");
	tell(&r, "attempt-started", Y ",\"attempt\":1,\"level\":0");
	tell(&r, "attempt-finished",
	    X
	    ",\"attempt\":1,\"level\":0,\"status\":\"failed\",\"reason\":\"exit\",\"seconds\":1.5" USED);
	ck_assert_str_eq(json_get_string(r.started, "name"), "n");
	ck_assert_uint_eq(r.nsteps, 2);
	ck_assert_uint_eq(step_of(&r, "a")->expected, 2);
	ck_assert_uint_eq(step_of(&r, "b")->expected, UINT64_MAX);
	ck_assert_uint_eq(step_of(&r, "a")->count, 2);
	ck_assert_uint_eq(step_of(&r, "b")->first, REPLAY_NONE);
	ck_assert_uint_eq(r.last_number, 7);

	const struct replay_task *x = task_of(&r, "a", "x");
	const struct replay_task *y = task_of(&r, "a", "y");
	ck_assert_ptr_eq(x, &r.tasks[step_of(&r, "a")->first]);
	ck_assert_ptr_eq(y, &r.tasks[x->next]);
	ck_assert_uint_eq(y->next, REPLAY_NONE);
	ck_assert_str_eq(x->record, "echo x");
	ck_assert_uint_eq(x->record_len, 6);
	ck_assert_ptr_null(x->agent);
	ck_assert_str_eq(y->agent, "researcher");
	ck_assert(!replay_in_flight(x) && !x->final);
	ck_assert_uint_eq(x->failures, 1);
	ck_assert_int_eq(x->reason, REASON_EXIT);
	ck_assert_int_eq(x->spent_ms, 1500);
	ck_assert_uint_eq(x->used.input_tokens, 10);
	ck_assert(replay_in_flight(y));
	ck_assert_int_eq(y->last.offset, -1);

	tell(&r, "attempt-finished",
	    Y ",\"attempt\":1,\"level\":0,\"status\":\"succeeded\",\"reason\":null,\"seconds\":2");
	tell(&r, "task-finished", Y ",\"status\":\"succeeded\",\"reason\":null");
	ck_assert(y->final && y->status == RESULT_SUCCEEDED && y->reason == REASON_NONE);
	ck_assert_int_eq(y->finishing.offset, y->last.offset + 1);
	ck_assert_int_eq(r.sequential_ms, 3500);
	ck_assert_uint_eq(r.used.told, 1);
	ck_assert_uint_eq(r.used.not_told, 1);

	tell(&r, "recovery-started", "\"step\":\"a\",\"level\":1");
	tell(&r, "attempt-started", X ",\"attempt\":2,\"level\":1");
	ck_assert(replay_in_flight(x) && x->level == 1);
	ck_assert_uint_eq(step_of(&r, "a")->ladders, 1);
	ck_assert(step_of(&r, "a")->on_ladder);
	/* the supervisor dies here */
	tell(&r, "resumed", "\"again\":[\"cancelled\"]");
	ck_assert(replay_in_flight(x) && y->final && r.resumed == 1);
	tell(&r, "attempt-started", X ",\"attempt\":3,\"level\":1");
	tell(&r, "attempt-finished",
	    X
	    ",\"attempt\":3,\"level\":1,\"status\":\"failed\",\"reason\":\"timeout\",\"seconds\":1");
	tell(&r, "task-finished", X ",\"status\":\"failed\",\"reason\":\"timeout\"");
	tell(&r, "recovery", "\"step\":\"a\",\"level\":1,\"text\":\"x retried\"");
	tell(&r, "merge-finished",
	    "\"step\":\"a\",\"task\":\"+merge\",\"agent\":\"m\",\"attempt\":1,"
	    "\"status\":\"succeeded\"" USED);
	tell(&r, "step-finished",
	    "\"step\":\"a\",\"outcome\":\"partial\",\"merged\":\"merged/a.md\"");
	ck_assert_uint_eq(r.ntasks, 2);
	ck_assert_uint_eq(x->failures, 2);
	ck_assert_uint_eq(step_of(&r, "a")->ladders, 1);
	ck_assert(!step_of(&r, "a")->on_ladder && step_of(&r, "a")->over);
	ck_assert_str_eq(step_of(&r, "a")->merged, "merged/a.md");
	ck_assert_uint_eq(step_of(&r, "a")->merges, 1);
	ck_assert_uint_eq(r.used.told, 2);
	tell(&r, "run-finished", "\"exit\":1,\"outcome\":\"partial\",\"signal\":\"SIGTERM\"");
	ck_assert(r.finished && r.exit_status == 1);
	ck_assert_str_eq(r.signal, "SIGTERM");
	replay_free(&r);
}
END_TEST

/* A stop takes no retries away: whoever resumes goes on with the failures and the ladder as they were. */
START_TEST(failed_and_called_off)
{
	struct replay r = { 0 };

	tell(&r, "run-started", RUN_STARTED);
	tell(&r, "task-added", X ",\"number\":1,\"record\":\"1\"");
	tell(&r, "task-added", Y ",\"number\":2,\"record\":\"2\"");
	tell(&r, "attempt-started", X ",\"attempt\":1");
	tell(&r, "attempt-finished", X ",\"attempt\":1,\"status\":\"failed\",\"reason\":\"exit\"");
	tell(&r, "attempt-started", Y ",\"attempt\":1");
	tell(&r, "attempt-finished", Y ",\"attempt\":1,\"status\":\"failed\",\"reason\":\"exit\"");
	tell(&r, "task-finished", Y ",\"status\":\"failed\",\"reason\":\"exit\"");
	const struct replay_step *a = step_of(&r, "a");
	const struct replay_task *x = task_of(&r, "a", "x");
	for (unsigned i = 1; i < 4; i++) {
		if (i == 1)
			tell(&r, "verdict",
			    "\"step\":\"a\",\"valid\":true,\"verdict\":{\"cause\":\"rain\"}");
		tell(&r, "recovery",
		    "\"step\":\"a\",\"level\":2,\"text\":\"called off\",\"called_off\":true");
		tell(&r, "task-finished",
		    X ",\"status\":\"failed\",\"reason\":\"exit\",\"called_off\":true");
		tell(&r, "step-finished", "\"step\":\"a\",\"outcome\":\"none\",\"merged\":null");
		tell(&r, "run-finished", "\"exit\":4,\"outcome\":\"none\",\"signal\":null");
		ck_assert(x->final && x->called_off && a->over && !a->on_ladder);
		tell(&r, "resumed", "\"again\":[\"skipped\",\"cancelled\"]");
		ck_assert(!x->final && !x->called_off && !x->again && x->judged);
		ck_assert_uint_eq(x->failures, 1);
		ck_assert(!a->over && a->on_ladder);
		ck_assert_uint_eq(a->ladders, 1);
		ck_assert_ptr_ne(a->verdict, NULL);
		/* its retries were used up */
		ck_assert(task_of(&r, "a", "y")->final);
	}
	/* with --retry-failed it begins afresh like the others */
	tell(&r, "task-finished",
	    X ",\"status\":\"failed\",\"reason\":\"exit\",\"called_off\":true");
	tell(&r, "resumed", "\"again\":[\"failed\"]");
	ck_assert(!x->final && !x->called_off && x->again && !a->on_ladder);
	ck_assert_uint_eq(x->failures, 0);
	replay_free(&r);
}
END_TEST

/* What failed is taken again: a fresh start, in a step that is open again. */
START_TEST(failed_again)
{
	struct replay r = { 0 };

	tell(&r, "run-started", RUN_STARTED);
	tell(&r, "task-added", X ",\"number\":1,\"record\":\"1\"");
	tell(&r, "task-added", Y ",\"number\":2,\"record\":\"2\"");
	tell(&r, "task-added", "\"step\":\"b\",\"task\":\"z\",\"number\":3,\"record\":\"3\"");
	tell(&r, "attempt-started", X ",\"attempt\":1");
	tell(&r, "attempt-finished", X ",\"attempt\":1,\"status\":\"failed\",\"reason\":\"exit\"");
	tell(&r, "verdict", "\"step\":\"a\",\"valid\":true,\"verdict\":{\"cause\":\"rain\"}");
	tell(&r, "task-finished", X ",\"status\":\"failed\",\"reason\":\"exit\"");
	tell(&r, "task-finished", Y ",\"status\":\"skipped\",\"reason\":\"needs\"");
	tell(&r, "escalated", "\"step\":\"a\",\"reason\":\"no task succeeded\"");
	tell(&r, "step-finished", "\"step\":\"a\",\"outcome\":\"none\",\"merged\":null");
	tell(&r, "task-finished",
	    "\"step\":\"b\",\"task\":\"z\",\"status\":\"skipped\",\"reason\":\"when\"");
	tell(&r, "step-finished", "\"step\":\"b\",\"outcome\":\"skipped\",\"when\":\"false\"");
	tell(&r, "run-finished", "\"exit\":2,\"outcome\":\"none\",\"signal\":null");

	const struct replay_step *a = step_of(&r, "a");
	const struct replay_step *b = step_of(&r, "b");
	ck_assert(a->over && b->over && b->left_out && !a->left_out);
	ck_assert_uint_eq(a->ladders, 1);
	ck_assert_str_eq(json_get_string(json_get(a->verdict, "verdict"), "cause"), "rain");
	ck_assert_str_eq(a->escalated, "no task succeeded");

	/* nothing that a plain resume takes again */
	tell(&r, "resumed", "\"again\":[\"cancelled\"]");
	ck_assert(a->over && b->over && b->left_out && task_of(&r, "a", "x")->final);
	ck_assert(!r.finished);

	tell(&r, "resumed", "\"again\":[\"failed\",\"skipped\",\"cancelled\"]");
	ck_assert(!a->over && !b->over && !b->left_out);
	ck_assert_uint_eq(a->ladders, 0);
	ck_assert(task_of(&r, "a", "x")->again && task_of(&r, "a", "x")->failures == 0);
	ck_assert(task_of(&r, "a", "y")->again && task_of(&r, "b", "z")->again);
	/* what it said last is still known, and its next attempt has its own number */
	ck_assert_int_ge(task_of(&r, "a", "x")->last.offset, 0);
	ck_assert_uint_eq(task_of(&r, "a", "x")->attempts, 1);
	ck_assert_uint_eq(r.resumed, 2);
	replay_free(&r);
}
END_TEST

/* A list that was edited: what has another record is another task. */
START_TEST(edited)
{
	struct replay r = { 0 };

	tell(&r, "task-added", X ",\"number\":1,\"record\":\"old\"");
	tell(&r, "task-added", Y ",\"number\":2,\"record\":\"same\"");
	for (int i = 0; i < 2; i++) {
		const char *done = i == 0 ? X ",\"attempt\":1,\"status\":\"succeeded\"" :
					    Y ",\"attempt\":1,\"status\":\"succeeded\"";
		tell(&r, "attempt-started", done);
		tell(&r, "attempt-finished", done);
		tell(&r, "task-finished", done);
	}
	tell(&r, "resumed", "\"again\":[\"cancelled\"]");
	tell(&r, "task-removed", Y);
	ck_assert(task_of(&r, "a", "y")->removed);
	tell(&r, "task-added", X ",\"number\":1,\"record\":\"new\"");
	tell(&r, "task-added", Y ",\"number\":9,\"record\":\"same\"");
	ck_assert(task_of(&r, "a", "y")->final && !task_of(&r, "a", "y")->removed);
	ck_assert_uint_eq(task_of(&r, "a", "y")->number, 2);

	const struct replay_task *x = task_of(&r, "a", "x");
	ck_assert(!x->final && !replay_in_flight(x));
	ck_assert_str_eq(x->record, "new");
	ck_assert_int_eq(x->last.offset, -1);
	ck_assert_uint_eq(x->attempts, 1);
	ck_assert_uint_eq(r.ntasks, 2);
	replay_free(&r);
}
END_TEST

/* The tasks of a step in their order. */
static void expect_order(const struct replay *r, const char *step, const char *ids)
{
	struct buf out = BUF_INIT;

	for (size_t i = step_of(r, step)->first; i != REPLAY_NONE; i = r->tasks[i].next)
		buf_addf(&out, "%s%s%s", out.len > 0 ? " " : "", r->tasks[i].removed ? "-" : "",
		    r->tasks[i].id);
	ck_assert_str_eq(buf_str(&out), ids);
	buf_free(&out);
}

START_TEST(ordered)
{
	struct replay r = { 0 };

	tell(&r, "run-started", RUN_STARTED ",\"goal\":\"old\"");
	tell(&r, "task-added", X ",\"record\":\"1\"");
	tell(&r, "task-added", Y ",\"record\":\"2\"");
	tell(&r, "task-added", "\"step\":\"b\",\"task\":\"made\",\"record\":\"3\"");
	tell(&r, "resumed", "\"again\":[]");
	tell(&r, "list-edited",
	    "\"goal\":\"new\",\"steps\":[{\"id\":\"a\",\"count\":2,\"tasks\":[\"z\",\"y\",\"z\",7]},"
	    "{\"id\":\"b\",\"count\":null},{\"id\":\"c\",\"count\":1,\"tasks\":[\"x\"]}]");
	expect_order(&r, "a", "z y -x");
	expect_order(&r, "b", "made");
	expect_order(&r, "c", "x");
	ck_assert_ptr_null(task_of(&r, "a", "z")->record);
	ck_assert_uint_eq(step_of(&r, "a")->expected, 2);
	ck_assert_uint_eq(step_of(&r, "a")->count, 3);
	ck_assert_str_eq(json_get_string(r.started, "goal"), "new");
	/* a start comes once */
	tell(&r, "run-started", RUN_STARTED);
	ck_assert_str_eq(json_get_string(r.started, "goal"), "new");
	tell(&r, "task-added", "\"step\":\"a\",\"task\":\"w\",\"record\":\"4\"");
	expect_order(&r, "a", "z y -x w");
	tell(&r, "list-edited", "\"steps\":[{\"id\":\"a\",\"count\":0,\"tasks\":[]}]");
	expect_order(&r, "a", "-z -y -x -w");
	ck_assert(step_of(&r, "c")->expected == UINT64_MAX);
	replay_free(&r);
}
END_TEST

/* An attempt that a limit of its service ended is over, and that is all. */
START_TEST(forgiven)
{
	struct replay r = { 0 };

	tell(&r, "task-added", X ",\"record\":\"1\"");
	tell(&r, "attempt-started", X ",\"attempt\":1,\"level\":0");
	tell(&r, "attempt-finished",
	    X ",\"attempt\":1,\"status\":\"failed\",\"reason\":\"rate-limit\",\"seconds\":2,"
	      "\"usage\":null,\"forgiven\":true");
	const struct replay_task *x = task_of(&r, "a", "x");
	ck_assert(!replay_in_flight(x) && !x->final);
	ck_assert_uint_eq(x->attempts, 1);
	ck_assert_uint_eq(x->failures, 0);
	ck_assert_int_eq(x->last.offset, -1);
	ck_assert_int_eq(x->spent_ms, 2000);
	ck_assert_uint_eq(x->used.not_told, 0);
	tell(&r, "attempt-started", X ",\"attempt\":2,\"level\":0");
	tell(&r, "attempt-finished",
	    X
	    ",\"attempt\":2,\"status\":\"failed\",\"reason\":\"rate-limit\",\"forgiven\":true" USED);
	x = task_of(&r, "a", "x");
	ck_assert_uint_eq(x->failures, 0);
	ck_assert_uint_eq(x->used.told, 1);
	/* as with --no-adapt */
	tell(&r, "attempt-finished",
	    X ",\"attempt\":3,\"status\":\"failed\",\"reason\":\"rate-limit\"");
	x = task_of(&r, "a", "x");
	ck_assert_uint_eq(x->failures, 1);
	replay_free(&r);
}
END_TEST

/* What agents have used that are no task's, each by its name. */
START_TEST(asides)
{
	struct replay r = { 0 };

	tell(&r, "merge-finished", "\"step\":\"a\",\"agent\":\"m\",\"status\":\"failed\"" USED);
	tell(&r, "merge-finished", "\"step\":\"a\",\"agent\":\"m\",\"status\":\"succeeded\"" USED);
	tell(&r, "verdict", "\"step\":\"a\",\"debugger\":\"d\",\"usage\":null");
	tell(&r, "verdict", "\"step\":\"a\",\"debugger\":\"builtin\",\"usage\":null");
	tell(&r, "fix", "\"step\":\"a\",\"agent\":null,\"run\":[\"x\"]");
	tell(&r, "fix", "\"step\":\"a\",\"agent\":\"d\"" USED);
	tell(&r, "verdict", "\"step\":\"b\",\"debugger\":\"d\"" USED);
	const struct replay_step *a = step_of(&r, "a");
	ck_assert_uint_eq(a->nasides, 2);
	ck_assert_str_eq(a->asides[0].agent, "m");
	ck_assert_uint_eq(a->asides[0].used.input_tokens, 20);
	ck_assert_uint_eq(a->asides[0].used.told, 2);
	ck_assert_str_eq(a->asides[1].agent, "d");
	ck_assert_uint_eq(a->asides[1].used.told, 1);
	ck_assert_uint_eq(a->asides[1].used.not_told, 1);
	ck_assert_uint_eq(step_of(&r, "b")->nasides, 1);
	ck_assert_uint_eq(r.used.told, 4);
	ck_assert_uint_eq(r.used.not_told, 1);
	replay_free(&r);
}
END_TEST

/* What a verdict was about, who was asked first, and how long the cause stands. */
START_TEST(judged)
{
#define ENDS(task, status) \
	"\"step\":\"a\",\"task\":\"" task "\",\"attempt\":1,\"status\":\"" status \
	"\",\"reason\":\"exit\""
	struct replay r = { 0 };

	tell(&r, "attempt-finished", ENDS("x", "failed"));
	tell(&r, "attempt-finished", ENDS("y", "succeeded"));
	tell(&r, "attempt-started", "\"step\":\"a\",\"task\":\"z\",\"attempt\":1");
	tell(&r, "recovery-started", "\"step\":\"a\"");
	tell(&r, "verdict", "\"step\":\"a\",\"debugger\":\"d\",\"verdict\":null");
	ck_assert_ptr_null(r.cause);
	tell(&r, "verdict",
	    "\"step\":\"a\",\"debugger\":\"builtin\",\"verdict\":{\"cause\":\"oil\"}");
	ck_assert_str_eq(step_of(&r, "a")->debugger, "d");
	ck_assert_str_eq(r.cause, "oil");
	ck_assert(task_of(&r, "a", "x")->judged);
	ck_assert(!task_of(&r, "a", "y")->judged && !task_of(&r, "a", "z")->judged);
	tell(&r, "task-finished", ENDS("x", "failed"));
	tell(&r, "run-finished", "\"exit\":1,\"seconds\":2.5");
	ck_assert(json_get_number(r.ended, "seconds", 0) == 2.5);
	tell(&r, "resumed", "\"again\":[\"skipped\"]");
	ck_assert_ptr_null(r.ended);
	ck_assert_str_eq(r.cause, "oil");
	tell(&r, "resumed", "\"again\":[\"failed\"]");
	ck_assert_ptr_null(r.cause);
	tell(&r, "recovery-started", "\"step\":\"a\"");
	ck_assert_ptr_null(step_of(&r, "a")->debugger);
	replay_free(&r);
}
END_TEST

START_TEST(called_off)
{
	struct replay r = { 0 };

	tell(&r, "step-finished", "\"step\":\"a\",\"outcome\":\"all\",\"called_off\":true");
	ck_assert(step_of(&r, "a")->over && step_of(&r, "a")->called_off);
	tell(&r, "step-finished", "\"step\":\"a\",\"outcome\":\"all\"");
	ck_assert(step_of(&r, "a")->over && !step_of(&r, "a")->called_off);
	replay_free(&r);
}
END_TEST

/* A stream is cut after its last record, unless its end was read. */
START_TEST(cut)
{
	struct replay r = { 0 };

	ck_assert_uint_eq(replay_input_cut(&r), 0);
	tell(&r, "run-started", "\"options\":{\"stream\":true}");
	ck_assert_uint_eq(replay_input_cut(&r), UINT32_MAX);
	tell(&r, "task-added", X ",\"number\":3,\"record\":\"\"");
	ck_assert_uint_eq(replay_input_cut(&r), 3);
	tell(&r, "input-ended", "");
	ck_assert_uint_eq(replay_input_cut(&r), 0);
	replay_free(&r);
}
END_TEST

/* Any bytes may be a record, and two that are shown alike are not the same. */
START_TEST(bytes)
{
	struct replay r = { 0 };

	tell(&r, "task-added", X ",\"record\":\"\xef\xbf\xbd\",\"record_base64\":\"/w==\"");
	ck_assert_uint_eq(task_of(&r, "a", "x")->record_len, 1);
	ck_assert_int_eq((unsigned char)task_of(&r, "a", "x")->record[0], 0xff);
	tell(&r, "task-added", X ",\"record\":\"\"");
	ck_assert_uint_eq(task_of(&r, "a", "x")->record_len, 0);
	replay_free(&r);
}
END_TEST

/* Times between two supervisors do not count, nor does a clock that is set back. */
START_TEST(times)
{
	struct replay r = { 0 };

	tell(&r, "run-started", "\"time\":\"2026-01-01T00:00:00.000Z\"");
	tell(&r, "task-added", X ",\"record\":\"\",\"time\":\"2026-01-01T00:00:01.500Z\"");
	tell(&r, "attempt-started",
	    "\"step\":\"b\",\"task\":\"z\",\"attempt\":1,\"time\":\"2026-01-01T00:00:02.000Z\"");
	tell(&r, "resumed", "\"time\":\"2026-01-02T00:00:00.000Z\"");
	tell(&r, "escalated", X ",\"time\":\"2026-01-02T00:00:03.000Z\"");
	tell(&r, "escalated", X ",\"time\":\"2026-01-01T00:00:00.000Z\"");
	tell(&r, "escalated", X ",\"time\":\"yesterday\"");
	tell(&r, "escalated", X ",\"time\":\"2026-01-01T00:00:00.250Z\"");
	ck_assert_int_eq(r.active_ms, 1500 + 500 + 3000 + 250);
	ck_assert_int_eq(step_of(&r, "a")->active_ms, 1500 + 3000 + 250);
	ck_assert_int_eq(step_of(&r, "b")->active_ms, 500);
	replay_free(&r);
}
END_TEST

/* The property: whatever comes, the replay is what a slow statement of the rules says. */

enum kind {
	ADDED,
	STARTED,
	ENDED,
	FINAL,
	REMOVED,
	LADDER,
	VERDICT,
	FIX,
	LEFT,
	MERGED,
	OVER,
	OMITTED,
	RESUMED,
	KINDS
};

static const char *const kind_names[KINDS] = { "task-added", "attempt-started", "attempt-finished",
	"task-finished", "task-removed", "recovery-started", "verdict", "fix", "recovery",
	"merge-finished", "step-finished", "step-finished", "resumed" };

#define STEPS 3
#define TASKS 3
#define LENGTH 32

struct event {
	enum kind kind;
	int step, task;
	unsigned attempt, level, status, reason, record;
	unsigned again; /* a bit for each status */
};

static struct event events[LENGTH];

static unsigned seed;

static unsigned dice(unsigned sides)
{
	seed = seed * 1103515245u + 12345u;
	return (seed >> 16) % sides;
}

static bool is_about(int i, enum kind kind, int step, int task)
{
	return events[i].kind == kind && events[i].step == step && events[i].task == task;
}

static unsigned larger(unsigned a, unsigned b)
{
	return a > b ? a : b;
}

/* All of these speak of the first n events. */

static unsigned slow_attempts(int n, int step, int task)
{
	unsigned most = 0;
	for (int i = 0; i < n; i++) {
		if (is_about(i, STARTED, step, task) || is_about(i, ENDED, step, task))
			most = larger(most, events[i].attempt);
	}
	return most;
}

/* The record of the task; -1: not added. */
static int slow_record(int n, int step, int task)
{
	for (int i = n - 1; i >= 0; i--) {
		if (is_about(i, ADDED, step, task))
			return (int)events[i].record;
	}
	return -1;
}

static bool slow_changes(int i, int step, int task)
{
	int before = slow_record(i, step, task);
	return is_about(i, ADDED, step, task) && before != -1 && before != (int)events[i].record;
}

static unsigned slow_ended(int n, int step, int task)
{
	unsigned most = 0;
	for (int i = 0; i < n; i++) {
		if (is_about(i, ENDED, step, task))
			most = larger(most, events[i].attempt);
		if (is_about(i, FINAL, step, task) || slow_changes(i, step, task))
			most = larger(most, slow_attempts(i, step, task));
	}
	return most;
}

static bool slow_starts(int i, int step, int task)
{
	bool its = is_about(i, STARTED, step, task) || is_about(i, ENDED, step, task);
	return its && events[i].attempt > slow_attempts(i, step, task);
}

static bool slow_ends(int i, int step, int task)
{
	return is_about(i, ENDED, step, task) && events[i].attempt > slow_ended(i, step, task);
}

static int slow_final(int n, int step, int task);

/* The newest event that gave it its status; -1: none. */
static int slow_source(int n, int step, int task)
{
	for (int i = n - 1; i >= 0; i--) {
		if (slow_changes(i, step, task))
			return -1;
		if (is_about(i, FINAL, step, task) || slow_ends(i, step, task))
			return i;
	}
	return -1;
}

static bool slow_again(int i, int step, int task)
{
	int final = slow_final(i, step, task);
	return events[i].kind == RESUMED && final != -1 && events[final].reason != REASON_WHEN &&
	    (events[i].again >> events[slow_source(i, step, task)].status & 1) != 0;
}

static bool slow_opens(int i, int step)
{
	for (int task = 0; task < TASKS; task++) {
		if (slow_starts(i, step, task) || slow_again(i, step, task) ||
		    is_about(i, REMOVED, step, task))
			return true;
	}
	return false;
}

/* The event that ended the step; -1: it is not over. */
static int slow_over(int n, int step)
{
	for (int i = n - 1; i >= 0; i--) {
		if (slow_opens(i, step))
			return -1;
		if (events[i].step == step && (events[i].kind == OVER || events[i].kind == OMITTED))
			return i;
		int over = events[i].kind == RESUMED ? slow_over(i, step) : -1;
		if (over == -1 || events[over].kind != OMITTED)
			continue;
		for (int before = 0; before < step; before++) {
			if (slow_over(i, before) == -1 || slow_opens(i, before))
				return -1;
		}
	}
	return -1;
}

/* A condition is looked at again where its step, or one before it, is open. */
static bool slow_asks(int i, int step, int task)
{
	int final = slow_final(i, step, task);
	if (events[i].kind != RESUMED || final == -1 || events[final].reason != REASON_WHEN)
		return false;
	for (int before = 0; before <= step; before++) {
		if (slow_over(i, before) == -1 || slow_opens(i, before))
			return true;
	}
	return false;
}

static bool slow_taken(int i, int step, int task)
{
	return slow_again(i, step, task) || slow_asks(i, step, task);
}

/* The event that made it final; -1: it is not. */
static int slow_final(int n, int step, int task)
{
	for (int i = n - 1; i >= 0; i--) {
		if (is_about(i, FINAL, step, task)) {
			for (int k = i + 1; k < n; k++) {
				if (events[k].kind == RESUMED && slow_taken(k, step, task))
					return -1;
			}
			return i;
		}
		if (slow_starts(i, step, task) || slow_changes(i, step, task))
			return -1;
	}
	return -1;
}

static bool slow_failed_again(int i, int step, int task)
{
	return slow_taken(i, step, task) &&
	    events[slow_source(i, step, task)].status == RESULT_FAILED;
}

static unsigned slow_failures(int n, int step, int task)
{
	unsigned count = 0;
	for (int i = n - 1; i >= 0; i--) {
		if (slow_changes(i, step, task) || slow_failed_again(i, step, task))
			break;
		count += slow_ends(i, step, task) && events[i].status == RESULT_FAILED;
	}
	return count;
}

static bool slow_ladder_forgotten(int i, int step)
{
	for (int task = 0; task < TASKS; task++) {
		if (slow_again(i, step, task) && slow_failed_again(i, step, task))
			return true;
	}
	return false;
}

static bool slow_on_ladder(int n, int step);

/* On the ladder from here on, if not before. */
static bool slow_shows_ladder(int i, int step)
{
	bool shows = events[i].kind == VERDICT || events[i].kind == FIX || events[i].kind == LEFT;
	if (shows && events[i].step == step)
		return true;
	for (int task = 0; task < TASKS; task++) {
		if (slow_starts(i, step, task) && events[i].level > 0)
			return true;
	}
	return false;
}

static bool slow_enters(int i, int step)
{
	if (events[i].kind == LADDER && events[i].step == step)
		return true;
	return slow_shows_ladder(i, step) && !slow_on_ladder(i, step);
}

static bool slow_on_ladder(int n, int step)
{
	for (int i = n - 1; i >= 0; i--) {
		bool its = events[i].step == step;
		if (slow_ladder_forgotten(i, step))
			return false;
		if (its &&
		    (events[i].kind == LEFT || events[i].kind == OVER || events[i].kind == OMITTED))
			return false;
		if ((its && events[i].kind == LADDER) || slow_shows_ladder(i, step))
			return true;
	}
	return false;
}

static unsigned slow_ladders(int n, int step)
{
	unsigned count = 0;
	for (int i = n - 1; i >= 0 && !slow_ladder_forgotten(i, step); i--)
		count += slow_enters(i, step);
	return count;
}

/* The newest record of the kind since the ladder was entered; -1: none. */
static int slow_said(int n, int step, enum kind kind)
{
	for (int i = n - 1; i >= 0; i--) {
		if (events[i].kind == kind && events[i].step == step)
			return i;
		if (slow_enters(i, step))
			return -1;
	}
	return -1;
}

static int slow_merge(int n, int step)
{
	for (int i = n - 1; i >= 0; i--) {
		if (events[i].kind == MERGED && events[i].step == step)
			return i;
		if (slow_opens(i, step))
			return -1;
		/* left out, and open again */
		if (events[i].kind == RESUMED && slow_over(i, step) != -1 &&
		    slow_over(i + 1, step) == -1)
			return -1;
	}
	return -1;
}

static struct event random_event(void)
{
	static const unsigned chances[KINDS] = { 8, 16, 14, 10, 1, 2, 2, 1, 2, 2, 5, 2, 4 };
	unsigned pick = dice(69);
	struct event e = { .kind = 0 };
	while (pick >= chances[e.kind])
		pick -= chances[e.kind++];
	e.step = (int)dice(STEPS);
	e.task = (int)dice(TASKS);
	e.attempt = dice(5);
	e.level = dice(3) == 0;
	e.status = dice(RESULT_STATUS_COUNT);
	e.reason = dice(3) == 0 ? REASON_WHEN : REASON_EXIT;
	e.record = dice(4) == 0;
	e.again = dice(2) == 0 ? 1u << RESULT_CANCELLED : dice(16);
	if (e.kind == LADDER || e.kind == VERDICT || e.kind == FIX || e.kind >= LEFT)
		e.task = -1;
	if (e.kind == RESUMED)
		e.step = -1;
	return e;
}

static cJSON *record_of(const struct event *e)
{
	static const char *const ids[] = { "0", "one", "two" };
	cJSON *o = cJSON_CreateObject();
	json_add_string(o, "event", kind_names[e->kind]);
	if (e->step >= 0)
		json_add_string(o, "step", ids[e->step]);
	if (e->task >= 0)
		json_add_string(o, "task", ids[e->task]);
	json_add_integer(o, "attempt", e->attempt);
	json_add_integer(o, "level", e->level);
	json_add_string(o, "status", result_status_text((enum result_status)e->status));
	json_add_string(o, "reason", reason_text((enum reason)e->reason));
	json_add_string(o, "record", e->record != 0 ? "b" : "a");
	json_add_string(o, "outcome", e->kind == OMITTED ? "skipped" : "partial");
	cJSON *again = cJSON_CreateArray();
	for (unsigned i = 0; i < RESULT_STATUS_COUNT; i++) {
		if (e->again >> i & 1)
			cJSON_AddItemToArray(again,
			    cJSON_CreateString(result_status_text((enum result_status)i)));
	}
	json_add_item(o, "again", again);
	return o;
}

static void compare_task(const struct replay *r, size_t s, int n, int step, int task)
{
	static const char *const ids[] = { "0", "one", "two" };
	size_t at = replay_find_task(r, s, ids[task]);
	int final = slow_final(n, step, task);
	int source = slow_source(n, step, task);
	int result = -1;
	if (at == REPLAY_NONE) {
		for (int i = 0; i < n; i++)
			ck_assert(events[i].step != step || events[i].task != task);
		return;
	}
	const struct replay_task *t = &r->tasks[at];
	for (int i = 0; i < n; i++)
		result = slow_ends(i, step, task) ? i : slow_changes(i, step, task) ? -1 : result;
	ck_assert_msg(t->final == (final != -1), "seed %u, %d: %d %d", seed, n, step, task);
	ck_assert_uint_eq(t->attempts, slow_attempts(n, step, task));
	ck_assert_uint_eq(t->ended, slow_ended(n, step, task));
	ck_assert_uint_eq(t->failures, slow_failures(n, step, task));
	ck_assert_int_eq(t->last.offset, result);
	ck_assert_int_eq(t->record == NULL ? -1 : t->record[0] == 'b', slow_record(n, step, task));
	if (source != -1) {
		ck_assert_uint_eq(t->status, events[source].status);
		ck_assert_uint_eq(t->reason, events[source].reason);
	}
	ck_assert(!(t->final && t->again) && !(t->final && replay_in_flight(t)));
}

static void compare_step(const struct replay *r, int n, int step)
{
	static const char *const ids[] = { "0", "one", "two" };
	size_t at = replay_find_step(r, ids[step]);
	if (at == REPLAY_NONE)
		return;
	const struct replay_step *s = &r->steps[at];
	int over = slow_over(n, step);
	ck_assert_msg(s->over == (over != -1), "%d: step %d", n, step);
	ck_assert(s->left_out == (over != -1 && events[over].kind == OMITTED));
	ck_assert_uint_eq(s->ladders, slow_ladders(n, step));
	ck_assert(s->on_ladder == slow_on_ladder(n, step));
	ck_assert((s->verdict != NULL) == (slow_said(n, step, VERDICT) != -1));
	ck_assert((s->fix != NULL) == (slow_said(n, step, FIX) != -1));
	ck_assert_int_eq(s->merge.offset, slow_merge(n, step));
	ck_assert_uint_eq(s->nasides, 0);
	size_t count = 0;
	for (size_t i = s->first; i != REPLAY_NONE; i = r->tasks[i].next)
		count += r->tasks[i].step == at;
	ck_assert_uint_eq(count, s->count);
	for (int task = 0; task < TASKS; task++)
		compare_task(r, at, n, step, task);
}

START_TEST(as_the_rules_say)
{
	struct replay r = { 0 };

	seed = (unsigned)_i + 1;
	/* the order of steps is that of run-started */
	tell(&r, "run-started", "\"steps\":[{\"id\":\"0\"},{\"id\":\"one\"},{\"id\":\"two\"}]");
	for (int n = 0; n < LENGTH; n++) {
		events[n] = random_event();
		cJSON *record = record_of(&events[n]);
		replay_event(&r, record, (struct record_place){ n, 1 });
		cJSON_Delete(record);
		for (int step = 0; step < STEPS; step++)
			compare_step(&r, n + 1, step);
	}
	replay_free(&r);
}
END_TEST

/* Members of any type, at any place, are passed over. */
static const char *const strange[] = {
	"{}",
	"{\"event\":7}",
	"{\"event\":\"run-started\",\"steps\":7}",
	"{\"event\":\"run-started\",\"steps\":[7,{\"id\":[]},{\"id\":\"s\",\"count\":\"many\"}]}",
	"{\"event\":\"task-added\",\"step\":\"s\"}",
	"{\"event\":\"task-added\",\"step\":\"s\",\"task\":7,\"record\":\"x\"}",
	"{\"event\":\"task-added\",\"step\":\"s\",\"task\":\"t\"}",
	"{\"event\":\"task-added\",\"step\":\"s\",\"task\":\"t\",\"record\":\"x\",\"number\":1e300}",
	"{\"event\":\"attempt-started\",\"step\":\"s\",\"task\":\"t\",\"attempt\":-1,\"level\":1e9}",
	"{\"event\":\"attempt-finished\",\"step\":\"s\",\"task\":\"t\",\"attempt\":1}",
	"{\"event\":\"attempt-finished\",\"step\":\"s\",\"task\":\"t\",\"attempt\":1,\"status\":\"new\"}",
	"{\"event\":\"attempt-finished\",\"step\":\"s\",\"task\":\"t\",\"attempt\":1,\"status\":\"failed\",\"reason\":[],\"usage\":7,\"seconds\":\"1\"}",
	"{\"event\":\"task-finished\",\"step\":\"s\",\"task\":\"t\",\"status\":null}",
	"{\"event\":\"resumed\",\"again\":{\"a\":[7]}}",
	"{\"event\":\"resumed\",\"again\":[7,\"everything\"]}",
	"{\"event\":\"step-finished\",\"step\":\"s\"}",
	"{\"event\":\"merge-finished\",\"step\":\"s\"}",
	"{\"event\":\"lost\",\"seq\":7}",
	"{\"event\":\"list-edited\",\"steps\":[{\"id\":\"s\",\"tasks\":7},{\"id\":7,\"tasks\":[7]}]}",
	"{\"event\":\"verdict\",\"step\":\"s\",\"debugger\":7,\"verdict\":[7],\"usage\":7}",
	"{\"event\":\"fix\",\"step\":\"s\",\"agent\":[],\"usage\":[]}",
	"{\"event\":\"something-else\",\"step\":\"s\",\"task\":\"t\"}",
	"{\"event\":\"run-finished\",\"exit\":-7}",
};

START_TEST(strange_members)
{
	struct replay r = { 0 };
	struct json_error error;

	for (size_t i = 0; i < sizeof(strange) / sizeof(strange[0]); i++) {
		cJSON *record = json_parse(strange[i], strlen(strange[i]), &error);
		ck_assert_msg(record != NULL, "%s", strange[i]);
		replay_event(&r, record, (struct record_place){ 1, 1 });
		cJSON_Delete(record);
	}
	ck_assert_uint_eq(r.nsteps, 1);
	ck_assert_uint_eq(r.ntasks, 1);
	ck_assert_uint_eq(r.tasks[0].failures, 1);
	ck_assert(!r.tasks[0].final && r.steps[0].over && r.exit_status == 0);
	replay_free(&r);
}
END_TEST

/* Many tasks are found as fast as few. */
START_TEST(many)
{
	struct replay r = { 0 };
	char members[128];

	for (int i = 0; i < 100000; i++) {
		snprintf(members, sizeof(members),
		    "\"step\":\"s%d\",\"task\":\"t%d\",\"number\":%d,\"record\":\"%d\"", i % 1000,
		    i, i + 1, i);
		tell(&r, "task-added", members);
	}
	ck_assert_uint_eq(r.ntasks, 100000);
	ck_assert_uint_eq(r.nsteps, 1000);
	ck_assert_str_eq(task_of(&r, "s999", "t99999")->record, "99999");
	ck_assert_uint_eq(replay_find_task(&r, 0, "t99999"), REPLAY_NONE);
	ck_assert_uint_eq(replay_find_step(&r, "s1000"), REPLAY_NONE);
	replay_free(&r);
}
END_TEST

/* From a file, with a torn end: what is good counts, and the journal goes on behind it. */
START_TEST(from_a_file)
{
	char name[] = "/tmp/pollard-replay-XXXXXX";
	struct replay r = { 0 };

	ck_assert_ptr_nonnull(mkdtemp(name));
	int dir = open(name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	ck_assert_int_eq(replay_read(&r, dir), -1);
	ck_assert_int_eq(errno, ENOENT);

	int fd = openat(dir, JOURNAL_NAME, O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
	struct journal *j = journal_new(fd, 0);
	cJSON *e = journal_event("run-started");
	json_add_string(e, "run", "r");
	journal_add(j, e);
	e = journal_event("attempt-finished");
	json_add_string(e, "step", "s");
	json_add_string(e, "task", "t");
	json_add_integer(e, "attempt", 1);
	json_add_string(e, "status", "succeeded");
	struct record_place place = journal_add(j, e);
	ck_assert_int_eq(journal_flush(j), 0);
	ck_assert_int_eq(write_all(fd, "{\"v\":1,", 7), 0);
	journal_free(j);

	ck_assert_int_eq(replay_read(&r, dir), 0);
	ck_assert_int_eq(r.problem, JOURNAL_TORN);
	ck_assert_uint_eq(r.line, 3);
	ck_assert_uint_eq(r.seq, 2);
	ck_assert_int_eq(r.end, place.offset + place.length + 1);
	ck_assert_int_eq(task_of(&r, "s", "t")->last.offset, place.offset);
	ck_assert_uint_eq(task_of(&r, "s", "t")->last.length, place.length);

	j = journal_reopen(dir, r.end, r.seq);
	ck_assert_ptr_nonnull(j);
	journal_add(j, journal_event("resumed"));
	ck_assert_int_eq(journal_sync(j), 0);
	journal_free(j);
	replay_free(&r);
	ck_assert_int_eq(replay_read(&r, dir), 0);
	ck_assert_int_eq(r.problem, JOURNAL_OK);
	ck_assert_uint_eq(r.resumed, 1);
	ck_assert_uint_eq(r.seq, 3);
	replay_free(&r);
	unlinkat(dir, JOURNAL_NAME, 0);
	close(dir);
	rmdir(name);
}
END_TEST

Suite *replay_suite(void)
{
	Suite *suite = suite_create("replay");
	TCase *tc = tcase_create("replay");

	tcase_set_timeout(tc, 60);
	tcase_add_test(tc, story);
	tcase_add_test(tc, failed_again);
	tcase_add_test(tc, failed_and_called_off);
	tcase_add_test(tc, edited);
	tcase_add_test(tc, ordered);
	tcase_add_test(tc, asides);
	tcase_add_test(tc, forgiven);
	tcase_add_test(tc, judged);
	tcase_add_test(tc, called_off);
	tcase_add_test(tc, cut);
	tcase_add_test(tc, bytes);
	tcase_add_test(tc, times);
	tcase_add_loop_test(tc, as_the_rules_say, 0, 100);
	tcase_add_test(tc, strange_members);
	tcase_add_test(tc, many);
	tcase_add_test(tc, from_a_file);
	suite_add_tcase(suite, tc);
	return suite;
}
