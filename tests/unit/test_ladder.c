#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "supervisor/recovery/ladder.h"

Suite *ladder_suite(void);

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

static const char *const ids[] = { "a", "b", "c", "d", "e", "f", "g", "h" };

static struct failure failed(size_t task, unsigned retries)
{
	return (struct failure){ .task = task,
		.id = ids[task % COUNT(ids)],
		.attempts = 1,
		.retries = retries,
		.allowed = retries,
		.prompt = true,
		.reason = REASON_EXIT,
		.retryable = true };
}

static const struct ladder_options nobody = { .ask = false };
static const struct ladder_options debugger = { .ask = true };
static const struct ladder_options fixer = { .ask = true, .allow_fix = true };

static char a_cause[] = "the lock is held";

static struct verdict says(enum verdict_relation relation, enum verdict_strategy strategy)
{
	return (struct verdict){ .relation = relation, .strategy = strategy, .cause = a_cause };
}

START_TEST(which_are_retryable)
{
	for (int r = 0; r < REASON_COUNT; r++) {
		bool wall = r == REASON_SPAWN || r == REASON_AUTH || r == REASON_INVALID;
		ck_assert(failure_retryable((enum reason)r, true) == !wall);
		ck_assert(failure_retryable((enum reason)r, false) == (!wall && r != REASON_QUOTA));
	}
}
END_TEST

static void expect_action(struct ladder *l, enum ladder_action action)
{
	struct ladder_step step;
	for (int i = 0; i < 2; i++) {
		ladder_next(l, &step);
		ck_assert_int_eq(step.action, action);
	}
}

/* One task is to be attempted; it ends so, with one attempt more. */
static void play(struct ladder *l, unsigned level, size_t task, bool ok)
{
	struct ladder_step step;
	for (int i = 0; i < 2; i++) {
		ladder_next(l, &step);
		ck_assert_int_eq(step.action, LADDER_ATTEMPT);
		ck_assert_uint_eq(step.level, level);
		ck_assert_uint_eq(step.ntasks, 1);
		ck_assert_uint_eq(step.tasks[0], task);
		ck_assert(!step.parallel);
	}
	if (ok) {
		ladder_succeeded(l, task);
		return;
	}
	for (size_t i = 0; i < l->count; i++) {
		if (l->items[i].now.task == task) {
			struct failure now = l->items[i].now;
			now.attempts++;
			ladder_failed(l, &now);
		}
	}
}

/* The end, whether it escalates, and what is said. */
static void expect_over(struct ladder *l, bool escalates, const char *text)
{
	struct buf out = BUF_INIT;
	expect_action(l, LADDER_OVER);
	ck_assert(ladder_escalates(l) == escalates);
	ck_assert(ladder_text(l, &out) == (text != NULL));
	ck_assert_str_eq(buf_str(&out), text != NULL ? text : "");
	buf_free(&out);
	ladder_free(l);
}

static void expect_why(const struct ladder *l, const char *why)
{
	struct buf out = BUF_INIT;
	ladder_why(l, &out);
	ck_assert_str_eq(buf_str(&out), why);
	buf_free(&out);
}

START_TEST(one_of_several)
{
	struct failure f = failed(3, 2);
	struct ladder l;
	ladder_begin(&l, &f, 1, 5, debugger);
	play(&l, 1, 3, true);
	expect_over(&l, false, "d retried once, refined: succeeded");

	/* partial: nobody is asked, nothing escalates */
	ladder_begin(&l, &f, 1, 5, debugger);
	play(&l, 1, 3, false);
	play(&l, 1, 3, false);
	expect_over(&l, false, "d retried 2 times, refined: failed again");

	f.retries = f.allowed = 0;
	ladder_begin(&l, &f, 1, 5, debugger);
	expect_over(&l, false, NULL);

	/* a wall is not run into twice */
	f.retries = f.allowed = 3;
	f.retryable = false;
	ladder_begin(&l, &f, 1, 5, debugger);
	expect_over(&l, false, NULL);
}
END_TEST

/* A command is repeated as it is, and nothing is said to be refined that is not. */
START_TEST(commands_are_not_refined)
{
	struct failure f[] = { failed(0, 2), failed(1, 1) };
	struct ladder l;
	f[0].prompt = f[1].prompt = false;
	ladder_begin(&l, f, 1, 5, debugger);
	play(&l, 1, 0, true);
	expect_over(&l, false, "a retried once: succeeded");
	ladder_begin(&l, f, 1, 5, debugger);
	play(&l, 1, 0, false);
	play(&l, 1, 0, false);
	expect_over(&l, false, "a retried 2 times: failed again");

	ladder_begin(&l, f, 2, 1, nobody);
	play(&l, 2, 0, true);
	play(&l, 2, 1, true);
	expect_over(&l, false, "a, b retried one after another: succeeded");
	/* one of both kinds */
	f[1].prompt = true;
	ladder_begin(&l, f, 2, 1, nobody);
	play(&l, 2, 0, true);
	play(&l, 2, 1, true);
	expect_over(&l, false, "a, b retried one after another: succeeded");
}
END_TEST

/* Retries that the user allows and nobody can make, such as of what a backend refuses: still not used up. */
START_TEST(retries_that_cannot_be_made)
{
	struct verdict v = says(RELATION_RELATED, STRATEGY_STOP);
	struct failure f[] = { failed(0, 0), failed(1, 0) };
	struct ladder l;
	for (unsigned allowed = 0; allowed < 3; allowed++) {
		f[0].allowed = f[1].allowed = allowed;
		/* of the second nothing is left in any case */
		f[1].attempts = allowed + 1;
		ladder_begin(&l, f, 2, 1, debugger);
		expect_action(&l, LADDER_ASK);
		ladder_verdict(&l, &v);
		expect_over(&l, allowed > 0,
		    "related: 2 tasks (a, b): the lock is held; not retried");
	}
}
END_TEST

