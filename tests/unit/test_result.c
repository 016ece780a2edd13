#include <check.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "shared/json.h"
#include "shared/result.h"
#include "shared/xalloc.h"

Suite *result_suite(void);

/* 2026-11-23T16:20:05.123Z */
#define STARTED_MS INT64_C(1795450805123)

/* One with something in every member. */
static void fill(struct result *r)
{
	result_init(r);
	r->status = RESULT_FAILED;
	r->reason = REASON_IDLE_TIMEOUT;
	r->signal = SIGKILL;
	result_set_error(r, "said nothing for %ds", 5);
	r->started_ms = STARTED_MS;
	r->finished_ms = STARTED_MS + 61204;
	r->duration_ms = 61204;
	buf_add(&r->out.data, "a\0b\n", 4);
	r->out.bytes = 4;
	r->err.spilled = true;
	r->err.bytes = 70000;
	r->err.dropped = 12;
	r->has_text = true;
	buf_addstr(&r->text, "the answer");
	r->structured = xstrdup("{\"n\":[1,0.30000000000000004]}");
	r->summary = xstrdup("sum");
	result_add_file(r, "db/schema.sql");
	result_add_file(r, "b");
	r->warning = xstrdup("careful");
	r->max_rss_kb = 184320;
	r->cpu_ms = 1900;
	r->leftovers = 2;
	r->usage = (struct usage){ true, 41200, 7300, true, 0.25 };
}

static char *printed(const struct result *r, const char *out_path, const char *err_path, bool full)
{
	cJSON *object = cJSON_CreateObject();
	struct buf out = BUF_INIT;

	result_to_json(r, object, out_path, err_path, full);
	json_print(&out, object);
	cJSON_Delete(object);
	return buf_detach(&out);
}

static cJSON *parsed(const char *text)
{
	struct json_error error = { 0, "" };
	cJSON *tree = json_parse(text, strlen(text), &error);

	ck_assert_msg(tree != NULL, "%s", error.message);
	return tree;
}

START_TEST(words)
{
	enum result_status status;
	enum reason reason;

	for (int i = 0; i < RESULT_STATUS_COUNT; i++) {
		ck_assert(result_status_parse(result_status_text((enum result_status)i), &status));
		ck_assert_int_eq((int)status, i);
	}
	for (int i = 0; i < REASON_COUNT; i++) {
		ck_assert(reason_parse(reason_text((enum reason)i), &reason));
		ck_assert_int_eq((int)reason, i);
	}
	ck_assert_str_eq(reason_text(REASON_IDLE_TIMEOUT), "idle-timeout");
	ck_assert(!result_status_parse("Failed", &status));
	ck_assert(!result_status_parse("", &status));
	ck_assert(!reason_parse("exit ", &reason));
}
END_TEST

START_TEST(signals)
{
	char name[SIGNAL_NAME_MAX];
	int number;

	ck_assert_str_eq(signal_name(name, SIGKILL), "SIGKILL");
	ck_assert_str_eq(signal_name(name, SIGTERM), "SIGTERM");
	ck_assert_str_eq(signal_name(name, SIGRTMIN), "SIGRTMIN");
	ck_assert_str_eq(signal_name(name, SIGRTMIN + 3), "SIGRTMIN+3");
	ck_assert_str_eq(signal_name(name, 999), "signal 999");
	for (int i = 1; i < NSIG; i++) {
		ck_assert(signal_parse(signal_name(name, i), &number));
		ck_assert_int_eq(number, i);
	}
	ck_assert(!signal_parse("KILL", &number));
	ck_assert(!signal_parse("", &number));
	ck_assert(!signal_parse("SIGRTMIN+99", &number));
}
END_TEST

START_TEST(empty)
{
	struct result r;
	char *text;

	result_init(&r);
	ck_assert_int_eq(r.exit_status, -1);
	text = printed(&r, NULL, NULL, false);
	ck_assert_str_eq(text,
	    "{\"status\":\"succeeded\",\"reason\":null,\"exit\":null,"
	    "\"signal\":null,\"error\":null,\"started\":null,\"finished\":null,"
	    "\"seconds\":0,\"stdout\":\"\","
	    "\"stdout_bytes\":0,\"stderr\":\"\",\"stderr_bytes\":0,\"result\":null,"
	    "\"summary\":null,\"files\":[],\"usage\":null,\"max_rss\":0,\"cpu_seconds\":0,"
	    "\"leftover_processes\":0}");
	free(text);
	result_free(&r);
	result_free(&r);
}
END_TEST

