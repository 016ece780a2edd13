/* opencode run --format json: steps with their parts. */
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "shared/json.h"
#include "workers/adapter_reader.h"

/* Pieces of one message are one text; the last message is the answer. */
static void on_text(struct reader *r, const cJSON *part)
{
	const char *text = json_get_string(part, "text");
	const char *id = json_get_string(part, "messageID");

	if (text == NULL)
		return;
	if (id != NULL && strcmp(id, buf_str(&r->part)) != 0) {
		reader_answer(r, "");
		buf_reset(&r->part);
		buf_addstr(&r->part, id);
	}
	reader_add_answer(r, text, strlen(text));
	reader_say(r, text);
}

/* All input counts, cached or not. */
static void on_step_finish(struct reader *r, const cJSON *part)
{
	const cJSON *tokens = json_get(part, "tokens");
	const cJSON *cache = event_get(part, "tokens", "cache");
	double usd = event_count(part, "cost");

	/* nothing is what it says of a model whose price it does not know */
	if (tokens != NULL && cJSON_IsObject(tokens))
		reader_usage(r,
		    event_count(tokens, "input") + event_count(cache, "read") +
			event_count(cache, "write"),
		    event_count(tokens, "output") + event_count(tokens, "reasoning"),
		    usd > 0 ? usd : -1);
	/* after tools have been used there is one more step */
	if (event_is(part, "reason", "tool-calls"))
		return;
	r->ended = true;
	reader_recovered(r);
	if (event_is(part, "reason", "error"))
		reader_complain(r, NULL, 0);
}

static int64_t read_header(const cJSON *headers, const char *name, double ms)
{
	const cJSON *item;
	double value;

	for (item = headers->child; item != NULL; item = item->next)
		if (item->string != NULL && strcasecmp(item->string, name) == 0 &&
		    cJSON_IsString(item)) {
			value = strtod(item->valuestring, NULL) * ms;
			/* a day: nobody waits longer, and no number overflows */
			return value > 0 && value < 864e5 ? (int64_t)value : 0;
		}
	return 0;
}

static void on_error(struct reader *r, const cJSON *error)
{
	const cJSON *data = json_get(error, "data");
	const cJSON *headers = event_get(error, "data", "responseHeaders");
	const char *message = data != NULL ? json_get_string(data, "message") : NULL;
	const char *name = json_get_string(error, "name");
	struct buf text = BUF_INIT;

	if (message == NULL)
		message = json_get_string(error, "message");
	/* the name tells what the words may not: ProviderAuthError, ContextOverflowError */
	if (name != NULL && strcmp(name, "APIError") != 0 && strcmp(name, "UnknownError") != 0)
		buf_addf(&text, "%s%s", name, message != NULL ? ": " : "");
	buf_addstr(&text, message != NULL ? message : "");
	reader_complain(r, buf_str(&text),
	    name != NULL && strcmp(name, "ProviderAuthError") == 0 ?
		401 :
		event_status(data, "statusCode"));
	if (headers != NULL && cJSON_IsObject(headers)) {
		int64_t ms = read_header(headers, "retry-after-ms", 1);

		r->complaint.retry_ms = ms > 0 ? ms : read_header(headers, "retry-after", 1000);
	}
	buf_free(&text);
}

static void on_event(struct reader *r, const cJSON *e)
{
	const cJSON *part = json_get(e, "part"), *error = json_get(e, "error");

	reader_session(r, json_get_string(e, "sessionID"));
	if (event_is(e, "type", "error") && error != NULL && cJSON_IsObject(error))
		on_error(r, error);
	if (part == NULL || !cJSON_IsObject(part))
		return;
	if (event_is(e, "type", "text"))
		on_text(r, part);
	else if (event_is(e, "type", "step_finish"))
		on_step_finish(r, part);
	else if (event_is(e, "type", "tool_use"))
		reader_does(r, json_get_string(part, "tool"), event_get(part, "state", "input"));
}

const struct dialect adapter_opencode = { .event = on_event };
