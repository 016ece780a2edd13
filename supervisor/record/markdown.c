#include "supervisor/record/markdown.h"

#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "shared/text.h"

#define FENCE_MIN 3

/* Whether a backslash before it means something in Markdown. At the end our own text follows. */
static bool escapes(char c)
{
	return c == '\0' || strchr("!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~", c) != NULL;
}

/*
 * What could act on a terminal is escaped first, then what begins code, HTML, links, images or
 * table cells. A backslash of its own must not take the effect of ours away.
 */
static void add_text(struct buf *out, const char *text, size_t len)
{
	struct buf line = BUF_INIT;

	text_safe_line(&line, text, len);
	for (size_t i = 0; i < line.len; i++) {
		char c = line.data[i];

		if (strchr("`|<[", c) != NULL || (c == '\\' && escapes(line.data[i + 1])))
			buf_addch(out, '\\');
		buf_addch(out, c);
	}
	buf_free(&line);
}

void markdown_text(struct buf *out, const char *text)
{
	add_text(out, text, strlen(text));
}

void markdown_text_cut(struct buf *out, const char *text, size_t max)
{
	size_t chars = 0;
	size_t len = 0;

	while (text[len] != '\0') {
		if (((unsigned char)text[len] & 0xc0) != 0x80 && chars++ == max)
			break;
		len++;
	}
	add_text(out, text, len);
	if (text[len] != '\0')
		buf_addstr(out, "…");
}

void markdown_first_text(struct buf *out, const char *text)
{
	size_t digits = strspn(text, "0123456789");

	if (text[0] != '\0' && strchr("#>-+*=~_", text[0]) != NULL) {
		buf_addch(out, '\\');
	} else if (digits > 0 && (text[digits] == '.' || text[digits] == ')')) {
		buf_add(out, text, digits);
		buf_addch(out, '\\');
		text += digits;
	}
	markdown_text(out, text);
}

static size_t longest_run(const char *text, size_t len, char c)
{
	size_t longest = 0;
	size_t run = 0;

	for (size_t i = 0; i < len; i++) {
		run = text[i] == c ? run + 1 : 0;
		if (run > longest)
			longest = run;
	}
	return longest;
}

static void add_fence(struct buf *out, size_t len)
{
	while (len-- > 0)
		buf_addch(out, '`');
}

void markdown_fenced(struct buf *out, const char *info, const char *text, size_t len)
{
	size_t fence = longest_run(text, len, '`') + 1;

	if (fence < FENCE_MIN)
		fence = FENCE_MIN;
	add_fence(out, fence);
	buf_addf(out, "%s\n", info);
	buf_add(out, text, len);
	if (len > 0 && text[len - 1] != '\n')
		buf_addch(out, '\n');
	add_fence(out, fence);
	buf_addch(out, '\n');
}

void markdown_count(struct buf *out, uint64_t n)
{
	char digits[24];
	int len = snprintf(digits, sizeof(digits), "%" PRIu64, n);

	for (int i = 0; i < len; i++) {
		if (i > 0 && (len - i) % 3 == 0)
			buf_addch(out, ',');
		buf_addch(out, digits[i]);
	}
}
