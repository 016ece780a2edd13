#include <check.h>
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "shared/clock.h"
#include "shared/io.h"
#include "shared/text.h"
#include "workers/adapter.h"

Suite *adapter_suite(void);

#define RECORDED "tests/clients/recorded"
#define FILE_MAX (16 * 1024 * 1024)
#define ABOUT_LIMITS \
	"429 Too Many Requests: retry after 30 s. 401 Unauthorized, please run /login. " \
	"insufficient_quota, prompt is too long, overloaded_error."

/* What a reader made of one attempt, and what it said while that ran. Freed by heard_free(). */
struct heard {
	struct result result;
	struct buf shown;
	enum reason pressure; /* the strongest */
	int64_t pressure_ms;
};

static void heard_free(struct heard *h)
{
	result_free(&h->result);
	buf_free(&h->shown);
}

/* As attempts set it before a reader corrects it; status -1: by SIGTERM. */
static void set_end(struct result *r, int status)
{
	result_init(r);
	if (status < 0) {
		r->signal = 15;
		r->status = RESULT_FAILED;
		r->reason = REASON_SIGNAL;
		result_set_error(r, "killed by SIGTERM");
		return;
	}
	r->exit_status = status;
	if (status == 0)
		return;
	r->status = RESULT_FAILED;
	r->reason = REASON_EXIT;
	result_set_error(r, "exit %d", status);
}

static void feed(struct reader *reader, struct heard *h, bool is_err, const struct buf *data,
    size_t piece)
{
	for (size_t at = 0; at < data->len; at += piece) {
		size_t left = data->len - at;
		struct sign seen;

		reader_feed(reader, is_err, data->data + at, left < piece ? left : piece, &seen);
		if (seen.reason == REASON_NONE)
			continue;
		h->pressure = seen.reason;
		if (seen.retry_ms > h->pressure_ms)
			h->pressure_ms = seen.retry_ms;
	}
}

static struct heard hear_buf(enum adapter adapter, const struct buf *out, const struct buf *err,
    int status, size_t piece)
{
	struct heard h = { 0 };
	struct reader *reader = reader_new(adapter);

	set_end(&h.result, status);
	reader_show(reader, &h.shown);
	feed(reader, &h, false, out, piece);
	feed(reader, &h, true, err, piece);
	reader_finish(reader, &h.result);
	reader_free(reader);
	return h;
}

static struct heard hear(enum adapter adapter, const char *out, const char *err, int status)
{
	struct buf o = BUF_INIT, e = BUF_INIT;
	struct heard h;

	buf_addstr(&o, out);
	buf_addstr(&e, err);
	h = hear_buf(adapter, &o, &e, status, 4096);
	buf_free(&o);
	buf_free(&e);
	return h;
}

static void expect(struct heard *h, enum reason reason, const char *text)
{
	ck_assert_str_eq(reason_text(h->result.reason), reason_text(reason));
	ck_assert_int_eq(h->result.status == RESULT_SUCCEEDED, reason == REASON_NONE);
	if (text != NULL)
		ck_assert_str_eq(buf_str(&h->result.text), text);
	heard_free(h);
}

static void expect_error(struct heard *h, enum reason reason, const char *error)
{
	ck_assert_ptr_nonnull(h->result.error);
	ck_assert_str_eq(h->result.error, error);
	expect(h, reason, NULL);
}

/* What real clients wrote. */

static const struct {
	const char *folder;
	enum adapter adapter;
} folders[] = {
	{ "claude", ADAPTER_CLAUDE },
	{ "claude-json", ADAPTER_CLAUDE },
	{ "codex", ADAPTER_CODEX },
	{ "gemini", ADAPTER_GEMINI },
	{ "gemini-json", ADAPTER_GEMINI },
	{ "opencode", ADAPTER_OPENCODE },
	{ "pi", ADAPTER_PI },
	{ "pi-anthropic", ADAPTER_PI },
	{ "qwen", ADAPTER_CLAUDE },
	{ "qwen-json", ADAPTER_CLAUDE },
};

