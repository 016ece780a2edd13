#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "shared/buf.h"
#include "shared/removal.h"
#include "supervisor/places.h"

Suite *places_suite(void);

#define RUN "20261123-162005-1f0c"

static char *tmpdir; /* as it was before */
static char top[32];
static char short_dir[64];
static char long_dir[160];

static int make(const char *path)
{
	int fd;

	ck_assert_int_eq(mkdir(path, 0700), 0);
	fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	ck_assert_int_ge(fd, 0);
	return fd;
}

static void setup(void)
{
	snprintf(top, sizeof(top), "/tmp/pollard-u-XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(top));
	snprintf(short_dir, sizeof(short_dir), "%s/s", top);
	snprintf(long_dir, sizeof(long_dir), "%s/%050d", top, 0);
	const char *before = getenv("TMPDIR");
	tmpdir = before != NULL ? strdup(before) : NULL;
	unsetenv("TMPDIR");
}

static void teardown(void)
{
	/* Check itself needs it where its tests share a process */
	if (tmpdir != NULL)
		setenv("TMPDIR", tmpdir, 1);
	else
		unsetenv("TMPDIR");
	free(tmpdir);
	ck_assert_int_eq(remove_tree(AT_FDCWD, top, 0), 0);
}

static void put(const char *dir, const char *name)
{
	char path[256];
	int fd;

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	ck_assert_int_ge(fd, 0);
	close(fd);
}

static bool is_there(int dir, const char *name)
{
	return faccessat(dir, name, F_OK, AT_SYMLINK_NOFOLLOW) == 0;
}

START_TEST(inside_when_short)
{
	struct places p;
	char expected[96];
	int fd = make(short_dir);

	snprintf(expected, sizeof(expected), "%s/tmp", short_dir);
	places_init(&p, fd, short_dir, RUN);
	ck_assert_str_eq(places_tmp(&p), expected);
	ck_assert_int_eq(mkdir(expected, 0700), 0);
	put(expected, "left");
	places_end(&p, true);
	ck_assert(!is_there(fd, "tmp"));
	close(fd);
}
END_TEST

START_TEST(outside_when_long)
{
	struct places p;
	struct stat st;
	char *path;
	int fd = make(long_dir);

	setenv("TMPDIR", top, 1);
	places_init(&p, fd, long_dir, RUN);
	path = strdup(places_tmp(&p));
	ck_assert_int_eq(strncmp(path, top, strlen(top)), 0);
	ck_assert_str_eq(places_tmp(&p), path);
	/* attempts make it */
	ck_assert_int_eq(lstat(path, &st), -1);
	ck_assert_int_eq(mkdir(path, 0700), 0);
	/* where it is can be found by somebody else */
	ck_assert(is_there(fd, "tmp"));
	put(path, "left");
	places_end(&p, true);
	ck_assert_int_eq(access(path, F_OK), -1);
	ck_assert(!is_there(fd, "tmp"));
	free(path);
	close(fd);
}
END_TEST

START_TEST(without_a_run_directory)
{
	struct places p;
	struct buf config = BUF_INIT;
	char *path;

	setenv("TMPDIR", "relative", 1);
	places_init(&p, -1, "/tmp", RUN);
	path = strdup(places_tmp(&p));
	ck_assert_int_eq(strncmp(path, "/tmp/pollard-" RUN "-", 34), 0);
	places_config(&p, &config, "s", "t");
	ck_assert_int_eq(strncmp(buf_str(&config), path, strlen(path)), 0);
	ck_assert_str_eq(buf_str(&config) + strlen(path), "/config/s.t");
	ck_assert_int_eq(mkdir(path, 0700), 0);
	put(path, "left");
	places_end(&p, true);
	ck_assert_int_eq(access(path, F_OK), -1);
	buf_free(&config);
	free(path);
}
END_TEST

START_TEST(a_dead_supervisor)
{
	struct places p;
	char *path;
	int fd = make(long_dir);

	setenv("TMPDIR", top, 1);
	places_init(&p, fd, long_dir, RUN);
	path = strdup(places_tmp(&p));
	free(p.tmp);
	ck_assert_int_eq(mkdir(path, 0700), 0);
	put(path, "left");
	places_clear(fd, RUN, 0);
	ck_assert_int_eq(access(path, F_OK), -1);
	ck_assert(!is_there(fd, "tmp"));
	/* nothing is there */
	places_clear(fd, RUN, 0);
	free(path);
	close(fd);
}
END_TEST

/* A link that the run has not made leads to what is not the run's. */
START_TEST(links_of_others)
{
	char victim[128], name[96];
	int fd = make(short_dir);
	static const char *const names[] = { "victim", "pollard-" RUN,
		"pollard-20261123-162005-1f0d-x", RUN "-" };

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		snprintf(victim, sizeof(victim), "%s/%s", top, names[i]);
		close(make(victim));
		ck_assert_int_eq(symlinkat(victim, fd, "tmp"), 0);
		places_clear(fd, RUN, 0);
		ck_assert_int_eq(access(victim, F_OK), 0);
		ck_assert(!is_there(fd, "tmp"));
	}
	/* one that is made to look so, by way of a second link */
	snprintf(name, sizeof(name), "%s/pollard-" RUN "-abcd", top);
	ck_assert_int_eq(symlink(victim, name), 0);
	ck_assert_int_eq(symlinkat(name, fd, "tmp"), 0);
	places_clear(fd, RUN, 0);
	ck_assert_int_eq(access(victim, F_OK), 0);
	close(fd);
}
END_TEST

START_TEST(configuration_stays_while_it_is_needed)
{
	struct places p;
	struct buf path = BUF_INIT;
	int fd = make(short_dir);

	places_init(&p, fd, short_dir, RUN);
	places_config(&p, &path, "1", "t");
	ck_assert_int_eq(strncmp(buf_str(&path), short_dir, strlen(short_dir)), 0);
	ck_assert_str_eq(buf_str(&path) + strlen(short_dir), "/config/1.t");
	ck_assert_int_eq(mkdirat(fd, "config", 0700), 0);
	ck_assert_int_eq(mkdirat(fd, "config/1.t", 0700), 0);
	places_end(&p, true);
	ck_assert(is_there(fd, "config/1.t"));
	places_end(&p, false);
	ck_assert(!is_there(fd, "config"));
	buf_free(&path);
	close(fd);
}
END_TEST

Suite *places_suite(void)
{
	Suite *s = suite_create("places");
	TCase *t = tcase_create("places");

	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_test(t, inside_when_short);
	tcase_add_test(t, outside_when_long);
	tcase_add_test(t, without_a_run_directory);
	tcase_add_test(t, a_dead_supervisor);
	tcase_add_test(t, links_of_others);
	tcase_add_test(t, configuration_stays_while_it_is_needed);
	suite_add_tcase(s, t);
	return s;
}
