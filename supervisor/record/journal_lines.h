/*
 * The lines of a journal's file one after the other, good or bad, in memory of the size of the
 * longest one; for journal_reader.c and journal_repair.c.
 */
#ifndef POLLARD_JOURNAL_LINES_H
#define POLLARD_JOURNAL_LINES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "shared/buf.h"

enum line_kind {
	LINE_WHOLE,
	LINE_TOO_LONG,	   /* its bytes are not kept */
	LINE_UNTERMINATED, /* the file ends before its newline; its bytes are not kept */
	LINE_NONE,	   /* the file ends here */
	LINE_ERROR,	   /* errno */
};

/* Made by lines_open(), closed and released by lines_close(). */
struct lines {
	int fd;
	struct buf data; /* read and not yet used */
	size_t used;	 /* of data: lines that were handed out */
	int64_t offset;	 /* of data.data[0] in the file */
	uint64_t number; /* of the line that was read last, from 1 */
};

/* The line that was read last; its text stays until the next one is read. */
struct line {
	const char *text; /* of LINE_WHOLE, without the newline; else NULL */
	size_t len;
	int64_t offset;
	int64_t end; /* of what follows its newline, or of the file */
};

/*
 * Opens JOURNAL_NAME in the run directory for reading: a regular file and no link. 0, or -1 with
 * errno (EINVAL: it is something else).
 */
int lines_open(struct lines *l, int dirfd);
enum line_kind lines_next(struct lines *l, struct line *line);
void lines_close(struct lines *l);

/* Whether the checksum of a line without its newline is right. */
bool line_crc_good(const char *text, size_t len);

#endif