/* What is expected of a recording: why it failed, the pause it asks for, tokens in and out. */
static const struct {
	const char *name;
	const char *reason;
	int64_t retry_ms;
	int64_t input;
	int64_t output;
} recordings[] = {
	{ "claude/401", "auth", 0, 0, 0 },
	{ "claude/429-exit-0", "rate-limit", 0, 0, 0 },
	{ "claude/429-throttled", "rate-limit", 0, 0, 0 },
	{ "claude/429", "rate-limit", 0, 0, 0 },
	{ "claude/500", "agent", 0, 0, 0 },
	{ "claude/529", "rate-limit", 0, 0, 0 },
	{ "claude/budget", "agent", 0, 1100, 50 },
	{ "claude/context-400", "context", 0, 0, 0 },
	{ "claude/context-blocking", "context", 0, 0, 0 },
	{ "claude/context", "context", 0, 0, 0 },
	{ "claude/credit", "quota", 0, 0, 0 },
	{ "claude/empty-result", "agent", 0, 1100, 50 },
	{ "claude/execution", "agent", 0, 1100, 50 },
	{ "claude/flaky-429", "none", 0, 1100, 50 },
	{ "claude/flaky-529", "none", 0, 1100, 50 },
	{ "claude/flaky-network", "none", 0, 1100, 50 },
	{ "claude/limit-date", "quota", 0, 0, 0 },
	{ "claude/limit-five-hour", "quota", 0, 0, 0 },
	{ "claude/limit-no-event", "quota", 0, 0, 0 },
	{ "claude/limit-old", "quota", 0, 0, 0 },
	{ "claude/limit-session", "quota", 0, 0, 0 },
	{ "claude/limit", "quota", 0, 0, 0 },
	{ "claude/max-turns", "agent", 0, 1100, 50 },
	{ "claude/no-result", "agent", 0, 0, 0 },
	{ "claude/not-logged-in", "auth", 0, 0, 0 },
	{ "claude/ok-about-limits", "none", 0, 1100, 50 },
	{ "claude/ok-allowed-event", "none", 0, 1100, 50 },
	{ "claude/ok-tool-said-429", "none", 0, 1100, 50 },
	{ "claude/ok-warning-event", "none", 0, 1100, 50 },
	{ "claude/ok", "none", 0, 1100, 50 },
	{ "claude/resume-1", "none", 0, 1100, 50 },
	{ "claude/resume-2", "none", 0, 1100, 50 },
	{ "claude/structured-output", "agent", 0, 1100, 50 },
	{ "claude/unknown-session", "agent", 0, 0, 0 },
	{ "claude-json/401", "auth", 0, 0, 0 },
	{ "claude-json/429-exit-0", "rate-limit", 0, 0, 0 },
	{ "claude-json/429", "rate-limit", 0, 0, 0 },
	{ "claude-json/529", "rate-limit", 0, 0, 0 },
	{ "claude-json/budget", "agent", 0, 1100, 50 },
	{ "claude-json/context", "context", 0, 0, 0 },
	{ "claude-json/empty-result", "agent", 0, 1100, 50 },
	{ "claude-json/limit-old", "quota", 0, 0, 0 },
	{ "claude-json/limit", "quota", 0, 0, 0 },
	{ "claude-json/max-turns", "agent", 0, 1100, 50 },
	{ "claude-json/not-logged-in", "auth", 0, 0, 0 },
	{ "claude-json/ok-about-limits", "none", 0, 1100, 50 },
	{ "claude-json/ok-array", "none", 0, 1100, 50 },
	{ "claude-json/ok", "none", 0, 1100, 50 },
	{ "claude-json/resume-1", "none", 0, 1100, 50 },
	{ "claude-json/resume-2", "none", 0, 1100, 50 },
	{ "codex/401", "auth", 0, 0, 0 },
	{ "codex/429-hint", "rate-limit", 0, 0, 0 },
	{ "codex/429", "rate-limit", 0, 0, 0 },
	{ "codex/500", "rate-limit", 0, 0, 0 },
	{ "codex/529", "rate-limit", 0, 0, 0 },
	{ "codex/context", "context", 0, 0, 0 },
	{ "codex/flaky-2", "rate-limit", 0, 0, 0 },
	{ "codex/flaky-429-hint-2", "none", 0, 1000, 50 },
	{ "codex/ok-long", "none", 0, 1000, 50 },
	{ "codex/ok", "none", 0, 1000, 50 },
	{ "codex/quota", "quota", 0, 0, 0 },
	{ "codex/resume-1", "none", 0, 1000, 50 },
	{ "codex/resume-2", "none", 0, 2000, 100 },
	{ "codex/slow", "none", 0, 1000, 50 },
	{ "gemini/401", "auth", 0, 0, 0 },
	{ "gemini/429", "rate-limit", 0, 0, 0 },
	{ "gemini/context", "context", 0, 0, 0 },
	{ "gemini/flaky-2", "none", 0, 1000, 50 },
	{ "gemini/flaky-429-hint-2", "none", 0, 1000, 50 },
	{ "gemini/ok-long", "none", 0, 1000, 50 },
	{ "gemini/ok", "none", 0, 1000, 50 },
	{ "gemini/quota", "quota", 0, 0, 0 },
	{ "gemini/resume-1", "none", 0, 1000, 50 },
	{ "gemini/resume-2", "none", 0, 1000, 50 },
	{ "gemini/slow", "none", 0, 1000, 50 },
	{ "gemini-json/401", "auth", 0, 0, 0 },
	{ "gemini-json/context", "context", 0, 0, 0 },
	{ "gemini-json/flaky-2", "none", 0, 1000, 60 },
	{ "gemini-json/ok-long", "none", 0, 1000, 60 },
	{ "gemini-json/ok", "none", 0, 1000, 60 },
	{ "gemini-json/quota", "quota", 0, 0, 0 },
	{ "gemini-json/resume-1", "none", 0, 1000, 60 },
	{ "gemini-json/resume-2", "none", 0, 1000, 60 },
	{ "opencode/401", "auth", 0, 0, 0 },
	{ "opencode/429-hint", "rate-limit", 2000, 0, 0 },
	{ "opencode/context", "context", 0, 0, 0 },
	{ "opencode/flaky-2", "none", 0, 1000, 50 },
	{ "opencode/ok-long", "none", 0, 1000, 50 },
	{ "opencode/ok", "none", 0, 1000, 50 },
	{ "opencode/resume-1", "none", 0, 1000, 50 },
	{ "opencode/resume-2", "none", 0, 1000, 50 },
	{ "opencode/slow", "none", 0, 1000, 50 },
	{ "pi/401", "auth", 0, 0, 0 },
	{ "pi/429-hint", "rate-limit", 2000, 0, 0 },
	{ "pi/429", "rate-limit", 0, 0, 0 },
	{ "pi/500", "agent", 0, 0, 0 },
	{ "pi/529", "rate-limit", 0, 0, 0 },
	{ "pi/context", "context", 0, 0, 0 },
	{ "pi/flaky-2", "none", 0, 1000, 50 },
	{ "pi/flaky-429-hint-2", "none", 0, 1000, 50 },
	{ "pi/ok-long", "none", 0, 1000, 50 },
	{ "pi/ok", "none", 0, 1000, 50 },
	{ "pi/quota", "quota", 0, 0, 0 },
	{ "pi/resume-1", "none", 0, 1000, 50 },
	{ "pi/resume-2", "none", 0, 1000, 50 },
	{ "pi/slow", "none", 0, 1000, 50 },
	{ "pi-anthropic/401", "auth", 0, 0, 0 },
	{ "pi-anthropic/429-hint", "rate-limit", 2000, 0, 0 },
	{ "pi-anthropic/429", "rate-limit", 0, 0, 0 },
	{ "pi-anthropic/500", "agent", 0, 0, 0 },
	{ "pi-anthropic/529", "rate-limit", 0, 0, 0 },
	{ "pi-anthropic/context", "context", 0, 0, 0 },
	{ "pi-anthropic/flaky-2", "none", 0, 1000, 50 },
	{ "pi-anthropic/flaky-429-hint-2", "none", 0, 1000, 50 },
	{ "pi-anthropic/ok-long", "none", 0, 1000, 50 },
	{ "pi-anthropic/ok", "none", 0, 1000, 50 },
	{ "pi-anthropic/quota", "quota", 0, 0, 0 },
	{ "pi-anthropic/resume-1", "none", 0, 1000, 50 },
	{ "pi-anthropic/resume-2", "none", 0, 1000, 50 },
	{ "pi-anthropic/slow", "none", 0, 1000, 50 },
	{ "qwen/401", "auth", 0, 0, 0 },
	{ "qwen/context", "context", 0, 0, 0 },
	{ "qwen/flaky-2", "none", 0, 2000, 100 },
	{ "qwen/ok-long", "none", 0, 2000, 100 },
	{ "qwen/ok", "none", 0, 2000, 100 },
	{ "qwen/resume-1", "none", 0, 2000, 100 },
	{ "qwen/resume-2", "none", 0, 4000, 200 },
	{ "qwen/slow", "none", 0, 2000, 100 },
	{ "qwen-json/401", "auth", 0, 0, 0 },
	{ "qwen-json/context", "context", 0, 0, 0 },
	{ "qwen-json/flaky-2", "none", 0, 2000, 100 },
	{ "qwen-json/ok-long", "none", 0, 2000, 100 },
	{ "qwen-json/ok", "none", 0, 2000, 100 },
	{ "qwen-json/resume-1", "none", 0, 2000, 100 },
	{ "qwen-json/resume-2", "none", 0, 4000, 200 },
	{ "qwen-json/slow", "none", 0, 2000, 100 },
};