START_TEST(alone_in_its_step)
{
	struct failure f = failed(0, 1);
	struct verdict v = says(RELATION_RELATED, STRATEGY_PARALLEL);
	struct ladder l;
	ladder_begin(&l, &f, 1, 0, fixer);
	play(&l, 1, 0, true);
	expect_over(&l, false, "a retried once, refined: succeeded");

	/* asked for its diagnosis only */
	v.fix.kind = FIX_RUN;
	ladder_begin(&l, &f, 1, 0, fixer);
	play(&l, 1, 0, false);
	expect_action(&l, LADDER_ASK);
	ladder_verdict(&l, &v);
	expect_why(&l, "no task succeeded; retries did not help: the lock is held");
	expect_over(&l, true,
	    "a retried once, refined: failed again; the debugger: the lock is held");

	f.retries = f.allowed = 0;
	ladder_begin(&l, &f, 1, 0, debugger);
	expect_action(&l, LADDER_ASK);
	ladder_verdict(&l, NULL);
	expect_why(&l, "no task succeeded; the debugger gave no verdict");
	expect_over(&l, true, "a not retried; no verdict");

	ladder_begin(&l, &f, 1, 0, nobody);
	expect_why(&l, "no task succeeded; nothing could be retried");
	expect_over(&l, true, NULL);
}
END_TEST

START_TEST(several_and_nobody_is_asked)
{
	struct failure f[] = { failed(1, 1), failed(2, 2), failed(4, 0), failed(6, 1) };
	struct ladder l;
	ladder_begin(&l, f, 4, 1, nobody);
	play(&l, 2, 1, false);
	play(&l, 2, 2, false);
	play(&l, 2, 2, true);
	play(&l, 2, 6, true);
	expect_over(&l, false, "b, c, g retried one after another, refined: 2 of 3 succeeded");

	ladder_begin(&l, f, 2, 1, nobody);
	play(&l, 2, 1, true);
	play(&l, 2, 2, true);
	expect_over(&l, false, "b, c retried one after another, refined: succeeded");

	/* nothing helped */
	ladder_begin(&l, f, 2, 1, nobody);
	play(&l, 2, 1, false);
	play(&l, 2, 2, false);
	play(&l, 2, 2, false);
	expect_why(&l, "retries did not help");
	expect_over(&l, true, "b, c retried one after another, refined: failed again");

	/* nothing was tried */
	f[0].retries = f[1].retries = f[0].allowed = f[1].allowed = 0;
	ladder_begin(&l, f, 2, 1, nobody);
	expect_over(&l, false, NULL);
}
END_TEST

START_TEST(related_side_by_side)
{
	struct failure f[] = { failed(1, 1), failed(2, 2), failed(4, 2) };
	struct verdict v = says(RELATION_RELATED, STRATEGY_PARALLEL);
	struct ladder_step step;
	struct ladder l;
	ladder_begin(&l, f, 3, 1, debugger);
	ladder_next(&l, &step);
	ck_assert_int_eq(step.action, LADDER_ASK);
	ck_assert_uint_eq(step.level, 2);
	ck_assert_uint_eq(step.ntasks, 3);
	ck_assert_uint_eq(step.tasks[2], 4);
	ladder_verdict(&l, &v);

	ladder_next(&l, &step);
	ck_assert_int_eq(step.action, LADDER_ATTEMPT);
	ck_assert(step.parallel);
	ck_assert(!step.pause);
	ck_assert_uint_eq(step.level, 2);
	ck_assert_uint_eq(step.ntasks, 3);
	/* whoever asks in the middle is told what is still open */
	ladder_succeeded(&l, 2);
	ladder_next(&l, &step);
	ck_assert_uint_eq(step.ntasks, 2);
	ck_assert_uint_eq(step.tasks[0], 1);
	ck_assert_uint_eq(step.tasks[1], 4);
	/* not told twice */
	ladder_succeeded(&l, 2);
	ladder_succeeded(&l, 77);
	f[0].attempts = f[2].attempts = 2;
	ladder_failed(&l, &f[2]);
	ladder_failed(&l, &f[0]);

	/* the next round is of those that may once more */
	ladder_next(&l, &step);
	ck_assert_uint_eq(step.ntasks, 1);
	ck_assert_uint_eq(step.tasks[0], 4);
	ck_assert(step.parallel);
	ladder_succeeded(&l, 4);
	expect_over(&l, false,
	    "related: 3 tasks (b, c, e): the lock is held; retried side by side: "
	    "2 of 3 succeeded");
}
END_TEST

START_TEST(related_one_after_another)
{
	struct failure f[] = { failed(1, 1), failed(2, 1) };
	struct verdict v = says(RELATION_RELATED, STRATEGY_SEQUENTIAL);
	struct ladder_step step;
	struct ladder l;
	ladder_begin(&l, f, 2, 1, fixer);
	expect_action(&l, LADDER_ASK);
	ladder_verdict(&l, &v);
	ladder_next(&l, &step);
	ck_assert(step.pause);
	/* no canary where others succeeded */
	play(&l, 2, 1, false);
	play(&l, 2, 2, true);
	expect_over(&l, false,
	    "related: 2 tasks (b, c): the lock is held; retried one after another: "
	    "1 of 2 succeeded");
}
END_TEST

START_TEST(independent)
{
	struct failure f[] = { failed(1, 1), failed(2, 1) };
	struct verdict v = says(RELATION_INDEPENDENT, STRATEGY_PARALLEL);
	struct ladder l;
	/* a fix is for one root cause */
	v.fix.kind = FIX_AGENT;
	ladder_begin(&l, f, 2, 1, fixer);
	expect_action(&l, LADDER_ASK);
	ladder_verdict(&l, &v);
	play(&l, 2, 1, false);
	play(&l, 2, 2, false);
	expect_why(&l, "retries did not help: the lock is held");
	expect_over(&l, true,
	    "independent: 2 tasks (b, c): the lock is held; retried one after another: "
	    "failed again");
}
END_TEST