START_TEST(whole)
{
	struct result r;
	char *text;

	fill(&r);
	text = printed(&r, NULL, "out/1.db.1.err", false);
	ck_assert_str_eq(text,
	    "{\"status\":\"failed\",\"reason\":\"idle-timeout\",\"exit\":null,"
	    "\"signal\":\"SIGKILL\",\"error\":\"said nothing for 5s\","
	    "\"started\":\"2026-11-23T16:20:05.123Z\",\"finished\":\"2026-11-23T16:21:06.327Z\","
	    "\"seconds\":61.204,\"stdout\":\"a\xef\xbf\xbd"
	    "b\\n\",\"stdout_base64\":\"YQBiCg==\","
	    "\"stdout_bytes\":4,\"stderr_path\":\"out/1.db.1.err\",\"stderr_bytes\":70000,"
	    "\"stderr_dropped\":12,\"text\":\"the answer\","
	    "\"result\":{\"n\":[1,0.30000000000000004]},"
	    "\"summary\":\"sum\",\"files\":[\"db/schema.sql\",\"b\"],"
	    "\"usage\":{\"input_tokens\":41200,\"output_tokens\":7300,\"usd\":0.25},"
	    "\"max_rss\":184320,"
	    "\"cpu_seconds\":1.9,\"leftover_processes\":2,\"warning\":\"careful\"}");
	free(text);
	result_free(&r);
}
END_TEST

START_TEST(round_trip)
{
	struct result r;
	struct result back;
	char *first;
	char *second;
	cJSON *object;

	fill(&r);
	first = printed(&r, NULL, "p", false);
	object = parsed(first);
	result_init(&back);
	ck_assert(result_from_json(&back, object));
	ck_assert_int_eq(back.status, RESULT_FAILED);
	ck_assert_int_eq(back.reason, REASON_IDLE_TIMEOUT);
	ck_assert_int_eq(back.exit_status, -1);
	ck_assert_int_eq(back.signal, SIGKILL);
	ck_assert_int_eq(back.started_ms, STARTED_MS);
	ck_assert_int_eq(back.duration_ms, 61204);
	ck_assert_uint_eq(back.out.data.len, 4);
	ck_assert_mem_eq(back.out.data.data, "a\0b\n", 4);
	ck_assert(!back.out.spilled);
	ck_assert(back.err.spilled);
	ck_assert_uint_eq(back.err.data.len, 0);
	ck_assert_uint_eq(back.err.bytes, 70000);
	ck_assert(back.has_text);
	ck_assert_uint_eq(back.nfiles, 2);
	ck_assert(back.usage.known);
	ck_assert_int_eq(back.usage.input_tokens, 41200);
	/* and nothing that was not compared was lost */
	second = printed(&back, NULL, "p", false);
	ck_assert_str_eq(second, first);
	cJSON_Delete(object);
	free(first);
	free(second);
	result_free(&r);
	result_free(&back);
}
END_TEST

/* Exit statuses, and numbers where binary fractions are not exact. */
START_TEST(round_trip_numbers)
{
	struct result r;
	struct result back;
	char *text;
	cJSON *object;

	result_init(&r);
	r.exit_status = _i;
	r.started_ms = STARTED_MS + _i;
	r.duration_ms = 1000 * _i + 37 * _i % 1000;
	r.cpu_ms = 3 * _i + 1;
	text = printed(&r, NULL, NULL, false);
	object = parsed(text);
	result_init(&back);
	ck_assert(result_from_json(&back, object));
	ck_assert_int_eq(back.exit_status, r.exit_status);
	ck_assert_int_eq(back.started_ms, r.started_ms);
	ck_assert_int_eq(back.duration_ms, r.duration_ms);
	ck_assert_int_eq(back.cpu_ms, r.cpu_ms);
	cJSON_Delete(object);
	free(text);
	result_free(&back);
}
END_TEST

static bool has(const struct result *r, bool full, const char *part)
{
	char *text = printed(r, "out/x", NULL, full);
	bool found = strstr(text, part) != NULL;

	free(text);
	return found;
}

