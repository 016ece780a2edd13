/*
 * What earlier runs of a name say about the failures of this one: the same as before, since when
 * and how often, or new.
 */
#ifndef POLLARD_HISTORY_H
#define POLLARD_HISTORY_H

#include <cjson/cJSON.h>
#include <stdbool.h>
#include <stddef.h>

#include "shared/buf.h"

/* One task that failed; the strings are the caller's. NULL counts as "". */
struct history_failure {
	const char *step;
	const char *task;
	const char *reason;  /* "exit" */
	const char *error;   /* "exit 1"; its numbers and those of the summary do not count */
	const char *summary; /* the line that tells most: "disk full on node 17" */
};

/* What a record of a task that ended tells of it; the strings stay the record's. */
struct history_failure history_failure_of(const cJSON *record);

/*
 * Appends one line without a newline, such as
 *   the same failure as in the last 4 runs, since 2026-11-20 03:00
 *   new: the run before, of 2026-11-20 03:00, succeeded
 * (local time) about the failures of the run `run`, of that name, whose own directory is never
 * looked at. Nothing, and false, when there is no earlier finished run of that name, or
 * no failure. Looks at no more than 50 earlier runs of the name, and at a few megabytes of each.
 */
bool history_line(struct buf *out, const char *root, const char *name, const char *run,
    const struct history_failure *failures, size_t count);

#endif