/* What each verdict against retries leads to; with retries allowed, and without. */
START_TEST(no_retries)
{
	static const struct {
		enum verdict_relation relation;
		enum verdict_strategy strategy;
		bool escalate;
		const char *why;
	} cases[] = {
		{ RELATION_UNCLEAR, STRATEGY_PARALLEL, false, "the debugger cannot tell why: x" },
		{ RELATION_UNCLEAR, STRATEGY_STOP, true, "the debugger cannot tell why: x" },
		{ RELATION_RELATED, STRATEGY_STOP, false,
		    "the debugger says that no retry can help: x" },
		{ RELATION_INDEPENDENT, STRATEGY_STOP, false,
		    "the debugger says that no retry can help: x" },
		{ RELATION_RELATED, STRATEGY_PARALLEL, true,
		    "the debugger says that a person must decide: x" },
	};
	char cause[] = "x";
	for (size_t i = 0; i < COUNT(cases) * 4; i++) {
		bool others = i % 2 == 0;
		unsigned retries = i / 2 % 2;
		struct failure f[] = { failed(1, retries), failed(2, retries) };
		struct verdict v = says(cases[i / 4].relation, cases[i / 4].strategy);
		struct buf why = BUF_INIT;
		struct ladder l;
		v.escalate = cases[i / 4].escalate;
		v.cause = cause;
		v.fix.kind = FIX_RUN;
		ladder_begin(&l, f, 2, others, fixer);
		expect_action(&l, LADDER_ASK);
		ladder_verdict(&l, &v);
		buf_addf(&why, "%s%s", others ? "" : "no task succeeded; ", cases[i / 4].why);
		expect_why(&l, buf_str(&why));
		ck_assert(ladder_escalates(&l) == (!others || retries > 0));
		expect_action(&l, LADDER_OVER);
		ladder_free(&l);
		buf_free(&why);
	}
}
END_TEST

START_TEST(no_verdict)
{
	struct failure f[] = { failed(1, 1), failed(2, 1) };
	struct ladder l;
	ladder_begin(&l, f, 2, 1, fixer);
	expect_action(&l, LADDER_ASK);
	ladder_verdict(&l, NULL);
	expect_why(&l, "the debugger gave no verdict");
	expect_over(&l, true, "no verdict: 2 tasks (b, c); not retried");
}
END_TEST

START_TEST(fixes)
{
	struct failure f[] = { failed(1, 1), failed(2, 1) };
	struct verdict v = says(RELATION_RELATED, STRATEGY_SEQUENTIAL);
	struct ladder l;
	v.fix.kind = FIX_RUN;
	/* what stood in the way may be gone */
	f[1].reason = REASON_AUTH;
	f[1].retryable = false;
	ladder_begin(&l, f, 2, 1, fixer);
	expect_action(&l, LADDER_ASK);
	ladder_verdict(&l, &v);
	expect_action(&l, LADDER_FIX);
	ladder_fixed(&l, true);
	play(&l, 2, 1, true);
	play(&l, 2, 2, true);
	expect_over(&l, false,
	    "related: 2 tasks (b, c): the lock is held; fixed; retried one after another: "
	    "2 of 2 succeeded");

	ladder_begin(&l, f, 2, 1, fixer);
	expect_action(&l, LADDER_ASK);
	ladder_verdict(&l, &v);
	expect_action(&l, LADDER_FIX);
	ladder_fixed(&l, false);
	expect_why(&l, "the fix failed: the lock is held");
	expect_over(&l, true,
	    "related: 2 tasks (b, c): the lock is held; the fix failed; not retried");

	/* not allowed: the retries are made without it */
	ladder_begin(&l, f, 2, 1, debugger);
	expect_action(&l, LADDER_ASK);
	ladder_verdict(&l, &v);
	play(&l, 2, 1, true);
	expect_over(&l, false,
	    "related: 2 tasks (b, c): the lock is held; retried one after another: "
	    "1 of 1 succeeded");

	/* nothing could follow it */
	f[0].retries = f[1].retries = f[0].allowed = f[1].allowed = 0;
	ladder_begin(&l, f, 2, 1, fixer);
	expect_action(&l, LADDER_ASK);
	ladder_verdict(&l, &v);
	expect_over(&l, false, "related: 2 tasks (b, c): the lock is held; not retried");
}
END_TEST

START_TEST(first_is_canary)
{
	struct failure f[] = { failed(0, 0), failed(1, 2), failed(2, 2), failed(3, 1) };
	struct verdict v = says(RELATION_RELATED, STRATEGY_PARALLEL);
	struct ladder l;
	for (int asked = 0; asked < 2; asked++) {
		/* a task that may not be attempted is no canary */
		ladder_begin(&l, f, 4, 0, asked ? debugger : nobody);
		if (asked) {
			expect_action(&l, LADDER_ASK);
			ladder_verdict(&l, &v);
		}
		play(&l, 3, 1, false);
		play(&l, 3, 1, false);
		expect_action(&l, LADDER_OVER);
		expect_over(&l, true,
		    asked ? "related: 4 tasks (a, b, c, d): the lock is held; "
			    "retried one after another: "
			    "the first failed again, the rest was not tried" :
			    "b, c, d retried one after another, refined: "
			    "the first failed again, the rest was not tried");

		/* only the first is one */
		ladder_begin(&l, f, 4, 0, asked ? debugger : nobody);
		if (asked) {
			expect_action(&l, LADDER_ASK);
			ladder_verdict(&l, &v);
		}
		play(&l, 3, 1, false);
		play(&l, 3, 1, true);
		play(&l, 3, 2, false);
		play(&l, 3, 2, false);
		play(&l, 3, 3, true);
		expect_action(&l, LADDER_OVER);
		ck_assert(!ladder_escalates(&l));
		ladder_free(&l);
	}
}
END_TEST

