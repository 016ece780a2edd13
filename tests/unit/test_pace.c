#include <check.h>

#include "supervisor/pressure/pace.h"

Suite *pace_suite(void);

/* So many starts, one every so many milliseconds; all are let through. The time after them. */
static int64_t start_each(struct pace *p, int64_t now, int64_t ms, unsigned count)
{
	for (unsigned i = 0; i < count; i++) {
		pace_started(p, now);
		now += ms;
	}
	return now;
}

static void refuse(struct pace *p, int64_t now)
{
	pace_started(p, now);
	pace_refused(p);
	pace_slow_down(p, now);
}

START_TEST(none_at_first)
{
	struct pace p = { 0 };
	start_each(&p, 1000, 1, 50);
	pace_succeeded(&p);
	pace_wait(&p, 99000);
	ck_assert_int_eq(pace_next(&p), 0);
}
END_TEST

/* What was borne until the first refusal is the pace then. */
START_TEST(as_it_was_borne)
{
	struct pace p = { 0 };
	int64_t now = start_each(&p, 1000, 100, 20);
	refuse(&p, now);
	pace_started(&p, now);
	ck_assert_int_eq(pace_next(&p), now + 100);
	pace_wait(&p, now + 5000);
	ck_assert_int_eq(pace_next(&p), now + 5000);
}
END_TEST

/* A refusal that comes too soon tells nothing but that it was too fast. */
START_TEST(too_soon_to_tell)
{
	struct pace p = { 0 };
	int64_t now = start_each(&p, 1000, 100, 20);
	refuse(&p, now);
	int64_t before = p.spacing_us;
	refuse(&p, now + 50);
	ck_assert_int_gt(p.spacing_us, before);
	ck_assert_int_le(p.spacing_us, before * 11 / 10);
}
END_TEST

/* Refused again and again, as in an outage, it slows down to some bound and no further. */
START_TEST(an_outage)
{
	struct pace p = { .spacing_us = 42000, .known_us = 110000 };
	for (int i = 0; i < 100; i++)
		refuse(&p, 1000 + i);
	ck_assert_int_gt(p.spacing_us, 110000);
	ck_assert_int_le(p.spacing_us, 8 * 110000);
	p = (struct pace){ .spacing_us = 42000 };
	for (int i = 0; i < 100; i++)
		refuse(&p, 1000 + i);
	ck_assert_int_gt(p.spacing_us, 1000000);
	ck_assert_int_le(p.spacing_us, 60000000);
	/* attempts that take long are further apart than that, and stay so */
	p = (struct pace){ .spacing_us = 600000000 };
	for (int i = 0; i < 100; i++)
		refuse(&p, 1000 + i);
	ck_assert_int_eq(p.spacing_us, 600000000);
}
END_TEST

/* The caller's idea of it holds until two refusals tell more, and only to quicken it. */
START_TEST(as_the_caller_has_it)
{
	struct pace p = { 0 };
	pace_at_most(&p, 300000);
	ck_assert_int_eq(p.spacing_us, 300000);
	pace_at_most(&p, 400000);
	ck_assert_int_eq(p.spacing_us, 300000);
	int64_t now = start_each(&p, 1000, 300, 20);
	refuse(&p, now);
	pace_at_most(&p, 1000);
	ck_assert_int_gt(p.spacing_us, 250000);
}
END_TEST

/* It is held for some good ends, and then quickens, more and more; what waited for a slot does not count. */
START_TEST(quickens)
{
	struct pace p = { 0 };
	int64_t now = start_each(&p, 1000, 100, 20);
	refuse(&p, now);
	int64_t before = p.spacing_us;
	for (int i = 0; i < 100; i++) {
		now = pace_next(&p) + 5000;
		pace_started(&p, now);
		pace_succeeded(&p);
	}
	ck_assert_int_eq(p.spacing_us, before);
	for (int i = 0; i < 8; i++) {
		pace_started(&p, pace_next(&p));
		pace_succeeded(&p);
	}
	ck_assert_int_eq(p.spacing_us, before);
	for (int i = 0; i < 100; i++) {
		pace_started(&p, pace_next(&p));
		pace_succeeded(&p);
	}
	ck_assert_int_lt(p.spacing_us, before * 9 / 10);
	ck_assert_int_gt(p.spacing_us, 0);
}
END_TEST

Suite *pace_suite(void)
{
	Suite *s = suite_create("pace");
	TCase *c = tcase_create("pace");
	tcase_add_test(c, none_at_first);
	tcase_add_test(c, as_it_was_borne);
	tcase_add_test(c, too_soon_to_tell);
	tcase_add_test(c, an_outage);
	tcase_add_test(c, as_the_caller_has_it);
	tcase_add_test(c, quickens);
	suite_add_tcase(s, c);
	return s;
}
