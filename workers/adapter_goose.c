/* goose run: with "json" one object with all messages, with "stream-json" pieces of them. */
#include <string.h>

#include "shared/json.h"
#include "workers/adapter_reader.h"

/* Uses of tools stand in the content of messages; what comes after them is another message. */
static void see_tools(struct reader *r, const cJSON *content)
{
	const cJSON *item;

	for (item = content != NULL && cJSON_IsArray(content) ? content->child : NULL; item != NULL;
	     item = item->next) {
		const cJSON *call = json_get(item, "toolCall");
		const cJSON *value = call != NULL ? json_get(call, "value") : NULL;

		if (!event_is(item, "type", "toolRequest"))
			continue;
		r->aside = true;
		if (value != NULL)
			reader_does(r, json_get_string(value, "name"),
			    json_get(value, "arguments"));
	}
}

static void on_message(struct reader *r, const cJSON *message)
{
	const char *id = message != NULL ? json_get_string(message, "id") : NULL;
	struct buf text = BUF_INIT;

	if (!event_is(message, "role", "assistant"))
		return;
	event_texts(&text, json_get(message, "content"));
	/* pieces of one message have one id, or none */
	if (text.len > 0 && (r->aside || (id != NULL && strcmp(id, buf_str(&r->part)) != 0)))
		reader_answer(r, "");
	if (text.len > 0) {
		r->aside = false;
		buf_reset(&r->part);
		buf_addstr(&r->part, id != NULL ? id : "");
		reader_add_answer(r, text.data, text.len);
		reader_say_piece(r, text.data);
	}
	see_tools(r, json_get(message, "content"));
	buf_free(&text);
}

static void add_usage(struct reader *r, const cJSON *counts)
{
	if (counts == NULL || json_get(counts, "input_tokens") == NULL ||
	    cJSON_IsNull(json_get(counts, "input_tokens")))
		return;
	reader_usage(r, event_count(counts, "input_tokens"), event_count(counts, "output_tokens"),
	    -1);
}

static void on_object(struct reader *r, const cJSON *e)
{
	const cJSON *messages = json_get(e, "messages"), *metadata = json_get(e, "metadata");
	const cJSON *message, *error = json_get(e, "error");
	const char *status = metadata != NULL ? json_get_string(metadata, "status") : NULL;

	for (message = messages != NULL && cJSON_IsArray(messages) ? messages->child : NULL;
	     message != NULL; message = message->next)
		on_message(r, message);
	add_usage(r, metadata);
	if (metadata != NULL)
		r->ended = true;
	if (error == NULL && metadata != NULL)
		error = json_get(metadata, "error");
	if (error != NULL && !cJSON_IsNull(error))
		reader_complain(r,
		    cJSON_IsString(error) ? error->valuestring : json_get_string(error, "message"),
		    0);
	else if (status != NULL && strcmp(status, "completed") != 0)
		reader_complain(r, status, 0);
}

static void on_event(struct reader *r, const cJSON *e)
{
	if (json_get(e, "messages") != NULL) {
		on_object(r, e);
	} else if (event_is(e, "type", "message")) {
		on_message(r, json_get(e, "message"));
	} else if (event_is(e, "type", "error")) {
		/* its end comes after errors too */
		reader_complain(r, json_get_string(e, "error"), 0);
	} else if (event_is(e, "type", "complete")) {
		r->ended = true;
		add_usage(r, e);
	}
}

const struct dialect adapter_goose = { .event = on_event };