static void slurp(struct buf *out, const char *folder, const char *name, const char *ending)
{
	char path[512];

	snprintf(path, sizeof(path), RECORDED "/%s/%s.%s", folder, name, ending);
	ck_assert_msg(read_file_at(AT_FDCWD, path, out, FILE_MAX) == 0, "cannot read %s", path);
}

/* The first line is "status: N", "signal: NAME", or says that it was ended from outside. */
static int read_status(const char *folder, const char *name)
{
	struct buf text = BUF_INIT;
	const char *at;
	int status = -1;

	slurp(&text, folder, name, "exit");
	at = strstr(buf_str(&text), "status: ");
	if (at != NULL)
		status = atoi(at + strlen("status: "));
	buf_free(&text);
	return status;
}

static void check_same(const struct heard *a, const struct heard *b, const char *name)
{
	const struct result *x = &a->result, *y = &b->result;

	ck_assert_msg(x->status == y->status && x->reason == y->reason, "%s: %s", name,
	    reason_text(x->reason));
	ck_assert_msg(strcmp(buf_str(&x->text), buf_str(&y->text)) == 0, "%s: text", name);
	ck_assert_msg(strcmp(buf_str(&a->shown), buf_str(&b->shown)) == 0, "%s: shown", name);
	ck_assert_msg((x->error == NULL) == (y->error == NULL) &&
		(x->error == NULL || strcmp(x->error, y->error) == 0),
	    "%s: error", name);
	ck_assert_msg((x->session == NULL) == (y->session == NULL) &&
		(x->session == NULL || strcmp(x->session, y->session) == 0),
	    "%s: session", name);
	ck_assert_msg(x->usage.input_tokens == y->usage.input_tokens &&
		x->usage.output_tokens == y->usage.output_tokens &&
		x->usage.usd_known == y->usage.usd_known,
	    "%s: usage", name);
	ck_assert_msg(x->retry_ms == y->retry_ms && a->pressure == b->pressure, "%s: times", name);
}

/* Whatever a client does: no raw event is an answer, nothing empty succeeds, one line of error. */
static void check_promises(const struct result *r, const char *name)
{
	ck_assert_msg(r->has_text, "%s", name);
	ck_assert_msg(strstr(buf_str(&r->text), "{\"type\"") == NULL, "%s: %s", name, r->text.data);
	ck_assert_msg(r->status == RESULT_SUCCEEDED || r->error != NULL, "%s", name);
	ck_assert_msg(r->status == RESULT_FAILED || r->text.len > 0, "%s", name);
	ck_assert_msg(r->error == NULL || strpbrk(r->error, "\n\r") == NULL, "%s", name);
}

static void check_expected(const char *folder, const char *name, const struct heard *h, bool *found)
{
	char whole[512];

	snprintf(whole, sizeof(whole), "%s/%s", folder, name);
	for (size_t i = 0; i < sizeof(recordings) / sizeof(recordings[0]); i++) {
		const struct result *r = &h->result;

		if (strcmp(whole, recordings[i].name) != 0)
			continue;
		found[i] = true;
		ck_assert_msg(strcmp(reason_text(r->reason), recordings[i].reason) == 0,
		    "%s: %s (%s)", whole, reason_text(r->reason), r->error);
		ck_assert_msg(r->retry_ms == recordings[i].retry_ms, "%s: %jd ms", whole,
		    (intmax_t)r->retry_ms);
		ck_assert_msg(r->usage.input_tokens == recordings[i].input, "%s: %jd in", whole,
		    (intmax_t)r->usage.input_tokens);
		ck_assert_msg(r->usage.output_tokens == recordings[i].output, "%s: %jd out", whole,
		    (intmax_t)r->usage.output_tokens);
		ck_assert_msg(r->session != NULL, "%s: no session", whole);
	}
}

static void check_recording(const char *folder, const char *name, enum adapter adapter, bool *found)
{
	static const size_t pieces[] = { 1, 7, 4096 };
	struct buf out = BUF_INIT, err = BUF_INIT;
	int status = read_status(folder, name);
	struct heard whole;

	slurp(&out, folder, name, "out");
	slurp(&err, folder, name, "err");
	whole = hear_buf(adapter, &out, &err, status, FILE_MAX);
	check_promises(&whole.result, name);
	check_expected(folder, name, &whole, found);
	for (size_t i = 0; i < sizeof(pieces) / sizeof(pieces[0]); i++) {
		struct heard cut = hear_buf(adapter, &out, &err, status, pieces[i]);

		check_same(&whole, &cut, name);
		heard_free(&cut);
	}
	heard_free(&whole);
	buf_free(&out);
	buf_free(&err);
}

START_TEST(recorded_clients)
{
	bool found[sizeof(recordings) / sizeof(recordings[0])] = { false };

	for (size_t i = 0; i < sizeof(folders) / sizeof(folders[0]); i++) {
		char path[256];
		const struct dirent *entry;
		DIR *dir;

		snprintf(path, sizeof(path), RECORDED "/%s", folders[i].folder);
		dir = opendir(path);
		ck_assert_msg(dir != NULL, "no folder %s", path);
		while ((entry = readdir(dir)) != NULL) {
			char name[256];
			char *dot;

			snprintf(name, sizeof(name), "%s", entry->d_name);
			dot = strrchr(name, '.');
			if (dot == NULL || strcmp(dot, ".exit") != 0)
				continue;
			*dot = '\0';
			check_recording(folders[i].folder, name, folders[i].adapter, found);
		}
		closedir(dir);
	}
	for (size_t i = 0; i < sizeof(found) / sizeof(found[0]); i++)
		ck_assert_msg(found[i], "no recording %s", recordings[i].name);
}
END_TEST

