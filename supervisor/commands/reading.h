/*
 * What the commands that read what runs have left share. They take no lock and change nothing, so
 * that they work while a run goes on, and in a state directory that cannot be written.
 */
#ifndef POLLARD_READING_H
#define POLLARD_READING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "supervisor/options/config.h"
#include "supervisor/record/journal.h"
#include "supervisor/record/rundir.h"

/* The state directory, or NULL: then the message has been printed. The caller frees it. */
char *reading_root(const struct config *config);
/* Whether runs can be listed there: 0, or the exit status after a message. */
int reading_listed(const char *root);
/*
 * Opens the run that was asked for and its journal: 0, or the exit status after a message.
 * *reader may be NULL where the journal is not wanted.
 */
int reading_open(const struct config *config, struct rundir *dir, struct journal_reader **reader);
/* After the last record: 0 (also when the end is torn), or the exit status after a message. */
int reading_check(const struct journal_reader *reader, const struct rundir *dir);
/* Whether a supervisor holds the lock of the run in this directory. */
bool reading_locked(int dirfd);
/* Whether all that was printed has arrived: 0, or the exit status after a message. */
int reading_printed(void);

enum run_condition {
	RUN_FINISHED,
	RUN_RUNNING,	/* its lock is held */
	RUN_UNFINISHED, /* no end, and nobody holds its lock */
	RUN_UNREADABLE, /* no journal, or one without a first record */
};

/*
 * A run in short. Filled by run_info_read() from the first record of its journal and the last
 * 64 KiB, whatever lies between; released with run_info_free().
 */
struct run_info {
	enum run_condition condition;
	bool locked; /* also for a moment after the end */
	char *id;
	char *name;	    /* NULL: none */
	bool rehearsal;	    /* nothing was started in earnest */
	char *outcome;	    /* when finished */
	char *signal;	    /* when finished by one; NULL */
	int exit_status;    /* when finished; else -1 */
	int64_t started_ms; /* wall clock; -1: unknown */
	int64_t ended_ms;   /* of the last record; -1: unknown */
	uint64_t succeeded; /* when finished */
	uint64_t tasks;	    /* 0: unknown while it is being streamed */
};

void run_info_read(struct run_info *info, const char *root, const char *id);
/*
 * Only what the first record says: id, name and started_ms; nothing about its condition. Touches no
 * lock.
 */
void run_info_begin(struct run_info *info, const char *root, const char *id);
void run_info_free(struct run_info *info);

#endif
