#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "shared/removal.h"
#include "workers/private.h"

Suite *private_suite(void);

static char top[32];
static char own[64];
static const char *const credentials[] = { "auth.json", "deep/er/token", "missing", NULL };
static const struct backend backend = {
	.name = "codex",
	.config_env = "UNIT_CONFIG_HOME",
	.config_dir = ".unit",
	.credentials = credentials,
};
static struct job job;

static void below(char path[96], const char *name)
{
	snprintf(path, 96, "%s/%s", top, name);
}

static void make(const char *name)
{
	char path[96];

	below(path, name);
	ck_assert_int_eq(mkdir(path, 0700), 0);
}

static void put(const char *name)
{
	char path[96];
	int fd;

	below(path, name);
	fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	ck_assert_int_ge(fd, 0);
	close(fd);
}

static void setup(void)
{
	snprintf(top, sizeof(top), "/tmp/pollard-unit-XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(top));
	snprintf(own, sizeof(own), "%s/config/1.t", top);
	make(".unit");
	make(".unit/deep");
	make(".unit/deep/er");
	put(".unit/auth.json");
	put(".unit/deep/er/token");
	setenv("HOME", top, 1);
	unsetenv("UNIT_CONFIG_HOME");
	job = (struct job){ .kind = JOB_AGENT, .backend = &backend, .private_config = own };
}

static void teardown(void)
{
	ck_assert_int_eq(remove_tree(AT_FDCWD, top, 0), 0);
}

/* What the link of that name leads to; "": there is none. */
static const char *target(const char *name)
{
	static char text[128];
	char path[160];
	ssize_t n;

	snprintf(path, sizeof(path), "%s/%s", own, name);
	n = readlink(path, text, sizeof(text) - 1);
	text[n > 0 ? n : 0] = '\0';
	return text;
}

START_TEST(credentials_are_linked)
{
	char expected[96];
	struct stat st;

	ck_assert(private_make(&job));
	ck_assert_int_eq(lstat(own, &st), 0);
	ck_assert(S_ISDIR(st.st_mode));
	ck_assert_int_eq(st.st_mode & 07777, 0700);
	below(expected, ".unit/auth.json");
	ck_assert_str_eq(target("auth.json"), expected);
	below(expected, ".unit/deep/er/token");
	ck_assert_str_eq(target("deep/er/token"), expected);
	ck_assert_str_eq(target("missing"), "");
	/* once more, for a retry: what the client has put there stays */
	put("config/1.t/missing");
	put(".unit/missing");
	ck_assert(private_make(&job));
	ck_assert_str_eq(target("missing"), "");
}
END_TEST

START_TEST(directory_that_the_user_names)
{
	char named[96], expected[96];

	make("elsewhere");
	put("elsewhere/auth.json");
	below(named, "elsewhere");
	setenv("UNIT_CONFIG_HOME", named, 1);
	ck_assert(private_make(&job));
	below(expected, "elsewhere/auth.json");
	ck_assert_str_eq(target("auth.json"), expected);
}
END_TEST

START_TEST(directory_that_the_task_names)
{
	const struct job_env env = { "UNIT_CONFIG_HOME", "/x" };

	job.env = &env;
	job.nenv = 1;
	ck_assert(!private_wanted(&job));
	ck_assert(private_make(&job));
	ck_assert_int_eq(access(own, F_OK), -1);
}
END_TEST

START_TEST(nothing_to_do)
{
	struct backend plain = backend;

	plain.config_env = NULL;
	job.backend = &plain;
	ck_assert(!private_wanted(&job) && private_make(&job));
	job.backend = NULL;
	ck_assert(!private_wanted(&job) && private_make(&job));
	job.backend = &backend;
	job.private_config = NULL;
	ck_assert(!private_wanted(&job) && private_make(&job));
}
END_TEST

START_TEST(never_through_a_link)
{
	char config[96];

	make("victim");
	below(config, "config");
	ck_assert_int_eq(symlink("victim", config), 0);
	ck_assert(!private_make(&job));
	ck_assert(errno == ELOOP || errno == ENOTDIR);
	below(config, "victim/1.t");
	ck_assert_int_eq(access(config, F_OK), -1);
}
END_TEST

Suite *private_suite(void)
{
	Suite *s = suite_create("private");
	TCase *t = tcase_create("private");

	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_test(t, credentials_are_linked);
	tcase_add_test(t, directory_that_the_user_names);
	tcase_add_test(t, directory_that_the_task_names);
	tcase_add_test(t, nothing_to_do);
	tcase_add_test(t, never_through_a_link);
	suite_add_tcase(s, t);
	return s;
}
