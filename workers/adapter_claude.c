/*
 * claude (one result object, or events that end with it), qwen (the same events, or one array of them)
 * and cursor-agent (the result object).
 */
#include <string.h>

#include "shared/clock.h"
#include "shared/json.h"
#include "workers/adapter_class.h"
#include "workers/adapter_reader.h"
#include "workers/adapter_reset.h"

/* What qwen makes of a request that failed: the whole of an answer of which no token was written. */
#define API_ERROR "[API Error:"
/* The model of messages that the client itself has written. */
#define CLIENT_MODEL "<synthetic>"

static void on_system(struct reader *r, const cJSON *e)
{
	if (event_is(e, "subtype", "init"))
		reader_session(r, json_get_string(e, "session_id"));
	else if (event_is(e, "subtype", "api_retry"))
		reader_pressure(r, json_get_string(e, "error"), event_status(e, "error_status"),
		    event_ms(e, "retry_delay_ms"));
}

static void on_rate_limit(struct reader *r, const cJSON *e)
{
	const cJSON *info = json_get(e, "rate_limit_info");
	int64_t now = clock_wall_ms(), resets;

	/* "allowed" and "allowed_warning" are no limits yet, or not any more */
	if (!event_is(info, "status", "rejected")) {
		r->resets_ms = 0;
		return;
	}
	resets = adapter_reset_epoch(event_count(info, "resetsAt"), now);
	r->resets_ms = resets;
	reader_pressure(r, "usage limit reached", 0, resets > 0 ? resets - now : 0);
}

/* The status that says as much as the word which an error is called by. */
static int status_of_word(const char *word)
{
	static const struct {
		const char *word;
		int status;
	} words[] = { { "rate_limit", 429 }, { "overloaded", 529 },
		{ "authentication_failed", 401 }, { "billing_error", 402 } };

	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		if (strcmp(word, words[i].word) == 0)
			return words[i].status;
	return 0;
}

/* Whether a text is what qwen makes of a failed request, by what was used for it. */
static bool is_api_error(const char *text, const cJSON *usage)
{
	size_t len = strlen(text);

	return strncmp(text, API_ERROR, strlen(API_ERROR)) == 0 && text[len - 1] == ']' &&
	    event_count(usage, "output_tokens") == 0;
}

/* A message that the client wrote in the place of the model's: most often an error. */
static void on_client_message(struct reader *r, const cJSON *e, const char *text)
{
	const char *word = json_get_string(e, "error");
	struct trouble t = adapter_class_error(text, strlen(text), 0, 0, clock_wall_ms());

	if (word != NULL || t.reason != REASON_AGENT || strncmp(text, "API Error", 9) == 0)
		reader_complain(r, text, word != NULL ? status_of_word(word) : 0);
}

static void on_assistant(struct reader *r, const cJSON *e)
{
	const cJSON *content = event_get(e, "message", "content"), *item;
	const cJSON *usage = event_get(e, "message", "usage");
	struct buf text = BUF_INIT;

	/* what a subagent says is a matter between it and its parent */
	if (json_get_string(e, "parent_tool_use_id") != NULL)
		return;
	event_texts(&text, content);
	if (event_is(json_get(e, "message"), "model", CLIENT_MODEL))
		on_client_message(r, e, buf_str(&text));
	else
		reader_recovered(r);
	/* what is an error is told as one */
	if (!r->complaint.made && !is_api_error(buf_str(&text), usage))
		reader_say(r, buf_str(&text));
	buf_free(&text);
	for (item = cJSON_IsArray(content) ? content->child : NULL; item != NULL; item = item->next)
		if (event_is(item, "type", "tool_use"))
			reader_does(r, json_get_string(item, "name"), json_get(item, "input"));
}

/*
 * All input counts, cached or not. Here "input_tokens" are those that are not; elsewhere all of them,
 * and a sum shows it.
 */
static void add_usage(struct reader *r, const cJSON *e)
{
	const cJSON *usage = json_get(e, "usage");
	double input = event_count(usage, "input_tokens");
	double output = event_count(usage, "output_tokens");

	if (usage == NULL || !cJSON_IsObject(usage))
		return;
	if (event_count(usage, "total_tokens") != input + output)
		input += event_count(usage, "cache_creation_input_tokens") +
		    event_count(usage, "cache_read_input_tokens");
	reader_usage(r, input, output, json_get_number(e, "total_cost_usd", -1));
}

/* What a failed result says, in the one of many places where it says it. */
static void complain_of_result(struct reader *r, const cJSON *e, const char *text)
{
	const cJSON *errors = json_get(e, "errors"), *error = json_get(e, "error"), *item;
	int status = event_status(e, "api_error_status");
	struct buf words = BUF_INIT;

	if (text != NULL)
		buf_addstr(&words, text);
	else if (error != NULL && cJSON_IsString(error))
		buf_addstr(&words, error->valuestring);
	else if (error != NULL && json_get_string(error, "message") != NULL)
		buf_addstr(&words, json_get_string(error, "message"));
	item = words.len == 0 && errors != NULL && cJSON_IsArray(errors) ? errors->child : NULL;
	for (; item != NULL; item = item->next)
		if (cJSON_IsString(item))
			buf_addf(&words, "%s%s", words.len > 0 ? "; " : "", item->valuestring);
	if (words.len == 0 && !event_is(e, "subtype", "success") &&
	    json_get_string(e, "subtype") != NULL)
		buf_addstr(&words, json_get_string(e, "subtype"));
	reader_complain(r, buf_str(&words), status);
	buf_free(&words);
}

static void on_result(struct reader *r, const cJSON *e)
{
	const char *text = json_get_string(e, "result");

	reader_session(r, json_get_string(e, "session_id"));
	add_usage(r, e);
	r->ended = true;
	if (text != NULL && *text == '\0')
		text = NULL;
	if (!event_is(e, "subtype", "success") || event_true(e, "is_error") ||
	    (text != NULL && is_api_error(text, json_get(e, "usage")))) {
		complain_of_result(r, e, text);
		return;
	}
	reader_answer(r, text);
	/* with the result alone nothing has been said before */
	if (r->activity.len == 0)
		reader_say(r, text);
}

static void on_event(struct reader *r, const cJSON *e)
{
	if (event_is(e, "type", "assistant"))
		on_assistant(r, e);
	else if (event_is(e, "type", "result"))
		on_result(r, e);
	else if (event_is(e, "type", "system"))
		on_system(r, e);
	else if (event_is(e, "type", "rate_limit_event"))
		on_rate_limit(r, e);
}

const struct dialect adapter_claude = { .event = on_event };
