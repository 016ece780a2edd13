/* Which run directories go at the end of a run, and which stay. */
#include "runs_fixture.h"

#include "supervisor/record/prune.h"

Suite *prune_suite(void);

#define DAY_MS (INT64_C(24) * 3600 * 1000)
#define OWN_RUN "20991231-235959-0001"

static int64_t days_ago(unsigned days)
{
	return clock_wall_ms() - (int64_t)days * DAY_MS;
}

/* Runs of that name, one a day, that began and ended so many days ago, the last one `from`. */
static void make_runs(const char *name, unsigned from, unsigned count, int status)
{
	for (unsigned i = 0; i < count; i++) {
		int64_t then = days_ago(from + i);
		fixture_begin(name, then, (unsigned)name[0]);
		fixture_end(then, 0, status);
	}
}

static size_t left(void)
{
	size_t count;
	char **ids = rundir_list(fixture_root, &count);

	rundir_list_free(ids, count);
	return count;
}

START_TEST(up_to_a_hundred_stay_whatever_their_age)
{
	make_runs("nightly", 40, 99, 0);
	ck_assert_uint_eq(prune_name(fixture_root, "nightly", OWN_RUN), 0);
	make_runs("nightly", 200, 2, 0);
	ck_assert_uint_eq(prune_name(fixture_root, "nightly", OWN_RUN), 2);
	ck_assert_uint_eq(left(), 99);
}
END_TEST

START_TEST(young_ones_stay_however_many)
{
	for (unsigned i = 0; i < 120; i++) {
		fixture_begin("nightly", days_ago(20), i);
		fixture_end(days_ago(20), 0, 0);
	}
	ck_assert_uint_eq(prune_name(fixture_root, "nightly", OWN_RUN), 0);
	make_runs("nightly", 31, 3, 0);
	ck_assert_uint_eq(prune_name(fixture_root, "nightly", OWN_RUN), 3);
	ck_assert_uint_eq(left(), 120);
}
END_TEST

START_TEST(other_names_and_unfinished_runs_stay)
{
	make_runs("nightly", 1, 99, 0);
	make_runs("weekly", 40, 10, 0);
	make_runs("nightly", 200, 4, -1);
	make_runs("nightly", 300, 5, 1);
	ck_assert_uint_eq(prune_name(fixture_root, "nightly", OWN_RUN), 5);
	ck_assert_uint_eq(left(), 99 + 10 + 4);
}
END_TEST

START_TEST(a_run_that_was_taken_up_again_lately_is_not_old)
{
	make_runs("nightly", 1, 99, 0);
	fixture_begin("nightly", days_ago(200), 7);
	fixture_end(days_ago(3), 0, 0);
	ck_assert_uint_eq(prune_name(fixture_root, "nightly", OWN_RUN), 0);
}
END_TEST

START_TEST(one_end_removes_only_so_many)
{
	make_runs("nightly", 40, 180, 0);
	ck_assert_uint_eq(prune_name(fixture_root, "nightly", OWN_RUN), 50);
	ck_assert_uint_eq(prune_name(fixture_root, "nightly", OWN_RUN), 31);
	ck_assert_uint_eq(prune_name(fixture_root, "nightly", OWN_RUN), 0);
	ck_assert_uint_eq(left(), 99);
}
END_TEST

START_TEST(its_own_directory_is_never_looked_at)
{
	make_runs("nightly", 1, 99, 0);
	make_runs("nightly", 200, 1, 0);
	size_t count;
	char **ids = rundir_list(fixture_root, &count);
	ck_assert_uint_eq(prune_name(fixture_root, "nightly", ids[0]), 0);
	rundir_list_free(ids, count);
	ck_assert_uint_eq(left(), 100);
}
END_TEST

/* A run that began then and ended before its first record; `locked`: it came as far as its lock. */
static void make_stillborn(const char *id, int64_t then_ms, bool locked)
{
	struct timespec times[2] = { { .tv_sec = then_ms / 1000 }, { .tv_sec = then_ms / 1000 } };
	char path[160];

	snprintf(path, sizeof(path), "%s/runs/%s", fixture_root, id);
	ck_assert_int_eq(mkdir(path, 0700), 0);
	int dirfd = open(path, O_RDONLY | O_DIRECTORY);
	if (locked) {
		close(openat(dirfd, "lock", O_CREAT | O_WRONLY, 0600));
		close(openat(dirfd, "journal.jsonl", O_CREAT | O_WRONLY, 0600));
		ck_assert_int_eq(utimensat(dirfd, "journal.jsonl", times, 0), 0);
	}
	ck_assert_int_eq(futimens(dirfd, times), 0);
	close(dirfd);
}

START_TEST(what_ended_before_its_first_record_goes_when_it_is_old)
{
	const struct prune_rule hour = { .keep = 0, .older_ms = DAY_MS / 24 };
	const struct prune_rule all = { .keep = 0, .older_ms = PRUNE_ANY_AGE };

	make_runs("nightly", 1, 100, 0);
	make_stillborn("20200101-000000-0001", days_ago(200), true);
	make_stillborn("20200101-000000-0002", days_ago(200), false);
	make_stillborn("20200101-000000-0003", days_ago(2), true);
	ck_assert_uint_eq(prune_name(fixture_root, "nightly", OWN_RUN), 2 + 1);
	make_stillborn("20991231-000000-0001", clock_wall_ms(), true);
	make_stillborn("20991231-000000-0002", clock_wall_ms(), false);
	struct prune_tally tally = prune_all(fixture_root, &hour);
	ck_assert_uint_eq(tally.kept, 2);
	ck_assert_uint_eq(tally.unfinished, 0);
	/* the one without a lock may be about to take it */
	tally = prune_all(fixture_root, &all);
	ck_assert_uint_eq(tally.removed, 1);
	ck_assert_uint_eq(tally.unfinished, 1);
	ck_assert_uint_eq(left(), 1);
}
END_TEST

START_TEST(at_will_every_name_has_its_own_count)
{
	const struct prune_rule rule = { .keep = 2, .older_ms = PRUNE_ANY_AGE };

	make_runs("nightly", 0, 5, 0);
	make_runs("weekly", 0, 3, 0);
	make_runs("yearly", 0, 3, -1);
	struct prune_tally tally = prune_all(fixture_root, &rule);
	ck_assert_uint_eq(tally.removed, 4);
	ck_assert_uint_eq(tally.kept, 7);
	ck_assert_uint_eq(tally.unfinished, 1);
	ck_assert(!tally.failed);
	ck_assert_uint_eq(left(), 7);
}
END_TEST

Suite *prune_suite(void)
{
	Suite *s = suite_create("prune");
	TCase *all = tcase_create("all");

	tcase_add_checked_fixture(all, fixture_setup, fixture_teardown);
	tcase_add_test(all, up_to_a_hundred_stay_whatever_their_age);
	tcase_add_test(all, young_ones_stay_however_many);
	tcase_add_test(all, other_names_and_unfinished_runs_stay);
	tcase_add_test(all, a_run_that_was_taken_up_again_lately_is_not_old);
	tcase_add_test(all, one_end_removes_only_so_many);
	tcase_add_test(all, its_own_directory_is_never_looked_at);
	tcase_add_test(all, what_ended_before_its_first_record_goes_when_it_is_old);
	tcase_add_test(all, at_will_every_name_has_its_own_count);
	suite_add_tcase(s, all);
	return s;
}
