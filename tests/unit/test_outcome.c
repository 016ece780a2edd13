#include <check.h>
#include <stddef.h>

#include "supervisor/recovery/outcome.h"

Suite *outcome_suite(void);

enum { NO, YES };

START_TEST(counting)
{
	struct counts c = { 0 };
	counts_add(&c, RESULT_SUCCEEDED);
	counts_add(&c, RESULT_FAILED);
	counts_add(&c, RESULT_FAILED);
	counts_add(&c, RESULT_SKIPPED);
	counts_add(&c, RESULT_CANCELLED);
	counts_add(&c, RESULT_CANCELLED);
	counts_add(&c, RESULT_CANCELLED);
	ck_assert_uint_eq(c.total, 7);
	ck_assert_uint_eq(c.succeeded, 1);
	ck_assert_uint_eq(c.failed, 2);
	ck_assert_uint_eq(c.skipped, 1);
	ck_assert_uint_eq(c.cancelled, 3);
}
END_TEST

START_TEST(outcomes)
{
	static const struct {
		struct counts counts;
		const char *text;
	} rows[] = {
		{ { 0, 0, 0, 0, 0 }, "all" },
		{ { 1, 1, 0, 0, 0 }, "all" },
		{ { 9, 9, 0, 0, 0 }, "all" },
		{ { 2, 1, 1, 0, 0 }, "partial" },
		{ { 2, 1, 0, 1, 0 }, "partial" },
		{ { 2, 1, 0, 0, 1 }, "partial" },
		{ { 9, 8, 1, 0, 0 }, "partial" },
		{ { 1, 0, 1, 0, 0 }, "none" },
		{ { 1, 0, 0, 1, 0 }, "none" },
		{ { 1, 0, 0, 0, 1 }, "none" },
		{ { 9, 0, 3, 3, 3 }, "none" },
	};
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
		ck_assert_str_eq(outcome_text(outcome_of(&rows[i].counts)), rows[i].text);
}
END_TEST

/* The table of exit statuses as people read it: one row for each situation. */
static const struct {
	enum { ALL, SOME, NOT_ONE } succeeded;
	enum { MET, NOT_MET } requirement;
	bool stopped;
	bool escalated;
	int exit;
} table[] = {
	{ ALL, MET, NO, NO, 0 },
	{ ALL, MET, NO, YES, 0 },
	{ ALL, MET, YES, NO, 0 },
	{ ALL, MET, YES, YES, 0 },
	{ ALL, NOT_MET, NO, NO, 1 },
	{ ALL, NOT_MET, NO, YES, 3 },
	{ ALL, NOT_MET, YES, NO, 4 },
	{ ALL, NOT_MET, YES, YES, 4 },
	{ SOME, MET, NO, NO, 0 },
	{ SOME, MET, NO, YES, 0 },
	{ SOME, MET, YES, NO, 0 },
	{ SOME, MET, YES, YES, 0 },
	{ SOME, NOT_MET, NO, NO, 1 },
	{ SOME, NOT_MET, NO, YES, 3 },
	{ SOME, NOT_MET, YES, NO, 4 },
	{ SOME, NOT_MET, YES, YES, 4 },
	{ NOT_ONE, MET, NO, NO, 0 },
	{ NOT_ONE, MET, NO, YES, 0 },
	{ NOT_ONE, MET, YES, NO, 0 },
	{ NOT_ONE, MET, YES, YES, 0 },
	{ NOT_ONE, NOT_MET, NO, NO, 2 },
	{ NOT_ONE, NOT_MET, NO, YES, 2 },
	{ NOT_ONE, NOT_MET, YES, NO, 4 },
	{ NOT_ONE, NOT_MET, YES, YES, 4 },
};

static int look_up(int succeeded, bool met, bool stopped, bool escalated)
{
	for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
		if ((int)table[i].succeeded == succeeded && (table[i].requirement == MET) == met &&
		    table[i].stopped == stopped && table[i].escalated == escalated)
			return table[i].exit;
	}
	ck_abort_msg("no such row");
	return -1;
}

