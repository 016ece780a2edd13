#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "workers/invocation.h"

Suite *invocation_suite(void);

static struct job job;
/* Made for the life of a worker and never freed: all are kept where leak checkers look. */
static const char *const *volatile all_made[8];
static size_t count_made;
static const char *const *made;

static void keep(const char **words)
{
	made = (const char *const *)words;
	all_made[count_made++ % 8] = made;
}

static void setup(void)
{
	job =
	    (struct job){ .kind = JOB_COMMAND, .run = "r", .step = "1", .task = "t", .attempt = 2 };
}

static void check_words(const char *const *words, const char *const *expected)
{
	size_t i;

	for (i = 0; expected[i] != NULL; i++) {
		ck_assert_ptr_nonnull(words[i]);
		ck_assert_str_eq(words[i], expected[i]);
	}
	ck_assert_ptr_null(words[i]);
}

START_TEST(argument_replaces_every_brace)
{
	const char *argv[] = { "cp", "{}", "{}.bak-{}", "{#}", "{x}", NULL };

	job.argv = argv;
	job.argument = "a {} $b";
	job.number = 12;
	keep(invocation_of_command(&job));
	check_words(made,
	    (const char *[]){ "cp", "a {} $b", "a {} $b.bak-a {} $b", "12", "{x}", NULL });
}
END_TEST

START_TEST(argument_is_appended)
{
	const char *argv[] = { "echo", "{#}", NULL };

	job.argv = argv;
	job.argument = "last";
	job.number = 1;
	keep(invocation_of_command(&job));
	check_words(made, (const char *[]){ "echo", "1", "last", NULL });
}
END_TEST

START_TEST(nothing_is_replaced_without_an_argument)
{
	const char *argv[] = { "find", "-exec", "ls", "{}", "{#}", NULL };

	job.argv = argv;
	keep(invocation_of_command(&job));
	check_words(made, argv);
}
END_TEST

START_TEST(placeholders_of_agents)
{
	const char *argv[] = { "a", "--m={model}", "{task}{model}", "{unknown}", "{}", NULL };
	struct placeholder set[] = { { "{model}", "{task}" }, { "{task}", "id" } };

	job.argv = argv;
	job.argument = "never";
	keep(invocation_of_agent(&job, set, 2));
	check_words(made,
	    (const char *[]){ "a", "--m={task}", "id{task}", "{unknown}", "{}", NULL });
}
END_TEST

static unsigned count_of(const char *const *environment, const char *name)
{
	unsigned count = 0;

	for (; *environment != NULL; environment++)
		if (strncmp(*environment, name, strlen(name)) == 0 &&
		    (*environment)[strlen(name)] == '=')
			count++;
	return count;
}

START_TEST(environment)
{
	struct job_env added[] = { { "PATH", "/task/bin" }, { "EMPTY", "" },
		{ "POLLARD_TASK", "lie" } };
	setenv("PATH", "/usr/bin", 1);
	setenv("PATHS", "other", 1);
	setenv("POLLARD_AGENT", "of a run around this one", 1);
	setenv("POLLARD_LAST_ERROR", "too", 1);
	setenv("POLLARD_JOBS", "3", 1);
	setenv("TRACEPARENT", "old", 1);
	job.env = added;
	job.nenv = 3;
	job.traceparent = "new";
	keep(invocation_environment(&job, NULL, 0, NULL));
	ck_assert_str_eq(environment_get(made, "PATH"), "/task/bin");
	ck_assert_uint_eq(count_of(made, "PATH"), 1);
	ck_assert_str_eq(environment_get(made, "PATHS"), "other");
	ck_assert_str_eq(environment_get(made, "EMPTY"), "");
	ck_assert_str_eq(environment_get(made, "POLLARD_RUN"), "r");
	ck_assert_str_eq(environment_get(made, "POLLARD_STEP"), "1");
	ck_assert_str_eq(environment_get(made, "POLLARD_TASK"), "t");
	ck_assert_uint_eq(count_of(made, "POLLARD_TASK"), 1);
	ck_assert_str_eq(environment_get(made, "POLLARD_ATTEMPT"), "2");
	ck_assert_str_eq(environment_get(made, "POLLARD_RESULT_FD"), "3");
	ck_assert_str_eq(environment_get(made, "POLLARD_JOBS"), "3");
	ck_assert_str_eq(environment_get(made, "TRACEPARENT"), "new");
	ck_assert_uint_eq(count_of(made, "TRACEPARENT"), 1);
	ck_assert_ptr_null(environment_get(made, "POLLARD_AGENT"));
	ck_assert_ptr_null(environment_get(made, "POLLARD_LAST_ERROR"));
}
END_TEST

/* What an agent is given goes over what is inherited, and what its task says over that. */
START_TEST(outfit)
{
	const struct job_env more[] = { { "TMPDIR", "/own" }, { "TMP", "/own" } };
	const struct job_env said = { "TMP", "/said" };
	static const char *const names[] = { "TMPDIR", "TMP", "TEMP" };
	char *before[3];
	for (size_t i = 0; i < 3; i++) {
		const char *value = getenv(names[i]);
		before[i] = value != NULL ? strdup(value) : NULL;
		setenv(names[i], "/inherited", 1);
	}
	job.env = &said;
	job.nenv = 1;
	keep(invocation_environment(&job, more, 2, NULL));
	ck_assert_str_eq(environment_get(made, "TMPDIR"), "/own");
	ck_assert_uint_eq(count_of(made, "TMPDIR"), 1);
	ck_assert_str_eq(environment_get(made, "TMP"), "/said");
	ck_assert_uint_eq(count_of(made, "TMP"), 1);
	ck_assert_str_eq(environment_get(made, "TEMP"), "/inherited");
	/* Check itself needs them where its tests share a process */
	for (size_t i = 0; i < 3; i++) {
		if (before[i] != NULL)
			setenv(names[i], before[i], 1);
		else
			unsetenv(names[i]);
		free(before[i]);
	}
}
END_TEST

Suite *invocation_suite(void)
{
	Suite *suite = suite_create("invocation");
	TCase *tc = tcase_create("invocation");

	tcase_add_checked_fixture(tc, setup, NULL);
	tcase_add_test(tc, argument_replaces_every_brace);
	tcase_add_test(tc, argument_is_appended);
	tcase_add_test(tc, nothing_is_replaced_without_an_argument);
	tcase_add_test(tc, placeholders_of_agents);
	tcase_add_test(tc, environment);
	tcase_add_test(tc, outfit);
	suite_add_tcase(suite, tc);
	return suite;
}
