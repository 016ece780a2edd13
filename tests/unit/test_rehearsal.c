#include <check.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "shared/clock.h"
#include "workers/rehearsal.h"

Suite *rehearsal_suite(void);

#define LONG_MS (60 * 1000)

static struct rehearsal script;
static struct job job;
static struct result r;
static int ends[2];

static void setup(void)
{
	sigset_t all;

	sigfillset(&all);
	sigprocmask(SIG_SETMASK, &all, NULL);
	ck_assert_int_eq(pipe(ends), 0);
	script = (struct rehearsal){ .exit_status = -1 };
	job = (struct job){ .kind = JOB_REHEARSAL,
		.task = "t",
		.rehearsal = &script,
		.supervisor_pid = getpid() };
	result_init(&r);
}

static void teardown(void)
{
	result_free(&r);
	close(ends[0]);
	close(ends[1]);
}

static void ask(const char *prompt)
{
	job.agent = "reviewer";
	job.input = prompt;
	job.input_len = strlen(prompt);
}

static void run(enum result_status status, enum reason reason)
{
	rehearsal_run(&job, &r, ends[1]);
	if (r.status != status || r.reason != reason)
		ck_abort_msg("%s (%s): %s", result_status_text(r.status), reason_text(r.reason),
		    r.error != NULL ? r.error : "no error");
}

START_TEST(agent_echoes)
{
	ask("# Review\n\nthe change");
	run(RESULT_SUCCEEDED, REASON_NONE);
	ck_assert(r.has_text);
	ck_assert_str_eq(buf_str(&r.text),
	    "(rehearsal) reviewer was asked:\n\n# Review\n\nthe change\n");
	ck_assert_str_eq(r.summary, "(rehearsal) Review");
	ck_assert_int_eq(r.exit_status, 0);
	ck_assert_ptr_null(r.structured);
	ck_assert_ptr_null(r.error);
}
END_TEST

START_TEST(agent_echoes_parts)
{
	const struct job_part parts[] = {
		{ .kind = PART_TEXT, .text = "one ", .len = 4 },
		{ .kind = PART_TEXT, .text = "two\n", .len = 4 },
	};

	ask("");
	job.parts = parts;
	job.nparts = 2;
	run(RESULT_SUCCEEDED, REASON_NONE);
	ck_assert_str_eq(buf_str(&r.text), "(rehearsal) reviewer was asked:\n\none two\n");
}
END_TEST

/* As it would have failed. */
START_TEST(prompt_that_cannot_be_sent)
{
	const struct job_part part = { .kind = PART_ANSWER, .offset = -1, .label = "the output" };

	ask("");
	job.parts = &part;
	job.nparts = 1;
	job.fence = "F";
	run(RESULT_FAILED, REASON_INVALID);
	ck_assert(!r.has_text);
	ck_assert_uint_eq(r.text.len, 0);
}
END_TEST

START_TEST(scripted_answer)
{
	ask("do");
	script.answer = "## Done\nreally";
	script.structured = "{\"n\":1}";
	run(RESULT_SUCCEEDED, REASON_NONE);
	ck_assert_str_eq(buf_str(&r.text), "## Done\nreally");
	ck_assert_str_eq(r.summary, "(rehearsal) Done");
	ck_assert_str_eq(r.structured, "{\"n\":1}");
}
END_TEST

START_TEST(empty_answer)
{
	ask("do");
	script.answer = "";
	run(RESULT_SUCCEEDED, REASON_NONE);
	ck_assert(r.has_text);
	ck_assert_uint_eq(r.text.len, 0);
	ck_assert_str_eq(r.summary, "(rehearsal) no answer");
}
END_TEST

START_TEST(wanted_object)
{
	ask("do");
	job.want_json = true;
	run(RESULT_SUCCEEDED, REASON_NONE);
	ck_assert_str_eq(r.structured, "{}");
}
END_TEST

