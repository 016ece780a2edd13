/* The command of --notify as a job, and what is said of it. */
#include <check.h>
#include <string.h>
#include <unistd.h>

#include "supervisor/notify.h"

Suite *notify_suite(void);

START_TEST(the_job_is_a_shell_that_reads_the_summary)
{
	struct job job;
	struct notify_words words;
	const struct notice notice = {
		.run = "20261123-162005-1f0c",
		.outcome = "partial",
		.status = 143,
		.json = "{\"outcome\":\"partial\"}\n",
		.len = 22,
	};

	memset(&job, 0xff, sizeof(job));
	notify_job(&job, &words, "mail -s 'it failed' me", &notice, 7);
	ck_assert_int_eq(job.kind, JOB_COMMAND);
	ck_assert_str_eq(job.argv[0], "/bin/sh");
	ck_assert_str_eq(job.argv[1], "-c");
	ck_assert_str_eq(job.argv[2], "mail -s 'it failed' me");
	ck_assert_ptr_null(job.argv[3]);
	ck_assert_ptr_null(job.argument);
	ck_assert_str_eq(job.run, notice.run);
	ck_assert_uint_eq(job.nenv, 2);
	ck_assert_str_eq(job.env[0].name, "POLLARD_OUTCOME");
	ck_assert_str_eq(job.env[0].value, "partial");
	ck_assert_str_eq(job.env[1].name, "POLLARD_STATUS");
	ck_assert_str_eq(job.env[1].value, "143");
	ck_assert_ptr_eq(job.input, notice.json);
	ck_assert_uint_eq(job.input_len, 22);
	ck_assert_int_eq(job.timeout_ms, 60000);
	ck_assert_int_eq(job.grace_ms, 5000);
	ck_assert_int_eq(job.null_fd, 7);
	/* no file of the run is touched: its streams have to fit into the result */
	ck_assert_int_eq(job.out_dirfd, -1);
	ck_assert_int_eq(job.out_fd, -1);
	ck_assert_uint_le(job.max_output, INLINE_MAX);
	ck_assert_int_eq(job.supervisor_pid, getpid());
}
END_TEST

/* What is said of a command that printed this. */
static void check_report(enum result_status status, const char *out, const char *err,
    const char *error, const char *expected)
{
	struct result r;
	struct buf said = BUF_INIT;

	result_init(&r);
	r.status = status;
	r.reason = status == RESULT_SUCCEEDED ? REASON_NONE : REASON_EXIT;
	buf_addstr(&r.out.data, out);
	buf_addstr(&r.err.data, err);
	if (error != NULL)
		result_set_error(&r, "%s", error);
	notify_report(&said, &r);
	ck_assert_str_eq(buf_str(&said), expected);
	buf_free(&said);
	result_free(&r);
}

START_TEST(what_it_prints_is_shown_and_a_failure_is_a_warning)
{
	check_report(RESULT_SUCCEEDED, "", "", NULL, "");
	check_report(RESULT_SUCCEEDED, "sent", "1 mail\n", NULL, "sent\n1 mail\n");
	check_report(RESULT_SUCCEEDED, "\033[31mred", "", NULL, "\\x1b[31mred\n");
	check_report(RESULT_FAILED, "", "no route\n", "exit 1: no route",
	    "no route\npollard: warning: the command of '--notify' failed: exit 1: no route\n");
	check_report(RESULT_FAILED, "", "", NULL,
	    "pollard: warning: the command of '--notify' failed: exit\n");
}
END_TEST

Suite *notify_suite(void)
{
	Suite *s = suite_create("notify");
	TCase *all = tcase_create("all");

	tcase_add_test(all, the_job_is_a_shell_that_reads_the_summary);
	tcase_add_test(all, what_it_prints_is_shown_and_a_failure_is_a_warning);
	suite_add_tcase(s, all);
	return s;
}
