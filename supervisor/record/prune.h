/*
 * Removing the directories of runs that are over: at will by `pollard clean`, and at the end of a
 * run the old ones of its name.
 */
#ifndef POLLARD_PRUNE_H
#define POLLARD_PRUNE_H

#include <stdbool.h>
#include <stdint.h>

#define PRUNE_KEEP 100
#define PRUNE_OLDER_MS (INT64_C(30) * 24 * 3600 * 1000)
/* Runs of any age. */
#define PRUNE_ANY_AGE INT64_MIN

/* What may go: a run that is both beyond the newest `keep` of its name and older than that. */
struct prune_rule {
	uint64_t keep;
	int64_t older_ms;
};

struct prune_tally {
	uint64_t removed;
	uint64_t kept;
	uint64_t unfinished; /* kept only for that */
	bool failed;	     /* some could not be removed; said why */
};

/*
 * Removes what may go of all names below the state directory. What is not finished, and what a
 * process holds the lock of, is kept; a run that ended before its first record counts as finished.
 */
struct prune_tally prune_all(const char *root, const struct prune_rule *rule);
/*
 * At the end of the run `run`, which is called `name` and whose own directory is never looked at:
 * the same for that name, with PRUNE_KEEP and PRUNE_OLDER_MS, and for those that ended before their first
 * record, which have none, with PRUNE_OLDER_MS. Costs one listing of the directory
 * when there are no more than PRUNE_KEEP runs or none is old; else a little for each newer run, up
 * to a limit in time and in removals, so that the rest is left for the next end. Says nothing.
 * Returns how many were removed.
 */
unsigned prune_name(const char *root, const char *name, const char *run);

#endif
