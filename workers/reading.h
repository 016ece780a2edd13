/*
 * What the client of an attempt tells while it runs: read by its adapter, and passed on to the
 * supervisor as far as that wants it.
 */
#ifndef POLLARD_READING_H
#define POLLARD_READING_H

#include "shared/job.h"
#include "workers/adapter.h"

/*
 * Begun by reading_begin(), fed by the attempt with its streams; reading_finish() ends it and frees what
 * it holds.
 */
struct reading {
	struct reader *reader; /* NULL: there is nothing to be read */
	bool shows;	       /* people see what the client says instead of its events */
	struct buf shown;
	enum reason pressed; /* what was told last */
	int64_t pressed_at;  /* when; monotonic */
};

void reading_begin(struct reading *g, const struct job *job);
/* A piece of a stream; appends messages for the supervisor to `messages`. */
void reading_hear(struct reading *g, bool is_err, const char *data, size_t len, int64_t now,
    struct buf *messages);
/* "" when there is none, or nothing that can be read. */
const char *reading_activity(const struct reading *g);
/* The client has ended: corrects *r as reader_finish() does, and appends the rest. */
void reading_finish(struct reading *g, struct result *r, struct buf *messages);

#endif