START_TEST(named_tasks)
{
	struct failure f[] = { failed(1, 1), failed(2, 1), failed(5, 1) };
	char advice[] = "look in src";
	char prompt[] = "another";
	struct verdict_retry retry[] = {
		{ .task = 2, .advice = advice, .timeout_ms = 5000 },
		{ .task = 0, .prompt = prompt, .timeout_ms = UNSET },
	};
	struct verdict v = says(RELATION_INDEPENDENT, STRATEGY_SEQUENTIAL);
	struct ladder l;
	v.retry = retry;
	v.nretry = 2;
	/* another prompt is another attempt */
	f[0].reason = REASON_SPAWN;
	f[0].retryable = false;
	ladder_begin(&l, f, 3, 1, debugger);
	ck_assert_ptr_null(ladder_advice(&l, 5));
	expect_action(&l, LADDER_ASK);
	ladder_verdict(&l, &v);
	ck_assert_str_eq(ladder_advice(&l, 5)->advice, "look in src");
	ck_assert_int_eq(ladder_advice(&l, 5)->timeout_ms, 5000);
	ck_assert_str_eq(ladder_advice(&l, 1)->prompt, "another");
	ck_assert_ptr_null(ladder_advice(&l, 2));
	ck_assert_ptr_null(ladder_advice(&l, 99));
	/* in the order of the verdict */
	play(&l, 2, 5, true);
	play(&l, 2, 1, false);
	expect_action(&l, LADDER_OVER);
	ladder_free(&l);

	/* once: then it is the same again */
	f[0].retries = f[0].allowed = 3;
	ladder_begin(&l, f, 3, 1, debugger);
	expect_action(&l, LADDER_ASK);
	ladder_verdict(&l, &v);
	play(&l, 2, 5, true);
	play(&l, 2, 1, false);
	expect_action(&l, LADDER_OVER);
	ladder_free(&l);
}
END_TEST

START_TEST(attempts_that_do_not_count)
{
	struct failure f = failed(0, 1);
	struct ladder_step step;
	struct ladder l;
	ladder_begin(&l, &f, 1, 1, nobody);
	f.reason = REASON_RATE_LIMIT;
	for (int i = 0; i < 5; i++) {
		ladder_next(&l, &step);
		ck_assert_int_eq(step.action, LADDER_ATTEMPT);
		ladder_failed(&l, &f);
	}
	f.attempts++;
	expect_action(&l, LADDER_ATTEMPT);
	ladder_failed(&l, &f);
	expect_over(&l, false, "a retried 6 times, refined: failed again");
}
END_TEST

START_TEST(bad_records)
{
	struct failure f[] = { failed(0, 3), failed(1, 3) };
	struct verdict v = says(RELATION_RELATED, STRATEGY_PARALLEL);
	struct ladder l;
	f[0].reason = f[1].reason = REASON_INVALID;
	f[0].retryable = f[1].retryable = false;
	v.fix.kind = FIX_RUN;
	ladder_begin(&l, f, 2, 1, fixer);
	expect_action(&l, LADDER_ASK);
	ladder_verdict(&l, &v);
	expect_over(&l, false, "related: 2 tasks (a, b): the lock is held; not retried");
}
END_TEST

START_TEST(no_failures)
{
	struct ladder l;
	ladder_begin(&l, NULL, 0, 0, fixer);
	expect_over(&l, false, NULL);
}
END_TEST

/* What others wrote is shown on one line, and long lists are cut. */
START_TEST(texts_are_safe)
{
	struct failure f[8];
	char cause[] = "a\x1b[31mb\nc";
	struct verdict v = says(RELATION_UNCLEAR, STRATEGY_STOP);
	struct ladder l;
	for (size_t i = 0; i < COUNT(f); i++)
		f[i] = failed(i, 1);
	v.cause = cause;
	ladder_begin(&l, f, COUNT(f), 1, debugger);
	expect_action(&l, LADDER_ASK);
	ladder_verdict(&l, &v);
	expect_over(&l, true,
	    "unclear: 8 tasks (a, b, c, d, e and 3 more): a\\x1b[31mb\\nc; not retried");
}
END_TEST

START_TEST(pauses)
{
	for (unsigned attempt = 2; attempt < 200; attempt++) {
		/* 1 s, 2 s, 4 s ... 60 s; of that between half and all */
		int64_t most = attempt < 8 ? INT64_C(1000) << (attempt - 2) : 60000;
		int64_t seen_least = INT64_MAX;
		int64_t seen_most = 0;
		for (uint32_t n = 0; n < 2000; n++) {
			int64_t pause = ladder_pause_ms(attempt, n * 2147483u);
			if (pause < most / 2 || pause > most)
				ck_abort_msg("attempt %u after %d ms", attempt, (int)pause);
			seen_least = pause < seen_least ? pause : seen_least;
			seen_most = pause > seen_most ? pause : seen_most;
		}
		/* it is spread, not one value */
		ck_assert_int_lt(seen_least, most * 6 / 10);
		ck_assert_int_gt(seen_most, most * 9 / 10);
	}
	ck_assert_int_le(ladder_pause_ms(UINT32_MAX, UINT32_MAX), 60000);
}
END_TEST

/*
 * The rules once more, said slowly and in another way: what becomes of each task is worked out
 * beforehand, task by task, and then put in the order of the rules. What the ladder does with
 * random outcomes must be the same; when it is not, the case is made smaller and shown.
 */

