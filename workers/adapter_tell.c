#include <string.h>

#include "shared/clock.h"
#include "shared/json.h"
#include "shared/text.h"
#include "workers/adapter_class.h"
#include "workers/adapter_reader.h"

/* Of a text, for its telling line. */
#define HEAD_MAX ((size_t)4 * 1024)
#define ACTIVITY_MAX 160
/* A longer pause is none that a client makes by itself. */
#define CLIENT_PAUSE_MAX_MS (10 * 60 * INT64_C(1000))

void reader_session(struct reader *r, const char *id)
{
	if (id == NULL || strlen(id) > SESSION_MAX)
		return;
	buf_reset(&r->session);
	buf_addstr(&r->session, id);
}

void reader_add_answer(struct reader *r, const char *text, size_t len)
{
	size_t room = TEXT_MAX - r->answer.len;

	if (len > room) {
		r->answer_cut = true;
		/* not inside a character */
		while (room > 0 && ((unsigned char)text[room] & 0xc0) == 0x80)
			room--;
		len = room;
	}
	buf_add(&r->answer, text, len);
}

void reader_answer(struct reader *r, const char *text)
{
	if (text == NULL)
		return;
	buf_reset(&r->answer);
	r->answer_cut = false;
	reader_add_answer(r, text, strlen(text));
}

static void set_activity(struct reader *r, const char *text, size_t len)
{
	struct buf line = BUF_INIT;

	r->stale = false;
	text_summary(&line, text, len, ACTIVITY_MAX);
	if (line.len > 0) {
		buf_reset(&r->activity);
		text_safe_line(&r->activity, line.data, line.len);
	}
	buf_free(&line);
}

static void show(struct reader *r, const char *text)
{
	size_t len = text != NULL ? strlen(text) : 0;

	if (len == 0)
		return;
	if (r->shown == NULL)
		return;
	buf_add(r->shown, text, len);
	r->line_open = text[len - 1] != '\n';
}

void reader_end_line(struct reader *r)
{
	if (r->shown != NULL && r->line_open)
		buf_addch(r->shown, '\n');
	r->line_open = false;
}

void reader_say(struct reader *r, const char *text)
{
	size_t len = text != NULL ? strlen(text) : 0;

	set_activity(r, text, len < HEAD_MAX ? len : HEAD_MAX);
	reader_end_line(r);
	show(r, text);
	reader_end_line(r);
}

/* A long answer comes in very many pieces: its line is only made when somebody wants it. */
void reader_say_piece(struct reader *r, const char *text)
{
	r->stale = true;
	show(r, text);
}

const char *reader_activity(struct reader *r)
{
	const struct buf *whole = &r->answer;
	size_t from = whole->len;

	if (r->stale) {
		/* the line that the last piece ended or went on with */
		while (from > 0 && (whole->data[from - 1] != '\n' || from == whole->len) &&
		    whole->len - from < HEAD_MAX)
			from--;
		set_activity(r, buf_str(whole) + from, whole->len - from);
	}
	return buf_str(&r->activity);
}

/* The one word that says what a tool is used on. */
static const char *telling_input(const cJSON *input)
{
	static const char *const keys[] = { "command", "cmd", "file_path", "filePath",
		"absolute_path", "path", "pattern", "query", "url", "description", "prompt" };

	if (input == NULL)
		return NULL;
	if (cJSON_IsString(input))
		return input->valuestring;
	for (size_t i = 0; cJSON_IsObject(input) && i < sizeof(keys) / sizeof(keys[0]); i++) {
		const char *text = json_get_string(input, keys[i]);

		if (text != NULL)
			return text;
	}
	return NULL;
}

void reader_does(struct reader *r, const char *tool, const cJSON *input)
{
	const char *on = telling_input(input);
	struct buf line = BUF_INIT;

	if (tool == NULL)
		return;
	buf_addstr(&line, tool);
	if (on != NULL) {
		size_t len = strcspn(on, "\n");

		buf_addstr(&line, ": ");
		buf_add(&line, on, len < HEAD_MAX ? len : HEAD_MAX);
	}
	set_activity(r, line.data, line.len);
	buf_free(&line);
}

void reader_complain(struct reader *r, const char *text, int status)
{
	struct complaint *c = &r->complaint;
	size_t len;

	if (text == NULL || *text == '\0')
		text =
		    status != 0 || !c->made ? "it failed and did not say why" : buf_str(&c->text);
	if (text != c->text.data) {
		len = strlen(text);
		buf_reset(&c->text);
		buf_add(&c->text, text, len < READER_COMPLAINT_MAX ? len : READER_COMPLAINT_MAX);
	}
	c->made = true;
	c->status = status;
	c->retry_ms = 0;
}

void reader_recovered(struct reader *r)
{
	r->complaint.made = false;
	r->complaint.status = 0;
	r->complaint.retry_ms = 0;
	r->resets_ms = 0;
}

static int stronger(enum reason reason)
{
	return reason == REASON_AUTH ? 3 : reason == REASON_QUOTA ? 2 : reason == REASON_RATE_LIMIT;
}

/* By its own short pauses a client only finds out whether what is used up is there again. */
static int64_t pause_of_quota(const struct trouble *t, int64_t retry_ms, int64_t now_ms)
{
	if (t->resets_ms > 0)
		return t->resets_ms - now_ms;
	return retry_ms > CLIENT_PAUSE_MAX_MS ? retry_ms : 0;
}

static int64_t pause_of(const struct trouble *t, int64_t retry_ms, int64_t now_ms)
{
	if (t->reason == REASON_QUOTA)
		return pause_of_quota(t, retry_ms, now_ms);
	if (retry_ms <= 0)
		retry_ms = t->retry_ms;
	return retry_ms < CLIENT_PAUSE_MAX_MS ? retry_ms : CLIENT_PAUSE_MAX_MS;
}

void reader_pressure(struct reader *r, const char *text, int status, int64_t retry_ms)
{
	size_t len = text != NULL ? strlen(text) : 0;
	int64_t now = clock_wall_ms();
	struct trouble t = adapter_class_error(text != NULL ? text : "",
	    len < READER_COMPLAINT_MAX ? len : READER_COMPLAINT_MAX, status, 0, now);

	retry_ms = pause_of(&t, retry_ms, now);
	if (r->seen == NULL || stronger(t.reason) < stronger(r->seen->reason) ||
	    stronger(t.reason) == 0)
		return;
	if (t.reason != r->seen->reason || retry_ms > r->seen->retry_ms)
		*r->seen = (struct sign){ t.reason, retry_ms };
}

static int64_t tokens(int64_t sum, double more)
{
	return more < (double)(TOKENS_MAX - sum) ? sum + (int64_t)more : TOKENS_MAX;
}

void reader_usage(struct reader *r, double input, double output, double usd)
{
	r->usage.known = true;
	r->usage.input_tokens = tokens(r->usage.input_tokens, input);
	r->usage.output_tokens = tokens(r->usage.output_tokens, output);
	if (usd >= 0 && usd < 1e9) {
		r->usage.usd_known = true;
		r->usage.usd += usd;
	}
}

void reader_keep_tail(struct buf *tail, const char *data, size_t len)
{
	if (len > READER_TAIL_MAX) {
		data += len - READER_TAIL_MAX;
		len = READER_TAIL_MAX;
	}
	buf_add(tail, data, len);
	if (tail->len > 2 * READER_TAIL_MAX)
		buf_consume(tail, tail->len - READER_TAIL_MAX);
}
