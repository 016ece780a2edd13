/*
 * The record of a run while it goes on: directory, lock, journal, state. Every event goes through record_event(), which is
 * the one way by which anything becomes known to the journal and to STATE.md.
 */
#ifndef POLLARD_RECORD_H
#define POLLARD_RECORD_H

#include <cjson/cJSON.h>
#include <stdbool.h>

#include "supervisor/options/config.h"
#include "supervisor/record/journal.h"
#include "supervisor/record/rundir.h"
#include "supervisor/record/state.h"

#define LOCK_NAME "lock"

/*
 * Opened by record_open(), closed by record_close(). With --no-record there is no directory (its descriptors are -1, its path is where
 * temporary files may lie), and the journal is an unnamed file.
 */
struct record {
	const struct config *config;
	struct rundir dir;
	bool kept;    /* there is a run directory */
	int lock_fd;  /* held with fcntl(2) until the end; nothing else opens that file */
	int lease_fd; /* held with flock(2), by the workers too: see lease.h */
	struct journal *journal;
	struct state *state;
	int error;		/* errno of the journal's failure; 0 */
	bool state_file_failed; /* --state-file, the last time that it was written */
};

/* 0, or the exit status after saying why on standard error. */
int record_open(struct record *r, const struct config *config);
/*
 * The same for a run that goes on: takes over the directory (also when it fails), its lock and its
 * lease, and the journal that was opened again.
 */
void record_reopen(struct record *r, const struct config *config, struct rundir *dir, int lock_fd,
    int lease_fd, struct journal *journal);
/* Takes the lock of a run directory: -1 with errno (EAGAIN, EACCES: somebody has it). */
int record_lock(int dirfd);
void record_close(struct record *r);

/* Adds the event (made by journal_event(), deleted here) and returns where it will be. */
struct record_place record_event(struct record *r, cJSON *event);
/* One write of what was added since the last one. False once the journal has failed. */
bool record_flush(struct record *r);
/* Forces it to the disk. */
bool record_sync(struct record *r);
/* Writes STATE.md, and --state-file; a failure is a warning, for the journal holds everything. */
void record_write_state(struct record *r);

/* An unnamed file, read and written by us alone; -1 with errno. */
int record_unnamed_file(const struct record *r);

#endif