#define TASKS_MAX 50
#define DRAWN 6	       /* outcomes that are drawn for each task; what follows fails */
#define TRACE_MAX 8192 /* more than any case can need */

enum outcome_kind { FAILS, SUCCEEDS, NOT_COUNTED, HITS_WALL, OUTCOME_KINDS };

enum start_kind { PLAIN, WALL, BAD_RECORD, START_KINDS };

/* All members are bytes: two scenes are compared as bytes. */
struct actor {
	uint8_t start; /* enum start_kind */
	uint8_t attempts;
	uint8_t retries;
	uint8_t prompt; /* the verdict has another one */
	uint8_t outcomes[DRAWN];
};

struct scene {
	struct actor actors[TASKS_MAX];
	uint8_t count;
	uint8_t succeeded;
	uint8_t ask;
	uint8_t allow_fix;
	uint8_t has_verdict;
	uint8_t relation;
	uint8_t strategy;
	uint8_t escalate;
	uint8_t fix;
	uint8_t fix_ok;
	uint8_t nretry;
	uint8_t retry[TASKS_MAX]; /* positions */
	uint8_t reversed;	  /* results come in the reverse order */
	uint8_t texts;		  /* look at the texts too */
};

/* What was done, as numbers. */
struct trace {
	uint16_t v[TRACE_MAX];
	size_t len;
};

enum mark { ASKED = 60000, FIXED, ATTEMPTED, ENDED, ESCALATED };

static void add(struct trace *t, size_t what)
{
	/* one that is full differs from any that is right */
	if (t->len < TRACE_MAX)
		t->v[t->len++] = (uint16_t)what;
}

static size_t task_of(size_t position)
{
	return position * 3 + 1;
}

static size_t position_of(size_t task)
{
	return task / 3;
}

/* Which entry of the verdict speaks of it, from 1; 0: none. */
static size_t entry_of(const struct scene *s, size_t position)
{
	for (size_t i = 0; i < s->nretry; i++) {
		if (s->retry[i] == position)
			return i + 1;
	}
	return 0;
}

static size_t attempt_mark(size_t position, size_t entry)
{
	return task_of(position) + 256 * entry;
}

/* How many attempts the rules leave it, whatever it failed from. */
static unsigned attempts_left(const struct actor *a)
{
	if (a->retries == 0 || a->start == BAD_RECORD)
		return 0;
	return a->attempts > a->retries ? 0 : 1u + a->retries - a->attempts;
}

static enum outcome_kind outcome_at(const struct actor *a, size_t i)
{
	return i < DRAWN ? (enum outcome_kind)a->outcomes[i] : FAILS;
}

/* How often it is attempted when its turn comes, and whether that ends well. */
static unsigned life(const struct actor *a, bool changed, bool *well)
{
	unsigned left = attempts_left(a);
	unsigned made = 0;
	*well = false;
	if (a->start == WALL && !changed)
		return 0;
	while (left > 0) {
		enum outcome_kind o = outcome_at(a, made++);
		if (o == SUCCEEDS)
			*well = true;
		if (o == SUCCEEDS || o == HITS_WALL)
			break;
		if (o == FAILS)
			left--;
	}
	return made;
}

static bool any_left(const struct scene *s, const uint8_t *who, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		if (attempts_left(&s->actors[who[i]]) > 0)
			return true;
	}
	return false;
}

/* What comes of retries of these tasks, in this order. */
struct prospect {
	uint8_t who[TASKS_MAX];
	size_t n;
	unsigned lives[TASKS_MAX];
	bool well[TASKS_MAX];
};

static void foresee(const struct scene *s, struct prospect *p, bool fixed)
{
	for (size_t i = 0; i < p->n; i++) {
		const struct actor *a = &s->actors[p->who[i]];
		bool prompt = s->ask && entry_of(s, p->who[i]) > 0 && a->prompt;
		p->lives[i] = life(a, fixed || prompt, &p->well[i]);
	}
}

static void add_attempt_head(struct trace *t, unsigned level, bool parallel, bool pause, size_t n)
{
	add(t, ATTEMPTED);
	add(t, level);
	add(t, parallel);
	add(t, pause);
	add(t, n);
}

static size_t by_rounds(const struct scene *s, const struct prospect *p, struct trace *t)
{
	size_t recovered = 0;
	for (unsigned round = 1;; round++) {
		size_t n = 0;
		for (size_t i = 0; i < p->n; i++)
			n += p->lives[i] >= round;
		if (n == 0)
			break;
		add_attempt_head(t, 2, true, false, n);
		for (size_t i = 0; i < p->n; i++) {
			if (p->lives[i] >= round)
				add(t, attempt_mark(p->who[i], entry_of(s, p->who[i])));
		}
	}
	for (size_t i = 0; i < p->n; i++)
		recovered += p->well[i];
	return recovered;
}

static size_t in_turn(const struct scene *s, const struct prospect *p, unsigned level, bool pause,
    struct trace *t)
{
	size_t recovered = 0;
	bool canary = level == 3;
	for (size_t i = 0; i < p->n; i++) {
		size_t entry = s->ask ? entry_of(s, p->who[i]) : 0;
		for (unsigned k = 0; k < p->lives[i]; k++) {
			add_attempt_head(t, level, false, pause, 1);
			add(t, attempt_mark(p->who[i], entry));
		}
		recovered += p->well[i];
		if (p->lives[i] > 0 && canary && !p->well[i])
			return recovered;
		canary = canary && p->lives[i] == 0;
	}
	return recovered;
}

static void add_end(struct trace *t, size_t recovered, bool escalates)
{
	add(t, ENDED);
	add(t, recovered);
	add(t, escalates);
}

