#include <check.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "shared/clock.h"
#include "workers/adapter_class.h"
#include "workers/adapter_reset.h"

Suite *adapter_class_suite(void);

#define SECOND INT64_C(1000)
#define MINUTE (60 * SECOND)
#define HOUR (60 * MINUTE)
#define DAY (24 * HOUR)

static int64_t now_ms;

static void set_zone(void)
{
	setenv("TZ", "UTC", 1);
	tzset();
	now_ms = clock_parse("2026-11-23T16:20:05.000Z");
}

static const struct {
	const char *text;
	int status;
	enum reason reason;
	int64_t retry_ms;
	int64_t resets_in; /* from now on; 0: not known */
} errors[] = {
	{ "Rate limit reached for x on tokens per min. Please try again in 6s.", 0,
	    REASON_RATE_LIMIT, 6 * SECOND, 0 },
	{ "Rate limit reached. Please try again in 250ms.", 429, REASON_RATE_LIMIT, 250, 0 },
	{ "429 Too Many Requests, retry-after: 30", 0, REASON_RATE_LIMIT, 30 * SECOND, 0 },
	{ "too fast", 429, REASON_RATE_LIMIT, 0, 0 },
	{ "Overloaded", 529, REASON_RATE_LIMIT, 0, 0 },
	{ "try later", 503, REASON_RATE_LIMIT, 0, 0 },
	{ "API Error: 529 {\"type\":\"error\"}", 0, REASON_RATE_LIMIT, 0, 0 },
	{ "overloaded_error: busy", 0, REASON_RATE_LIMIT, 0, 0 },
	{ "You exceeded your current quota. Please retry in 29.5s. \"retryDelay\": \"29s\"", 429,
	    REASON_RATE_LIMIT, 29500, 0 },
	{ "Server is temporarily limiting requests (not your usage limit)", 0, REASON_RATE_LIMIT, 0,
	    0 },
	{ "insufficient_quota: You exceeded your current quota, retry in 5s", 429, REASON_QUOTA, 0,
	    5 * SECOND },
	{ "You exceeded your current quota, please check your plan", 429, REASON_QUOTA, 0, 0 },
	{ "You've hit your limit \xc2\xb7 resets 5pm", 0, REASON_QUOTA, 0,
	    39 * MINUTE + 55 * SECOND },
	{ "You've hit your usage limit. Try again in 3 days 2 hours 5 minutes.", 0, REASON_QUOTA, 0,
	    3 * DAY + 2 * HOUR + 5 * MINUTE },
	{ "Claude AI usage limit reached|1795454805", 0, REASON_QUOTA, 0,
	    1 * HOUR + 6 * MINUTE + 40 * SECOND },
	{ "Credit balance is too low", 400, REASON_QUOTA, 0, 0 },
	{ "pay", 402, REASON_QUOTA, 0, 0 },
	{ "no", 401, REASON_AUTH, 0, 0 },
	{ "no", 403, REASON_AUTH, 0, 0 },
	{ "Not logged in \xc2\xb7 Please run /login", 0, REASON_AUTH, 0, 0 },
	{ "[API Error: 401 Incorrect API key provided]", 0, REASON_AUTH, 0, 0 },
	{ "unexpected status 401 Unauthorized: x", 0, REASON_AUTH, 0, 0 },
	{ "prompt is too long: 208310 tokens > 200000 maximum", 400, REASON_CONTEXT, 0, 0 },
	{ "Codex ran out of room in the model's context window", 0, REASON_CONTEXT, 0, 0 },
	{ "ContextOverflowError: x", 0, REASON_CONTEXT, 0, 0 },
	{ "too large", 413, REASON_CONTEXT, 0, 0 },
	{ "Internal server error", 500, REASON_AGENT, 0, 0 },
	{ "connect ECONNREFUSED 127.0.0.1:80", 0, REASON_AGENT, 0, 0 },
	{ "model not found", 404, REASON_AGENT, 0, 0 },
	{ "429 files were changed", 400, REASON_AGENT, 0, 0 },
	{ "", 0, REASON_AGENT, 0, 0 },
};