/* Answers about limits are answers. */

static const struct {
	enum adapter adapter;
	const char *begin;
	const char *end;
} successes[] = {
	{ ADAPTER_CLAUDE,
	    "{\"type\":\"result\",\"subtype\":\"success\",\"is_error\":false,\"result\":\"",
	    "\",\"session_id\":\"s\",\"usage\":{\"input_tokens\":3,\"output_tokens\":9}}\n" },
	{ ADAPTER_CODEX,
	    "{\"type\":\"item.completed\",\"item\":{\"type\":\"agent_message\",\"text\":\"",
	    "\"}}\n{\"type\":\"turn.completed\",\"usage\":{}}\n" },
	{ ADAPTER_GEMINI, "{\n  \"session_id\": \"s\",\n  \"response\": \"", "\"\n}\n" },
	{ ADAPTER_GEMINI,
	    "{\"type\":\"message\",\"role\":\"assistant\",\"delta\":true,\"content\":\"",
	    "\"}\n{\"type\":\"result\",\"status\":\"success\"}\n" },
	{ ADAPTER_OPENCODE, "{\"type\":\"text\",\"part\":{\"messageID\":\"m\",\"text\":\"",
	    "\"}}\n{\"type\":\"step_finish\",\"part\":{\"reason\":\"stop\"}}\n" },
	{ ADAPTER_PI,
	    "{\"type\":\"message_end\",\"message\":{\"role\":\"assistant\",\"stopReason\":\"stop\","
	    "\"content\":[{\"type\":\"text\",\"text\":\"",
	    "\"}]}}\n{\"type\":\"agent_end\",\"messages\":[]}\n" },
	{ ADAPTER_GOOSE,
	    "{\"type\":\"message\",\"message\":{\"id\":\"a\",\"role\":\"assistant\","
	    "\"content\":[{\"type\":\"text\",\"text\":\"",
	    "\"}]}}\n{\"type\":\"complete\",\"total_tokens\":9}\n" },
	{ ADAPTER_GOOSE,
	    "{\n  \"messages\": [\n    {\"role\": \"assistant\", \"content\": "
	    "[{\"type\": \"text\", \"text\": \"",
	    "\"}]}\n  ],\n  \"metadata\": {\"status\": \"completed\"}\n}\n" },
};

START_TEST(answers_about_limits)
{
	static const char *const answers[] = { ABOUT_LIMITS, "[API Error: 401 is what it said",
		"Error: 429", "{\\\"error\\\": 429}", "litellm.RateLimitError: said" };

	for (size_t i = 0; i < sizeof(answers) / sizeof(answers[0]); i++) {
		struct buf out = BUF_INIT;
		struct heard h;

		buf_addf(&out, "%s%s%s", successes[_i].begin, answers[i], successes[_i].end);
		h = hear(successes[_i].adapter, out.data, "", 0);
		ck_assert_int_eq(h.pressure, REASON_NONE);
		ck_assert_uint_gt(h.shown.len, 0);
		expect(&h, REASON_NONE, i == 3 ? "{\"error\": 429}" : answers[i]);
		buf_free(&out);
	}
}
END_TEST

START_TEST(no_final_event)
{
	struct heard h;
	struct buf out = BUF_INIT;

	buf_addf(&out, "%s%s", successes[_i].begin, ABOUT_LIMITS);
	h = hear(successes[_i].adapter, out.data, "", 0);
	expect_error(&h, REASON_AGENT, "ended without a final event");
	buf_free(&out);
}
END_TEST

/* What is too long to be kept may have been the end. */
START_TEST(final_event_too_long)
{
	struct buf out = BUF_INIT, none = BUF_INIT;
	struct heard h;

	buf_addstr(&out, "{\"type\":\"result\",\"subtype\":\"success\",\"result\":\"");
	for (int i = 0; i < 5 * 1024 * 1024 / 8; i++)
		buf_add(&out, "12345678", 8);
	buf_addstr(&out, "\"}\n");
	h = hear_buf(ADAPTER_CLAUDE, &out, &none, 0, 65536);
	expect_error(&h, REASON_AGENT,
	    "ended without a final event that could be read: one was longer than 4 MiB");
	buf_free(&out);
}
END_TEST

START_TEST(empty_answer)
{
	struct heard h;
	struct buf out = BUF_INIT;

	buf_addf(&out, "%s \\n%s", successes[_i].begin, successes[_i].end);
	h = hear(successes[_i].adapter, out.data, "", 0);
	expect_error(&h, REASON_AGENT, "empty answer");
	buf_free(&out);
}
END_TEST

/* It has an answer and yet did not end well: its word alone is not enough. */
START_TEST(status_counts)
{
	struct heard h;
	struct buf out = BUF_INIT;

	buf_addf(&out, "%s%s%s", successes[_i].begin, ABOUT_LIMITS, successes[_i].end);
	h = hear(successes[_i].adapter, out.data, "", 3);
	ck_assert_int_eq(h.result.exit_status, 3);
	expect_error(&h, REASON_EXIT, "exit 3");
	h = hear(successes[_i].adapter, out.data, "Error: 429 Too Many Requests\n", 3);
	expect_error(&h, REASON_RATE_LIMIT, "rate-limit: exit 3");
	buf_free(&out);
}
END_TEST

START_TEST(limits_stand)
{
	static const enum reason reasons[] = { REASON_TIMEOUT, REASON_IDLE_TIMEOUT };
	struct buf out = BUF_INIT;
	struct sign seen;

	buf_addf(&out, "%s%s%s", successes[_i].begin, ABOUT_LIMITS, successes[_i].end);
	for (size_t i = 0; i < 2; i++) {
		struct reader *reader = reader_new(successes[_i].adapter);
		struct result r;

		set_end(&r, 0);
		r.status = RESULT_FAILED;
		r.reason = reasons[i];
		result_set_error(&r, "timed out after 5s");
		reader_feed(reader, false, out.data, out.len, &seen);
		reader_feed(reader, true, "429 Too Many Requests\n", 22, &seen);
		reader_finish(reader, &r);
		reader_free(reader);
		ck_assert_int_eq(r.reason, reasons[i]);
		ck_assert_str_eq(r.error, "timed out after 5s");
		ck_assert_str_eq(r.text.data, ABOUT_LIMITS);
		result_free(&r);
	}
	buf_free(&out);
}
END_TEST