START_TEST(text_only_once)
{
	struct result r;

	result_init(&r);
	buf_addstr(&r.out.data, "same");
	ck_assert(!has(&r, false, "\"text\""));
	ck_assert(has(&r, true, "\"text\":\"same\""));

	r.has_text = true;
	buf_addstr(&r.text, "same");
	ck_assert(!has(&r, false, "\"text\""));
	ck_assert(has(&r, true, "\"text\":\"same\""));

	buf_addstr(&r.text, "?");
	ck_assert(has(&r, false, "\"text\":\"same?\""));
	buf_reset(&r.text);
	ck_assert(has(&r, false, "\"text\":\"\""));

	buf_reset(&r.out.data);
	r.out.spilled = true;
	ck_assert(has(&r, false, "\"stdout_path\":\"out/x\""));
	ck_assert(has(&r, false, "\"text\":\"\""));
	r.has_text = false;
	ck_assert(!has(&r, true, "\"text\""));
	result_free(&r);
}
END_TEST

START_TEST(spilled_without_place)
{
	struct result r;
	struct result back;
	char *text;
	cJSON *object;

	result_init(&r);
	r.out.spilled = true;
	r.out.bytes = 20000;
	text = printed(&r, NULL, NULL, false);
	ck_assert_ptr_nonnull(strstr(text, "\"stdout_path\":null,"));
	object = parsed(text);
	result_init(&back);
	ck_assert(result_from_json(&back, object));
	ck_assert(back.out.spilled);
	cJSON_Delete(object);
	free(text);
	result_free(&back);
}
END_TEST

static const char *const members[] = {
	"status",
	"reason",
	"exit",
	"signal",
	"error",
	"started",
	"finished",
	"seconds",
	"stdout",
	"stdout_bytes",
	"stderr_bytes",
	"result",
	"summary",
	"files",
	"max_rss",
	"cpu_seconds",
	"leftover_processes",
};

START_TEST(member_missing)
{
	struct result r;
	struct result back;
	cJSON *object = cJSON_CreateObject();

	fill(&r);
	result_to_json(&r, object, NULL, "p", false);
	cJSON_DeleteItemFromObjectCaseSensitive(object, members[_i]);
	result_init(&back);
	ck_assert(!result_from_json(&back, object));
	ck_assert_ptr_null(back.error);
	ck_assert_uint_eq(back.nfiles, 0);
	cJSON_Delete(object);
	result_free(&r);
}
END_TEST

static const struct {
	const char *member;
	const char *value;
} wrongs[] = {
	{ "status", "\"done\"" },
	{ "status", "null" },
	{ "status", "1" },
	{ "reason", "\"why\"" },
	{ "reason", "0" },
	{ "exit", "256" },
	{ "exit", "-1" },
	{ "exit", "1.5" },
	{ "exit", "\"1\"" },
	{ "signal", "9" },
	{ "signal", "\"SIGNONE\"" },
	{ "error", "1" },
	{ "error", "[]" },
	{ "started", "\"yesterday\"" },
	{ "started", "1" },
	{ "finished", "false" },
	{ "seconds", "-1" },
	{ "seconds", "1e300" },
	{ "seconds", "null" },
	{ "stdout", "1" },
	{ "stdout_base64", "\"!\"" },
	{ "stdout_bytes", "-1" },
	{ "stdout_bytes", "0.5" },
	{ "stderr_dropped", "70001" },
	{ "text", "1" },
	{ "result", "[]" },
	{ "result", "\"{}\"" },
	{ "summary", "1" },
	{ "files", "{}" },
	{ "files", "[1]" },
	{ "max_rss", "-1" },
	{ "cpu_seconds", "\"1\"" },
	{ "leftover_processes", "5000000000" },
	{ "warning", "1" },
	{ "usage", "1" },
	{ "usage", "{\"usd\":-1}" },
};

START_TEST(member_wrong)
{
	struct result r;
	struct result back;
	cJSON *object = cJSON_CreateObject();

	fill(&r);
	result_to_json(&r, object, NULL, "p", false);
	cJSON_DeleteItemFromObjectCaseSensitive(object, wrongs[_i].member);
	json_add_item(object, wrongs[_i].member, parsed(wrongs[_i].value));
	result_init(&back);
	ck_assert_msg(!result_from_json(&back, object), "%s: %s", wrongs[_i].member,
	    wrongs[_i].value);
	cJSON_Delete(object);
	result_free(&r);
}
END_TEST