static void add_asked(struct trace *t, const struct scene *s, unsigned level)
{
	add(t, ASKED);
	add(t, level);
	for (size_t i = 0; i < s->count; i++)
		add(t, task_of(i));
}

static void rules_for_one(const struct scene *s, struct trace *t)
{
	struct prospect p = { .n = 1 };
	bool well;
	p.lives[0] = life(&s->actors[0], false, &well);
	for (unsigned k = 0; k < p.lives[0]; k++) {
		add_attempt_head(t, 1, false, false, 1);
		add(t, attempt_mark(0, 0));
	}
	bool alone = s->succeeded == 0;
	if (alone && !well && s->ask)
		add_asked(t, s, 1);
	add_end(t, well, alone && !well);
}

static bool verdict_is_for_retries(const struct scene *s)
{
	return s->has_verdict && !s->escalate && s->strategy != STRATEGY_STOP &&
	    s->relation != RELATION_UNCLEAR;
}

static void rules(const struct scene *s, struct trace *t)
{
	uint8_t all[TASKS_MAX];
	struct prospect p = { .n = 0 };
	unsigned level = s->succeeded > 0 ? 2 : 3;
	size_t recovered = 0;
	t->len = 0;
	if (s->count == 1) {
		rules_for_one(s, t);
		return;
	}
	for (uint8_t i = 0; i < s->count; i++)
		all[i] = i;
	bool choice = s->ask && s->has_verdict && s->nretry > 0;
	p.n = choice ? s->nretry : s->count;
	memcpy(p.who, choice ? s->retry : all, p.n);

	bool related = s->ask && s->relation == RELATION_RELATED;
	bool go = true;
	bool fixed = false;
	if (s->ask) {
		add_asked(t, s, level);
		go = verdict_is_for_retries(s);
	}
	if (go && related && s->fix && s->allow_fix && any_left(s, p.who, p.n)) {
		add(t, FIXED);
		go = fixed = s->fix_ok;
	}
	size_t before = t->len;
	if (go) {
		foresee(s, &p, fixed);
		if (level == 2 && related && s->strategy == STRATEGY_PARALLEL)
			recovered = by_rounds(s, &p, t);
		else
			recovered =
			    in_turn(s, &p, level, related && s->strategy == STRATEGY_SEQUENTIAL, t);
	}
	bool escalates;
	if (level == 3)
		escalates = recovered == 0;
	else if (go)
		escalates = t->len > before && recovered == 0;
	else
		escalates = any_left(s, all, s->count);
	add_end(t, recovered, escalates);
}

/* The same scene on the real ladder. */
struct play {
	const struct scene *s;
	struct ladder ladder;
	struct failure now[TASKS_MAX];
	unsigned made[TASKS_MAX];
	struct verdict verdict;
	struct verdict_retry retry[TASKS_MAX];
	struct trace *t;
};

static enum reason start_reason(uint8_t start)
{
	return start == PLAIN ? REASON_EXIT : start == WALL ? REASON_AUTH : REASON_INVALID;
}

static void set_stage(struct play *p)
{
	static char cause[] = "because";
	static char prompt[] = "another";
	const struct scene *s = p->s;
	for (size_t i = 0; i < s->count; i++) {
		const struct actor *a = &s->actors[i];
		p->now[i] = (struct failure){ .task = task_of(i),
			.id = "t",
			.attempts = a->attempts,
			.retries = a->retries,
			.allowed = a->retries,
			.prompt = true,
			.reason = start_reason(a->start),
			.retryable = a->start == PLAIN };
	}
	p->verdict = (struct verdict){ .relation = (enum verdict_relation)s->relation,
		.strategy = (enum verdict_strategy)s->strategy,
		.cause = cause,
		.fix.kind = s->fix ? FIX_RUN : FIX_NONE,
		.retry = p->retry,
		.nretry = s->nretry,
		.escalate = s->escalate };
	for (size_t i = 0; i < s->nretry; i++)
		p->retry[i] = (struct verdict_retry){ .task = s->retry[i],
			.prompt = s->actors[s->retry[i]].prompt ? prompt : NULL,
			.timeout_ms = UNSET };
}

static void tell(struct play *p, size_t task)
{
	size_t i = position_of(task);
	enum outcome_kind o = outcome_at(&p->s->actors[i], p->made[i]++);
	if (o == SUCCEEDS) {
		ladder_succeeded(&p->ladder, task);
		return;
	}
	p->now[i].reason = o == HITS_WALL ? REASON_QUOTA :
	    o == NOT_COUNTED		  ? REASON_RATE_LIMIT :
					    REASON_TIMEOUT;
	p->now[i].retryable = o != HITS_WALL;
	p->now[i].attempts += o != NOT_COUNTED;
	ladder_failed(&p->ladder, &p->now[i]);
}

static void attempt(struct play *p, const struct ladder_step *step)
{
	size_t batch[TASKS_MAX];
	size_t n = step->ntasks < TASKS_MAX ? step->ntasks : TASKS_MAX;
	add_attempt_head(p->t, step->level, step->parallel, step->pause, step->ntasks);
	for (size_t i = 0; i < n; i++) {
		const struct verdict_retry *r = ladder_advice(&p->ladder, step->tasks[i]);
		size_t entry = r != NULL ? (size_t)(r - p->retry) + 1 : 0;
		batch[i] = step->tasks[i];
		add(p->t, attempt_mark(position_of(batch[i]), entry));
	}
	for (size_t i = 0; i < n; i++)
		tell(p, batch[p->s->reversed ? n - 1 - i : i]);
}

/* Whether there is a text exactly when something was done, and all are single lines. */
static bool texts_are_good(const struct ladder *l, bool done)
{
	struct buf out = BUF_INIT;
	bool good = ladder_text(l, &out) == done && (out.len > 0) == done;
	ladder_why(l, &out);
	good = good && strchr(buf_str(&out), '\n') == NULL;
	buf_free(&out);
	return good;
}

