#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "supervisor/recovery.h"

Suite *recovery_suite(void);

#define TASKS_MAX 50
#define CASES 20000

static struct failure failed_once(size_t task, unsigned retries)
{
	return (struct failure){ .task = task,
		.attempts = 1,
		.retries = retries,
		.reason = REASON_EXIT };
}

START_TEST(which_may_be_retried)
{
	static const enum reason never[] = { REASON_SPAWN, REASON_AUTH, REASON_QUOTA,
		REASON_INVALID };
	static const enum reason others[] = { REASON_EXIT, REASON_SIGNAL, REASON_TIMEOUT,
		REASON_IDLE_TIMEOUT, REASON_AGENT, REASON_RATE_LIMIT, REASON_CONTEXT, REASON_OUTPUT,
		REASON_WORKER };
	struct failure f = failed_once(0, 100);
	for (size_t i = 0; i < sizeof never / sizeof never[0]; i++) {
		f.reason = never[i];
		ck_assert_msg(!may_retry(&f), "%s", reason_text(f.reason));
	}
	for (size_t i = 0; i < sizeof others / sizeof others[0]; i++) {
		f.reason = others[i];
		ck_assert_msg(may_retry(&f), "%s", reason_text(f.reason));
	}
}
END_TEST

START_TEST(how_often)
{
	for (unsigned retries = 0; retries <= 100; retries++) {
		struct failure f = failed_once(0, retries);
		for (f.attempts = 1; f.attempts <= 102; f.attempts++)
			ck_assert(may_retry(&f) == (f.attempts <= retries));
	}
}
END_TEST

static int level_of(uint64_t failed, uint64_t succeeded)
{
	struct failure f = failed_once(0, 1);
	struct recovery r;
	recovery_begin(&r, &f, 1, failed, succeeded);
	int level = r.level;
	recovery_free(&r);
	return level;
}

START_TEST(levels)
{
	ck_assert_int_eq(level_of(1, 0), 1);
	ck_assert_int_eq(level_of(1, 1), 1);
	ck_assert_int_eq(level_of(1, 1000), 1);
	ck_assert_int_eq(level_of(2, 1), 2);
	ck_assert_int_eq(level_of(1000, 1), 2);
	ck_assert_int_eq(level_of(2, 0), 3);
	ck_assert_int_eq(level_of(1000, 0), 3);
}
END_TEST

/* The next attempt must be of this task, and ends so. */
static void play(struct recovery *r, size_t task, bool succeeded)
{
	size_t next;
	ck_assert(recovery_next(r, &next));
	ck_assert_uint_eq(next, task);
	/* asking twice changes nothing */
	ck_assert(recovery_next(r, &next));
	ck_assert_uint_eq(next, task);
	recovery_result(r, succeeded, succeeded ? REASON_NONE : REASON_EXIT);
}

static void expect_over(struct recovery *r, size_t recovered)
{
	size_t next;
	ck_assert(!recovery_next(r, &next));
	ck_assert(!recovery_next(r, &next));
	ck_assert_uint_eq(r->recovered, recovered);
	recovery_free(r);
}

START_TEST(one_task)
{
	struct failure f = failed_once(7, 2);
	struct recovery r;
	recovery_begin(&r, &f, 1, 1, 3);
	play(&r, 7, false);
	play(&r, 7, true);
	expect_over(&r, 1);

	recovery_begin(&r, &f, 1, 1, 3);
	play(&r, 7, false);
	play(&r, 7, false);
	expect_over(&r, 0);
}
END_TEST

START_TEST(several_one_after_another)
{
	struct failure f[] = { failed_once(2, 1), failed_once(5, 2), failed_once(9, 1) };
	struct recovery r;
	recovery_begin(&r, f, 3, 3, 1);
	play(&r, 2, false);
	play(&r, 5, false);
	play(&r, 5, true);
	play(&r, 9, true);
	expect_over(&r, 2);
}
END_TEST

START_TEST(canary)
{
	struct failure f[] = { failed_once(0, 2), failed_once(1, 2), failed_once(2, 2) };
	struct recovery r;
	recovery_begin(&r, f, 3, 3, 0);
	play(&r, 0, false);
	play(&r, 0, false);
	ck_assert(!r.canary_failed);
	expect_over(&r, 0);

	recovery_begin(&r, f, 3, 3, 0);
	play(&r, 0, true);
	/* only the first is a canary */
	play(&r, 1, false);
	play(&r, 1, false);
	play(&r, 2, true);
	ck_assert(!r.canary_failed);
	expect_over(&r, 2);
}
END_TEST

START_TEST(wall_in_the_ladder)
{
	struct failure f[] = { failed_once(0, 5), failed_once(1, 5) };
	struct recovery r;
	size_t next;
	recovery_begin(&r, f, 2, 2, 1);
	ck_assert(recovery_next(&r, &next));
	recovery_result(&r, false, REASON_QUOTA);
	play(&r, 1, true);
	expect_over(&r, 1);
}
END_TEST

START_TEST(nothing_to_retry)
{
	struct recovery r;
	recovery_begin(&r, NULL, 0, 4, 1);
	expect_over(&r, 0);
}
END_TEST

/*
 * The rules once more, said slowly: all outcomes are drawn beforehand, and the attempts that
 * follow from them are listed.
 */
