#include <check.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "shared/io.h"
#include "workers/answer.h"

Suite *answer_suite(void);

static struct result r;
static struct job job;
static struct answer_source source;

static void setup(void)
{
	result_init(&r);
	job = (struct job){ .kind = JOB_COMMAND };
	source = (struct answer_source){ .out_file = -1, .err_file = -1 };
}

static void teardown(void)
{
	result_free(&r);
	buf_free(&source.structured);
}

static void read_answer(const char *out, const char *err, const char *given)
{
	buf_addstr(&r.out.data, out);
	buf_addstr(&r.err.data, err);
	buf_addstr(&source.structured, given);
	answer_read(&job, &r, &source);
}

START_TEST(minify)
{
	static const struct {
		const char *in;
		const char *out;
	} cases[] = {
		{ "{ }", "{}" },
		{ "{ \"a b\" :\n\t[ 1 , 2.50 ] }\r\n", "{\"a b\":[1,2.50]}" },
		{ "{\"q\\\" \\\\\" : \" x \"}", "{\"q\\\" \\\\\":\" x \"}" },
	};
	struct buf out = BUF_INIT;

	answer_minify(&out, cases[_i].in, strlen(cases[_i].in));
	ck_assert_str_eq(buf_str(&out), cases[_i].out);
	buf_free(&out);
}
END_TEST

START_TEST(find_object)
{
	static const struct {
		const char *in;
		const char *out;
	} cases[] = {
		{ "", "" },
		{ "plain text", "" },
		{ " \n{\"a\":1}\n ", "{\"a\":1}" },
		{ "Here:\n```json\n{\"a\":1}\n```\nDone.\n", "{\"a\":1}" },
		{ "```\n{\"a\":1}\n```", "{\"a\":1}" },
		{ "```JSON\n{\"a\":1}\n```\n```json\n{\"b\":2}\n```", "{\"b\":2}" },
		{ "```c\n{ int a; }\n```\n", "" },
		{ "```json\n{\"never\": \"closed\"}\n", "" },
		{ "```json\n[1]\n```\n", "" },
		{ "``", "" },
	};
	const char *object;
	size_t len = answer_find_object(cases[_i].in, strlen(cases[_i].in), &object);

	ck_assert_uint_eq(len, strlen(cases[_i].out));
	ck_assert_int_eq(strncmp(object, cases[_i].out, len), 0);
}
END_TEST

START_TEST(summary_of_a_success)
{
	read_answer("\n# Found it\nmore\n", "noise\n", "");
	ck_assert_str_eq(r.summary, "Found it");
	ck_assert_ptr_null(r.structured);
}
END_TEST

START_TEST(summary_of_a_failure)
{
	r.status = RESULT_FAILED;
	r.reason = REASON_EXIT;
	read_answer("working\n", "warming up\ncould not find schema\n", "");
	ck_assert_str_eq(r.summary, "could not find schema");
	ck_assert_int_eq(r.reason, REASON_EXIT);
}
END_TEST

START_TEST(summary_of_a_silent_failure)
{
	r.status = RESULT_FAILED;
	read_answer("step 1\nerror: no luck\nbye\n", " \n", "");
	ck_assert_str_eq(r.summary, "error: no luck");
}
END_TEST

START_TEST(given_result)
{
	read_answer("text", "",
	    "{ \"summary\": \"short\",\n \"files\": [\"a\", \"b\", 3, \"a\"], \"n\": 1.50 }\n");
	ck_assert_str_eq(r.structured,
	    "{\"summary\":\"short\",\"files\":[\"a\",\"b\",3,\"a\"],\"n\":1.50}");
	ck_assert_str_eq(r.summary, "short");
	ck_assert_uint_eq(r.nfiles, 2);
	ck_assert_str_eq(r.files[1], "b");
	ck_assert_ptr_null(r.warning);
}
END_TEST