static void act(const struct scene *s, struct trace *t)
{
	struct play p = { .s = s, .t = t };
	struct ladder_step step;
	t->len = 0;
	set_stage(&p);
	ladder_begin(&p.ladder, p.now, s->count, s->succeeded,
	    (struct ladder_options){ .ask = s->ask, .allow_fix = s->allow_fix });
	/* a ladder that does not end fills the trace */
	while (t->len < TRACE_MAX) {
		ladder_next(&p.ladder, &step);
		if (step.action == LADDER_OVER)
			break;
		if (step.action == LADDER_ATTEMPT) {
			attempt(&p, &step);
		} else if (step.action == LADDER_ASK) {
			add(t, ASKED);
			add(t, step.level);
			for (size_t i = 0; i < step.ntasks; i++)
				add(t, step.tasks[i]);
			ladder_verdict(&p.ladder, s->has_verdict ? &p.verdict : NULL);
		} else {
			add(t, FIXED);
			ladder_fixed(&p.ladder, s->fix_ok);
		}
	}
	bool done = t->len > 0;
	add_end(t, p.ladder.recovered, ladder_escalates(&p.ladder));
	if (s->texts && !texts_are_good(&p.ladder, done))
		add(t, ESCALATED);
	ladder_free(&p.ladder);
}

static bool differs(const struct scene *s)
{
	static struct trace expected;
	static struct trace got;
	rules(s, &expected);
	act(s, &got);
	return expected.len != got.len || memcmp(expected.v, got.v, got.len * sizeof got.v[0]) != 0;
}

static uint64_t dice;

/* splitmix64 */
static unsigned roll(unsigned sides)
{
	dice += UINT64_C(0x9e3779b97f4a7c15);
	uint64_t z = dice;
	z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
	return (unsigned)((z ^ (z >> 31)) >> 33) % sides;
}

static uint8_t draw_outcome(unsigned luck)
{
	static const uint8_t others[] = { FAILS, FAILS, FAILS, FAILS, NOT_COUNTED, HITS_WALL };
	return roll(6) < luck ? SUCCEEDS : others[roll(COUNT(others))];
}

static void draw_actor(struct actor *a, unsigned luck, bool walls)
{
	a->retries = (uint8_t)roll(4);
	a->attempts = roll(4) > 0 ? 1 : (uint8_t)roll(a->retries + 2u);
	if (walls && roll(3) == 0)
		a->start = roll(5) == 0 ? BAD_RECORD : WALL;
	a->prompt = roll(4) == 0;
	for (size_t k = 0; k < DRAWN; k++)
		a->outcomes[k] = draw_outcome(luck);
}

/* Some of the tasks, in any order. */
static void draw_retry(struct scene *s)
{
	uint8_t deck[TASKS_MAX];
	for (uint8_t i = 0; i < s->count; i++)
		deck[i] = i;
	s->nretry = (uint8_t)roll(s->count + 1u);
	for (unsigned i = 0; i < s->nretry; i++) {
		unsigned k = i + roll(s->count - i);
		s->retry[i] = deck[k];
		deck[k] = deck[i];
	}
}

static void draw(struct scene *s, uint64_t seed)
{
	memset(s, 0, sizeof *s);
	dice = seed;
	/* small ones are where the rules part; large ones where counting goes wrong */
	s->count = (uint8_t)(1 + roll(roll(4) == 0 ? TASKS_MAX : 5));
	s->succeeded = (uint8_t)(roll(2) * roll(10));
	s->ask = roll(4) > 0;
	s->allow_fix = roll(2) == 0;
	s->has_verdict = roll(10) > 0;
	s->relation = (uint8_t)(roll(5) == 0 ? RELATION_UNCLEAR : roll(2));
	s->strategy = (uint8_t)(roll(5) == 0 ? STRATEGY_STOP : roll(2));
	s->escalate = roll(8) == 0;
	s->fix = roll(2) == 0;
	s->fix_ok = roll(3) > 0;
	s->reversed = roll(2) == 0;
	s->texts = roll(16) == 0;
	unsigned luck = roll(6);
	bool walls = roll(2) == 0;
	for (size_t i = 0; i < s->count; i++)
		draw_actor(&s->actors[i], luck, walls);
	if (roll(2) == 0)
		draw_retry(s);
}

static void drop_entry(struct scene *s, size_t i)
{
	memmove(&s->retry[i], &s->retry[i + 1], s->nretry - i - 1u);
	s->nretry--;
	s->retry[s->nretry] = 0;
}

static void drop_actor(struct scene *s, size_t i)
{
	size_t entry = entry_of(s, i);
	if (entry > 0)
		drop_entry(s, entry - 1);
	for (size_t k = 0; k < s->nretry; k++)
		s->retry[k] -= s->retry[k] > i;
	memmove(&s->actors[i], &s->actors[i + 1], (s->count - i - 1u) * sizeof s->actors[0]);
	s->count--;
	memset(&s->actors[s->count], 0, sizeof s->actors[0]);
}

#define WAYS_GLOBAL 10
#define WAYS_ACTOR (4 + DRAWN)

static void simplify_all(struct scene *s, size_t way)
{
	uint8_t *to_zero[] = { &s->ask, &s->allow_fix, &s->relation, &s->strategy, &s->escalate,
		&s->fix, &s->reversed, &s->texts };
	if (way < COUNT(to_zero))
		*to_zero[way] = 0;
	else if (way == COUNT(to_zero))
		s->has_verdict = 1;
	else
		s->succeeded = s->succeeded > 1 ? 1 : s->succeeded;
}

