/*
 * A line of the block of progress while it is made: pieces that fit, and what they hold.
 */
#ifndef POLLARD_PROGRESS_LINE_H
#define POLLARD_PROGRESS_LINE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "shared/buf.h"

/* Colours, as terminals have them. */
#define LINE_RED "31"
#define LINE_YELLOW "33"
/* Room for any time that line_time() makes. */
#define LINE_TIME_MAX 32

/* The line that is being made; begun by whoever owns `out`. */
struct line {
	struct buf *out;
	size_t width; /* columns taken */
	size_t max;   /* columns there are */
	bool color;
	const char *mark; /* for what is cut off, of one column */
};

/* Appends to `out` text that cannot act on the terminal, on one line, in characters that it can show. */
void line_clean(struct buf *out, const char *s, size_t len, bool utf8);
/* Appends what fits, in a colour or (NULL) in none; the text was made clean before. */
void line_add(struct line *l, const char *text, const char *color);
/* Blanks up to that column. */
void line_pad(struct line *l, size_t column);
/* "12s", "3m12s", "1h02m", "2d03h": no wider than six columns for months; returns buf. */
const char *line_time(char buf[LINE_TIME_MAX], int64_t ms);
/* Appends "950", "41k", "1.2M". */
void line_count(struct buf *out, uint64_t n);

#endif
