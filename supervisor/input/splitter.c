#include "supervisor/input/splitter.h"

#include <string.h>

#include "supervisor/input/input.h"

#define BOM "\xef\xbb\xbf"
#define KEEP_MAX (1024 * 1024)

void splitter_init(struct splitter *s, bool nul, bool literal)
{
	*s = (struct splitter){ .nul = nul, .literal = literal };
}

void splitter_free(struct splitter *s)
{
	buf_free(&s->buf);
}

/* What is left is moved only when it is the smaller part: so the work stays linear. */
static void drop_used(struct splitter *s)
{
	if (s->start == s->buf.len) {
		if (s->buf.cap > KEEP_MAX)
			buf_free(&s->buf);
		else
			buf_reset(&s->buf);
	} else if (s->start > s->buf.len / 2) {
		buf_consume(&s->buf, s->start);
	} else {
		return;
	}
	s->scanned -= s->start;
	s->start = 0;
}

void splitter_feed(struct splitter *s, const char *data, size_t len, bool end)
{
	drop_used(s);
	if (len > 0)
		buf_add(&s->buf, data, len);
	if (end)
		s->ended = true;
}

/* Where the next record ends, or NULL when that was not read yet. */
static const char *find_end(struct splitter *s)
{
	const char *end = NULL;

	if (s->scanned < s->buf.len)
		end =
		    memchr(s->buf.data + s->scanned, s->nul ? '\0' : '\n', s->buf.len - s->scanned);
	if (end == NULL)
		s->scanned = s->buf.len;
	return end;
}

static void move_to(struct splitter *s, size_t offset)
{
	s->start = offset;
	s->scanned = offset;
}

static void give(struct splitter *s, struct raw_record *out, size_t len)
{
	const char *data = s->buf.data + s->start;

	*out = (struct raw_record){ .line = ++s->line };
	if (len > RECORD_MAX) {
		out->too_long = true;
		out->data = "";
		return;
	}
	if (s->line == 1 && !s->literal && len >= strlen(BOM) &&
	    memcmp(data, BOM, strlen(BOM)) == 0) {
		data += strlen(BOM);
		len -= strlen(BOM);
	}
	if (!s->nul && len > 0 && data[len - 1] == '\r')
		len--;
	out->data = data;
	out->len = len;
}

/* The rest of a record that was too long: false while its end was not read. */
static bool skip_rest(struct splitter *s)
{
	const char *end = find_end(s);

	if (end == NULL) {
		move_to(s, s->buf.len);
		return false;
	}
	move_to(s, (size_t)(end + 1 - s->buf.data));
	s->skipping = false;
	return true;
}

int splitter_next(struct splitter *s, struct raw_record *out)
{
	const char *end;
	size_t pending;

	if (s->skipping && !skip_rest(s))
		return s->ended ? -1 : 0;
	end = find_end(s);
	if (end != NULL) {
		give(s, out, (size_t)(end - (s->buf.data + s->start)));
		move_to(s, (size_t)(end + 1 - s->buf.data));
		return 1;
	}
	pending = s->buf.len - s->start;
	if (pending > RECORD_MAX) {
		give(s, out, pending);
		move_to(s, s->buf.len);
		s->skipping = true;
		return 1;
	}
	if (!s->ended)
		return 0;
	if (pending == 0)
		return -1;
	give(s, out, pending);
	move_to(s, s->buf.len);
	return 1;
}