static void simplify_actor(struct actor *a, size_t way)
{
	if (way == 0)
		a->start = PLAIN;
	else if (way == 1)
		a->attempts = 1;
	else if (way == 2)
		a->retries -= a->retries > 0;
	else if (way == 3)
		a->prompt = 0;
	else
		a->outcomes[way - 4] = FAILS;
}

/* Makes it simpler in one way; false when there are no more ways. It may be the same as before. */
static bool simplify(struct scene *s, size_t way)
{
	if (way < s->count) {
		if (s->count > 1)
			drop_actor(s, way);
		return true;
	}
	way -= s->count;
	if (way < s->nretry) {
		drop_entry(s, way);
		return true;
	}
	way -= s->nretry;
	if (way < WAYS_GLOBAL) {
		simplify_all(s, way);
		return true;
	}
	way -= WAYS_GLOBAL;
	if (way >= (size_t)s->count * WAYS_ACTOR)
		return false;
	simplify_actor(&s->actors[way / WAYS_ACTOR], way % WAYS_ACTOR);
	return true;
}

/* The smallest scene that can be reached in single steps and still differs. */
static void shrink(struct scene *s)
{
	struct scene next = *s;
	for (size_t way = 0; simplify(&next, way); way++) {
		if (memcmp(&next, s, sizeof next) != 0 && differs(&next)) {
			*s = next;
			way = SIZE_MAX; /* from the beginning */
		}
		next = *s;
	}
}

static void show_trace(struct buf *out, const char *title, const struct trace *t)
{
	static const char *const marks[] = { "ask", "fix", "attempt", "end", "bad text" };
	buf_addf(out, "  %s:", title);
	for (size_t i = 0; i < t->len && i < 200; i++) {
		if (t->v[i] >= ASKED)
			buf_addf(out, " %s", marks[t->v[i] - ASKED]);
		else if (t->v[i] >= 256)
			buf_addf(out, " %d(entry %d)", t->v[i] % 256, t->v[i] / 256);
		else
			buf_addf(out, " %d", t->v[i]);
	}
	buf_addch(out, '\n');
}

static void show_actor(struct buf *out, const struct actor *a, size_t task)
{
	static const char *const starts[] = { "plain", "wall", "bad record" };
	static const char *const outcomes[] = { "fails", "succeeds", "not counted", "wall" };
	buf_addf(out, "  task %zu: %s, attempts %d, retries %d%s; then", task, starts[a->start],
	    a->attempts, a->retries, a->prompt ? ", another prompt" : "");
	for (size_t k = 0; k < DRAWN; k++)
		buf_addf(out, " %s%s", outcomes[a->outcomes[k]], k + 1 < DRAWN ? "," : "\n");
}

static void show(struct buf *out, const struct scene *s)
{
	struct trace t;
	buf_addf(out, "  succeeded %d, ask %d, allow-fix %d, results %s\n", s->succeeded, s->ask,
	    s->allow_fix, s->reversed ? "reversed" : "in order");
	if (s->has_verdict)
		buf_addf(out, "  verdict: %s, %s, escalate %d, fix %d (%s), retry",
		    verdict_relation_text((enum verdict_relation)s->relation),
		    verdict_strategy_text((enum verdict_strategy)s->strategy), s->escalate, s->fix,
		    s->fix_ok ? "works" : "fails");
	else
		buf_addstr(out, "  no verdict, retry");
	for (size_t i = 0; i < s->nretry; i++)
		buf_addf(out, " %zu", task_of(s->retry[i]));
	buf_addch(out, '\n');
	for (size_t i = 0; i < s->count; i++)
		show_actor(out, &s->actors[i], task_of(i));
	rules(s, &t);
	show_trace(out, "expected", &t);
	act(s, &t);
	show_trace(out, "got", &t);
}

static uint64_t number_from(const char *variable, uint64_t otherwise)
{
	const char *value = getenv(variable);
	return value != NULL && *value != '\0' ? strtoull(value, NULL, 0) : otherwise;
}

/* LADDER_SEED and LADDER_CASES repeat a case, or make more or fewer of them. */
START_TEST(against_slow_rules)
{
	uint64_t seed = number_from("LADDER_SEED", 20240229);
	uint64_t cases = number_from("LADDER_CASES", 100000);
	struct scene s;
	for (uint64_t i = 0; i < cases; i++) {
		draw(&s, seed + i);
		if (!differs(&s))
			continue;
		struct buf out = BUF_INIT;
		shrink(&s);
		show(&out, &s);
		ck_abort_msg("LADDER_SEED=%llu LADDER_CASES=1:\n%s", (unsigned long long)(seed + i),
		    buf_str(&out));
	}
}
END_TEST

Suite *ladder_suite(void)
{
	Suite *s = suite_create("ladder");
	TCase *t = tcase_create("ladder");

	tcase_set_timeout(t, 120);
	tcase_add_test(t, which_are_retryable);
	tcase_add_test(t, one_of_several);
	tcase_add_test(t, alone_in_its_step);
	tcase_add_test(t, several_and_nobody_is_asked);
	tcase_add_test(t, related_side_by_side);
	tcase_add_test(t, related_one_after_another);
	tcase_add_test(t, independent);
	tcase_add_test(t, no_retries);
	tcase_add_test(t, commands_are_not_refined);
	tcase_add_test(t, retries_that_cannot_be_made);
	tcase_add_test(t, no_verdict);
	tcase_add_test(t, fixes);
	tcase_add_test(t, first_is_canary);
	tcase_add_test(t, named_tasks);
	tcase_add_test(t, attempts_that_do_not_count);
	tcase_add_test(t, bad_records);
	tcase_add_test(t, no_failures);
	tcase_add_test(t, texts_are_safe);
	tcase_add_test(t, pauses);
	tcase_add_test(t, against_slow_rules);
	suite_add_tcase(s, t);
	return s;
}
