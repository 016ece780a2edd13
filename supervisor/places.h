/*
 * Where the attempts of agents have their temporary files and, with --private-config, their
 * configuration: below the run directory, or below a directory of the run's own in $TMPDIR or /tmp.
 *
 * In the run directory, `tmp` is the directory for temporary files, or a link to it where the path
 * would be too long for the sockets that clients make there; `config` holds one directory a task.
 */
#ifndef POLLARD_PLACES_H
#define POLLARD_PLACES_H

#include <stdbool.h>
#include <stdint.h>

#include "shared/buf.h"

/*
 * Filled by places_init(), ended by places_end(). What it points to is the caller's.
 */
struct places {
	int dirfd;	  /* the run directory; -1: none is kept */
	const char *path; /* of that, absolute */
	const char *run;  /* the run's id */
	char *tmp;	  /* NULL: not wanted yet */
};

void places_init(struct places *p, int dirfd, const char *path, const char *run);

/*
 * The directory in which attempts make theirs for temporary files; chosen when it is first asked
 * for. Attempts make it, and the last one that uses it removes it.
 */
const char *places_tmp(struct places *p);
/* Appends the path of a task's configuration directory, which whoever uses it makes. */
void places_config(struct places *p, struct buf *out, const char *step, const char *task);

/*
 * The run is over: removes temporary files, and unless something of it may be gone on with (`more`)
 * the configurations, in bounded time. Also without a run directory.
 */
void places_end(struct places *p, bool more);

/*
 * Removes the temporary files that a supervisor that is gone has left to the run in this directory.
 * Gives up at until_ms by clock_mono_ms() (0: never).
 */
void places_clear(int dirfd, const char *run, int64_t until_ms);

#endif