START_TEST(bad_given_result_is_a_warning)
{
	static const char *const bad[] = { "[1]", "{\"a\":1} {}", "nope", "{\"a\":1,\"a\":2}" };

	read_answer("text", "", bad[_i]);
	ck_assert_int_eq(r.status, RESULT_SUCCEEDED);
	ck_assert_ptr_nonnull(r.warning);
	ck_assert_ptr_null(r.structured);
	ck_assert_str_eq(r.summary, "text");
}
END_TEST

START_TEST(bad_given_result_fails_when_it_is_wanted)
{
	job.want_json = true;
	read_answer("{\"a\":1}", "", "nope");
	ck_assert_int_eq(r.status, RESULT_FAILED);
	ck_assert_int_eq(r.reason, REASON_OUTPUT);
	ck_assert_ptr_nonnull(strstr(r.error, "file descriptor 3"));
}
END_TEST

START_TEST(too_long_given_result)
{
	source.structured_cut = true;
	read_answer("text", "", "{\"a\":1}");
	ck_assert_ptr_null(r.structured);
	ck_assert_ptr_nonnull(strstr(r.warning, "1 MiB"));
}
END_TEST

START_TEST(wanted_object_is_the_answer)
{
	job.want_json = true;
	read_answer("{\"critical\": 0}\n", "", "");
	ck_assert_int_eq(r.status, RESULT_SUCCEEDED);
	ck_assert_str_eq(r.structured, "{\"critical\":0}");
}
END_TEST

START_TEST(wanted_object_is_missing)
{
#define WHAT "the answer is not the JSON object asked for: "
	static const char none[] = WHAT "no object found, expected it alone or in a block between "
					"```json and ```";
	static const struct {
		const char *answer;
		const char *error; /* or how it begins, */
		const char *end;   /* and ends */
	} cases[] = {
		{ " \n", WHAT "it is empty", NULL },
		{ "text", none, NULL },
		{ "see {\"a\":1}", none, NULL },
		{ "```json\n[1]\n```\n", none, NULL },
		{ "[1]", WHAT "it is an array, expected an object", NULL },
		{ "\n\"a\"\n", WHAT "it is a string, expected an object", NULL },
		{ "0", WHAT "it is a number, expected an object", NULL },
		{ "null", WHAT "it is null, expected an object", NULL },
		{ "true", WHAT "it is true or false, expected an object", NULL },
		{ "{\"a\":}", WHAT, " at line 1, column 6" },
		{ "{\"a\":1} and more", WHAT, " at line 1, column 9" },
		{ "Here:\n```json\n{\n \"a\": x\n}\n```\n", WHAT, " at line 4, column 7" },
	};
#undef WHAT
	const char *error = cases[_i].error, *end = cases[_i].end;

	job.want_json = true;
	read_answer(cases[_i].answer, "", "");
	ck_assert_int_eq(r.status, RESULT_FAILED);
	ck_assert_int_eq(r.reason, REASON_OUTPUT);
	ck_assert_ptr_null(r.structured);
	if (end == NULL) {
		ck_assert_str_eq(r.error, error);
		return;
	}
	ck_assert_int_eq(strncmp(r.error, error, strlen(error)), 0);
	ck_assert_str_eq(r.error + strlen(r.error) - strlen(end), end);
}
END_TEST

START_TEST(usage_of_a_result)
{
	job.kind = JOB_AGENT;
	read_answer("done", "",
	    "{\"usage\":{\"input_tokens\":10,\"output_tokens\":2,\"usd\":0.5}}");
	ck_assert(r.usage.known);
	ck_assert_int_eq(r.usage.input_tokens, 10);
	ck_assert_int_eq(r.usage.output_tokens, 2);
	ck_assert_double_eq(r.usage.usd, 0.5);
	ck_assert_ptr_null(r.warning);
}
END_TEST

/* It has cost something all the same. */
START_TEST(usage_of_a_failure)
{
	r.status = RESULT_FAILED;
	r.reason = REASON_EXIT;
	read_answer("", "", "{\"usage\":{\"usd\":0.5}}");
	ck_assert(r.usage.known);
}
END_TEST

