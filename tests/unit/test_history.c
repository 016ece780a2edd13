/* What earlier runs say about a failure. */
#include "runs_fixture.h"

#include "shared/buf.h"
#include "supervisor/record/history.h"

Suite *history_suite(void);

#define NOW_RUN "20261124-030000-0001"
#define DAY_MS (INT64_C(24) * 3600 * 1000)

/* 2026-11-23 03:00 UTC, and whole days before. */
static int64_t night(int before)
{
	return clock_parse("2026-11-23T03:00:00.000Z") - before * DAY_MS;
}

/* A run of so many nights ago in which these failed, up to a NULL. */
static void failed_run(int before, const char *error, ...)
{
	va_list tasks;
	const char *task;
	unsigned count = 0;

	fixture_begin("nightly", night(before), 1);
	fixture_task("fine", "succeeded", NULL);
	va_start(tasks, error);
	while ((task = va_arg(tasks, const char *)) != NULL) {
		fixture_task(task, "failed", error);
		count++;
	}
	va_end(tasks);
	fixture_end(night(before) + 1000, count, count > 0);
}

/* As it is now. */
static const struct history_failure db = { "1", "db", "exit", "exit 1: disk 17 is full", NULL };

static void expect(const struct history_failure *failures, size_t count, const char *line)
{
	struct buf out = BUF_INIT;
	bool said = history_line(&out, fixture_root, "nightly", NOW_RUN, failures, count);

	ck_assert_str_eq(buf_str(&out), line);
	ck_assert_int_eq(said, *line != '\0');
	buf_free(&out);
}

START_TEST(without_a_past_nothing_is_said)
{
	expect(&db, 1, "");
	fixture_begin("weekly", night(1), 1);
	fixture_task("db", "failed", "exit 1: disk 17 is full");
	fixture_end(night(1), 1, 1);
	expect(&db, 1, "");
	failed_run(2, "exit 1", "db", NULL);
	expect(NULL, 0, "");
}
END_TEST

START_TEST(the_same_failure_since_when_and_how_often)
{
	failed_run(1, "exit 1: disk 4 is full", "db", NULL);
	expect(&db, 1, "the same failure as in the run before, of 2026-11-22 03:00");
	failed_run(2, "exit 1: disk 123 is full", "db", NULL);
	failed_run(3, "exit 1: disk 17 is full", "db", NULL);
	expect(&db, 1, "the same failure as in the last 3 runs, since 2026-11-20 03:00");
	/* what was before a night that was different does not count */
	failed_run(4, "", NULL);
	failed_run(5, "exit 1: disk 17 is full", "db", NULL);
	expect(&db, 1, "the same failure as in the last 3 runs, since 2026-11-20 03:00");
}
END_TEST

START_TEST(a_failure_is_new_when_the_run_before_succeeded)
{
	failed_run(1, "", NULL);
	failed_run(2, "exit 1: disk 17 is full", "db", NULL);
	expect(&db, 1, "new: the run before, of 2026-11-22 03:00, succeeded");
}
END_TEST

START_TEST(another_task_or_another_error_is_another_failure)
{
	failed_run(1, "exit 1: no route to host", "db", NULL);
	expect(&db, 1, "not the same failure as in the run before, of 2026-11-22 03:00");
	failed_run(0, "exit 1: disk 17 is full", "ui", NULL);
	expect(&db, 1, "not the same failure as in the run before, of 2026-11-23 03:00");
}
END_TEST

START_TEST(what_it_printed_tells_failures_apart)
{
	struct history_failure told = db;

	failed_run(1, db.error, "db", NULL);
	told.summary = "no such table";
	expect(&told, 1, "not the same failure as in the run before, of 2026-11-22 03:00");
}
END_TEST

START_TEST(some_of_several_may_be_the_same)
{
	const struct history_failure two[] = { db,
		{ "1", "ui", "exit", "exit 1: disk 17 is full", NULL } };

	failed_run(1, "exit 1: disk 17 is full", "db", NULL);
	expect(two, 2, "1 of 2 failures is the same as in the run before, of 2026-11-22 03:00");
	failed_run(0, "exit 1: disk 17 is full", "ui", "db", NULL);
	expect(two, 2, "the same failures as in the run before, of 2026-11-23 03:00");
	expect(&db, 1, "1 of 1 failures is the same as in the run before, of 2026-11-23 03:00");
}
END_TEST

START_TEST(runs_that_did_not_end_say_nothing)
{
	failed_run(2, "exit 1: disk 17 is full", "db", NULL);
	fixture_begin("nightly", night(1), 1);
	fixture_task("ui", "failed", "exit 3");
	fixture_end(night(1), 0, -1);
	expect(&db, 1, "the same failure as in the run before, of 2026-11-21 03:00");
}
END_TEST

START_TEST(the_last_word_on_a_task_counts)
{
	fixture_begin("nightly", night(1), 1);
	fixture_task("ui", "failed", "exit 3");
	fixture_task("db", "failed", "exit 9");
	journal_add(fixture_journal, journal_event("resumed"));
	fixture_task("ui", "succeeded", NULL);
	fixture_task("db", "failed", "exit 1: disk 17 is full");
	fixture_end(night(1), 1, 1);
	expect(&db, 1, "the same failure as in the run before, of 2026-11-22 03:00");
}
END_TEST

/* What failed early stands far from the end of the journal. */
START_TEST(a_long_journal_is_read_further)
{
	char *text = malloc(600 * 1024 + 1);
	cJSON *event = journal_event("attempt-finished");

	memset(text, 'x', 600 * 1024);
	text[600 * 1024] = '\0';
	fixture_begin("nightly", night(1), 1);
	fixture_task("db", "failed", "exit 1: disk 17 is full");
	json_add_string(event, "stdout", text);
	journal_add(fixture_journal, event);
	free(text);
	fixture_end(night(1), 1, 1);
	expect(&db, 1, "the same failure as in the run before, of 2026-11-22 03:00");
}
END_TEST

START_TEST(it_stops_after_fifty_runs)
{
	for (int i = 1; i <= 60; i++)
		failed_run(i, "exit 1: disk 17 is full", "db", NULL);
	expect(&db, 1, "the same failure as in the last 50 runs, since before 2026-10-04 03:00");
}
END_TEST

START_TEST(its_own_directory_is_not_looked_at)
{
	fixture_begin("nightly", clock_parse("2026-11-24T03:00:00.000Z"), 1);
	fixture_task("db", "failed", "exit 1: disk 17 is full");
	fixture_end(night(0), 1, 1);
	expect(&db, 1, "");
}
END_TEST

Suite *history_suite(void)
{
	Suite *s = suite_create("history");
	TCase *all = tcase_create("all");

	tcase_add_checked_fixture(all, fixture_setup, fixture_teardown);
	tcase_add_test(all, without_a_past_nothing_is_said);
	tcase_add_test(all, the_same_failure_since_when_and_how_often);
	tcase_add_test(all, a_failure_is_new_when_the_run_before_succeeded);
	tcase_add_test(all, another_task_or_another_error_is_another_failure);
	tcase_add_test(all, what_it_printed_tells_failures_apart);
	tcase_add_test(all, some_of_several_may_be_the_same);
	tcase_add_test(all, runs_that_did_not_end_say_nothing);
	tcase_add_test(all, the_last_word_on_a_task_counts);
	tcase_add_test(all, a_long_journal_is_read_further);
	tcase_add_test(all, it_stops_after_fifty_runs);
	tcase_add_test(all, its_own_directory_is_not_looked_at);
	suite_add_tcase(s, all);
	return s;
}