/* Lines that are no events, and too long ones, change nothing. */
START_TEST(other_lines)
{
	struct buf out = BUF_INIT, none = BUF_INIT;
	struct heard h;

	buf_addstr(&out,
	    "a warning\n{not json\n[]\n{\"type\":7}\n[1,\"x\"]\nnull\n{}\n\r\n\n{\nx\n");
	buf_addstr(&out, "{\"type\":\"tool\",\"x\":\"");
	for (int i = 0; i < 5 * 1024 * 1024 / 8; i++)
		buf_add(&out, "12345678", 8);
	buf_addf(&out, "\"}\n%s%s%s", successes[_i].begin, "Yes.", successes[_i].end);
	h = hear_buf(successes[_i].adapter, &out, &none, 0, 65536);
	expect(&h, REASON_NONE, "Yes.");
	buf_free(&out);
}
END_TEST

START_TEST(unusual_strings)
{
	struct buf out = BUF_INIT, none = BUF_INIT;
	struct heard h;

	/* half a pair, a NUL, a byte that is no UTF-8, a number that no double holds */
	buf_addf(&out, "%sa\\ud83db\\u0000c\xff \\ud83d\\ude00%s", successes[_i].begin,
	    successes[_i].end);
	h = hear_buf(successes[_i].adapter, &out, &none, 0, 5);
	expect(&h, REASON_NONE,
	    "a\xef\xbf\xbd"
	    "b\xef\xbf\xbd"
	    "c\xef\xbf\xbd \xf0\x9f\x98\x80");
	buf_free(&out);
	h = hear(ADAPTER_CODEX,
	    "{\"type\":\"turn.completed\",\"at\":1795478357265123456,"
	    "\"usage\":{\"input_tokens\":12.0}}\n",
	    "", 0);
	ck_assert_int_eq(h.result.usage.input_tokens, 12);
	heard_free(&h);
}
END_TEST

/* Single clients. */

START_TEST(claude_limit_event)
{
	int64_t resets = clock_wall_ms() / 1000 + 3600;
	struct buf out = BUF_INIT;
	struct heard h;

	buf_addf(&out,
	    "{\"type\":\"rate_limit_event\",\"rate_limit_info\":{\"status\":\"%s\",\"resetsAt\":%jd}}\n",
	    _i == 0 ? "rejected" : "allowed_warning", (intmax_t)resets);
	buf_addstr(&out,
	    "{\"type\":\"result\",\"subtype\":\"success\",\"is_error\":true,"
	    "\"result\":\"You've hit your limit\"}\n");
	h = hear(ADAPTER_CLAUDE, out.data, "", 1);
	ck_assert_int_eq(h.result.resets_ms, _i == 0 ? resets * 1000 : 0);
	ck_assert_int_eq(h.pressure, _i == 0 ? REASON_QUOTA : REASON_NONE);
	expect_error(&h, REASON_QUOTA, "quota: You've hit your limit");
	buf_free(&out);
}
END_TEST

START_TEST(claude_retries)
{
	struct heard h = hear(ADAPTER_CLAUDE,
	    "{\"type\":\"system\",\"subtype\":\"api_retry\",\"attempt\":1,\"retry_delay_ms\":1500,"
	    "\"error_status\":529,\"error\":\"rate_limit\"}\n",
	    "", 0);

	ck_assert_int_eq(h.pressure, REASON_RATE_LIMIT);
	ck_assert_int_eq(h.pressure_ms, 1500);
	heard_free(&h);
	h = hear(ADAPTER_CLAUDE,
	    "{\"type\":\"system\",\"subtype\":\"api_retry\",\"error_status\":500,"
	    "\"error\":\"server_error\"}\n",
	    "", 0);
	ck_assert_int_eq(h.pressure, REASON_NONE);
	heard_free(&h);
}
END_TEST

/* What a client says of its own pauses is not believed beyond measure. */
START_TEST(pauses_without_measure)
{
	static const char *const numbers[] = { "864000000", "1e16", "1e30", "1e308" };
	static const struct {
		enum adapter adapter;
		const char *begin;
	} forms[] = {
		{ ADAPTER_CLAUDE,
		    "{\"type\":\"system\",\"subtype\":\"api_retry\",\"error_status\":429,"
		    "\"error\":\"rate_limit\",\"retry_delay_ms\":" },
		{ ADAPTER_PI,
		    "{\"type\":\"auto_retry_start\",\"errorMessage\":\"429 Too Many Requests\","
		    "\"delayMs\":" },
	};

	for (size_t i = 0; i < sizeof(forms) / sizeof(forms[0]); i++) {
		struct buf out = BUF_INIT;
		struct heard h;

		buf_addf(&out, "%s%s}\n", forms[i].begin, numbers[_i]);
		h = hear(forms[i].adapter, out.data, "", 0);
		ck_assert_int_eq(h.pressure, REASON_RATE_LIMIT);
		ck_assert_int_eq(h.pressure_ms, 10 * 60 * 1000);
		heard_free(&h);
		buf_free(&out);
	}
}
END_TEST

#define OVERLOADED \
	"{\"type\":\"result\",\"subtype\":\"success\",\"is_error\":true,\"api_error_status\":529," \
	"\"result\":\"API Error: 529 overloaded\"}\n"

/* A limit that was reached and is over has nothing to do with what fails later. */
START_TEST(claude_limit_is_over)
{
	static const char allowed[] =
	    "{\"type\":\"rate_limit_event\",\"rate_limit_info\":{\"status\":\"allowed\"}}\n";
	static const char says[] =
	    "{\"type\":\"assistant\",\"message\":{\"content\":[{\"type\":\"text\","
	    "\"text\":\"I look\"}]}}\n";
	static const char *const signs[] = { allowed, says, "" };
	int64_t resets = clock_wall_ms() / 1000 + 18000;
	struct buf out = BUF_INIT;
	struct heard h;

	buf_addf(&out,
	    "{\"type\":\"rate_limit_event\",\"rate_limit_info\":{\"status\":\"rejected\","
	    "\"resetsAt\":%jd}}\n%s" OVERLOADED,
	    (intmax_t)resets, signs[_i]);
	h = hear(ADAPTER_CLAUDE, out.data, "", 1);
	ck_assert_int_eq(h.result.resets_ms, *signs[_i] == '\0' ? resets * 1000 : 0);
	expect(&h, *signs[_i] == '\0' ? REASON_QUOTA : REASON_RATE_LIMIT, NULL);
	buf_free(&out);
}
END_TEST

