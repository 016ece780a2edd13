/*
 * The columns that text takes on a terminal, and text cut to them. Strings are UTF-8 that was made safe
 * before (text.h): a byte that is none takes one column, a control character none.
 *
 * A character as people see it (a letter with its accents, a flag, a family of emoji) is never cut
 * in two. Terminals differ in how wide they draw sequences of emoji: they count here as wide as
 * the widest do.
 */
#ifndef POLLARD_WIDTH_H
#define POLLARD_WIDTH_H

#include <stddef.h>

#include "shared/buf.h"

/* What stands for text that was cut off: U+2026, and the same for terminals that know ASCII alone. */
#define WIDTH_MARK "\xe2\x80\xa6"
#define WIDTH_MARK_ASCII "~"

/* Columns of the first character of s, which is not empty, and in *bytes its length. */
size_t width_next(const char *s, size_t *bytes);
/* Columns of the whole string. */
size_t width_of(const char *s);

/*
 * Append what fits into `max` columns, with `mark` (of one column) in place of what is cut off: at
 * the end, at the beginning (of a path the end tells more), or in the middle. Return the columns
 * taken; nothing is appended when max is 0.
 */
size_t width_add_cut(struct buf *out, const char *s, size_t max, const char *mark);
size_t width_add_cut_left(struct buf *out, const char *s, size_t max, const char *mark);
size_t width_add_cut_middle(struct buf *out, const char *s, size_t max, const char *mark);

/* Blanks from column `from` to column `to`. */
void width_pad(struct buf *out, size_t from, size_t to);

#endif
