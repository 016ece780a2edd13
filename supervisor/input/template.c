#include "supervisor/input/template.h"

#include <string.h>

#include "supervisor/input/template_scan.h"

#define OPENING "${{"
#define OPENING_LEN 3
#define CLOSING "}}"
#define CLOSING_LEN 2

static bool is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

/* Not memmem(): what checks memory reads all of the text for it, for each of the pieces. */
static const char *find(const char *from, const char *end, const char *what, size_t len)
{
	for (; (from = memchr(from, what[0], (size_t)(end - from))) != NULL; from++) {
		if ((size_t)(end - from) >= len && memcmp(from, what, len) == 0)
			return from;
	}
	return NULL;
}

struct scan scan_text(const char *text, size_t len)
{
	return (struct scan){ text, text + len };
}

/* '$', '$$'...: what a $ right before a template is written as, where $${{ means something else. */
static bool is_dollars(const char *s, size_t len)
{
	if (len < 3 || s[0] != '\'' || s[len - 1] != '\'')
		return false;
	for (size_t i = 1; i < len - 1; i++) {
		if (s[i] != '$')
			return false;
	}
	return true;
}

/* At a ${{. */
static struct piece scan_name(struct scan *s)
{
	const char *start = s->at, *from = start + OPENING_LEN;
	const char *to = find(from, s->end, CLOSING, CLOSING_LEN);
	struct piece p = { .kind = PIECE_NAME, .source = start };

	if (to == NULL || find(from, to, OPENING, OPENING_LEN) != NULL) {
		p.kind = PIECE_OPEN;
		p.text = start;
		p.len = p.source_len = (size_t)(s->end - start);
		s->at = s->end;
		return p;
	}
	s->at = to + CLOSING_LEN;
	p.source_len = (size_t)(s->at - start);
	while (from < to && is_blank(*from))
		from++;
	while (to > from && is_blank(to[-1]))
		to--;
	p.text = from;
	p.len = (size_t)(to - from);
	if (is_dollars(p.text, p.len)) {
		p.kind = PIECE_TEXT;
		p.text++;
		p.len -= 2;
	}
	return p;
}

struct piece scan_next(struct scan *s)
{
	const char *start = s->at, *text = start, *from = start, *next;
	size_t left = (size_t)(s->end - start);

	if (left == 0)
		return (struct piece){ .kind = PIECE_END, .text = start, .source = start };
	if (left >= OPENING_LEN && memcmp(start, OPENING, OPENING_LEN) == 0)
		return scan_name(s);
	if (left > OPENING_LEN && memcmp(start, "$" OPENING, OPENING_LEN + 1) == 0) {
		text = start + 1;
		from = text + OPENING_LEN;
	}
	next = find(from, s->end, OPENING, OPENING_LEN);
	if (next == NULL)
		next = s->end;
	else if (next > from && next[-1] == '$')
		next--;
	s->at = next;
	return (
	    struct piece){ PIECE_TEXT, text, (size_t)(next - text), start, (size_t)(next - start) };
}

void scan_not_closed(struct buf *why)
{
	buf_addstr(why, "'${{' without '}}' (a literal '${{' is written '$${{')");
}

bool template_is(const char *text)
{
	return strstr(text, OPENING) != NULL;
}

void template_quote(struct buf *out, const char *text, size_t len)
{
	const char *end = text + len, *next;

	for (; len > 0 && (next = find(text, end, OPENING, OPENING_LEN)) != NULL;
	     text = next + OPENING_LEN) {
		buf_add(out, text, (size_t)(next - text));
		buf_addstr(out, "$" OPENING);
	}
	buf_add(out, text, (size_t)(end - text));
}

void template_unquote(struct buf *out, const char *text, size_t len)
{
	struct scan s = scan_text(text, len);
	struct piece p;

	while ((p = scan_next(&s)).kind != PIECE_END) {
		if (p.kind == PIECE_TEXT)
			buf_add(out, p.text, p.len);
		else
			buf_add(out, p.source, p.source_len);
	}
}

void template_names(const char *text, void (*f)(void *context, const char *name, size_t len),
    void *context)
{
	struct scan s = scan_text(text, strlen(text));
	struct piece p;

	while ((p = scan_next(&s)).kind != PIECE_END) {
		if (p.kind == PIECE_NAME)
			f(context, p.text, p.len);
	}
}

/* How many pieces there are; false and *why when one is not closed. */
static bool count_pieces(struct scan s, size_t *count, struct buf *why)
{
	struct piece p;

	*count = 0;
	while ((p = scan_next(&s)).kind != PIECE_END) {
		if (p.kind == PIECE_OPEN) {
			scan_not_closed(why);
			return false;
		}
		++*count;
	}
	return true;
}

const struct template *template_compile(const char *text, const struct template_scope *scope,
    struct arena *arena, struct buf *why)
{
	size_t len = strlen(text), count;
	struct scan s = scan_text(text, len);
	struct template_part *parts, *part;
	struct template *result;
	struct piece p;

	if (!count_pieces(s, &count, why))
		return NULL;
	result = arena_take(arena, sizeof(*result));
	parts = part = arena_take(arena, (count + 1) * sizeof(*parts));
	*result = (struct template){ parts, count };
	s = scan_text(arena_copy(arena, text, len), len);
	for (; (p = scan_next(&s)).kind != PIECE_END; part++) {
		if (p.kind == PIECE_TEXT) {
			part->text = p.text;
			part->len = p.len;
			continue;
		}
		part->name = name_compile(p.text, p.len, scope, arena, why);
		if (part->name == NULL)
			return NULL;
	}
	return result;
}