START_TEST(claude_usage)
{
	struct heard h = hear(ADAPTER_CLAUDE,
	    "{\"type\":\"result\",\"subtype\":\"success\",\"is_error\":false,\"result\":\"x\","
	    "\"total_cost_usd\":0.25,\"usage\":{\"input_tokens\":10,\"output_tokens\":5,"
	    "\"cache_creation_input_tokens\":100,\"cache_read_input_tokens\":1000}}\n",
	    "", 0);

	ck_assert_int_eq(h.result.usage.input_tokens, 1110);
	ck_assert(h.result.usage.usd_known && h.result.usage.usd == 0.25);
	heard_free(&h);
	/* cursor-agent tells no usage at all */
	h = hear(ADAPTER_CLAUDE,
	    "{\"type\":\"result\",\"subtype\":\"success\",\"is_error\":false,\"duration_ms\":5,"
	    "\"result\":\"x\",\"session_id\":\"c-1\",\"request_id\":\"r\"}\n",
	    "", 0);
	ck_assert(!h.result.usage.known);
	ck_assert_str_eq(h.result.session, "c-1");
	expect(&h, REASON_NONE, "x");
}
END_TEST

/* The form of an error, but tokens were written for it: then somebody wanted this answer. */
START_TEST(qwen_quotes_an_error)
{
	static const char form[] =
	    "[{\"type\":\"result\",\"subtype\":\"success\",\"is_error\":false,"
	    "\"result\":\"[API Error: 401 no]\",\"usage\":{\"input_tokens\":%d,\"output_tokens\":%d}}]\n";
	struct buf out = BUF_INIT;
	struct heard h;

	buf_addf(&out, form, 10 * _i, 7 * _i);
	h = hear(ADAPTER_CLAUDE, out.data, "", 0);
	if (_i == 0)
		expect_error(&h, REASON_AUTH, "auth: API Error: 401 no");
	else
		expect(&h, REASON_NONE, "[API Error: 401 no]");
	buf_free(&out);
}
END_TEST

START_TEST(codex_reconnects)
{
	struct heard h = hear(ADAPTER_CODEX,
	    "{\"type\":\"error\",\"message\":\"Reconnecting... 2/5 (stream disconnected before completion: "
	    "Rate limit reached for x. Please try again in 6s.)\"}\n"
	    "{\"type\":\"error\",\"message\":\"Reconnecting... 3/5 (connection refused)\"}\n"
	    "{\"type\":\"item.completed\",\"item\":{\"type\":\"agent_message\",\"text\":\"one\"}}\n"
	    "{\"type\":\"item.completed\",\"item\":{\"type\":\"command_execution\",\"command\":\"make\"}}\n"
	    "{\"type\":\"item.completed\",\"item\":{\"type\":\"agent_message\",\"text\":\"two\"}}\n"
	    "{\"type\":\"turn.completed\"}\n",
	    "", 0);

	ck_assert_int_eq(h.pressure, REASON_RATE_LIMIT);
	ck_assert_int_eq(h.pressure_ms, 6000);
	ck_assert_str_eq(h.shown.data, "one\ntwo\n");
	ck_assert(!h.result.usage.known);
	expect(&h, REASON_NONE, "two");
}
END_TEST

START_TEST(gemini_stderr)
{
	struct heard h = hear(ADAPTER_GEMINI, "",
	    "YOLO mode is off\nAttempt 1 failed with status 429. Retrying with backoff...\n"
	    "    at run (file.js:1)\n{\n  \"session_id\": \"s-1\",\n  \"error\": {\n"
	    "    \"type\": \"Error\",\n    \"message\": \"You exceeded your current quota. "
	    "Please retry in 29.5s.\",\n    \"code\": 429\n  }\n}\nan epilogue\n",
	    173);

	ck_assert_int_eq(h.pressure, REASON_RATE_LIMIT);
	ck_assert_int_eq(h.result.retry_ms, 29500);
	ck_assert_int_eq(h.result.exit_status, 173);
	ck_assert_str_eq(h.result.session, "s-1");
	expect(&h, REASON_RATE_LIMIT, "");
	/* the status of the process alone tells it too */
	h = hear(ADAPTER_GEMINI, "", "", 145);
	expect(&h, REASON_AUTH, "");
	h = hear(ADAPTER_GEMINI, "", "", 53);
	expect_error(&h, REASON_EXIT, "exit 53");
	/* ended with 0 by a SIGTERM of somebody else */
	h = hear(ADAPTER_GEMINI, "", "", 0);
	expect_error(&h, REASON_AGENT, "ended without a final event");
}
END_TEST

START_TEST(opencode_errors)
{
	struct heard h = hear(ADAPTER_OPENCODE,
	    "{\"type\":\"error\",\"sessionID\":\"ses_1\",\"error\":{\"name\":\"APIError\",\"data\":"
	    "{\"message\":\"Slow down\",\"statusCode\":429,\"responseHeaders\":{\"Retry-After\":\"12\"}}}}\n",
	    "", 1);

	ck_assert_int_eq(h.result.retry_ms, 12000);
	expect_error(&h, REASON_RATE_LIMIT, "rate-limit: Slow down");
	h = hear(ADAPTER_OPENCODE,
	    "{\"type\":\"error\",\"error\":{\"name\":\"ProviderAuthError\",\"data\":{\"message\":\"no key\"}}}\n",
	    "", 1);
	expect_error(&h, REASON_AUTH, "auth: ProviderAuthError: no key");
	h = hear(ADAPTER_OPENCODE,
	    "{\"type\":\"text\",\"part\":{\"messageID\":\"a\",\"text\":\"I look\"}}\n"
	    "{\"type\":\"step_finish\",\"part\":{\"reason\":\"tool-calls\",\"cost\":0.5,"
	    "\"tokens\":{\"input\":1,\"output\":2,\"reasoning\":3,\"cache\":{\"read\":4,\"write\":5}}}}\n"
	    "{\"type\":\"text\",\"part\":{\"messageID\":\"b\",\"text\":\"It \"}}\n"
	    "{\"type\":\"text\",\"part\":{\"messageID\":\"b\",\"text\":\"works\"}}\n"
	    "{\"type\":\"step_finish\",\"part\":{\"reason\":\"stop\",\"cost\":0.25,"
	    "\"tokens\":{\"input\":10,\"output\":20,\"reasoning\":0,\"cache\":{\"read\":0,\"write\":0}}}}\n",
	    "", 0);
	ck_assert_int_eq(h.result.usage.input_tokens, 20);
	ck_assert_int_eq(h.result.usage.output_tokens, 25);
	ck_assert(h.result.usage.usd_known && h.result.usage.usd == 0.75);
	expect(&h, REASON_NONE, "It works");
}
END_TEST