START_TEST(bad_usage_is_a_warning)
{
	read_answer("", "", "{\"usage\":{\"usd\":\"much\"}}");
	ck_assert(!r.usage.known);
	ck_assert_int_eq(r.status, RESULT_SUCCEEDED);
	ck_assert_ptr_nonnull(strstr(r.warning, "'usage'"));
}
END_TEST

START_TEST(failed_attempt_stays_as_it_failed)
{
	job.want_json = true;
	r.status = RESULT_FAILED;
	r.reason = REASON_TIMEOUT;
	read_answer("", "", "");
	ck_assert_int_eq(r.reason, REASON_TIMEOUT);
}
END_TEST

START_TEST(wanted_object_in_a_file)
{
	struct buf text = BUF_INIT;

	buf_addstr(&text, "{\"pad\": \"");
	while (text.len < 3 * INLINE_MAX)
		buf_addstr(&text, "0123456789");
	buf_addstr(&text, "\", \"summary\": \"from the file\"}");
	source.out_file = memfd_create("out", MFD_CLOEXEC);
	ck_assert_int_eq(write_all(source.out_file, text.data, text.len), 0);
	r.out.spilled = true;
	r.out.bytes = text.len;
	job.want_json = true;
	answer_read(&job, &r, &source);
	ck_assert_int_eq(r.status, RESULT_SUCCEEDED);
	ck_assert_str_eq(r.summary, "from the file");
	close(source.out_file);
	buf_free(&text);
}
END_TEST

START_TEST(telling_line_at_the_end_of_a_file)
{
	struct buf text = BUF_INIT;

	while (text.len < 3 * INLINE_MAX)
		buf_addstr(&text, "error: an old one\n");
	for (int i = 0; i < 1000; i++)
		buf_addf(&text, "line %d\n", i);
	buf_addstr(&text, "fatal: the last one\n");
	source.err_file = memfd_create("err", MFD_CLOEXEC);
	ck_assert_int_eq(write_all(source.err_file, text.data, text.len), 0);
	r.err.spilled = true;
	r.status = RESULT_FAILED;
	answer_read(&job, &r, &source);
	ck_assert_str_eq(r.summary, "fatal: the last one");
	close(source.err_file);
	buf_free(&text);
}
END_TEST

START_TEST(agent_without_an_answer)
{
	job.kind = JOB_AGENT;
	read_answer(" \n\t\n", "", "");
	ck_assert_int_eq(r.status, RESULT_FAILED);
	ck_assert_int_eq(r.reason, REASON_AGENT);
	ck_assert_str_eq(r.error, "empty answer");
}
END_TEST

START_TEST(command_without_output)
{
	read_answer("", "", "");
	ck_assert_int_eq(r.status, RESULT_SUCCEEDED);
	ck_assert_ptr_null(r.summary);
}
END_TEST

Suite *answer_suite(void)
{
	Suite *suite = suite_create("answer");
	TCase *tc = tcase_create("answer");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_loop_test(tc, minify, 0, 3);
	tcase_add_loop_test(tc, find_object, 0, 10);
	tcase_add_test(tc, summary_of_a_success);
	tcase_add_test(tc, summary_of_a_failure);
	tcase_add_test(tc, summary_of_a_silent_failure);
	tcase_add_test(tc, given_result);
	tcase_add_loop_test(tc, bad_given_result_is_a_warning, 0, 4);
	tcase_add_test(tc, bad_given_result_fails_when_it_is_wanted);
	tcase_add_test(tc, too_long_given_result);
	tcase_add_test(tc, wanted_object_is_the_answer);
	tcase_add_loop_test(tc, wanted_object_is_missing, 0, 12);
	tcase_add_test(tc, usage_of_a_result);
	tcase_add_test(tc, usage_of_a_failure);
	tcase_add_test(tc, bad_usage_is_a_warning);
	tcase_add_test(tc, failed_attempt_stays_as_it_failed);
	tcase_add_test(tc, wanted_object_in_a_file);
	tcase_add_test(tc, telling_line_at_the_end_of_a_file);
	tcase_add_test(tc, agent_without_an_answer);
	tcase_add_test(tc, command_without_output);
	suite_add_tcase(suite, tc);
	return suite;
}
