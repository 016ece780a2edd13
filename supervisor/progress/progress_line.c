#include "supervisor/progress/progress_line.h"

#include <stdio.h>
#include <string.h>

#include <utf8proc.h>

#include "shared/text.h"
#include "shared/width.h"

/* Marks on one letter; more of them reach into the lines above and below. */
#define MARKS_MAX 3

void line_clean(struct buf *out, const char *s, size_t len, bool utf8)
{
	struct buf text = BUF_INIT;
	unsigned marks = 0;
	text_safe_line(&text, s, len);
	const char *p = buf_str(&text);
	while (*p != '\0') {
		utf8proc_int32_t c;
		utf8proc_ssize_t n = utf8proc_iterate((const utf8proc_uint8_t *)p, -1, &c);
		size_t bytes = n > 0 ? (size_t)n : 1;
		int columns = n > 0 ? utf8proc_charwidth(c) : 1;
		marks = columns <= 0 ? marks + 1 : 0;
		if (n > 1 && !utf8) {
			for (int i = 0; i < columns; i++)
				buf_addch(out, '?');
		} else if (marks <= MARKS_MAX) {
			buf_add(out, p, bytes);
		}
		p += bytes;
	}
	buf_free(&text);
}

void line_add(struct line *l, const char *text, const char *color)
{
	bool colored = l->color && color != NULL;
	if (colored)
		buf_addf(l->out, "\033[%sm", color);
	l->width += width_add_cut(l->out, text, l->max - l->width, l->mark);
	if (colored)
		buf_addstr(l->out, "\033[0m");
}

void line_pad(struct line *l, size_t column)
{
	if (column > l->max)
		column = l->max;
	if (column <= l->width)
		return;
	width_pad(l->out, l->width, column);
	l->width = column;
}

const char *line_time(char buf[LINE_TIME_MAX], int64_t ms)
{
	long long s = ms > 0 ? ms / 1000 : 0;
	if (s < 60)
		snprintf(buf, LINE_TIME_MAX, "%llds", s);
	else if (s < 3600)
		snprintf(buf, LINE_TIME_MAX, "%lldm%02llds", s / 60, s % 60);
	else if (s < 86400)
		snprintf(buf, LINE_TIME_MAX, "%lldh%02lldm", s / 3600, s / 60 % 60);
	else
		snprintf(buf, LINE_TIME_MAX, "%lldd%02lldh", s / 86400, s / 3600 % 24);
	return buf;
}

void line_count(struct buf *out, uint64_t n)
{
	static const char units[] = "kMGT";
	double value = (double)n;
	size_t unit = 0;
	if (n < 1000) {
		buf_addf(out, "%llu", (unsigned long long)n);
		return;
	}
	for (value /= 1000; value >= 999.5 && unit + 1 < sizeof units - 1; unit++)
		value /= 1000;
	buf_addf(out, value < 9.95 && unit > 0 ? "%.1f%c" : "%.0f%c", value, units[unit]);
}