START_TEST(error_fields)
{
	const char *text = errors[_i].text;
	struct trouble t = adapter_class_error(text, strlen(text), errors[_i].status, 0, now_ms);
	int64_t resets = errors[_i].resets_in > 0 ? now_ms + errors[_i].resets_in : 0;

	ck_assert_msg(t.reason == errors[_i].reason, "%s: %s", text, reason_text(t.reason));
	ck_assert_msg(t.retry_ms == errors[_i].retry_ms, "%s: %jd", text, (intmax_t)t.retry_ms);
	ck_assert_msg(t.resets_ms == resets, "%s: %jd", text, (intmax_t)(t.resets_ms - now_ms));
}
END_TEST

/* Words about load, and nothing that says that it is a limit. */
START_TEST(perhaps_broken)
{
	static const struct {
		const char *text;
		int status;
		int64_t retry_ms;
		bool unsure;
	} cases[] = {
		{ "We\xe2\x80\x99re currently experiencing high demand, which may cause errors.", 0,
		    0, true },
		{ "The service is currently overloaded", 500, 0, true },
		{ "500 The model is overloaded", 0, 0, true },
		{ "The model is overloaded", 503, 0, false },
		{ "unexpected status 529: Overloaded", 0, 0, false },
		{ "We're currently experiencing high demand", 0, 2000, false },
		{ "The model is overloaded. Please try again in 6s.", 0, 0, false },
		{ "Rate limit reached, high demand", 0, 0, false },
		{ "overloaded_error: busy", 0, 0, false },
		{ "Internal server error", 500, 0, false },
	};
	const char *text = cases[_i].text;
	struct trouble t =
	    adapter_class_error(text, strlen(text), cases[_i].status, cases[_i].retry_ms, now_ms);

	ck_assert_msg(t.reason == (_i == 9 ? REASON_AGENT : REASON_RATE_LIMIT), "%s: %s", text,
	    reason_text(t.reason));
	ck_assert_msg(t.unsure == cases[_i].unsure, "%s", text);
}
END_TEST

START_TEST(fields_of_their_own)
{
	struct trouble t = adapter_class_error("slow down", 9, 429, 12000, now_ms);

	ck_assert_int_eq(t.retry_ms, 12000);
	t = adapter_class_error("usage limit reached", 19, 429, 2 * HOUR, now_ms);
	ck_assert_int_eq(t.reason, REASON_QUOTA);
	ck_assert_int_eq(t.retry_ms, 0);
	ck_assert_int_eq(t.resets_ms, now_ms + 2 * HOUR);
	t = adapter_class_error("no", 2, 401, 5000, now_ms);
	ck_assert_int_eq(t.retry_ms, 0);
}
END_TEST

static const struct {
	const char *text;
	enum reason reason;
} tails[] = {
	{ "starting\nError: 429 Too Many Requests\n", REASON_RATE_LIMIT },
	{ "npm warn x\nError: Not logged in. Please run /login\n", REASON_AUTH },
	{ "error: prompt is too long\n", REASON_CONTEXT },
	{ "insufficient_quota\n", REASON_QUOTA },
	{ "error: unexpected argument '--x'\n", REASON_AGENT },
	{ "Review: the function handles rate limits and returns 429\n", REASON_AGENT },
	{ "the test 'too many requests' passed\n", REASON_AGENT },
	{ "", REASON_AGENT },
};

START_TEST(standard_error)
{
	const char *text = tails[_i].text;
	struct trouble t = adapter_class_tail(text, strlen(text), now_ms);

	ck_assert_msg(t.reason == tails[_i].reason, "%s: %s", text, reason_text(t.reason));
}
END_TEST

