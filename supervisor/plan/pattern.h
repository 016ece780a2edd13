/*
 * Patterns of paths. A pattern is absolute and folded (scope_absolute() makes it so):
 *
 *   *       any characters within one name       ?      one character of it
 *   [a-z]   one of these; [!a-z] or [^a-z] any other one
 *   **      as a whole name: any number of names, also none
 *
 * A pattern covers all that lies below what it matches. But one whose last name holds a special
 * character and, somewhere behind that, a dot is one of files (`*.c`, `*.[ch]`, `test_*.py`): it
 * covers the paths that it matches and no more. A character is a code point; a byte
 * that is not UTF-8 is one too. A name in which the special characters stand for themselves has
 * them in brackets.
 */
#ifndef POLLARD_PATTERN_H
#define POLLARD_PATTERN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "shared/buf.h"

struct pattern_item;
struct pattern_range;

/*
 * Made by pattern_init() (text is copied), released by pattern_free(). What follows `compiled` is
 * filled when a comparison first needs more than the literal beginnings.
 */
struct pattern {
	char *text;
	size_t literal; /* bytes of text before the first name that is no plain one */
	size_t plain;	/* names in these */
	bool compiled;
	bool impossible; /* a set in it is empty: it matches nothing */
	struct pattern_item *items;
	size_t nitems;
	size_t first_name; /* the names stand at the end of items, behind their parts */
	size_t nnames;
	struct pattern_range *ranges;
	size_t nranges;
};

void pattern_init(struct pattern *p, const char *text);
void pattern_free(struct pattern *p);

/*
 * Whether some path could match both. Exact; its time grows with the product of the lengths and
 * no faster.
 */
bool pattern_meets(struct pattern *a, struct pattern *b);
/* The same for two that are compared only once. */
bool patterns_meet(const char *a, const char *b);

/* Appends a name (or path) so that a pattern with it matches it and nothing else. */
void pattern_quote(struct buf *out, const char *name, size_t len);
/*
 * The reverse, for one name of a pattern: appends the only name that it matches; false, and
 * nothing appended, when it matches several or none.
 */
bool pattern_plain(struct buf *out, const char *name, size_t len);

#endif
