#include <check.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "shared/buf.h"
#include "shared/json.h"
#include "shared/text.h"
#include "shared/xalloc.h"
#include "supervisor/recovery/debug_request.h"

Suite *debug_request_suite(void);

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

static struct debug_attempt exited(const char *out, const char *err)
{
	return (struct debug_attempt){ .reason = REASON_EXIT,
		.exit_status = 1,
		.ms = 1500,
		.out = out,
		.out_len = strlen(out),
		.err = err,
		.err_len = strlen(err) };
}

START_TEST(whole_object)
{
	const char *const argv[] = { "make", "check", NULL };
	const char *const succeeded[] = { "auth", "9" };
	struct debug_attempt first = exited("o\n", "e\n");
	struct debug_attempt second = { .reason = REASON_SIGNAL,
		.exit_status = -1,
		.signal = SIGKILL,
		.ms = 61204 };
	struct debug_attempt both[] = { first, second };
	struct debug_failure failures[] = {
		{ .task = "session",
		    .agent = "researcher",
		    .text = "look",
		    .text_len = 4,
		    .attempts = both,
		    .nattempts = 2 },
		{ .task = "2", .text = "a | b", .text_len = 5, .attempts = &first, .nattempts = 1 },
		{ .task = "3", .argv = argv },
	};
	struct debug_request r = { .step = "1",
		.goal = "understand",
		.scenario = 2,
		.failures = failures,
		.nfailures = 3,
		.succeeded = succeeded,
		.nsucceeded = 2 };
	struct buf text = BUF_INIT;
	cJSON *object = debug_request_make(&r);
	json_print(&text, object);
	ck_assert_str_eq(buf_str(&text),
	    "{\"step\":\"1\",\"goal\":\"understand\",\"scenario\":2,\"failures\":["
	    "{\"task\":\"session\",\"agent\":\"researcher\",\"prompt\":\"look\",\"attempts\":["
	    "{\"reason\":\"exit\",\"exit\":1,\"signal\":null,\"seconds\":1.5,\"error\":null,"
	    "\"stdout_tail\":\"o\\n\",\"stderr_tail\":\"e\\n\"},"
	    "{\"reason\":\"signal\",\"exit\":null,\"signal\":\"SIGKILL\",\"seconds\":61.204,\"error\":null,"
	    "\"stdout_tail\":\"\",\"stderr_tail\":\"\"}]},"
	    "{\"task\":\"2\",\"agent\":null,\"run\":\"a | b\",\"attempts\":["
	    "{\"reason\":\"exit\",\"exit\":1,\"signal\":null,\"seconds\":1.5,\"error\":null,"
	    "\"stdout_tail\":\"o\\n\",\"stderr_tail\":\"e\\n\"}]},"
	    "{\"task\":\"3\",\"agent\":null,\"run\":[\"make\",\"check\"],\"attempts\":[]}],"
	    "\"succeeded\":[\"auth\",\"9\"]}");
	cJSON_Delete(object);
	r = (struct debug_request){ .step = "2", .scenario = 3 };
	object = debug_request_make(&r);
	buf_reset(&text);
	json_print(&text, object);
	ck_assert_str_eq(buf_str(&text),
	    "{\"step\":\"2\",\"goal\":null,\"scenario\":3,\"failures\":[],\"succeeded\":[]}");
	cJSON_Delete(object);
	buf_free(&text);
}
END_TEST

static void expect_tail(const char *in, size_t len, size_t bytes, unsigned lines, const char *tail)
{
	struct buf out = BUF_INIT;
	debug_tail(&out, in, len, bytes, lines);
	ck_assert_str_eq(buf_str(&out), tail);
	ck_assert_uint_eq(out.len, strlen(tail));
	buf_free(&out);
}

START_TEST(tails)
{
	expect_tail(NULL, 0, 10, 10, "");
	expect_tail("abc", 3, 10, 10, "abc");
	expect_tail("a\nb\nc\n", 6, 10, 2, "b\nc\n");
	expect_tail("a\nb\nc", 5, 10, 2, "b\nc");
	expect_tail("abcdef", 6, 3, 10, "def");
	expect_tail("abcdef", 6, 0, 10, "");
	/* characters are whole */
	expect_tail("a\xc3\xa4z", 4, 2, 10, "z");
	expect_tail("a\xc3\xa4z", 4, 3, 10, "\xc3\xa4z");
	expect_tail("\xf0\x9f\x98\x80z", 5, 4, 10, "z");
	/* what is no text becomes text, and that is within the limit too */
	expect_tail("a\0b", 3, 10, 10,
	    "a\xef\xbf\xbd"
	    "b");
	expect_tail("\xff\xfe", 2, 10, 10, "\xef\xbf\xbd\xef\xbf\xbd");
	expect_tail("\xff\xfe\xfd", 3, 4, 10, "\xef\xbf\xbd");
	expect_tail("a\xc3", 2, 10, 10, "a\xef\xbf\xbd");
	/* an end of bytes that only go on */
	expect_tail("\x80\x80\x80\x80\x80\x80", 6, 5, 10, "\xef\xbf\xbd");
}
END_TEST

