/*
 * What the client of an attempt tells while it runs: read by its adapter, and passed on to the
 * supervisor as far as that wants it.
 */
#ifndef POLLARD_RELAY_H
#define POLLARD_RELAY_H

#include "shared/job.h"
#include "workers/adapter.h"

/*
 * Begun by relay_begin(), fed by the attempt with its streams; relay_finish() ends it and frees what
 * it holds.
 */
struct relay {
	struct reader *reader; /* NULL: there is nothing to be read */
	bool shows;	       /* people see what the client says instead of its events */
	struct buf shown;
	enum reason pressed; /* what was told last */
	int64_t pressed_at;  /* when; monotonic */
};

void relay_begin(struct relay *g, const struct job *job);
/* A piece of a stream; appends messages for the supervisor to `messages`. */
void relay_hear(struct relay *g, bool is_err, const char *data, size_t len, int64_t now,
    struct buf *messages);
/* "" when there is none, or nothing that can be read. */
const char *relay_activity(struct relay *g);
/* The client has ended: corrects *r as reader_finish() does, and appends the rest. */
void relay_finish(struct relay *g, struct result *r, struct buf *messages);

#endif
