/* A run is taken over from a supervisor that is gone: nobody else goes on with it, nothing of it runs. */
#ifndef POLLARD_TAKEOVER_H
#define POLLARD_TAKEOVER_H

#include "supervisor/options/config.h"
#include "supervisor/record/replay.h"
#include "supervisor/record/rundir.h"

/*
 * Made by whoever goes on as TAKEOVER_INIT, filled by the functions below, released by
 * takeover_free(). What a record takes over is set to -1.
 */
struct takeover {
	struct rundir dir;
	int lock_fd;  /* the run's lock, held; -1 */
	int lease_fd; /* no worker has it any more; -1 */
	struct replay replay;
};

#define TAKEOVER_INIT \
	{ \
		.dir = RUNDIR_NONE, .lock_fd = -1, .lease_fd = -1 \
	}

/*
 * Takes the lock on the run in t->dir, waits for its workers, ends what they left behind and removes
 * its temporary files. 0, or the exit status after saying why not.
 */
int takeover_lock(struct takeover *t);
/*
 * Reads its journal, which is repaired first where that is wanted. 0, or the exit status after
 * saying why not.
 */
int takeover_read(struct takeover *t, bool repair);
/*
 * Whether the list was on record as a whole before the run ended: 0, or the exit status after saying
 * that it was not.
 */
int takeover_check_whole(const struct takeover *t);
/* Removes files that were being written when the run ended. */
void takeover_clean(const struct rundir *dir);
void takeover_free(struct takeover *t);

#endif