/* How long to wait is part of one complaint, not of the next. */
START_TEST(opencode_second_error)
{
	struct heard h = hear(ADAPTER_OPENCODE,
	    "{\"type\":\"error\",\"error\":{\"name\":\"APIError\",\"data\":{\"message\":\"Slow down\","
	    "\"statusCode\":429,\"responseHeaders\":{\"retry-after\":\"3600\"}}}}\n"
	    "{\"type\":\"error\",\"error\":{\"name\":\"APIError\",\"data\":{\"message\":\"Overloaded\","
	    "\"statusCode\":529}}}\n",
	    "", 1);

	ck_assert_int_eq(h.result.retry_ms, 0);
	expect_error(&h, REASON_RATE_LIMIT, "rate-limit: Overloaded");
}
END_TEST

/* The end, too long to be kept, is seen all the same. */
START_TEST(pi_long_end)
{
	struct buf out = BUF_INIT, none = BUF_INIT;
	struct heard h;

	buf_addstr(&out,
	    "{\"type\":\"message_end\",\"message\":{\"role\":\"assistant\",\"stopReason\":\"stop\","
	    "\"content\":[{\"type\":\"text\",\"text\":\"done\"}]}}\n{\"type\":\"message_update\",");
	for (int i = 0; i < 6 * 1024 * 1024 / 8; i++)
		buf_add(&out, "12345678", 8);
	buf_addstr(&out, "\n{\"type\":\"agent_end\",\"messages\":[\"");
	for (int i = 0; i < 5 * 1024 * 1024 / 8; i++)
		buf_add(&out, "12345678", 8);
	buf_addstr(&out, "\"]}\n");
	h = hear_buf(ADAPTER_PI, &out, &none, 0, 65536);
	expect(&h, REASON_NONE, "done");
	buf_free(&out);
}
END_TEST

START_TEST(goose_errors)
{
	struct heard h = hear(ADAPTER_GOOSE,
	    "{\"type\":\"message\",\"message\":{\"id\":\"a\",\"role\":\"assistant\",\"content\":"
	    "[{\"type\":\"text\",\"text\":\"I \"}]}}\n"
	    "{\"type\":\"error\",\"error\":\"Rate limit exceeded: try again in 6s\"}\n"
	    "{\"type\":\"complete\",\"total_tokens\":9,\"input_tokens\":7,\"output_tokens\":2}\n",
	    "", 0);

	ck_assert_int_eq(h.result.retry_ms, 6000);
	ck_assert_int_eq(h.result.usage.input_tokens, 7);
	expect(&h, REASON_RATE_LIMIT, "I ");
	h = hear(ADAPTER_GOOSE,
	    "{\"type\":\"message\",\"message\":{\"id\":\"a\",\"role\":\"assistant\",\"content\":"
	    "[{\"type\":\"text\",\"text\":\"I look\"},{\"type\":\"toolRequest\",\"toolCall\":"
	    "{\"value\":{\"name\":\"shell\",\"arguments\":{\"command\":\"ls\"}}}}]}}\n"
	    "{\"type\":\"message\",\"message\":{\"role\":\"user\",\"content\":[{\"type\":\"text\",\"text\":\"no\"}]}}\n"
	    "{\"type\":\"message\",\"message\":{\"id\":\"b\",\"role\":\"assistant\",\"content\":"
	    "[{\"type\":\"text\",\"text\":\"It \"}]}}\n"
	    "{\"type\":\"message\",\"message\":{\"id\":\"b\",\"role\":\"assistant\",\"content\":"
	    "[{\"type\":\"text\",\"text\":\"works\"}]}}\n"
	    "{\"type\":\"complete\",\"total_tokens\":null}\n",
	    "", 0);
	ck_assert(!h.result.usage.known);
	expect(&h, REASON_NONE, "It works");
}
END_TEST

#define AIDER "Aider v0.86.1\nMain model: m\nGit repo: none\n\n"

START_TEST(aider_forms)
{
	struct heard h = hear(ADAPTER_TEXT,
	    AIDER "litellm.RateLimitError: RateLimitError: OpenAIException - Rate limit reached. "
		  "Please try again in 6s.\nThe API provider has rate limited you.\n"
		  "Retrying in 0.2 seconds...\n",
	    "", 0);

	ck_assert_int_eq(h.pressure, REASON_RATE_LIMIT);
	ck_assert_int_eq(h.result.retry_ms, 6000);
	expect(&h, REASON_RATE_LIMIT, NULL);
	h = hear(ADAPTER_TEXT,
	    AIDER
	    "litellm.RateLimitError: again\nThe answer.\n\nlitellm.AuthenticationError: is one\n\n"
	    "Tokens: 2.3k sent, 1.2k cache write, 120 received. Cost: $0.01 message, $0.02 session.\n",
	    "", 0);
	ck_assert_int_eq(h.result.usage.input_tokens, 2300);
	ck_assert_int_eq(h.result.usage.output_tokens, 120);
	ck_assert(h.result.usage.usd_known && h.result.usage.usd == 0.01);
	ck_assert(h.result.has_text);
	expect(&h, REASON_NONE, NULL);
	/* of others what stands there is the answer */
	h = hear(ADAPTER_TEXT, "litellm.RateLimitError: what this means\n" AIDER, "", 0);
	ck_assert(!h.result.has_text);
	expect(&h, REASON_NONE, NULL);
	h = hear(ADAPTER_TEXT, "", "Error: 401 Unauthorized: bad key\n", 1);
	ck_assert_int_eq(h.result.exit_status, 1);
	expect_error(&h, REASON_AUTH, "auth: exit 1");
}
END_TEST

