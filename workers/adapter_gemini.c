/*
 * gemini: with "json" one object at the end, or on standard error one with the error, among warnings and
 * stack traces; with "stream-json" events.
 */
#include <stdlib.h>
#include <string.h>

#include "shared/json.h"
#include "workers/adapter_reader.h"

/* Its exit status for a failure of the service is the status of HTTP in one byte. */
#define STATUS_BYTES 256
#define EXIT_AUTH 41

static void complain(struct reader *r, const cJSON *error)
{
	int status = event_status(error, "code");

	if (error != NULL && cJSON_IsString(error))
		reader_complain(r, error->valuestring, 0);
	else if (error != NULL && cJSON_IsObject(error))
		reader_complain(r, json_get_string(error, "message"),
		    status != 0 ? status : event_status(error, "status"));
}

/* {"models": {"M": {"tokens": {"input", "prompt", "candidates", "thoughts", "cached", "total"}}}} */
static void add_models(struct reader *r, const cJSON *models)
{
	const cJSON *model;

	for (model = models->child; model != NULL; model = model->next) {
		const cJSON *tokens = json_get(model, "tokens");
		double input = event_count(tokens, "prompt");

		if (tokens == NULL || !cJSON_IsObject(tokens))
			continue;
		/* "input" is the prompt without what was cached */
		if (input <= 0)
			input = event_count(tokens, "input");
		reader_usage(r, input,
		    event_count(tokens, "candidates") + event_count(tokens, "thoughts"), -1);
	}
}

static void add_stats(struct reader *r, const cJSON *stats)
{
	const cJSON *models;

	if (stats == NULL || !cJSON_IsObject(stats))
		return;
	models = json_get(stats, "models");
	if (json_get(stats, "input_tokens") != NULL)
		reader_usage(r, event_count(stats, "input_tokens"),
		    event_count(stats, "output_tokens"), -1);
	else if (models != NULL && cJSON_IsObject(models))
		add_models(r, models);
}

static void on_message(struct reader *r, const cJSON *e)
{
	const char *text = json_get_string(e, "content");

	if (text == NULL || !event_is(e, "role", "assistant"))
		return;
	/* what it says after its tools have been used is a message of its own */
	if (r->aside)
		reader_answer(r, "");
	r->aside = false;
	reader_add_answer(r, text, strlen(text));
	reader_say_piece(r, text);
}

static void on_result(struct reader *r, const cJSON *e)
{
	r->ended = true;
	add_stats(r, json_get(e, "stats"));
	if (!event_is(e, "status", "success")) {
		complain(r, json_get(e, "error"));
		if (!r->complaint.made)
			reader_complain(r, NULL, 0);
	} else {
		reader_recovered(r);
	}
}

static void on_object(struct reader *r, const cJSON *e)
{
	const char *response = json_get_string(e, "response");
	const cJSON *error = json_get(e, "error");

	reader_session(r, json_get_string(e, "session_id"));
	add_stats(r, json_get(e, "stats"));
	if (error != NULL && !cJSON_IsNull(error)) {
		r->ended = true;
		complain(r, error);
	} else if (response != NULL) {
		r->ended = true;
		reader_recovered(r);
		reader_answer(r, response);
		reader_say(r, response);
	}
}

static void on_event(struct reader *r, const cJSON *e)
{
	if (json_get_string(e, "type") == NULL) {
		on_object(r, e);
	} else if (event_is(e, "type", "init")) {
		reader_session(r, json_get_string(e, "session_id"));
	} else if (event_is(e, "type", "message")) {
		on_message(r, e);
	} else if (event_is(e, "type", "tool_use")) {
		r->aside = true;
		reader_does(r, json_get_string(e, "tool_name"), json_get(e, "parameters"));
	} else if (event_is(e, "type", "error")) {
		/* its severity can be that of a warning: the result decides */
		if (!event_is(e, "severity", "warning"))
			reader_complain(r, json_get_string(e, "message"), 0);
	} else if (event_is(e, "type", "result")) {
		on_result(r, e);
	}
}

static void on_err_event(struct reader *r, const cJSON *e)
{
	const cJSON *error = json_get(e, "error");

	if (json_get_string(e, "type") != NULL || error == NULL)
		return;
	reader_session(r, json_get_string(e, "session_id"));
	complain(r, error);
}

/* "Attempt 1 failed with status 429. Retrying with backoff..." */
static void on_err_line(struct reader *r, const char *line, size_t len)
{
	static const char attempt[] = "Attempt ";
	struct buf text = BUF_INIT;

	if (len < strlen(attempt) || strncmp(line, attempt, strlen(attempt)) != 0)
		return;
	buf_add(&text, line, len);
	if (strstr(text.data, " failed") != NULL)
		reader_pressure(r, text.data, 0, 0);
	buf_free(&text);
}

static void on_end(struct reader *r, int exit_status)
{
	static const int statuses[] = { 400, 401, 403, 429, 500, 503 };
	int status = exit_status == EXIT_AUTH ? 401 : 0;
	struct buf words = BUF_INIT;

	for (size_t i = 0; i < sizeof(statuses) / sizeof(statuses[0]); i++)
		if (exit_status == statuses[i] % STATUS_BYTES)
			status = statuses[i];
	if (status == 0)
		return;
	if (!r->complaint.made) {
		buf_addf(&words, "status %d of the service (exit %d)", status, exit_status);
		reader_complain(r, words.data, status);
		buf_free(&words);
	} else if (r->complaint.status == 0) {
		r->complaint.status = status;
	}
}

const struct dialect adapter_gemini = {
	.event = on_event,
	.err_event = on_err_event,
	.err_line = on_err_line,
	.end = on_end,
};
