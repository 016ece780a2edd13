#include "workers/adapter_class.h"

#include <ctype.h>
#include <string.h>
#include <strings.h>

#include "shared/buf.h"
#include "shared/json.h"
#include "shared/text.h"
#include "workers/adapter_reset.h"
#include "workers/diagnosis.h"
#include "workers/signature.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
/* A service that asks for a longer pause does not limit a rate. */
#define RATE_PAUSE_MAX_MS (10 * 60 * INT64_C(1000))
/* Characters of an error that are shown. */
#define WORDS_MAX 400
/* A message can be JSON in a string in JSON; services do not go deeper. */
#define NESTED_MAX 4

static bool says_any(const char *text, size_t len, const char *const *words, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (signature_find(text, len, words[i]) != NULL)
			return true;
	return false;
}

static bool is_about_context(const char *text, size_t len)
{
	static const char *const words[] = { "context length", "context_length_exceeded",
		"context window", "context limit", "maximum context", "prompt is too long",
		"prompt too long", "input is too long", "input too long", "ran out of room",
		"ContextOverflow", "ContextOverflowError", "ContextWindowExceededError",
		"exceeds the maximum number of tokens", "exceed_context_size_error",
		"model_context_window_exceeded", "request_too_large", "reduce the length of" };

	return says_any(text, len, words, COUNT(words));
}

/* What is used up, and not only used too fast. */
static bool is_used_up(const char *text, size_t len)
{
	static const char *const words[] = { "insufficient_quota", "per day", "PerDay", "daily",
		"usage limit", "credit", "credits", "billing_hard_limit_reached" };

	return says_any(text, len, words, COUNT(words));
}

/* The status of HTTP that an error begins with: "429 Too Many Requests", "API Error: 401 …". */
static int leading_status(const char *text, size_t len)
{
	static const char *const openings[] = { "[", "API Error:", "API Error", "Error:", "HTTP",
		"(", " " };
	const char *end = text + len;
	bool skipped = true;

	while (skipped) {
		skipped = false;
		for (size_t i = 0; i < COUNT(openings) && !skipped; i++) {
			size_t n = strlen(openings[i]);

			if ((size_t)(end - text) < n || strncasecmp(text, openings[i], n) != 0)
				continue;
			text += n;
			skipped = true;
		}
	}
	if (end - text < 3 || text[0] < '4' || text[0] > '5' || !isdigit((unsigned char)text[1]) ||
	    !isdigit((unsigned char)text[2]))
		return 0;
	if (end - text > 3 && strchr(" :,.;)]{\n", text[3]) == NULL)
		return 0;
	return (text[0] - '0') * 100 + (text[1] - '0') * 10 + (text[2] - '0');
}

static enum reason reason_of_class(enum failure_class class)
{
	switch (class) {
	case CLASS_QUOTA:
		return REASON_QUOTA;
	case CLASS_RATE_LIMIT:
		return REASON_RATE_LIMIT;
	case CLASS_AUTH:
		return REASON_AUTH;
	default:
		return REASON_AGENT;
	}
}

static enum reason reason_of_status(int status)
{
	switch (status) {
	case 401:
	case 403:
		return REASON_AUTH;
	case 402:
		return REASON_QUOTA;
	case 413:
		return REASON_CONTEXT;
	case 429:
	case 503:
	case 529:
		return REASON_RATE_LIMIT;
	default:
		return REASON_AGENT;
	}
}

static enum reason reason_of_error(const char *text, size_t len, int status)
{
	enum reason said = reason_of_class(diagnosis_of_service(text, len));

	/* "temporarily limiting requests (not your usage limit)" */
	if (said == REASON_QUOTA && signature_find(text, len, "not your usage limit") != NULL)
		return REASON_RATE_LIMIT;
	if (said == REASON_QUOTA)
		return said;
	if (reason_of_status(status) == REASON_RATE_LIMIT)
		return REASON_RATE_LIMIT;
	if (is_about_context(text, len))
		return REASON_CONTEXT;
	if (reason_of_status(status) != REASON_AGENT)
		return said == REASON_RATE_LIMIT ? said : reason_of_status(status);
	return said;
}

/* Words about load alone: some clients say them of any failure of their service. */
static bool is_unsure(const struct trouble *t, const char *text, size_t len, int status)
{
	static const char *const load[] = { "high demand", "overloaded" };
	static const char *const limits[] = { "429", "503", "529", "rate limit" };

	return t->reason == REASON_RATE_LIMIT && t->retry_ms == 0 &&
	    reason_of_status(status) != REASON_RATE_LIMIT &&
	    says_any(text, len, load, COUNT(load)) && !says_any(text, len, limits, COUNT(limits));
}

