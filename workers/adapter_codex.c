/* codex exec --json: threads, turns, items. */
#include <string.h>

#include "shared/json.h"
#include "workers/adapter_reader.h"

/* "Reconnecting... 2/5 (why)": it tries again by itself. */
#define AGAIN "Reconnecting..."

static void on_item(struct reader *r, const cJSON *item, bool completed)
{
	const cJSON *changes;
	const char *text;

	if (item == NULL || !cJSON_IsObject(item))
		return;
	text = json_get_string(item, "text");
	changes = json_get(item, "changes");
	if (event_is(item, "type", "agent_message") && completed) {
		reader_answer(r, text);
		reader_say(r, text);
	} else if (event_is(item, "type", "command_execution")) {
		reader_does(r, "run", json_get(item, "command"));
	} else if (event_is(item, "type", "file_change")) {
		reader_does(r, "edit",
		    changes != NULL && cJSON_IsArray(changes) ? changes->child : NULL);
	} else if (event_is(item, "type", "mcp_tool_call")) {
		reader_does(r, json_get_string(item, "tool"), json_get(item, "arguments"));
	} else if (event_is(item, "type", "web_search")) {
		reader_does(r, "search", json_get(item, "query"));
	}
	/* an item of type "error" is a warning: turns with one can succeed */
}

static void on_error(struct reader *r, const char *message)
{
	if (message != NULL && strncmp(message, AGAIN, strlen(AGAIN)) == 0)
		reader_pressure(r, message, 0, 0);
	else
		reader_complain(r, message, 0);
}

/* The count of input is that of all of it, what was cached included. */
static void on_completed(struct reader *r, const cJSON *e)
{
	const cJSON *usage = json_get(e, "usage");

	r->ended = true;
	reader_recovered(r);
	if (usage != NULL && cJSON_IsObject(usage))
		reader_usage(r, event_count(usage, "input_tokens"),
		    event_count(usage, "output_tokens"), -1);
}

static void on_event(struct reader *r, const cJSON *e)
{
	const cJSON *message;

	if (event_is(e, "type", "thread.started")) {
		reader_session(r, json_get_string(e, "thread_id"));
	} else if (event_is(e, "type", "item.started") || event_is(e, "type", "item.completed")) {
		on_item(r, json_get(e, "item"), event_is(e, "type", "item.completed"));
	} else if (event_is(e, "type", "turn.completed")) {
		on_completed(r, e);
	} else if (event_is(e, "type", "turn.failed")) {
		message = event_get(e, "error", "message");
		r->ended = true;
		reader_complain(r, cJSON_GetStringValue(message), 0);
	} else if (event_is(e, "type", "error")) {
		on_error(r, json_get_string(e, "message"));
	}
}

const struct dialect adapter_codex = { .event = on_event };