START_TEST(failure)
{
	static const struct {
		const char *error;
		int exit_status;
		enum reason reason;
		const char *expected;
		const char *err;
		const char *summary;
	} cases[] = {
		{ NULL, -1, REASON_AGENT, "rehearsed failure", "",
		    "(rehearsal) rehearsed failure" },
		{ "no schema", -1, REASON_AGENT, "no schema", "", "(rehearsal) no schema" },
		{ NULL, 3, REASON_EXIT, "exit 3", "rehearsed failure\n",
		    "(rehearsal) rehearsed failure" },
		{ "no schema", 3, REASON_EXIT, "exit 3", "no schema\n", "(rehearsal) no schema" },
	};

	ask("do");
	script.fails = true;
	script.error = cases[_i].error;
	script.exit_status = cases[_i].exit_status;
	run(RESULT_FAILED, cases[_i].reason);
	ck_assert_str_eq(r.error, cases[_i].expected);
	ck_assert_int_eq(r.exit_status, cases[_i].exit_status);
	ck_assert_str_eq(buf_str(&r.err.data), cases[_i].err);
	ck_assert_uint_eq(r.err.bytes, strlen(cases[_i].err));
	ck_assert_str_eq(r.summary, cases[_i].summary);
	ck_assert(!r.has_text);
}
END_TEST

START_TEST(takes_its_time)
{
	int64_t begun = clock_mono_ms();

	ask("do");
	script.delay_ms = 50;
	run(RESULT_SUCCEEDED, REASON_NONE);
	ck_assert_int_ge(clock_mono_ms() - begun, 50);
}
END_TEST

/* Too long for the time limit, or scripted so, which need not be waited for. */
START_TEST(timeout)
{
	int64_t begun = clock_mono_ms();

	ask("do");
	job.timeout_ms = _i == 0 ? 50 : LONG_MS;
	script.delay_ms = _i == 0 ? LONG_MS : 0;
	script.times_out = _i == 1;
	run(RESULT_FAILED, REASON_TIMEOUT);
	ck_assert_str_eq(r.error, _i == 0 ? "timed out after 0.1s" : "timed out after 1m 00s");
	ck_assert_int_eq(r.signal, SIGTERM);
	ck_assert_int_ge(clock_mono_ms() - begun, _i == 0 ? 50 : 0);
	ck_assert_int_lt(clock_mono_ms() - begun, LONG_MS);
}
END_TEST

START_TEST(asked_to_stop)
{
	ask("do");
	script.delay_ms = _i == 0 ? LONG_MS : 0;
	kill(getpid(), _i == 0 ? SIGTERM : SIGQUIT);
	run(RESULT_CANCELLED, REASON_INTERRUPTED);
	ck_assert_str_eq(r.error, "interrupted");
}
END_TEST

START_TEST(only_by_the_supervisor)
{
	ask("do");
	script.delay_ms = 50;
	job.supervisor_pid = getppid();
	kill(getpid(), SIGTERM);
	run(RESULT_SUCCEEDED, REASON_NONE);
}
END_TEST

START_TEST(supervisor_is_gone)
{
	int status;
	pid_t pid = fork();

	if (pid == 0) {
		close(ends[0]);
		ask("do");
		script.delay_ms = LONG_MS;
		rehearsal_run(&job, &r, ends[1]);
		_exit(0);
	}
	close(ends[0]);
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	ck_assert(WIFEXITED(status));
	ck_assert_int_eq(WEXITSTATUS(status), 1);
}
END_TEST

Suite *rehearsal_suite(void)
{
	Suite *suite = suite_create("rehearsal");
	TCase *tc = tcase_create("rehearsal");

	tcase_set_timeout(tc, 20);
	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, agent_echoes);
	tcase_add_test(tc, agent_echoes_parts);
	tcase_add_test(tc, prompt_that_cannot_be_sent);
	tcase_add_test(tc, scripted_answer);
	tcase_add_test(tc, empty_answer);
	tcase_add_test(tc, wanted_object);
	tcase_add_loop_test(tc, failure, 0, 4);
	tcase_add_test(tc, takes_its_time);
	tcase_add_loop_test(tc, timeout, 0, 2);
	tcase_add_loop_test(tc, asked_to_stop, 0, 2);
	tcase_add_test(tc, only_by_the_supervisor);
	tcase_add_test(tc, supervisor_is_gone);
	suite_add_tcase(suite, tc);
	return suite;
}
