/*
 * An answer of an earlier attempt, read back from the journal: for merges, for prompts and for the
 * files of later commands.
 */
#ifndef POLLARD_RECORDED_H
#define POLLARD_RECORDED_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "shared/job.h"
#include "shared/result.h"

/* Filled by recorded_read(), released by recorded_free(). */
struct recorded {
	struct result result;
	int file;   /* of an answer that is in a file, at its beginning; -1 */
	char *name; /* of that file in out_dirfd; NULL */
};

/*
 * Reads the attempt-finished record at that offset of job->journal_fd (-1: there is none), and opens
 * the file of the answer in job->out_dirfd when it has one. False when it cannot be read; *a is to be
 * released all the same.
 */
bool recorded_read(struct recorded *a, const struct job *job, int64_t offset, size_t length);
/* The answer when it is not in a file. */
const struct buf *recorded_text(const struct recorded *a);
/* Whether there is no answer but perhaps a structured one. */
bool recorded_is_blank(const struct recorded *a);
void recorded_free(struct recorded *a);

/* Takes a piece of a file; false ends the reading. */
typedef bool piece_taker(void *context, const char *data, size_t len);
/*
 * Reads a file from its beginning in pieces that end between two characters (where it is UTF-8), so
 * that a file larger than memory can be read as text; the file's own position stays. 0, or -1 with
 * errno.
 */
int read_pieces(int fd, piece_taker *take, void *context);

#endif