/* A client that cannot begin says so in plain words, wherever. */
START_TEST(plain_words)
{
	struct heard h =
	    hear(ADAPTER_CLAUDE, "Invalid API key \xc2\xb7 Please run /login\n", "", 1);

	ck_assert_str_eq(h.result.text.data, "Invalid API key \xc2\xb7 Please run /login\n");
	expect_error(&h, REASON_AUTH, "auth: exit 1");
	h = hear(ADAPTER_CODEX, "", "error: unexpected argument '--frob' found\n", 2);
	expect_error(&h, REASON_EXIT, "exit 2");
}
END_TEST

START_TEST(activity)
{
	struct reader *reader = reader_new(ADAPTER_CLAUDE);
	struct sign seen;
	static const char line[] =
	    "{\"type\":\"assistant\",\"message\":{\"content\":[{\"type\":\"tool_use\",\"name\":\"Bash\","
	    "\"input\":{\"command\":\"make\\u001b[31m test\\nrm\"}}]}}\n";

	ck_assert_str_eq(reader_activity(reader), "");
	reader_feed(reader, false, line, strlen(line), &seen);
	ck_assert_ptr_null(strpbrk(reader_activity(reader), "\n\033"));
	ck_assert(strncmp(reader_activity(reader), "Bash: make", 10) == 0);
	reader_free(reader);
	ck_assert_ptr_null(reader_new(ADAPTER_NONE));
}
END_TEST

static void say_piece(struct reader *reader, const char *piece)
{
	struct buf line = BUF_INIT;
	struct sign seen;

	buf_addf(&line,
	    "{\"type\":\"message\",\"role\":\"assistant\",\"delta\":true,\"content\":\"%s\"}\n",
	    piece);
	reader_feed(reader, false, line.data, line.len, &seen);
	buf_free(&line);
}

START_TEST(activity_of_pieces)
{
	static const char tool[] =
	    "{\"type\":\"tool_use\",\"tool_name\":\"shell\",\"parameters\":{\"command\":\"ls\"}}\n";
	struct reader *reader = reader_new(ADAPTER_GEMINI);
	struct sign seen;

	say_piece(reader, "one\\ntw");
	ck_assert_str_eq(reader_activity(reader), "tw");
	say_piece(reader, "o");
	say_piece(reader, "\\n");
	ck_assert_str_eq(reader_activity(reader), "two");
	/* the newer of the two */
	say_piece(reader, "three");
	reader_feed(reader, false, tool, strlen(tool), &seen);
	ck_assert_str_eq(reader_activity(reader), "shell: ls");
	say_piece(reader, "four");
	ck_assert_str_eq(reader_activity(reader), "four");
	reader_free(reader);
}
END_TEST

static double seconds_of_pieces(const char *piece)
{
	struct reader *reader = reader_new(ADAPTER_GEMINI);
	clock_t begun = clock();

	for (int i = 0; i < 20000; i++)
		say_piece(reader, piece);
	begun = clock() - begun;
	reader_free(reader);
	return (double)begun / CLOCKS_PER_SEC;
}

/* With a long line behind them pieces take no longer than with a short one. */
START_TEST(pieces_of_a_long_line)
{
	double short_lines = seconds_of_pieces("x\\n");

	ck_assert_double_lt(seconds_of_pieces("xx"), 5 * short_lines + 0.2);
}
END_TEST

START_TEST(long_answer)
{
	struct buf out = BUF_INIT, none = BUF_INIT;
	struct heard h;

	buf_addstr(&out, successes[1].begin);
	for (int i = 0; i < 3 * 1024 * 1024 / 8; i++)
		buf_addstr(&out, "1234567\xc3\xa9");
	buf_addstr(&out, successes[1].end);
	h = hear_buf(ADAPTER_CODEX, &out, &none, 0, 65536);
	ck_assert_uint_le(h.result.text.len, TEXT_MAX);
	ck_assert(utf8_valid(h.result.text.data, h.result.text.len));
	ck_assert_ptr_nonnull(strstr(h.result.warning, "2 MiB"));
	expect(&h, REASON_NONE, NULL);
	buf_free(&out);
}
END_TEST

Suite *adapter_suite(void)
{
	Suite *s = suite_create("adapter");
	TCase *forms = tcase_create("forms"), *single = tcase_create("single");
	const int count = (int)(sizeof(successes) / sizeof(successes[0]));

	tcase_set_timeout(forms, 60);
	tcase_set_timeout(single, 60);
	tcase_add_test(forms, recorded_clients);
	tcase_add_loop_test(forms, answers_about_limits, 0, count);
	tcase_add_loop_test(forms, no_final_event, 0, count);
	tcase_add_test(forms, final_event_too_long);
	tcase_add_loop_test(forms, empty_answer, 0, count);
	tcase_add_loop_test(forms, status_counts, 0, count);
	tcase_add_loop_test(forms, limits_stand, 0, count);
	tcase_add_loop_test(forms, other_lines, 0, count);
	tcase_add_loop_test(forms, unusual_strings, 0, count);
	tcase_add_loop_test(single, claude_limit_event, 0, 2);
	tcase_add_test(single, claude_retries);
	tcase_add_loop_test(single, pauses_without_measure, 0, 4);
	tcase_add_loop_test(single, claude_limit_is_over, 0, 3);
	tcase_add_test(single, claude_usage);
	tcase_add_loop_test(single, qwen_quotes_an_error, 0, 2);
	tcase_add_test(single, codex_reconnects);
	tcase_add_test(single, gemini_stderr);
	tcase_add_test(single, opencode_errors);
	tcase_add_test(single, opencode_second_error);
	tcase_add_test(single, pi_long_end);
	tcase_add_test(single, goose_errors);
	tcase_add_test(single, aider_forms);
	tcase_add_test(single, plain_words);
	tcase_add_test(single, activity);
	tcase_add_test(single, activity_of_pieces);
	tcase_add_test(single, pieces_of_a_long_line);
	tcase_add_test(single, long_answer);
	suite_add_tcase(s, forms);
	suite_add_tcase(s, single);
	return s;
}
