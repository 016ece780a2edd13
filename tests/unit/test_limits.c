#include <check.h>

#include "workers/limits.h"

Suite *limits_suite(void);

static struct limits l;

static void begin(int64_t timeout, int64_t idle, int64_t grace)
{
	limits_init(&l, 1000, timeout, idle, grace);
}

START_TEST(ends_by_itself)
{
	begin(0, 0, 500);
	ck_assert_int_eq(limits_next(&l, 1000, false, false), ACTION_NONE);
	ck_assert_int_eq(limits_wait(&l, 1000), -1);
	ck_assert_int_eq(limits_next(&l, 2000, true, true), ACTION_NONE);
	ck_assert_int_eq(l.phase, OVER);
	ck_assert_int_eq(l.cause, STOP_NONE);
}
END_TEST

START_TEST(timeout_terminates_then_kills)
{
	begin(300, 0, 500);
	ck_assert_int_eq(limits_wait(&l, 1000), 300);
	ck_assert_int_eq(limits_next(&l, 1299, false, false), ACTION_NONE);
	ck_assert_int_eq(limits_next(&l, 1300, false, false), ACTION_TERM);
	ck_assert_int_eq(limits_next(&l, 1300, false, false), ACTION_NONE);
	ck_assert_int_eq(limits_wait(&l, 1300), 500);
	ck_assert_int_eq(limits_next(&l, 1800, false, false), ACTION_KILL);
	ck_assert_int_eq(limits_next(&l, 1800, false, false), ACTION_NONE);
	ck_assert_int_eq(limits_wait(&l, 1800), 1);
	ck_assert_int_eq(limits_next(&l, 1801, true, false), ACTION_KILL);
	ck_assert_int_eq(limits_next(&l, 1802, true, true), ACTION_NONE);
	ck_assert_int_eq(l.phase, OVER);
	ck_assert_int_eq(l.cause, STOP_TIMEOUT);
	ck_assert(!l.gave_up);
}
END_TEST

START_TEST(without_grace_it_is_killed_at_once)
{
	begin(300, 0, 0);
	ck_assert_int_eq(limits_next(&l, 1300, false, false), ACTION_KILL);
	ck_assert_int_eq(l.cause, STOP_TIMEOUT);
}
END_TEST

START_TEST(own_end_counts_when_it_came_first)
{
	begin(300, 0, 500);
	ck_assert_int_eq(limits_next(&l, 1300, true, false), ACTION_NONE);
	ck_assert_int_eq(l.phase, LINGERING);
	ck_assert_int_eq(l.cause, STOP_NONE);
}
END_TEST

START_TEST(output_puts_off_the_idle_timeout)
{
	begin(10000, 300, 500);
	ck_assert_int_eq(limits_wait(&l, 1000), 300);
	limits_output(&l, 1250);
	ck_assert_int_eq(limits_next(&l, 1300, false, false), ACTION_NONE);
	ck_assert_int_eq(limits_next(&l, 1550, false, false), ACTION_TERM);
	ck_assert_int_eq(l.cause, STOP_IDLE);
	/* The first cause stays. */
	limits_request(&l, REQUEST_STOP, 1560);
	ck_assert_int_eq(l.cause, STOP_IDLE);
}
END_TEST

START_TEST(output_does_not_put_off_the_timeout)
{
	begin(300, 0, 500);
	limits_output(&l, 1299);
	ck_assert_int_eq(limits_next(&l, 1300, false, false), ACTION_TERM);
}
END_TEST

START_TEST(leftovers_are_swept)
{
	begin(300, 0, 5000);
	ck_assert_int_eq(limits_next(&l, 1100, true, false), ACTION_NONE);
	ck_assert_int_eq(limits_wait(&l, 1100), 50);
	ck_assert_int_eq(limits_next(&l, 1150, true, false), ACTION_SWEEP);
	ck_assert_int_eq(limits_wait(&l, 1150), 200);
	/* The limit of a command that has ended does not count any more. */
	ck_assert_int_eq(limits_next(&l, 1349, true, false), ACTION_NONE);
	ck_assert_int_eq(limits_next(&l, 1350, true, false), ACTION_KILL);
	ck_assert_int_eq(l.cause, STOP_NONE);
}
END_TEST

START_TEST(what_ends_in_time_is_no_leftover)
{
	begin(0, 0, 500);
	ck_assert_int_eq(limits_next(&l, 1100, true, false), ACTION_NONE);
	ck_assert_int_eq(limits_next(&l, 1149, true, true), ACTION_NONE);
	ck_assert_int_eq(l.phase, OVER);
}
END_TEST

START_TEST(stop_request)
{
	begin(0, 0, 500);
	limits_request(&l, REQUEST_STOP, 1100);
	ck_assert_int_eq(limits_next(&l, 1100, false, false), ACTION_TERM);
	limits_request(&l, REQUEST_STOP, 1200);
	ck_assert_int_eq(limits_next(&l, 1200, false, false), ACTION_NONE);
	limits_request(&l, REQUEST_KILL, 1300);
	ck_assert_int_eq(limits_next(&l, 1300, false, false), ACTION_KILL);
	ck_assert_int_eq(l.cause, STOP_ASKED);
}
END_TEST

START_TEST(request_after_the_end_changes_no_result)
{
	begin(0, 0, 500);
	limits_next(&l, 1100, true, false);
	limits_request(&l, REQUEST_STOP, 1110);
	ck_assert_int_eq(limits_next(&l, 1110, true, false), ACTION_SWEEP);
	limits_request(&l, REQUEST_KILL, 1120);
	ck_assert_int_eq(limits_next(&l, 1120, true, false), ACTION_KILL);
	ck_assert_int_eq(l.cause, STOP_NONE);
}
END_TEST

START_TEST(unkillable_is_given_up)
{
	int64_t now = 1100;
	unsigned rounds = 0;

	begin(0, 0, 500);
	limits_request(&l, REQUEST_KILL, now);
	while (l.phase != OVER) {
		if (limits_next(&l, now, false, false) == ACTION_KILL)
			rounds++;
		now += limits_wait(&l, now);
	}
	ck_assert(l.gave_up);
	ck_assert_int_le(now, 1100 + 5000);
	ck_assert_uint_ge(rounds, 20);
	ck_assert_uint_le(rounds, 200);
}
END_TEST

Suite *limits_suite(void)
{
	Suite *suite = suite_create("limits");
	TCase *tc = tcase_create("limits");

	tcase_add_test(tc, ends_by_itself);
	tcase_add_test(tc, timeout_terminates_then_kills);
	tcase_add_test(tc, without_grace_it_is_killed_at_once);
	tcase_add_test(tc, own_end_counts_when_it_came_first);
	tcase_add_test(tc, output_puts_off_the_idle_timeout);
	tcase_add_test(tc, output_does_not_put_off_the_timeout);
	tcase_add_test(tc, leftovers_are_swept);
	tcase_add_test(tc, what_ends_in_time_is_no_leftover);
	tcase_add_test(tc, stop_request);
	tcase_add_test(tc, request_after_the_end_changes_no_result);
	tcase_add_test(tc, unkillable_is_given_up);
	suite_add_tcase(suite, tc);
	return suite;
}
