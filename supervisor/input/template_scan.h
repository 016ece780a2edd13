/*
 * The pieces of a template: the one place that knows how ${{, }} and $${{ are read. For what reads
 * templates; the others include template.h.
 */
#ifndef POLLARD_TEMPLATE_SCAN_H
#define POLLARD_TEMPLATE_SCAN_H

#include <stdbool.h>
#include <stddef.h>

#include "shared/buf.h"

/* A text that is being read. On the stack of whoever reads it. */
struct scan {
	const char *at;
	const char *end;
};

enum piece_kind {
	PIECE_END,
	PIECE_TEXT,
	PIECE_NAME,
	PIECE_OPEN, /* a ${{ that nothing closes: what is left of the text */
};

/* All of it points into the text. */
struct piece {
	enum piece_kind kind;
	const char *text; /* what it stands for; the name, without blanks around it */
	size_t len;
	const char *source; /* as written */
	size_t source_len;
};

struct scan scan_text(const char *text, size_t len);
/* The next piece, and moves behind it. */
struct piece scan_next(struct scan *s);
/* Says of a PIECE_OPEN what is wrong. */
void scan_not_closed(struct buf *why);

#endif