/* Tasks that are needed, counted up one by one. */
static uint64_t needed(const struct require *r, uint64_t total)
{
	uint64_t n = 0;
	switch (r->kind) {
	case REQUIRE_ALL:
		return total;
	case REQUIRE_PARTIAL:
		return total == 0 ? 0 : 1;
	case REQUIRE_COUNT:
		return r->number;
	case REQUIRE_PERCENT:
		while (n * 100 < r->number * total)
			n++;
		return n;
	}
	return n;
}

static void check_counts(const struct counts *c, const struct require *r)
{
	bool met = c->succeeded >= needed(r, c->total);
	int succeeded = c->succeeded == c->total ? ALL : c->succeeded > 0 ? SOME : NOT_ONE;
	/* no assertions here: Check makes a system call of each */
	if (require_met(r, c) != met)
		ck_abort_msg("kind %d, number %d, %d of %d", (int)r->kind, (int)r->number,
		    (int)c->succeeded, (int)c->total);
	for (int both = 0; both < 4; both++) {
		bool stopped = (both & 1) != 0;
		bool escalated = (both & 2) != 0;
		int expected = look_up(succeeded, met, stopped, escalated);
		int got = (int)outcome_exit(r, c, stopped, escalated);
		if (got != expected)
			ck_abort_msg("%d of %d, kind %d, number %d, stopped %d, escalated %d: %d, "
				     "expected %d",
			    (int)c->succeeded, (int)c->total, (int)r->kind, (int)r->number, stopped,
			    escalated, got, expected);
	}
}

static void check_requirements(const struct counts *c)
{
	check_counts(c, &(struct require){ REQUIRE_ALL, 0 });
	check_counts(c, &(struct require){ REQUIRE_PARTIAL, 0 });
	for (uint64_t n = 0; n <= 7; n++)
		check_counts(c, &(struct require){ REQUIRE_COUNT, n });
	for (uint64_t n = 0; n <= 100; n++)
		check_counts(c, &(struct require){ REQUIRE_PERCENT, n });
}

START_TEST(exit_statuses)
{
	struct counts c;
	for (c.succeeded = 0; c.succeeded <= 5; c.succeeded++) {
		for (c.failed = 0; c.failed <= 3; c.failed++) {
			for (c.skipped = 0; c.skipped <= 2; c.skipped++) {
				for (c.cancelled = 0; c.cancelled <= 2; c.cancelled++) {
					c.total = c.succeeded + c.failed + c.skipped + c.cancelled;
					check_requirements(&c);
				}
			}
		}
	}
}
END_TEST

START_TEST(no_tasks)
{
	struct counts none = { 0 };
	ck_assert(require_met(&(struct require){ REQUIRE_ALL, 0 }, &none));
	ck_assert(require_met(&(struct require){ REQUIRE_PARTIAL, 0 }, &none));
	ck_assert(require_met(&(struct require){ REQUIRE_PERCENT, 100 }, &none));
	ck_assert(!require_met(&(struct require){ REQUIRE_COUNT, 1 }, &none));
}
END_TEST

START_TEST(percent_is_not_rounded)
{
	struct counts two_thirds = { .total = 3, .succeeded = 2, .failed = 1 };
	ck_assert(require_met(&(struct require){ REQUIRE_PERCENT, 66 }, &two_thirds));
	ck_assert(!require_met(&(struct require){ REQUIRE_PERCENT, 67 }, &two_thirds));
	struct counts many = { .total = 10000000, .succeeded = 9899999, .failed = 100001 };
	ck_assert(!require_met(&(struct require){ REQUIRE_PERCENT, 99 }, &many));
	many.succeeded = 9900000;
	ck_assert(require_met(&(struct require){ REQUIRE_PERCENT, 99 }, &many));
}
END_TEST

Suite *outcome_suite(void)
{
	Suite *s = suite_create("outcome");
	TCase *t = tcase_create("outcome");

	tcase_add_test(t, counting);
	tcase_add_test(t, outcomes);
	tcase_add_test(t, exit_statuses);
	tcase_add_test(t, no_tasks);
	tcase_add_test(t, percent_is_not_rounded);
	suite_add_tcase(s, t);
	return s;
}