static const struct {
	const char *text;
	const char *when; /* NULL: it does not say it */
} resets[] = {
	{ "resets 1pm (Europe/Lisbon)", "2026-11-24T13:00:00.000Z" },
	{ "resets 1pm (Asia/Tokyo)", "2026-11-24T04:00:00.000Z" },
	{ "resets 3:45pm", "2026-11-24T15:45:00.000Z" },
	{ "resets 4:45 PM (UTC)", "2026-11-23T16:45:00.000Z" },
	{ "resets at 18:30", "2026-11-23T18:30:00.000Z" },
	{ "resets 12am (UTC)", "2026-11-24T00:00:00.000Z" },
	{ "resets 12pm", "2026-11-24T12:00:00.000Z" },
	{ "resets 5pm (Nowhere/Land)", "2026-11-23T17:00:00.000Z" },
	{ "resets 5pm (../../etc/passwd)", "2026-11-23T17:00:00.000Z" },
	{ "resets Nov 27, 1pm (UTC)", "2026-11-27T13:00:00.000Z" },
	{ "resets Dec 1 at 4pm (America/Recife)", "2026-12-01T19:00:00.000Z" },
	{ "try again at Nov 29th, 2026 1:05 PM.", "2026-11-29T13:05:00.000Z" },
	{ "Try again at 5:05 PM.", "2026-11-23T17:05:00.000Z" },
	{ "resets in 2h 5m", "2026-11-23T18:25:05.000Z" },
	{ "Your quota will reset after 5h30m10s.", "2026-11-23T21:50:15.000Z" },
	{ "try again in 1 day and 2 hours", "2026-11-24T18:20:05.000Z" },
	{ "\"resets_in_seconds\": 90", "2026-11-23T16:21:35.000Z" },
	{ "\"resetsAt\": 1795454805", "2026-11-23T17:26:45.000Z" },
	{ "resets at 2026-11-23T20:00:00Z", "2026-11-23T20:00:00.000Z" },
	{ "limit reached|1795454805", "2026-11-23T17:26:45.000Z" },
	{ "limit reached|1795454805000", "2026-11-23T17:26:45.000Z" },
	{ "limit reached|12", NULL },
	{ "limit reached|1600000000", NULL },
	{ "limit reached|9999999999", NULL },
	{ "resets soon", NULL },
	{ "resets 25pm", NULL },
	{ "resets 0pm", NULL },
	{ "preset 1pm", NULL },
	{ "resets", NULL },
	{ "resets 99999999999999999999 days", NULL },
	{ "", NULL },
};

START_TEST(reset_times)
{
	const char *text = resets[_i].text;
	int64_t found = adapter_reset_ms(text, strlen(text), now_ms);
	char shown[CLOCK_TEXT_MAX];

	if (resets[_i].when == NULL)
		ck_assert_msg(found == 0, "%s: %s", text, clock_text(shown, found));
	else
		ck_assert_msg(strcmp(clock_text(shown, found), resets[_i].when) == 0, "%s: %s",
		    text, shown);
	ck_assert_str_eq(getenv("TZ"), "UTC");
}
END_TEST

START_TEST(just_passed)
{
	double passed = (double)(now_ms - 10 * MINUTE), gone = (double)(now_ms - 2 * HOUR);

	ck_assert_int_gt(adapter_reset_epoch(passed, now_ms), now_ms);
	ck_assert_int_lt(adapter_reset_epoch(passed, now_ms), now_ms + MINUTE);
	ck_assert_int_eq(adapter_reset_epoch(gone, now_ms), 0);
	ck_assert_int_eq(adapter_reset_epoch(0, now_ms), 0);
}
END_TEST

static const struct {
	const char *text;
	const char *words;
} words[] = {
	{ "plain words", "plain words" },
	{ "API Error: 429 {\"type\":\"error\",\"error\":{\"type\":\"x\",\"message\":\"slow\"}}",
	    "API Error: 429: slow" },
	{ "{\"error\":{\"message\":\"{\\n \\\"error\\\": {\\\"message\\\": \\\"deep\\\"}}\"}}",
	    "deep" },
	{ "[{\"error\":{\"message\":\"in a list\"}}]", "in a list" },
	{ "{\"error\":\"short\"}", "short" },
	{ "{\"detail\":\"unauthorized\"}", "unauthorized" },
	{ "bad {brace", "bad {brace" },
	{ "[API Error: no]", "API Error: no" },
	{ "first\nsecond", "first" },
};

START_TEST(words_of_errors)
{
	struct buf out = BUF_INIT;

	adapter_class_words(&out, words[_i].text, strlen(words[_i].text));
	ck_assert_str_eq(buf_str(&out), words[_i].words);
	buf_free(&out);
}
END_TEST

#define COUNT(array) ((int)(sizeof(array) / sizeof((array)[0])))

Suite *adapter_class_suite(void)
{
	Suite *s = suite_create("adapter_class");
	TCase *t = tcase_create("class");

	tcase_add_checked_fixture(t, set_zone, NULL);
	tcase_add_loop_test(t, error_fields, 0, COUNT(errors));
	tcase_add_test(t, fields_of_their_own);
	tcase_add_test(t, perhaps_broken);
	tcase_add_loop_test(t, standard_error, 0, COUNT(tails));
	tcase_add_loop_test(t, reset_times, 0, COUNT(resets));
	tcase_add_test(t, just_passed);
	tcase_add_loop_test(t, words_of_errors, 0, COUNT(words));
	suite_add_tcase(s, t);
	return s;
}