/* Adds the times that the text tells. */
static void add_times(struct trouble *t, const char *text, size_t len, int64_t retry_ms,
    int64_t now_ms)
{
	if (t->reason == REASON_RATE_LIMIT || t->reason == REASON_QUOTA)
		t->retry_ms = retry_ms > 0 ? retry_ms : diagnosis_hint_ms(text, len);
	if (t->reason != REASON_QUOTA)
		return;
	/* Of some services a quota of a minute is the rate, and they say so by a short pause. */
	if (t->retry_ms > 0 && t->retry_ms <= RATE_PAUSE_MAX_MS && !is_used_up(text, len)) {
		t->reason = REASON_RATE_LIMIT;
		return;
	}
	t->resets_ms = adapter_reset_ms(text, len, now_ms);
	if (t->resets_ms == 0 && t->retry_ms > 0)
		t->resets_ms = now_ms + t->retry_ms;
	t->retry_ms = 0;
}

struct trouble adapter_class_error(const char *text, size_t len, int status, int64_t retry_ms,
    int64_t now_ms)
{
	struct trouble t = { .reason = REASON_AGENT };

	if (status == 0)
		status = leading_status(text, len);
	t.reason = reason_of_error(text, len, status);
	add_times(&t, text, len, retry_ms, now_ms);
	t.unsure = is_unsure(&t, text, len, status);
	return t;
}

struct trouble adapter_class_tail(const char *text, size_t len, int64_t now_ms)
{
	struct symptoms s = { .reason = "exit", .exit_status = 1, .err = text, .err_len = len };
	struct trouble t = { .reason = REASON_AGENT };
	struct diagnosis d;

	diagnosis_make(&s, &d);
	t.reason = reason_of_class(d.class);
	if (d.class == CLASS_NONE && is_about_context(d.telling.data, d.telling.len))
		t.reason = REASON_CONTEXT;
	diagnosis_free(&d);
	add_times(&t, text, len, 0, now_ms);
	t.unsure = is_unsure(&t, text, len, 0);
	return t;
}

/* The message in what a service answers with an error: {"error": {"message": …}} in some form. */
static const char *find_message(const cJSON *value, unsigned depth)
{
	const cJSON *error;
	const char *text;

	if (cJSON_IsArray(value))
		value = value->child;
	if (value == NULL || !cJSON_IsObject(value) || depth > NESTED_MAX)
		return NULL;
	error = json_get(value, "error");
	if (error != NULL && cJSON_IsString(error))
		return error->valuestring;
	text = error != NULL ? find_message(error, depth + 1) : NULL;
	if (text == NULL)
		text = json_get_string(value, "message");
	return text != NULL ? text : json_get_string(value, "detail");
}

/* Replaces the text by the message of the JSON in it, and keeps what stands before it. */
static bool unwrap(struct buf *text)
{
	const char *open = memchr(buf_str(text), '{', text->len), *close, *message;
	struct buf plain = BUF_INIT;
	struct json_error error;
	cJSON *value;

	close = open != NULL ? memrchr(open, '}', text->len - (size_t)(open - text->data)) : NULL;
	if (close == NULL)
		return false;
	value = json_parse(open, (size_t)(close - open) + 1, &error);
	message = find_message(value, 0);
	if (message != NULL) {
		const char *before = open;

		while (before > text->data && strchr(" [\n\t", before[-1]) != NULL)
			before--;
		buf_add(&plain, text->data, (size_t)(before - text->data));
		if (plain.len > 0)
			buf_addstr(&plain, plain.data[plain.len - 1] == ':' ? " " : ": ");
		buf_addstr(&plain, message);
		buf_free(text);
		*text = plain;
	}
	cJSON_Delete(value);
	return message != NULL;
}

void adapter_class_words(struct buf *out, const char *text, size_t len)
{
	struct buf plain = BUF_INIT;
	const char *close;

	buf_add(&plain, text, len);
	for (unsigned i = 0; i < NESTED_MAX && unwrap(&plain); i++)
		;
	/* some clients put what they could not do in brackets */
	if (plain.len > 0 && strncmp(plain.data, "[API Error", strlen("[API Error")) == 0) {
		buf_consume(&plain, 1);
		close = memrchr(plain.data, ']', plain.len);
		plain.len = close != NULL ? (size_t)(close - plain.data) : plain.len;
	}
	text_summary(out, buf_str(&plain), plain.len, WORDS_MAX);
	buf_free(&plain);
}
