#include "workers/relay.h"

#include "shared/message.h"

/* The least time between two signs of the same pressure: clients try again many times a second. */
#define PRESSURE_EVERY_MS 300

void relay_begin(struct relay *g, const struct job *job)
{
	*g = (struct relay){ 0 };
	if (job->kind == JOB_AGENT)
		g->reader = reader_new(job->adapter);
	if (g->reader != NULL && job->live)
		g->shows = reader_show(g->reader, &g->shown);
}

static void pass_on_shown(struct relay *g, struct buf *messages)
{
	size_t at = 0;

	while (at < g->shown.len) {
		size_t len = g->shown.len - at;

		if (len > MESSAGE_OUTPUT_MAX)
			len = MESSAGE_OUTPUT_MAX;
		message_encode_output(messages, false, g->shown.data + at, len);
		at += len;
	}
	/* a long text need not be kept room for */
	if (g->shown.cap > MESSAGE_OUTPUT_MAX)
		buf_free(&g->shown);
	else
		buf_reset(&g->shown);
}

static void pass_on_pressure(struct relay *g, const struct sign *seen, int64_t now,
    struct buf *messages)
{
	if (seen->reason == REASON_NONE ||
	    (seen->reason == g->pressed && now - g->pressed_at < PRESSURE_EVERY_MS))
		return;
	message_encode_pressure(messages, seen->reason, seen->retry_ms);
	g->pressed = seen->reason;
	g->pressed_at = now;
}

void relay_hear(struct relay *g, bool is_err, const char *data, size_t len, int64_t now,
    struct buf *messages)
{
	struct sign seen;

	if (g->reader == NULL)
		return;
	reader_feed(g->reader, is_err, data, len, &seen);
	pass_on_pressure(g, &seen, now, messages);
	pass_on_shown(g, messages);
}

const char *relay_activity(struct relay *g)
{
	return g->reader != NULL ? reader_activity(g->reader) : "";
}

void relay_finish(struct relay *g, struct result *r, struct buf *messages)
{
	if (g->reader == NULL)
		return;
	reader_finish(g->reader, r);
	pass_on_shown(g, messages);
	buf_free(&g->shown);
	reader_free(g->reader);
	g->reader = NULL;
}
