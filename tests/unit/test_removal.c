#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "shared/clock.h"
#include "shared/removal.h"

Suite *removal_suite(void);

#define DEEP 300

static char top[32];
static int at;

static void setup(void)
{
	snprintf(top, sizeof(top), "/tmp/pollard-unit-XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(top));
	at = open(top, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	ck_assert_int_ge(at, 0);
}

static void teardown(void)
{
	close(at);
	ck_assert_int_eq(rmdir(top), 0);
}

static void make(const char *path, mode_t mode)
{
	ck_assert_int_eq(mkdirat(at, path, mode), 0);
}

static void put(const char *path)
{
	int fd = openat(at, path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);

	ck_assert_int_ge(fd, 0);
	close(fd);
}

static bool is_there(const char *path)
{
	return faccessat(at, path, F_OK, AT_SYMLINK_NOFOLLOW) == 0;
}

START_TEST(what_is_not_there)
{
	ck_assert_int_eq(remove_tree(at, "nothing", 0), 0);
	put("file");
	ck_assert_int_eq(remove_tree(at, "file", 0), 0);
	ck_assert(!is_there("file"));
}
END_TEST

START_TEST(links_are_not_followed)
{
	make("victim", 0700);
	put("victim/file");
	make("tree", 0700);
	ck_assert_int_eq(symlinkat("../victim", at, "tree/link"), 0);
	ck_assert_int_eq(symlinkat("victim", at, "direct"), 0);
	ck_assert_int_eq(remove_tree(at, "tree", 0), 0);
	ck_assert_int_eq(remove_tree(at, "direct", 0), 0);
	ck_assert(!is_there("tree") && !is_there("direct"));
	ck_assert(is_there("victim/file"));
	ck_assert_int_eq(remove_tree(at, "victim", 0), 0);
}
END_TEST

START_TEST(closed_directories)
{
	make("tree", 0700);
	make("tree/a", 0700);
	make("tree/a/b", 0700);
	put("tree/a/b/file");
	ck_assert_int_eq(fchmodat(at, "tree/a/b", 0, 0), 0);
	ck_assert_int_eq(fchmodat(at, "tree/a", 0500, 0), 0);
	ck_assert_int_eq(fchmodat(at, "tree", 0500, 0), 0);
	ck_assert_int_eq(remove_tree(at, "tree", 0), 0);
	ck_assert(!is_there("tree"));
}
END_TEST

/* Deeper than descriptors reach, and than a path can be. */
START_TEST(deep)
{
	struct rlimit limit, few;
	int fd;

	make("tree", 0700);
	fd = openat(at, "tree", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	for (int i = 0; i < DEEP; i++) {
		int next;

		ck_assert_int_eq(mkdirat(fd, "a-directory-with-a-long-name", 0700), 0);
		ck_assert_int_eq(mkdirat(fd, "beside", 0500), 0);
		next = openat(fd, "a-directory-with-a-long-name", O_RDONLY | O_CLOEXEC);
		close(fd);
		fd = next;
	}
	close(fd);
	ck_assert_int_eq(getrlimit(RLIMIT_NOFILE, &limit), 0);
	few = limit;
	few.rlim_cur = 64;
	ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &few), 0);
	ck_assert_int_eq(remove_tree(at, "tree", 0), 0);
	ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &limit), 0);
	ck_assert(!is_there("tree"));
}
END_TEST

START_TEST(many)
{
	char name[32];

	make("tree", 0700);
	for (int i = 0; i < 3000; i++) {
		snprintf(name, sizeof(name), "tree/%d", i);
		put(name);
	}
	ck_assert_int_eq(remove_tree(at, "tree", 0), 0);
	ck_assert(!is_there("tree"));
}
END_TEST

START_TEST(no_time)
{
	make("tree", 0700);
	put("tree/file");
	ck_assert_int_eq(remove_tree(at, "tree", clock_mono_ms() - 1), -1);
	ck_assert_int_eq(errno, ETIMEDOUT);
	ck_assert(is_there("tree/file"));
	ck_assert_int_eq(remove_tree(at, "tree", clock_mono_ms() + 60000), 0);
}
END_TEST

Suite *removal_suite(void)
{
	Suite *s = suite_create("removal");
	TCase *t = tcase_create("removal");

	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_test(t, what_is_not_there);
	tcase_add_test(t, links_are_not_followed);
	tcase_add_test(t, closed_directories);
	tcase_add_test(t, deep);
	tcase_add_test(t, many);
	tcase_add_test(t, no_time);
	suite_add_tcase(s, t);
	return s;
}
