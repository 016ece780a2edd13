#include "shared/width.h"

#include <stdbool.h>

#include <utf8proc.h>

/* Asks for an emoji where a character is both: most terminals draw it two columns wide then. */
#define EMOJI_STYLE 0xFE0F

/* The first code point; its length, 0 when these bytes are none. */
static size_t decode(const char *s, utf8proc_int32_t *c)
{
	utf8proc_ssize_t n = utf8proc_iterate((const utf8proc_uint8_t *)s, -1, c);

	return n > 0 ? (size_t)n : 0;
}

static size_t columns(utf8proc_int32_t c)
{
	int width = utf8proc_charwidth(c);

	return width > 0 ? (size_t)width : 0;
}

size_t width_next(const char *s, size_t *bytes)
{
	utf8proc_int32_t c, next, state = 0;
	size_t n = decode(s, &c), width;

	*bytes = n > 0 ? n : 1;
	if (n == 0)
		return 1;
	width = columns(c);
	while (s[*bytes] != '\0') {
		n = decode(s + *bytes, &next);
		if (n == 0 || utf8proc_grapheme_break_stateful(c, next, &state))
			break;
		*bytes += n;
		if (next == EMOJI_STYLE && width == 1)
			width = 2;
		width += columns(next);
		c = next;
	}
	return width;
}

size_t width_of(const char *s)
{
	size_t width = 0, bytes;

	for (; *s != '\0'; s += bytes)
		width += width_next(s, &bytes);
	return width;
}

/* As many characters from the front as fit into `max` columns; *at becomes where the rest begins. */
static size_t add_front(struct buf *out, const char *s, size_t max, const char **at)
{
	size_t width = 0, next, bytes;

	while (*s != '\0' && (next = width_next(s, &bytes), width + next <= max)) {
		buf_add(out, s, bytes);
		width += next;
		s += bytes;
	}
	*at = s;
	return width;
}

/* Where the longest end of s of at most `max` columns begins; its columns in *width. */
static const char *find_back(const char *s, size_t max, size_t *width)
{
	size_t bytes;

	*width = width_of(s);
	while (*width > max) {
		*width -= width_next(s, &bytes);
		s += bytes;
	}
	return s;
}

size_t width_add_cut(struct buf *out, const char *s, size_t max, const char *mark)
{
	size_t total = width_of(s);
	const char *rest;

	if (max == 0)
		return 0;
	if (total <= max) {
		buf_addstr(out, s);
		return total;
	}
	total = add_front(out, s, max - 1, &rest);
	buf_addstr(out, mark);
	return total + 1;
}

size_t width_add_cut_left(struct buf *out, const char *s, size_t max, const char *mark)
{
	size_t total = width_of(s);

	if (max == 0)
		return 0;
	if (total <= max) {
		buf_addstr(out, s);
		return total;
	}
	s = find_back(s, max - 1, &total);
	buf_addf(out, "%s%s", mark, s);
	return total + 1;
}

size_t width_add_cut_middle(struct buf *out, const char *s, size_t max, const char *mark)
{
	size_t total = width_of(s), back;
	const char *rest;

	if (max == 0)
		return 0;
	if (total <= max) {
		buf_addstr(out, s);
		return total;
	}
	total = add_front(out, s, max / 2, &rest);
	rest = find_back(rest, max - 1 - total, &back);
	buf_addf(out, "%s%s", mark, rest);
	return total + 1 + back;
}

void width_pad(struct buf *out, size_t from, size_t to)
{
	for (; from < to; from++)
		buf_addch(out, ' ');
}
