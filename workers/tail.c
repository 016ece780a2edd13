#include "workers/tail.h"

#include <string.h>

#include "shared/message.h"
#include "shared/text.h"

/* Of a line so much is looked at: with its colours a line of the longest kind. */
#define LOOK_MAX ((size_t)1024)
/* Lines that say nothing, passed over in one piece. */
#define LINES_MAX 16

static void add_some(struct buf *b, const char *data, size_t len)
{
	size_t room = b->len < LOOK_MAX ? LOOK_MAX - b->len : 0;

	buf_add(b, data, len < room ? len : room);
}

/* A carriage return ends a line too: displays of progress overwrite theirs. */
static const char *last_break(const char *data, size_t len)
{
	while (len > 0) {
		const char *p = data + --len;

		if (*p == '\n' || *p == '\r')
			return p;
	}
	return NULL;
}

/* Cut between two characters. */
static size_t cut(const char *s, size_t len)
{
	if (len <= MESSAGE_TAIL_MAX)
		return len;
	len = MESSAGE_TAIL_MAX;
	while (len > 0 && ((unsigned char)s[len] & 0xc0) == 0x80)
		len--;
	return len;
}

/* Whether the line says something; then it is the newest one. */
static bool take_line(struct tail *t, const char *line, size_t len)
{
	struct buf text = BUF_INIT;

	text_summary(&text, line, len < LOOK_MAX ? len : LOOK_MAX, MESSAGE_TAIL_MAX);
	if (text.len == 0)
		return false;
	buf_reset(&t->line);
	buf_add(&t->line, text.data, cut(text.data, text.len));
	buf_free(&text);
	return true;
}

void tail_add(struct tail *t, bool is_err, const char *data, size_t len)
{
	struct buf *open = &t->open[is_err];
	const char *end = last_break(data, len), *line_end = end;

	t->fresh = t->fresh || len > 0;
	if (end == NULL) {
		add_some(open, data, len);
		return;
	}
	for (int i = 0; i < LINES_MAX && line_end != NULL; i++) {
		const char *before = last_break(data, (size_t)(line_end - data));

		if (before == NULL) {
			add_some(open, data, (size_t)(line_end - data));
			take_line(t, buf_str(open), open->len);
		} else if (take_line(t, before + 1, (size_t)(line_end - before - 1))) {
			break;
		}
		line_end = before;
	}
	buf_reset(open);
	add_some(open, end + 1, len - (size_t)(end + 1 - data));
}

int64_t tail_wait(const struct tail *t, int64_t now)
{
	if (!t->fresh)
		return -1;
	return t->next_at > now ? t->next_at - now : 0;
}

void tail_take(struct tail *t, int64_t now, struct buf *out)
{
	if (tail_wait(t, now) != 0)
		return;
	message_encode_tail(out, t->line.data, t->line.len);
	t->fresh = false;
	t->next_at = now + t->every_ms;
}

void tail_free(struct tail *t)
{
	buf_free(&t->open[0]);
	buf_free(&t->open[1]);
	buf_free(&t->line);
}
