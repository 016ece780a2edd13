/*
 * What a recorded attempt printed last: for the next attempt, the debugger, and people.
 */
#ifndef POLLARD_EVIDENCE_H
#define POLLARD_EVIDENCE_H

#include <stdbool.h>
#include <stddef.h>

#include "shared/buf.h"
#include "shared/result.h"
#include "supervisor/record/record.h"

/* Bytes that are looked at of each stream. */
#define EVIDENCE_READ ((size_t)16 * 1024)

/* An attempt by its place in the run. */
struct attempt_name {
	const char *step;
	const char *task;
	unsigned attempt;
};

/*
 * Appends the end of one of its streams, at most EVIDENCE_READ bytes, from the result or from the
 * file that holds it. Nothing when that is gone.
 */
void evidence_stream(struct buf *out, const struct record *record, const struct attempt_name *name,
    const struct stream *stream, bool err);

/*
 * Appends the last lines of what it said, as valid UTF-8: of standard error, or where that is
 * silent of its answer. `events`: its standard output is what a client tells programs, which says
 * nothing to anybody else.
 */
void evidence_tail(struct buf *out, const struct record *record, const struct attempt_name *name,
    const struct result *result, bool events, unsigned lines, size_t bytes);

#endif
