/* How long tasks took in earlier runs. */
#include "runs_fixture.h"

#include "supervisor/record/usual.h"

Suite *usual_suite(void);

#define NOW_RUN "20261124-030000-0001"

static struct usual usual;

static void teardown(void)
{
	usual_free(&usual);
	fixture_teardown();
}

static int64_t hour(int before)
{
	return clock_parse("2026-11-23T03:00:00.000Z") - before * INT64_C(3600000);
}

static void attempt(const char *step, const char *task, const char *status, double seconds)
{
	cJSON *event = journal_event("attempt-finished");

	json_add_string(event, "step", step);
	json_add_string(event, "task", task);
	json_add_string(event, "status", status);
	cJSON_AddNumberToObject(event, "seconds", seconds);
	journal_add(fixture_journal, event);
}

static void run_of(const char *name, int before, double seconds)
{
	fixture_begin(name, hour(before), 1);
	attempt("1", "db", "succeeded", seconds);
	fixture_end(hour(before) + 1000, 0, 0);
}

static void look(void)
{
	usual_free(&usual);
	usual_read(&usual, fixture_root, "nightly", NOW_RUN);
}

START_TEST(without_a_past)
{
	ck_assert_int_eq(usual_of(&usual, "1", "db"), -1);
	look();
	ck_assert_int_eq(usual_of(&usual, "1", "db"), -1);
	usual_read(&usual, "/nonexistent", "nightly", NOW_RUN);
	ck_assert_int_eq(usual_of(&usual, "1", "db"), -1);
}
END_TEST

START_TEST(the_median)
{
	run_of("nightly", 1, 10);
	look();
	ck_assert_int_eq(usual_of(&usual, "1", "db"), 10000);
	run_of("nightly", 2, 500);
	run_of("nightly", 3, 12.5);
	look();
	ck_assert_int_eq(usual_of(&usual, "1", "db"), 12500);
	ck_assert_int_eq(usual_of(&usual, "2", "db"), -1);
	ck_assert_int_eq(usual_of(&usual, "1", "ui"), -1);
}
END_TEST

START_TEST(of_the_name_alone)
{
	run_of("weekly", 1, 10);
	look();
	ck_assert_int_eq(usual_of(&usual, "1", "db"), -1);
}
END_TEST

START_TEST(what_failed_says_nothing)
{
	fixture_begin("nightly", hour(1), 1);
	attempt("1", "db", "failed", 1);
	attempt("1", "db", "succeeded", 20);
	attempt("1", "ui", "failed", 1);
	fixture_end(hour(1), 1, 1);
	look();
	ck_assert_int_eq(usual_of(&usual, "1", "db"), 20000);
	ck_assert_int_eq(usual_of(&usual, "1", "ui"), -1);
}
END_TEST

START_TEST(the_newest_five_count)
{
	for (int i = 1; i <= 5; i++)
		run_of("nightly", i, 30);
	for (int i = 6; i <= 20; i++)
		run_of("nightly", i, 1);
	look();
	ck_assert_int_eq(usual_of(&usual, "1", "db"), 30000);
	ck_assert_uint_eq(usual.count, 5);
}
END_TEST

START_TEST(its_own_journal_is_not_read)
{
	fixture_begin("nightly", clock_parse("2026-11-24T03:00:00.000Z"), 1);
	attempt("1", "db", "succeeded", 7);
	fixture_end(hour(0), 0, 0);
	look();
	ck_assert_int_eq(usual_of(&usual, "1", "db"), -1);
}
END_TEST

START_TEST(of_a_long_journal_the_end)
{
	char *text = malloc(16001);

	memset(text, 'x', 16000);
	text[16000] = '\0';
	fixture_begin("nightly", hour(1), 1);
	attempt("1", "first", "succeeded", 5);
	for (int i = 0; i < 100; i++) {
		cJSON *event = journal_event("attempt-finished");
		json_add_string(event, "status", "succeeded");
		json_add_string(event, "stdout", text);
		journal_add(fixture_journal, event);
	}
	attempt("1", "db", "succeeded", 6);
	fixture_end(hour(1), 0, 0);
	free(text);
	look();
	ck_assert_int_eq(usual_of(&usual, "1", "db"), 6000);
	ck_assert_int_eq(usual_of(&usual, "1", "first"), -1);
}
END_TEST

Suite *usual_suite(void)
{
	Suite *suite = suite_create("usual");
	TCase *tc = tcase_create("usual");

	tcase_add_checked_fixture(tc, fixture_setup, teardown);
	tcase_add_test(tc, without_a_past);
	tcase_add_test(tc, the_median);
	tcase_add_test(tc, of_the_name_alone);
	tcase_add_test(tc, what_failed_says_nothing);
	tcase_add_test(tc, the_newest_five_count);
	tcase_add_test(tc, its_own_journal_is_not_read);
	tcase_add_test(tc, of_a_long_journal_the_end);
	suite_add_tcase(suite, tc);
	return suite;
}
