#include <string.h>

#include "workers/adapter_reader.h"

/* Of a line that is too long: enough to see what it is. */
#define HEAD_MAX ((size_t)4 * 1024)
/* Bytes by which a line shows what it is to be skipped for. */
#define SKIP_LEN_MAX 64
/* Memory that stays for the next line. */
#define LINE_KEPT_MAX ((size_t)256 * 1024)

static void give_event(struct reader *r, const struct listener *l, const cJSON *value)
{
	const cJSON *item;

	if (cJSON_IsObject(value))
		l->event(r, value);
	else if (cJSON_IsArray(value))
		for (item = value->child; item != NULL; item = item->next)
			if (cJSON_IsObject(item))
				l->event(r, item);
}

static bool is_bracket(char c)
{
	return c == '{' || c == '[';
}

/* Whether it was a document; a line of text can begin with a bracket too. */
static bool try_document(struct reader *r, const struct listener *l, const char *text, size_t len)
{
	cJSON *value;

	if (l->event == NULL || len == 0 || !is_bracket(text[0]))
		return false;
	value = event_parse(text, len);
	if (value == NULL)
		return false;
	give_event(r, l, value);
	cJSON_Delete(value);
	return true;
}

/* A line among events that is none: what the client says when it cannot even begin. */
static void keep_plain(struct reader *r, const char *line, size_t len)
{
	if (len == 0 || is_bracket(line[0]))
		return;
	reader_keep_tail(&r->plain, line, len);
	reader_keep_tail(&r->plain, "\n", 1);
}

static size_t without_end(const char *line, size_t len)
{
	while (len > 0 && (line[len - 1] == '\n' || line[len - 1] == '\r'))
		len--;
	return len;
}

/* A long line is rare, and most readers never see another. */
static void forget_line(struct splitter *s)
{
	if (s->text.cap > LINE_KEPT_MAX)
		buf_free(&s->text);
	else
		buf_reset(&s->text);
	s->line = 0;
}

static void take_line(struct reader *r, const struct listener *l, struct splitter *s)
{
	const char *line = s->text.data;
	size_t len = without_end(line, s->text.len);

	/* a document over several lines, as it is printed to be read by people */
	if (l->event != NULL && len == 1 && is_bracket(line[0])) {
		s->state = SPLIT_DOCUMENT;
		s->line = s->text.len;
		return;
	}
	if (try_document(r, l, line, len))
		;
	else if (l->line != NULL)
		l->line(r, line, len);
	else if (s == &r->out)
		keep_plain(r, line, len);
	forget_line(s);
}

/* One more line of a document has come; each of them is indented but the first and the last. */
static void take_document_line(struct reader *r, const struct listener *l, struct splitter *s)
{
	const char *line = s->text.data + s->line;
	size_t len = without_end(line, s->text.len - s->line);

	if (len > 0 && (line[0] == ' ' || line[0] == '\t')) {
		s->line = s->text.len;
		return;
	}
	s->state = SPLIT_LINE;
	if (len == 1 && (line[0] == '}' || line[0] == ']')) {
		try_document(r, l, s->text.data, s->line + len);
		forget_line(s);
		return;
	}
	/* it was none: this line stands for itself */
	buf_consume(&s->text, s->line);
	take_line(r, l, s);
}

static void end_line(struct reader *r, const struct listener *l, struct splitter *s)
{
	if (s->state == SPLIT_SKIP) {
		s->state = SPLIT_LINE;
		forget_line(s);
	} else if (s->state == SPLIT_DOCUMENT) {
		take_document_line(r, l, s);
	} else {
		take_line(r, l, s);
	}
}

/* Whether the line that has begun is one of those that are not read. */
static bool begins_skipped(const struct listener *l, const struct splitter *s)
{
	if (l->skip == NULL || s->state != SPLIT_LINE || s->text.len == 0)
		return false;
	for (const char *const *skip = l->skip; *skip != NULL; skip++) {
		size_t len = strlen(*skip);

		if (s->text.len >= len && memcmp(s->text.data, *skip, len) == 0)
			return true;
	}
	return false;
}

static void check_size(struct reader *r, const struct listener *l, struct splitter *s)
{
	if (s->text.len <= s->max)
		return;
	if (l->cut != NULL)
		l->cut(r, s->text.data, HEAD_MAX);
	if (s == &r->out && is_bracket(s->text.data[0]))
		r->too_long = true;
	s->state = SPLIT_SKIP;
	buf_free(&s->text);
}

/* A part of a line, up to its end or to what has come of it. */
static void take_part(struct reader *r, const struct listener *l, struct splitter *s,
    const char *data, size_t len)
{
	/* first only so much of it as tells whether the rest is wanted */
	if (s->state == SPLIT_LINE && l->skip != NULL && s->text.len < SKIP_LEN_MAX) {
		size_t head = SKIP_LEN_MAX - s->text.len;

		head = head < len ? head : len;
		buf_add(&s->text, data, head);
		data += head;
		len -= head;
		if (begins_skipped(l, s))
			s->state = SPLIT_SKIP;
	}
	if (s->state != SPLIT_SKIP)
		buf_add(&s->text, data, len);
	if (s->state != SPLIT_SKIP)
		check_size(r, l, s);
}

void split_feed(struct reader *r, const struct listener *l, struct splitter *s, const char *data,
    size_t len)
{
	const char *end = data + len;

	while (data < end) {
		const char *newline = memchr(data, '\n', (size_t)(end - data));
		const char *next = newline != NULL ? newline + 1 : end;

		take_part(r, l, s, data, (size_t)(next - data));
		if (newline != NULL)
			end_line(r, l, s);
		data = next;
	}
}

void split_end(struct reader *r, const struct listener *l, struct splitter *s)
{
	if (s->state == SPLIT_LINE && s->text.len > 0)
		take_line(r, l, s);
	else if (s->state == SPLIT_DOCUMENT && s->text.len > s->line)
		take_document_line(r, l, s);
	buf_free(&s->text);
	s->state = SPLIT_LINE;
	s->line = 0;
}
