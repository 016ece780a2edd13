#include <check.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "shared/removal.h"
#include "shared/xalloc.h"
#include "workers/changes.h"

Suite *changes_suite(void);

static char top[32];
static struct moment since;
static struct result result;

static const char *below(const char *name)
{
	static char path[128];

	snprintf(path, sizeof(path), "%s/%s", top, name);
	return path;
}

static void put(const char *name)
{
	int fd = open(below(name), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(write(fd, "x", 1), 1);
	close(fd);
}

/* Until the clock that files are stamped with has reached what a finer one says now. */
static void let_time_pass(void)
{
	struct timespec start, now;

	clock_gettime(CLOCK_REALTIME, &start);
	do
		now = moment_now(NULL).wall;
	while (now.tv_sec < start.tv_sec ||
	    (now.tv_sec == start.tv_sec && now.tv_nsec <= start.tv_nsec));
}

static void setup(void)
{
	snprintf(top, sizeof(top), "/tmp/pollard-unit-XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(top));
	mkdir(below("src"), 0700);
	mkdir(below("src/deep"), 0700);
	mkdir(below("doc"), 0700);
	mkdir(below("src/.git"), 0700);
	put("src/a.c");
	put("src/deep/b.c");
	put("src/.git/index");
	put("doc/x.md");
	result_init(&result);
	let_time_pass();
	since = moment_now(NULL);
	let_time_pass();
}

static void teardown(void)
{
	result_free(&result);
	ck_assert_int_eq(remove_tree(AT_FDCWD, top, 0), 0);
}

static const char *check(const char *const *writes)
{
	const struct job job = { .kind = JOB_AGENT, .cwd = top, .writes = writes, .out_dirfd = -1 };

	free(result.warning);
	result.warning = NULL;
	changes_check(&result, &job, since, NULL);
	return result.warning != NULL ? result.warning : "";
}

static const char *check_one(const char *pattern)
{
	const char *const writes[] = { pattern, NULL };

	return check(writes);
}

#define SOURCES "it said it writes 'src/*.c', and nothing there was changed"

START_TEST(nothing_was_changed)
{
	static const char *const patterns[] = { "src/*.c", "src/**", "src", "src/a.c", "src/", ".",
		"src/deep/../deep/*", "none/*.c", "none", "src/a.c/*" };

	for (size_t i = 0; i < sizeof(patterns) / sizeof(patterns[0]); i++) {
		struct buf expected = BUF_INIT;

		buf_addf(&expected, "it said it writes '%s', and nothing there was changed",
		    patterns[i]);
		ck_assert_str_eq(check_one(patterns[i]), buf_str(&expected));
		buf_free(&expected);
	}
}
END_TEST

START_TEST(elsewhere_does_not_count)
{
	put("doc/x.md");
	put("src/.git/index");
	ck_assert_str_eq(check_one("src/*.c"), SOURCES);
}
END_TEST

START_TEST(changed)
{
	put("src/a.c");
	ck_assert_str_eq(check_one("src/*.c"), "");
	ck_assert_str_eq(check_one("src/a.c"), "");
	ck_assert_str_eq(check_one("*.c"), "");
}
END_TEST

START_TEST(changed_in_depth)
{
	put("src/deep/b.c");
	ck_assert_str_eq(check_one("src/**"), "");
	ck_assert_str_ne(check_one("src/a.c"), "");
}
END_TEST

START_TEST(made)
{
	put("src/deep/new.c");
	ck_assert_str_eq(check_one("src"), "");
}
END_TEST

START_TEST(removed)
{
	unlink(below("src/deep/b.c"));
	ck_assert_str_eq(check_one("src/deep/*.c"), "");
	ck_assert_str_eq(check_one("src/deep/b.c"), "");
}
END_TEST

START_TEST(removed_with_its_directory)
{
	unlink(below("doc/x.md"));
	rmdir(below("doc"));
	ck_assert_str_eq(check_one("doc/*.md"), "");
}
END_TEST

START_TEST(one_of_several)
{
	const char *const writes[] = { "src/*.c", "doc/*", NULL };

	ck_assert_str_eq(check(writes),
	    "it said it writes 'src/*.c', 'doc/*', and nothing there was changed");
	put("doc/x.md");
	ck_assert_str_eq(check(writes), "");
}
END_TEST

START_TEST(many_are_not_all_named)
{
	const char *const writes[] = { "src/a", "src/b", "src/c", "src/d", "src/e", NULL };

	ck_assert_str_eq(check(writes),
	    "it said it writes 'src/a', 'src/b', 'src/c' and 2 more, and nothing there was "
	    "changed");
}
END_TEST

START_TEST(links)
{
	/* to a directory: it may be changed behind it */
	ck_assert_int_eq(symlink("../doc", below("src/link")), 0);
	let_time_pass();
	since = moment_now(NULL);
	let_time_pass();
	ck_assert_str_eq(check_one("src/**"), "");
	/* to a file that was not */
	unlink(below("src/link"));
	ck_assert_int_eq(symlink("../doc/x.md", below("src/link")), 0);
	let_time_pass();
	since = moment_now(NULL);
	let_time_pass();
	ck_assert_str_ne(check_one("src/**"), "");
	put("doc/x.md");
	ck_assert_str_eq(check_one("src/**"), "");
}
END_TEST

/* What happened just before does not count, as far as this can be told; what happens just after does. */
START_TEST(just_now)
{
	for (int i = 0; i < 50; i++) {
		since = moment_now(below("doc"));
		put("src/a.c");
		ck_assert_str_eq(check_one("src/*.c"), "");
	}
}
END_TEST

START_TEST(clock_put_back)
{
	since.wall.tv_sec += 10;
	ck_assert_str_eq(check_one("src/*.c"), "");
}
END_TEST

START_TEST(only_of_a_success)
{
	const char *const none[] = { NULL };

	ck_assert_str_eq(check(none), "");
	ck_assert_str_eq(check(NULL), "");
	result.status = RESULT_FAILED;
	ck_assert_str_eq(check_one("src/*.c"), "");
}
END_TEST

START_TEST(own_directories_do_not_count)
{
	const char *const writes[] = { ".", NULL };
	struct job job = { .kind = JOB_AGENT, .cwd = top, .writes = writes, .out_dirfd = -1 };

	mkdir(below("state"), 0700);
	mkdir(below("state/runs"), 0700);
	mkdir(below("state/runs/r"), 0700);
	mkdir(below("state/runs/r/out"), 0700);
	job.out_dirfd = open(below("state/runs/r/out"), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	mkdir(below("scratch"), 0700);
	let_time_pass();
	since = moment_now(NULL);
	let_time_pass();
	put("state/runs/r/out/1.t.1.out");
	put("scratch/file");
	changes_check(&result, &job, since, below("scratch"));
	ck_assert_ptr_nonnull(result.warning);
	close(job.out_dirfd);
}
END_TEST

START_TEST(warnings_are_joined)
{
	const char *const writes[] = { "src/*.c", NULL };
	const struct job job = { .cwd = top, .writes = writes, .out_dirfd = -1 };

	result.warning = xstrdup("first");
	changes_check(&result, &job, since, NULL);
	ck_assert_str_eq(result.warning, "first; " SOURCES);
}
END_TEST

Suite *changes_suite(void)
{
	Suite *s = suite_create("changes");
	TCase *t = tcase_create("changes");

	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_test(t, nothing_was_changed);
	tcase_add_test(t, elsewhere_does_not_count);
	tcase_add_test(t, changed);
	tcase_add_test(t, changed_in_depth);
	tcase_add_test(t, made);
	tcase_add_test(t, removed);
	tcase_add_test(t, removed_with_its_directory);
	tcase_add_test(t, one_of_several);
	tcase_add_test(t, many_are_not_all_named);
	tcase_add_test(t, links);
	tcase_add_test(t, just_now);
	tcase_add_test(t, clock_put_back);
	tcase_add_test(t, only_of_a_success);
	tcase_add_test(t, own_directories_do_not_count);
	tcase_add_test(t, warnings_are_joined);
	suite_add_tcase(s, t);
	return s;
}
