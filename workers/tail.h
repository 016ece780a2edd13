/*
 * The newest line that a task has printed, for people who watch: now and then one line, never all
 * of the output. Lines without a letter or digit say nothing and are passed over.
 */
#ifndef POLLARD_TAIL_H
#define POLLARD_TAIL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "shared/buf.h"

/*
 * Begun as { .every_ms = ... }, emptied by tail_free(). Owned by the attempt, fed by whoever reads
 * the streams.
 */
struct tail {
	int64_t every_ms;   /* the least time between two messages */
	int64_t next_at;    /* the next one not before; monotonic */
	bool fresh;	    /* there was output since the last one */
	struct buf open[2]; /* of each stream the beginning of a line that is not complete */
	struct buf line;    /* the newest complete one, as it is sent */
};

/* A piece of standard output, or of standard error. */
void tail_add(struct tail *t, bool is_err, const char *data, size_t len);
/* Milliseconds until there is something to send; -1: never. */
int64_t tail_wait(const struct tail *t, int64_t now);
/* Appends the message to `out` when its time has come. */
void tail_take(struct tail *t, int64_t now, struct buf *out);
void tail_free(struct tail *t);

#endif
