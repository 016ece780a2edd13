/*
 * pi --mode json. Each piece of a message comes with the whole of what there is of it, so that the
 * stream of a long answer is hundreds of times as long; these lines are passed over.
 */
#include <string.h>

#include "shared/json.h"
#include "workers/adapter_reader.h"

static const char *const updates[] = { "{\"type\":\"message_update\"",
	"{\"type\":\"message_start\"", "{\"type\":\"tool_execution_update\"",
	"{\"type\":\"turn_end\"", NULL };

static void add_usage(struct reader *r, const cJSON *message)
{
	const cJSON *usage = json_get(message, "usage");
	double usd = event_count(event_get(message, "usage", "cost"), "total");

	/* nothing is what it says of a model whose price it does not know */
	if (usage != NULL && cJSON_IsObject(usage))
		reader_usage(r,
		    event_count(usage, "input") + event_count(usage, "cacheRead") +
			event_count(usage, "cacheWrite"),
		    event_count(usage, "output"), usd > 0 ? usd : -1);
}

/* A session is not stored before the model has said something; it could not be gone on with. */
static void keep_session(struct reader *r)
{
	if (r->part.len > 0)
		reader_session(r, buf_str(&r->part));
	buf_reset(&r->part);
}

static void on_message(struct reader *r, const cJSON *message)
{
	struct buf text = BUF_INIT;

	if (!event_is(message, "role", "assistant"))
		return;
	keep_session(r);
	add_usage(r, message);
	event_texts(&text, json_get(message, "content"));
	if (event_is(message, "stopReason", "error") ||
	    event_is(message, "stopReason", "aborted")) {
		const char *error = json_get_string(message, "errorMessage");

		reader_complain(r,
		    error != NULL				   ? error :
			event_is(message, "stopReason", "aborted") ? "it was aborted" :
								     NULL,
		    0);
	} else {
		reader_recovered(r);
	}
	/* one that only uses tools says nothing */
	if (text.len > 0) {
		reader_answer(r, text.data);
		reader_say(r, text.data);
	}
	buf_free(&text);
}

static void on_retry_end(struct reader *r, const cJSON *e)
{
	if (event_true(e, "success"))
		reader_recovered(r);
	else
		reader_complain(r, json_get_string(e, "finalError"), 0);
}

static void on_session(struct reader *r, const char *id)
{
	buf_reset(&r->part);
	buf_addstr(&r->part, id != NULL ? id : "");
}

static void on_event(struct reader *r, const cJSON *e)
{
	const cJSON *message = json_get(e, "message");

	if (event_is(e, "type", "session"))
		on_session(r, json_get_string(e, "id"));
	else if (event_is(e, "type", "message_end") && message != NULL)
		on_message(r, message);
	else if (event_is(e, "type", "tool_execution_start"))
		reader_does(r, json_get_string(e, "toolName"), json_get(e, "args"));
	else if (event_is(e, "type", "auto_retry_start"))
		reader_pressure(r, json_get_string(e, "errorMessage"), 0, event_ms(e, "delayMs"));
	else if (event_is(e, "type", "auto_retry_end"))
		on_retry_end(r, e);
	/* each try has its own end; what counts is that of the last message */
	if (event_is(e, "type", "agent_end"))
		r->ended = true;
	else if (event_is(e, "type", "agent_start"))
		r->ended = false;
}

/* The end repeats all messages; that it came is enough. */
static void on_cut(struct reader *r, const char *head, size_t len)
{
	static const char end[] = "{\"type\":\"agent_end\"";

	if (len >= strlen(end) && memcmp(head, end, strlen(end)) == 0)
		r->ended = true;
}

const struct dialect adapter_pi = { .event = on_event, .cut = on_cut, .skip = updates };