struct script {
	struct failure failures[TASKS_MAX];
	size_t count;
	uint64_t failed;
	uint64_t succeeded;
	/* outcome of the n-th further attempt of a failure: REASON_NONE is success */
	enum reason outcomes[TASKS_MAX][8];
};

struct expected {
	size_t tasks[TASKS_MAX * 8];
	size_t count;
	size_t recovered;
	int level;
};

static enum reason random_reason(void)
{
	static const enum reason reasons[] = { REASON_EXIT, REASON_SIGNAL, REASON_TIMEOUT,
		REASON_AGENT, REASON_OUTPUT, REASON_WORKER, REASON_EXIT, REASON_RATE_LIMIT,
		REASON_AUTH, REASON_QUOTA, REASON_SPAWN };
	return reasons[random() % 11];
}

static void draw(struct script *s)
{
	s->count = (size_t)(random() % (TASKS_MAX + 1));
	/* some failures may not be attempted again and are not in the list */
	s->failed = s->count + (uint64_t)(random() % 3);
	s->succeeded = random() % 2 == 0 ? 0 : (uint64_t)(random() % 40);
	long luck = 1 + random() % 5;
	size_t task = 0;
	for (size_t i = 0; i < s->count; i++) {
		task += 1 + (size_t)(random() % 3);
		unsigned retries = 1 + (unsigned)(random() % 4);
		s->failures[i] = (struct failure){ .task = task,
			.retries = retries,
			.attempts = 1 + (unsigned)(random() % retries),
			.reason = REASON_EXIT };
		for (size_t k = 0; k < 8; k++)
			s->outcomes[i][k] = random() % luck == 0 ? REASON_NONE : random_reason();
	}
}

static bool is_wall(enum reason r)
{
	return r == REASON_AUTH || r == REASON_QUOTA || r == REASON_SPAWN || r == REASON_INVALID;
}

static void follow_rules(const struct script *s, struct expected *e)
{
	e->count = e->recovered = 0;
	e->level = 3;
	if (s->succeeded > 0)
		e->level = 2;
	if (s->failed < 2)
		e->level = 1;
	for (size_t i = 0; i < s->count; i++) {
		const struct failure *f = &s->failures[i];
		unsigned left = 1 + f->retries - f->attempts;
		bool success = false;
		for (unsigned k = 0; k < left && !success; k++) {
			e->tasks[e->count++] = f->task;
			success = s->outcomes[i][k] == REASON_NONE;
			if (is_wall(s->outcomes[i][k]))
				break;
		}
		e->recovered += success;
		if (e->level == 3 && i == 0 && !success)
			return;
	}
}

static void play_script(const struct script *s, const struct expected *e)
{
	struct recovery r;
	size_t task;
	size_t played = 0;
	size_t tries[TASKS_MAX] = { 0 };
	recovery_begin(&r, s->failures, s->count, s->failed, s->succeeded);
	while (recovery_next(&r, &task)) {
		size_t which = 0;
		/* an assertion of Check is a system call even when it holds */
		if (played >= e->count || task != e->tasks[played])
			ck_abort_msg("attempt %zu is of task %zu", played + 1, task);
		played++;
		while (s->failures[which].task != task)
			which++;
		enum reason outcome = s->outcomes[which][tries[which]++];
		recovery_result(&r, outcome == REASON_NONE, outcome);
	}
	if (r.level != e->level || played != e->count || r.recovered != e->recovered)
		ck_abort_msg("level %d, %zu attempts, %zu recovered; expected %d, %zu, %zu",
		    r.level, played, r.recovered, e->level, e->count, e->recovered);
	for (size_t i = 0; i < s->count; i++) {
		if (s->failures[i].attempts + tries[i] > 1 + s->failures[i].retries)
			ck_abort_msg("task %zu: too many attempts", s->failures[i].task);
	}
	recovery_free(&r);
}

START_TEST(against_slow_rules)
{
	struct script s;
	struct expected e;
	srandom(4);
	for (int i = 0; i < CASES; i++) {
		draw(&s);
		follow_rules(&s, &e);
		play_script(&s, &e);
	}
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
			int64_t pause = retry_pause_ms(attempt, n * 2147483u);
			if (pause < most / 2 || pause > most)
				ck_abort_msg("attempt %u after %d ms", attempt, (int)pause);
			seen_least = pause < seen_least ? pause : seen_least;
			seen_most = pause > seen_most ? pause : seen_most;
		}
		/* it is spread, not one value */
		ck_assert_int_lt(seen_least, most * 6 / 10);
		ck_assert_int_gt(seen_most, most * 9 / 10);
	}
	ck_assert_int_le(retry_pause_ms(UINT32_MAX, UINT32_MAX), 60000);
}
END_TEST

Suite *recovery_suite(void)
{
	Suite *s = suite_create("recovery");
	TCase *t = tcase_create("recovery");

	tcase_set_timeout(t, 30);
	tcase_add_test(t, which_may_be_retried);
	tcase_add_test(t, how_often);
	tcase_add_test(t, levels);
	tcase_add_test(t, one_task);
	tcase_add_test(t, several_one_after_another);
	tcase_add_test(t, canary);
	tcase_add_test(t, wall_in_the_ladder);
	tcase_add_test(t, nothing_to_retry);
	tcase_add_test(t, against_slow_rules);
	tcase_add_test(t, pauses);
	suite_add_tcase(s, t);
	return s;
}