START_TEST(tails_of_noise)
{
	char noise[3000];
	struct buf out = BUF_INIT;
	srandom(7);
	for (int round = 0; round < 3000; round++) {
		size_t len = (size_t)random() % sizeof noise;
		size_t bytes = (size_t)random() % 300;
		unsigned lines = (unsigned)random() % 10;
		for (size_t i = 0; i < len; i++)
			noise[i] = (char)(round % 2 == 0 ? random() :
							   "\n\0a\xc3\xa4\xe2\x80"[random() % 7]);
		buf_reset(&out);
		debug_tail(&out, noise, len, bytes, lines);
		if (out.len > bytes || !utf8_valid(buf_str(&out), out.len) ||
		    strlen(buf_str(&out)) != out.len)
			ck_abort_msg("round %d", round);
	}
	buf_free(&out);
}
END_TEST

static size_t length(const cJSON *object, const char *key)
{
	return (size_t)cJSON_GetArraySize(json_get(object, key));
}

START_TEST(limits_of_one)
{
	enum { LONG = 100000 };
	char *noise = xcalloc(LONG + 1, 1);
	memset(noise, 'n', LONG);
	struct debug_attempt attempts[20];
	for (size_t i = 0; i < COUNT(attempts); i++) {
		attempts[i] = exited("o", noise);
		attempts[i].exit_status = (int)i;
	}
	struct debug_failure f = { .task = "a",
		.agent = "b",
		.text = noise,
		.text_len = LONG,
		.attempts = attempts,
		.nattempts = COUNT(attempts) };
	struct debug_request r = { .step = "1",
		.goal = noise,
		.scenario = 1,
		.failures = &f,
		.nfailures = 1 };
	cJSON *object = debug_request_make(&r);
	const cJSON *failure = json_get(object, "failures")->child;
	const char *prompt = json_get_string(failure, "prompt");
	ck_assert_uint_lt(strlen(prompt), 20000);
	ck_assert_ptr_nonnull(strstr(prompt, "n\n[83616 more bytes]"));
	ck_assert_ptr_nonnull(strstr(json_get_string(object, "goal"), "more bytes]"));
	/* the last attempts, each with the end of what it printed */
	ck_assert_uint_eq(length(failure, "attempts"), 10);
	const cJSON *attempt = json_get(failure, "attempts")->child;
	ck_assert_int_eq((int)json_get_number(attempt, "exit", -1), 10);
	ck_assert_uint_eq(strlen(json_get_string(attempt, "stderr_tail")), DEBUG_TAIL_BYTES);
	cJSON_Delete(object);

	/* not cut in the middle of a character */
	for (size_t i = 0; i + 2 < LONG; i += 2)
		memcpy(&noise[i + 1], "\xc3\xa4", 2);
	noise[LONG - 1] = 'n';
	object = debug_request_make(&r);
	prompt = json_get_string(json_get(object, "failures")->child, "prompt");
	ck_assert_ptr_nonnull(strstr(prompt, "\xa4\n[83617 more bytes]"));
	cJSON_Delete(object);
	free(noise);
}
END_TEST

START_TEST(many_words)
{
	const char *argv[2000];
	for (size_t i = 0; i < COUNT(argv); i++)
		argv[i] = i + 1 < COUNT(argv) ? "0123456789" : NULL;
	struct debug_failure f = { .task = "a", .argv = argv };
	struct debug_request r = { .step = "1", .scenario = 1, .failures = &f, .nfailures = 1 };
	cJSON *object = debug_request_make(&r);
	const cJSON *words = json_get(json_get(object, "failures")->child, "run");
	int count = cJSON_GetArraySize(words);
	/* 16384 bytes of 13 each */
	ck_assert_int_eq(count, 1262);
	ck_assert_str_eq(cJSON_GetArrayItem(words, count - 3)->valuestring, "0123456789");
	ck_assert_str_eq(cJSON_GetArrayItem(words, count - 1)->valuestring, "[more words]");
	cJSON_Delete(object);
}
END_TEST

START_TEST(lines_of_a_tail)
{
	struct buf lines = BUF_INIT;
	for (int i = 1; i <= 100; i++)
		buf_addf(&lines, "%d\n", i);
	struct debug_attempt a = exited(buf_str(&lines), "");
	struct debug_failure f = { .task = "a", .argv = NULL, .attempts = &a, .nattempts = 1 };
	struct debug_request r = { .step = "1", .scenario = 1, .failures = &f, .nfailures = 1 };
	cJSON *object = debug_request_make(&r);
	const cJSON *attempt = json_get(json_get(object, "failures")->child, "attempts")->child;
	const char *tail = json_get_string(attempt, "stdout_tail");
	ck_assert_int_eq(strncmp(tail, "61\n", 3), 0);
	ck_assert_str_eq(tail + strlen(tail) - 4, "100\n");
	cJSON_Delete(object);
	buf_free(&lines);
}
END_TEST