START_TEST(usage)
{
	static const struct {
		const char *text;
		bool good;
		struct usage usage;
	} cases[] = {
		{ "{\"input_tokens\":3,\"output_tokens\":5,\"usd\":0.5}", true,
		    { true, 3, 5, true, 0.5 } },
		{ "{\"usd\":2}", true, { true, 0, 0, true, 2 } },
		{ "{\"output_tokens\":7.9,\"model\":\"m\"}", true, { true, 0, 7, false, 0 } },
		{ "{}", true, { true, 0, 0, false, 0 } },
		{ "{\"input_tokens\":-1}", false, { false, 0, 0, false, 0 } },
		{ "{\"input_tokens\":\"3\"}", false, { false, 0, 0, false, 0 } },
		{ "{\"input_tokens\":1e300}", false, { false, 0, 0, false, 0 } },
		{ "{\"usd\":null}", true, { true, 0, 0, false, 0 } },
		{ "[1]", false, { false, 0, 0, false, 0 } },
		{ "null", false, { false, 0, 0, false, 0 } },
	};
	const struct usage *expected = &cases[_i].usage;
	struct usage u = { 0 };
	cJSON *object = parsed(cases[_i].text);

	ck_assert_int_eq(usage_from_json(&u, object), cases[_i].good);
	ck_assert_int_eq(u.known, expected->known);
	ck_assert_int_eq(u.input_tokens, expected->input_tokens);
	ck_assert_int_eq(u.output_tokens, expected->output_tokens);
	ck_assert_int_eq(u.usd_known, expected->usd_known);
	ck_assert_double_eq(u.usd, expected->usd);
	cJSON_Delete(object);
}
END_TEST

START_TEST(files_bounded)
{
	struct result r;
	char name[16];

	result_init(&r);
	for (int i = 0; i < FILES_MAX + 3; i++) {
		snprintf(name, sizeof(name), "f%d", i);
		result_add_file(&r, name);
	}
	ck_assert_uint_eq(r.nfiles, FILES_MAX);
	ck_assert_str_eq(r.files[0], "f0");
	ck_assert_str_eq(r.files[FILES_MAX - 1], "f19");
	result_free(&r);
	result_add_file(&r, "a\xff");
	ck_assert_str_eq(r.files[0], "a\xef\xbf\xbd");
	result_free(&r);
}
END_TEST

START_TEST(error_replaced)
{
	struct result r;

	result_init(&r);
	result_set_error(&r, "exit %d", 1);
	result_set_error(&r, "%s: no\nschema\xff", r.error);
	ck_assert_str_eq(r.error, "exit 1: no schema\xef\xbf\xbd");
	result_free(&r);
}
END_TEST

START_TEST(warnings_joined)
{
	struct result r;

	result_init(&r);
	result_add_warning(&r, "%d were dropped", 3);
	ck_assert_str_eq(r.warning, "3 were dropped");
	/* it may be told what stands there */
	result_add_warning(&r, "after '%s'", r.warning);
	ck_assert_str_eq(r.warning, "3 were dropped; after '3 were dropped'");
	result_free(&r);
}
END_TEST

Suite *result_suite(void)
{
	Suite *suite = suite_create("result");
	TCase *tc = tcase_create("result");

	tcase_add_test(tc, words);
	tcase_add_test(tc, signals);
	tcase_add_test(tc, empty);
	tcase_add_test(tc, whole);
	tcase_add_test(tc, round_trip);
	tcase_add_loop_test(tc, round_trip_numbers, 0, 256);
	tcase_add_test(tc, text_only_once);
	tcase_add_test(tc, spilled_without_place);
	tcase_add_loop_test(tc, member_missing, 0, sizeof(members) / sizeof(members[0]));
	tcase_add_loop_test(tc, member_wrong, 0, sizeof(wrongs) / sizeof(wrongs[0]));
	tcase_add_loop_test(tc, usage, 0, 10);
	tcase_add_test(tc, files_bounded);
	tcase_add_test(tc, error_replaced);
	tcase_add_test(tc, warnings_joined);
	suite_add_tcase(suite, tc);
	return suite;
}
