/*
 * Bytes to records: lines, or with -0 what NULs end.
 */
#ifndef POLLARD_SPLITTER_H
#define POLLARD_SPLITTER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "shared/buf.h"

/* One record, without its end. Filled by splitter_next(); data is valid until the next feed. */
struct raw_record {
	const char *data;
	size_t len;
	uint32_t line; /* with -0: the how manieth record, from 1 */
	bool too_long; /* more than RECORD_MAX bytes: they are not kept, len is 0 */
};

/* Declared by whoever reads input, set up with splitter_init(), released with splitter_free(). */
struct splitter {
	struct buf buf;
	size_t start;	/* of the next record in buf */
	size_t scanned; /* no end of a record stands before this */
	uint32_t line;	/* of the record given last */
	bool nul;	/* NULs end records, else newlines */
	bool literal;	/* a byte order mark is data */
	bool ended;	/* no more bytes will come */
	bool skipping;	/* inside a record that was too long */
};

void splitter_init(struct splitter *s, bool nul, bool literal);
/* Takes more bytes; `end` after the last ones. */
void splitter_feed(struct splitter *s, const char *data, size_t len, bool end);
/* 1 and *out filled, 0 when more bytes are needed, -1 at the end. */
int splitter_next(struct splitter *s, struct raw_record *out);
void splitter_free(struct splitter *s);

#endif