/* The request about so many failures, each with the worst that a task can print. */
static cJSON *about_many(size_t count, const char *noise, size_t len, size_t nattempts)
{
	struct debug_failure *failures = xcalloc(count, sizeof *failures);
	struct debug_attempt attempts[3];
	const char **names = xcalloc(count, sizeof *names);
	const char *argv[200];
	char id[65];
	memset(id, 'i', 64);
	id[64] = '\0';
	for (size_t i = 0; i < COUNT(argv) - 1; i++)
		argv[i] = i % 2 == 0 ? "\"" : noise;
	argv[COUNT(argv) - 1] = NULL;
	for (size_t i = 0; i < COUNT(attempts); i++)
		attempts[i] = (struct debug_attempt){ .reason = REASON_IDLE_TIMEOUT,
			.exit_status = 255,
			.signal = SIGSEGV,
			.ms = INT64_MAX / 2,
			.out = noise,
			.out_len = len,
			.err = noise,
			.err_len = len };
	for (size_t i = 0; i < count; i++) {
		failures[i] = (struct debug_failure){ .task = id,
			.agent = id,
			.text = i % 2 == 0 ? noise : NULL,
			.text_len = len,
			.argv = argv,
			.attempts = attempts,
			.nattempts = nattempts };
		names[i] = id;
	}
	struct debug_request r = { .step = noise,
		.goal = noise,
		.scenario = 3,
		.failures = failures,
		.nfailures = count,
		.succeeded = names,
		.nsucceeded = count };
	cJSON *object = debug_request_make(&r);
	free(failures);
	free(names);
	return object;
}

static size_t size_of(const cJSON *object)
{
	struct buf text = BUF_INIT;
	json_print(&text, object);
	size_t size = text.len;
	buf_free(&text);
	return size;
}

START_TEST(never_too_large)
{
	static const char worst[] = { '\x1b', 'a', '\n', '\x80', '"' };
	static const size_t counts[] = { 1, 2, 30, 99, 100, 101, 1000, 20000 };
	enum { LEN = 20000 };
	char *noise = xcalloc(LEN + 1, 1);
	for (size_t i = 0; i < COUNT(worst) * COUNT(counts); i++) {
		size_t count = counts[i / COUNT(worst)];
		memset(noise, worst[i % COUNT(worst)], LEN);
		cJSON *object = about_many(count, noise, LEN, 3);
		ck_assert_uint_le(size_of(object), DEBUG_REQUEST_MAX);
		/* and nobody is forgotten without a word */
		ck_assert_uint_eq(length(object, "failures") +
			(size_t)json_get_number(object, "failures_left_off", 0),
		    count);
		ck_assert_uint_eq(length(object, "succeeded") +
			(size_t)json_get_number(object, "succeeded_left_off", 0),
		    count);
		cJSON_Delete(object);
	}
	free(noise);
}
END_TEST

START_TEST(beyond_a_hundred)
{
	cJSON *object = about_many(150, "short", 5, 2);
	const cJSON *failure;
	size_t i = 0;
	ck_assert_uint_eq(length(object, "failures"), 150);
	ck_assert_ptr_null(json_get(object, "failures_left_off"));
	cJSON_ArrayForEach(failure, json_get(object, "failures"))
	{
		const cJSON *attempts = json_get(failure, "attempts");
		bool full = i++ < DEBUG_FULL_MAX;
		ck_assert_int_eq(cJSON_GetArraySize(attempts), full ? 2 : 1);
		ck_assert_str_eq(json_get_string(attempts->child, "reason"), "idle-timeout");
		ck_assert((json_get(attempts->child, "stderr_tail") != NULL) == full);
		ck_assert((json_get(failure, "agent") != NULL) == full);
	}
	cJSON_Delete(object);
}
END_TEST

Suite *debug_request_suite(void)
{
	Suite *s = suite_create("debug_request");
	TCase *t = tcase_create("debug_request");

	tcase_set_timeout(t, 60);
	tcase_add_test(t, whole_object);
	tcase_add_test(t, tails);
	tcase_add_test(t, tails_of_noise);
	tcase_add_test(t, limits_of_one);
	tcase_add_test(t, many_words);
	tcase_add_test(t, lines_of_a_tail);
	tcase_add_test(t, never_too_large);
	tcase_add_test(t, beyond_a_hundred);
	suite_add_tcase(s, t);
	return s;
}
