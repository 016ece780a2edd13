#include "workers/adapter.h"

#include <stdlib.h>
#include <string.h>

#include "shared/clock.h"
#include "shared/xalloc.h"
#include "workers/adapter_class.h"
#include "workers/adapter_reader.h"

/* Bytes of a line or document; a final event holds the whole answer, escaped. */
#define OUT_LINE_MAX ((size_t)4 * 1024 * 1024)
#define ERR_LINE_MAX ((size_t)256 * 1024)

static const struct dialect *const dialects[ADAPTER_COUNT] = {
	[ADAPTER_CLAUDE] = &adapter_claude,
	[ADAPTER_CODEX] = &adapter_codex,
	[ADAPTER_GEMINI] = &adapter_gemini,
	[ADAPTER_OPENCODE] = &adapter_opencode,
	[ADAPTER_PI] = &adapter_pi,
	[ADAPTER_GOOSE] = &adapter_goose,
	[ADAPTER_TEXT] = &adapter_text,
};

struct reader *reader_new(enum adapter adapter)
{
	struct reader *r;

	if (dialects[adapter] == NULL)
		return NULL;
	r = xcalloc(1, sizeof(*r));
	r->dialect = dialects[adapter];
	r->out.max = OUT_LINE_MAX;
	r->err.max = ERR_LINE_MAX;
	return r;
}

void reader_free(struct reader *r)
{
	if (r == NULL)
		return;
	buf_free(&r->out.text);
	buf_free(&r->err.text);
	buf_free(&r->err_tail);
	buf_free(&r->plain);
	buf_free(&r->activity);
	buf_free(&r->answer);
	buf_free(&r->session);
	buf_free(&r->complaint.text);
	buf_free(&r->part);
	free(r);
}

bool reader_show(struct reader *r, struct buf *shown)
{
	if (r->dialect->plain)
		return false;
	r->shown = shown;
	return true;
}

static struct listener out_listener(const struct dialect *d)
{
	return (struct listener){ d->event, d->line, d->cut, d->skip };
}

static struct listener err_listener(const struct dialect *d)
{
	return (struct listener){ d->err_event, d->err_line, NULL, NULL };
}

void reader_feed(struct reader *r, bool is_err, const char *data, size_t len, struct sign *seen)
{
	struct listener l = is_err ? err_listener(r->dialect) : out_listener(r->dialect);

	*seen = (struct sign){ REASON_NONE, 0 };
	r->seen = seen;
	if (is_err)
		reader_keep_tail(&r->err_tail, data, len);
	if (!is_err || l.event != NULL || l.line != NULL)
		split_feed(r, &l, is_err ? &r->err : &r->out, data, len);
	r->seen = NULL;
}

static bool is_blank(const struct buf *text)
{
	for (size_t i = 0; i < text->len; i++)
		if (strchr(" \t\r\n", text->data[i]) == NULL || text->data[i] == '\0')
			return false;
	return true;
}

static void hand_over(struct reader *reader, struct result *r)
{
	/* of other plain text standard output is the answer */
	if (!reader->ended && reader->answer.len == 0 && !reader->dialect->plain)
		reader_keep_tail(&reader->answer, buf_str(&reader->plain), reader->plain.len);
	if (!reader->dialect->plain || reader->known) {
		r->has_text = true;
		buf_free(&r->text);
		r->text = reader->answer;
		reader->answer = (struct buf)BUF_INIT;
	}
	if (reader->answer_cut)
		result_add_warning(r, "the answer is longer than 2 MiB: the rest was cut off");
	if (reader->session.len > 0)
		result_set_session(r, buf_str(&reader->session));
	if (reader->usage.known)
		r->usage = reader->usage;
}

static void set_trouble(struct result *r, struct trouble t, const char *words)
{
	r->status = RESULT_FAILED;
	r->reason = t.reason;
	r->retry_ms = t.retry_ms;
	r->resets_ms = t.resets_ms;
	r->unsure = t.unsure;
	if (t.reason == REASON_AGENT)
		result_set_error(r, "%s", words);
	else
		result_set_error(r, "%s: %s", reason_text(t.reason), words);
}

/* The client has said what is wrong. */
static void judge_complaint(const struct reader *reader, struct result *r)
{
	const struct complaint *c = &reader->complaint;
	struct trouble t = adapter_class_error(buf_str(&c->text), c->text.len, c->status,
	    c->retry_ms, clock_wall_ms());
	struct buf words = BUF_INIT;

	/* it has been told that a limit is reached, in an event of its own */
	if (reader->resets_ms > 0 && (t.reason == REASON_RATE_LIMIT || t.reason == REASON_QUOTA)) {
		t.reason = REASON_QUOTA;
		t.resets_ms = reader->resets_ms;
	}
	adapter_class_words(&words, buf_str(&c->text), c->text.len);
	set_trouble(r, t, words.len > 0 ? buf_str(&words) : "it failed and did not say why");
	buf_free(&words);
}

static struct trouble trouble_of(const struct buf *tail)
{
	size_t skip = tail->len > READER_TAIL_MAX ? tail->len - READER_TAIL_MAX : 0;

	return adapter_class_tail(buf_str(tail) + skip, tail->len - skip, clock_wall_ms());
}

/* It ended with an error that it has not reported as one. */
static void judge_tail(const struct reader *reader, struct result *r)
{
	struct trouble t = trouble_of(&reader->err_tail);
	char *before;

	if (t.reason == REASON_AGENT && !reader->ended)
		t = trouble_of(&reader->plain);
	if (t.reason == REASON_AGENT)
		return;
	before = xstrdup(r->error != NULL ? r->error : "");
	set_trouble(r, t, before);
	free(before);
}

static void judge(const struct reader *reader, struct result *r)
{
	const struct trouble silent = { .reason = REASON_AGENT };

	if (reader->complaint.made)
		judge_complaint(reader, r);
	else if (r->status != RESULT_SUCCEEDED && r->reason == REASON_EXIT)
		judge_tail(reader, r);
	else if (r->status != RESULT_SUCCEEDED)
		return;
	else if (!reader->ended && reader->too_long)
		set_trouble(r, silent,
		    "ended without a final event that could be read: one was longer than 4 MiB");
	else if (!reader->ended && !reader->dialect->plain)
		set_trouble(r, silent, "ended without a final event");
	else if (!reader->dialect->plain && is_blank(&r->text))
		set_trouble(r, silent, "empty answer");
}

/* It had all it was started for, and a limit had to end it. */
static bool hung_at_the_end(const struct reader *reader, const struct result *r)
{
	return reader->ended && !reader->complaint.made && r->status == RESULT_FAILED &&
	    (r->reason == REASON_TIMEOUT || r->reason == REASON_IDLE_TIMEOUT);
}

/* What the process itself tells of its end, and no limit of ours. */
static bool ended_by_itself(const struct result *r)
{
	return r->status == RESULT_SUCCEEDED ||
	    (r->status == RESULT_FAILED &&
		(r->reason == REASON_EXIT || r->reason == REASON_SIGNAL));
}

void reader_finish(struct reader *reader, struct result *r)
{
	struct listener out = out_listener(reader->dialect), err = err_listener(reader->dialect);

	split_end(reader, &out, &reader->out);
	split_end(reader, &err, &reader->err);
	if (reader->dialect->end != NULL)
		reader->dialect->end(reader, r->exit_status);
	reader_end_line(reader);
	hand_over(reader, r);
	if (ended_by_itself(r))
		judge(reader, r);
	else if (hung_at_the_end(reader, r))
		result_add_warning(r, "the client had answered, and did not end");
}
